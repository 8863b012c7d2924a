#!/usr/bin/env python3
"""Compares compiled models with ONNX Runtime's golden outputs.

For each model folder: compile it, then check with janus-run, over several (m, n):
  gen      greedy tokens equal, logits of every step within the tolerance;
  prefill  logits of every row (--score --logits);
  batch    several prompts at once (--prompts), each row's logits;
  validation (where a golden has it) bits per byte within 0.1 %;
  tensor   the same file as --contract=tensor gives the named output tensors from the named inputs.
Tolerance: 2e-4 of the largest golden logit. Prints a line a case and closes with 'N passed, N failed'.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import safetensors

TOLERANCE = 2e-4
SPLITS = ((1, 1), (2, 3))


class Report:
    passed = failed = 0

    def check(self, name: str, ok: bool, detail: str) -> None:
        self.passed, self.failed = self.passed + ok, self.failed + (not ok)
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {detail}", flush=True)


def run(*command: object) -> subprocess.CompletedProcess:
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600)
    if result.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\nexit code {result.returncode}\n{result.stderr[-2000:]}")
    return result


def distance(found: np.ndarray, golden: np.ndarray) -> float:
    if found.shape != golden.shape:
        return math.inf
    return float(np.abs(found.astype(np.float64) - golden).max() / max(np.abs(golden).max(), 1e-30))


def ids_text(ids: np.ndarray) -> str:
    return ",".join(str(int(i)) for i in ids)


def check_language(report: Report, name: str, janus_run: Path, artifact: Path, golden: dict, folder: Path, scratch: Path,
                   tolerance: float = TOLERANCE) -> None:
    for m, n in SPLITS:
        where = f"{name} ({m},{n})"
        split = ["--attention", m, "--experts", n]
        logits_file = scratch / "logits.npy"
        out = run(janus_run, artifact, *split, "--prompt-ids", ids_text(golden["gen.prompt"][0]), "--max-new-tokens",
                  len(golden["gen.tokens"]), "--print-ids", "--logits", logits_file).stdout
        found = [int(t) for t in out.strip().splitlines()[-1].split(",")]
        report.check(f"{where} gen tokens", found == golden["gen.tokens"].tolist(), f"{len(found)} tokens")
        error = distance(np.load(logits_file), golden["gen.logits"])
        report.check(f"{where} gen logits", error <= tolerance, f"{error:.2e}")

        run(janus_run, artifact, *split, "--score", "--prompt-ids", ids_text(golden["prefill.input_ids"][0]), "--window",
            golden["prefill.input_ids"].shape[1], "--logits", logits_file)
        error = distance(np.load(logits_file), golden["prefill.logits"][0])
        report.check(f"{where} prefill logits", error <= tolerance, f"{error:.2e}")

    prompts = scratch / "prompts.jsonl"
    rows = golden["batch.input_ids"]
    prompts.write_text("".join(json.dumps({"prompt_ids": row.tolist(), "max_new_tokens": 1}) + "\n" for row in rows))
    run(janus_run, artifact, "--attention", 2, "--experts", 3, "--prompts", prompts, "--print-ids", "--logits", scratch / "batch.npy")
    files = sorted(scratch.glob("batch*.npy"))
    found = np.concatenate([np.load(f)[-1:] for f in files]) if files else np.empty(0)
    mask = golden.get("batch.attention_mask")
    if mask is None or mask.all():
        error = distance(found, golden["batch.logits"][:, -1])
        report.check(f"{name} batch logits", error <= tolerance, f"{error:.2e}, {len(files)} prompts")

    if "validation.bits_per_byte" in golden:
        result = run(janus_run, artifact, "--attention", 2, "--experts", 3, "--score", "--prompt-file", folder / "validation.txt", "--window", 256)
        match = re.search(r"([0-9.]+) bits per byte", result.stdout)
        found_bits, golden_bits = float(match.group(1)) if match else math.nan, float(golden["validation.bits_per_byte"])
        report.check(f"{name} validation", abs(found_bits / golden_bits - 1) <= 1e-3, f"{found_bits} bits per byte, golden {golden_bits:.4f}")


def check_tensor(report: Report, name: str, janus_run: Path, artifact: Path, tensors: dict, scratch: Path) -> None:
    arguments = []
    for key, value in tensors.items():
        if key.startswith("in."):
            file = scratch / f"{key}.npy"
            np.save(file, value)
            arguments += ["--input", f"{key[3:]}={file}"]
    out = scratch / "out"
    run(janus_run, artifact, *arguments, "--output-dir", out)
    for key, value in tensors.items():
        if key.startswith("out."):
            file = out / f"{key[4:]}.npy"
            error = distance(np.load(file), value) if file.exists() else math.inf
            report.check(f"{name} tensor {key[4:]}", error <= TOLERANCE, f"{error:.2e}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--contract", choices=["language", "tensor", "both"], default="both")
    parser.add_argument("models", type=Path, nargs="+", help="folders with model.onnx and goldens")
    arguments = parser.parse_args()
    janus_compile = arguments.build / "tools/janus-compile/janus-compile"
    janus_run = arguments.build / "tools/janus-run/janus-run"
    report = Report()
    for folder in arguments.models:
        with tempfile.TemporaryDirectory() as temporary:
            scratch = Path(temporary)
            try:
                if arguments.contract != "tensor":
                    golden = safetensors.load(folder / "golden.safetensors")
                    tokenizer = ["--tokenizer=bytes"] if "validation.bits_per_byte" in golden else []
                    run(janus_compile, folder / "model.onnx", "-o", scratch / "lm.janus", *tokenizer)
                    check_language(report, folder.name, janus_run, scratch / "lm.janus", golden, folder, scratch)
                if arguments.contract != "language":
                    run(janus_compile, folder / "model.onnx", "-o", scratch / "tensor.janus", "--contract=tensor")
                    check_tensor(report, folder.name, janus_run, scratch / "tensor.janus", safetensors.load(folder / "tensor.safetensors"), scratch)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                report.check(folder.name, False, str(error))
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
