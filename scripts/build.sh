#!/usr/bin/env bash
# Configures and builds everything into build/ (installs what is missing first). Arguments go to ninja.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh
[ -f build/build.ninja ] || cmake --preset release ${CI:+-DJANUS_WERROR=ON} >build-configure.log 2>&1 || { cat build-configure.log; exit 1; }
rm -f build-configure.log
ninja -C build "$@"
