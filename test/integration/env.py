#!/usr/bin/env python3
"""docs/env.md and the sources name the same environment variables and CMake options.

  env.py REPOSITORY
"""

import re
import sys
from pathlib import Path

FOLDERS = ("benchmarks", "cmake", "dialects", "include", "kernels", "lib", "runtime", "scripts", "test", "tools")
SUFFIXES = {".cpp", ".h", ".py", ".sh", ".cmake", ".txt", ".td"}
# A variable is read: by C++, by Python, by a script (with a default, as an unset one would end it), by CMake.
READS = (re.compile(r'getenv\(\s*"(\w+)"'), re.compile(r'os\.environ(?:\.get\(|\[)\s*"(\w+)"'),
         re.compile(r"\$\{([A-Z_][A-Z0-9_]*):?[-+]"), re.compile(r"\$ENV\{(\w+)\}"))
OPTIONS = (re.compile(r"^\s*option\((JANUS_\w+)", re.M), re.compile(r"^\s*set\((JANUS_\w+)[^)]*\bCACHE\b", re.M))
IGNORED = {"PATH", "HOME", "TMPDIR"}  # of the system, passed on


def main() -> int:
    root = Path(sys.argv[1])
    files = [root / "CMakeLists.txt"] + [p for f in FOLDERS for p in (root / f).rglob("*") if p.suffix in SUFFIXES and p.is_file()]
    reads, options = set(), set()
    for path in files:
        text = path.read_text(errors="replace")
        reads |= {name for pattern in READS for name in pattern.findall(text)}
        options |= {name for pattern in OPTIONS for name in pattern.findall(text)}
    document = (root / "docs/env.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \|", document, re.M)
    variables = {name for name in listed if name not in options}
    reads -= IGNORED
    failed = 0
    for what, found, expected in (("options", set(listed) & options, options), ("variables", variables, reads)):
        for name in sorted(found ^ expected):
            failed += 1
            print(f"FAIL {what}: {name} is {'listed and not read' if name in found else 'read and not listed'}")
    if not options:
        failed += 1
        print("FAIL found no option at all")
    print(f"{len(files)} files, {len(options)} options, {len(reads)} variables, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
