"""A real Slurm on this machine, for tests: munged, slurmctld and slurmd on the loopback interface, with their own keys,
ports and directories, so that several can run side by side.

Nothing of it outlives the process that started it, however that one ends: a guardian waits for the end of a pipe, which
the kernel closes even after SIGKILL, and then ends jobs and daemons and removes the folder."""

import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo"]
# More than the machine may have, so that jobs of a test need not wait for those of another.
CPUS = 8
# Slurm answers in milliseconds; on a machine that is busy with other tests, in seconds.
TIMEOUT = 120

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
MpiDefault=pmix
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobRequeue=1
# A rank that is told to end has 10 s of its own.
KillWait=15
# Where Open MPI and PMIx put what ranks share bears the job's number: two clusters must not count alike.
FirstJobId={first_job}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why there can be no Slurm here; None where there can be."""
    if os.geteuid() != 0:
        return "only root can start a Slurm of its own"
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    absent = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    return f"{', '.join(absent)} not found; jobs/install.sh --with-slurm installs them" if absent else None


def _free_ports(count):
    """Below those that the kernel gives to outgoing connections."""
    sockets = []
    while len(sockets) < count:
        candidate = socket.socket()
        try:
            candidate.bind(("127.0.0.1", random.SystemRandom().randrange(10000, 32000)))
        except OSError:
            candidate.close()
            continue
        sockets.append(candidate)
    ports = [candidate.getsockname()[1] for candidate in sockets]
    for candidate in sockets:
        candidate.close()
    return ports


def wait_for(condition, what, timeout=TIMEOUT):
    """The first true value of condition()."""
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {timeout} s")


class Cluster:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gradsweep-slurm-"))
        self.folder.chmod(0o755)  # munge insists on a socket that everyone could reach
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf"),
                            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
        self._start_guardian()
        self._configure()
        try:
            self._start_daemons()
        except (AssertionError, subprocess.CalledProcessError) as error:
            logs = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in self.folder.glob("*.log"))
            self.stop()
            raise AssertionError(f"no Slurm could be started: {error}\n{logs}") from error

    def run(self, *command, check=True, **options):
        """Runs a command of Slurm's; its output."""
        ended = subprocess.run([str(word) for word in command], env=self.environment, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=TIMEOUT, **options)
        if check and ended.returncode != 0:
            raise AssertionError(f"{command} returned {ended.returncode}: {ended.stdout}{ended.stderr}")
        return ended.stdout

    def submit(self, *arguments, folder, **environment):
        """sbatch in a folder, with this environment; the job's number."""
        command = ["sbatch", "--parsable"] + [str(argument) for argument in arguments]
        ended = subprocess.run(command, cwd=folder, env={**self.environment, **environment}, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=TIMEOUT)
        if ended.returncode != 0:
            raise AssertionError(f"{command}: {ended.stderr}")
        return ended.stdout.strip()

    def job(self, job):
        """What scontrol knows of a job, or of a task ARRAY_TASK: name -> value."""
        return dict(re.findall(r"(\S+?)=(\S*)", self.run("scontrol", "show", "job", "--oneliner", job).split("\n")[0]))

    def has_state(self, job, *states):
        return self.job(job)["JobState"] in states

    def wait_for_state(self, job, *states):
        wait_for(lambda: self.has_state(job, *states), f"job {job} in {' or '.join(states)}")

    def start_again(self, job, turn):
        """Spares a requeued job its two minutes of waiting, and waits for the beginning of its turn (0 the first)."""
        def waits():
            found = self.job(job)
            return int(found["Restarts"]) >= turn and found["JobState"] == "PENDING" and found["Reason"] == "BeginTime"

        wait_for(waits, f"job {job} requeued")
        # slurmd takes a job whose credential is of the second in which it was told to end the last turn for that turn,
        # and refuses it ("already killed"). It is what the two minutes are for.
        time.sleep(3)
        self.run("scontrol", "update", f"JobId={job}", "StartTime=now")
        wait_for(lambda: not self.has_state(job, "PENDING"), f"turn {turn + 1} of job {job}")

    def wait_for_end(self, job):
        """Its last state and exit code, as in COMPLETED 0:0."""
        def ended():
            found = self.job(job)
            is_ended = found["JobState"] in ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")
            return is_ended and (found["JobState"], found["ExitCode"])

        return wait_for(ended, f"job {job} ended")

    def stop(self):
        """Returns when nothing of it is left."""
        if self._life is not None:
            os.close(self._life)
            self._life = None
            os.read(self._end, 1)
            os.close(self._end)

    def _configure(self):
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        found = self.run("slurmd", "-C")
        controller_port, daemon_port = _free_ports(2)
        text = CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], folder=self.folder, cpus=CPUS, controller_port=controller_port,
            daemon_port=daemon_port, first_job=random.SystemRandom().randrange(1000, 30_000_000),
            memory=re.search(r"RealMemory=(\d+)", found)[1])
        (self.folder / "slurm.conf").write_text(text)

    def _start_daemons(self):
        at = self.folder
        self.run("munged", "--force", f"--key-file={at}/munge.key", f"--socket={at}/munge.socket",
                 f"--pid-file={at}/munged.pid", f"--log-file={at}/munged.log", f"--seed-file={at}/munge.seed")
        # Their standard streams would keep ours open.
        for daemon in (["slurmctld", "-i"], ["slurmd"]):
            subprocess.run(daemon, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=TIMEOUT, check=True)
        wait_for(lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T", check=False), "an idle node")

    def _start_guardian(self):
        """In a session of its own, twice removed: whoever kills the tests with all their children does not find it."""
        read_life, self._life = os.pipe()
        self._end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            os.close(self._life)
            os.close(self._end)
            nothing = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):  # or whoever reads our output would wait for the guardian, too
                os.dup2(nothing, stream)
            try:
                os.read(read_life, 1)
                self._clean_up()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        os.close(read_life)
        os.close(write_end)

    def _clean_up(self):
        for daemon in ("slurmctld", "slurmd", "munged"):
            try:
                os.kill(int((self.folder / f"{daemon}.pid").read_text()), signal.SIGTERM)
            except (OSError, ValueError):
                pass
        until = time.monotonic() + 5
        while self._processes() and time.monotonic() < until:
            time.sleep(0.1)
            for pid in self._processes(daemons=False):
                _kill(pid)
        for pid in self._processes():
            _kill(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _processes(self, daemons=True):
        """Whatever was started with this configuration; without daemons: jobs alone."""
        wanted = f"SLURM_CONF={self.folder}/".encode()
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                has_our_configuration = wanted in path.read_bytes()
                name = (path.parent / "comm").read_text().strip()
            except OSError:
                continue
            if has_our_configuration and (daemons or name not in ("munged", "slurmctld", "slurmd")):
                found.append(int(path.parent.name))
        return found


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
