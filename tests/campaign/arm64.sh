#!/usr/bin/env bash
# On 64-bit ARM kernel, blocks and activations give the bits that they give here: the same program, compiled for both, the other run
# by QEMU. Exit code 77: there is no cross compiler or no emulator (Debian: gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user).
# usage: tests/campaign/arm64.sh SOURCE_FOLDER [C_COMPILER]
set -euo pipefail
source=$1 compiler=${2:-cc}

cross=${GRADSWEEP_ARM64_COMPILER:-aarch64-linux-gnu-gcc}
emulator=$(command -v qemu-aarch64 || command -v qemu-aarch64-static || true)
command -v "$cross" >/dev/null || { echo "SKIPPED: there is no $cross" && exit 77; }
[ -n "$emulator" ] || { echo "SKIPPED: there is no qemu-aarch64" && exit 77; }

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$source"
files=(tests/linalg/print_bits.c src/base/memory.c src/base/status.c src/linalg/{kernel_*,instruction_set,panels,block,basis}.c
    src/model/activation*.c)
# As src/CMakeLists.txt has them; -fno-trapping-math is for the loops of activations alone there, and changes no bit.
flags=(-std=gnu17 -O3 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-trapping-math -Isrc -Iinclude)
"$compiler" "${flags[@]}" -o "$place/here" "${files[@]}" -lm
"$cross" "${flags[@]}" -static -o "$place/there" "${files[@]}" -lm
here=$("$place/here")
there=$("$emulator" "$place/there" 2>"$place/sets")
cat "$place/sets"
grep -q '^neon: ' "$place/sets" || { echo "the ARM program does not know NEON" && exit 1; }
[ "$here" = "$there" ] || { echo "here: $here" && echo "on ARM: $there" && exit 1; }
echo "the same bits: $here"
