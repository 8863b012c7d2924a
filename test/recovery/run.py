#!/usr/bin/env python3
"""Mixtures of experts in every pattern, with every router and activation, recovered and compared with NumPy.

  run.py [--build DIR] [--count N] [--seed S] [--open FILE] [--keep DIR]

Each case is a small model: embedding, one to three MoE layers, head. Sizes, names, order of nodes, order of operands and
the spelling of functions are drawn from its seed, which is printed. janus-opt recovers it; the moe operators that come out
are played (play.py) and their logits compared with those of the definition (routers.py, experts.py). A case fails when it
is not recovered, when logits differ by more than 1e-5 of the largest, or when janus-opt crashes or hangs. A row whose
choice rounding may change decides nothing: such a model is drawn anew.

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
        self.weigh_input = pattern not in ("fused", "logs", "where", "einsums") and g.random.random() < 0.15


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
        if pattern == "fused":
            y = patterns.fused(g, options, flat, routers.project(g, router, flat), router.renormalize, block)
        else:
            y = patterns.PATTERNS[pattern](g, options, flat, *routers.build(g, router, flat), block)
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
    parser.add_argument("--open", type=Path, help="cases that are known to fail")
    parser.add_argument("--keep", type=Path, help="folder for the models of failed cases")
    arguments = parser.parse_args()
    janus_opt = arguments.build / "tools/janus-opt/janus-opt"
    known = read_open(arguments.open)
    passed, failed, total = Counter(), [], Counter()
    todo = cases(arguments.count, arguments.seed)
    if arguments.case:
        seed, *kinds = arguments.case.split(",")
        todo = [(int(seed), *kinds)]
    for first, pattern, router, activation in todo:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            seed, made = draw(first, pattern, router, activation, folder)
            wrong = check(janus_opt, folder, *made)
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
    return 1 if failed or not sum(passed.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
