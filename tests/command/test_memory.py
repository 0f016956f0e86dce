"""A rank's memory does not grow with the grid."""

import os
import time

import command
from command import CommandTest, Run, read

# 2 ensembles x 2 sizes x 5 radii x 50 gammas: 1000 cells a replica. Networks so small take no time.
SWEEP = """\
weights: {ensemble: [orthogonal, cycle]}
model: {activation: identity}
grid:
  hidden_size: [1, 2]
  spectral_radius: {start: 0.5, stop: 1.5, num: 5}
  gamma: {start: 0.5, stop: 1, num: 50}
  lag: 1
"""
# Replicas of the smaller grid and of the larger: by then buffers, and blocks that are kept for others, have been taken, 2 to 4 MB of
# them. Equal runs differ by up to 1.5 MB, as pages of libraries are touched or not. 4 MB are 2 bytes a cell, less than any result or
# index of it takes; the sanitizer keeps more, and MPICH's own way of writing files takes its buffers as they are first used, 5 MB.
FEW, MANY = 100, 2000
MARGIN = 4.0
MARGIN_OF_OTHER_MPIS = 7.0
SANITIZED_MARGIN = 10.0


def highest_memory(pid):
    """The largest resident size so far, in MB; 0 if the process has ended. (The maximum that wait4 gives would count
    the memory of this interpreter too, of which the process is a copy at first.)"""
    try:
        with open(f"/proc/{pid}/status") as file:
            sizes = [int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:")]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sizes[0] if sizes else 0


class Memory(CommandTest):
    def setUp(self):
        super().setUp()
        self.margin = MARGIN if command.is_open_mpi() else MARGIN_OF_OTHER_MPIS
        if command.is_sanitized():
            self.margin = SANITIZED_MARGIN
            options = os.environ.get("ASAN_OPTIONS", "")
            os.environ["ASAN_OPTIONS"] = options + ":quarantine_size_mb=1"  # of memory that is free already

    def memory_of(self, replicas, option):
        """The largest resident size of a run in MB."""
        highest = 0
        with Run(self.sweep(SWEEP), "-o", self.path("out.h5"), option, "--progress", "none", "--set",
                 f"weights.replicas={replicas}") as run:
            while run.process.poll() is None:
                highest = max(highest, highest_memory(run.process.pid))
                time.sleep(0.005)
            self.assertEqual(run.end()[0], 0)
        self.assertGreater(highest, 5)  # MPI alone takes more
        return highest

    def test_of_a_larger_grid(self):
        small = self.memory_of(FEW, "--overwrite")
        small_resumed = self.memory_of(FEW, "--resume")
        large = self.memory_of(MANY, "--overwrite")
        self.assertEqual(read(self.path("out.h5"))["status"].size, 1000 * MANY)
        large_resumed = self.memory_of(MANY, "--resume")
        print(f"{small:.1f} {large:.1f} MB, resumed {small_resumed:.1f} {large_resumed:.1f} MB")
        self.assertLess(large, small + self.margin)
        self.assertLess(large_resumed, small_resumed + self.margin)


if __name__ == "__main__":
    command.main()
