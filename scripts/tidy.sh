#!/usr/bin/env bash
# Runs clang-tidy over files of the repository as build/compile_commands.json compiles them, two at a time.
#   scripts/tidy.sh            the parts without LLVM: kernels, runtime, janus-run, janus-plan, the ONNX reader (a minute or two)
#   scripts/tidy.sh FILE...    these
#   scripts/tidy.sh --all      everything that build/ compiles (half an hour)
# Prints what clang-tidy found and exits with 1 if that is anything. JANUS_BUILD_DIR: another build directory.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${JANUS_BUILD_DIR:-build}
[ -f "$build/compile_commands.json" ] || { echo "tidy.sh: found no $build/compile_commands.json; run scripts/build.sh first" >&2; exit 2; }

# The commands without GCC's precompiled header, which clang cannot read: its source is included in its place. Without
# -Werror, which would make warnings of clang about the system's headers errors; .clang-tidy says what is one.
mkdir -p "$build/tidy"
python3 - "$build" "$@" <<'PYTHON' >"$build/tidy/files"
import json, os, re, sys

build, root, wanted = sys.argv[1], os.getcwd(), sys.argv[2:]
commands = []
for entry in json.load(open(f"{build}/compile_commands.json")):
    name = os.path.relpath(entry["file"], root)
    if name.startswith(("..", build)):
        continue
    entry["command"] = re.sub(r"-include \S*/cmake_pch\.hxx", f"-include {root}/cmake/MLIRHeaders.h", entry["command"]).replace("-Winvalid-pch", "").replace("-Werror ", "")
    commands.append((name, entry))
json.dump([entry for _, entry in commands], open(f"{build}/tidy/compile_commands.json", "w"))
names = sorted({name for name, _ in commands})
if not wanted:
    names = [n for n in names if n.startswith(("kernels/", "runtime/", "tools/janus-run/", "tools/janus-plan/", "lib/Import/Reader/"))]
elif wanted != ["--all"]:
    wanted = [os.path.relpath(w, root) for w in wanted]
    if missing := [w for w in wanted if w not in names]:
        sys.exit(f"tidy.sh: {build}/compile_commands.json does not compile {', '.join(missing)}")
    names = wanted
print("\n".join(names))
PYTHON
# One line of progress a file is all that goes to stderr.
xargs -a "$build/tidy/files" -P2 -n1 clang-tidy-22 -p "$build/tidy" --quiet 2>"$build/tidy/stderr" | grep -v '^$' && exit 1
status=("${PIPESTATUS[@]}")
if ((status[0])); then cat "$build/tidy/stderr" >&2; exit 1; fi
echo "clang-tidy: $(wc -l <"$build/tidy/files") files, nothing found"
