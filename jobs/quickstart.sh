#!/usr/bin/env bash
# From a fresh clone to a picture: installs what is missing, builds, runs a small sweep on all cores of this machine and
# draws its report. Run it again at any time: an interrupted sweep goes on where it was, a finished one is only drawn again.
# To start afresh: rm results/quickstart.h5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

sweep=jobs/sweeps/quickstart.yaml
results=results/quickstart.h5
report=results/quickstart.html

jobs/install.sh
source jobs/environment.sh
python=$(python_with_h5py)
cmake --preset release -G Ninja >/dev/null
cmake --build build/release -j "$(nproc)" --target gradsweep

# As many ranks as this shell may use cores. Open MPI counts for itself, and differently in containers and with hardware
# threads: it is told not to refuse, and to leave the placing to the kernel.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none                              # Open MPI 4
export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none           # Open MPI 5
mkdir -p results
mpirun -n "$(nproc)" build/release/src/gradsweep run "$sweep" -o "$results" --resume </dev/null

wrong=0
build/release/src/gradsweep check "$results" || wrong=$?
"$python" analysis/report.py "$results" -o "$report"

echo
echo "results: $results"
echo "report:  $report   (open it in a browser)"
exit "$wrong"
