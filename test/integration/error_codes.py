#!/usr/bin/env python3
"""Codes of import errors: every code that the sources use is in docs/import.md, and every code there has a lit test.

  error_codes.py SOURCE_DIR

A code counts as used where `Code::NAME` is reported or "JNS-ONNX-NNN" stands in a text; as tested where a file of test/lit expects it.
"""

import re
import sys
from pathlib import Path


def read(folder: Path, *suffixes: str) -> str:
    return "\n".join(p.read_text() for p in sorted(folder.rglob("*")) if p.suffix in suffixes)


def main() -> int:
    root = Path(sys.argv[1])
    sources = read(root / "lib", ".cpp", ".h", ".td") + read(root / "dialects", ".cpp") + read(root / "tools", ".cpp")
    header = (root / "lib/Import/Reader/Diagnostics.h").read_text()
    numbers = {name: f"{int(value):03}" for name, value in re.findall(r"^  ([A-Z]\w+) = (\d+),", header, re.M)}
    used = {numbers[name] for name in re.findall(r"Code::([A-Z]\w+)", sources) if name in numbers}
    used |= set(re.findall(r"JNS-ONNX-(\d{3})", sources.replace(header, "")))
    rows = re.findall(r"^\| ((?:\d{3}, )*\d{3}) \|", (root / "docs/import.md").read_text(), re.M)
    documented = {code for row in rows for code in row.split(", ")}
    tested = set(re.findall(r"JNS-ONNX-(\d{3})", read(root / "test/lit", ".test", ".mlir")))
    problems = [f"code {c} is used and not in docs/import.md" for c in sorted(used - documented)]
    problems += [f"code {c} is in docs/import.md and nothing uses it" for c in sorted(documented - used)]
    problems += [f"code {c} ({n}) is declared and nothing uses it" for n, c in numbers.items() if c not in used]
    problems += [f"code {c} has no lit test" for c in sorted(documented - tested)]
    print("\n".join(problems) or f"{len(documented)} codes, each documented, used and tested")
    return 1 if problems or not documented else 0


if __name__ == "__main__":
    sys.exit(main())
