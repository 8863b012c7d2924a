#!/usr/bin/env python3
"""The standard Attention operator in language models, with every attribute: recovered and right, or left as it is and right.

  attention_operator.py JANUS_COMPILE JANUS_RUN [--only NAME] [--keep DIR]

A small model with a mixture of experts is written from a seed for each case. One that is recovered generates tokens, and
the logits of each are compared with onnx.reference, which runs the whole graph anew for every length; one that stays a
tensor program runs on a prompt, and on one more token with the past that it gave out. Cases say whether they have to be
recovered. Cases that end in "single" fix the length of sequences at 1 in the graph; recovered, they give the bytes of the
same model without a fixed length.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

VOCAB, HIDDEN, HEADS, KV_HEADS, HEAD, VALUE, EXPERTS, INNER = 40, 32, 4, 2, 8, 6, 4, 16
TOLERANCE = 1e-4  # of the largest logit


@dataclass(frozen=True)
class Case:
    name: str
    recovered: bool
    attributes: tuple = (("is_causal", 1),)
    rank: int = 3  # of the operands
    past: str = "operands"  # "operands", "concat" in front of the operator, or "" for none
    mask: str = ""  # "causal", "float", "window", "strict" (a row does not see its own key), "ahead", "cut" (a window whose queries' positions
    # are cut out of those of all); built from positions
    scores: str = ""  # what uses qk_matmul_output: "output" of the model, "stream" that goes on
    nonpad: bool = False
    opset: int = 24
    single: bool = False


CASES = (
    Case("causal", True),
    Case("heads-first", True, rank=4),
    Case("no-past", True, past=""),
    Case("softcap", True, attributes=(("is_causal", 1), ("softcap", 3.0), ("scale", 0.7))),
    Case("precision-f32", True, attributes=(("is_causal", 1), ("softmax_precision", 1)), rank=4),
    Case("precision-f64", True, attributes=(("is_causal", 1), ("softmax_precision", 11))),
    *(Case(f"scores-{mode}-output", True, attributes=(("is_causal", 1), ("qk_matmul_output_mode", mode), ("softcap", 2.0)), scores="output", past="")
      for mode in range(4)),
    Case("scores-stream", False, attributes=(("is_causal", 1), ("qk_matmul_output_mode", 3)), scores="stream", past=""),
    Case("mask-bool", True, attributes=(), mask="causal", rank=4),
    Case("mask-float", True, attributes=(), mask="float"),
    Case("mask-window", True, mask="window"),
    Case("mask-strict", False, attributes=(), mask="strict"),
    Case("mask-ahead", False, attributes=(), mask="ahead", past=""),
    Case("bidirectional", False, attributes=(), past=""),
    Case("left-window", True, attributes=(("is_causal", 1), ("left_window_size", 2)), opset=25),
    Case("right-window", True, attributes=(("right_window_size", 0), ("left_window_size", 3)), opset=25),
    Case("right-ahead", False, attributes=(("right_window_size", 1),), opset=25, past=""),
    Case("nonpad", True, nonpad=True, past=""),
    Case("outside-mask", True, attributes=(), past="concat", mask="causal"),
    Case("outside-causal", False, past="concat"),  # is_causal counts queries from 0 there
    Case("causal-single", True, single=True),
    Case("mask-single", True, attributes=(), mask="window", rank=4, single=True),
    Case("cut-single", True, attributes=(), mask="cut", single=True),
    Case("plain-single", True, attributes=(), single=True),
    Case("strict-single", False, attributes=(), mask="strict", single=True),
    Case("outside-causal-single", False, past="concat", single=True),
)


class Model:
    def __init__(self, case: Case):
        self.case, self.count = case, 0
        self.numbers = np.random.default_rng(sum(case.name.encode()))
        self.nodes, self.tensors = [], []

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = []
        for _ in range(outputs):
            self.count += 1
            names.append(f"t{self.count}")
        self.nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def stored(self, values) -> str:
        self.count += 1
        self.tensors.append(numpy_helper.from_array(np.asarray(values), f"w{self.count}"))
        return f"w{self.count}"

    def weight(self, *shape):
        return self.stored((self.numbers.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))

    def linear(self, x, n, k):
        return self.op("MatMul", x, self.weight(k, n))

    def norm(self, x):
        return self.op("RMSNormalization", x, self.stored((1 + 0.1 * self.numbers.standard_normal(HIDDEN)).astype(np.float32)), epsilon=1e-6)

    def extent(self, value, dim):
        return self.op("Squeeze", self.op("Shape", value, start=dim, end=dim + 1), self.stored(np.array([0])))

    def heads(self, x, count, size):
        shape = self.stored(np.array([-1, 1, count, size] if self.case.single else [0, -1, count, size]))
        return self.op("Transpose", self.op("Reshape", x, shape), perm=[0, 2, 1, 3])

    def mask(self):
        """[S, T] by the distance of a query from a key."""
        zero, one = self.stored(np.array(0)), self.stored(np.array(1))
        past = self.extent("past.k", 2) if self.case.past else zero
        total = self.op("Add", past, one if self.case.single else self.extent("input_ids", 1))
        query = self.op("Unsqueeze", self.op("Range", past, total, one), self.stored(np.array([1])))
        key = self.op("Unsqueeze", self.op("Range", zero, total, one), self.stored(np.array([0])))
        if self.case.mask == "cut":  # of the positions of all tokens
            both = self.op("Concat", self.op("Shape", "input_ids", start=0, end=1), self.op("Unsqueeze", total, self.stored(np.array([0]))), axis=0)
            whole = self.op("Expand", self.op("Range", zero, total, one), both)
            query = self.op("Slice", whole, *(self.op("Unsqueeze", n, self.stored(np.array([0]))) for n in (past, total)), self.stored(np.array([1])))
            query = self.op("Unsqueeze", query, self.stored(np.array([1, 3])))
        distance = self.op("Sub", query, key)
        least = {"strict": 1, "ahead": -1}.get(self.case.mask, 0)
        seen = self.op("GreaterOrEqual", distance, self.stored(np.array(least)))
        if self.case.mask in ("window", "cut"):
            seen = self.op("And", seen, self.op("Less", distance, self.stored(np.array(3))))
        if self.case.mask == "float":
            seen = self.op("Where", seen, self.stored(np.float32(0)), self.stored(np.float32(-np.inf)))
        return seen

    def attention(self, x):
        case = self.case
        q, k, v = (self.linear(x, n, HIDDEN) for n in (HEADS * HEAD, KV_HEADS * HEAD, KV_HEADS * VALUE))
        attributes = dict(case.attributes)
        mask = self.mask() if case.mask else ""
        if case.rank == 4 or case.past == "concat":
            q, k, v = self.heads(q, HEADS, HEAD), self.heads(k, KV_HEADS, HEAD), self.heads(v, KV_HEADS, VALUE)
        else:
            attributes |= dict(q_num_heads=HEADS, kv_num_heads=KV_HEADS)
        if case.past == "concat":
            k, v = self.op("Concat", "past.k", k, axis=2), self.op("Concat", "past.v", v, axis=2)
            for name, value in (("present.k", k), ("present.v", v)):
                self.nodes.append(helper.make_node("Identity", [value], [name]))
        inputs = [q, k, v, mask, *(["past.k", "past.v"] if case.past == "operands" else ["", ""])]
        if case.nonpad:
            inputs.append(self.op("Expand", self.op("Shape", "input_ids", start=1, end=2), self.op("Shape", "input_ids", start=0, end=1)))
        while not inputs[-1]:
            inputs.pop()
        outputs = ["attended"] + (["present.k", "present.v"] if case.past == "operands" else ["", ""] if case.scores else [])
        if case.scores:
            outputs.append("scores")
        self.nodes.append(helper.make_node("Attention", inputs, outputs, name="attention", **attributes))
        y = "attended"
        if case.rank == 4 or case.past == "concat":
            y = self.op("Transpose", y, perm=[0, 2, 1, 3])
            y = self.op("Reshape", y, self.stored(np.array([-1, 1, HEADS * VALUE] if case.single else [0, 0, HEADS * VALUE])))
        y = self.linear(y, HIDDEN, HEADS * VALUE)
        if case.scores == "stream":
            mean = self.op("ReduceMean", "scores", self.stored(np.array([1, 3])), keepdims=0)
            y = self.op("Add", y, self.op("Unsqueeze", mean, self.stored(np.array([-1]))))
        return y

    def experts(self, x):
        """The two best of all, each computed for every token."""
        scores = self.op("Softmax", self.linear(x, EXPERTS, HIDDEN), axis=-1)
        weights, ids = self.op("TopK", scores, self.stored(np.array([2])), outputs=2, axis=-1)
        axis, total = self.stored(np.array([-1])), None
        for e in range(EXPERTS):
            g = self.linear(x, INNER, HIDDEN)
            y = self.linear(self.op("Mul", self.op("Mul", g, self.op("Sigmoid", g)), self.linear(x, INNER, HIDDEN)), HIDDEN, INNER)
            chosen = self.op("Cast", self.op("Equal", ids, self.stored(np.array(e))), to=TensorProto.FLOAT)
            y = self.op("Mul", y, self.op("ReduceSum", self.op("Mul", chosen, weights), axis, keepdims=1))
            total = self.op("Add", total, y) if total else y
        return total

    def build(self, single: bool):
        x = self.op("Gather", self.weight(VOCAB, HIDDEN), "input_ids", axis=0)
        x = self.op("Add", x, self.attention(self.norm(x)))
        x = self.op("Add", x, self.experts(self.norm(x)))
        self.nodes.append(helper.make_node("MatMul", [self.norm(x), self.weight(HIDDEN, VOCAB)], ["logits"]))
        info, length = helper.make_tensor_value_info, 1 if single else "S"
        inputs, outputs = [info("input_ids", TensorProto.INT64, ["B", length])], [info("logits", TensorProto.FLOAT, ["B", length, VOCAB])]
        if self.case.past:
            for name, size in (("k", HEAD), ("v", VALUE)):
                inputs.append(info(f"past.{name}", TensorProto.FLOAT, ["B", KV_HEADS, "P", size]))
                outputs.append(info(f"present.{name}", TensorProto.FLOAT, ["B", KV_HEADS, "T", size]))
        if self.case.scores == "output":
            outputs.append(info("scores", TensorProto.FLOAT, ["B", HEADS, "S", "K"]))
        graph = helper.make_graph(self.nodes, "model", inputs, outputs, self.tensors)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.case.opset)], ir_version=12)


class Failure(Exception):
    pass


def run(*command) -> subprocess.CompletedProcess:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120)
    if result.returncode:
        raise Failure(f"{' '.join(map(str, command))}\nexit code {result.returncode}\n{result.stderr[-2000:]}")
    return result


def step(reference, ids, past):
    """Outputs of the graph by name for tokens [1, S] behind a past."""
    return dict(zip(reference.output_names, reference.run(None, {"input_ids": ids, **past})))


def logits_of(case, reference, ids):
    """[len(ids), VOCAB]: token by token where the graph takes one at a time, all at once otherwise."""
    past = {f"past.{n}": np.zeros((1, KV_HEADS, 0, s), np.float32) for n, s in (("k", HEAD), ("v", VALUE))} if case.past else {}
    rows = []
    for piece in [ids[i : i + 1] for i in range(len(ids))] if case.single else [ids]:
        found = step(reference, np.array([piece]), past)
        past = {name: found[name.replace("past", "present")] for name in past}
        rows.append(found["logits"][0])
    return np.concatenate(rows)


def compare(found, wanted, what):
    error = np.abs(found - wanted).max() / np.abs(wanted).max()
    if found.shape != wanted.shape or not error <= TOLERANCE:
        raise Failure(f"{what}: {found.shape} and {wanted.shape}, error {error:.1e}")
    return error


def check(case: Case, janus_compile, janus_run, folder: Path) -> str:
    folder.mkdir(parents=True)
    model = Model(case).build(case.single)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    reference = ReferenceEvaluator(model)
    said = run(janus_compile, folder / "model.onnx", "-o", folder / "model.janus", "--target-cpu=x86-64-v3").stderr
    manifest = json.loads((folder / "model.janus/manifest.json").read_text())
    recovered = manifest["contract"] == "language-model"
    if recovered != case.recovered:
        raise Failure(f"is {'' if recovered else 'not '}recovered\n{said[-600:]}")
    if not recovered and "JNS-ONNX-021" not in said:
        raise Failure("is not recovered, and no warning says why")
    ids = [3, 17, 29, 8, 8, 31, 2]
    if recovered:
        run(janus_run, folder / "model.janus", "--prompt-ids", ",".join(map(str, ids)), "--score", "--window", len(ids), "--logits", folder / "l.npy")
        scored = np.load(folder / "l.npy")
        error = compare(scored, logits_of(case, reference, ids)[-len(scored) :], "logits of the prompt")
        said = run(janus_run, folder / "model.janus", "--prompt-ids", ",".join(map(str, ids)), "--max-new-tokens", 5, "--print-ids", "--logits",
                   folder / "l.npy").stdout
        tokens = [int(word) for word in said.replace(",", " ").split()]
        wanted = logits_of(case, reference, ids + tokens[:-1])[len(ids) - 1 :]
        if case.single:
            twin = replace(case, single=False, attributes=case.attributes or (("is_causal", 1),))
            (folder / "twin.onnx").write_bytes(Model(twin).build(False).SerializeToString())
            run(janus_compile, folder / "twin.onnx", "-o", folder / "twin.janus", "--target-cpu=x86-64-v3")
            run(janus_run, folder / "twin.janus", "--prompt-ids", ",".join(map(str, ids)), "--max-new-tokens", 5, "--logits", folder / "t.npy")
            if (folder / "t.npy").read_bytes() != (folder / "l.npy").read_bytes():
                raise Failure("other logits than those of the graph without a fixed length")
        return f"recovered, {max(error, compare(np.load(folder / 'l.npy'), wanted, 'logits of generated tokens')):.0e}"
    past = {f"past.{n}": np.zeros((1, KV_HEADS, 0, s), np.float32) for n, s in (("k", HEAD), ("v", VALUE))} if case.past else {}
    error = 0.0
    for piece in ([3], [17], [29]) if case.single else (ids[:4], ids[4:5]) if case.past else (ids,):
        feeds = []
        for name, array in {"input_ids": np.array([piece]), **past}.items():
            np.save(folder / f"{name}.npy", array)
            feeds += ["--input", f"{name}={folder / name}.npy"]
        run(janus_run, folder / "model.janus", *feeds, "--output-dir", folder)
        wanted = step(reference, np.array([piece]), past)
        error = max([error, *(compare(np.load(folder / f"{name}.npy"), value, name) for name, value in wanted.items())])
        past = {name: wanted[name.replace("past", "present")] for name in past}
    return f"a tensor program, {error:.0e}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile", type=Path)
    parser.add_argument("janus_run", type=Path)
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--keep", type=Path, help="write the models below this folder and keep them")
    arguments = parser.parse_args()
    failed = 0
    for case in CASES:
        if arguments.only and arguments.only not in case.name:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            try:
                folder = (arguments.keep or Path(temporary)) / case.name
                print(f"ok   {case.name}: {check(case, arguments.janus_compile, arguments.janus_run, folder)}", flush=True)
            except (Failure, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL {case.name}: {error}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
