#!/usr/bin/env python3
"""MoE layers that are recovered from exported models kept elsewhere.

  zoo.py [--zoo DIR] [--build DIR] [--only NAME]

DIR holds a folder for each model with zoo.json, which says how many layers it has, how many of them are dense, and
whether the export is wrong. For each model a line: MoE layers recovered of all, and where matching stopped. A wrong
export (must_refuse) has to be refused with JNS-ONNX-020; a model that is not wrong must not be; nothing may crash or
hang. Without the folder it prints 'skipped: no data'.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

PASSES = ["--janus-import", "--janus-begin-recovery", "--janus-widen-floats", "--janus-canonicalise-graph",
          "--janus-find-rows", "--janus-recover-moe"]
TIMEOUT = 60


def look(janus_opt: Path, file: Path):
    """Exit code (None: no end), layers recovered, complaints."""
    try:
        result = subprocess.run([janus_opt, f"--import-onnx={file}", *PASSES,],
                                capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return None, 0, [f"no end after {TIMEOUT} s"]
    complaints = [line for line in result.stderr.splitlines() if re.search(r"not recovered|error[:\[]", line)]
    return result.returncode, result.stdout.count("moe.experts "), [re.sub(r"^.*?(error|warning|remark): ", "", c) for c in complaints]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, help="folder with a folder for each model")
    parser.add_argument("--build", type=Path, default=Path("build"), help="build folder with the tools")
    parser.add_argument("--only", help="models whose name contains this")
    arguments = parser.parse_args()
    if not arguments.zoo or not arguments.zoo.is_dir():
        print("skipped: no data")
        return 0
    whole = files = wrong = 0
    for file in sorted(arguments.zoo.glob("*/*.onnx")):
        name = file.parent.name if file.name == "model.onnx" else f"{file.parent.name}/{file.name}"
        if arguments.only and arguments.only not in name:
            continue
        facts = json.loads((file.parent / "zoo.json").read_text()) if (file.parent / "zoo.json").exists() else {}
        expected = facts.get("layers", 0) - facts.get("dense_layers", 0)
        code, layers, complaints = look(arguments.build / "tools/janus-opt/janus-opt", file)
        refused = [c for c in complaints if "JNS-ONNX-020" in c]
        problem = ""
        if code is None or code not in (0, 1):
            problem = f"exit code {code}"
        elif bool(facts.get("must_refuse")) != bool(refused):
            problem = "not refused" if facts.get("must_refuse") else "refused"
        files, wrong = files + (not facts.get("must_refuse")), wrong + bool(problem)
        whole += not facts.get("must_refuse") and layers == expected
        shown = refused if facts.get("must_refuse") and not problem else complaints[:1] if layers != expected else []
        print(f"{'WRONG ' if problem else ''}{name}: {layers} / {expected} MoE layers"
              + (f", {problem}" if problem else "") + "".join(f"\n    {c[:300]}" for c in shown), flush=True)
    print(f"all MoE layers recovered in {whole} of {files} files; {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
