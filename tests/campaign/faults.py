"""Lets every single call on the results file fail, one after the other, and sees what the run makes of it.

For each kind of call, on one rank and on either of two: the first, the second, ... call fails, until the run passes
without a failure. Whatever fails, the run ends within 90 s with exit code 1 (2 where it is found before work starts) and
a message with the path and the cause; or it is of no harm, and the results are right. A run with --resume then completes
it, with the results of an undisturbed run.

    faults.py GRADSWEEP MPIEXEC LIBRARY [--every 1] [--only CALL] [--kinds N]      LIBRARY: the module fault_injection"""

import errno
import os
import random
import re
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
from command import gradsweep, same_bits

# Small, since it is run some thousand times; with all kinds of datasets.
SWEEP = """\
weights: {ensemble: [ginibre, orthogonal]}
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
measure: [frobenius_norm, expansion]
"""
LIMIT = 90  # a loaded machine takes its time

# call, effect, whether all later calls fail as well, ranks of the run, the rank where it fails
CASES = [("open", errno.EACCES, False, None, 0),
         ("open", errno.ENOENT, False, 2, 1),
         ("write", errno.EIO, False, None, 0),
         ("write", errno.ENOSPC, True, None, 0),
         ("write", errno.EROFS, True, 2, 1),
         ("write", "short", False, None, 0),
         ("write", "lie", False, None, 0),
         ("write", "lie", False, 2, 1),
         ("write", "kill", False, None, 0),
         ("write", "kill", False, 2, 1),
         ("truncate", errno.ENOSPC, False, None, 0),
         ("truncate", errno.EIO, False, 2, 0),
         ("sync", errno.EIO, False, None, 0),
         ("sync", errno.EIO, False, 2, 1),
         ("rename", errno.EIO, False, None, 0),
         ("rename", errno.EACCES, False, 2, 0),
         ("unlink", errno.EIO, False, None, 0),
         ("read", errno.EIO, False, None, 0),
         ("read", errno.EIO, False, 2, 1),
         ("allocate", "none", False, None, 0),
         ("allocate", "none", False, 2, 1)]


class Campaign:
    def __init__(self, folder, library, every, seed):
        self.library, self.every, self.chance = library, every, random.Random(seed)
        self.folder = Path(folder)
        self.sweep = self.folder / "sweep.yaml"
        self.sweep.write_text(SWEEP)
        self.reference = self.folder / "reference.h5"
        self.place = self.folder / "place"
        self.place.mkdir()
        self.path = self.place / "out.h5"
        self.log = self.folder / "log"
        self.counts = Counter()
        ended = gradsweep("run", self.sweep, "-o", self.reference)
        require(ended.returncode == 0, f"the undisturbed run: {ended.stderr}")
        self.wanted = same_bits(self.reference)

    def run_faultily(self, case, number):
        """One run in which a call fails; the exit code, what was printed, and how many calls failed."""
        call, effect, always, ranks, rank = case
        self.log.unlink(missing_ok=True)
        faults = {"CALL": call, "NUMBER": number, "ERRNO": effect, "PREFIX": self.place, "RANK": rank, "LOG": self.log}
        faults.update({"ALWAYS": 1} if always else {})
        # A disk that lies while the file is made is noticed where the structure of a file is: by HDF5, when it is read.
        faults.update({"EXCEPT": ".tmp"} if effect == "lie" else {})
        environment, before = command.with_library(self.library, **faults)
        line = before + command.command_line("run", self.sweep, "-o", self.path, "--resume", "--progress", "none")
        launcher = command.launcher_of(ranks) if ranks else []
        with subprocess.Popen(launcher + line, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
            try:
                text, _ = process.communicate(timeout=LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                text, _ = process.communicate()
                raise Violation(f"hung for {LIMIT} s: {text}") from None
        failed = self.log.read_text().splitlines() if self.log.exists() else []
        return process.returncode, text, failed

    def judge(self, case, exit_code, text):
        """The rules for a run in which a call failed."""
        call, effect = case[:2]
        if effect == "kill":
            require(exit_code != 0, f"exit code 0 of a killed run: {text}")
            return "killed"
        if exit_code == 0:
            campaign.require_complete(self.path, self.reference, "a failure of no harm") if call != "unlink" else None
            return "harmless"
        require(exit_code in (1, 2), f"exit code {exit_code}: {text}")
        told = [line for line in text.splitlines() if line.startswith("gradsweep: error:")]
        require(len(told) == 1, f"{len(told)} errors are told: {text}")
        if call == "allocate":
            require(re.search("cannot allocate|no memory|cells failed", told[0]), f"the cause is not told: {text}")
            return "failed"
        require(str(self.place) in told[0], f"the path is not told: {text}")
        if not isinstance(effect, str):
            require(os.strerror(effect) in told[0], f"the cause, {os.strerror(effect)}, is not told: {text}")
        left = sorted(path.name for path in self.place.iterdir())
        require(call == "unlink" or left in ([], ["out.h5"]), f"{left} left behind: {text}")
        return "refused" if exit_code == 2 else "failed"

    def resume(self):
        """The run after the faulty one: all is well again."""
        if self.path.exists():
            told = gradsweep("info", self.path)
            require(told.returncode == 0, f"info says {told.stderr}")
        ended = gradsweep("run", self.sweep, "-o", self.path, "--resume", "--retry-failed", "--progress", "none")
        require(ended.returncode == 0, f"the resumed run: exit code {ended.returncode}: {ended.stderr}")
        campaign.require_complete(self.path, self.reference, "the resumed run")

    def try_call(self, case, number):
        """False once the run passes without a failure."""
        for path in self.place.iterdir():
            path.unlink()
        exit_code, text, failed = self.run_faultily(case, number)
        if not failed:
            require(exit_code == 0, f"exit code {exit_code} without a failure: {text}")
            return False
        outcome = self.judge(case, exit_code, text)
        self.resume()
        self.counts[f"{outcome}"] += 1
        return True

    def choose_first(self, case):
        """A random call among the first `every` ones that happen; the last one tried is the first."""
        number = self.every
        while True:
            number = 1 + self.chance.randrange(number)
            if self.try_call(case, number):
                return number
            require(number > 1, f"no such call was met: {case}")

    def try_case(self, case, go_on):
        """Lets one call after the other fail, until none is left; the violations."""
        call, effect, always, ranks, rank = case
        name = f"{call} {errno.errorcode.get(effect, effect)}{' always' if always else ''}, {ranks or 1} ranks, rank {rank}"
        violations, began, tried = [], time.monotonic(), 0
        number, goes_on = None, True
        while goes_on and (go_on or not violations):
            try:
                if number is None:
                    number = self.choose_first(case) if self.every > 1 else 1
                    goes_on = self.every > 1 or self.try_call(case, number)
                else:
                    number += self.every
                    goes_on = self.try_call(case, number)
            except Violation as violation:
                number = number or 1
                violations.append(f"{name}, call {number}: {violation}")
                print("VIOLATION", violations[-1], flush=True)
            tried += goes_on
        print(f"{name}: {tried} failures, {time.monotonic() - began:.0f} s", flush=True)
        return violations

    def run(self, only, count, go_on):
        cases = [case for case in CASES if only is None or case[0] == only]
        return sum((self.try_case(case, go_on) for case in self.chance.sample(cases, count or len(cases))), [])


def main():
    arguments = campaign.parser("Lets every single call fail.")
    arguments.add_argument("library")
    arguments.add_argument("--every", type=int, default=1, help="only every so-manieth call, from a random one on")
    arguments.add_argument("--only", help="only this kind of call")
    arguments.add_argument("--kinds", type=int, help="only so many kinds of failures, chosen at random")
    arguments.add_argument("--go-on", action="store_true", help="tell all violations, not the first alone")
    options = campaign.parse(arguments)
    folder = tempfile.mkdtemp(prefix="gradsweep-faults-")
    began = time.monotonic()
    faults = Campaign(folder, os.path.realpath(options.library), options.every, options.seed)
    violations = faults.run(options.only, options.kinds, options.go_on)
    shutil.rmtree(folder)
    told = ", ".join(f"{count} {what}" for what, count in sorted(faults.counts.items()))
    print(f"{sum(faults.counts.values())} runs with a failure, every {options.every}, seed {options.seed}, "
          f"{time.monotonic() - began:.0f} s: {told}; {len(violations)} violations")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
