#!/usr/bin/env bash
# libgradsweep shows its public interface, all that the header declares, and nothing else (src/exports.map).
# usage: tests/house/exports.sh LIBGRADSWEEP INCLUDE_FOLDER
set -euo pipefail
library=$1 headers=$2

command -v nm >/dev/null || { echo "SKIPPED: there is no nm" && exit 77; }
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sort)
declared=$(sed -n 's/^GRADSWEEP_API .*[ *]\(gradsweep_[a-z0-9_]*\)(.*/\1/p' "$headers"/gradsweep/*.h | sort)
[ -n "$declared" ] || { echo "the header declares nothing" && exit 1; }
others=$(comm -23 <(cat <<<"$exported") <(cat <<<"$declared"))
[ -z "$others" ] || { echo "libgradsweep exports what is no part of its interface: $others" && exit 1; }
missing=$(comm -13 <(cat <<<"$exported") <(cat <<<"$declared"))
[ -z "$missing" ] || { echo "libgradsweep lacks: $missing" && exit 1; }
