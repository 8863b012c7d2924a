#!/usr/bin/env python3
"""janus-compile as a user meets it: same bytes, stages that chain, whole outputs or none, errors and exit codes.

  compile.py JANUS_COMPILE MODEL_DIR
"""

import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import safetensors

STAGES = ("import", "recover", "partition", "communicate", "schedule", "lower")


def tree(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


class Tests:
    def __init__(self, compiler: str, model: Path, scratch: Path):
        self.compiler, self.model, self.scratch = compiler, model.resolve(), scratch
        self.passed = self.failed = 0

    def run(self, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
        return subprocess.run([self.compiler, *map(str, arguments)], capture_output=True, text=True, cwd=cwd)

    def check(self, name: str, ok: bool, detail: object = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {name}{'' if ok else f': {detail}'}", flush=True)

    def usage(self) -> None:
        cases = {
            "no arguments": ([], "no model"),
            "no output": (["m.onnx"], "no output"),
            "unknown option": (["m.onnx", "-o", "x", "--colour"], "unknown option --colour"),
            "unknown target": (["m.onnx", "-o", "x", "--target-cpu=z80"], 'found "z80", expected x86-64-v3'),
            "unknown gate side": (["m.onnx", "-o", "x", "--gate-side=left"], 'found "left", expected expert'),
            "unknown stage": (["m.onnx", "--to=link"], 'found "link", expected import'),
            "stages backwards": (["m.onnx", "--from=lower", "--to=recover"], "comes before"),
            "two models": (["m.onnx", "n.onnx", "-o", "x"], "second model"),
        }
        for name, (arguments, message) in cases.items():
            result = self.run(*arguments)
            self.check(f"usage: {name}", result.returncode == 2 and message in result.stderr, (result.returncode, result.stderr))
        result = self.run("--help")
        self.check("--help names every stage", result.returncode == 0 and all(f"  {s} " in result.stdout for s in (*STAGES, "target")))

    def same_bytes(self) -> None:
        for name, cwd, model, output in (("a", None, self.model / "model.onnx", self.scratch / "a.janus"),
                                         ("b", self.model, "model.onnx", self.scratch / "elsewhere" / "b.janus")):
            result = self.run(model, "-o", output, "--gate-side=auto", cwd=cwd)
            self.check(f"compile {name}", result.returncode == 0 and not result.stderr and not result.stdout, result.stderr)
        a, b = tree(self.scratch / "a.janus"), tree(self.scratch / "elsewhere" / "b.janus")
        self.check("same bytes from another folder", a == b, [n for n in a if a[n] != b.get(n)])
        text = b"".join(data for name, data in a.items() if not name.endswith(".safetensors"))
        self.check("no paths inside", str(self.model).encode() not in text and str(self.scratch).encode() not in text)
        manifest = json.loads(a["manifest.json"])
        self.check("every file is named by the manifest",
                   {c["file"] for c in manifest["code"]} | {w["file"] for w in manifest["weights"]} | {"manifest.json", "plan.json"} == set(a),
                   sorted(a))

    def weight_files(self) -> None:
        """The packed file is a safetensors file; rows.f32 holds the numbers of the model, converted exactly."""
        directory = self.scratch / "a.janus"
        manifest = json.loads((directory / "manifest.json").read_text())
        embed = next(w for w in manifest["weights"] if w["layout"] == "rows.f32" and w["shape"] == [256, 128])
        tensors = safetensors.load(directory / embed["file"])
        raw = (directory / embed["file"]).read_bytes()
        (length,) = struct.unpack("<Q", raw[:8])
        self.check("data starts 64-byte aligned", (8 + length) % 64 == 0)
        self.check("every range is 64-byte aligned", all(
            r["offset"] % 64 == 0 for w in manifest["weights"] for r in w.get("experts", [w])))
        packed = np.frombuffer(raw[embed["offset"] : embed["offset"] + embed["bytes"]], "<f4")
        self.check("safetensors and manifest agree", np.array_equal(packed, tensors[embed["name"]][: packed.size]))
        stored = np.frombuffer((self.model / "model.onnx.data").read_bytes(), "<f2")
        row = packed[:128].astype("<f2")
        windows = np.lib.stride_tricks.sliding_window_view(stored, 128)[::128]
        self.check("the embedding's first row is in the model", any(np.array_equal(w, row) for w in windows))
        self.check("f16 converts exactly", np.array_equal(packed, packed.astype("<f2").astype("<f4")))

    def stages_chain(self) -> None:
        dumps = self.scratch / "dumps"
        result = self.run(self.model / "model.onnx", "-o", self.scratch / "c.janus", f"--dump-stages-to={dumps}")
        self.check("dump every stage", result.returncode == 0 and {p.stem for p in dumps.iterdir()} == set(STAGES), result.stderr)
        expected = tree(self.scratch / "c.janus")
        for stage in STAGES:
            output = self.scratch / f"from-{stage}.janus"
            result = self.run(dumps / f"{stage}.mlir", "-o", output, f"--from={stage}", f"--model-dir={self.model}")
            found = tree(output) if result.returncode == 0 else {}
            for files in (expected, found):  # the hash of the input differs, and the checksum over it; nothing else
                manifest = json.loads(files.get("manifest.json", "{}"))
                manifest.pop("model_hash", None)
                manifest.pop("checksum", None)
                manifest.pop("checksum", None)
                files["manifest.json"] = json.dumps(manifest).encode()
            self.check(f"the dump of {stage}, fed back in, gives the same artifact", found == expected,
                       result.stderr or [n for n in expected if expected[n] != found.get(n)])
        result = self.run(self.model / "model.onnx", "--to=partition")
        self.check("--to prints IR", result.returncode == 0 and "janus.fragment @expert" in result.stdout)

    def explained(self) -> None:
        topology = self.scratch / "topology.json"
        topology.write_text('{"attention_nodes": [0, 0], "expert_nodes": [1, 1, 2], "rows": [1]}')
        output = self.scratch / "explained.janus"
        result = self.run(self.model / "model.onnx", "-o", output, "--explain", f"--topology={topology}")
        # H = 128, so that a row is 512 bytes; two rows go to each of three expert instances, every instance answers each row's home.
        expected = ("recovered", "moe.experts     4", "rule: routed experts", "memory of an instance", "prediction for a0,a1@0;e0,e1@1;e2@2",
                    "inter    6 messages, 3072 bytes")
        self.check("--explain says what was decided, --topology what it will cost", result.returncode == 0 and all(
            text in result.stdout for text in expected), [text for text in expected if text not in result.stdout])
        self.check("remarks name the node", "model.onnx: node '/model/layers.0/moe/MoE': remark: 'moe.experts' runs on @expert" in result.stderr, result.stderr)
        plan = json.loads((output / "plan.json").read_text())
        self.check("plan.json holds the same without the prediction", plan["model"]["hidden"] == 128 and plan["recovered"]["moe.experts"] == 4
                   and "prediction" not in plan and {f["mesh"] for f in plan["steps"][0]["fragments"]} == {"attention", "expert"})
        topology.write_text('{"attention_nodes": []}')
        result = self.run(self.model / "model.onnx", "-o", output, "--explain", f"--topology={topology}")
        self.check("a topology that is none", result.returncode == 1 and "attention_nodes" in result.stderr, result.stderr)

    def tensor_program(self) -> None:
        """What is no language model becomes a tensor program, with the reason; asked for, it is one without a word. The
        weight is the first operation of the module, which lowering replaces."""
        text, model = self.scratch / "plain.txt", self.scratch / "plain.onnx"
        text.write_text("input x float S,4\ninit w float 4,2 1,2,3,4,5,6,7,8\nnode MatMul x,w -> y name=product\noutput y float S,2\n")
        subprocess.run([sys.executable, Path(__file__).parents[1] / "lit" / "make_onnx.py", text, model], check=True)
        for contract in ("auto", "tensor"):
            output = self.scratch / f"plain-{contract}.janus"
            result = self.run(model, "-o", output, f"--contract={contract}")
            manifest = json.loads((output / "manifest.json").read_text()) if result.returncode == 0 else {}
            self.check(f"a graph without experts, --contract={contract}", manifest.get("contract") == "tensor" and
                       ("[JNS-ONNX-021] the model was not recovered: " in result.stderr) == (contract == "auto"), result.stderr)
        result = self.run(model, "-o", self.scratch / "plain.janus", "--tokenizer=bytes")
        self.check("a tensor program has no tokenizer", result.returncode == 1 and "leave --tokenizer out" in result.stderr, result.stderr)

    def whole_or_nothing(self) -> None:
        broken = self.scratch / "broken"
        broken.mkdir()
        data = (self.model / "model.onnx.data").read_bytes()
        (broken / "model.onnx").write_bytes((self.model / "model.onnx").read_bytes())
        cases = {"missing external data": None, "truncated external data": data[: len(data) // 2]}
        for name, content in cases.items():
            if content is not None:
                (broken / "model.onnx.data").write_bytes(content)
            result = self.run(broken / "model.onnx", "-o", broken / "out.janus")
            left = [p.name for p in broken.iterdir() if "out" in p.name]
            self.check(f"{name}: exit 1, nothing left", result.returncode == 1 and result.stderr and not left, (result, left))
        occupied = self.scratch / "occupied"
        occupied.mkdir()
        (occupied / "thesis.txt").write_text("mine")
        result = self.run(self.model / "model.onnx", "-o", occupied)
        self.check("a folder that is no artifact is not replaced", result.returncode == 1 and "no artifact" in result.stderr
                   and (occupied / "thesis.txt").read_text() == "mine", result.stderr)
        old = self.scratch / "a.janus"
        result = self.run(self.model / "model.onnx", "-o", old, "--target-cpu=x86-64-v3")
        self.check("an artifact is replaced as a whole", result.returncode == 0 and not (old / "expert.x86-64-v4.so").exists())
        result = self.run(self.scratch / "nowhere.onnx", "-o", self.scratch / "n.janus")
        self.check("a model that does not exist", result.returncode == 1 and "nowhere.onnx" in result.stderr, result.stderr)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        tests = Tests(str(Path(sys.argv[1]).resolve()), Path(sys.argv[2]), Path(scratch))
        tests.usage()
        tests.same_bytes()
        tests.weight_files()
        tests.stages_chain()
        tests.explained()
        tests.tensor_program()
        tests.whole_or_nothing()
    print(f"{tests.passed} passed, {tests.failed} failed")
    sys.exit(1 if tests.failed else 0)


if __name__ == "__main__":
    main()
