"""Commands of one process that a launcher has started several times: one works, and all end with its exit code."""

import os
import signal
import subprocess
import time

import support
import command  # found by support
from support import CommandTest, command_line, gradsweep, same_bits

SWEEP = """\
weights: {replicas: 2}
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""


class Launched(CommandTest):
    def setUp(self):
        super().setUp()
        self.text = self.sweep(SWEEP)
        self.shards = [self.run_sweep(self.text, f"{number}.h5", "--shard", f"{number}/2") for number in (1, 2)]
        self.out = self.path("out.h5")

    def launch(self, *arguments, exit_code=0, told=None):
        """Three processes; what was told is told once."""
        ended = gradsweep(*arguments, ranks=3)
        self.assertEqual(ended.returncode, exit_code, ended.stderr)
        lines = [line for line in ended.stderr.splitlines() if line.startswith("gradsweep: ")]
        self.assertEqual(len(lines), len(set(lines)), ended.stderr)
        if told:
            self.assertEqual(sum(told in line for line in lines), 1, ended.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("out.h5.")], [])

    def test_merge(self):
        reference = self.run_sweep(self.text, "reference.h5")
        for _ in range(3):
            self.launch("merge", self.out, *self.shards)
            self.assertEqual(same_bits(self.out), same_bits(reference))
            self.launch("merge", self.out, *self.shards, exit_code=2, told="it exists")
            os.remove(self.out)
        self.launch("merge", self.out, self.shards[0], exit_code=75, told="no file of shard 2/2")
        self.assertEqual(gradsweep("run", self.text, "-o", self.out, "--resume").returncode, 0)
        self.assertEqual(same_bits(self.out), same_bits(reference))
        self.launch("merge", self.path("none/out.h5"), *self.shards, exit_code=2, told="none cannot be used")

    def test_extend(self):
        old = self.run_sweep(self.text, "old.h5")
        self.launch("extend", self.text, old, "-o", self.out, "--set", "grid.gamma=[1,2]", told="32 cells taken")
        self.run_sweep(self.text, "out.h5", "--resume", "--set", "grid.gamma=[1,2]")

    def test_reading_is_printed_once(self):
        path = self.run_sweep(self.text, "whole.h5")
        for arguments in (["check", path], ["info", path], ["plan", self.text]):
            alone, ended = gradsweep(*arguments), gradsweep(*arguments, ranks=3)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(len(ended.stdout.splitlines()), len(alone.stdout.splitlines()), ended.stdout)
        self.assertEqual(gradsweep("check", self.shards[0] + "x", ranks=3).returncode, 1)

    def test_each_its_own_file(self):
        """Processes of one launch that make different files do not wait for each other's work."""
        script = f'exec "$0" merge "{self.out}.${command.rank_variable()}" "$@"'
        ended = subprocess.run(command.launcher_of(2) + ["sh", "-c", script, command.GRADSWEEP] + self.shards,
                               capture_output=True, text=True, timeout=support.TIMEOUT)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertEqual(same_bits(self.out + ".0"), same_bits(self.out + ".1"))

    def test_the_next_one_works_where_one_dies(self):
        """As srun leaves the others alone: each process is started by hand, with the variables of a launcher."""
        variables = {"SLURM_JOB_ID": "1", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "3"}
        line = command_line("merge", self.out, *self.shards)
        fault = {"LD_PRELOAD": support.tool("fault_injection.so"), "FAULT_CALL": "sync", "FAULT_ERRNO": "stop",
                 "FAULT_PREFIX": self.out}
        processes = []
        for rank in range(3):
            environment = {**os.environ, **variables, "SLURM_PROCID": str(rank), **(fault if rank == 0 else {})}
            processes.append(subprocess.Popen(line, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
            if rank == 0:
                os.waitid(os.P_PID, processes[0].pid, os.WSTOPPED | os.WNOWAIT)  # in the middle of its work
        time.sleep(0.5)
        self.assertEqual([process.poll() for process in processes], [None] * 3)
        processes[0].send_signal(signal.SIGKILL)
        told = [process.communicate(timeout=support.TIMEOUT)[1] for process in processes]
        self.assertEqual([process.returncode for process in processes], [-signal.SIGKILL, 0, 0], told)
        self.assertEqual(gradsweep("check", self.out).returncode, 0)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("out.h5.")], [])


if __name__ == "__main__":
    support.main()
