#!/usr/bin/env python3
"""Exported models with one thing changed: what is still recovered has to compute what the changed graph computes.

  mutate.py [--models DIR] [--build DIR] [--count N] [--seed N] [--keep DIR]

Recovery rests on equalities, not on resemblance: a graph in which a comparison is turned round, a constant is another one or
two operands have changed places is either recovered as what it now is, or not. From every model of DIR whose graph has
token ids alone as input (no cache), mutants are drawn; each that compiles as a language model is run and its logits for two
prompts compared with the reference: ONNX Runtime where it is installed, else onnx.reference. Within 2e-3 of the largest
logit. A mutant that the reference refuses says nothing, one that stays a tensor program or is refused neither.
Nothing may crash or hang. --keep keeps the graphs of mutants that fail.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx

TOLERANCE, TIMEOUT = 2e-3, 60
ALIKE = (("Add", "Sub", "Mul"), ("Sigmoid", "Tanh", "Relu", "Neg", "Exp", "Cos", "Sin", "Abs", "Sqrt"),
         ("Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"), ("ReduceSum", "ReduceMean", "ReduceMax"), ("And", "Or"),
         ("Max", "Min"))
SMALL = 64  # bytes of a constant that is changed


def reference(file: Path, prompts: list[np.ndarray]) -> list[np.ndarray]:
    """Logits of the prompts; raises where the graph is none."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator
        run = ReferenceEvaluator(str(file))
        return [run.run(None, {run.input_names[0]: ids})[0] for ids in prompts]
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    return [session.run(None, {session.get_inputs()[0].name: ids})[0] for ids in prompts]


def constants(graph: onnx.GraphProto, kind: int) -> list[onnx.TensorProto]:
    values = [a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"]
    return [t for t in [*graph.initializer, *values] if t.data_type == kind and 0 < len(t.raw_data) <= SMALL]


def change_attribute(draw: random.Random, graph: onnx.GraphProto) -> str:
    node = draw.choice([n for n in graph.node if any(a.type in (2, 7) for a in n.attribute)])
    attribute = draw.choice([a for a in node.attribute if a.type in (2, 7)])
    if attribute.type == 2:
        attribute.i = draw.choice([0, 1, -1, 2, attribute.i + 1, 1 << 40])
    elif attribute.ints:
        attribute.ints[draw.randrange(len(attribute.ints))] = draw.choice([0, 1, 2, 3, -1])
    return f"{node.op_type} '{node.name}': {attribute.name}"


def swap_operands(draw: random.Random, graph: onnx.GraphProto) -> str:
    node = draw.choice([n for n in graph.node if len(n.input) > 1])
    a, b = draw.sample(range(len(node.input)), 2)
    node.input[a], node.input[b] = node.input[b], node.input[a]
    return f"{node.op_type} '{node.name}': operands {a} and {b}"


def change_operator(draw: random.Random, graph: onnx.GraphProto) -> str:
    node = draw.choice([n for n in graph.node if any(n.op_type in names for names in ALIKE)])
    before, node.op_type = node.op_type, draw.choice(next(names for names in ALIKE if node.op_type in names))
    return f"{before} '{node.name}' -> {node.op_type}"


def change_number(draw: random.Random, graph: onnx.GraphProto) -> str:
    real = draw.random() < 0.5
    tensor = draw.choice(constants(graph, onnx.TensorProto.FLOAT if real else onnx.TensorProto.INT64))
    values = np.frombuffer(tensor.raw_data, np.float32 if real else np.int64).copy()
    i = draw.randrange(values.size)
    values[i] = draw.choice([0, 1, -1, 0.5, 2, values[i] * 1.01, -values[i]] if real else [0, 1, -1, 2, 3, 5, 1 << 33])
    tensor.raw_data = values.tobytes()
    return f"{tensor.name or 'a constant'}[{i}] = {values[i]}"


CHANGES = (change_attribute, swap_operands, change_operator, change_operator, change_number, change_number)


class Runner:
    def __init__(self, build: Path, scratch: Path):
        self.build, self.scratch = build, scratch
        self.counts = dict(mutants=0, meaningless=0, refused=0, tensor=0, recovered=0, failed=0)

    def check(self, file: Path, seed: int) -> str:
        """What is wrong; empty when nothing is."""
        count, rng = self.counts, np.random.default_rng(seed)
        count["mutants"] += 1
        artifact = self.scratch / "model.janus"
        shutil.rmtree(artifact, ignore_errors=True)
        command = [self.build / "tools/janus-compile/janus-compile", file, "--target-cpu=native", "-o", artifact]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return f"no end after {TIMEOUT} s"
        if result.returncode:
            count["refused"] += 1
            return "" if result.returncode == 1 and result.stderr.strip() else f"exit code {result.returncode}"
        manifest = json.loads((artifact / "manifest.json").read_text())
        if manifest["contract"] != "language-model":
            count["tensor"] += 1
            return ""
        prompts = [rng.integers(0, manifest["model"]["vocab"], (1, n)) for n in (13, 5)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = reference(file, prompts)
        except Exception:  # whatever the reference has against it
            count["meaningless"] += 1
            return ""
        count["recovered"] += 1
        for ids, logits in zip(prompts, expected):
            out = self.scratch / "logits.npy"
            run = [self.build / "tools/janus-run/janus-run", artifact, "--attention", "1", "--experts", "2", "--score", "--window",
                   str(ids.shape[1]), "--prompt-ids", ",".join(map(str, ids[0])), "--logits", out]
            result = subprocess.run(run, capture_output=True, text=True, timeout=TIMEOUT)
            if result.returncode:
                return result.stderr.strip()[-300:]
            found = np.load(out)
            logits = logits.reshape(found.shape) if logits.size == found.size else logits
            if found.shape != logits.shape:
                return f"logits of shape {found.shape}, expected {logits.shape}"
            error = np.abs(found - logits).max() / max(np.abs(logits).max(), 1e-30)
            if np.isfinite(logits).all() and not error <= TOLERANCE:
                return f"logits off by {error:.2e} of the largest"
        return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("models/exported"))
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    models = []
    for file in sorted(arguments.models.glob("*/model.onnx")):
        model = onnx.load(str(file), load_external_data=False)
        facts = json.loads((file.parent / "zoo.json").read_text()) if (file.parent / "zoo.json").exists() else {}
        if len(model.graph.input) == 1 and not facts.get("must_refuse"):
            models.append((file, model.SerializeToString()))
    if not models:
        print(f"no model without a cache in {arguments.models}")
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(arguments.build, Path(scratch))
        for i in range(arguments.count):
            seed = arguments.seed * 1_000_000 + i
            draw = random.Random(seed)
            file, data = draw.choice(models)
            model = onnx.load_from_string(data)
            try:
                change = draw.choice(CHANGES)(draw, model.graph)
            except IndexError:  # nothing of the kind is there
                continue
            folder = Path(scratch) / "mutant"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for beside in file.parent.glob("*"):
                if beside.suffix in (".data", ".json") and beside.name != "zoo.json":
                    shutil.copy(beside, folder)  # a link would leave the folder
            (folder / "model.onnx").write_bytes(model.SerializeToString())
            problem = runner.check(folder / "model.onnx", seed)
            if problem:
                runner.counts["failed"] += 1
                print(f"FAIL {seed} {file.parent.name}: {change}: {problem}", flush=True)
                if arguments.keep:
                    shutil.copytree(folder, arguments.keep / str(seed), dirs_exist_ok=True)
    print(f"seed {arguments.seed}: " + ", ".join(f"{number} {name}" for name, number in runner.counts.items()))
    return 1 if runner.counts["failed"] or not runner.counts["recovered"] else 0


if __name__ == "__main__":
    sys.exit(main())
