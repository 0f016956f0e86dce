"""Runs on two hosts (see hosts.py): the same numbers as on one rank; and hosts that are cut off, die or are told to stop.

usage: test_hosts.py GRADSWEEP MPIEXEC [unittest options]. Exit code 77: there can be no such hosts here."""

import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "command"), str(HERE.parent / "slurm")]
import command
import hosts
import test_teams
from cluster import wait_for
from command import CommandTest, gradsweep, read

# One rank computes a small network, all four a larger one, for which vectors alone are moved: bits that do not depend
# on the team.
SWEEP = """\
name: hosts
weights: {{ensemble: [ginibre, {{kind: sparse, density: 0.3}}], replicas: 2}}
model: {{activation: [tanh, relu], warmup: {warmup}}}
grid: {{hidden_size: [16, 96], spectral_radius: [0.8, 1.1], gamma: [0.5, 1], lag: [1, 4, 16]}}
measure: [step_bound]
numerics: {{distribute_from: 96}}
"""
RANKS = 4
# Of each of some 200 writes of cells, so that a run can be caught in its middle.
WRITE_SECONDS = 0.05
# Silence that means death, in seconds, and from the last sign of life to the end: the silence, the time that MPI has to
# end the others, and what a machine that is busy with other tests may need.
SILENCE = 3
ENDING = 20
# From a stop request to the end: 10 s of grace, and the end of MPI.
STOPPING = 15
# Open MPI's daemons hold a connection that carries nothing for alive, unless told to ask.
KEEPALIVE = ["--mca", "oob_tcp_keepalive_time", "1", "--mca", "oob_tcp_keepalive_intvl", "1", "--mca",
             "oob_tcp_keepalive_probes", "1"]

# Who resumes on another host must know that the run has ended.
ELSEWHERE = ["--break-lock"]


def setUpModule():
    global room
    room = hosts.Hosts()
    unittest.addModuleCleanup(room.stop)


def our_command():
    return os.path.realpath(command.GRADSWEEP)


def open_mpi(program):
    """Where one of Open MPI's own programs lies."""
    return os.path.realpath(os.path.join(os.path.dirname(command.MPIEXEC), program))


class Run(command.Run):
    """On both hosts."""

    def __init__(self, *arguments, options=(), ranks=(2, 2), **how):
        super().__init__(*arguments, launcher=room.launcher(command.MPIEXEC, *options, ranks=ranks), **how)

    def ranks(self, name=None):
        return room.processes(our_command(), name)

    def kill_launchers(self):
        """Those of Open MPI: they hold each other, and our pipe, for alive."""
        for name in ("mpiexec", "orted"):
            for pid in room.processes(open_mpi(name)):
                os.kill(pid, signal.SIGKILL)

    def kill(self):
        self.signal_ranks(signal.SIGKILL)
        self.kill_launchers()
        return self.end()

    def stop(self):
        for pid in room.processes(open_mpi("mpiexec"), room.names[0]):
            os.kill(pid, signal.SIGUSR1)
        return self.end()


class HostsTest(CommandTest):
    def run_on_hosts(self, text, name, *options):
        return self.run_sweep(self.sweep(text), name, launcher=room.launcher(command.MPIEXEC, *options))


class Binding(HostsTest):
    def sets_of_cores(self, *options):
        """Of each rank: its host, and the cores it may run on."""
        asked = room.launcher(command.MPIEXEC, *options) + [
            "sh", "-c", 'echo "$(hostname) $(grep -i ^cpus_allowed_list: /proc/self/status)"']
        ended = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=command.TIMEOUT)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        found = re.findall(r"^(\S+) Cpus_allowed_list:\s*(\S+)$", ended.stdout, re.MULTILINE)
        self.assertEqual(sorted(host for host, _ in found), sorted(2 * room.names))
        return found

    def check(self, *options):
        found = self.sets_of_cores(*options)
        numbers = [[int(number) for number in part.split("-")] for _, cores in found for part in cores.split(",")]
        count = sum(last[-1] - last[0] + 1 for last in numbers) // RANKS
        is_shared = len(set(found)) < RANKS
        path = self.path("out.h5")
        text = SWEEP.format(warmup=20)
        ended = gradsweep("run", self.sweep(text), "-o", path, launcher=room.launcher(command.MPIEXEC, *options))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn(f"binding: 4 ranks on 2 hosts, each on {count} core{'s' if count > 1 else ''}"
                      f"{' that it shares with others' if is_shared else ''}\n", ended.stderr)
        self.assertRegex(ended.stderr, r"teams: 1 of 4 ranks \(2 x 2, .*\), 4 of 1 rank; ")
        return is_shared

    def test_free_ranks(self):
        self.assertTrue(self.check("--bind-to", "none"))

    def test_bound_ranks(self):
        """Two on a host may well be on the same core as two on another host."""
        self.assertEqual(self.check("--bind-to", "core:overload-allowed"), len(os.sched_getaffinity(0)) == 1)


class Places(HostsTest):
    def test_folder_of_each_host(self):
        """As /tmp of a node is: where rank 0 makes the file, the others find none."""
        own = self.path("own")
        os.mkdir(own)
        for name in room.names:
            room.mount(name, own)
        ended = gradsweep("run", self.sweep(SWEEP.format(warmup=20)), "-o", own + "/out.h5",
                          launcher=room.launcher(command.MPIEXEC))
        self.assertEqual(ended.returncode, 2, ended.stderr)
        self.assertRegex(ended.stderr, "error: rank 2: .*/own/out.h5: its folder on host gradsweep-b is not that of rank 0")


class SameResults(HostsTest):
    def test_the_bits_of_one_rank(self):
        text = SWEEP.format(warmup=20)
        reference = self.run_sweep(self.sweep(text), "reference.h5")
        before = room.bytes_sent("gradsweep-b")
        path = self.run_on_hosts(text, "hosts.h5")
        self.assertGreater(room.bytes_sent("gradsweep-b") - before, 1e6)
        self.assert_same_results(path, reference)
        data = read(path)
        self.assertTrue((data["status"] == command.DONE).all())
        self.assertTrue((data["team_size"][:, :, 0] == 1).all())
        self.assertTrue((data["team_size"][:, :, 1] == RANKS).all())
        self.assertTrue((data["method"][:, :, 1] == command.IMPLICIT).all())

    def test_process_grids(self):
        """Whole products, whose team is spread over both hosts: to 1e-9."""
        reference = self.run_sweep(self.sweep(test_teams.MIXED), "reference.h5")
        path = self.run_on_hosts(test_teams.MIXED, "hosts.h5")
        is_team = read(reference)["hidden_size"] >= 48
        data = test_teams.SameNumbers.compare(self, path, reference, is_team)
        self.assertTrue((data["team_size"][:, :, is_team] == RANKS).all())


class Traffic(HostsTest):
    """What crosses the cable is what the cost model counts: each rank receives what it lacks, once. A packet of 1,448
    bytes has 66 of headers, and is answered: some 5% more, or less where many packets are counted and answered as one,
    as the machine's load has it."""

    HIDDEN_SIZE = 1024
    TEXT = """\
weights: {{ensemble: ginibre}}
model: {{activation: tanh, warmup: {warmup}}}
grid: {{hidden_size: {size}, spectral_radius: native, gamma: 0.9, lag: {lag}}}
measure: [{measure}]
numerics: {{distribute_from: 8}}
"""

    def bytes_of_run(self, warmup, lag, measure):
        text = self.TEXT.format(size=self.HIDDEN_SIZE, warmup=warmup, lag=lag, measure=measure)
        before = room.bytes_sent("gradsweep-b")
        # A rank on each host, where both would take all cores for themselves.
        with mock.patch.dict(os.environ, OMP_NUM_THREADS="1"):
            run = Run(self.sweep(text), "-o", self.path("out.h5"), "--overwrite", "--progress", "none",
                      options=["--bind-to", "none", "-x", "OMP_NUM_THREADS"], ranks=(1, 1))
            exit_code, told = run.end()
        self.assertEqual(exit_code, 0, told)
        self.assertRegex(told, r"teams: 1 of 2 ranks \(1 x 2, .*; 1 BLAS thread a rank")
        return room.bytes_sent("gradsweep-b") - before

    def assert_moved(self, few, many, bytes_expected):
        ratio = (self.bytes_of_run(*many) - self.bytes_of_run(*few)) / bytes_expected
        self.assertGreater(ratio, 0.95)
        self.assertLess(ratio, 1.1)

    def test_states(self):
        """Each of two ranks lacks half of a state, at each step."""
        self.assert_moved((1000, 1, ""), (3000, 1, ""), 2000 * 8 * self.HIDDEN_SIZE)

    def test_products(self):
        """A 1 x 2 grid: each rank has the columns of one factor that it needs, and half of the rows of the other."""
        self.assert_moved((1, 4, "frobenius_norm"), (1, 12, "frobenius_norm"), 8 * 8 * self.HIDDEN_SIZE**2)


class Interrupted(HostsTest):
    """In the middle of a run, then gone on with to the end."""

    def setUp(self):
        super().setUp()
        self.set_silence(SILENCE)
        self.text = self.sweep(SWEEP.format(warmup=100))
        self.results = self.path("out.h5")

    def set_silence(self, seconds):
        patch = mock.patch.dict(os.environ, GRADSWEEP_RANK_TIMEOUT=str(seconds))
        patch.start()
        self.addCleanup(patch.stop)

    def start(self, *options, ranks=(2, 2)):
        run = Run(self.text, "-o", self.results, "--progress", "none", options=options, ranks=ranks,
                  write_seconds=WRITE_SECONDS)
        self.addCleanup(run.__exit__)
        run.wait_for_cells(self.results, 0.1)
        self.assertEqual([len(run.ranks(name)) for name in room.names], list(ranks))
        return run

    def assert_resumes(self, *options, **how):
        status = read(self.results)["status"]
        self.assertTrue((status == command.PENDING).any())
        self.assertTrue((status == command.DONE).any())
        self.run_sweep(self.text, "out.h5", "--resume", *options, **how)
        reference = self.run_sweep(self.text, "reference.h5")
        self.assert_same_results(self.results, reference)


class LostLink(Interrupted):
    def cut(self):
        room.cut("gradsweep-b")
        self.addCleanup(room.mend, "gradsweep-b")

    def test_all_ranks_end(self):
        """On both sides of the cut, by themselves. Open MPI's daemons wait on for each other: no business of the ranks."""
        run = self.start()
        self.cut()
        wait_for(lambda: not run.ranks(), "the end of the ranks", SILENCE + ENDING)
        run.kill_launchers()
        _, text = run.end()
        self.assertRegex(text, rf"error: rank 3 on host gradsweep-b has not answered for {SILENCE} s: it is suspended, "
                               "gone or cut off")
        room.mend("gradsweep-b")
        self.assert_resumes(launcher=room.launcher(command.MPIEXEC))

    def test_ranks_of_a_host_end_together(self):
        """And not one after the other, each after its own patience: that would be an hour for a node of 64 ranks."""
        self.set_silence(2 * SILENCE)
        run = self.start(ranks=(1, 7))
        self.cut()
        wait_for(lambda: not run.ranks("gradsweep-b"), "the end of the ranks", 2 * SILENCE + ENDING)
        run.kill_launchers()
        run.end()

    def test_the_launcher_ends_too(self):
        """Where its daemons ask whether the others live, and before the ranks have given up: a connection that waits for
        an answer is not asked about."""
        self.set_silence(ENDING)
        run = self.start(*KEEPALIVE)
        self.cut()
        began = time.monotonic()
        exit_code, text = run.end()
        self.assertLess(time.monotonic() - began, ENDING, text)
        self.assertNotEqual(exit_code, 0)
        self.assertIn("lost communication with a remote daemon", text)
        wait_for(lambda: not run.ranks(), "the end of the ranks", 2 * ENDING)
        self.assert_resumes(*ELSEWHERE, ranks=2)


class LostHost(Interrupted):
    def check(self, name, executables, *options, **how):
        run = self.start()
        began = time.monotonic()
        for executable in executables:
            for pid in room.processes(executable, name):
                os.kill(pid, signal.SIGKILL)
        exit_code, text = run.end()
        self.assertLess(time.monotonic() - began, SILENCE + ENDING, text)
        self.assertNotIn(exit_code, (0, 2, 75), text)
        wait_for(lambda: not run.ranks(), "the end of the ranks", ENDING)
        self.assert_resumes(*options, **how)

    def test_ranks_of_the_first_host(self):
        """Rank 0 among them, which has the counters of work and the lock."""
        self.check("gradsweep-a", [our_command()], launcher=room.launcher(command.MPIEXEC))

    def test_ranks_of_the_second_host(self):
        self.check("gradsweep-b", [our_command()], *ELSEWHERE, ranks=2)

    def test_daemon_and_ranks(self):
        """As where the host's power goes, though its kernel still closes the connections."""
        self.check("gradsweep-b", [open_mpi("orted"), our_command()], *ELSEWHERE, ranks=2)


class Stopped(Interrupted):
    def test_signal_to_the_launcher(self):
        run = self.start()
        began = time.monotonic()
        exit_code, text = run.stop()
        self.assertLess(time.monotonic() - began, STOPPING, text)
        self.assertEqual(exit_code, 75, text)
        self.assertRegex(text, r"stopped by SIGUSR1 with \d+ cells pending; go on with --resume")
        self.assertEqual(run.ranks(), [])
        self.assert_resumes(launcher=room.launcher(command.MPIEXEC))


if __name__ == "__main__":
    reason = hosts.missing(sys.argv[2])
    if reason:
        print(f"SKIPPED: no run was spread over hosts: {reason}")
        sys.exit(77)
    command.TIMEOUT = 600  # ranks that share a core and wait for each other over TCP, beside other tests
    command.main()
