#!/usr/bin/env bash
# Builds the fuzz targets (preset `fuzz`: clang, AddressSanitizer, UBSan) and runs each for SECONDS (default 60). Each starts
# from test/fuzz/corpus/TARGET, the repository's models for the importer, and what earlier runs found in build-fuzz/corpus.
# Usage: scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || { echo "usage: scripts/fuzz.sh [SECONDS]; found '$seconds', expected a number" >&2; exit 2; }
[ -f build-fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
ninja -C build-fuzz fuzzers

failed=0
for source in test/fuzz/*_fuzz.cpp; do
  name=$(basename "$source" .cpp)
  corpus=build-fuzz/corpus/$name seeds=build-fuzz/seeds/$name
  rm -rf "$seeds"
  mkdir -p "$corpus" "$seeds"
  [ -d "test/fuzz/corpus/$name" ] && cp "test/fuzz/corpus/$name"/* "$seeds"
  if [ "$name" = import_fuzz ]; then
    for model in models/*/model.onnx; do cp "$model" "$seeds/$(basename "$(dirname "$model")").onnx"; done
  fi
  echo "$name: $seconds s from $(ls "$seeds" | wc -l) seeds and $(ls "$corpus" | wc -l) found earlier"
  if "build-fuzz/test/fuzz/$name" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$name-" "$corpus" "$seeds" >"build-fuzz/$name.log" 2>&1; then
    grep '^stat::' "build-fuzz/$name.log"
  else
    echo "FAILED: $name"
    tail -60 "build-fuzz/$name.log"
    failed=1
  fi
done
exit $failed
