#!/usr/bin/env python3
"""Kills a writing process again and again: what is marked done is right, and the file ends as if nothing had happened.

    kill_store.py PATH_OF_make_results_file
"""

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

KILLS = 8
CELLS = 96
LONGEST_WAIT = 0.06  # seconds after the lock is taken; a whole file takes at least 0.2


def count_right_cells(path: Path) -> int:
    """How many cells are finished; fails where one does not hold what was written (store_fixture.h)."""
    with h5py.File(path) as file:
        status = file["status"][...].ravel()
        norms = file["log_jacobian_norm"][...].reshape(len(status), -1)
    finished = np.flatnonzero(status)
    expected = finished[:, None] * 1000.0 + np.arange(norms.shape[1]) + 0.25
    np.testing.assert_array_equal(norms[finished], expected)
    np.testing.assert_array_equal(status[finished], np.where(finished % 11 == 3, 2, 1))
    return len(finished)


def is_writing(process: subprocess.Popen, path: Path) -> bool:
    """Whether the file is there and the process holds its lock."""
    try:
        return path.exists() and f"pid={process.pid}\n" in Path(f"{path}.lock").read_text()
    except FileNotFoundError:
        return False


def kill_while_writing(maker: str, path: Path, wait: float) -> None:
    with subprocess.Popen([maker, path, "resume"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        began = time.monotonic()
        while process.poll() is None and not is_writing(process, path) and time.monotonic() - began < 20:
            time.sleep(0.0005)
        time.sleep(wait)
        process.kill()


def main() -> None:
    maker = sys.argv[1]
    chance = random.Random(2013)
    with tempfile.TemporaryDirectory() as folder:
        killed, whole = Path(folder) / "killed.h5", Path(folder) / "whole.h5"
        finished = [0]
        for _ in range(KILLS):
            kill_while_writing(maker, killed, chance.uniform(0, LONGEST_WAIT))
            finished.append(count_right_cells(killed))
            assert finished[-1] >= finished[-2], f"finished cells were lost: {finished}"
        Path(f"{killed}.tmp").write_text("what a killed run left")
        subprocess.run([maker, killed, "resume"], check=True, stdin=subprocess.DEVNULL)
        subprocess.run([maker, whole, "resume"], check=True, stdin=subprocess.DEVNULL)
        assert any(0 < count < CELLS for count in finished), f"no kill met a half-written file: {finished}"
        print("cells finished after each kill:", finished[1:])
        assert killed.read_bytes() == whole.read_bytes(), "the file differs from one that was written without kills"


if __name__ == "__main__":
    main()
