#!/usr/bin/env bash
# Runs clang-tidy with the checks of .clang-tidy over all sources of a build; fails where it finds something.
# usage: tests/house/tidy.sh [BUILD]      (build/release; some seconds a core and dozen files)
# Exit code 77: clang-tidy is absent, nothing was checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build/release}

if ! command -v clang-tidy >/dev/null; then
    echo "SKIPPED: clang-tidy is not installed; the sources were not checked"
    exit 77
fi
if [ ! -f "$build/compile_commands.json" ]; then
    echo "tests/house/tidy.sh: no $build/compile_commands.json; configure first: cmake --preset release -G Ninja" >&2
    exit 1
fi
# The build is gcc's: clang need not know all of its options, and cannot read the kernel (vector shuffles, constraints).
find src -name '*.c' -not -path '*/linalg/kernel*' -not -path '*/linalg/matrix.c' -print0 | xargs -0 -P "$(nproc)" -n 4 \
    clang-tidy --quiet -p "$build" --extra-arg=-Wno-unknown-warning-option 2> >(grep -v 'warnings generated' >&2)
