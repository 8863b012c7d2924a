#!/usr/bin/env python3
"""janus-compile and janus-run on bad input: a clear message, the right exit code, outputs whole or not at all.

  bad_input.py JANUS_COMPILE JANUS_RUN MODELS_DIR [--seed N]

Exit code 1 for input, 2 for usage. A message names what was found and what is expected, and a run ends within seconds.
compile.py checks the usage errors of janus-compile; artifact_damage.py damaged artifacts.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TIMEOUT = 60  # seconds; a run takes a fraction of one
MAKE_ONNX = Path(__file__).parents[1] / "lit" / "make_onnx.py"


class Tests:
    def __init__(self, janus_compile: str, janus_run: str, models: Path, scratch: Path, seed: int):
        self.janus_compile, self.janus_run = janus_compile, janus_run
        self.models, self.scratch, self.random = models, scratch, random.Random(seed)
        self.passed = self.failed = 0

    def check(self, name: str, ok: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {name}{'' if ok else f': {detail}'}", flush=True)

    def call(self, program: str, arguments: tuple, most_bytes: int | None = None, stdout: object = subprocess.PIPE):
        """Runs it; files it writes end at `most_bytes`, as on a full disk."""
        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        return subprocess.run([program, *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, timeout=TIMEOUT,
                              preexec_fn=limit if most_bytes is not None else None)

    def refused(self, name: str, program: str, arguments: tuple, pieces: list[str], code: int = 1, **options: object) -> str:
        """It ends with `code` and a message with all `pieces`; nothing on stdout."""
        try:
            result = self.call(program, arguments, **options)
        except subprocess.TimeoutExpired:
            self.check(name, False, f"no end within {TIMEOUT} s")
            return ""
        message = result.stderr.decode(errors="replace")
        missing = [piece for piece in pieces if piece not in message]
        self.check(name, result.returncode == code and not missing and not result.stdout, (result.returncode, missing, message[-600:]))
        return message

    # janus-compile

    def onnx(self, name: str, text: str) -> Path:
        folder = self.scratch / "onnx" / name
        folder.mkdir(parents=True)
        (folder / "model.txt").write_text(text)
        subprocess.run([sys.executable, MAKE_ONNX, folder / "model.txt", folder / "model.onnx"], check=True)
        return folder / "model.onnx"

    def model_refused(self, name: str, model: Path, pieces: list[str]) -> None:
        output = self.scratch / "refused.janus"
        self.refused(f"model: {name}", self.janus_compile, (model, "-o", output), pieces)
        left = [p.name for p in self.scratch.iterdir() if p.name.startswith("refused")]
        self.check(f"model: {name}: nothing left", not left, left)

    def models_that_are_none(self) -> None:
        head = "input x float S,4\noutput y float S,4\n"
        weight = "init w float 4,4 {}\nnode MatMul x,w -> y name=product\n"
        graphs = {
            "a cycle": (head + "node Add x,b -> a name=first\nnode Add a,x -> b name=second\nnode Add a,b -> y\n", ["JNS-ONNX-005", "cycle"]),
            "a name that nothing defines": (head + "node Add x,nowhere -> y name=sum\n", ["JNS-ONNX-005", "nowhere"]),
            "a name defined twice": (head + "node Add x,x -> a\nnode Mul x,x -> a\nnode Add a,x -> y\n", ["JNS-ONNX-005", "'a'"]),
            "unknown operators, all of them": (head + "node Frobnicate x -> a name=one\nnode Twist a -> y name=two\n",
                                              ["JNS-ONNX-001", "Frobnicate", "Twist", "'one'", "'two'", "hint"]),
            "several causes at once": ("opset ai.onnx 7\n" + head + weight.format("@weights.bin:0:64") + "node Add x,nowhere -> z\n",
                                       ["JNS-ONNX-002", "7", "supported", "JNS-ONNX-003", "weights.bin", "JNS-ONNX-005", "nowhere"]),
            "a domain without a version": (head + "node Twist x -> y name=two domain=com.example\n", ["JNS-ONNX-002", "'two'", "com.example"]),
            "an IR version of the future": ("ir 99\n" + head + "node Add x,x -> y\n", ["JNS-ONNX-002", "99", "supported"]),
            "missing external data": (head + weight.format("@weights.bin:0:64"), ["JNS-ONNX-003", "'w'", "weights.bin"]),
            "external data in the parent folder": (head + weight.format("@../secret.bin:0:64"), ["JNS-ONNX-003", "../secret.bin"]),
            "external data with an absolute path": (head + weight.format("@/etc/hostname:0:64"), ["JNS-ONNX-003", "/etc/hostname"]),
            "a range of external data that overflows": (head + weight.format("@model.txt:18446744073709551000:64"), ["JNS-ONNX-003"]),
            "a range behind the end of external data": (head + weight.format("@model.txt:4096:64"), ["JNS-ONNX-003", "model.txt"]),
            "a tensor that is too large": (head + "init w float 1099511627776,1099511627776 @model.txt:0:64\nnode MatMul x,w -> y\n", ["JNS-ONNX-00"]),
            "a tensor with a negative dimension": (head + "init w float -4,4 1,2,3,4\nnode MatMul x,w -> y\n", ["JNS-ONNX-00"]),
        }
        for name, (text, pieces) in graphs.items():
            self.model_refused(name, self.onnx(name.replace(" ", "-"), text), pieces)
        outside = self.scratch / "outside.bin"
        outside.write_bytes(bytes(64))
        model = self.onnx("symlink", head + weight.format("@link.bin:0:64"))
        (model.parent / "link.bin").symlink_to(outside)
        self.model_refused("external data behind a symbolic link", model, ["JNS-ONNX-003", "link.bin"])

    def files_that_are_none(self) -> None:
        path = self.scratch / "file.onnx"
        whole = (self.models / "gpt_oss_tiny/model.onnx").read_bytes()
        contents = {"empty": b"", "text": b"this is no model\n", "zeros": bytes(4096), "random": self.random.randbytes(4096)}
        contents |= {f"cut after {n} bytes": whole[:n] for n in (1, 10, 100, len(whole) // 2, len(whole) - 1)}
        contents["nested messages"] = self.nested(5000)
        for name, content in contents.items():
            path.write_bytes(content)
            self.model_refused(name, path, ["error[JNS-ONNX-0"])
        with path.open("wb") as file:
            file.truncate(5 << 30)  # no bytes on the disk
        self.model_refused("5 GiB", path, ["error[JNS-ONNX-004]"])
        path.unlink()
        self.model_refused("a folder", self.scratch, [str(self.scratch)])

    @staticmethod
    def nested(depth: int) -> bytes:
        """A graph in an attribute of a node in a graph in an attribute ..."""
        def varint(value: int) -> bytes:
            out = b""
            while value >= 0x80:
                out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
            return out + bytes([value])

        data = b""
        for field in (7, 1, 5, 6) * (depth // 4):  # reversed: graph.node.attribute.g
            data = varint(field << 3 | 2) + varint(len(data)) + data
        return varint(8) + varint(8) + varint(7 << 3 | 2) + varint(len(data)) + data

    def corrupted(self, runs: int) -> None:
        """Any byte changed: it is compiled or refused, and never crashes."""
        folder = self.scratch / "corrupt"
        shutil.copytree(self.models / "gpt_oss_tiny", folder)
        path, bad = folder / "model.onnx", []
        whole = path.read_bytes()
        for _ in range(runs):
            changed = bytearray(whole)
            for _ in range(self.random.choice((1, 1, 4))):
                changed[self.random.randrange(len(changed))] ^= self.random.randrange(1, 256)
            path.write_bytes(changed)
            result = self.call(self.janus_compile, (path, "-o", folder / "out.janus", "--target-cpu=x86-64-v3"))
            message = result.stderr.decode(errors="replace")
            if result.returncode not in (0, 1) or (result.returncode == 1 and "error" not in message):
                bad.append((result.returncode, message[-300:], bytes(changed[:0])))
                shutil.copy(path, Path(tempfile.gettempdir()) / "janus-corrupted.onnx")
            if (folder / "out.janus").exists() != (result.returncode == 0):
                bad.append((result.returncode, "artifact of a refused model"))
            shutil.rmtree(folder / "out.janus", ignore_errors=True)
        self.check(f"model: {runs} corrupted files are compiled or refused", not bad, bad)

    def outputs_of_compile(self) -> None:
        model = self.models / "gpt_oss_tiny/model.onnx"
        file = self.scratch / "a-file"
        file.write_text("mine")
        self.refused("output below a file", self.janus_compile, (model, "-o", file / "x.janus"), ["a-file", "janus-compile: "])
        self.refused("output is a file", self.janus_compile, (model, "-o", file), ["a-file", "no artifact"])
        self.check("the file is as it was", file.read_text() == "mine")
        self.refused("output in /proc", self.janus_compile, (model, "-o", "/proc/x.janus"), ["/proc/x.janus"])
        self.refused("dumps below a file", self.janus_compile, (model, "--to=import", f"--dump-stages-to={file}/d"), ["a-file"])
        self.refused("topology that is missing", self.janus_compile,
                     (model, "-o", self.scratch / "t.janus", "--explain", "--topology=/nowhere.json"), ["/nowhere.json"])
        full = self.scratch / "full"
        full.mkdir()
        size = sum(1 for _ in full.iterdir())
        for most in (0, 1000, 6000, 20000, 40000):
            self.refused(f"files end at {most} bytes", self.janus_compile, (model, "-o", full / "out.janus"), ["janus-compile: "], most_bytes=most)
            self.check(f"files end at {most} bytes: nothing left", len(list(full.iterdir())) == size, list(full.iterdir()))

    # janus-run

    def compile(self, model: str, name: str, *options: str) -> Path:
        output = self.scratch / name
        subprocess.run([self.janus_compile, self.models / model / "model.onnx", "-o", output, *options], check=True)
        return output

    def usage_of_run(self, scribe: Path) -> None:
        cases = {
            "no arguments": ((), "no artifact"),
            "unknown option": ((scribe, "--promt", "x"), "unknown option --promt; did you mean --prompt?"),
            "unknown option far from any": ((scribe, "--frobnicate"), "unknown option --frobnicate (--help"),
            "an option without its value": ((scribe, "--prompt"), "--prompt needs a value"),
            "a value of a flag": ((scribe, "--score=3"), "--score takes no value"),
            "no prompt": ((scribe,), "found 0 of --prompt"),
            "two prompts": ((scribe, "--prompt", "a", "--prompt-ids", "1"), "found 2 of --prompt"),
            "two artifacts": ((scribe, "b.janus", "--prompt", "a"), "second artifact"),
            "not a number": ((scribe, "--prompt", "a", "--experts", "two"), '--experts: found "two", expected an integer'),
            "a number that is too large": ((scribe, "--prompt", "a", "--experts", "99999999999"), "--experts: found"),
            "not an id": ((scribe, "--prompt-ids", "1,x"), '--prompt-ids: found "x"'),
            "unknown stats": ((scribe, "--prompt", "a", "--stats=xml"), "--stats=json"),
            "inputs of both contracts": ((scribe, "--prompt", "a", "--input", "x=y.npy"), "give either"),
            "bytes that are none": ((scribe, "--prompt", "a", "--kv-memory", "2X"), "--kv-memory"),
            "several prompts to score": ((scribe, "--score", "--prompts", "x.jsonl"), "--score takes"),
        }
        for name, (arguments, piece) in cases.items():
            self.refused(f"usage: {name}", self.janus_run, arguments, ["janus-run: error: ", piece], code=2)

    def options_of_run(self, scribe: Path) -> None:
        model = json.loads((scribe / "manifest.json").read_text())["model"]
        context, experts, vocab = model["context"], model["moe_layers"][0]["experts"], model["vocab"]
        file = self.scratch / "a-file"
        cases = {
            "no experts": (("--experts", "0"), ["--experts: found 0, expected 1 to"]),
            "no attention": (("--attention", "0"), ["--attention: found 0, expected 1 to"]),
            "a negative number": (("--experts", "-3"), ["--experts: found -3, expected 1 to"]),
            "too few slots": (("--experts", "2", "--slots", "3"), ["3 slots", str(experts)]),
            "too many new tokens": (("--max-new-tokens", str(context)), ["3 prompt tokens", f"at most {context} positions", "--max-context"]),
            "more context than the model has": (("--max-context", str(context + 1)), ["--max-context: found", f"expected 0 to {context}"]),
            "no new token": (("--max-new-tokens", "0"), ["--max-new-tokens: found 0"]),
            "a temperature below zero": (("--temperature", "-1"), ["--temperature: found -1"]),
            "top-p of nothing": (("--top-p", "0"), ["--top-p: found 0"]),
            "too many threads": (("--threads", "5000"), ["--threads: found 5000"]),
            "steps that are too large": (("--step-rows", "100000"), ["--step-rows: found 100000, expected 1 to 65536"]),
            "an unknown scheme": (("--scheme", "case7"), ["--scheme: found 'case7', expected auto, direct"]),
            "an unknown gate side": (("--gate-side", "left"), ["--gate-side: found 'left', expected"]),
            "a gate side that the artifact lacks": (("--gate-side", "attention"), ["no programs for the attention side", "--gate-side=attention"]),
            "unknown kernels": (("--kernels", "gpu"), ["gpu", "avx2"]),
            "an unknown transport": (("--transport", "pigeon"), ["--transport: found 'pigeon'"]),
            "no KV memory": (("--kv-memory", "1"), ["--kv-memory", "expected at least"]),
            "more KV memory than there is": (("--kv-memory", "900T"), ["--kv-memory: found", "expected at most"]),
            "a nodes map that lacks instances": (("--nodes", "a0@0", "--experts", "2"), ["--nodes"]),
            "a nodes map with an instance twice": (("--nodes", "a0,a0@0;e0@0"), ["--nodes", "a0"]),
            "a nodes map with unknown instances": (("--nodes", "a0@0;e0,e7@1"), ["--nodes", "e7"]),
            "a nodes map without a node": (("--nodes", "a0;e0@1"), ["--nodes", "@"]),
            "a nodes map that is none": (("--nodes", ";;@,"), ["--nodes"]),
            "a node that is too large": (("--nodes", "a0@0;e0@99999999999999999999"), ["--nodes"]),
            "a placement seed that is none": (("--placement", "random:x"), ["--placement: found 'random:x', expected a number"]),
            "a placement file that is missing": (("--placement", "/nowhere.json"), ["--placement: cannot read '/nowhere.json'"]),
            "a fault of no instance": (("--fail", "gate:1@step=2"), ["--fail gate:1@step=2", "attention:ID or expert:ID"]),
            "a fault of an instance that there is not": (("--fail", "expert:1@step=2"), ["found expert 1", "expected an id below 1"]),
            "a fault without a step": (("--fail", "expert:0@layer=1"), ["expected step=N"]),
            "a fault in a layer that there is not": (("--fail", "expert:0@step=2,layer=99"), ["found layer 99"]),
            "a fault in an unknown phase": (("--fail", "expert:0@step=2,phase=lunch"), ["phase 'lunch'", "return-gather"]),
            "a fault that is unknown": (("--fail", "expert:0@step=2,how=asleep"), ["how 'asleep'", "dead or silent"]),
            "a restoration of what does not fail": (("--fail", "expert:0@step=2", "--restore", "expert:0@step=2"), ["does not fail before step 2"]),
            "a negative failure deadline": (("--failure-deadline", "-1"), ["--failure-deadline: found -1"]),
            "a negative stall timeout": (("--stall-timeout", "-1"), ["--stall-timeout: found -1"]),
            "logits nowhere": (("--logits", "/nowhere/x.npy"), ["/nowhere/x.npy"]),
            "a trace below a file": (("--record-routing", str(file / "trace")), ["--record-routing", "a-file"]),
        }
        for name, (options, pieces) in cases.items():
            self.refused(f"option: {name}", self.janus_run, (scribe, "--prompt", "abc", "--quiet", *options), ["janus-run: error: ", *pieces])
        prompts = {
            "ids out of range": (("--prompt-ids", f"1,{vocab}"), [f"token id {vocab} at position 1, expected 0 to {vocab - 1}"]),
            "negative ids": (("--prompt-ids", "-1"), ["token id -1 at position 0"]),
            "an empty prompt": (("--prompt", ""), ["empty prompt"]),
            "a prompt that is longer than the context": (("--prompt", "x" * (context + 1)), [f"found {context + 1} prompt tokens", "shorten the prompt"]),
            "a prompt file that is missing": (("--prompt-file", "/nowhere.txt"), ["/nowhere.txt", "No such file"]),
            "a prompt file that is a folder": (("--prompt-file", str(self.scratch)), [str(self.scratch)]),
            "an empty prompt file": (("--prompt-file", "/dev/null"), ["empty prompt"]),
            "one token to score": (("--score", "--prompt", "a"), ["--score: found 1 tokens, expected at least 2"]),
            "windows of one": (("--score", "--prompt", "abc", "--window", "1"), ["--window: found 1"]),
            "windows longer than the context": (("--score", "--prompt", "x" * 2000, "--window", "1000"), ["1000 prompt tokens", f"at most {context}"]),
            "tensors of a language model": (("--input", "x=/nowhere.npy", "--output-dir", "o"), ["is a language model", "--contract=tensor"]),
        }
        for name, (options, pieces) in prompts.items():
            self.refused(f"prompt: {name}", self.janus_run, (scribe, "--quiet", *options), ["janus-run: error: ", *pieces])
        for name, path in {"nowhere": "/nowhere.janus", "a folder": self.scratch, "a file": file}.items():
            self.refused(f"artifact: {name}", self.janus_run, (path, "--prompt", "a"), [str(path), "janus-run: error: "])

    def placements(self, scribe: Path) -> None:
        manifest = json.loads((scribe / "manifest.json").read_text())
        layers, experts = len(manifest["model"]["moe_layers"]), manifest["model"]["moe_layers"][0]["experts"]
        even = [list(range(experts // 2)), list(range(experts // 2, experts))]
        good = {"format": "janus-placement", "version": 1, "layers": [even] * layers}
        path = self.scratch / "placement.json"
        arguments = (scribe, "--prompt", "abc", "--max-new-tokens", "2", "--experts", "2", "--quiet", "--placement", path)
        path.write_text(json.dumps(good))
        self.check("placement: a good file", self.call(self.janus_run, arguments).returncode == 0)
        cases = {
            "no JSON": "{", "an array": [], "another format": good | {"format": "x"}, "another version": good | {"version": 2},
            "a layer too few": good | {"layers": [even] * (layers - 1)}, "an instance too few": good | {"layers": [even[:1]] * layers},
            "an expert on no instance": good | {"layers": [[even[0], even[1][:-1] + [-1]]] * layers},
            "an expert that is unknown": good | {"layers": [[even[0], even[1][:-1] + [experts]]] * layers},
            "an expert twice on one instance": good | {"layers": [[even[0], even[1][:-1] + [even[1][0]]]] * layers},
            "no number": good | {"layers": [[even[0], ["x"]]] * layers}, "nested deeply": "[" * 100000, "nothing": "",
        }
        for name, content in cases.items():
            path.write_text(content if isinstance(content, str) else json.dumps(content))
            self.refused(f"placement: {name}", self.janus_run, arguments, ["placement", "docs/placement-file.md"])

    def jsonl(self, scribe: Path) -> None:
        path = self.scratch / "prompts.jsonl"
        arguments = (scribe, "--prompts", path, "--max-new-tokens", "3", "--quiet")
        good = '{"prompt": "abc"}'
        lines = {
            "malformed": ('{"prompt": "abc"', "found no JSON object"), "an array": ("[1]", "found no JSON object"),
            "an unknown key": ('{"prompt": "a", "temprature": 1}', '"temprature", expected prompt'),
            "no prompt": ('{"seed": 1}', 'expected one of "prompt" and "prompt_ids"'),
            "both prompts": ('{"prompt": "a", "prompt_ids": [1]}', 'expected one of "prompt" and "prompt_ids"'),
            "a text as a number": ('{"prompt": "a", "top_k": "3"}', '"top_k": found "3", expected an integer'),
            "a fraction of a token": ('{"prompt": "a", "max_new_tokens": 1.5}', '"max_new_tokens": found 1.5'),
            "a huge number": ('{"prompt": "a", "max_new_tokens": 1e99}', '"max_new_tokens": found'),
            "a negative seed": ('{"prompt": "a", "seed": -1}', '"seed": found -1'),
            "ids that are none": ('{"prompt_ids": [1, "x"]}', '"prompt_ids": found'),
            "ids that are too large": ('{"prompt_ids": [4294967296]}', '"prompt_ids": found'),
            "a stop that is none": ('{"prompt": "a", "stop": 7}', '"stop": found 7, expected a text'),
            "no Unicode": ('{"prompt": "\udcff"}', "found no JSON object"),
            "nested deeply": ('{"prompt": "a", "stop": ' + "[" * 200000 + "]" * 200000 + "}", "found no JSON object"),
        }
        for name, (line, piece) in lines.items():
            path.write_bytes(f"{good}\n\n{line}\n".encode(errors="surrogateescape"))
            self.refused(f"jsonl: {name}", self.janus_run, arguments, [f"{path}:3: ", piece])
        path.write_text("\n  \n")
        self.refused("jsonl: no line", self.janus_run, arguments, ["found no prompt"])
        self.refused("jsonl: missing", self.janus_run, (scribe, "--prompts", "/nowhere.jsonl"), ["/nowhere.jsonl"])
        path.write_text(f'{good}\n{{"prompt_ids": [1, 9999]}}\n{{"prompt": "abc", "stop": ""}}\n{good}\n')
        result = self.call(self.janus_run, arguments)
        answers = [json.loads(line) for line in result.stdout.decode().splitlines()]
        self.check("jsonl: wrong prompts end alone", result.returncode == 1 and len(answers) == 4 and "token id 9999" in answers[1]["error"]
                   and "stop" in answers[2]["error"] and answers[0]["text"] == answers[3]["text"] and len(answers[0]["ids"]) == 3
                   and b"2 of 4 prompts failed" in result.stderr, (result.returncode, answers, result.stderr[-300:]))
        path.write_text("".join('{"prompt": "a", "max_new_tokens": 1}\n' for _ in range(3000)))
        result = self.call(self.janus_run, (*arguments, "--max-batch", "1500", "--kv-memory", "64M", "--step-rows", "2048", "--print-ids"))
        self.check("jsonl: more prompts at once than the queue holds", result.returncode == 0 and len(result.stdout.splitlines()) == 3000, result.stderr[-300:])

    def without_tokenizer(self) -> None:
        artifact = self.compile("gpt_oss_tiny", "ids.janus")
        for option in ("--prompt", "--prompt-file"):
            self.refused(f"no tokenizer: {option}", self.janus_run, (artifact, option, "/dev/null"), ["no tokenizer", "--prompt-ids", "--tokenizer=bytes"])
        self.refused("no tokenizer: --stop", self.janus_run, (artifact, "--prompt-ids", "1", "--stop", "x"), ["no tokenizer", "--stop-ids"])
        path = self.scratch / "text.jsonl"
        path.write_text('{"prompt": "a"}\n')
        self.refused("no tokenizer: a text in a file", self.janus_run, (artifact, "--prompts", path), [f"{path}:1:", "no tokenizer", "prompt_ids"])

    def outputs_of_run(self, scribe: Path) -> None:
        folder = self.scratch / "outputs"
        folder.mkdir()
        generate = (scribe, "--prompt", "abc", "--max-new-tokens", "8", "--quiet")
        for most in (0, 100, 4000):
            result = self.call(self.janus_run, (*generate, "--logits", folder / "l.npy"), most_bytes=most)
            self.check(f"logits end at {most} bytes: exit 1, nothing left", result.returncode == 1 and b"l.npy" in result.stderr
                       and not list(folder.iterdir()), (result, list(folder.iterdir())))
            result = self.call(self.janus_run, (scribe, "--score", "--prompt", "abcdef", "--quiet", "--logits", folder / "l.npy"), most_bytes=most)
            self.check(f"scored logits end at {most} bytes: exit 1, nothing left", result.returncode == 1 and not result.stdout
                       and b"l.npy" in result.stderr and not list(folder.iterdir()), result)
        trace = folder / "trace"
        for most in (0, 200):
            result = self.call(self.janus_run, (*generate, "--record-routing", trace), most_bytes=most)
            self.check(f"a trace that ends at {most} bytes: exit 1 and no trace", result.returncode == 1
                       and b"--record-routing" in result.stderr and not (trace / "meta.json").exists(), result)
        result = self.call(self.janus_run, (*generate, "--record-routing", trace))
        self.check("a trace that is whole", result.returncode == 0 and (trace / "meta.json").exists(), result)
        for name, arguments in {"text": generate, "ids": (*generate, "--print-ids"), "score": (scribe, "--score", "--prompt", "abc", "--quiet")}.items():
            with open("/dev/full", "wb") as full:
                result = self.call(self.janus_run, arguments, stdout=full)
            self.check(f"{name} on a full disk", result.returncode == 1 and b"could not be written" in result.stderr, result)

    def tensors(self) -> None:
        text = "input x float S,4\ninit w float 4,2 1,2,3,4,5,6,7,8\nnode MatMul x,w -> y name=product\noutput y float S,2\n"
        artifact = self.scratch / "tensor.janus"
        subprocess.run([self.janus_compile, self.onnx("tensor", text), "-o", artifact, "--contract=tensor"], check=True)
        out, good = self.scratch / "out", self.scratch / "good.npy"
        x = np.arange(12, dtype=np.float32).reshape(3, 4)
        np.save(good, x)
        result = self.call(self.janus_run, (artifact, "--input", f"x={good}", "--output-dir", out))
        self.check("tensor: good input", result.returncode == 0 and np.array_equal(np.load(out / "y.npy"), x @ np.arange(1, 9, dtype=np.float32).reshape(4, 2)), result)
        shutil.rmtree(out, ignore_errors=True)
        raw, files = good.read_bytes(), {}
        for name, value in {"another type": x.astype(np.float64), "another rank": x[0], "another extent": x[:, :3], "Fortran order": np.asfortranarray(x)}.items():
            files[name] = self.scratch / f"{name}.npy"
            np.save(files[name], value)
        for name, content in {"empty": b"", "text": b"hello", "header cut": raw[:40], "data cut": raw[:-1], "data longer": raw + b"x",
                              "a huge shape": raw.replace(b"(3, 4), ", b"(99999999999, 99999999999), ")[: len(raw)],
                              "a negative shape": raw.replace(b"(3, 4)", b"(-3,4)"), "an unknown type": raw.replace(b"<f4", b"<c8")}.items():
            files[name] = self.scratch / f"{name}.npy"
            files[name].write_bytes(content)
        for name, path in files.items():
            self.refused(f"tensor: {name}", self.janus_run, (artifact, "--input", f"x={path}", "--output-dir", out), ["found", "expected"])
        self.refused("tensor: missing file", self.janus_run, (artifact, "--input", "x=/nowhere.npy", "--output-dir", out), ["/nowhere.npy"])
        self.refused("tensor: a folder", self.janus_run, (artifact, "--input", f"x={self.scratch}", "--output-dir", out), [str(self.scratch)])
        self.refused("tensor: no input", self.janus_run, (artifact, "--output-dir", out), ["'x' is missing"])
        self.refused("tensor: unknown input", self.janus_run, (artifact, "--input", f"x={good}", "--input", f"z={good}", "--output-dir", out), ["no input 'z'", "x: f32[S, 4]"])
        self.refused("tensor: input twice", self.janus_run, (artifact, "--input", f"x={good}", "--input", f"x={good}", "--output-dir", out), ["x", "twice"])
        self.refused("tensor: a prompt", self.janus_run, (artifact, "--prompt", "a"), ["is a tensor program", "--input"])
        self.refused("tensor: output below a file", self.janus_run, (artifact, "--input", f"x={good}", "--output-dir", good / "o"), ["--output-dir", "good.npy"])
        self.check("tensor: nothing was written", not out.exists())
        self.refused("tensor: output that ends", self.janus_run, (artifact, "--input", f"x={good}", "--output-dir", out), ["y.npy"], most_bytes=100)
        self.check("tensor: no part of an output", not list(out.iterdir()), list(out.iterdir()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("janus_run")
    parser.add_argument("models", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corrupted", type=int, default=40, help="models with changed bytes")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as scratch:
        tests = Tests(os.path.abspath(arguments.janus_compile), os.path.abspath(arguments.janus_run), arguments.models.resolve(), Path(scratch), arguments.seed)
        tests.models_that_are_none()
        tests.files_that_are_none()
        tests.corrupted(arguments.corrupted)
        tests.outputs_of_compile()
        scribe = tests.compile("scribe", "scribe.janus", "--tokenizer=bytes")
        tests.usage_of_run(scribe)
        tests.options_of_run(scribe)
        tests.placements(scribe)
        tests.jsonl(scribe)
        tests.without_tokenizer()
        tests.outputs_of_run(scribe)
        tests.tensors()
    print(f"{tests.passed} passed, {tests.failed} failed")
    return 1 if tests.failed else 0


if __name__ == "__main__":
    sys.exit(main())
