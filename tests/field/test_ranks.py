"""Runs of several ranks whose results have unusual names, or whose ranks are not one and the same command."""

# ctest: TIMEOUT 600 PROCESSORS 2 LABELS "campaign"

import errno
import glob
import os

import support
import command
from support import command_line, denied
from test_launchers import SWEEP, LauncherTest


class Names(LauncherTest):
    """Of results files: Open MPI makes names and buffers of them."""

    def test_long_path(self):
        folder = "/".join(3 * ["a" * 90])
        os.makedirs(self.path(folder))
        self.assert_runs(self.run_line(f"{folder}/out.h5", ranks=2), f"{folder}/out.h5")
        self.assertEqual(os.listdir(self.path(folder)), ["out.h5"])

    def test_long_name(self):
        name = "n" * 237 + ".h5"
        self.assert_runs(self.run_line(name, ranks=2), name)

    def test_short_name(self):
        for ranks in (None, 2):
            self.assert_runs(self.run_line("x", "--overwrite", ranks=ranks), "x")

    def test_neighbours_are_left_alone(self):
        """Names that Open MPI makes of the file's own, though nobody asked for them."""
        for name in ("out.h5.data.0", "out.h5.metadata.0", "out.h5.tmp.data.0"):
            with open(self.path(name), "w") as file:
                file.write(30 * "mine ")
        ended = self.start(self.run_line("out.h5", ranks=2))
        self.assertEqual(ended.returncode, 0, ended.stdout)
        for name in ("out.h5.data.0", "out.h5.metadata.0", "out.h5.tmp.data.0"):
            with open(self.path(name)) as file:
                self.assertEqual(file.read(), 30 * "mine ", name)


class Containers(LauncherTest):
    def test_memory_of_other_processes(self):
        """Often forbidden in containers. Open MPI would say so for every message."""
        environment = {**os.environ}
        for name in ("OMPI_MCA_btl_vader_single_copy_mechanism", "OMPI_MCA_smsc"):
            environment.pop(name, None)
        settings = ["--set", "grid.hidden_size=128", "--set", "numerics.distribute_from=128", "--set",
                    "measure=[step_bound,gradient]", "--set", "grid.lag=[1,4,16]"]
        ended = self.start(denied(process_vm=errno.EPERM) + self.run_line("out.h5", *settings, ranks=2), environment)
        self.assertEqual(ended.returncode, 0, ended.stdout)
        self.assertLess(len(ended.stdout.splitlines()), 10, ended.stdout)
        self.assert_same_results(self.path("out.h5"), self.run_sweep(self.text, "reference.h5", *settings, ranks=2))


class DifferentRanks(LauncherTest):
    """Programs of one job that are not the same command."""

    def ranks(self, *lines):
        joined = command.launcher_of()
        for number, line in enumerate(lines):
            joined += ([":"] if number > 0 else []) + ["-n", "1", *line]
        return joined

    def test_arguments(self):
        first = self.run_line("a.h5")
        for other, difference in ((self.run_line("b.h5"), "the output on host .* is 'b.h5', and that of rank 0 is 'a.h5'"),
                                  (self.run_line("a.h5", "--shard", "1/2"), "the options .*--shard 1/2"),
                                  (self.run_line("a.h5", "--resume"), "the options .*--resume"),
                                  (self.run_line("a.h5", "--set", "seed=2"), "the settings .*seed=2"),
                                  ([*first[:2], self.sweep(SWEEP, "other.yaml"), *first[3:]], "the sweep file .*other.yaml")):
            self.assert_refused(self.ranks(first, first, other), f"error: rank 2: {difference}")

    def test_folders(self):
        for name in ("here", "there"):
            os.mkdir(self.path(name))
        line = self.run_line("out.h5")
        text = self.assert_refused(self.ranks(["-wdir", "here", *line], ["-wdir", "there", *line]),
                                   "error: rank 1: out.h5: its folder on host .* is not that of rank 0")
        self.assertEqual(os.listdir(self.path("here")) + os.listdir(self.path("there")), [], text)

    def test_another_command(self):
        """It never enters MPI, where the others wait for it, but not for ever."""
        reference = self.run_sweep(self.text, "reference")
        ended = self.start(self.ranks(self.run_line("a.h5"), command_line("info", reference)),
                           {**os.environ, "GRADSWEEP_RANK_TIMEOUT": "5"})
        self.assertNotEqual(ended.returncode, 0, ended.stdout)
        self.assertEqual(glob.glob(self.path("a.h5*")), [])


if __name__ == "__main__":
    support.main()
