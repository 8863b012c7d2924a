#!/usr/bin/env python3
"""Compiles models and runs janus-equal-bytes over them (docs/equal-bytes.md).

  run.py JANUS_COMPILE JANUS_EQUAL_BYTES MODEL_DIR... [-- OPTION...]

Of each model two artifacts are made, both with both gate sides: one with code for x86-64-v3 and x86-64-v4, of which the
runtime takes the best that the CPU runs, and one for x86-64-v3 only. OPTION... are those of janus-equal-bytes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("x86-64-v3,x86-64-v4", "x86-64-v3")


def main() -> int:
    arguments = sys.argv[1:]
    options = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    arguments = arguments[: len(arguments) - len(options) - ("--" in arguments)]
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    compiler, runner, *models = arguments
    with tempfile.TemporaryDirectory() as scratch:
        given = []
        for model in map(Path, models):
            artifacts = []
            for target in TARGETS:
                artifacts.append(f"{scratch}/{model.name}.{target}.janus".replace(",", "+"))
                subprocess.run([compiler, model / "model.onnx", "-o", artifacts[-1], "--tokenizer=bytes", "--gate-side=auto",
                                f"--target-cpu={target}"], check=True, timeout=300)
            given.append(f"{model}={','.join(artifacts)}")
        return subprocess.run([runner, *options, *given]).returncode


if __name__ == "__main__":
    sys.exit(main())
