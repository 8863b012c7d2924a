#!/usr/bin/env bash
# Builds the fuzz targets with clang, AddressSanitizer and UBSan, and runs each for SECONDS (default 60) from a corpus
# made of the repository's models and of what earlier runs in build-fuzz found. Usage: scripts/fuzz.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
CC=clang-22 CXX=clang++-22 cmake -G Ninja -S . -B build-fuzz -DJANUS_ENABLE_COMPILER=OFF -DJANUS_ENABLE_TESTS=ON -DJANUS_ENABLE_FUZZERS=ON \
  '-DJANUS_SANITIZE=address;undefined' -DCMAKE_BUILD_TYPE=RelWithDebInfo ${JANUS_ONNX_PROTO_DIR:+-DJANUS_ONNX_PROTO_DIR=$JANUS_ONNX_PROTO_DIR} >build-fuzz-configure.log || { cat build-fuzz-configure.log; exit 1; }
rm -f build-fuzz-configure.log
for source in test/fuzz/*_fuzz.cpp; do
  name=$(basename "$source" .cpp)
  ninja -C build-fuzz "$name"
  corpus=build-fuzz/corpus/$name
  mkdir -p "$corpus"
  if [ "$name" = import_fuzz ]; then
    for model in models/*/model.onnx; do cp "$model" "$corpus/$(basename "$(dirname "$model")").onnx"; done
  fi
  "build-fuzz/test/fuzz/$name" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -artifact_prefix=build-fuzz/ "$corpus"
done
