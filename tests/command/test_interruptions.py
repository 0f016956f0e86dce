"""Runs that are stopped, run out of time or fail, and are gone on with: nothing is lost, nothing differs."""
# ctest: PROCESSORS 2

import json
import os
import re
import shutil
import signal
import time

import numpy as np

import command
import h5py
import sweeps
from command import CommandTest, Run, gradsweep, read

QUIETLY = ["--progress", "none"]
# Of each of the sweep's 6000 writes: so that a run lasts for seconds, and can be caught in its middle.
WRITE_SECONDS = 0.001


class InterruptedRuns(CommandTest):
    """One sweep, and its undisturbed results."""

    @classmethod
    def setUpClass(cls):
        cls.folder_of_all = command.tempfile.mkdtemp(prefix="gradsweep-test-")
        cls.reference = os.path.join(cls.folder_of_all, "reference.h5")
        cls.text = os.path.join(cls.folder_of_all, "sweep.yaml")
        with open(cls.text, "w") as file:
            file.write(sweeps.EVERYTHING)
        ended = gradsweep("run", cls.text, "-o", cls.reference, *QUIETLY, ranks=2)
        assert ended.returncode == 1 and os.path.exists(cls.reference), ended.stderr
        assert (read(cls.reference)["status"] != command.PENDING).all()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder_of_all)

    def assert_partial(self, path):
        """Some cells are done, others are not, and the command says so."""
        status = read(path)["status"]
        pending = np.count_nonzero(status == command.PENDING)
        self.assertGreater(pending, 0)
        self.assertLess(pending, status.size)
        checked = gradsweep("check", path)
        self.assertEqual(checked.returncode, 3)
        self.assertRegex(checked.stdout, rf"\b{pending} pending, 0 damaged")
        told = gradsweep("info", path)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, rf"\b{pending} pending")

    def resume(self, path, ranks, **keywords):
        """Goes on to the end, to the undisturbed result."""
        before = read(path)
        ended = gradsweep("run", self.text, "-o", path, "--resume", *QUIETLY, ranks=ranks, **keywords)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assert_same_results(path, self.reference)
        kept = before["status"] != command.PENDING
        after = read(path)["cell_seconds"]
        np.testing.assert_array_equal(after[kept], before["cell_seconds"][kept], "finished cells were computed again")


class Interruptions(InterruptedRuns):
    def check_stop(self, ranks, resume_ranks, tcp=False):
        path = self.path("stopped.h5")
        with Run(self.text, "-o", path, *QUIETLY, ranks=ranks, tcp=tcp, write_seconds=2 * WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.4)
            asked = time.monotonic()
            exit_code, text = run.stop()
        self.assertEqual(exit_code, 75, text)
        self.assertLess(time.monotonic() - asked, 40)  # 10 s of grace, and the end of MPI
        self.assertRegex(text, r"stopped by SIGUSR1 with \d+ cells pending; go on with --resume")
        self.assert_partial(path)
        self.resume(path, resume_ranks)

    def test_stop_of_one_rank(self):
        self.check_stop(None, 3)

    def test_stop_of_three_ranks(self):
        self.check_stop(3, None)

    def test_stop_over_tcp(self):
        self.check_stop(2, 5, tcp=True)

    def test_stop_signals_of_one_rank(self):
        """The others that a batch system or a user sends; to a launcher they are not ours to handle."""
        for number in (signal.SIGTERM, signal.SIGINT):
            path = self.path(f"{number.name}.h5")
            with self.subTest(number.name), Run(self.text, "-o", path, *QUIETLY, write_seconds=WRITE_SECONDS) as run:
                run.wait_for_cells(path, 0.1)
                run.process.send_signal(number)
                exit_code, text = run.end()
                self.assertEqual(exit_code, 75, text)
                self.assertIn(f"stopped by {number.name}", text)
                self.assert_partial(path)

    def test_max_time(self):
        """Again and again, each time a second, one rank alone: it needs several. At last it is done."""
        path = self.path("timed.h5")
        exit_codes = []
        while not exit_codes or exit_codes[-1] == 75:
            self.assertLess(len(exit_codes), 60)
            ended = gradsweep("run", self.text, "-o", path, "--resume", "--max-time", "00:00:01", *QUIETLY,
                              write_seconds=WRITE_SECONDS)
            exit_codes.append(ended.returncode)
            if exit_codes[-1] == 75:
                self.assertRegex(ended.stderr, r"stopped by --max-time (with \d+ cells pending|before it was made)")
        self.assertGreater(len(exit_codes), 1)
        self.assertEqual(exit_codes[-1], 1)
        self.assert_same_results(path, self.reference)

    def test_lock(self):
        path = self.path("locked.h5")
        with Run(self.text, "-o", path, *QUIETLY, ranks=2, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.05)
            run.signal_ranks(signal.SIGSTOP)  # or it might end before the others have started
            for option in ("--resume", "--overwrite"):
                refused = gradsweep("run", self.text, "-o", path, option, *QUIETLY)
                self.assertEqual(refused.returncode, 2)
                self.assertRegex(refused.stderr, r"another run is writing this file \(process \d+ on .*--break-lock")
            told = gradsweep("info", path)
            self.assertEqual(told.returncode, 0, told.stderr)
            self.assertRegex(told.stdout, r"locked by +process \d+ on ")
            run.signal_ranks(signal.SIGCONT)
            exit_code, text = run.end()
        self.assertEqual(exit_code, 1, text)
        self.assert_same_results(path, self.reference)

    def test_lock_of_another_host(self):
        path = self.path("locked.h5")
        shutil.copy(self.reference, path)
        with open(path + ".lock", "w") as file:
            file.write("host=elsewhere\npid=1\nboot=x\njob=\nrestarts=\n")
        refused = gradsweep("run", self.text, "-o", path, "--resume", *QUIETLY)
        self.assert_error(refused, 2, "process 1 on elsewhere.*--break-lock")
        self.assertTrue(os.path.exists(path + ".lock"))
        taken = gradsweep("run", self.text, "-o", path, "--resume", "--break-lock", *QUIETLY)
        self.assertEqual(taken.returncode, 1, taken.stderr)
        self.assert_same_results(path, self.reference)

    def test_resume_by_another_build_on_another_machine(self):
        """A warning names both, once; the same build and machine get none."""
        sweep = self.sweep(sweeps.SMALLEST, "smallest.yaml")
        path = self.run_sweep(sweep, "out.h5")
        same = gradsweep("run", sweep, "-o", path, "--resume", ranks=2)
        self.assertNotIn("another CPU or build", same.stderr)
        with h5py.File(path, "r+") as file:
            row = file["runs/provenance"][1].tobytes().rstrip(b"\0").decode()
            ours = json.loads(row)
            changed = json.dumps({**ours, "cpu": "Abacus 1", "git_revision": "0123456789ab"}).encode()
            changed = changed.ljust(file["runs/provenance"].shape[1], b"\0")
            file["runs/provenance"][1] = np.frombuffer(changed, "S1")
            file["runs/provenance_checksum"][1] = command.crc32c(file.attrs["sweep_hash"].encode() +
                                                                 (1).to_bytes(8, "little") + changed)
        other = gradsweep("run", sweep, "-o", path, "--resume", ranks=2)
        self.assertEqual(other.returncode, 0, other.stderr)
        warning = re.findall("warning: .*out.h5: an earlier run had another CPU or build (.*);", other.stderr)
        revision = f"git_revision: 0123456789ab, now {ours['git_revision'] or 'unknown'}"
        self.assertEqual(warning, [f"(cpu: Abacus 1, now {ours['cpu']}; {revision})"])
        self.assertNotIn("another CPU or build", gradsweep("run", sweep, "-o", path, "--resume").stderr)

    def test_max_failures(self):
        path = self.path("failing.h5")
        ended = gradsweep("run", self.text, "-o", path, "--max-failures", 5, *QUIETLY, ranks=2)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, r"\d+ cells failed, the limit of --max-failures")
        self.assertTrue((read(path)["status"] == command.PENDING).any())
        self.resume(path, 2)


if __name__ == "__main__":
    command.main()
