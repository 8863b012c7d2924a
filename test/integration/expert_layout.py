#!/usr/bin/env python3
"""Experts of com.microsoft.MoE in the shapes of its old description, [experts, inputs, outputs].

  expert_layout.py JANUS_COMPILE MODEL.onnx

The model's expert weights are written anew in such shapes: `rows`, the same bytes, and `columns`, transposed. Both are
refused with JNS-ONNX-012; with --moe-weight-layout each gives the packed weights of the model itself, byte for byte.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def rewritten(model: onnx.ModelProto, layout: str) -> onnx.ModelProto:
    result = onnx.ModelProto()
    result.CopyFrom(model)
    experts = {name for node in result.graph.node if node.op_type == "MoE"
               for position, name in enumerate(node.input) if position in (2, 4, 6) and name}
    for tensor in result.graph.initializer:
        if tensor.name in experts:
            weights = numpy_helper.to_array(tensor)
            e, rows, columns = weights.shape
            weights = weights.reshape(e, columns, rows) if layout == "rows" else np.ascontiguousarray(weights.transpose(0, 2, 1))
            tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    return result


def digest(artifact: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(artifact.rglob("*.safetensors"))}


def main() -> int:
    janus_compile, path = sys.argv[1], Path(sys.argv[2])
    model = onnx.load(path)
    problems = []
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)

        def compiled(file: Path, *options: str) -> subprocess.CompletedProcess:
            return subprocess.run([janus_compile, file, "-o", folder / f"{file.stem}.janus", *options], capture_output=True,
                                  text=True, timeout=300, check=False)

        if compiled(path).returncode:
            return print(f"FAIL {path} does not compile") or 1
        wanted = digest(folder / f"{path.stem}.janus")
        for layout in ("rows", "columns"):
            file = folder / f"{layout}.onnx"
            onnx.save(rewritten(model, layout), file)
            refused = compiled(file)
            if refused.returncode != 1 or "JNS-ONNX-012" not in refused.stderr or f"--moe-weight-layout={layout}" not in refused.stderr:
                problems.append(f"{layout}: expected JNS-ONNX-012 with the cure, found exit code {refused.returncode}: {refused.stderr}")
            told = compiled(file, f"--moe-weight-layout={layout}")
            if told.returncode:
                problems.append(f"{layout}: refused although told: {told.stderr}")
            elif digest(folder / f"{layout}.janus") != wanted or not wanted:
                problems.append(f"{layout}: packed weights differ")
    print("\n".join(f"FAIL {p}" for p in problems) or f"ok: {len(wanted)} files of weights equal from both layouts")
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
