#!/usr/bin/env python3
"""Layers that recovery has no description for, in ONNX models, end to end.

Each model is an embedding, layers of one kind, a mixture of experts behind each, and a head; sizes, names, order of nodes
and spelling are drawn from a seed. Kinds: convolutions and linear attentions with a state in and out, alone and beside each
other; an attention with a bias by distance, with keys and values in and out or without; scores through relu in place of
softmax; a convolution over tokens without a state; sums that run over tokens; activations that sort; norms and functions
that have no operation; a factor by position. Beside each there is an ordinary attention in some. For each:

  compiled   a language model, with the moe.sequence of the kind (state, history, rows) and a warning JNS-ONNX-021 where it
             has no state; with --require-moe that is an error
  tokens     greedy tokens and logits as ONNX Runtime, or onnx.reference where it is not installed, has them: of prompts
             that are shorter and longer than a page, computed in one go and generated one at a time
  split      the same bytes of logits on 2 attention and 3 expert instances
Kinds that see later tokens stay tensor programs, with the reason; a state that is not in the interface is refused then.

  regions.py JANUS_COMPILE JANUS_RUN [--only TEXT] [--seed N] [--keep DIR]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "recovery"))
import experts as ex  # noqa: E402
import patterns  # noqa: E402
import routers  # noqa: E402
from graph import FLOAT, INT64, Graph, value_info  # noqa: E402

HIDDEN, HEADS, VOCAB, TAPS = 8, 2, 23, 3
WIDTH = HIDDEN // HEADS
PROMPTS, NEW, TOLERANCE, TIMEOUT = (5, 41), 4, 1e-4, 60


class Model:
    """A graph that grows, and what it is given besides token ids."""

    def __init__(self, seed: int):
        self.g = Graph(seed)
        self.inputs, self.outputs, self.feeds = [], [], {}
        self.past = self.mask = ""

    def add_input(self, kind: int, shape: list, feed) -> str:
        name = self.g.name()
        self.inputs.append(value_info(name, kind, shape))
        self.feeds[name] = feed
        return name

    def add_output(self, name: str, shape: list) -> None:
        self.outputs.append(value_info(name, FLOAT, shape))

    def sizes(self):
        """The numbers of new and past tokens, as scalars."""
        g = self.g
        axis = g.constant([0])
        new = g.op("Squeeze", g.op("Shape", "input_ids", start=1, end=2), axis)
        return new, g.op("Squeeze", g.op("Shape", self.past, start=2, end=3), axis) if self.past else None

    def distance(self):
        """k - q [S, P + S] of positions, as integers."""
        g = self.g
        new, past = self.sizes()
        zero, one = g.constant(0), g.constant(1)
        q = g.op("Range", zero, new, one)
        total = g.op("Add", new, past) if past else new
        q = g.op("Add", q, past) if past else q
        k = g.op("Range", zero, total, one)
        return g.op("Sub", g.op("Unsqueeze", k, g.constant([0])), g.op("Unsqueeze", q, g.constant([1])))

    def heads(self, x: str) -> str:
        g = self.g
        return g.op("Transpose", g.op("Reshape", g.linear(x, g.weight(HIDDEN, HIDDEN)), g.constant([0, 0, HEADS, WIDTH])), perm=[0, 2, 1, 3])

    def cached(self, x: str) -> str:
        """Keys or values with those of past tokens in front."""
        name = self.add_input(FLOAT, ["B", HEADS, "P", WIDTH], np.zeros((1, HEADS, 0, WIDTH), np.float32))
        self.past = self.past or name
        self.add_output(all_ := self.g.op("Concat", name, x, axis=2), ["B", HEADS, "T", WIDTH])
        return all_

    def joined(self, x: str) -> str:
        return self.g.op("Reshape", self.g.op("Transpose", x, perm=[0, 2, 1, 3]), self.g.constant([0, 0, HIDDEN]))

    def attention(self, x: str, kind: str, cache: bool) -> str:
        """Softmax of causal scores, with a bias by distance (alibi), or relu of them without softmax (relu), or plain."""
        g = self.g
        q, k, v = self.heads(x), self.heads(x), self.heads(x)
        if cache:
            k, v = self.cached(k), self.cached(v)
        distance = self.distance()
        scores = g.op("Mul", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), g.scalar(0.5))
        seen = g.op("LessOrEqual", distance, g.constant(0))
        if kind == "relu":
            weights = g.op("Mul", g.op("Relu", scores), g.op("Cast", seen, to=FLOAT))
        else:
            if kind == "alibi":
                slopes = g.tensor(np.array([[[0.5]], [[0.125]]], np.float32))
                scores = g.op("Add", scores, g.op("Mul", g.op("Cast", distance, to=FLOAT), slopes))
            hidden = g.op("Where", seen, g.scalar(0), g.scalar(-1e30))
            weights = g.op("Softmax", g.op("Add", scores, hidden), axis=-1)
        return g.linear(self.joined(g.op("MatMul", weights, v)), g.weight(HIDDEN, HIDDEN))

    def convolution(self, x: str, state: bool, ahead: bool = False) -> str:
        g = self.g
        gate, x = (g.op("Transpose", g.linear(x, g.weight(HIDDEN, HIDDEN)), perm=[0, 2, 1]) for _ in range(2))
        kernel = g.tensor(g.weight(HIDDEN, 1, TAPS))
        if state:
            past = self.add_input(FLOAT, ["B", HIDDEN, TAPS - 1], np.zeros((1, HIDDEN, TAPS - 1), np.float32))
            x = g.op("Concat", past, x, axis=2)
            last = g.op("Slice", x, g.constant([1 - TAPS]), g.constant([1 << 40]), g.constant([2]))
            self.add_output(last, ["B", HIDDEN, TAPS - 1])
            y = g.op("Conv", x, kernel, group=HIDDEN)
        else:
            y = g.op("Conv", x, kernel, group=HIDDEN, pads=[1, 1] if ahead else [TAPS - 1, 0])
        return g.linear(g.op("Transpose", g.op("Mul", gate, y), perm=[0, 2, 1]), g.weight(HIDDEN, HIDDEN))

    def masked(self, x: str) -> str:
        """Rows times the mask's last columns, as exporters blank padding."""
        g = self.g
        if not self.mask:
            self.mask = self.add_input(INT64, ["B", "T" if self.past else "S"], "mask")
        last = self.mask
        if self.past:
            last = g.op("Slice", last, g.op("Unsqueeze", self.sizes()[1], g.constant([0])), g.constant([1 << 40]), g.constant([1]))
        return g.op("Mul", x, g.op("Unsqueeze", g.op("Cast", last, to=FLOAT), g.constant([2])))

    def decay(self, x: str) -> str:
        """A gated linear attention: the state decays by a factor of each token's own, products of them by running sums."""
        g = self.g
        q, k, v = self.heads(x), self.heads(x), self.heads(x)
        state = self.add_input(FLOAT, ["B", HEADS, WIDTH, WIDTH], np.zeros((1, HEADS, WIDTH, WIDTH), np.float32))
        rate = g.op("Neg", g.op("Softplus", g.linear(x, g.weight(HEADS, HIDDEN))))
        sums = g.op("CumSum", g.op("Transpose", rate, perm=[0, 2, 1]), g.constant(2))
        row, column = g.op("Unsqueeze", sums, g.constant([3])), g.op("Unsqueeze", sums, g.constant([2]))
        triangle = g.op("Trilu", g.op("Exp", g.op("Trilu", g.op("Sub", row, column), upper=0)), upper=0)
        inner = g.op("MatMul", g.op("Mul", g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2])), triangle), v)
        y = g.op("Add", inner, g.op("MatMul", g.op("Mul", q, g.op("Exp", row)), state))
        last = g.op("Gather", row, g.constant([-1]), axis=2)
        kept = g.op("Mul", state, g.op("Exp", last))
        added = g.op("MatMul", g.op("Transpose", g.op("Mul", k, g.op("Exp", g.op("Sub", last, row))), perm=[0, 1, 3, 2]), v)
        self.add_output(g.op("Add", kept, added), ["B", HEADS, WIDTH, WIDTH])
        return g.linear(self.joined(g.op("Tanh", y)), g.weight(HIDDEN, HIDDEN))

    def counted(self, x: str) -> str:
        """The sum of all rows so far by their position: the state is their sum up to the last one."""
        g = self.g
        state = self.add_input(FLOAT, ["B", HIDDEN], np.zeros((1, HIDDEN), np.float32))
        ids = self.add_input(INT64, ["B", "S"], "positions")
        sums = g.op("Add", g.op("CumSum", x, g.constant(1)), g.op("Unsqueeze", state, g.constant([1])))
        self.add_output(g.op("Squeeze", g.op("Slice", sums, g.constant([-1]), g.constant([1 << 40]), g.constant([1])), g.constant([1])), ["B", HIDDEN])
        return g.op("Div", sums, g.op("Unsqueeze", g.op("Add", g.op("Mul", g.op("Cast", ids, to=FLOAT), g.scalar(2)), g.scalar(1)), g.constant([2])))

    def recurrence(self, x: str) -> str:
        """Linear attention: y = q (state + sum of k v up to here), by a triangle within the step."""
        g = self.g
        q, k, v = self.heads(x), self.heads(x), self.heads(x)
        state = self.add_input(FLOAT, ["B", HEADS, WIDTH, WIDTH], np.zeros((1, HEADS, WIDTH, WIDTH), np.float32))
        turned = g.op("Transpose", k, perm=[0, 1, 3, 2])
        scores = g.op("Trilu", g.op("MatMul", q, turned), upper=0)
        y = g.op("Add", g.op("MatMul", scores, v), g.op("MatMul", q, state))
        self.add_output(g.op("Add", state, g.op("MatMul", turned, v)), ["B", HEADS, WIDTH, WIDTH])
        return g.linear(self.joined(g.op("Tanh", y)), g.weight(HIDDEN, HIDDEN))

    def layer(self, x: str, kind: str) -> str:
        g = self.g
        if kind.startswith(("alibi", "relu", "plain")):
            return self.attention(x, kind.split()[0], "cache" in kind)
        if kind.startswith("conv"):
            return self.convolution(x, "state" in kind, "ahead" in kind)
        if kind == "masked":
            return self.masked(g.op("Tanh", x))
        if kind in ("recurrence state", "decay state", "counted state"):
            return {"recurrence": self.recurrence, "decay": self.decay, "counted": self.counted}[kind.split()[0]](x)
        if kind == "running sum":
            return g.op("Tanh", g.op("CumSum", g.linear(x, g.weight(HIDDEN, HIDDEN, scale=0.1)), g.constant(1)))
        if kind == "sort":
            y = g.linear(x, g.weight(HIDDEN, HIDDEN))
            values, places = g.op("TopK", y, g.constant([HIDDEN // 2]), axis=-1, outputs=2)
            return g.op("Sub", g.op("ScatterElements", y, places, g.op("Tanh", values), axis=-1), g.op("Softsign", y))
        if kind == "lp norm":
            return g.op("LpNormalization", g.op("HardSwish", g.linear(x, g.weight(HIDDEN, HIDDEN))), axis=-1, p=2)
        if kind == "by position":
            ids = self.add_input(INT64, ["B", "S"], "positions")
            angle = g.op("Mul", g.op("Unsqueeze", g.op("Cast", ids, to=FLOAT), g.constant([2])), g.tensor(g.weight(1, 1, HIDDEN)))
            return g.op("Mul", g.op("Sin", angle), g.op("Round", g.op("Mul", x, g.scalar(8))))
        if kind == "mean of all":
            return g.op("Sub", x, g.op("ReduceMean", x, g.constant([1]), keepdims=1))
        raise ValueError(kind)

    def mixture(self, x: str) -> str:
        g = self.g
        options = type("Options", (), dict(count=4, k=2, hidden=HIDDEN, width=6, weigh_input=False))()
        router = routers.make(g, "softmax", 4, 2, HIDDEN)
        block = ex.make(g, "swiglu", 4, 6, HIDDEN, False)
        flat = g.view(x, -1, HIDDEN)
        y = patterns.PATTERNS["gathered"](g, options, flat, *routers.build(g, router, flat), block)
        return g.op("Reshape", y, g.op("Shape", x))

    def build(self, kinds: list[str]) -> onnx.ModelProto:
        g = self.g
        x = g.op("Gather", g.tensor(g.weight(VOCAB, HIDDEN, scale=1.0)), "input_ids", axis=0)
        for kind in kinds:
            x = g.op("Add", x, self.layer(self.norm(x), kind))
            x = g.op("Add", x, self.mixture(self.norm(x)))
        logits = g.linear(self.norm(x), g.weight(VOCAB, HIDDEN))
        inputs = [value_info("input_ids", INT64, ["B", "S"]), *self.inputs]
        return g.model(inputs, [value_info(logits, FLOAT, ["B", "S", VOCAB]), *self.outputs]), logits

    def norm(self, x: str) -> str:
        g = self.g
        mean = g.op("ReduceMean", g.op("Mul", x, x), g.constant([-1]), keepdims=1)
        return g.op("Mul", g.op("Div", x, g.op("Sqrt", g.op("Add", mean, g.scalar(1e-6)))), g.tensor(1 + g.weight(HIDDEN, scale=0.1)))


# layers; moe.sequence of each kind that is expected: states, histories, rows. None: a tensor program, for the reason.
CASES = {
    "convolution": (["conv state", "plain cache", "conv state"], (2, 0, 0)),
    "recurrence": (["recurrence state", "conv state", "plain cache"], (2, 0, 0)),
    "states alone": (["recurrence state"], (1, 0, 0)),
    "decay": (["decay state", "plain cache", "conv state"], (2, 0, 1)),
    "sum apart from its state": (["plain cache", "counted state"],
                                 "onnx.CumSum: it mixes the tokens of one call, and what it saw of those before is kept nowhere"),
    "masked, without cache": (["masked", "alibi"], (0, 1, 0)),
    "alibi": (["alibi", "plain"], (0, 1, 0)),
    "alibi, cache": (["plain cache", "alibi cache"], (0, 1, 0)),
    "relu attention": (["relu", "alibi"], (0, 2, 0)),
    "relu attention, cache": (["relu cache", "conv state"], (1, 1, 0)),
    "convolution without state": (["conv", "plain"], (0, 1, 0)),
    "running sum": (["running sum", "sort"], (0, 1, 3)),
    "rows": (["sort", "plain cache", "lp norm"], (0, 0, 4)),
    "by position": (["by position", "plain"], (0, 0, 3)),
    "convolution without state, cache": (["conv", "plain cache"], "error[JNS-ONNX-031]: onnx.Conv: its layer keeps a state that the model neither takes nor hands out, "
                                         "and it mixes the tokens of one call"),
    "convolution ahead": (["conv ahead", "plain"], "error[JNS-ONNX-031]: onnx.Conv: its layer keeps a state that the model neither takes nor hands out"),
    "later tokens": (["mean of all", "plain"], "a row may depend on later ones: onnx.ReduceMean mixes all rows of input 0"),
}


class Report:
    passed = failed = 0

    def check(self, name: str, ok: bool, detail: str = "") -> None:
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok or detail:
            print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}", flush=True)


def reference(file: Path, model: Model, logits: str):
    """A function from token ids to the logits of all positions, in one go."""
    def feeds(ids):
        given = {"input_ids": np.array([ids], np.int64)}
        for name, feed in model.feeds.items():
            given[name] = {"positions": np.arange(len(ids))[None], "mask": np.ones((1, len(ids)), np.int64)}[feed] if isinstance(feed, str) else feed
        return given
    try:
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        return lambda ids: session.run([logits], feeds(ids))[0][0]
    except ImportError:
        from onnx.reference import ReferenceEvaluator
        from onnx.reference.op_run import OpRun

        class GatherElements(OpRun):  # onnx's own takes no negative axis
            def _run(self, data, indices, axis=None):
                return (np.take_along_axis(data, indices, axis or 0),)

        evaluator = ReferenceEvaluator(str(file), new_ops=[GatherElements])
        return lambda ids: evaluator.run([logits], feeds(ids))[0][0]


def run(*command: object) -> subprocess.CompletedProcess:
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=TIMEOUT)


def check_model(report: Report, tools, name: str, seed: int, folder: Path) -> None:
    kinds, expected = CASES[name]
    model = Model(seed)
    graph, logits = model.build(kinds)
    file, artifact = folder / "model.onnx", folder / "model.janus"
    onnx.save(graph, str(file))
    compiled = run(tools.compile, file, "--target-cpu=native", "-o", artifact)
    warned = "JNS-ONNX-021" in compiled.stderr
    if isinstance(expected, str):
        report.check(f"{name}: for the reason", (compiled.returncode == 0) != ("JNS-ONNX-031" in expected) and expected in compiled.stderr,
                     compiled.stderr[-400:] if expected not in compiled.stderr else expected)
        return
    ir = run(tools.compile, file, "--to=recover", "-o", folder / "recovered.mlir")
    text = (folder / "recovered.mlir").read_text() if ir.returncode == 0 else ""
    lines = [line for line in text.splitlines() if " moe.sequence @" in line]
    functions = {line.split("@")[1].split("(")[0]: line for line in text.splitlines() if "func.func private" in line}
    history = sum("history = " in line for line in lines)
    states = sum(functions[line.split("@")[1].split("(")[0]].split(") -> ")[1].startswith("(") for line in lines)
    found = (states, history, len(lines) - states - history)
    report.check(f"{name}: recovered", compiled.returncode == 0 and found == expected,
                 f"states, histories, rows: {found}" + ("" if found == expected else f", expected {expected}: {compiled.stderr[-400:]}"))
    report.check(f"{name}: a warning where there is no state", warned == any(expected[1:]))
    strict = run(tools.compile, file, "--require-moe", "-o", folder / "strict.janus")
    report.check(f"{name}: --require-moe", (strict.returncode != 0) == any(expected[1:]), "" if strict.returncode in (0, 1) else strict.stderr[-300:])
    if compiled.returncode or not artifact.exists():
        return
    evaluate = reference(file, model, logits)
    rng = np.random.default_rng(seed)
    for length in PROMPTS:
        prompt = rng.integers(0, VOCAB, length).tolist()
        wanted = list(prompt)
        for _ in range(NEW):
            wanted.append(int(evaluate(wanted)[-1].argmax()))
        golden = evaluate(wanted[:-1])
        bytes_of = {}
        for split in ((1, 1), (2, 3)):
            where = f"{name}, {length} tokens on ({split[0]},{split[1]})"
            common = ["--attention", split[0], "--experts", split[1], "--prompt-ids", ",".join(map(str, prompt))]
            result = run(tools.run, artifact, *common, "--max-new-tokens", NEW, "--print-ids", "--logits", folder / "gen.npy")
            tokens = result.stdout.strip().splitlines()[-1] if result.stdout.strip() else result.stderr[-300:]
            report.check(f"{where}: tokens", tokens == ",".join(map(str, wanted[length:])), "" if tokens == ",".join(map(str, wanted[length:])) else tokens)
            score = run(tools.run, artifact, *common[:4], "--score", "--window", length, *common[4:], "--logits", folder / "score.npy")
            if result.returncode or score.returncode:
                report.check(where, False, (result.stderr + score.stderr)[-400:])
                return
            for part, rows in (("gen.npy", golden[length - 1:]), ("score.npy", golden[:length])):
                logits_found = np.load(folder / part)
                same = logits_found.shape == rows.shape
                error = np.abs(logits_found - rows).max() / np.abs(rows).max() if same else np.inf
                report.check(f"{where}: {part}", error <= TOLERANCE, "" if error <= TOLERANCE else f"off by {error:.1e}, {logits_found.shape} {rows.shape}")
            bytes_of[split] = (folder / "gen.npy").read_bytes() + (folder / "score.npy").read_bytes()
        report.check(f"{name}, {length} tokens: equal bytes", bytes_of[(1, 1)] == bytes_of[(2, 3)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compile", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keeps the models there")
    tools = parser.parse_args()
    report = Report()
    for i, name in enumerate(CASES):
        if tools.only in name:
            with tempfile.TemporaryDirectory() as scratch:
                folder = tools.keep / name.replace(" ", "_").replace(",", "") if tools.keep else Path(scratch)
                folder.mkdir(parents=True, exist_ok=True)
                check_model(report, tools, name, tools.seed * 1000 + i, folder)
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
