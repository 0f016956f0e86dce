#!/usr/bin/env bash
# Builds everything with warnings as errors and runs all tests. The last line tells how many passed and failed.
# usage: tests/run.sh [--asan] [CTEST OPTIONS...]      e.g. tests/run.sh -L house, tests/run.sh --asan -R counter
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${PRESET:-release}
if [ "${1:-}" = --asan ]; then
    preset=asan
    shift
fi

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

log=build/$preset/tests.log
ctest --test-dir "build/$preset" -j "$(nproc)" --output-on-failure "$@" </dev/null 2>&1 | tee "$log" || true

# ctest's own summary: "97% tests passed, 2 tests failed out of 60"
summary=$(sed -nE 's/^[0-9]+% tests passed, ([0-9]+) tests? failed out of ([0-9]+).*/\1 \2/p' "$log" | tail -n 1)
if [ -z "$summary" ]; then
    echo "tests/run.sh: ctest ran no tests; its output is in $log" >&2
    exit 1
fi
read -r failed all <<<"$summary"
echo "$((all - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
