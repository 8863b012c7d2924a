#!/usr/bin/env python3
"""Tensor programs whose extents, places and counts come at run time, given values that no model means: janus-run ends within
seconds and bounded memory, with outputs, or exit code 1 and a message. Never a crash, a hang, or all of the memory.

  hostile_values.py JANUS_COMPILE JANUS_RUN [--runs N] [--seed S]

Each operator that takes such numbers as an input is compiled once; N runs draw values for it. The seed is printed.
"""

import argparse
import concurrent.futures
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from onnx import TensorProto as T
from onnx import helper

SECONDS, BYTES = 60, 1 << 30
VALUES = (0, 1, 2, 3, -1, -2, 4, 5, 7, 100, 1 << 20, 1 << 31, -(1 << 31), 1 << 40, 1 << 62, (1 << 63) - 1, -(1 << 63))
FLOATS = (0.0, 1.0, -1.0, 0.5, 1e-30, 1e30, float("inf"), float("-inf"), float("nan"))

# Operator, inputs by name: (type, shape); "x" is data, all else is drawn. Attributes.
PROGRAMS = {
    "Tile": ("Tile", {"x": (T.FLOAT, [2, 3]), "repeats": (T.INT64, [2])}, {}),
    "Expand": ("Expand", {"x": (T.FLOAT, [2, 1]), "shape": (T.INT64, [2])}, {}),
    "Expand of many": ("Expand", {"x": (T.FLOAT, ["N", 1]), "shape": (T.INT64, [3])}, {}),
    "Reshape": ("Reshape", {"x": (T.FLOAT, [2, 3]), "shape": (T.INT64, [2])}, {}),
    "Reshape, zeros taken": ("Reshape", {"x": (T.FLOAT, [2, "N"]), "shape": (T.INT64, [3])}, {"allowzero": 1}),
    "Range": ("Range", {"start": (T.INT64, []), "limit": (T.INT64, []), "delta": (T.INT64, [])}, {}),
    "Range of i32": ("Range", {"start": (T.INT32, []), "limit": (T.INT32, []), "delta": (T.INT32, [])}, {}),
    "Range of f32": ("Range", {"start": (T.FLOAT, []), "limit": (T.FLOAT, []), "delta": (T.FLOAT, [])}, {}),
    "ConstantOfShape": ("ConstantOfShape", {"shape": (T.INT64, [2])}, {}),
    "Pad": ("Pad", {"x": (T.FLOAT, [2, 3]), "pads": (T.INT64, [4])}, {}),
    "Pad, reflected": ("Pad", {"x": (T.FLOAT, [2, 3]), "pads": (T.INT64, [4])}, {"mode": "reflect"}),
    "Pad, edge": ("Pad", {"x": (T.FLOAT, [2, 3]), "pads": (T.INT64, [4])}, {"mode": "edge"}),
    "Pad, wrapped": ("Pad", {"x": (T.FLOAT, [2, "N"]), "pads": (T.INT64, [4])}, {"mode": "wrap"}),
    "Trilu": ("Trilu", {"x": (T.FLOAT, [3, 4]), "k": (T.INT64, [])}, {}),
    "Trilu, lower": ("Trilu", {"x": (T.FLOAT, ["N", 4]), "k": (T.INT64, [])}, {"upper": 0}),
    "CumSum": ("CumSum", {"x": (T.FLOAT, [3, 4]), "axis": (T.INT64, [])}, {}),
    "CumSum of i32": ("CumSum", {"x": (T.FLOAT, [3, 4]), "axis": (T.INT32, [])}, {"exclusive": 1, "reverse": 1}),
    "OneHot": ("OneHot", {"indices": (T.INT64, [3]), "depth": (T.INT64, []), "values": (T.FLOAT, [2])}, {}),
    "TopK": ("TopK", {"x": (T.FLOAT, [3, 4]), "k": (T.INT64, [1])}, {}),
    "Slice": ("Slice", {"x": (T.FLOAT, [4, 5]), "starts": (T.INT64, [1]), "ends": (T.INT64, [1])}, {}),
    "Slice with axes and steps": ("Slice", {"x": (T.FLOAT, [4, "N"]), "starts": (T.INT64, [2]), "ends": (T.INT64, [2]), "axes": (T.INT64, [2]), "steps": (T.INT64, [2])}, {}),
    "Split": ("Split", {"x": (T.FLOAT, [4, 6]), "split": (T.INT64, [2])}, {"axis": 1}),
    "Gather": ("Gather", {"x": (T.FLOAT, [4, 5]), "indices": (T.INT64, [3])}, {}),
    "GatherElements": ("GatherElements", {"x": (T.FLOAT, [4, 5]), "indices": (T.INT64, [2, 2])}, {}),
    "GatherND": ("GatherND", {"x": (T.FLOAT, [4, 5]), "indices": (T.INT64, [2, 2])}, {}),
    "ScatterElements": ("ScatterElements", {"x": (T.FLOAT, [4, 5]), "indices": (T.INT64, [2, 2]), "updates": (T.FLOAT, [2, 2])}, {}),
    "ScatterND": ("ScatterND", {"x": (T.FLOAT, [4, 5]), "indices": (T.INT64, [2, 2]), "updates": (T.FLOAT, [2])}, {"reduction": "add"}),
    "Unsqueeze": ("Unsqueeze", {"x": (T.FLOAT, [4, 5]), "axes": (T.INT64, [1])}, {}),
    "ReduceSum": ("ReduceSum", {"x": (T.FLOAT, [4, 5]), "axes": (T.INT64, [1])}, {}),
    "Div": ("Div", {"a": (T.INT64, [4]), "b": (T.INT64, [4])}, {}),
    "Mod": ("Mod", {"a": (T.INT32, [4]), "b": (T.INT32, [4])}, {}),
    "Pow": ("Pow", {"a": (T.INT64, [4]), "b": (T.INT64, [4])}, {}),
    "BitShift": ("BitShift", {"a": (T.UINT32, [4]), "b": (T.UINT32, [4])}, {"direction": "LEFT"}),
    "Cast": ("Cast", {"a": (T.FLOAT, [4])}, {"to": T.INT32}),
    "TensorScatter": ("TensorScatter", {"x": (T.FLOAT, [2, 4, 3]), "update": (T.FLOAT, [2, 1, 3]), "write_indices": (T.INT64, [2])}, {"axis": 1}),
    "RotaryEmbedding": ("RotaryEmbedding", {"x": (T.FLOAT, [1, 2, 3, 4]), "cos": (T.FLOAT, [5, 2]), "sin": (T.FLOAT, [5, 2]), "position_ids": (T.INT64, [1, 3])}, {}),
}


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def call(*command: object) -> tuple[int | None, str]:
    try:
        run = subprocess.run(list(map(str, command)), capture_output=True, timeout=SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return None, f"no end after {SECONDS} s"
    return run.returncode, run.stderr.decode(errors="replace")


def compile_program(janus_compile: str, name: str, folder: Path) -> str:
    op, inputs, attributes = PROGRAMS[name]
    outputs = ["y", "z"] if op in ("TopK", "Split") else ["y"]
    node = helper.make_node(op, list(inputs), outputs, name=op, **attributes)
    graph = helper.make_graph([node], "g", [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
                              [helper.make_tensor_value_info(o, T.INT64 if (op, o) == ("TopK", "z") else T.FLOAT if "x" in inputs or op in ("OneHot", "ConstantOfShape") else
                                                             attributes.get("to", next(iter(inputs.values()))[0]), None) for o in outputs])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 24)], ir_version=10)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    code, message = call(janus_compile, folder / "model.onnx", "-o", folder / "model.janus", "--target-cpu=x86-64-v3")
    return "" if code == 0 else "refused" if code == 1 and "JNS-ONNX-" in message else f"exit code {code}: {message[-300:]}"


def draw(kind: int, shape: list[int], rng: random.Random) -> np.ndarray:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    count = int(np.prod(shape))
    if np.issubdtype(dtype, np.floating):
        values = [rng.choice(FLOATS) for _ in range(count)]
    else:
        info = np.iinfo(dtype)
        pool = VALUES[:7] if rng.random() < 0.3 else VALUES
        values = [min(max(rng.choice(pool), info.min), info.max) for _ in range(count)]
    return np.array(values, dtype=dtype).reshape(shape)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("janus_run")
    parser.add_argument("--runs", type=int, default=10, help="of each operator")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    names = [n for n in PROGRAMS if arguments.only in (None, n)]
    print(f"{len(names)} programs, {arguments.runs} runs each; --seed {seed}", flush=True)
    totals = {"done": 0, "errors": 0, "refused": 0, "failed": 0}

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(name: str) -> list[str]:
            rng, here, lines = random.Random(f"{seed}/{name}"), Path(folder) / str(names.index(name)), []
            here.mkdir()
            wrong = compile_program(arguments.janus_compile, name, here)
            if wrong:
                totals["refused" if wrong == "refused" else "failed"] += 1
                return [] if wrong == "refused" else [f"FAIL {name} compiles: {wrong}"]
            for i in range(arguments.runs):
                size, options = rng.choice((0, 1, 3)), []
                for input_, (kind, shape) in PROGRAMS[name][1].items():
                    value = draw(kind, [size if isinstance(d, str) else d for d in shape], rng)
                    np.save(here / f"{input_}.npy", value)
                    options += ["--input", f"{input_}={here / f'{input_}.npy'}"]
                code, message = call(arguments.janus_run, here / "model.janus", *options, "--output-dir", here / "out")
                totals["done" if code == 0 else "errors"] += 1
                if code not in (0, 1) or (code == 1 and not message.strip()):
                    given = {n: np.load(here / f"{n}.npy").tolist() for n in PROGRAMS[name][1]}
                    lines.append(f"FAIL {name} run {i}: exit code {code}: {message[-300:]} given {given}")
            totals["failed"] += len(lines)
            return lines

        for lines in pool.map(run, names):
            for line in lines:
                print(line, flush=True)
    print(f"{totals['done']} ran, {totals['errors']} ended with an error, {totals['refused']} programs not compiled, {totals['failed']} failed")
    return 1 if totals["failed"] or not totals["done"] else 0


if __name__ == "__main__":
    sys.exit(main())
