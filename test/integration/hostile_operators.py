#!/usr/bin/env python3
"""Every operator of the onnx dialect with hostile types, ranks, extents, attributes and constants: janus-compile ends within
seconds and bounded memory, with exit code 0, or 1 and an error. Never a crash, a hang, or silence.

  hostile_operators.py JANUS_COMPILE SOURCE_DIR [--cases N] [--seed S] [--only OPERATOR] [--keep DIR]

Operators, their inputs and attributes are read from the dialect (llvm-tblgen). A case is one node; `--keep` leaves the models
that failed. The seed is printed. Half of the cases are valid but for one thing, so that what lies behind the first check is reached.
"""

import argparse
import concurrent.futures
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
import onnx
from onnx import TensorProto as T
from onnx import helper

SECONDS, BYTES = 60, 4 << 30
INTEGERS = (0, 1, -1, 2, 3, 7, 64, 2**31 - 1, -2**31, 2**40, 2**62, 2**63 - 1, -2**63)
FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 3e38, float("inf"), float("-inf"), float("nan"), 0.5)
TEXTS = ("", "add", "mul", "max", "constant", "NONE", "int", "swiglu", "relu", "linear", "ij,jk->ik", "...", "i->", "ij,ij", "\u2028", "x" * 100_000)
TYPES = tuple(range(1, 24))
GOOD_TYPES = (T.FLOAT, T.FLOAT, T.INT64, T.INT32, T.BOOL, T.FLOAT16, T.UINT8, T.DOUBLE, T.BFLOAT16)
EXTENTS = (0, 1, 2, 3, 4, "N", "M", None, 2**31, 2**40, 2**40 + 1, 2**62, -1)
GOOD_EXTENTS = (1, 2, 4, 8, "N", 4, 8)


def operators(source: Path) -> list[dict]:
    tblgen = shutil.which("llvm-tblgen-22") or "/usr/lib/llvm-22/bin/llvm-tblgen"
    include = Path(tblgen).resolve().parents[1] / "include"
    text = subprocess.run([tblgen, "--dump-json", f"-I{include}", f"-I{source}", source / "dialects/onnx/IR/OnnxOps.td"],
                          capture_output=True, text=True, check=True).stdout
    records, found = json.loads(text), []
    for record in records.values():
        if not isinstance(record, dict) or "Onnx_Op" not in record.get("!superclasses", []):
            continue
        inputs, attributes = [], []
        for value, name in record["arguments"]["args"]:
            kind = records[value["def"]]
            classes = kind.get("!superclasses", [])
            if "Attr" in classes:
                attributes.append((name, kind["storageType"].rsplit("::", 1)[-1]))
            else:
                inputs.append("v" if "Variadic" in classes else "o" if "Optional" in classes else "r")
        found.append({"type": record["opName"].removeprefix("microsoft."), "inputs": inputs, "attributes": attributes,
                      "outputs": len(record["results"]["args"]), "domain": "com.microsoft" if '"com.microsoft"' in json.dumps(record).replace("\\", "") else ""})
    return sorted(found, key=lambda op: (op["domain"], op["type"]))


class Case:
    """One node and what it reads."""

    def __init__(self, op: dict, rng: random.Random):
        self.op, self.rng = op, rng
        self.mild = rng.random() < 0.5
        self.inputs, self.initializers = [], []
        self.rank = rng.choice((2, 2, 3, 3, 4))
        self.common = [rng.choice(GOOD_EXTENTS) for _ in range(self.rank)]
        self.type = rng.choice(GOOD_TYPES)

    def dims(self) -> list:
        if self.rng.random() < (0.85 if self.mild else 0.4):
            return self.common if self.rng.random() < 0.6 else self.common[self.rng.randrange(self.rank):]
        rank = self.rng.choice((0, 1, 1, 2, 3, 4, 5, 17))
        return [self.rng.choice(EXTENTS) for _ in range(rank)]

    def constant(self, name: str) -> None:
        """A small constant, often of integers that no shape or index should be."""
        rng, count = self.rng, self.rng.choice((0, 1, 1, 2, 3, 4, 1000))
        kind = rng.choice((T.INT64, T.INT64, T.INT32, T.FLOAT, T.BOOL, T.UINT8))
        dims = rng.choice(([count], [count], [1, count], [] if count == 1 else [count]))
        if kind in (T.INT64, T.INT32):
            limit = 2**63 if kind == T.INT64 else 2**31
            values = [v for v in (rng.choice(INTEGERS[:7] if rng.random() < 0.5 else INTEGERS) for _ in range(count))]
            values = [min(max(v, -limit), limit - 1) for v in values]
        elif kind == T.FLOAT:
            values = [rng.choice(FLOATS) for _ in range(count)]
        else:
            values = [rng.randrange(2) for _ in range(count)]
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        raw = np.array(values, dtype=dtype).tobytes()
        tensor = T(name=name, data_type=kind, dims=dims, raw_data=raw)
        if rng.random() < 0.03:
            tensor.dims.append(rng.choice((-1, 2**62, 0)))
        self.initializers.append(tensor)

    def read(self, i: int, kind: str) -> str:
        rng = self.rng
        if (kind == "o" and rng.random() < 0.5) or (kind == "r" and rng.random() < (0.0 if self.mild else 0.05)):
            return ""
        name = f"x{i}"
        if i and rng.random() < 0.45:
            self.constant(name)
        else:
            type_ = self.type if rng.random() < (0.9 if self.mild else 0.5) else rng.choice(TYPES)
            self.inputs.append(helper.make_tensor_value_info(name, type_, self.dims()))
        return name

    def attribute(self, name: str, storage: str) -> onnx.AttributeProto:
        rng = self.rng
        if not self.mild and rng.random() < 0.1:
            storage = rng.choice(("IntegerAttr", "FloatAttr", "StringAttr", "DenseI64ArrayAttr", "DenseF32ArrayAttr", "ElementsAttr"))
        small = INTEGERS[:7] if self.mild and rng.random() < 0.8 else INTEGERS
        if storage in ("IntegerAttr", "BoolAttr"):
            return helper.make_attribute(name, rng.choice(small))
        if storage == "FloatAttr":
            return helper.make_attribute(name, rng.choice(FLOATS))
        if storage == "StringAttr":
            return helper.make_attribute(name, rng.choice(TEXTS))
        if storage == "DenseI64ArrayAttr":
            values = [rng.choice(small) for _ in range(rng.choice((1, 1, self.rank, self.rank * 2, 1000)))]
            return helper.make_attribute(name, values)
        if storage == "DenseF32ArrayAttr":
            return helper.make_attribute(name, [rng.choice(FLOATS) for _ in range(rng.choice((1, 3, 1000)))])
        return helper.make_attribute(name, helper.make_tensor("t", T.INT64, [1], [rng.choice(INTEGERS)]))

    def model(self) -> bytes:
        rng, op = self.rng, self.op
        kinds = list(op["inputs"])
        if kinds and kinds[-1] == "v":
            kinds = kinds[:-1] + ["r"] * rng.choice((0, 1, 2, 3, 40))
        names = [self.read(i, kind) for i, kind in enumerate(kinds)]
        if not self.mild and rng.random() < 0.05:
            names = names[:-1] if rng.random() < 0.5 else names + ["x0"]
        outputs = [f"y{i}" if not i or rng.random() < 0.5 else "" for i in range(max(op["outputs"], 1))]
        node = helper.make_node(op["type"], names, outputs, name="the node", domain=op["domain"])
        for name, storage in op["attributes"]:
            if rng.random() < 0.6:
                node.attribute.append(self.attribute(name, storage))
        if not self.inputs:
            self.inputs.append(helper.make_tensor_value_info("unused", T.FLOAT, ["N"]))
        nodes = [node]
        for i, name in enumerate(names):  # what is not known before the run
            if name and rng.random() < 0.15:
                nodes.insert(0, helper.make_node(rng.choice(("Identity", "Abs", "NonZero")), [name], [f"n{i}"]))
                node.input[i] = f"n{i}"
        results = [onnx.ValueInfoProto(name=name, type=helper.make_tensor_type_proto(rng.choice((T.FLOAT, self.type)), None)) for name in outputs if name]
        graph = helper.make_graph(nodes, "hostile", self.inputs, results, self.initializers)
        opsets = [helper.make_opsetid("", rng.choice((13, 17, 21, 23, 24, 25, 28))), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def limits() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def complaint(janus_compile: str, path: Path, whole: bool) -> str:
    """Empty where the run was as it should be."""
    command = [janus_compile, path, "-o", path.with_suffix(".janus"), "--target-cpu=x86-64-v3"] if whole else [janus_compile, path, "--to=lower", "-o", os.devnull]
    try:
        run = subprocess.run(command, capture_output=True, timeout=SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return f"no end after {SECONDS} s"
    shutil.rmtree(path.with_suffix(".janus"), ignore_errors=True)
    message = run.stderr.decode(errors="replace")
    if run.returncode not in (0, 1) or (run.returncode == 1 and "error" not in message):
        return f"exit code {run.returncode}: {message[-400:]}"
    if run.returncode == 1 and "JNS-ONNX-" not in message:
        return f"an error without a code: {message[-400:]}"
    return f"{len(message)} bytes of messages" if len(message) > 100_000 else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("janus_compile")
    parser.add_argument("source", type=Path)
    parser.add_argument("--cases", type=int, default=270)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--only", help="one operator")
    parser.add_argument("--keep", type=Path, help="where models that fail are left")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 31)
    known = [op for op in operators(arguments.source) if arguments.only in (None, op["type"])]
    print(f"{len(known)} operators, {sum(op['domain'] != '' for op in known)} of com.microsoft; {arguments.cases} cases; --seed {seed}", flush=True)
    failures: dict[str, int] = {}

    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        def run(i: int) -> tuple[int, dict, str]:
            rng, op = random.Random(f"{seed}/{i}"), known[i % len(known)]
            path = Path(folder) / f"{i}.onnx"
            path.write_bytes(Case(op, rng).model())
            text = complaint(arguments.janus_compile, path, whole=i % 8 == 0)
            if text and arguments.keep:
                arguments.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, arguments.keep / f"{op['type']}-{seed}-{i}.onnx")
            path.unlink()
            return i, op, text

        for i, op, text in pool.map(run, range(arguments.cases)):
            if text:
                failures[op["type"]] = failures.get(op["type"], 0) + 1
                print(f"FAIL case {i}, {op['domain'] or 'ai.onnx'}.{op['type']}: {text}", flush=True)
    print(f"{arguments.cases - sum(failures.values())} passed, {sum(failures.values())} failed {failures or ''}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
