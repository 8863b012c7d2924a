#!/usr/bin/env python3
"""Mixtures of experts in every pattern, with every router and activation, recovered and compared with NumPy.

  run.py [--build DIR] [--count N] [--seed S] [--whole N] [--open FILE] [--keep DIR]

Each case is a small model: embedding, one to three MoE layers, head; before a layer there may be attention with or without
a KV cache, beside it a shared expert, one behind a gate, or a dense MLP, and the first layer may be dense. All of that,
sizes, names, order of nodes, order of operands and the spelling of functions are drawn from its seed, which is printed.
janus-opt recovers it; the moe operators that come out are played (play.py) and their logits compared with those of the
definition (routers.py, experts.py, attention.py). A case fails when it is not recovered, when logits differ by more than
1e-5 of the largest, or when janus-opt crashes or hangs. A row whose choice rounding may change decides nothing: such a
model is drawn anew.

The first N cases of --whole are compiled, too, run by janus-run on 2 attention and 3 expert instances, and their logits
compared at 1e-4 with the definition, and with ONNX Runtime where that is installed and runs the model.

FILE lists cases that are known to fail, each with its cause: SEED,PATTERN,ROUTER,ACTIVATION: cause. They are run, and one
that passes has to leave the list. Nothing may be added to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx

import attention as at
import experts as ex
import patterns
import play
import routers
from graph import FLOAT, INT64, Graph, value_info

TOLERANCE, WHOLE_TOLERANCE = 1e-5, 1e-4
TIMEOUT = 300  # s; generous, since other work may share the machine


class Options:
    def __init__(self, g, pattern):
        self.count = g.choice(4, 6, 8, 12)
        self.k = g.random.randint(1, min(4, self.count - 1))
        self.hidden, self.width = g.choice(4, 6, 8, 10), g.choice(3, 5, 8, 12)
        self.layers = g.choice(1, 1, 2, 3)
        self.attention = g.choice(None, None, *at.KINDS)
        self.beside = g.choice(None, None, "shared", "gated", "dense")
        self.dense_first = g.random.random() < 0.2
        self.pattern = pattern
        self.weigh_input = pattern not in patterns.UNWEIGHED_INPUT and g.random.random() < 0.15


ATTEMPTS = 20


def cases(count: int, seed: int):
    """(seed, pattern, router, activation): every combination once, in an order that the seed draws."""
    everything = [(p, r, a) for p in patterns.PATTERNS for r in routers.KINDS for a in ex.ACTIVATIONS if patterns.exists(p, r, a)]
    order = np.random.default_rng(seed).permutation(len(everything))
    for i in range(count):
        yield seed * 1_000_003 + i, *everything[order[i % len(everything)]]


def draw(seed: int, pattern: str, router: str, activation: str, folder: Path):
    """The first seed from `seed` on whose model decides, and the model."""
    for attempt in range(ATTEMPTS):
        if made := make(seed + attempt * 10**9, pattern, router, activation, folder):
            return seed + attempt * 10**9, made
        for file in folder.iterdir():
            file.unlink()
    raise ValueError(f"no model of {ATTEMPTS} decides")


def read_open(file: Path):
    lines = file.read_text().splitlines() if file else []
    return dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))


def make(seed: int, pattern: str, router_kind: str, activation: str, folder: Path):
    """Writes the model; returns tokens, the definition's logits and how many layers there are."""
    g = Graph(seed)
    options = Options(g, pattern)
    vocab = 19
    if routers.KINDS[router_kind].get("grouped"):
        options.count = g.choice(4, 8, 12)
        options.k = min(options.k, options.count // 2)
    options.k = routers.KINDS[router_kind].get("k", options.k)
    table, head = g.weight(vocab, options.hidden, scale=1.0), g.weight(vocab, options.hidden)
    x = g.op("Gather", g.tensor(table), "input_ids", axis=0)
    tokens = np.arange(vocab)
    rows = table.astype(np.float64)
    gap = np.inf
    interface = at.Interface(g)
    for layer in range(options.layers + options.dense_first):
        if options.attention:
            attention = at.make(g, options.attention, options.hidden)
            normed, inner = norm(g, x, rows)
            x, rows = g.op("Add", x, at.build(g, attention, interface, normed)), rows + at.apply(attention, inner)
        if layer < options.dense_first:
            x, rows = dense(g, options, x, rows)
            continue
        router = routers.make(g, router_kind, options.count, options.k, options.hidden)
        options.positive = router.expert_scale is None  # are its weights for sure?
        biases = not options.weigh_input and g.random.random() < 0.5
        block = ex.make(g, activation, options.count, options.width, options.hidden, biases)
        if g.random.random() < 0.4:
            block.stacks = {}
        normed, inner = norm(g, x, rows)
        flat = g.view(normed, -1, options.hidden)
        if pattern == "fused":
            mixer = router.score == "sparse_mixer"
            router.jitter = 0.01 if mixer else router.jitter
            y = patterns.fused(g, options, flat, routers.project(g, router, flat), router.renormalize, block, mixer)
        else:
            y = patterns.PATTERNS[pattern](g, options, flat, *routers.build(g, router, flat), block)
        y = g.op("Reshape", y, g.op("Shape", x))
        before = x, rows
        if options.beside in ("shared", "gated"):
            y, rows = shared(g, options, y, rows, normed, inner)
        x = g.op("Add", x, y)
        if options.beside == "dense":  # beside the whole block, behind a norm of its own
            x, rows = dense(g, options, x, rows, *before)
        chosen, weight, here = routers.route(router, inner)
        gap = min(gap, here)
        result = np.zeros_like(rows)
        for row, rank in np.ndindex(*chosen.shape):
            w = weight[row, rank]
            v = inner[row] * (w if options.weigh_input else 1)
            result[row] += ex.apply(block, v[None], chosen[row, rank])[0] * (1 if options.weigh_input else w)
        rows = rows + result
    if gap < 1e-4:  # a choice that rounding may change
        return None
    logits = g.linear(x, head)
    g.nodes[[logits in n.output for n in g.nodes].index(True)].output[0] = "logits"
    batch, sequence = g.choice(("B", "S"), ("n", "len"))
    if interface.inputs:
        batch, sequence = "batch", "sequence"
    model = g.model([value_info("input_ids", INT64, [batch, sequence]), *interface.inputs],
                    [value_info("logits", FLOAT, [batch, sequence, vocab]), *interface.outputs])
    onnx.save(model, folder / "model.onnx", save_as_external_data=g.random.random() < 0.5, location="weights", size_threshold=64)
    (folder / "genai_config.json").write_text(json.dumps({"model": {"context_length": at.CONTEXT, "vocab_size": vocab}}))
    return tokens, rows @ head.T.astype(np.float64), options.layers


def norm(g, x: str, rows):
    """A layer norm, of the graph and of the definition."""
    hidden = rows.shape[1]
    scale, shift = 1 + g.weight(hidden, scale=0.2), g.weight(hidden, scale=0.2)
    normed = g.op("LayerNormalization", x, g.tensor(scale), g.tensor(shift), axis=-1, epsilon=1e-5)
    centered = rows - rows.mean(1, keepdims=True)
    return normed, centered / np.sqrt((centered**2).mean(1, keepdims=True) + 1e-5) * scale + shift


def mlp(g, options, x: str, rows, rank=3):
    """A dense MLP of rows."""
    block = ex.make(g, g.choice("swiglu", "silu", "gelu"), 1, g.choice(4, 6), options.hidden, False, "separate")
    return ex.one(g, block, x, 0, rank), ex.apply(block, rows, 0)


def dense(g, options, x: str, rows, from_x=None, from_rows=None):
    """x plus a dense MLP of its norm, or of another value's."""
    normed, inner = norm(g, from_x or x, rows if from_rows is None else from_rows)
    y, values = mlp(g, options, normed, inner)
    return g.op("Add", x, y), rows + values


def shared(g, options, y: str, rows, normed: str, inner):
    """y plus an expert that every row takes, perhaps behind a gate."""
    part, values = mlp(g, options, normed, inner)
    if options.beside == "gated":
        weight = g.weight(1, options.hidden)
        gate = g.sigmoid(g.linear(normed, weight))
        part, values = g.op("Mul", part, gate), values / (1 + np.exp(-inner @ weight.T.astype(np.float64)))
    return g.op("Add", y, part), rows + values


def check(janus_opt: Path, folder: Path, tokens, golden, layers) -> str:
    """Empty, or what is wrong."""
    command = [janus_opt, f"--import-onnx={folder / 'model.onnx'}", "--janus-import", "--janus-recover=require=true",
               "--mlir-elide-elementsattrs-if-larger=100000", "--mlir-print-elementsattrs-with-hex-if-larger=-1"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"no end after {TIMEOUT} s"
    if result.returncode:
        errors = [line for line in result.stderr.splitlines() if "not recovered" in line or "error" in line]
        return "; ".join(errors)[:400] or f"exit code {result.returncode}"
    logits, found = play.play(result.stdout, folder, tokens)
    if len(found) != 2 * layers:
        return f"{len(found) // 2} MoE layers, expected {layers}"
    error = np.abs(logits - golden).max() / np.abs(golden).max()
    return "" if error <= TOLERANCE else f"logits differ by {error:.2e}"


def check_whole(build: Path, folder: Path, tokens, golden):
    """Empty, or what is wrong, and whether ONNX Runtime was asked."""
    artifact, logits = folder / "model.janus", folder / "logits.npy"
    compiled = [build / "tools/janus-compile/janus-compile", folder / "model.onnx", "-o", artifact]
    ran = [build / "tools/janus-run/janus-run", artifact, "--score", "--prompt-ids", ",".join(map(str, tokens)), "--window", len(tokens),
           "--attention", 2, "--experts", 3, "--logits", logits]
    for command in (compiled, ran):
        try:
            result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"{command[0].name}: no end after {TIMEOUT} s", False
        if result.returncode:
            return f"{command[0].name}: {result.stderr.strip()[-300:]}", False
    found = np.load(logits)
    references = {"the definition": golden}
    if (runtime := onnx_runtime(folder, tokens)) is not None:
        references["ONNX Runtime"] = runtime
    for name, reference in references.items():
        error = np.abs(found - reference[: len(found)]).max() / np.abs(reference).max()
        if not error <= WHOLE_TOLERANCE:
            return f"logits differ from {name} by {error:.2e}", runtime is not None
    return "", runtime is not None


def onnx_runtime(folder: Path, tokens):
    """Its logits; None where it is not installed or refuses the model."""
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        feeds = {}
        for value in session.get_inputs():
            if value.name.startswith("past"):
                feeds[value.name] = np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)
            else:
                feeds[value.name] = np.asarray(tokens)[None] if value.name == "input_ids" else np.ones((1, len(tokens)), np.int64)
        return session.run(["logits"], feeds)[0][0]
    except Exception:  # of types that its versions disagree about
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--count", type=int, default=60, help="number of cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--whole", type=int, default=0, metavar="N", help="compile and run the first N cases, too")
    parser.add_argument("--case", help="SEED,PATTERN,ROUTER,ACTIVATION: that case alone")
    parser.add_argument("--open", type=Path, help="cases that are known to fail")
    parser.add_argument("--keep", type=Path, help="folder for the models of failed cases")
    arguments = parser.parse_args()
    janus_opt = arguments.build / "tools/janus-opt/janus-opt"
    known = read_open(arguments.open)
    passed, failed, total, whole, runtime = Counter(), [], Counter(), 0, 0
    todo = cases(arguments.count, arguments.seed)
    if arguments.case:
        seed, *kinds = arguments.case.split(",")
        todo = [(int(seed), *kinds)]
    for first, pattern, router, activation in todo:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            seed, made = draw(first, pattern, router, activation, folder)
            wrong = check(janus_opt, folder, *made)
            if not wrong and whole < arguments.whole:
                wrong, asked = check_whole(arguments.build, folder, *made[:2])
                whole, runtime = whole + 1, runtime + asked
            if wrong and arguments.keep:
                (arguments.keep / str(seed)).mkdir(parents=True, exist_ok=True)
                for file in folder.iterdir():
                    (arguments.keep / str(seed) / file.name).write_bytes(file.read_bytes())
        case = f"{seed},{pattern},{router},{activation}"
        total[pattern] += 1
        passed[pattern] += not wrong
        if wrong and case in known:
            print(f"open --case {case}: {known[case]}", flush=True)
        elif wrong:
            failed.append(case)
            print(f"FAIL --case {case}: {wrong}", flush=True)
        elif case in known:
            failed.append(case)
            print(f"FAIL --case {case}: passes; take it out of {arguments.open}", flush=True)
    print(f"seed {arguments.seed}: {sum(passed.values())} of {sum(total.values())} recovered and right ("
          + ", ".join(f"{name} {passed[name]}/{total[name]}" for name in sorted(total)) + f"), {len(failed)} failed")
    if whole:
        print(f"{whole} compiled and run, {runtime} of them beside ONNX Runtime")
    return 1 if failed or not sum(passed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
