"""What the end-to-end tests share: the command under test, sweeps, results, and a folder for each test.

Every test program is called as `python3 test_what.py PATH_OF_gradsweep MPIEXEC [unittest options]`."""

import atexit
import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"  # results are read while a run writes them
import h5py
import numpy as np

# A rank started alone needs half a second, a launcher with five on two cores some two; sanitizers slow all that down
# tenfold. What takes longer than this hangs.
TIMEOUT = int(120 * float(os.environ.get("GRADSWEEP_TEST_PATIENCE", "1")))
TCP = ["--mca", "pml", "ob1", "--mca", "btl", "self,tcp", "--mca", "osc", "^sm"]  # of Open MPI
# Times, and what depends on the number of ranks, may differ between equal runs; nothing else.
MAY_DIFFER = {"cell_seconds", "predicted_seconds", "team_size", "runtime_checksum", "runs", "provenance",
              "provenance_checksum"}
CELL = ["activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma"]
PENDING, DONE, FAILED = 0, 1, 2
NOT_COMPUTED, HOLDS, WITHIN_ROUNDING, VIOLATED = 0, 1, 2, 3
EXPLICIT, IMPLICIT, CLOSED_FORM = 1, 2, 3

GRADSWEEP = None
MPIEXEC = None
undisturbed_files = {}  # text of a sweep -> its results


def main():
    """Takes the command under test from the arguments, and runs the calling program's tests. Exit code 77 where all were
    skipped: that is no pass."""
    global GRADSWEEP, MPIEXEC
    GRADSWEEP, MPIEXEC = sys.argv[1:3]
    module = sys.modules["__main__"]
    result = unittest.main(module=module, argv=[sys.argv[0]] + sys.argv[3:], verbosity=2, exit=False).result
    if result.testsRun == 0:
        sys.exit("no test was found")
    if result.wasSuccessful() and len(result.skipped) == result.testsRun:
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)


def tool(name):
    """The path of a program or library of the tests' own (tests/field/CMakeLists.txt), which the build makes beside the
    command."""
    for folder in Path(os.path.realpath(GRADSWEEP)).parents:
        if (folder / "tests" / "tools").is_dir():
            return str(folder / "tests" / "tools" / name)
    raise FileNotFoundError(f"no folder tests/tools above {GRADSWEEP}: build the tests beside the command")


def is_sanitized():
    """Whether the command was built with the address sanitizer, which is slow and keeps freed memory."""
    return b"__asan_init" in Path(GRADSWEEP).read_bytes()


@functools.lru_cache
def is_open_mpi():
    """Whether the launcher is Open MPI's: others have none of its options."""
    told = subprocess.run([MPIEXEC, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return bool(re.search("Open MPI|OpenRTE|PRRTE|prterun", told.stdout + told.stderr))


def only_open_mpi(why):
    """A decorator: the test is skipped, visibly, with another MPI. For what no other has."""
    def decorate(test):
        @functools.wraps(test)
        def run(self, *arguments):
            if not is_open_mpi():
                self.skipTest(f"not Open MPI: {why}")
            return test(self, *arguments)
        return run
    return decorate


def rank_variable():
    """The variable by which the launcher tells a process its rank."""
    return "OMPI_COMM_WORLD_RANK" if is_open_mpi() else "PMI_RANK"


def launcher_of(ranks=None, tcp=False):
    """The launcher's line for so many ranks, more than there are cores; without a number, what several programs of one job
    follow. tcp: not through shared memory, as between nodes."""
    if tcp and not is_open_mpi():
        raise unittest.SkipTest("how ranks of one host are made to speak TCP is known of Open MPI alone")
    return [MPIEXEC] + (["--oversubscribe"] if is_open_mpi() else []) + (TCP if tcp else []) + (
        ["-n", str(ranks)] if ranks else [])


def library_variables(**faults):
    """What the environment of a command has beside others' where a library of the tests is loaded before it: those of the
    module fault_injection (see fault_injection.c for the names), and that the address sanitizer, which wants to be the
    first library, need not be."""
    return {**{f"FAULT_{name}": str(value) for name, value in faults.items()},
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def slowed(write_seconds):
    """What comes before the command so that each of its writes to a file takes so much longer. A run that is to be caught
    in its middle, or to run out of time, lasts by this, and not by its arithmetic: program and machine get faster."""
    variables = library_variables(CALL="write", ALWAYS=1, PREFIX="/", ERRNO="late", SECONDS=write_seconds)
    return ["env", f"LD_PRELOAD={tool('fault_injection.so')}"] + [f"{name}={value}" for name, value in variables.items()]


def command_line(*arguments, ranks=None, tcp=False, launcher=None, write_seconds=None):
    """Under the launcher where a number of ranks is given, or under this one; else alone, as one rank."""
    if launcher is None:
        launcher = launcher_of(ranks, tcp) if ranks else []
    return launcher + (slowed(write_seconds) if write_seconds else []) + [GRADSWEEP] + [str(argument)
                                                                                        for argument in arguments]


def gradsweep(*arguments, **how):
    """Runs the command to its end, started as command_line says; returncode, stdout and stderr."""
    environment = dict(os.environ)
    if not how and arguments[:1] != ("run",):  # these start no MPI: a sanitizer tells of what they forgot to free
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=1"
    return subprocess.run(command_line(*arguments, **how), env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=TIMEOUT)


def with_library(library, **faults):
    """An environment in which the command is started with a library before it, and what comes before the command for it."""
    return {**os.environ, **library_variables(**faults)}, ["env", f"LD_PRELOAD={library}"]


def pids_below(pid):
    """The processes that `pid` has started, and those that they have."""
    found = []
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            children = [int(child) for child in Path(path).read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child] + pids_below(child)
    return found


def executable_of(pid):
    """None for a process that has ended."""
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return None


class Run:
    """A run in the background; with `with`, nothing of it outlives the test."""

    def __init__(self, *arguments, **how):
        self.process = subprocess.Popen(command_line("run", *arguments, **how), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self.process.stdout.close()

    def ranks(self):
        """The processes of the command itself, without launchers."""
        pids = [self.process.pid] + pids_below(self.process.pid)
        return [pid for pid in pids if executable_of(pid) == os.path.realpath(GRADSWEEP)]

    def signal_ranks(self, number):
        for pid in self.ranks():
            os.kill(pid, number)

    def kill(self):
        """All ranks at once, without a chance to say anything; then the launcher sees it."""
        self.signal_ranks(signal.SIGKILL)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        return self.end()

    def stop(self):
        self.process.send_signal(signal.SIGUSR1)
        return self.end()

    def end(self):
        """The exit code, and all that was printed."""
        text, _ = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, text

    def wait_for_making(self, path):
        """Until the results file is being made, under its temporary name."""
        until = time.monotonic() + TIMEOUT
        while not in_the_making(path) and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.001)
        if not in_the_making(path):
            raise AssertionError(f"the run ended or hung before it made {path}: {self.process.poll()}")

    def wait_for_cells(self, path, share):
        """Until this share of the cells is finished. The statuses are read from where they lie in the file: HDF5 may
        keep what it has read."""
        until = time.monotonic() + TIMEOUT
        place, count = None, None
        while time.monotonic() < until and self.process.poll() is None:
            if place is None and os.path.exists(path):
                with h5py.File(path) as file:
                    place, count = file["status"].id.get_offset(), file["status"].size
            if place is not None:
                with open(path, "rb") as file:
                    file.seek(place)
                    if np.count_nonzero(np.frombuffer(file.read(count), np.uint8)) >= share * count:
                        return
            time.sleep(0.01)
        raise AssertionError(f"the run ended or hung before {share:.0%} of its cells were done: {self.process.poll()}")


def read(path):
    """All datasets of a results file by name, those of its group of runs too."""
    with h5py.File(path) as file:
        return {name: dataset[...] for group in (file, file["runs"]) for name, dataset in group.items()
                if isinstance(dataset, h5py.Dataset)}


def crc32c(data):
    """Castagnoli's polynomial, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def in_the_making(path):
    """Whether there is a file that is to become this one: under a temporary name of its maker's own."""
    return bool(glob.glob(glob.escape(path) + ".*.tmp"))


def same_bits(path):
    """What equal runs agree in, to the bit: name -> bytes."""
    with h5py.File(path) as file:
        names = [name for name in file if name not in MAY_DIFFER]
        bits = {name: (str(file[name].dtype), file[name].shape, file[name][...].tobytes())
                for name in names if file[name].dtype.kind != "O"}
        bits.update({name: [text for text in file[name]] for name in names if file[name].dtype.kind == "O"})
        bits.update({"attribute " + name: str(value) for name, value in file.attrs.items()})
    return bits


class CommandTest(unittest.TestCase):
    """Each test has an empty folder of its own, in which `self.path(name)` lies."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gradsweep-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def path(self, name):
        return str(self.folder / name)

    def sweep(self, text, name="sweep.yaml"):
        Path(self.path(name)).write_text(text)
        return self.path(name)

    def run_sweep(self, sweep, name, *options, exit_code=0, **how):
        """Runs a sweep to the results file `name`, whose path is returned."""
        ended = gradsweep("run", sweep, "-o", self.path(name), "--progress", "none", *options, **how)
        self.assertEqual(ended.returncode, exit_code, ended.stderr)
        return self.path(name)

    def undisturbed(self, sweep, exit_code=0):
        """The results of one rank alone, made once for all tests of a program with that sweep: nobody changes the file."""
        text = Path(sweep).read_text()
        if text not in undisturbed_files:
            folder = tempfile.mkdtemp(prefix="gradsweep-test-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            shutil.copy(self.run_sweep(sweep, "undisturbed.h5", exit_code=exit_code), folder)
            os.remove(self.path("undisturbed.h5"))
            undisturbed_files[text] = os.path.join(folder, "undisturbed.h5")
        return undisturbed_files[text]

    def assert_same_results(self, path, reference, message=None):
        """To the last bit, and nothing left beside the file."""
        ours, theirs = same_bits(path), same_bits(reference)
        self.assertEqual(sorted(ours), sorted(theirs), message)
        differing = [name for name in ours if ours[name] != theirs[name]]
        self.assertEqual(differing, [], message)
        self.assertEqual(glob.glob(path + ".*"), [], "lock or temporary file left behind")

    def assert_error(self, ended, exit_code, *patterns):
        """This exit code, and an error on stderr that says so once; nothing on stdout."""
        self.assertEqual(ended.returncode, exit_code, ended.stdout + ended.stderr)
        self.assertEqual(ended.stdout, "")
        for pattern in patterns:
            self.assertEqual(len(re.findall(pattern, ended.stderr)), 1, f"{pattern!r} in:\n{ended.stderr}")
