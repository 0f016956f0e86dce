#!/usr/bin/env bash
# An installation has its library, its pkg-config file, its command and the analysis; the first two are found from wherever it
# is moved, and the last one runs there.
# usage: tests/house/install.sh CMAKE BUILD
set -euo pipefail
cmake=$1 build=$2

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
"$cmake" --install "$build" --prefix "$place/first" >/dev/null
mv "$place/first" "$place/moved"

config=$(find "$place/moved" -name gradsweep.pc)
[ -n "$config" ] || { echo "no gradsweep.pc was installed"; exit 1; }
export PKG_CONFIG_PATH=${config%/*}
libdir=$(pkg-config --variable=libdir gradsweep)
ls "$libdir"/libgradsweep.so*
includedir=$(pkg-config --variable=includedir gradsweep)
if [ -d "$(dirname "${BASH_SOURCE[0]}")/../../include/gradsweep" ]; then
    ls "$includedir"/gradsweep/*.h
fi
if [ -x "$build/src/gradsweep" ]; then
    "$place/moved/bin/gradsweep" --version
fi
source "$(dirname "${BASH_SOURCE[0]}")/../../jobs/environment.sh"
analysis=$(find "$place/moved" -name report.py)
[ -x "$analysis" ] || { echo "no report.py was installed"; exit 1; }
if python=$(python_with_h5py 2>/dev/null); then
    "$python" "$analysis" --help >/dev/null
fi
