#!/usr/bin/env bash
# Fails where a C file is not as .clang-format wants it, and says how to mend it.
# usage: tests/house/format.sh [FILES...]. Exit code 77: clang-format is absent, nothing was checked.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

if ! command -v clang-format >/dev/null; then
    echo "SKIPPED: clang-format is not installed; the layout of the C files was not checked"
    exit 77
fi
if [ $# -gt 0 ]; then
    clang-format --dry-run --Werror "$@"
    exit
fi
find src include tests -name '*.[ch]' -print0 2>/dev/null | xargs -0 clang-format --dry-run --Werror || {
    echo "mend with: clang-format -i FILE" >&2
    exit 1
}
