"""Kills runs with SIGKILL, again and again, at random moments: one rank, all of them, or their launcher; while the file is
made and while it is written; on one to five ranks. After each kill the file, if there is one, opens, and every cell that
was ever seen finished is still there, bit for bit. In the end it equals the file of an undisturbed run.

    kills.py GRADSWEEP MPIEXEC [--count 200] [--seed 2013]"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import campaign
from campaign import Finished, Violation, require
from command import Run, gradsweep, in_the_making

SWEEP = """\
weights: {ensemble: [ginibre, orthogonal, {kind: nonnormal, departure: 1}], replicas: 8}
model: {activation: [identity, tanh], input: {kind: gaussian, size: 2, scale: 0.5}, warmup: 500}
grid: {hidden_size: [16, 40], spectral_radius: [0.7, 1, 1.3], gamma: [0.5, 1], lag: {log2: 64}}
measure: [frobenius_norm, gradient, {lyapunov: {transient: 20, steps: 40, two_sided: true}}]
"""
OPTIONS = ["--progress", "none"]
# Seconds after a kill in which all of a job must be gone: its launcher ends it; where it cannot, because it was killed
# itself, the ranks find out by the silence of another, 60 s long.
ENDING = 100
LAUNCHER_ENDING = 30
VICTIMS = ["one rank", "all ranks", "the launcher"]


def is_running(pid):
    """A killed process may stay a zombie for seconds, until its parent looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids, what):
    began = time.monotonic()
    while any(is_running(pid) for pid in pids):
        if time.monotonic() - began > ENDING:
            for pid in filter(is_running, pids):
                os.kill(pid, signal.SIGKILL)
            raise Violation(f"{what}: ranks outlived the kill by {ENDING} s")
        time.sleep(0.01)
    return time.monotonic() - began


class Campaign:
    def __init__(self, folder, seed):
        self.chance = random.Random(seed)
        self.folder = Path(folder)
        self.sweep = self.folder / "sweep.yaml"
        self.sweep.write_text(SWEEP)
        self.reference = self.folder / "reference.h5"
        self.path = self.folder / "killed.h5"
        began = time.monotonic()
        ended = gradsweep("run", self.sweep, "-o", self.reference, *OPTIONS, ranks=2)
        require(ended.returncode == 0, f"the undisturbed run: {ended.stderr}")
        self.seconds = time.monotonic() - began
        self.counts = Counter()
        self.slowest = 0.0
        self.finished = Finished()

    def kill(self, run, victim):
        """Kills; returns the processes that must end. Nobody is left where the run has ended by itself."""
        pids = run.ranks()
        if victim == "the launcher":
            run.process.kill()
        for pid in [self.chance.choice(pids)] if victim == "one rank" and pids else pids:
            if victim != "the launcher":
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        return pids

    def end_launcher(self, run):
        """A launcher whose ranks are all gone may hang at its own end: in Open MPI 4.1.4 two of its threads can wait for
        each other when a rank dies early. Nobody can wait for it then."""
        try:
            run.process.wait(LAUNCHER_ENDING)
        except subprocess.TimeoutExpired:
            if not run.ranks():
                run.process.kill()
                self.counts["launcher hung without ranks"] += 1

    def wait(self, run, in_creation):
        """Until a random moment of the run; or while the file is made, if it is not there yet."""
        if not in_creation or self.path.exists():
            time.sleep(self.chance.uniform(0, 1.2 * self.seconds))
            return
        while run.process.poll() is None and not in_the_making(str(self.path)) and not self.path.exists():
            time.sleep(0.0005)
        time.sleep(self.chance.uniform(0, 0.02))

    def disturb(self, number):
        """One run that is killed, unless it ends before; true once the file is complete."""
        ranks = self.chance.choice([None, 1, 2, 3, 4, 5])
        victim = self.chance.choice(VICTIMS) if ranks else "all ranks"
        what = f"run {number}, {ranks} ranks, {victim} killed"
        with Run(self.sweep, "-o", self.path, "--resume", *OPTIONS, ranks=ranks) as run:
            self.wait(run, self.chance.random() < 0.3)
            is_made, is_there = in_the_making(str(self.path)), self.path.exists()
            pids = self.kill(run, victim)
            if pids:
                self.slowest = max(self.slowest, wait_until_gone(pids, what))
                self.end_launcher(run)
            exit_code, text = run.end()
        if exit_code == 0:
            self.counts["ended before the kill"] += 1
            return True
        require(exit_code not in (2, 3, 75), f"{what}: exit code {exit_code}: {text}")
        self.counts[f"killed {victim}"] += 1
        self.counts["while the file was made" if is_made else "while it was written" if is_there else
                    "before there was a file"] += 1
        if self.path.exists():
            self.finished.require_kept(self.path, what)
        else:
            require(self.finished.count == 0, f"{what}: the file has vanished")
        return False

    def complete(self):
        """The rest, undisturbed, and the comparison; then a new file."""
        ended = gradsweep("run", self.sweep, "-o", self.path, "--resume", *OPTIONS, ranks=self.chance.choice([None, 2, 3]))
        require(ended.returncode == 0, f"the run to the end: {ended.returncode}: {ended.stderr}")
        self.finished.require_kept(self.path, "after the last run")
        campaign.require_complete(self.path, self.reference, "after the last run")
        campaign.require_checked(self.path, "after the last run")
        self.counts["files completed"] += 1
        self.path.unlink()
        self.finished = Finished()

    def run(self, count):
        for number in range(count):
            # A file is completed after some kills, or it would be complete for most of them.
            if self.disturb(number) or self.chance.random() < 0.15:
                self.complete()
        self.complete()


def main():
    arguments = campaign.parser("Kills runs at random moments.")
    arguments.add_argument("--count", type=int, default=200)
    options = campaign.parse(arguments)
    folder = tempfile.mkdtemp(prefix="gradsweep-kills-")
    began = time.monotonic()
    try:
        kills = Campaign(folder, options.seed)
        kills.run(options.count)
    except Violation as violation:
        sys.exit(f"seed {options.seed}: {violation}\nthe files are in {folder}")
    shutil.rmtree(folder)
    told = ", ".join(f"{what} {count}" for what, count in sorted(kills.counts.items()))
    print(f"{options.count} runs, seed {options.seed}, {time.monotonic() - began:.0f} s: {told}; the last rank was gone "
          f"{kills.slowest:.1f} s after its kill at most")


if __name__ == "__main__":
    main()
