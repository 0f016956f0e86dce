#!/usr/bin/env python3
"""Resident memory of every rank over a run of many small units on teams: what leaks a little in each unit shows here.

usage: resident_size.py GRADSWEEP [--ranks 4] [--units 20000] [--mpiexec mpirun]

Prints the resident size of the ranks over time, and how much the largest grew from the first tenth of the units to the
last; exits with 1 where that is more than two MB or the run failed (a communicator or a BLACS grid a unit ends the run:
the MPI library has some 16,000)."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Every replica of a network is a weight unit and a chain unit, all on teams.
SWEEP = """
name: resident-size
weights: {{ensemble: [ginibre, sparse], replicas: {replicas}}}
model: {{activation: tanh, warmup: 2}}
grid: {{hidden_size: [12], spectral_radius: native, gamma: [0.9], lag: [1, 2]}}
measure: [frobenius_norm, gradient]
numerics: {{distribute_from: 8}}
"""
SAMPLE_SECONDS = 0.5
ALLOWED_GROWTH_KB = 2048


def ranks_below(pid, executable):
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = path.read_text().split()
        except OSError:
            continue
        for child in children:
            try:
                if os.readlink(f"/proc/{child}/exe") == executable:
                    found.append(int(child))
            except OSError:
                continue
            found += ranks_below(child, executable)
    return found


def resident_kb(pid):
    """None for a process that has ended."""
    try:
        return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))
    except (OSError, AttributeError):
        return None


def watch(process, executable):
    """(seconds, [resident kB of each rank]) until the run ends."""
    samples, start = [], time.monotonic()
    while process.poll() is None:
        time.sleep(SAMPLE_SECONDS)
        sizes = [size for size in map(resident_kb, sorted(ranks_below(process.pid, executable))) if size]
        if sizes:
            samples.append((time.monotonic() - start, sizes))
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gradsweep")
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--units", type=int, default=20000)
    parser.add_argument("--mpiexec", default="mpirun")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sweep = Path(folder, "sweep.yaml")
        sweep.write_text(SWEEP.format(replicas=(options.units + 3) // 4))
        process = subprocess.Popen([options.mpiexec, "--oversubscribe", "-n", str(options.ranks), options.gradsweep,
                                    "run", sweep, "-o", Path(folder, "out.h5"), "--progress", "none"])
        samples = watch(process, os.path.realpath(options.gradsweep))
    if process.returncode != 0 or len(samples) < 20:
        print(f"the run ended with {process.returncode} after {len(samples)} samples", file=sys.stderr)
        return 1
    print(f"{'seconds':>8}  resident MB of each rank")
    for seconds, sizes in samples[::max(1, len(samples) // 20)]:
        print(f"{seconds:8.1f}  " + " ".join(f"{size / 1024:7.1f}" for size in sizes))
    early, late = samples[len(samples) // 10][1], samples[-3][1]
    growth = max(after - before for before, after in zip(early, late))
    print(f"growth from the first tenth to the end: {growth / 1024:.2f} MB over {options.units} units")
    return 0 if growth <= ALLOWED_GROWTH_KB else 1


if __name__ == "__main__":
    sys.exit(main())
