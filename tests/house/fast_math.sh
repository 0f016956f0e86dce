#!/usr/bin/env bash
# What calculates does not compile where the compiler may rearrange arithmetic, and says what to do.
# usage: tests/house/fast_math.sh C_COMPILER SOURCE_FOLDER
set -euo pipefail
compiler=$1 source=$2

# compiles FILE FLAGS...: prints what the compiler says
compiles() {
    "$compiler" -std=gnu17 -D_GNU_SOURCE -I "$source/src" -O1 "${@:2}" -fsyntax-only "$source/src/$1" 2>&1
}
for file in linalg/kernel_plain.c linalg/block.c model/activation_plain.c; do
    compiles "$file" || { echo "$file does not compile at all" && exit 1; }
    for flags in -ffast-math -Ofast -ffinite-math-only; do
        ! said=$(compiles "$file" "$flags") || { echo "$file compiles with $flags" && exit 1; }
        grep -q 'fp-model=precise' <<<"$said" || { echo "$file with $flags does not say what to do: $said" && exit 1; }
    done
done
