"""What it costs that no result is lost: the store's part of a run, and the making of a large file.

    protocol_cost.py BUILD_FOLDER [--ranks 2] [--repeat 5] [--gigabytes 10] [--folder DIR]

Tells the store's seconds (making the file, writing every unit, closing and reading it back) as a share of the run's wall time,
and the seconds of making a file of so many GB as a multiple of writing as many bytes with pwrite and fsync. Medians; the
two sides of a ratio take turns. The file is removed."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CELL_BYTES = 600 * 17 + 50  # of the sweep below
LARGE = """\
weights: {{replicas: {replicas}}}
model: {{activation: identity}}
grid: {{hidden_size: 1, spectral_radius: {{start: 0.1, stop: 1, num: 100}}, gamma: [0.5, 1],
       lag: {{start: 1, stop: 600, step: 1}}}}
"""


def launched(ranks, *command):
    line = ["mpirun", "--oversubscribe", "-n", str(ranks)] + [str(word) for word in command]
    ended = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(line)}: {ended.returncode}: {ended.stderr}")
    return ended.stdout


def measure_run(build, folder, ranks, repeat):
    """Seconds of the store's part, and of the whole run from the launcher's start."""
    sweep, out = HERE.parent.parent / "jobs/sweeps/quickstart.yaml", Path(folder) / "quickstart.h5"
    store, run = [], []
    for _ in range(repeat):
        parts = json.loads(launched(ranks, build / "tests/benchmark_store", sweep, out))
        store.append(parts)
        began = time.monotonic()
        launched(ranks, build / "src/gradsweep", "run", sweep, "-o", out, "--overwrite", "--progress", "none")
        run.append(time.monotonic() - began)
    medians = {name: statistics.median(parts[name] for parts in store) for name in ("create", "write", "close")}
    whole, total = statistics.median(run), sum(medians.values())
    told = ", ".join(f"{name} {1e3 * seconds:.1f} ms" for name, seconds in medians.items())
    print(f"quickstart on {ranks} ranks: {told}: {100 * total / whole:.2f}% of {whole:.2f} s")


def measure_creation(build, folder, ranks, repeat, gigabytes):
    sweep, out = Path(folder) / "large.yaml", Path(folder) / "large.h5"
    sweep.write_text(LARGE.format(replicas=max(1, round(gigabytes * 1e9 / CELL_BYTES / 200))))
    if shutil.disk_usage(folder).free < 3e9 * gigabytes:
        sys.exit(f"{folder} has less than three times {gigabytes} GB left")
    made, plain = [], []
    for _ in range(repeat):
        for times, what, name in ((plain, "plain", "plain"), (made, "create", "create")):
            parts = json.loads(launched(ranks, build / "tests/benchmark_store", sweep, out, what))
            times.append(parts[name])
            os.sync()
    ratio = statistics.median(made) / statistics.median(plain)
    print(f"a file of {parts['bytes'] / 1e9:.2f} GB on {ranks} ranks: made in {statistics.median(made):.2f} s, written with "
          f"pwrite and fsync in {statistics.median(plain):.2f} s: {ratio:.2f} times")


def main():
    arguments = argparse.ArgumentParser(description="What it costs that no result is lost.")
    arguments.add_argument("build", type=Path)
    arguments.add_argument("--ranks", type=int, default=2)
    arguments.add_argument("--repeat", type=int, default=5)
    arguments.add_argument("--gigabytes", type=float, default=10)
    arguments.add_argument("--folder", help="on the file system to be measured")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        measure_run(options.build.resolve(), folder, options.ranks, options.repeat)
        if options.gigabytes > 0:
            measure_creation(options.build.resolve(), folder, options.ranks, min(options.repeat, 3), options.gigabytes)


if __name__ == "__main__":
    main()
