#!/usr/bin/env python3
"""docs/models.md: families and exporters that work, as janus-compile --check finds them.

  models_table.py --zoo DIR ... [--build DIR] [--results FILE] [--output FILE]     writes the table
  models_table.py --zoo DIR ... [--build DIR] --verify FILE                        compares rows of models that are there

A DIR holds a folder for each model, with zoo.json (family, exporter, pattern) where there is one. FILE of --results is what
zoo.py --results wrote: the distance of logits from the golden ones, and whether runs split in other ways give the same bytes.
A row says the same wherever it is made, but for these two, which --verify leaves aside. Without a folder: 'skipped: no data'.
"""

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

TIMEOUT = 120  # seconds for one model
HEAD = """# Models that work

Families and exporters as `janus-compile --check` ([check.md](check.md)) finds them, written by `test/integration/models_table.py` over
exported models, some of them kept outside the repository; those of `models/` are compared with this table by CI. *MoE*: layers
recovered of all that look like such. *Parity*: largest distance of logits from the golden ones, of the largest logit;
*split*: other numbers of instances give the same bytes (`test/integration/zoo.py`). All are small; structure is what they test.

| model | family | written by | mixture as exported | MoE | attention | verdict | parity | split |
|---|---|---|---|---|---|---|---|---|
"""


def check(janus_compile: Path, model: Path) -> dict:
    result = subprocess.run([janus_compile, model, "--check", "--json"], capture_output=True, text=True, timeout=TIMEOUT)
    if result.returncode not in (0, 1, 3, 4):
        sys.exit(f"{model}: exit code {result.returncode}: {result.stderr[-300:]}")
    return json.loads(result.stdout)


def attention_text(layers: list[dict]) -> str:
    """Kinds in order of the first layer of each, with what is special in any."""
    kinds = Counter()
    for layer in layers:
        if attention := layer.get("attention"):
            special = [name for name in ("window", "chunk", "sinks", "softcap") if attention.get(name)]
            special += ["q/k norm"] * attention["qk_norm"] + ["no rotary"] * ("rotary" not in attention)
            kinds[", ".join([attention["kind"], *special])] += 1
        for function in layer.get("sequences", []):
            kinds["with a state" if function["state"] else "over all rows" if function["history"] else "function of rows"] += 1
    return "; ".join(f"{count} {kind}" for kind, count in kinds.items()) or "-"


def verdict_text(report: dict) -> str:
    problems = [p for p in report["problems"] if p["severity"] == "error"] or [p for p in report["problems"] if p["severity"] == "warning"]
    if report["verdict"] == "disaggregated" or not problems:
        return report["verdict"]
    whole = problems[-1]["text"]
    why = problems[0].get("code", "") if report["verdict"] == "refused" else re.sub(r"^.*not recovered: |; it stays.*$", "", whole)
    return f"{report['verdict']}: {why[:100]}"


def cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def row(janus_compile: Path, folder: Path, results: dict) -> list[str]:
    files = sorted(folder.glob("*.onnx"))
    report = check(janus_compile, folder if len(files) > 1 else files[0])
    facts = json.loads((folder / "zoo.json").read_text()) if (folder / "zoo.json").exists() else {}
    exporter = facts.get("exporter") or report["source"]["exporter"] or report["source"]["producer"]
    measured = results.get(folder.name, {})
    parity = f"{measured['parity']:.1e}" if measured.get("parity") is not None else "-"
    moe = report["moe_layers"]
    found = facts["layers"] - facts.get("dense_layers", 0) if "layers" in facts else moe["found"]
    return [cell(c) for c in (folder.name, facts.get("family", folder.name.split("_tiny")[0]), exporter,
                              re.sub(r" ?[(;:].*$", "", facts.get("pattern", "P1 fused com.microsoft.MoE")),
                              f"{moe['recovered']} / {max(found, moe['found'])}", attention_text(report["layers"]), verdict_text(report), parity,
                              {True: "equal", False: "differs"}.get(measured.get("split"), "-"))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, action="append", default=[], help="folder with a folder for each model")
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--results", type=Path, help="what zoo.py --results wrote")
    parser.add_argument("--output", type=Path, help="where the table goes; default: printed")
    parser.add_argument("--verify", type=Path, help="a table to compare with")
    arguments = parser.parse_args()
    folders: dict[str, Path] = {}
    for path in (path for zoo in arguments.zoo for path in zoo.glob("*/*.onnx")):
        folders.setdefault(path.parent.name, path.parent)  # of one name the first
    if not folders:
        print("skipped: no data")
        return 0
    janus_compile = arguments.build / "tools/janus-compile/janus-compile"
    results = {r["model"]: r for r in json.loads(arguments.results.read_text())} if arguments.results else {}
    rows = [row(janus_compile, folder, results) for _, folder in sorted(folders.items())]
    if arguments.verify:
        lines = [line.strip("| ").split(" | ") for line in arguments.verify.read_text().splitlines() if line.startswith("| ")]
        known = {line[0]: line[:7] for line in lines}
        wrong = [f"{r[0]}: found {r[:7]}, the table has {known.get(r[0])}" for r in rows if known.get(r[0]) != r[:7]]
        print("\n".join(wrong) or f"{len(rows)} of {len(known) - 1} rows compared")
        return 1 if wrong else 0
    recovered = sum(r[6] == "disaggregated" for r in rows)
    text = HEAD + "".join(f"| {' | '.join(r)} |\n" for r in rows) + f"\n{recovered} of {len(rows)} run disaggregated.\n"
    if arguments.output:
        arguments.output.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
