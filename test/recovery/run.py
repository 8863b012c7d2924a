#!/usr/bin/env python3
"""Mixtures of experts in every pattern, with every router and activation, recovered and compared with NumPy.

  run.py [--build DIR] [--count N] [--seed S] [--keep DIR]

Each case is a small model: embedding, one to three MoE layers, head. Sizes, names, order of nodes, order of operands and
the spelling of functions are drawn from its seed, which is printed. janus-opt recovers it; the moe operators that come out
are played (play.py) and their logits compared with those of the definition (routers.py, experts.py). A case fails when it
is not recovered, when logits differ by more than 1e-5 of the largest, or when janus-opt crashes or hangs.
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

import experts as ex
import patterns
import play
import routers
from graph import FLOAT, INT64, Graph, value_info

TOLERANCE = 1e-5
TIMEOUT = 60


class Options:
    def __init__(self, g, pattern):
        self.count = g.choice(4, 6, 8, 12)
        self.k = g.random.randint(1, min(4, self.count - 1))
        self.hidden, self.width = g.choice(4, 6, 8, 10), g.choice(3, 5, 8, 12)
        self.layers = g.choice(1, 1, 2, 3)
        self.pattern = pattern
        self.weigh_input = pattern not in ("where", "einsums") and g.random.random() < 0.15


def cases(count: int, seed: int):
    """(seed, pattern, router, activation): every combination once, in an order that the seed draws."""
    everything = [(p, r, a) for p in patterns.PATTERNS for r in routers.KINDS for a in ex.ACTIVATIONS]
    order = np.random.default_rng(seed).permutation(len(everything))
    for i in range(count):
        yield seed * 1_000_003 + i, *everything[order[i % len(everything)]]


def make(seed: int, pattern: str, router_kind: str, activation: str, folder: Path):
    """Writes the model; returns tokens, the definition's logits and how many layers there are."""
    g = Graph(seed)
    options = Options(g, pattern)
    vocab = 19
    if routers.KINDS[router_kind].get("grouped"):
        options.count = g.choice(4, 8, 12)
        options.k = min(options.k, options.count // 2)
    table, head = g.weight(vocab, options.hidden, scale=1.0), g.weight(vocab, options.hidden)
    x = g.op("Gather", g.tensor(table), "input_ids", axis=0)
    tokens = np.arange(vocab)
    rows = table.astype(np.float64)
    gap = np.inf
    for _ in range(options.layers):
        router = routers.make(g, router_kind, options.count, options.k, options.hidden)
        biases = not options.weigh_input and g.random.random() < 0.5
        block = ex.make(g, activation, options.count, options.width, options.hidden, biases)
        if g.random.random() < 0.4:
            block.stacks = {}
        scale, shift = 1 + g.weight(options.hidden, scale=0.2), g.weight(options.hidden, scale=0.2)
        normed = g.op("LayerNormalization", x, g.tensor(scale), g.tensor(shift), axis=-1, epsilon=1e-5)
        flat = g.view(normed, -1, options.hidden)
        centered = rows - rows.mean(1, keepdims=True)
        inner = centered / np.sqrt((centered**2).mean(1, keepdims=True) + 1e-5) * scale + shift
        ids, weights = routers.build(g, router, flat)
        y = patterns.PATTERNS[pattern](g, options, flat, ids, weights, block)
        y = g.op("Reshape", y, g.op("Shape", x))
        x = g.op("Add", x, y)
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
    model = g.model([value_info("input_ids", INT64, [batch, sequence])], [value_info("logits", FLOAT, [batch, sequence, vocab])])
    onnx.save(model, folder / "model.onnx", save_as_external_data=g.random.random() < 0.5, location="weights", size_threshold=64)
    (folder / "genai_config.json").write_text(json.dumps({"model": {"context_length": 32, "vocab_size": vocab}}))
    return tokens, rows @ head.T.astype(np.float64), options.layers


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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--count", type=int, default=60, help="number of cases")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", help="SEED,PATTERN,ROUTER,ACTIVATION: that case alone")
    parser.add_argument("--keep", type=Path, help="folder for the models of failed cases")
    arguments = parser.parse_args()
    janus_opt = arguments.build / "tools/janus-opt/janus-opt"
    passed, failed, undecided, by_pattern = 0, 0, 0, Counter()
    todo = cases(arguments.count, arguments.seed)
    if arguments.case:
        seed, *kinds = arguments.case.split(",")
        todo = [(int(seed), *kinds)]
    for seed, pattern, router, activation in todo:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            made = make(seed, pattern, router, activation, folder)
            if made is None:
                undecided += 1
                continue
            wrong = check(janus_opt, folder, *made)
            if wrong and arguments.keep:
                (arguments.keep / str(seed)).mkdir(parents=True, exist_ok=True)
                for file in folder.iterdir():
                    (arguments.keep / str(seed) / file.name).write_bytes(file.read_bytes())
        passed, failed = passed + (not wrong), failed + bool(wrong)
        by_pattern[pattern] += not wrong
        if wrong:
            print(f"FAIL --case {seed},{pattern},{router},{activation}: {wrong}", flush=True)
    print(f"seed {arguments.seed}: {passed} passed, {failed} failed, {undecided} undecided ("
          + ", ".join(f"{name} {count}" for name, count in sorted(by_pattern.items())) + ")")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
