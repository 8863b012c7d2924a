#!/usr/bin/env bash
# Builds the fuzz targets (preset `fuzz`: clang, AddressSanitizer, UBSan) and runs each for SECONDS (default 60), as many at once
# as there are cores. Each starts from test/fuzz/corpus/TARGET, the repository's models for the importer, and what earlier runs
# found in build-fuzz/corpus. Then janus-compile --check, where build/ has it, looks at mutated models for as long.
# Usage: scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS]; found '$seconds', expected a number" >&2; exit 2; }
[ -f build-fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
ninja -C build-fuzz fuzzers
.venv/bin/python test/fuzz/make_seeds.py build-fuzz/models

fuzz() { # fuzz TARGET
  local name=$1 corpus=build-fuzz/corpus/$1 seeds=build-fuzz/seeds/$1
  rm -rf "$seeds"
  mkdir -p "$corpus" "$seeds"
  [ -d "test/fuzz/corpus/$name" ] && cp "test/fuzz/corpus/$name"/* "$seeds"
  if [ "$name" = import_fuzz ]; then
    for model in models/*/model.onnx; do cp "$model" "$seeds/$(basename "$(dirname "$model")").onnx"; done
    cp build-fuzz/models/*.onnx "$seeds"
  fi
  local found
  found="$(ls "$seeds" | wc -l) seeds and $(ls "$corpus" | wc -l) found earlier"
  if "build-fuzz/test/fuzz/$name" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$name-" "$corpus" "$seeds" >"build-fuzz/$name.log" 2>&1; then
    echo "$name: $seconds s from $found: $(grep -h '^stat::number_of_executed_units' "build-fuzz/$name.log" | tr -s ' ' | cut -d' ' -f2) runs"
  else
    tail -60 "build-fuzz/$name.log"
    echo "FAILED: $name"
    return 1
  fi
}

failed=0 running=0
for source in test/fuzz/*_fuzz.cpp; do
  if ((running == $(nproc))); then
    wait -n || failed=1
    running=$((running - 1))
  fi
  fuzz "$(basename "$source" .cpp)" &
  running=$((running + 1))
done
while ((running--)); do wait -n || failed=1; done
compiler=build/tools/janus-compile/janus-compile
if [ -x "$compiler" ]; then
  .venv/bin/python test/fuzz/check_mutants.py "$compiler" build-fuzz/models --seconds "$seconds" --keep build-fuzz/mutants || failed=1
fi
exit $failed
