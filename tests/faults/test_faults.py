"""What fails from outside, in the middle of a run: memory, disks, directories, bits. A message with the cause, an exit
code, and a file that the next run completes.

    test_faults.py GRADSWEEP MPIEXEC LIBRARY [unittest options]       LIBRARY: the module fault_injection"""

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "command"))
import command
import h5py
import numpy as np
from command import DONE, FAILED, PENDING, CommandTest, Run, gradsweep, read

LIBRARY = None

# One size whose W takes 4.7 MB; nothing else takes more than 4.2.
TWO_SIZES = """\
weights: {replicas: 2}
model: {activation: identity}
grid: {hidden_size: [8, 768], spectral_radius: native, gamma: [0.5, 1], lag: 1}
"""
BYTES_OF_LARGE_W = 4500000
# 360 writes of cells: where each takes WRITE_SECONDS, a run can be caught in its middle.
WRITE_SECONDS = 0.02
LONG = """\
weights: {replicas: 24}
model: {activation: [identity, tanh], warmup: 10}
grid: {hidden_size: [64, 96], spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: {log2: 64}}
"""
# 100 MB of results.
LARGE_FILE = """\
weights: {replicas: 1000}
model: {activation: identity}
grid: {hidden_size: 1, spectral_radius: {start: 0.1, stop: 1, num: 100}, gamma: [0.5, 1], lag: {log2: 32}}
"""


def run_with_faults(*arguments, ranks=None, **faults):
    """Runs the command with FAULT_<name> set."""
    environment, before = command.with_library(LIBRARY, **faults)
    launcher = command.launcher_of(ranks) if ranks else []
    line = launcher + before + command.command_line("run", *arguments, "--progress", "none")
    return subprocess.run(line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=command.TIMEOUT)


class Faults(CommandTest):
    def complete(self, sweep, path, *options):
        """What the next run makes of the file equals an undisturbed run's."""
        ended = gradsweep("run", sweep, "-o", path, "--resume", "--progress", "none", *options, ranks=2)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assert_same_results(path, self.undisturbed(sweep))

    def test_memory_that_one_size_lacks(self):
        """W itself, or what is made of it."""
        sweep, path = self.sweep(TWO_SIZES), self.path("out.h5")
        for number in (1, 3):
            ended = run_with_faults(sweep, "-o", path, "--overwrite", CALL="allocate", NUMBER=number, ALWAYS=1,
                                    BYTES=BYTES_OF_LARGE_W)
            self.assertEqual(ended.returncode, 1, ended.stderr)
            self.assertRegex(ended.stderr, r"hidden_size=768, replica=\d\): .*cannot allocate \d+ bytes")
            self.assertRegex(ended.stderr, r"error: .*out\.h5: 4 cells failed; gradsweep info .* lists the reasons")
            status, reason = (np.moveaxis(read(path)[name], 2, 0) for name in ("status", "failure_reason"))
            self.assertTrue((status[0] == DONE).all())
            self.assertTrue((status[1] == FAILED).all())
            told = gradsweep("info", path)
            self.assertRegex(told.stdout, r"failed: out_of_memory 4\b")
            self.assertEqual(len(np.unique(reason[1])), 1)
        self.complete(sweep, path, "--retry-failed")

    def test_address_space_of_a_rank(self):
        """The same with a limit of the system, which meets all libraries alike: W alone is larger."""
        sweep, path = self.sweep(TWO_SIZES.replace("768", "16384")), self.path("out.h5")
        if command.is_sanitized():
            self.skipTest("the address sanitizer reserves terabytes of addresses")
        line = command.command_line("run", sweep, "-o", path, "--progress", "none")
        ended = subprocess.run(["prlimit", f"--as={2 << 30}"] + line, stdin=subprocess.DEVNULL, capture_output=True,
                               text=True, timeout=command.TIMEOUT)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        status = np.moveaxis(read(path)["status"], 2, 0)
        self.assertTrue((status[0] == DONE).all(), ended.stderr)
        self.assertTrue((status[1] == FAILED).all())
        self.assertRegex(gradsweep("info", path).stdout, r"failed: out_of_memory 4\b")

    def test_full_disk(self):
        """One that is full before the file is made; then one that some other program fills, which the reserved space
        must not notice."""
        if os.geteuid() != 0:
            self.skipTest("only root can mount a small file system")
        place = self.path("disk")
        os.mkdir(place)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", place], capture_output=True, text=True)
        if mounted.returncode != 0:
            self.skipTest(f"no small file system can be mounted: {mounted.stderr.strip()}")
        try:
            path = os.path.join(place, "out.h5")
            refused = gradsweep("run", self.sweep(LARGE_FILE, "large.yaml"), "-o", path, ranks=2)
            self.assert_error(refused, 1, r"out\.h5.*: No space left on device.*: the results need \d+ bytes, .* \d+ left")
            self.assertEqual(os.listdir(place), [])
            self.check_disk_that_fills(place, path)
        finally:
            subprocess.run(["umount", "-l", place], check=True)

    def check_disk_that_fills(self, place, path):
        sweep = self.sweep(LONG)
        with Run(sweep, "-o", path, "--progress", "none", ranks=2, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.1)
            with open(os.path.join(place, "another"), "wb", buffering=0) as another:
                try:
                    while another.write(bytes(1 << 16)):
                        pass
                except OSError:
                    pass
            exit_code, text = run.end()
        self.assertEqual(exit_code, 0, text)
        self.assert_same_results(path, self.undisturbed(sweep))

    def test_directory_that_vanishes(self):
        """Renamed away in the middle of the run: what is open can be written on, what is not is told."""
        sweep = self.sweep(LONG)
        os.mkdir(self.path("here"))
        path, moved = self.path("here/out.h5"), self.path("there/out.h5")
        with Run(sweep, "-o", path, "--progress", "none", ranks=2, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.1)
            os.rename(self.path("here"), self.path("there"))
            exit_code, text = run.end()
        self.assertEqual(exit_code, 1, text)
        self.assertRegex(text, r"error: .*here/out\.h5: the file was moved .*; its results are in .*there/out\.h5")
        self.complete(sweep, moved)

    def test_read_only_directory(self):
        """A file system that is remounted read-only after an error."""
        sweep, path = self.sweep(LONG), self.path("out.h5")
        ended = run_with_faults(sweep, "-o", path, ranks=2, CALL="write", ERRNO=30, NUMBER=40, ALWAYS=1, RANK=1,
                                PREFIX=path, EXCEPT=".tmp")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, r"error: rank 1: .*out\.h5 .*Read-only file system")
        self.assertTrue((read(path)["status"] == PENDING).any())
        self.complete(sweep, path)

    def test_rank_that_cannot_read(self):
        """While the file is made and while it is opened: whatever one rank meets alone, the others end as well."""
        sweep, path = self.sweep(TWO_SIZES.replace("768", "16")), self.path("out.h5")
        for number in (5, 30, 88):
            ended = run_with_faults(sweep, "-o", path, "--overwrite", ranks=2, CALL="read", ERRNO=5, NUMBER=number, RANK=1,
                                    PREFIX=path)
            self.assertEqual(ended.returncode, 1, ended.stderr)
            self.assertRegex(ended.stderr, r"error: .*out\.h5.*rank 1: .*Input/output error|error: rank 1: .*out\.h5: .*Input/output error")
        self.complete(sweep, path)

    def test_lost_writes(self):
        """A disk that says yes and does not write: the run itself finds out, and the next one mends it."""
        sweep, path = self.sweep(LONG), self.path("out.h5")
        ended = run_with_faults(sweep, "-o", path, CALL="write", ERRNO="lie", NUMBER=60, ALWAYS=1, PREFIX=path, EXCEPT=".tmp")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, r"error: .*out\.h5: .*(hold something else than was|has not arrived|are not in the file)")
        self.complete(sweep, path)

    def test_flipped_bits(self):
        """In a finished cell: check finds it, the next run computes this cell alone anew."""
        sweep = self.sweep(LONG)
        path = self.run_sweep(sweep, "out.h5")
        with h5py.File(path) as file:
            dataset = file["log_jacobian_norm"]
            place, size = dataset.id.get_offset(), dataset.dtype.itemsize * dataset.shape[-1]
            seconds = file["cell_seconds"][...].ravel()
        with open(path, "r+b") as file:
            file.seek(place + 7 * size + 3)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 1]))
        checked = gradsweep("check", path)
        self.assertEqual(checked.returncode, 3, checked.stdout)
        self.assertRegex(checked.stdout, r"\b0 pending, 1 damaged")
        self.complete(sweep, path)
        computed = np.flatnonzero(read(path)["cell_seconds"].ravel() != seconds)
        self.assertLessEqual(set(computed), {7})


if __name__ == "__main__":
    LIBRARY = os.path.realpath(sys.argv.pop(3))
    command.main()
