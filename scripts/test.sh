#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests, stage by stage, with the time of each.
#   --zoo DIR, --traces DIR   also run over exported models and routing traces kept elsewhere
#   --full                    the whole cross of the byte-equality axes (half an hour on 2 cores) after the covering array
#   --fuzz-seconds N          per fuzz target (default 60)
set -uo pipefail
cd "$(dirname "$0")/.."

zoo= traces= full= fuzz_seconds=60
while (($#)); do
  case $1 in
    --zoo) zoo=$2; shift 2 ;;
    --traces) traces=$2; shift 2 ;;
    --full) full=--full; shift ;;
    --fuzz-seconds) fuzz_seconds=$2; shift 2 ;;
    *) echo "test.sh: unknown option '$1'; known: --zoo DIR --traces DIR --full --fuzz-seconds N" >&2; exit 2 ;;
  esac
done

passed=0 failed=0 summary=
stage() { # stage NAME COMMAND...: runs it, reports its time, goes on after a failure
  local name=$1 start=$SECONDS
  shift
  echo "=== $name"
  if "$@"; then passed=$((passed + 1)) result=ok; else failed=$((failed + 1)) result=FAILED; fi
  summary+=$(printf '%-28s %-7s %4d s' "$name" "$result" $((SECONDS - start)))$'\n'
}
finish() {
  printf '\n%s' "$summary"
  echo "$passed passed, $failed failed"
  exit $((failed > 0))
}

format_check() { git ls-files '*.cpp' '*.h' | xargs clang-format-22 --dry-run -Werror; }
sanitized() {
  [ -f build-dev/build.ninja ] || cmake --preset dev >/dev/null || return 1
  ninja -C build-dev && ctest --test-dir build-dev --output-on-failure -j2
}
raced() { # the scheduler's block of threads, and plans that are made beside the steps
  [ -f build-tsan/build.ninja ] || cmake --preset tsan >/dev/null || return 1
  ninja -C build-tsan scheduler-test engine-plan-test && build-tsan/test/unit/scheduler/scheduler-test --gtest_filter=Block.* &&
    build-tsan/test/unit/engine/engine-plan-test
}
fuzz() { scripts/fuzz.sh "$fuzz_seconds"; }

stage "install" scripts/install.sh || finish
stage "build" scripts/build.sh
((failed)) && finish
stage "format" format_check
stage "clang-tidy" scripts/tidy.sh
stage "unit, conformance, lit" ctest --test-dir build --output-on-failure -j2
[ -z "$full" ] || stage "equal bytes, the whole cross" .venv/bin/python test/integration/equal_bytes/run.py build/tools/janus-compile/janus-compile \
  build/test/integration/equal_bytes/janus-equal-bytes models/scribe models/gpt_oss_tiny -- --full
stage "golden outputs" .venv/bin/python test/integration/golden.py models/scribe models/gpt_oss_tiny models/qwen3_tiny
stage "mixtures" .venv/bin/python test/recovery/run.py --count 100 --whole 10 --open test/recovery/open.txt
stage "changed models" .venv/bin/python test/recovery/mutate.py --count 25
stage "exported models" .venv/bin/python test/integration/zoo.py --zoo "${zoo:-models/exported}"
stage "ONNX node tests" .venv/bin/python test/integration/node_tests.py
stage "routing traces" build/test/unit/scheduler/scheduler-traces ${traces:+--traces "$traces"}
stage "without LLVM, sanitized" sanitized
stage "threads, sanitized" raced
stage "fuzz" fuzz
finish
