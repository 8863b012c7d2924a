#!/usr/bin/env bash
# Builds Janus, compiles models/scribe and generates text on 2 attention and 3 expert instances.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh janus-compile janus-run
build/tools/janus-compile/janus-compile models/scribe/model.onnx -o build/scribe.janus --tokenizer=bytes
exec build/tools/janus-run/janus-run build/scribe.janus --attention 2 --experts 3 --nodes 'a0,a1@0;e0,e1,e2@1' \
  --prompt "And it came to pass in those days, that " --max-new-tokens 240 --temperature 0.8 --seed 1
