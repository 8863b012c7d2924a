#!/usr/bin/env python3
"""Exported models that are kept elsewhere, against their golden outputs.

  zoo.py [--zoo DIR] [--build DIR]

DIR holds a folder for each model: *.onnx, external data, golden.safetensors. The models of TIER_1 compile and give ONNX
Runtime's tokens and logits (golden.py). Every other model is compiled too: a line says which stage it reached and why
it stopped, which is no failure; a crash, a hang, no message, an output left behind, or a model that compiles and gives
other logits than the golden ones is. What stays a tensor program runs the golden prompt without a past: logits within
1e-3 of the largest, 2e-2 in a model of float16 or bfloat16. Without the folder it prints 'skipped: no data'.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import golden
import safetensors

TIER_1 = ("scribe", "genai-gpt_oss-fp32-fullkv")
BYTE_LEVEL = ("scribe",)
STAGES = ("import", "recover", "partition", "communicate", "schedule", "lower", "target")
TIMEOUT = 120  # seconds for one model


def stage_after(dumps: Path) -> str:
    """The first stage that left no dump: it is the one that stopped."""
    return next((s for s in STAGES if not (dumps / f"{s}.mlir").exists()), STAGES[-1])


def reason(text: str) -> str:
    lines = text.splitlines()
    errors = [line for line in lines if re.search(r"error[:\[]", line)] or lines
    return f"{errors[0][:160]}{'...' if len(errors[0]) > 160 else ''}" if errors else ""


NARROW_TOLERANCE = 2e-2
DTYPES = {"f16": np.float16, "bf16": "V2", "f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "bool": np.bool_}


def prefill_inputs(contract: dict, tensors: dict, folder: Path) -> dict[str, np.ndarray]:
    """Inputs of a tensor program by name: the golden ones, and for all others a past of no positions."""
    given, extents = {}, {}
    for entry in contract["inputs"]:
        value = tensors.get(f"prefill.{entry['name']}")
        if value is not None:
            given[entry["name"]] = value.reshape([]) if not entry["dims"] else value
            extents.update((d, n) for d, n in zip(entry["dims"], value.shape) if isinstance(d, str))
    config = folder / "genai_config.json"
    if config.exists():
        extents.setdefault("kv_cache_dim", json.loads(config.read_text())["model"]["decoder"]["head_size"])
    for entry in contract["inputs"]:
        shape = [d if isinstance(d, int) else extents.get(d, 0) for d in entry["dims"]]
        given.setdefault(entry["name"], np.zeros(shape, DTYPES[entry["type"]]))
    return given


def stored_narrow(folder: Path) -> bool:
    """Whether the golden outputs were computed in f16 or bf16, which we compute in f32."""
    facts = folder / "zoo.json"
    return facts.exists() and json.loads(facts.read_text()).get("dtype") in ("float16", "bfloat16")


def check_prefill(report: golden.Report, name: str, janus_run: Path, artifact: Path, folder: Path, scratch: Path) -> None:
    contract = json.loads((artifact / "manifest.json").read_text())["tensor"]
    file = folder / "golden.safetensors"
    tensors = safetensors.load(file) if file.exists() else {}
    if "prefill.logits" not in tensors or all(o["name"] != "logits" for o in contract["outputs"]):
        return
    given = prefill_inputs(contract, tensors, folder)
    if any(isinstance(d, int) and d != n for e in contract["inputs"] for d, n in zip(e["dims"], given[e["name"]].shape)):
        return  # a graph of one token a call: the golden prompt is for its twin
    arguments = []
    for i, (key, value) in enumerate(given.items()):
        np.save(scratch / f"{i}.npy", value)
        arguments += ["--input", f"{key}={scratch / f'{i}.npy'}"]
    golden.run(janus_run, artifact, *arguments, "--output-dir", scratch / "out")
    found = np.load(scratch / "out/logits.npy")
    if found.dtype.kind == "V":  # bfloat16: the upper half of a float32
        found = (found.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    narrow = any(e["type"] in ("f16", "bf16") for e in contract["inputs"] + contract["outputs"])
    error = golden.distance(found.astype(np.float32), tensors["prefill.logits"])
    report.check(f"{name} tensor prefill logits", error <= (NARROW_TOLERANCE if narrow else 1e-3), f"{error:.2e}")


def check_model(report: golden.Report, file: Path, name: str, build: Path, scratch: Path) -> None:
    artifact, dumps = scratch / "model.janus", scratch / "dumps"
    command = [build / "tools/janus-compile/janus-compile", file, "-o", artifact, f"--dump-stages-to={dumps}"]
    if file.parent.name in BYTE_LEVEL:
        command.append("--tokenizer=bytes")
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        report.check(f"{name} compiles or says why not", False, f"no end after {TIMEOUT} s, after stage {stage_after(dumps)}")
        return
    tier_1 = file.parent.name in TIER_1
    if result.returncode and not tier_1:
        left = [p.name for p in scratch.iterdir() if p != dumps]
        ok = result.returncode == 1 and reason(result.stderr) != "" and not left
        report.check(f"{name} compiles or says why not", ok, f"stopped in {stage_after(dumps)}: {reason(result.stderr)}" if ok
                     else f"exit code {result.returncode}, left {left}: {result.stderr[-500:]}")
        return
    contract = json.loads((artifact / "manifest.json").read_text())["contract"] if result.returncode == 0 else "no artifact"
    language = contract == "language-model"
    report.check(f"{name} compiles", language or not tier_1 and result.returncode == 0, f"{contract}; {reason(result.stderr) or 'no complaint'}")
    try:
        if result.returncode == 0 and not language:
            check_prefill(report, name, build / "tools/janus-run/janus-run", artifact, file.parent, scratch)
        if not language:
            return
        golden.check_language(report, name, build / "tools/janus-run/janus-run", artifact,
                              safetensors.load(file.parent / "golden.safetensors"), file.parent, scratch,
                              NARROW_TOLERANCE if stored_narrow(file.parent) else golden.TOLERANCE)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        report.check(name, False, str(error))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, help="folder with a folder for each model")
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    arguments = parser.parse_args()
    if not arguments.zoo or not arguments.zoo.is_dir():
        print("skipped: no data")
        return 0
    report = golden.Report()
    for name in TIER_1:
        if not (arguments.zoo / name).is_dir():
            report.check(name, False, f"no folder of that name in {arguments.zoo}")
    for file in sorted(arguments.zoo.glob("*/*.onnx")):
        name = file.parent.name if file.name == "model.onnx" else f"{file.parent.name}/{file.name}"
        with tempfile.TemporaryDirectory() as scratch:
            check_model(report, file, name, arguments.build, Path(scratch))
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
