#!/usr/bin/env python3
"""Exported models against their golden outputs: recovered, right, and the same however they are split.

  zoo.py [--zoo DIR ...] [--build DIR] [--only TEXT] [--results FILE]

Each DIR holds a folder for each model: *.onnx or a prefill.onnx and decode.onnx, external data, golden.safetensors,
zoo.json. For each model:
  recovered  a language model with as many MoE layers and attentions, or layers with a state of their own, as zoo.json says;
             a wrong export (must_refuse) is
             refused with JNS-ONNX-020 or 040 instead;
  parity     greedy tokens and logits by step, prompt and batch (golden.py): within 1e-3 of the largest golden logit, 2e-2
             where the golden outputs were computed in f16 or bf16 (we compute in f32); tokens equal for f32;
  split      logits of the prompt and of every generated token have the same bytes for every (m, n) of SPLITS as for (1, 1).
Models that share their weights (SAME_WEIGHTS) give one moe IR but for where weights are stored, and locations.
OPEN names what is not recovered yet, with the reason; such a model runs as a tensor program, and its prompt's logits are
compared. A table at the end; --results writes it as JSON. Without a folder it prints 'skipped: no data'.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import golden
import safetensors

SPLITS = ((2, 3), (1, 6), (3, 2))
OPEN = {}
SAME_WEIGHTS = (
    ("hf-qwen3_moe-batched", "hf-qwen3_moe-grouped", "hf-qwen3_moe-nomask", "hf-qwen3_moe-ortcpu-b1", "hf-qwen3_moe-ortcuda",
     "dynamo-qwen3_moe-dense", "dynamo-qwen3_moe-equal", "dynamo-qwen3_moe-loop"),
    ("hf-mixtral-batched", "hf-mixtral-ortcuda", "hf-mixtral-ortcuda-split", "dynamo-mixtral-equal", "torchscript-mixtral-equal"),
    ("mobius-mixtral-std", "mobius-mixtral-cpu"),
    ("mobius-qwen3_moe-std", "mobius-qwen3_moe-cpu"),
    ("genai-gpt_oss-fp32", "genai-gpt_oss-fp32-fullkv"),
)
TIMEOUT = 120  # seconds for one model
TOLERANCE, NARROW_TOLERANCE = 1e-3, 2e-2
DTYPES = {"f16": np.float16, "bf16": "V2", "f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64, "bool": np.bool_}


class Model:
    """A model's folder, and what was found out about it."""

    def __init__(self, folder: Path):
        self.folder, self.name = folder, folder.name
        files = sorted(folder.glob("*.onnx"))
        self.input = folder if len(files) == 2 else files[0]
        facts = folder / "zoo.json"
        self.facts = json.loads(facts.read_text()) if facts.exists() else {}
        self.must_refuse = bool(self.facts.get("must_refuse"))
        self.narrow = self.facts.get("dtype") in ("float16", "bfloat16")
        tensors = folder / "golden.safetensors"
        self.golden = safetensors.load(tensors) if tensors.exists() else {}
        self.row = {"model": self.name, "pattern": self.facts.get("pattern", ""), "exporter": self.facts.get("exporter", "")}

    @property
    def tolerance(self) -> float:
        return NARROW_TOLERANCE if self.narrow else TOLERANCE


class Check(golden.Report):
    """Notes in the model's row what it checks: the largest error, and whether all was well."""

    def __init__(self):
        self.row, self.key = {}, ""

    def check(self, name: str, ok: bool, detail: str) -> None:
        super().check(name, ok, detail)
        error = re.match(r"(\d\.\d+e[+-]\d+|inf|nan)", detail)
        if self.key and error:
            self.row[self.key] = max(self.row.get(self.key, 0.0), float(error.group(1)))
        self.row["ok"] = self.row.get("ok", True) and ok


def first_complaint(text: str) -> str:
    lines = [line for line in text.splitlines() if re.search(r"error[:\[]|warning", line)] or text.splitlines()
    return lines[0][:220] if lines else ""


def check_refused(report: Check, model: Model, result: subprocess.CompletedProcess, artifact: Path) -> None:
    codes = re.findall(r"JNS-ONNX-0(?:20|40)", result.stderr)
    model.row["verdict"] = f"refused: {codes[0]}" if codes else "not refused"
    report.check(f"{model.name} is refused", result.returncode == 1 and bool(codes) and not artifact.exists(),
                 first_complaint(result.stderr))


def check_recovered(report: Check, model: Model, ir: str) -> None:
    layers, dense = model.facts.get("layers"), model.facts.get("dense_layers", 0)
    attentions, mixtures = ir.count(" moe.attention "), ir.count(" moe.experts ")
    attentions += len(re.findall(r" moe\.sequence (?!.*\bhistory = )", ir))  # layers with a state of their own
    model.row.update(moe=mixtures, attention=attentions)
    expected = (layers, layers - dense) if layers is not None else (attentions, mixtures)
    report.check(f"{model.name} recovered", mixtures > 0 and (attentions, mixtures) == expected,
                 f"attention {attentions} of {expected[0]}, MoE {mixtures} of {expected[1]} layers")


def check_parity(report: Check, model: Model, janus_run: Path, artifact: Path, scratch: Path) -> None:
    report.key = "parity"
    golden.check_language(report, model.name, janus_run, artifact, model.golden, model.folder, scratch, model.tolerance)
    report.key = ""


def check_splits(report: Check, model: Model, janus_run: Path, artifact: Path, scratch: Path) -> None:
    def digest(m: int, n: int) -> str:
        split, whole = ["--attention", m, "--experts", n], hashlib.sha256()
        for extra in (["--max-new-tokens", 12, "--print-ids", "--prompt-ids", golden.ids_text(model.golden["gen.prompt"][0])],
                      ["--score", "--window", model.golden["prefill.input_ids"].shape[1], "--prompt-ids",
                       golden.ids_text(model.golden["prefill.input_ids"][0])]):
            golden.run(janus_run, artifact, *split, *extra, "--logits", scratch / "split.npy")
            whole.update((scratch / "split.npy").read_bytes())
        return whole.hexdigest()

    one = digest(1, 1)
    different = [f"({m},{n})" for m, n in SPLITS if digest(m, n) != one]
    model.row["split"] = not different
    report.check(f"{model.name} splits", not different, f"other bytes than (1,1): {', '.join(different)}" if different else
                 "equal bytes for (1,1) " + " ".join(f"({m},{n})" for m, n in SPLITS))


def tensor_inputs(contract: dict, model: Model) -> dict[str, np.ndarray]:
    """Inputs of a tensor program by name: the golden ones, and for all others a past of no positions."""
    given, extents = {}, {}
    for entry in contract["inputs"]:
        value = model.golden.get(f"prefill.{entry['name']}")
        if value is not None:
            given[entry["name"]] = value.reshape([]) if not entry["dims"] else value
            extents.update((d, n) for d, n in zip(entry["dims"], value.shape) if isinstance(d, str))
    config = model.folder / "genai_config.json"
    if config.exists():
        extents.setdefault("kv_cache_dim", json.loads(config.read_text())["model"]["decoder"]["head_size"])
    for entry in contract["inputs"]:
        shape = [d if isinstance(d, int) else extents.get(d, 0) for d in entry["dims"]]
        given.setdefault(entry["name"], np.zeros(shape, DTYPES[entry["type"]]))
    return given


def check_tensor_program(report: Check, model: Model, janus_run: Path, artifact: Path, scratch: Path) -> None:
    contract = json.loads((artifact / "manifest.json").read_text())["tensor"]
    if "prefill.logits" not in model.golden or all(o["name"] != "logits" for o in contract["outputs"]):
        return
    arguments = []
    for i, (key, value) in enumerate(tensor_inputs(contract, model).items()):
        np.save(scratch / f"{i}.npy", value)
        arguments += ["--input", f"{key}={scratch / f'{i}.npy'}"]
    golden.run(janus_run, artifact, *arguments, "--output-dir", scratch / "out")
    found = np.load(scratch / "out/logits.npy")
    if found.dtype.kind == "V":  # bfloat16: the upper half of a float32
        found = (found.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    error = golden.distance(found.astype(np.float32), model.golden["prefill.logits"])
    report.key = "parity"
    report.check(f"{model.name} tensor prefill logits", error <= model.tolerance, f"{error:.2e}")
    report.key = ""


def check_model(report: Check, model: Model, build: Path, scratch: Path) -> str:
    """The moe IR of a model that is recovered; nothing else."""
    artifact, dumps, janus_run = scratch / "model.janus", scratch / "dumps", build / "tools/janus-run/janus-run"
    command = [build / "tools/janus-compile/janus-compile", model.input, "-o", artifact, f"--dump-stages-to={dumps}"]
    if "validation.bits_per_byte" in model.golden:
        command.append("--tokenizer=bytes")
    report.row = model.row
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        report.check(f"{model.name} compiles", False, f"no end after {TIMEOUT} s")
        return ""
    if model.must_refuse:
        check_refused(report, model, result, artifact)
        return ""
    if result.returncode:
        report.check(f"{model.name} compiles", False, f"exit code {result.returncode}: {first_complaint(result.stderr)}")
        return ""
    language = json.loads((artifact / "manifest.json").read_text())["contract"] == "language-model"
    model.row["verdict"] = "language model" if language else f"tensor program: {OPEN.get(model.name, 'unexpected')}"
    report.check(f"{model.name} is a language model", language != (model.name in OPEN),
                 first_complaint(result.stderr) or model.row["verdict"])
    try:
        if not language:
            check_tensor_program(report, model, janus_run, artifact, scratch)
            return ""
        ir = (dumps / "recover.mlir").read_text()
        check_recovered(report, model, ir)
        if model.golden:
            check_parity(report, model, janus_run, artifact, scratch)
            check_splits(report, model, janus_run, artifact, scratch)
        return ir
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        report.check(model.name, False, str(error))
        return ""


def normal_form(ir: str) -> list[str]:
    """Lines of the IR without locations, and without where and how weights and rotary tables are stored."""
    ir = re.sub(r"^#loc.*\n", "", ir, flags=re.M)
    ir = re.sub(r" loc\(.*\)$", "", ir, flags=re.M)
    ir = re.sub(r"(moe\.weight .*?) (?:views|value) .*", r"\1", ir)
    return re.sub(r"onnx\.\w+ = (?:\{[^}]*\}|[^,}]*)(?:, )?", "", ir).splitlines()


def check_groups(report: Check, irs: dict[str, str]) -> None:
    report.row = {}
    for group in SAME_WEIGHTS:
        present = [name for name in group if irs.get(name)]
        for name in present[1:]:
            first, other = normal_form(irs[present[0]]), normal_form(irs[name])
            differ = next((f"'{a.strip()[:100]}' / '{b.strip()[:100]}'" for a, b in zip(first, other) if a != b), "")
            report.check(f"{name} gives the IR of {present[0]}", first == other, differ or f"{len(first)} / {len(other)} lines")


def print_table(rows: list[dict]) -> None:
    print(f"{'model':34} {'MoE':>4} {'attn':>4} {'parity':>9} {'split':>6}  verdict")
    for row in rows:
        parity = f"{row['parity']:.1e}" if "parity" in row else "-"
        split = {True: "equal", False: "DIFFER"}.get(row.get("split"), "-")
        print(f"{row['model']:34} {row.get('moe', '-'):>4} {row.get('attention', '-'):>4} {parity:>9} {split:>6}  {row.get('verdict', '-')}"
              + ("" if row.get("ok", True) else "  FAILED"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, action="append", default=[], help="folder with a folder for each model")
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--only", default="", help="models whose name contains this")
    parser.add_argument("--results", type=Path, help="writes the table as JSON")
    arguments = parser.parse_args()
    folders = {path.parent for zoo in arguments.zoo for path in zoo.glob("*/*.onnx") if arguments.only in path.parent.name}
    if not folders:
        print("skipped: no data")
        return 0
    report, rows, irs = Check(), [], {}
    for folder in sorted(folders, key=lambda f: f.name):
        model = Model(folder)
        with tempfile.TemporaryDirectory() as scratch:
            irs[model.name] = check_model(report, model, arguments.build, Path(scratch))
        rows.append(model.row)
    check_groups(report, irs)
    print_table(rows)
    if arguments.results:
        arguments.results.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{report.passed} passed, {report.failed} failed")
    return 1 if report.failed or not report.passed else 0


if __name__ == "__main__":
    sys.exit(main())
