#!/usr/bin/env bash
# Reads very many sweep files of arbitrary bytes, and damaged results and network files, under the sanitizers, and
# prints how many; needs clang. What fails is left in build/fuzz/campaign.
# usage: tests/campaign/fuzz.sh [SWEEPS [FILES [SEED]]]      defaults: 1000000 20000 1; about half an hour
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
sweeps=${1:-1000000} files=${2:-20000} seed=${3:-1}
root=$PWD build=build/fuzz

if ! command -v clang >/dev/null; then
    echo "tests/campaign/fuzz.sh: clang is missing (on Debian: apt-get install clang libclang-rt-14-dev)" >&2
    exit 77
fi
cmake --preset fuzz -G Ninja >/dev/null
cmake --build "$build" -j "$(nproc)" --target fuzz_sweep fuzz_files libfuzzer_sweep

mkdir -p "$build/campaign/found"
cd "$build/campaign"
programs=../tests/fuzz corpus=$root/tests/fuzz/corpus
export LSAN_OPTIONS=suppressions=$root/tests/fuzz/leaks.supp:print_suppressions=0
# As little memory as a rank may have: what asks for more is refused by the allocator, as on a machine without it.
export ASAN_OPTIONS=detect_leaks=1:max_allocation_size_mb=2048:allocator_may_return_null=1:hard_rss_limit_mb=2048
failed=0

echo "== sweep files, kept"
$programs/fuzz_sweep replay "$corpus"/sweep/* || failed=1
echo "== sweep files, guided by what they reach"
$programs/libfuzzer_sweep -seed="$seed" -runs=$((sweeps / 2)) -max_len=8192 -timeout=5 -rss_limit_mb=2048 \
    -print_final_stats=1 found "$corpus/sweep" >libfuzzer.log 2>&1 || failed=1
grep -E '^stat::number_of_executed_units|^SUMMARY|: .*abort|ERROR' libfuzzer.log || true
echo "== sweep files, drawn"
$programs/fuzz_sweep fresh $((sweeps - sweeps / 2)) "$seed" "$corpus"/sweep/* || failed=1
echo "== results and network files, kept"
$programs/fuzz_files replay "$corpus"/files/* || failed=1
echo "== results and network files, drawn"
$programs/fuzz_files fresh "$files" "$seed" || failed=1
[ "$failed" -eq 0 ] && echo "nothing failed in gradsweep" || echo "FAILED: see $PWD" >&2
exit "$failed"
