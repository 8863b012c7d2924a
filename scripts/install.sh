#!/usr/bin/env bash
# Installs what building and testing Janus needs on Debian 12: system packages, and a Python environment in .venv with
# the pinned `onnx` package (the schema of the format and its test data). Does nothing that is already done.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache git python3 python3-venv pkg-config
  libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22 lld-22 liblld-22-dev libclang-rt-22-dev
  clang-format-22 clang-tidy-22 libabsl-dev protobuf-compiler libprotobuf-dev nlohmann-json3-dev libxxhash-dev zlib1g-dev
  libgtest-dev libgmock-dev libbenchmark-dev
)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]})); then
  echo "installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

stamp=.venv/janus-requirements
if ! cmp -s scripts/requirements.txt "$stamp"; then
  echo "creating .venv"
  python3 -m venv .venv
  .venv/bin/pip install -q -r scripts/requirements.txt
  cp scripts/requirements.txt "$stamp"
fi
