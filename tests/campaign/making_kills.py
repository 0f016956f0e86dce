"""Kills merge and extend with SIGKILL, again and again: at random moments, and before random calls on the files that they
make. After each kill the output is absent or whole, the inputs are untouched, and the same command then works and leaves
nothing behind.

    making_kills.py GRADSWEEP MPIEXEC LIBRARY [--count 100] [--seed 2013]      LIBRARY: the module fault_injection"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import campaign
import command
from campaign import Violation, require
from command import gradsweep

SWEEP = """\
weights: {ensemble: [ginibre, orthogonal], replicas: 4}
model: {activation: [identity, tanh], warmup: 5}
grid: {hidden_size: [4, 8], spectral_radius: [0.7, 1.3], gamma: [0.5, 1], lag: {log2: 16}}
measure: [frobenius_norm, expansion]
"""
CALLS = ["open", "write", "sync", "rename", "unlink", "truncate"]


def fingerprint(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class Campaign:
    def __init__(self, folder, library, seed):
        self.folder, self.library, self.chance = Path(folder), library, random.Random(seed)
        self.counts = Counter()
        sweep, old = self.folder / "sweep.yaml", self.folder / "old.h5"
        sweep.write_text(SWEEP)
        shards = [str(self.folder / f"{number}.h5") for number in (1, 2, 3)]
        self.run(sweep, old)
        for number, path in enumerate(shards, 1):
            self.run(sweep, path, "--shard", f"{number}/3")
        place = self.folder / "place"
        place.mkdir()
        self.inputs = [str(old)] + shards
        self.before = [fingerprint(path) for path in self.inputs]
        self.output = place / "out.h5"
        self.commands = {"merge": ["merge", self.output] + shards,
                         "extend": ["extend", sweep, old, "-o", self.output, "--set", "grid.gamma=[0.25,0.5,1]"]}
        self.most = {}  # calls of each kind that a command makes, as far as is known
        self.wanted, self.seconds = {}, {}
        for name, arguments in self.commands.items():
            began = time.monotonic()
            ended = gradsweep(*arguments)
            self.seconds[name] = time.monotonic() - began
            require(ended.returncode == 0, f"the undisturbed {name}: {ended.stderr}")
            self.wanted[name] = fingerprint(self.output)
            self.output.unlink()

    def run(self, sweep, path, *options):
        ended = gradsweep("run", sweep, "-o", path, "--progress", "none", *options)
        require(ended.returncode == 0, f"the undisturbed run: {ended.stderr}")

    def kill_at_a_moment(self, name):
        """True where the kill came before the end."""
        with subprocess.Popen(command.command_line(*self.commands[name]), stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(self.chance.uniform(0, self.seconds[name]))
            process.kill()
        return process.returncode == -9

    def kill_before_a_call(self, name):
        call = self.chance.choice(CALLS)
        most = self.most.get((name, call), 200)
        if most == 0:
            return False
        number = 1 + self.chance.randrange(most)
        environment, before = command.with_library(self.library, CALL=call, ERRNO="kill", NUMBER=number,
                                                   PREFIX=self.output.parent)
        ended = subprocess.run(before + command.command_line(*self.commands[name]), env=environment,
                               stdin=subprocess.DEVNULL, capture_output=True, timeout=command.TIMEOUT)
        if ended.returncode == 0:
            self.most[name, call] = number - 1
        return ended.returncode == -9

    def judge(self, name):
        """What is there after a kill, and what the same command then makes of it."""
        require([fingerprint(path) for path in self.inputs] == self.before, f"{name}: an input has changed")
        if self.output.exists():
            require(fingerprint(self.output) == self.wanted[name], f"{name}: half a file has the output's name")
            self.counts[f"{name}: whole"] += 1
            self.output.unlink()
        else:
            self.counts[f"{name}: absent"] += 1
        ended = gradsweep(*self.commands[name])
        require(ended.returncode == 0, f"{name} after a kill: exit code {ended.returncode}: {ended.stderr}")
        require(fingerprint(self.output) == self.wanted[name], f"{name} after a kill: another file")
        left = sorted(path.name for path in self.output.parent.iterdir())
        require(left == ["out.h5"], f"{name} after a kill: {left}")
        self.output.unlink()

    def try_one(self, name):
        kill = self.chance.choice([self.kill_at_a_moment, self.kill_before_a_call])
        if kill(name):
            self.judge(name)
            return True
        if self.output.exists():
            self.output.unlink()
        return False

    def run_all(self, count):
        for name in self.commands:
            kills = 0
            while kills < count:
                kills += self.try_one(name)


def main():
    arguments = campaign.parser("Kills merge and extend.")
    arguments.add_argument("library")
    arguments.add_argument("--count", type=int, default=100, help="kills of each of the two")
    options = campaign.parse(arguments)
    folder = tempfile.mkdtemp(prefix="gradsweep-making-kills-")
    began = time.monotonic()
    try:
        kills = Campaign(folder, os.path.realpath(options.library), options.seed)
        kills.run_all(options.count)
    except Violation as violation:
        sys.exit(f"seed {options.seed}: {violation}\nthe files are in {folder}")
    shutil.rmtree(folder)
    told = ", ".join(f"{what} {count}" for what, count in sorted(kills.counts.items()))
    print(f"{options.count} kills each, seed {options.seed}, {time.monotonic() - began:.0f} s: {told}")


if __name__ == "__main__":
    main()
