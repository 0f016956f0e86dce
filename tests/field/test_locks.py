"""One run per results file, whatever its names, on file systems with and without locks; and what dead owners leave."""

import errno
import fcntl
import glob
import os
import signal
import socket
import subprocess

import support
from support import CommandTest, Run, command_line, denied, gradsweep

SWEEP = """\
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}
"""
# 570 writes of cells; runs of it are stopped when they have served.
LONG = """\
weights: {replicas: 40}
grid: {hidden_size: 64, spectral_radius: {start: 0.5, stop: 1.5, num: 11}, gamma: [0.5, 1], lag: {log2: 64}}
"""

WRITE_SECONDS = 0.01


class LockTest(CommandTest):
    def suspended(self, path, name="long.yaml", **how):
        """A run of LONG that has finished some cells, and is suspended: its process lives as long as the test wants."""
        run = Run(self.sweep(LONG, name), "-o", path, "--resume", "--progress", "none",
                  write_seconds=WRITE_SECONDS, **how)
        self.addCleanup(run.__exit__)
        run.wait_for_cells(os.path.realpath(path), 0.02)
        run.signal_ranks(signal.SIGSTOP)
        return run

    def end(self, run):
        """Lets a suspended run go on, and stops it."""
        run.signal_ranks(signal.SIGCONT)
        run.signal_ranks(signal.SIGUSR1)
        exit_code, text = run.end()
        self.assertEqual(exit_code, 75, text)
        return text

    def refuse_second(self, path, *options, **how):
        for option in ("--resume", "--overwrite"):
            ended = gradsweep("run", self.path("long.yaml"), "-o", path, option, *options, **how)
            self.assert_error(ended, 2, "error: .*another run is writing this file")


class Names(LockTest):
    def test_symbolic_link(self):
        """A dangling one: its target is made; the link stays; one lock by either name."""
        os.mkdir(self.path("scratch"))
        os.symlink("scratch/target.h5", self.path("link.h5"))
        os.symlink("link.h5", self.path("second.h5"))
        target, link, second = self.path("scratch/target.h5"), self.path("link.h5"), self.path("second.h5")
        run = self.suspended(second)
        self.assertTrue(os.path.islink(link) and os.path.islink(second))
        self.assertFalse(os.path.islink(target))
        self.assertEqual(sorted(os.listdir(self.path("scratch"))), ["target.h5", "target.h5.lock"])
        for name in (target, link):
            self.refuse_second(name)
        self.end(run)
        for option in ("--resume", "--overwrite"):
            self.run_sweep(self.path("long.yaml"), "link.h5", option, "--max-time", "00:00:01", exit_code=75,
                           write_seconds=WRITE_SECONDS)
        self.assertTrue(os.path.islink(link) and os.path.islink(second))
        self.assertEqual(sorted(os.listdir(self.path("scratch"))), ["target.h5"])

    def test_links_of_merge_and_extend(self):
        sweep = self.sweep(SWEEP)
        shards = [self.run_sweep(sweep, f"{number}.h5", "--shard", f"{number}/2") for number in (1, 2)]
        os.mkdir(self.path("scratch"))
        os.symlink(self.path("scratch/merged.h5"), self.path("merged.h5"))
        os.symlink("scratch/extended.h5", self.path("extended.h5"))
        self.assertEqual(gradsweep("merge", self.path("merged.h5"), *shards).returncode, 0)
        self.assertEqual(gradsweep("extend", sweep, self.path("merged.h5"), "-o", self.path("extended.h5")).returncode, 0)
        self.assertEqual(sorted(os.listdir(self.path("scratch"))), ["extended.h5", "merged.h5"])
        for name in ("merged.h5", "extended.h5"):
            self.assertTrue(os.path.islink(self.path(name)))
            self.assert_same_results(self.path(name), self.run_sweep(sweep, "reference.h5", "--overwrite"))
        self.assert_error(gradsweep("merge", self.path("merged.h5"), *shards), 2, "it exists")

    def test_links_in_a_circle(self):
        os.symlink("b.h5", self.path("a.h5"))
        os.symlink("a.h5", self.path("b.h5"))
        self.assert_error(gradsweep("run", self.sweep(SWEEP), "-o", self.path("a.h5")), 2, "symbolic links")

    def test_hard_link_and_another_name(self):
        os.mkdir(self.path("elsewhere"))
        path, other, moved = self.path("out.h5"), self.path("elsewhere/other.h5"), self.path("moved.h5")
        run = self.suspended(path)
        os.link(path, other)
        self.refuse_second(other)
        os.rename(path, moved)
        self.refuse_second(moved)
        os.rename(moved, path)
        self.end(run)
        self.run_sweep(self.path("long.yaml"), "elsewhere/other.h5", "--resume", "--max-time", "00:00:01", exit_code=75,
                       write_seconds=WRITE_SECONDS)


class BreakLock(LockTest):
    def test_a_living_owner_keeps_it(self):
        path = self.path("out.h5")
        run = self.suspended(path, ranks=2)
        self.refuse_second(path, "--break-lock")
        self.end(run)

    def test_a_living_creator_keeps_it(self):
        """With --break-lock two creators once shared one temporary file."""
        path = self.path("out.h5")
        first = Run(self.sweep(LONG, "long.yaml"), "-o", path, "--progress", "none",
                    write_seconds=WRITE_SECONDS)
        self.addCleanup(first.__exit__)
        while not os.path.exists(path + ".lock"):
            self.assertIsNone(first.process.poll())
        first.signal_ranks(signal.SIGSTOP)
        ended = gradsweep("run", self.path("long.yaml"), "-o", path, "--overwrite", "--break-lock")
        self.assert_error(ended, 2, "another run is writing this file")
        first.signal_ranks(signal.SIGCONT)
        first.wait_for_cells(path, 0.01)
        exit_code, text = first.stop()
        self.assertEqual(exit_code, 75, text)


class NoLocks(LockTest):
    def test_runs_with_a_warning(self):
        sweep = self.sweep(SWEEP)
        reference = self.run_sweep(sweep, "reference.h5")
        for number, denials in enumerate(({"setlk": errno.ENOSYS}, {"setlk": errno.EOPNOTSUPP},
                                          {"setlk": errno.ENOLCK, "flock": errno.ENOLCK}, {"setlk": errno.EPERM})):
            path = self.path(f"{number}.h5")
            ended = gradsweep("run", sweep, "-o", path, launcher=denied(**denials))
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertEqual(ended.stderr.count(f"warning: {path}.lock: the file system has no locks"), 1, ended.stderr)
            self.assertIn(os.strerror(denials["setlk"]), ended.stderr)
            self.assert_same_results(path, reference)

    def test_ranks_shards_and_longer_axes(self):
        sweep, launcher = self.sweep(SWEEP), denied(setlk=errno.ENOSYS, flock=errno.ENOSYS)
        shards = [self.path(f"{number}.h5") for number in (1, 2)]
        for number, path in enumerate(shards, 1):
            line = launcher + command_line("run", sweep, "-o", path, "--shard", f"{number}/2", ranks=2)
            ended = subprocess.run(line, capture_output=True, text=True, timeout=support.TIMEOUT)
            self.assertEqual(ended.returncode, 0, ended.stderr)
        merged, longer = self.path("merged.h5"), self.path("longer.h5")
        self.assertEqual(gradsweep("merge", merged, *shards, launcher=launcher).returncode, 0)
        ended = gradsweep("extend", sweep, merged, "-o", longer, launcher=launcher)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assert_same_results(longer, self.run_sweep(sweep, "reference.h5"))

    def test_the_lock_file_is_the_lock(self):
        """Living owners are refused, whatever is passed; killed ones are found to be dead."""
        path, launcher = self.path("out.h5"), denied(setlk=errno.ENOSYS)
        run = self.suspended(path, launcher=launcher)
        self.refuse_second(path, launcher=launcher)
        self.refuse_second(path, "--break-lock", launcher=launcher)
        self.refuse_second(path)  # and by a process for which there are locks
        run.kill()
        self.assertTrue(os.path.exists(path + ".lock"))
        self.run_sweep(self.path("long.yaml"), "out.h5", "--resume", "--max-time", "00:00:01", exit_code=75,
                       launcher=launcher, write_seconds=WRITE_SECONDS)
        self.assertEqual(glob.glob(path + ".*"), [])

    def test_owners_that_cannot_be_seen(self):
        path, launcher, sweep = self.path("out.h5"), denied(setlk=errno.ENOSYS), self.sweep(SWEEP)
        with open(path + ".lock", "w") as file:
            file.write("host=elsewhere\npid=1\nboot=11111111-2222-3333-4444-555555555555\njob=7\nrestarts=\nlock=exclusive\n")
        ended = gradsweep("run", sweep, "-o", path, launcher=launcher)
        self.assert_error(ended, 2, r"process 1 on elsewhere, Slurm job 7.*--break-lock if you know")
        requeued = {"SLURM_JOB_ID": "7", "SLURM_RESTART_COUNT": "1"}
        ended = gradsweep("run", sweep, "-o", path,
                          launcher=["env"] + [f"{name}={value}" for name, value in requeued.items()] + launcher)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        with open(path + ".lock", "w") as file:
            file.write("host=elsewhere\npid=1\nboot=\njob=\nrestarts=\n")
        self.run_sweep(sweep, "out.h5", "--resume", "--break-lock", launcher=launcher)
        self.assertEqual(glob.glob(path + ".*"), [])


class Leavings(LockTest):
    def leave(self, path, host, process):
        """What a creator that was killed leaves, and MPI-IO beside it; their names."""
        made = f"{path}.{host}.{process}.0123456789abcdef.tmp"
        names = [made, f"{made}.locktest.0", f"{made}.data.1", f"{path}.locktest.3", f"{path}.tmp", f"{path}.tmp.locktest.0"]
        for name in names:
            with open(name, "w") as file:
                file.write("left" if name.endswith(".tmp") else "")
        return names

    def dead_process(self):
        process = subprocess.Popen(["true"])
        process.wait()
        return process.pid

    def test_what_the_dead_left_goes_with_the_next_command(self):
        sweep = self.sweep(SWEEP)
        shards = [self.run_sweep(sweep, f"{number}.h5", "--shard", f"{number}/2") for number in (1, 2)]
        host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:24]
        path = self.path("out.h5")
        for launcher in ([], denied(setlk=errno.ENOSYS)):
            for command in (["run", sweep, "-o", path], ["merge", path] + shards,
                            ["extend", sweep, self.path("old.h5"), "-o", path]):
                if command[0] == "extend":
                    os.replace(path, self.path("old.h5"))
                elif os.path.exists(path):
                    os.remove(path)
                self.leave(path, host, self.dead_process())
                with open(path + ".lock", "w") as file:
                    file.write(f"host={socket.gethostname()}\npid={self.dead_process()}\nboot=\njob=\nrestarts=\n")
                ended = gradsweep(*command, launcher=launcher)
                self.assertEqual(ended.returncode, 0, ended.stderr)
                self.assertEqual(glob.glob(path + ".*"), [], command)

    def test_what_the_living_or_others_have_stays(self):
        sweep, path = self.sweep(SWEEP), self.path("out.h5")
        host = "".join(letter if letter.isalnum() else "-" for letter in socket.gethostname())[:24]
        strangers = [f"{path}.txt", f"{path}.locktest.x", f"{path}.tmp.old", f"{path}2", f"{path}.data.txt"]
        for name in strangers:
            open(name, "w").close()
        theirs = self.leave(path, "elsewhere", 1)[:3]
        living = self.leave(path, host, os.getpid())[:3]
        for launcher in ([], denied(setlk=errno.ENOSYS)):
            with open(living[0], "r+") as file:
                if not launcher:  # a creator holds its file where there are locks
                    fcntl.lockf(file, fcntl.LOCK_EX, 1, 1 << 62)
                self.run_sweep(sweep, "out.h5", "--overwrite", launcher=launcher)
            self.assertEqual(sorted(glob.glob(path + ".*") + glob.glob(path + "2")), sorted(strangers + theirs + living))


if __name__ == "__main__":
    support.main()
