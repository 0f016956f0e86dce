"""Results files that other programs open, change, replace or move during a run: no run ends with 0 unless its closed file
opens again and holds the results."""

import glob
import os
import shutil
import signal
import subprocess
import sys

import support
from support import CommandTest, Run, gradsweep

# 250 writes of cells, each to take so many seconds.
WRITE_SECONDS = 0.02
LONG = """\
weights: {replicas: 16}
grid: {hidden_size: 64, spectral_radius: {start: 0.5, stop: 1.5, num: 11}, gamma: [0.5, 1], lag: {log2: 16}}
"""
APPEND = """\
import h5py, sys
with h5py.File(sys.argv[1], "a") as file:
    file.attrs["note"] = "looks good" * 100
"""
READ = """\
import h5py, sys
with h5py.File(sys.argv[1]) as file:
    print((file["status"][...] == 1).sum())
"""


class OtherWriters(CommandTest):
    def setUp(self):
        super().setUp()
        self.text, self.out = self.sweep(LONG), self.path("out.h5")

    def during_a_run(self, action, *options, is_stopped=False, **how):
        """The exit code and the text of a run which is suspended in its middle, acted on, and goes on or is stopped."""
        with Run(self.text, "-o", self.out, "--progress", "none", *options, write_seconds=WRITE_SECONDS, **how) as run:
            run.wait_for_cells(self.out, 0.05)
            run.signal_ranks(signal.SIGSTOP)
            action()
            run.signal_ranks(signal.SIGCONT)
            if is_stopped:
                run.signal_ranks(signal.SIGUSR1)
            return run.end()

    def python(self, text, locking):
        """Another process, since HDF5 reads its variable once; with its own locks, as it comes, or without."""
        environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE" if locking else "FALSE"}
        return subprocess.run([sys.executable, "-c", text, self.out], env=environment, capture_output=True, text=True)

    def test_append_is_refused_and_reading_is_not(self):
        def act():
            appended = self.python(APPEND, True)
            self.assertNotEqual(appended.returncode, 0)
            self.assertIn("unable to lock file", appended.stderr)
            read = self.python(READ, True)
            self.assertEqual(read.returncode, 0, read.stderr)

        exit_code, text = self.during_a_run(act, ranks=2)
        self.assertEqual(exit_code, 0, text)
        self.assert_same_results(self.out, self.run_sweep(self.text, "reference.h5"))
        self.assertEqual(self.python(APPEND, True).returncode, 0)  # once the run has ended

    def test_a_writer_that_is_there_already(self):
        self.run_sweep(self.text, "out.h5")
        script = "import h5py, sys; file = h5py.File(sys.argv[1], 'a'); print('open', flush=True); sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", script, self.out], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env={**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"}) as writer:
            writer.stdout.readline()
            for option in ("--resume", "--overwrite"):
                ended = gradsweep("run", self.text, "-o", self.out, option)
                self.assert_error(ended, 2, "another program has the file open to write to it")
            writer.stdin.close()
        self.run_sweep(self.text, "out.h5", "--resume")

    def test_append_without_locks(self):
        """Whatever becomes of the file, the run says so."""
        exit_code, text = self.during_a_run(lambda: self.python(APPEND, False))
        whole = gradsweep("check", self.out).returncode == 0
        self.assertEqual(exit_code, 0 if whole else 1, text)
        if not whole:
            self.assertRegex(text, r"error: .*out\.h5: .*")

    def test_values_that_are_changed(self):
        change = 'import h5py, sys\nwith h5py.File(sys.argv[1], "r+") as file: file["log_jacobian_norm"][...] = 1.5'
        exit_code, text = self.during_a_run(lambda: self.python(change, False))
        self.assertEqual(exit_code, 1, text)
        self.assertRegex(text, r"error: .*out\.h5: .*(hold something else than was written|cannot be read)")

    def test_replaced_moved_or_removed(self):
        other, moved = self.path("other.h5"), self.path("moved.h5")
        self.run_sweep(self.text, "other.h5", "--set", "seed=5")
        replace = lambda: os.replace(shutil.copy(other, self.path("copy")), self.out)
        saved = "the file was replaced or removed while it was written; its results are saved as .*out.h5.1"
        for number, (action, is_stopped, found, words) in enumerate((
                (replace, False, "out.h5.1", saved), (lambda: os.remove(self.out), True, "out.h5.1", saved),
                (lambda: os.rename(self.out, moved), False, "moved.h5", "the file was moved .* in .*moved.h5"))):
            with self.subTest(number):
                for name in glob.glob(self.out + "*"):
                    os.remove(name)
                exit_code, text = self.during_a_run(action, is_stopped=is_stopped)
                self.assertEqual(exit_code, 1, text)
                self.assertRegex(text, f"error: .*out\\.h5: {words}")
                self.run_sweep(self.text, found, "--resume")


if __name__ == "__main__":
    support.main()
