#!/usr/bin/env bash
# Builds everything with warnings as errors and runs tests. The last line tells how many passed and failed of all that ran.
# usage: tests/run.sh [--quick | --all | --campaign] [--asan] [CTEST OPTIONS...]
#   (none)      all but those with the label campaign: some seven minutes on two cores, beside the build
#   --quick     those with the label quick: a minute
#   --all       these, and then those with the label campaign; --campaign: the latter alone, half an hour: lost hosts, kills,
#               faults, Slurm. GRADSWEEP_CAMPAIGN_SCALE=10 tries ten times as often what they try at random
#   --asan      built with the sanitizers
# Options of ctest that choose tests choose among all of them: tests/run.sh -L hosts, tests/run.sh --asan -R counter
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${PRESET:-release} tier=standard
while :; do
    case ${1:-} in
        --asan) preset=asan ;;
        --quick | --all | --campaign) tier=${1#--} ;;
        *) break ;;
    esac
    shift
done
case $tier in
    quick) calls=("-L ^quick$") ;;
    standard) calls=("-LE ^campaign$") ;;
    campaign) calls=("-L ^campaign$") ;;
    all) calls=("-LE ^campaign$" "-L ^campaign$") ;;
esac
for option in "$@"; do
    case $option in
        -[RLEI]* | -LE | --tests-* | --label-* | --exclude-regex | --rerun-failed) [ "$tier" = standard ] && calls=("") ;;
    esac
done

jobs/install.sh
if ! jobs/install.sh --with-torch; then
    echo "tests/run.sh: python3-torch cannot be installed: the test analysis_export_torch will be skipped" >&2
fi
if ! jobs/install.sh --with-slurm; then
    echo "tests/run.sh: Slurm cannot be installed: the job scripts' test slurm_jobs will be skipped" >&2
fi
if ! jobs/install.sh --with-hosts; then
    echo "tests/run.sh: iproute2 cannot be installed: the tests hosts_* will be skipped" >&2
fi
source jobs/environment.sh
cmake --preset "$preset" -G Ninja -DGRADSWEEP_WERROR=ON
cmake --build "build/$preset" -j "$(nproc)"

# Twice as many as there are cores: many tests wait, for ranks that start, for locks, for time limits.
at_once=$((2 * $(nproc)))
log=build/$preset/tests.log began=$SECONDS passed=0 failed=0 skipped=0
for call in "${calls[@]}"; do
    # shellcheck disable=SC2086  # the options are words
    ctest --test-dir "build/$preset" -j "$at_once" --output-on-failure $call "$@" </dev/null 2>&1 | tee "$log" || true

    # ctest's own summary, "97% tests passed, 2 tests failed out of 60", counts a skipped test as passed; that is neither.
    summary=$(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+).*/\1 \2/p' "$log" | tail -n 1)
    [ -n "$summary" ] || continue
    read -r wrong all <<<"$summary"
    without=$(grep -cE '^ *[0-9]+/[0-9]+ +Test +#[0-9]+: .*\*\*\*Skipped' "$log" || true)
    passed=$((passed + all - wrong - without)) failed=$((failed + wrong)) skipped=$((skipped + without))
done
if [ $((passed + failed + skipped)) -eq 0 ]; then
    echo "tests/run.sh: ctest ran no tests; its output is in $log" >&2
    exit 1
fi
echo "tests/run.sh: the tests took $((SECONDS - began)) s; $skipped were skipped"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
