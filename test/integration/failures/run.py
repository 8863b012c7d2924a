#!/usr/bin/env python3
"""Compiles models and runs janus-failures over them (docs/failures.md).

  run.py JANUS_COMPILE JANUS_FAILURES MODEL_DIR... [-- OPTION...]

OPTION... are those of janus-failures.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    arguments = sys.argv[1:]
    options = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    arguments = arguments[: len(arguments) - len(options) - ("--" in arguments)]
    if len(arguments) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    compiler, runner, *models = arguments
    with tempfile.TemporaryDirectory() as scratch:
        artifacts = []
        for model in map(Path, models):
            artifacts.append(f"{scratch}/{model.name}.janus")
            subprocess.run([compiler, model / "model.onnx", "-o", artifacts[-1], "--tokenizer=bytes", "--gate-side=auto"],
                           check=True, timeout=300)
        return subprocess.run([runner, *options, *artifacts]).returncode


if __name__ == "__main__":
    sys.exit(main())
