"""The job scripts under a real Slurm: jobs run out of time, are cancelled, are killed, come back, and lose nothing.

usage: test_jobs.py GRADSWEEP MPIEXEC [unittest options]. Exit code 77: no Slurm can be started here."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import cluster
from cluster import wait_for

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "command"))
import command
from command import CommandTest, executable_of, gradsweep, read

JOBS = HERE.parent.parent / "jobs"
SWEEP_JOB, ARRAY_JOB, MERGE_JOB = JOBS / "sweep.sbatch", JOBS / "array.sbatch", JOBS / "merge.sbatch"

# Units enough for four shards, each of some writes that take WRITE_SECONDS in jobs: these can be caught in their middle.
WRITE_SECONDS = 0.03
SWEEP = """\
name: jobs
weights: {ensemble: [ginibre, orthogonal], replicas: 8}
model: {activation: [tanh, relu], warmup: 100}
grid: {hidden_size: [48, 64], spectral_radius: [0.8, 1.0, 1.2], gamma: [0.6, 1.0], lag: {log2: 64}}
measure: [jacobian_norm, frobenius_norm]
"""
SMALL = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""


def setUpModule():
    global slurm
    slurm = cluster.Cluster()
    unittest.addModuleCleanup(slurm.stop)


def finished_share(path):
    """Of the cells; 0 while there is no file."""
    return (read(path)["status"] != command.PENDING).mean() if os.path.exists(path) else 0


class Jobs(CommandTest):
    @classmethod
    def setUpClass(cls):
        """What a run without Slurm gives. Folders of jobs are below that of the cluster, and go with it."""
        cls.text = str(slurm.folder / "sweep.yaml")
        cls.reference = str(slurm.folder / "reference.h5")
        Path(cls.text).write_text(SWEEP)
        cls.slowed = str(slurm.folder / "slowed-gradsweep")
        line = command.slowed(WRITE_SECONDS) + [os.path.realpath(command.GRADSWEEP)]
        Path(cls.slowed).write_text(f'#!/bin/sh\nexec {shlex.join(line)} "$@"\n')
        os.chmod(cls.slowed, 0o755)
        ended = gradsweep("run", cls.text, "-o", cls.reference, "--progress", "none", ranks=2)
        assert ended.returncode == 0, ended.stderr

    def submit(self, script, *arguments, options=(), **environment):
        """A job in this test's folder; its number."""
        return slurm.submit(*options, script, *arguments, folder=self.folder, GRADSWEEP=self.slowed,
                            GRADSWEEP_JOBS=str(JOBS), **environment)

    def submit_sweep(self, name, options=(), **environment):
        options = ["--ntasks=2", "--time=10", "--mem-per-cpu=200M", *options]
        return self.submit(SWEEP_JOB, self.text, self.path(name), "--progress", "none", options=options, **environment)

    def wait_for_cells(self, job, name, share=0.1):
        try:
            wait_for(lambda: finished_share(self.path(name)) >= share, f"{share:.0%} of {name}")
        except AssertionError as error:
            log = self.log(job) if self.log_path(job).exists() else "no log yet"
            raise AssertionError(f"{error}; {slurm.job(job)}\n{log}") from None

    def ranks_of(self, name):
        """The processes that compute this results file."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            pid = int(path.parent.name)
            try:
                is_ours = self.path(name).encode() in path.read_bytes().split(b"\0")
            except OSError:
                continue
            if is_ours and executable_of(pid) == os.path.realpath(command.GRADSWEEP):
                found.append(pid)
        return found

    def log_path(self, job):
        return self.folder / f"gradsweep-{job}.log"

    def log(self, job):
        return self.log_path(job).read_text()

    def assert_complete(self, name):
        self.assertEqual(finished_share(self.path(name)), 1)
        self.assert_same_results(self.path(name), self.reference)

    def assert_partial(self, name):
        self.assertGreater(finished_share(self.path(name)), 0)
        self.assertLess(finished_share(self.path(name)), 1)

    def assert_ended(self, job, state, exit_code):
        self.assertEqual(slurm.wait_for_end(job), (state, exit_code), self.log(job))

    def test_time_limit(self):
        """A minute is the shortest limit there is, and Slurm looks every half minute at what runs; the ranks are paused
        till then, and spare the sweep from being a minute long. The signal goes to the script, and not to them."""
        job = self.submit_sweep("limited.h5", options=["--time=1"])
        self.wait_for_cells(job, "limited.h5")
        ranks = self.ranks_of("limited.h5")
        self.assertEqual(len(ranks), 2)
        for pid in ranks:
            os.kill(pid, signal.SIGSTOP)
        before = finished_share(self.path("limited.h5"))
        wait_for(lambda: "told to stop" in self.log(job), "the signal before the time limit", timeout=50)
        for pid in ranks:
            os.kill(pid, signal.SIGCONT)
        slurm.start_again(job, 1)
        self.assertGreaterEqual(finished_share(self.path("limited.h5")), before)
        self.assert_ended(job, "COMPLETED", "0:0")
        self.assert_complete("limited.h5")
        self.assertRegex(self.log(job), r"(?s)turn 1 of .*stopped by SIGUSR1 with \d+ cells pending.*turn 2 of ")

    def test_cancelled(self):
        """scancel ends a job for good, and leaves a file that any later run goes on with."""
        job = self.submit_sweep("cancelled.h5")
        self.wait_for_cells(job, "cancelled.h5")
        slurm.run("scancel", job)
        state, _ = slurm.wait_for_end(job)
        self.assertEqual(state, "CANCELLED")
        wait_for(lambda: not self.ranks_of("cancelled.h5"), "the end of the ranks")
        self.assertEqual(slurm.job(job)["Restarts"], "0")
        self.assertIn("stopped by SIGTERM", self.log(job))
        self.assert_partial("cancelled.h5")
        ended = gradsweep("run", self.text, "-o", self.path("cancelled.h5"), "--resume", "--progress", "none", ranks=3)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assert_complete("cancelled.h5")

    def test_restarts_are_bounded(self):
        job = self.submit_sweep("bounded.h5", options=["--ntasks=1"], MAX_RESTARTS="1")
        self.wait_for_cells(job, "bounded.h5", 0.05)
        slurm.run("scancel", "--batch", "--signal=USR1", job)
        slurm.start_again(job, 1)
        # This time at once: there may be no ranks yet, or they may be anywhere in their start.
        wait_for(lambda: "turn 2 of " in self.log(job), "turn 2")
        slurm.run("scancel", "--batch", "--signal=USR1", job)
        self.assert_ended(job, "FAILED", "75:0")
        self.assertEqual(slurm.job(job)["Restarts"], "1")
        self.assertIn("stopped before the end after 2 turns", self.log(job))
        self.assert_partial("bounded.h5")
        self.assert_ended(self.submit_sweep("bounded.h5"), "COMPLETED", "0:0")
        self.assert_complete("bounded.h5")

    def test_killed_rank(self):
        """It ends its step: the others are told at once, and have the ten seconds of every stop. The job comes back."""
        job = self.submit_sweep("killed.h5")
        self.wait_for_cells(job, "killed.h5")
        killed = time.monotonic()
        os.kill(self.ranks_of("killed.h5")[1], signal.SIGKILL)
        wait_for(lambda: "Terminating StepId" in self.log(job), "the end of the step")
        # It is ended by the kill; left alone, its rank would end by itself only after ten seconds.
        self.assertLess(time.monotonic() - killed, 9)
        wait_for(lambda: not self.ranks_of("killed.h5"), "the end of the ranks", timeout=40)
        self.assert_partial("killed.h5")
        slurm.start_again(job, 1)
        self.assert_ended(job, "COMPLETED", "0:0")
        self.assert_complete("killed.h5")

    def test_array_and_merge(self):
        """As submit.sh sends them; one task comes back before it is done, and the merge waits for it."""
        if gradsweep("merge", "--help").returncode != 0:
            self.skipTest("this gradsweep has no merge")
        submitted = subprocess.run(
            [JOBS / "submit.sh", self.text, self.path("whole.h5"), "--shards", "4", "--ranks", "1", "--submit"],
            cwd=self.folder, env={**slurm.environment, "GRADSWEEP": self.slowed}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=command.TIMEOUT)
        self.assertEqual(submitted.returncode, 0, submitted.stderr)
        array, merge = re.findall(r"submitted as job (\d+)", submitted.stdout)
        self.wait_for_cells(array, "whole.shard-2-of-4.h5", 0.01)
        slurm.run("scancel", "--batch", "--signal=USR1", f"{array}_2")
        slurm.start_again(f"{array}_2", 1)
        for task in range(1, 5):
            self.assertEqual(slurm.wait_for_end(f"{array}_{task}"), ("COMPLETED", "0:0"), f"task {task}")
        self.assert_ended(merge, "COMPLETED", "0:0")
        self.assert_complete("whole.h5")

        os.rename(self.path("whole.shard-3-of-4.h5"), self.path("kept.h5"))
        os.remove(self.path("whole.h5"))
        merge = self.submit(MERGE_JOB, self.path("whole.h5"), 4)
        self.assert_ended(merge, "FAILED", "75:0")
        self.assertIn("of 4 shards these have no file: 3", self.log(merge))
        self.assert_partial("whole.h5")
        self.assert_ended(self.submit_sweep("whole.h5"), "COMPLETED", "0:0")
        self.assert_complete("whole.h5")

    def step(self, tasks, mpi, script):
        """What a step of so many tasks, each a script of a shell, prints on both streams, and its exit code."""
        ended = subprocess.run(["srun", f"--ntasks={tasks}", f"--mpi={mpi}", "--mem-per-cpu=200M", "bash", "-c", script],
                               cwd=self.folder, env=slurm.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, timeout=command.TIMEOUT)
        return ended.stdout, ended.returncode

    def test_steps(self):
        """One task is one rank, with PMIx and without, and as often as one likes; several without PMIx are no ranks."""
        text = self.sweep(SMALL, "small.yaml")
        line = f"{os.path.realpath(command.GRADSWEEP)} run {text} --progress none -o "
        reference = self.run_sweep(text, "reference.h5")
        for mpi in ("pmix", "none"):
            said, code = self.step(1, mpi, f"{line} {mpi}-1.h5 && {line} {mpi}-2.h5")
            self.assertEqual(code, 0, said)
            for number in (1, 2):
                self.assert_same_results(self.path(f"{mpi}-{number}.h5"), reference)
        said, code = self.step(3, "none", f"{line} refused.h5")
        self.assertEqual(code, 2, said)
        self.assertEqual(len(re.findall("error: srun has started 3 tasks", said)), 1, said)
        said, code = self.step(3, "pmix", f"{line} refused-$SLURM_PROCID.h5")
        self.assertEqual(code, 2, said)
        self.assertRegex(said, "error: rank 1: the output on host .* is 'refused-1.h5', and that of rank 0 is 'refused-0.h5'")
        self.assertEqual(list(self.folder.glob("refused*")), [])

    def test_job_script_without_srun(self):
        """A process like any other, whatever the tasks of its job."""
        text = self.sweep(SMALL, "small.yaml")
        script = self.path("job.sh")
        Path(script).write_text(f"#!/bin/bash\nexec {os.path.realpath(command.GRADSWEEP)} run {text} -o direct.h5\n")
        job = self.submit(script, options=["--ntasks=2", "--mem-per-cpu=200M", "--output=gradsweep-%j.log"])
        self.assert_ended(job, "COMPLETED", "0:0")
        self.assertIn("on 1 rank\n", self.log(job))

    def test_jobs_without_environment(self):
        """As sites have it where jobs are to load what they need by themselves."""
        text = self.sweep(SMALL, "small.yaml")
        submitted = subprocess.run(
            [JOBS / "submit.sh", text, self.path("bare.h5"), "--ranks", "2", "--submit"], cwd=self.folder,
            env={**slurm.environment, "GRADSWEEP": command.GRADSWEEP, "SBATCH_EXPORT": "NONE"}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=command.TIMEOUT)
        self.assertEqual(submitted.returncode, 0, submitted.stderr)
        job = re.search(r"submitted as job (\d+)", submitted.stdout)[1]
        self.assert_ended(job, "COMPLETED", "0:0")
        self.assertIn("on 2 ranks\n", self.log(job))

    def test_killed_in_every_turn(self):
        """At the same place, as for want of memory: in the first unit, which takes a minute."""
        script, results = self.path("killed.sh"), self.path("killed.h5")
        program = os.path.realpath(command.GRADSWEEP)
        Path(script).write_text(f'''#!/bin/bash
[ "$1 $SLURM_PROCID" = "run 1" ] || exec {program} "$@"
touch {script}.began
{program} "$@" & process=$!
until [ {results}.lock -nt {script}.began ]; do sleep 0.1; done
sleep 1
kill -9 $process
wait $process''')
        os.chmod(script, 0o755)
        text = self.sweep("weights: {replicas: 2}\nmodel: {warmup: 500000, input: {kind: gaussian, size: 1}}\n"
                          "grid: {hidden_size: 500, spectral_radius: 0.8, gamma: 0.6, lag: 1}\n", "long.yaml")
        job = slurm.submit("--ntasks=2", "--time=10", "--mem-per-cpu=200M", SWEEP_JOB, text, results, folder=self.folder,
                           GRADSWEEP=script, GRADSWEEP_JOBS=str(JOBS))
        slurm.start_again(job, 1)
        self.assert_ended(job, "FAILED", "1:0")
        self.assertRegex(self.log(job), "two turns have ended without a new cell.*--mem-per-cpu.*--time")
        self.assertEqual(finished_share(results), 0)
        self.assertEqual(list(self.folder.glob("*.turns")), [])

    def test_scripts_that_cannot_run(self):
        """What no repetition mends ends at once, with 2 and a reason."""
        elsewhere = slurm.submit("--ntasks=1", "--mem=100M", SWEEP_JOB, "a.yaml", "a.h5", folder=self.folder,
                                 GRADSWEEP_JOBS="")
        without_arguments = self.submit(SWEEP_JOB, options=["--ntasks=1"])
        without_command = slurm.submit("--ntasks=1", "--mem=100M", SWEEP_JOB, "a.yaml", "a.h5", folder=self.folder,
                                       GRADSWEEP_JOBS=str(JOBS), GRADSWEEP="/nowhere/gradsweep")
        without_array = self.submit(ARRAY_JOB, "a.yaml", "a.h5", options=["--ntasks=1", "--output=gradsweep-%j.log"])
        without_shards = self.submit(MERGE_JOB, self.path("a.h5"), 3, options=["--mem=100M"])
        for job, reason in ((elsewhere, "GRADSWEEP_JOBS"), (without_arguments, "usage: sbatch"),
                            (without_command, "/nowhere/gradsweep"), (without_array, "--array=1-N"),
                            (without_shards, "there is no .*a.shard-\\*-of-3.h5")):
            self.assert_ended(job, "FAILED", "2:0")
            self.assertRegex(self.log(job), reason)


if __name__ == "__main__":
    reason = cluster.missing()
    if reason:
        print(f"SKIPPED: the job scripts were not run by a Slurm: {reason}")
        sys.exit(77)
    command.main()
