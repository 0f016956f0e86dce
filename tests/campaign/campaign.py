"""What the campaigns share: a sweep, its undisturbed results, and what must hold whatever happened to a run."""

import argparse
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "command"))
import command
import numpy as np
from command import PENDING, gradsweep, read, same_bits


class Violation(Exception):
    """A rule was broken; the text says which, and how to see it again."""


def parser(text):
    """The arguments that every campaign has."""
    arguments = argparse.ArgumentParser(description=text)
    arguments.add_argument("gradsweep", help="the command under test")
    arguments.add_argument("mpiexec")
    arguments.add_argument("--seed", type=int, default=2013)
    return arguments


def parse(arguments):
    options = arguments.parse_args()
    scale = int(os.environ.get("GRADSWEEP_CAMPAIGN_SCALE", "1"))
    if hasattr(options, "count"):
        options.count *= scale
    if hasattr(options, "every"):
        options.every = max(1, options.every // scale)
    # Open MPI refuses root and more ranks than cores unless told, and ranks that wait then hold the cores.
    for name in ("ALLOW_RUN_AS_ROOT", "ALLOW_RUN_AS_ROOT_CONFIRM", "MCA_rmaps_base_oversubscribe",
                 "MCA_mpi_yield_when_idle"):
        os.environ.setdefault(f"OMPI_{name}", "1")
    command.GRADSWEEP, command.MPIEXEC = os.path.realpath(options.gradsweep), options.mpiexec
    command.TIMEOUT = 600  # campaigns go on for long, beside other work
    return options


def require(condition, text):
    if not condition:
        raise Violation(text)


def require_complete(path, reference, what):
    """The results of an undisturbed run, to the last bit, and nothing left beside them."""
    ours, theirs = same_bits(path), same_bits(reference)
    differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    require(not differing, f"{what}: the results differ in {differing}")
    beside = sorted(file.name for file in Path(path).parent.glob(Path(path).name + ".*"))
    require(not beside, f"{what}: {beside} left behind")


def require_checked(path, what):
    checked = gradsweep("check", path)
    require(checked.returncode == 0, f"{what}: check says {checked.stdout}{checked.stderr}")


class Finished:
    """The cells that were once seen finished, with all that belongs to them."""

    def __init__(self):
        self.datasets = {}
        self.count = 0

    def require_kept(self, path, what):
        """Reads a file that was published, finds every finished cell in it again, and remembers the new ones."""
        datasets = read(path)
        shape = datasets["status"].shape
        for name, before in self.datasets.items():
            kept = self.datasets["status"] != PENDING
            same = before[kept].tobytes() == datasets[name][kept].tobytes()
            require(same, f"{what}: {name} of finished cells has changed, or they were computed again")
        self.datasets = {name: values for name, values in datasets.items() if values.shape[:len(shape)] == shape}
        self.count = int(np.count_nonzero(self.datasets["status"] != PENDING))
        told = gradsweep("info", path)
        require(told.returncode == 0, f"{what}: info says {told.stderr}")
        pending = self.datasets["status"].size - self.count
        require(re.search(rf"\b{pending} pending", told.stdout), f"{what}: info does not tell of {pending} pending cells")
