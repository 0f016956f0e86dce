"""Ranks that fall silent, and ranks that cannot be interrupted: nobody waits for ever, and nothing is lost."""
# ctest: LABELS campaign

import contextlib
import os
import signal
import time
from pathlib import Path
from unittest import mock

import command
from command import CommandTest, Run, gradsweep, read

# Some 360 writes of cells, each to take WRITE_SECONDS.
LONG = """\
weights: {replicas: 24}
model: {activation: [identity, tanh], warmup: 100}
grid: {hidden_size: [64, 96], spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: {log2: 64}}
"""
# One network of so many units that LAPACK's search for its eigenvalues, one call, takes minutes.
ONE_LONG_CALL = """\
measure: [expansion]
model: {activation: identity}
grid: {hidden_size: 4000, spectral_radius: native, gamma: 1, lag: 1}
numerics: {distribute_from: 100000}
"""
# Results of some 500 MB.
LARGE_FILE = """\
weights: {replicas: 4000}
model: {activation: identity}
grid: {hidden_size: 1, spectral_radius: {start: 0.1, stop: 1, num: 100}, gamma: [0.5, 1], lag: {log2: 32}}
"""
# So that runs can be caught in their middle, and files while they are made.
WRITE_SECONDS = 0.02
# Silence that means death, in seconds; a loaded machine may keep a thread waiting for a part of a second.
TIMEOUT = 4.0
# From the last sign of life to the end: the silence, and what MPI needs to end the others.
ENDING = 30.0
# From a stop request to the end: 10 s of grace, the end of MPI, and what a loaded machine needs more.
STOPPING = 20.0


def is_suspended(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


class LostRanks(CommandTest):
    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(os.environ, GRADSWEEP_RANK_TIMEOUT=str(TIMEOUT))
        patch.start()
        self.addCleanup(patch.stop)

    def ranks_in_order(self, run):
        """The processes of a run by rank, as its launcher told each of them."""
        variable = f"{command.rank_variable()}=".encode()

        def rank(pid):
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            return int(next(entry for entry in environment if entry.startswith(variable)).split(b"=")[1])
        return sorted(run.ranks(), key=rank)

    def end_of(self, run, limit):
        began = time.monotonic()
        exit_code, text = run.end()
        self.assertLess(time.monotonic() - began, limit, text)
        return exit_code, text

    def suspend(self, sweep, path, rank):
        """One of three ranks, in the middle of the run."""
        with Run(sweep, "-o", path, "--progress", "none", ranks=3, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.1)
            os.kill(self.ranks_in_order(run)[rank], signal.SIGSTOP)
            exit_code, text = self.end_of(run, TIMEOUT + ENDING)
        self.assertEqual(exit_code, 1, text)
        self.assertRegex(text, rf"error: rank {rank} on host \S+ has not answered for {TIMEOUT:g} s: it is suspended")

    def check_suspended(self, sweep, rank):
        """A rank that has just written a unit has no other yet: those beside it then finish all of the work, and the rank
        is suspended in another run."""
        for attempt in range(4):
            path = self.path(f"suspended{rank}-{attempt}.h5")
            self.suspend(sweep, path, rank)
            if (read(path)["status"] == command.PENDING).any():
                break
        self.assertTrue((read(path)["status"] == command.PENDING).any())
        ended = gradsweep("run", sweep, "-o", path, "--resume", "--progress", "none", ranks=2)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return path

    def test_suspended_ranks(self):
        sweep = self.sweep(LONG)
        first, last = (self.check_suspended(sweep, rank) for rank in (0, 2))
        self.assert_same_results(first, last)

    def test_suspended_while_the_file_is_made(self):
        path = self.path("suspended.h5")
        with Run(self.sweep(LARGE_FILE), "-o", path, "--progress", "none", ranks=2, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_making(path)
            os.kill(self.ranks_in_order(run)[1], signal.SIGSTOP)
            exit_code, text = self.end_of(run, TIMEOUT + ENDING)
        self.assertEqual(exit_code, 1, text)
        self.assertRegex(text, r"error: rank 1 on host \S+ has not answered")

    def test_all_ranks_suspended_together(self):
        """As where the machine sleeps, or all are under a debugger: a healthy run goes on."""
        path = self.path("paused.h5")
        with Run(self.sweep(LONG), "-o", path, "--progress", "none", ranks=3, write_seconds=WRITE_SECONDS) as run:
            run.wait_for_cells(path, 0.1)
            ranks = run.ranks()
            run.signal_ranks(signal.SIGSTOP)
            while not all(is_suspended(pid) for pid in ranks):
                time.sleep(0.001)
            time.sleep(2 * TIMEOUT)
            run.signal_ranks(signal.SIGCONT)
            exit_code, text = run.end()
        self.assertEqual(exit_code, 0, text)

    def test_stop_inside_one_library_call(self):
        """The unit before the call is one of seconds, and neither looks at a signal. All cases at once: they wait."""
        cases = ((signal.SIGUSR1, 2), (signal.SIGTERM, 2), (signal.SIGINT, None))
        sweep, paths = self.sweep(ONE_LONG_CALL), [self.path(f"{number.name}.h5") for number, _ in cases]
        with contextlib.ExitStack() as stack:
            runs = [stack.enter_context(Run(sweep, "-o", path, "--progress", "none", ranks=ranks))
                    for path, (_, ranks) in zip(paths, cases)]
            for path, run in zip(paths, runs):
                while not os.path.exists(path):
                    self.assertIsNone(run.process.poll())
                    time.sleep(0.01)
            time.sleep(1)
            pids = [run.ranks()[-1] for run in runs]
            began = time.monotonic()
            for _ in range(5):  # once more does no harm
                for pid, (number, _) in zip(pids, cases):
                    os.kill(pid, number)
                time.sleep(0.05)
            for path, run, (number, _) in zip(paths, runs, cases):
                with self.subTest(number.name):
                    exit_code, text = run.end()
                    self.assertLess(time.monotonic() - began, STOPPING, text)
                    self.assertEqual(exit_code, 75, text)
                    self.assertRegex(text, r"did not come to an end within 10 s of the stop request")
                    self.assertEqual(gradsweep("info", path).returncode, 0)

    def test_time_limit_inside_one_library_call(self):
        began = time.monotonic()
        ended = gradsweep("run", self.sweep(ONE_LONG_CALL), "-o", self.path("timed.h5"), "--max-time", "00:00:02")
        self.assertLess(time.monotonic() - began, 2 + STOPPING)
        self.assertEqual(ended.returncode, 75, ended.stderr)

    def test_stop_while_the_file_is_made(self):
        for ranks in (None, 3):
            path = self.path("unmade.h5")
            with Run(self.sweep(LARGE_FILE), "-o", path, "--progress", "none", ranks=ranks,
                     write_seconds=WRITE_SECONDS) as run:
                run.wait_for_making(path)
                os.kill(run.ranks()[-1], signal.SIGUSR1)
                exit_code, text = self.end_of(run, STOPPING)
            self.assertEqual(exit_code, 75, text)
            self.assertRegex(text, r"unmade\.h5: (rank \d: )?stopped by SIGUSR1 before it was made; run again")
            self.assertEqual(os.listdir(self.folder), ["sweep.yaml"])

    def test_timeout_that_is_none(self):
        for ranks in (None, 2):
            with mock.patch.dict(os.environ, GRADSWEEP_RANK_TIMEOUT="soon"):
                ended = gradsweep("run", self.sweep(LONG), "-o", self.path("out.h5"), ranks=ranks)
            self.assert_error(ended, 2, "GRADSWEEP_RANK_TIMEOUT is 'soon': expected seconds, at least 0.5")
            self.assertEqual(os.listdir(self.folder), ["sweep.yaml"])


if __name__ == "__main__":
    command.main()
