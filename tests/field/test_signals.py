"""Signals that end a process unless it minds: a run stops, resumable, and says by what; from its first moment on."""

# ctest: TIMEOUT 600 LABELS "campaign"

import os
import resource
import signal
import subprocess
import time

import support
import command
from support import CommandTest, Run, command_line, is_sanitized

SHORT = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""
# 620 writes of cells: enough to be caught in their middle six times where each takes WRITE_SECONDS.
WRITE_SECONDS = 0.02
LONG = """\
weights: {ensemble: [ginibre, orthogonal], replicas: 16}
model: {activation: [tanh, relu], warmup: 100}
grid: {hidden_size: [48, 64], spectral_radius: [0.8, 1.2], gamma: [0.6, 1.0], lag: {log2: 64}}
"""
STOPPED = 75
# A run that is told to stop has ten seconds.
STOPPING = 40


def has_signal(pid, line, number):
    """Whether a line of /proc/PID/status (SigBlk: it waits; SigCgt: it is handled) has this signal."""
    with open(f"/proc/{pid}/status") as file:
        found = [text.split()[1] for text in file if text.startswith(line + ":")]
    return bool(found) and int(found[0], 16) >> (number - 1) & 1 == 1


class Signals(CommandTest):
    def test_in_the_middle(self):
        """A closed terminal, a limit of CPU time, what a colleague tries: all stop the run, and it can go on."""
        text, path = self.sweep(LONG), self.path("out.h5")
        for number, name in ((signal.SIGHUP, "SIGHUP"), (signal.SIGXCPU, "SIGXCPU"), (signal.SIGQUIT, "SIGQUIT"),
                             (signal.SIGUSR2, "SIGUSR2"), (signal.SIGALRM, "SIGALRM"),
                             (signal.SIGRTMIN + 1, "a real-time signal")):
            with Run(text, "-o", path, "--resume", "--progress", "none", write_seconds=WRITE_SECONDS) as run:
                until = time.monotonic() + STOPPING
                while not has_signal(run.process.pid, "SigCgt", signal.SIGTERM) and time.monotonic() < until:
                    time.sleep(0.001)
                time.sleep(0.3)
                run.process.send_signal(number)
                exit_code, said = run.end()
            self.assertEqual(exit_code, STOPPED, f"{name}: {said}")
            self.assertIn(f"stopped by {name} ", said)
        self.run_sweep(text, "out.h5", "--resume")
        self.assert_same_results(path, self.run_sweep(text, "reference.h5"))

    def test_before_it_can_listen(self):
        """While libraries are loaded: the kernel keeps a signal until it is handled."""
        if is_sanitized():
            self.skipTest("sanitizers want the start of a process for themselves")
        text = self.sweep(LONG)
        slowly = ["env", "FIELD_LOADING=1", "LD_PRELOAD=" + support.tool("many_cores.so")]
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            line = slowly + command_line("run", text, "-o", self.path("early.h5"), "--progress", "none")
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                       text=True)
            is_kept = is_handled = False
            while process.poll() is None and not is_kept and not is_handled:
                is_kept, is_handled = (has_signal(process.pid, mask, number) for mask in ("SigBlk", "SigCgt"))
            process.send_signal(number)
            said, _ = process.communicate(timeout=STOPPING)
            self.assertTrue(is_kept and not is_handled, said)
            self.assertEqual(process.returncode, STOPPED, said)
            self.assertFalse(os.path.exists(self.path("early.h5")), "it was told before it had made the file")

    def test_ignored(self):
        """nohup does so, and a run is to outlive its terminal then."""
        with Run(self.sweep(LONG), "-o", self.path("out.h5"), "--progress", "none", launcher=["nohup"],
                 write_seconds=WRITE_SECONDS) as run:
            while run.process.poll() is None and not has_signal(run.process.pid, "SigCgt", signal.SIGTERM):
                time.sleep(0.001)
            run.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
            self.assertFalse(has_signal(run.process.pid, "SigCgt", signal.SIGHUP))
            self.assertIsNone(run.process.poll())
            run.process.send_signal(signal.SIGTERM)
            exit_code, said = run.end()
        self.assertEqual(exit_code, STOPPED, said)
        self.assertIn("stopped by SIGTERM", said)


class Writing(CommandTest):
    """Where writing fails a signal may come first, and end the process before it can say why."""

    def test_file_size_limit(self):
        text = self.sweep(SHORT)
        limit = 100_000
        line = command_line("run", text, "-o", self.path("out.h5"), "--progress", "none")
        ended = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=command.TIMEOUT,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, f"error: .*out.h5.* {limit} bytes a file, the limit set here \\(ulimit -f\\)")
        self.assertEqual(os.listdir(self.folder), ["sweep.yaml"])
        shard = self.run_sweep(text, "shard.h5", "--shard", "1/1")
        ended = subprocess.run(command_line("merge", self.path("out.h5"), shard), stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=command.TIMEOUT,
                               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, f"error: .*out.h5.* {limit} bytes a file")
        self.assertFalse(os.path.exists(self.path("out.h5")))

    def test_log_that_nobody_reads(self):
        """The results are in the file: a reader that went away, or a full disk under the log, does not matter to them."""
        text = self.sweep(SHORT)
        line = command_line("run", text, "-o", self.path("out.h5"), "--progress", "json")
        reader, writer = os.pipe()
        os.close(reader)
        for errors in (writer, os.open("/dev/full", os.O_WRONLY)):
            ended = subprocess.run(line + ["--overwrite"], stdin=subprocess.DEVNULL, stderr=errors, timeout=command.TIMEOUT)
            os.close(errors)
            self.assertEqual(ended.returncode, 0)
        self.assert_same_results(self.path("out.h5"), self.run_sweep(text, "reference.h5"))


if __name__ == "__main__":
    support.main()
