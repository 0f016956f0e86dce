"""tests/run.sh and .ci/run with a ctest of our own: which tests they choose, and that the last line and the exit code tell of all.

    tiers.py PROJECT"""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = None
# Prints what is asked for, and the end of what ctest prints, as the file `outcomes` has it: a line for each call of ctest, of
# (passed, failed, skipped), or `none`.
CTEST = """#!/usr/bin/env bash
echo "asked: $*" | tee -a asked
read -r passed failed skipped < <(sed -n "$(wc -l < asked)p" outcomes)
[ "$passed" = none ] && { echo "No tests were found!!!"; exit 0; }
for ((n = 0; n < skipped; n++)); do echo " 1/3 Test #$n: some_test ......***Skipped   0.01 sec"; done
all=$((passed + failed + skipped))
echo "$((100 * (all - failed) / all))% tests passed, $failed tests failed out of $all"
[ "$failed" -eq 0 ]
"""


class Tiers(unittest.TestCase):
    def run_script(self, script, outcomes, *arguments):
        """The exit code, the last line, and the options of ctest that choose tests, call by call."""
        folder = Path(tempfile.mkdtemp(prefix="gradsweep-test-"))
        self.addCleanup(shutil.rmtree, folder)
        for name in ("tests", ".ci", "jobs", "bin", "build/release", "build/asan"):
            (folder / name).mkdir(parents=True)
        for name in ("tests/run.sh", ".ci/run"):
            shutil.copy(Path(PROJECT) / name, folder / name)
        for name, text in {"bin/ctest": CTEST, "bin/cmake": "#!/bin/sh\n", "jobs/install.sh": "#!/bin/sh\n",
                           "jobs/environment.sh": ""}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "outcomes").write_text("".join(outcome + "\n" for outcome in outcomes))
        environment = {**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"}
        ended = subprocess.run([folder / script, *arguments], env=environment, cwd="/", stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        asked = [line.split("--output-on-failure", 1)[1].split() for line in (folder / "asked").read_text().splitlines()]
        return ended.returncode, ended.stdout.splitlines()[-1], asked

    def test_tiers(self):
        standard, campaign = ["-LE", "^campaign$"], ["-L", "^campaign$"]
        for arguments, calls in (([], [standard]), (["--quick"], [["-L", "^quick$"]]), (["--all"], [standard, campaign]),
                                 (["--campaign"], [campaign]), (["-L", "hosts"], [["-L", "hosts"]]),
                                 (["--asan", "-R", "counter"], [["-R", "counter"]]),
                                 (["--quick", "-R", "test"], [["-L", "^quick$", "-R", "test"]]),
                                 (["--timeout", "9"], [[*standard, "--timeout", "9"]])):
            with self.subTest(arguments=arguments):
                self.assertEqual(self.run_script("tests/run.sh", ["3 0 0"] * len(calls), *arguments),
                                 (0, f"{3 * len(calls)} passed, 0 failed", calls))

    def test_closing_line(self):
        for outcome, exit_code, line in (("3 1 0", 1, "3 passed, 1 failed"), ("3 0 2", 0, "3 passed, 0 failed"),
                                         ("0 0 2", 1, "0 passed, 0 failed")):
            with self.subTest(outcome=outcome):
                self.assertEqual(self.run_script("tests/run.sh", [outcome])[:2], (exit_code, line))
        exit_code, line, _ = self.run_script("tests/run.sh", ["none"])
        self.assertEqual(exit_code, 1)
        self.assertRegex(line, "ctest ran no tests")

    def test_both_tiers(self):
        """The second also where the first failed, counted in one line; continuous integration calls both."""
        tiers = [["-LE", "^campaign$"], ["-L", "^campaign$"]]
        for script, arguments in (("tests/run.sh", ["--all"]), (".ci/run", [])):
            for outcomes, code, line in ((["5 0 1", "7 0 2"], 0, "12 passed, 0 failed"), (["4 1 0", "7 0 0"], 1, "11 passed, 1 failed"),
                                         (["5 0 0", "6 1 0"], 1, "11 passed, 1 failed")):
                with self.subTest(script=script, outcomes=outcomes):
                    self.assertEqual(self.run_script(script, outcomes, *arguments), (code, line, tiers))


if __name__ == "__main__":
    PROJECT = sys.argv.pop(1)
    unittest.main(verbosity=2)
