"""Takes away the power at random moments, and sees what is left of runs, shards, merges and extensions.

What each of them does to the disk is recorded once. A power loss plays that up to a random point, and loses, tears or reorders
what was not synced there (disk.py has the model). The same command, for a run with --resume, must then end with 0, and leave what an
undisturbed one leaves: every value to the last bit, provenance and times excepted. Cells that were done and synced are not even computed
again. `check` then finds nothing. A merge or an extension has left its file whole or not at all, and its inputs as they were.

    power_loss.py GRADSWEEP MPIEXEC LIBRARY [--count 300]      LIBRARY: the module write_recorder"""

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
import disk
import numpy as np
from campaign import Violation, require
from command import DONE, gradsweep, h5py

# All kinds of datasets: of cells, of weights, and eigenvalues that are kept beside these.
SWEEP = """\
weights: {ensemble: [ginibre, orthogonal], replicas: 2}
model: {activation: [identity, tanh], warmup: 1}
grid: {hidden_size: [4, 6], spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: [1, 3]}
measure: [frobenius_norm, step_bound, gradient, expansion, singular_values]
"""
LONGER = ["--set", "grid.gamma=[0.5,0.75,1]", "--set", "weights.replicas=3"]
RUN = ["run", "{folder}/../sweep.yaml", "-o", "{out}", "--resume", "--progress", "none"]
CELLS = re.compile("^cells: .*$", re.MULTILINE)
RETRY = 3  # a run that is stopped again and again comes to its end


class Scenario:
    """Commands, recorded in a folder of their own. `inputs`: files that are there before: name -> the
    options that they are made with, later their paths. `stop`: the number of
    writes to the file after which a run is stopped, to be gone on with: it syncs what it has. `options`: of a run that goes on
    with what the command has made."""

    def __init__(self, name, line, ranks=None, stop=None, inputs=None, options=()):
        self.name, self.line, self.ranks, self.stop = name, line, ranks, stop
        self.inputs, self.options = inputs or {}, list(options)

    def arguments(self, folder):
        return [word.format(folder=folder, out=folder / "out.h5") for word in self.line]

    def record(self, folder, library):
        """Makes the inputs, then the record of everything, which is in self.records, with self.disk."""
        self.folder, log = folder / "recorded", folder / "log"
        self.folder.mkdir(parents=True)
        for name, path in self.inputs.items():
            shutil.copy(path, self.folder / name)
        self.disk = disk.Disk(self.folder)
        environment = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        for session in range(RETRY + 1):
            stop = [f"RECORD_STOP={self.stop}", f"RECORD_FILE={self.folder / 'out.h5'}"] if self.stop and session < RETRY else []
            launcher = command.launcher_of(self.ranks) if self.ranks else []
            line = launcher + ["env", f"LD_PRELOAD={library}", f"RECORD_FOLDER={self.folder}", f"RECORD_LOG={log}", *stop,
                               command.GRADSWEEP, *self.arguments(self.folder)]
            ended = subprocess.run(line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                   timeout=command.TIMEOUT)
            require(ended.returncode in ((0, 75) if stop else (0,)), f"{self.name}: {ended.returncode}: {ended.stderr}")
            if ended.returncode == 0:
                break
        self.sessions = session + 1
        self.records = disk.read_log(log)
        played, real = self.disk.all_of(self.records), disk.tree_of(self.folder)
        differing = [name for name in played.keys() | real.keys() if played.get(name) != real.get(name)]
        require(not differing, f"{self.name}: the recorder has missed what was done to {differing}")
        require("out.h5" in {os.path.basename(name) for name in real}, f"{self.name}: no file was made")
        self.reference = self.folder / "out.h5"
        self.checked = gradsweep("check", self.reference)
        require(self.checked.returncode == (3 if self.name == "extend" else 0), f"{self.name}: {self.checked.stdout}")


def bits_of(path):
    """What equal runs agree in, to the bit: name -> bytes, of all objects and attributes."""
    bits = {}

    def visit(name, item):
        if os.path.basename(name) in command.MAY_DIFFER or "provenance" in name:
            return
        for key, value in item.attrs.items():
            # References and lists of them say where in the file something lies, which depends on the order of writing.
            if key not in ("REFERENCE_LIST", "DIMENSION_LIST"):
                bits[f"{name}@{key}"] = repr(value) if not isinstance(value, np.ndarray) else value.tobytes()
        if isinstance(item, h5py.Dataset):
            values = item[...]
            bits[name] = list(values.ravel()) if values.dtype.kind == "O" else (str(values.dtype), values.shape, values.tobytes())

    with h5py.File(path) as file:
        visit("", file)
        file.visititems(visit)
    return bits


class Campaign:
    def __init__(self, folder, library, seed):
        self.folder, self.library = Path(folder), library
        self.chance = random.Random(seed)
        self.counts = Counter()
        self.bits = {}

    def make(self, name, options):
        """A results file, undisturbed."""
        path = self.folder / name
        ended = gradsweep("run", self.folder / "sweep.yaml", "-o", path, "--progress", "none", *options)
        require(ended.returncode == 0, f"{name}: {ended.stderr}")
        return path

    def prepare(self):
        """All recordings."""
        (self.folder / "sweep.yaml").write_text(SWEEP)
        scenarios = [
            Scenario("run", RUN, stop=150),
            Scenario("run, 2 ranks", RUN, ranks=2, stop=80),
            Scenario("merge", ["merge", "{out}", "{folder}/1.h5", "{folder}/2.h5"],
                     inputs={"1.h5": ["--shard", "1/2"], "2.h5": ["--shard", "2/2"]}),
            Scenario("shard", RUN + ["--shard", "1/2"], stop=120),
            Scenario("shard, 2 ranks", RUN + ["--shard", "2/2"], ranks=2),
            Scenario("extend", ["extend", "{folder}/../sweep.yaml", "{folder}/old.h5", "-o", "{out}", *LONGER],
                     inputs={"old.h5": []}, options=LONGER),
        ]
        for scenario in scenarios:
            scenario.inputs = {name: self.make(name, options) for name, options in scenario.inputs.items()}
        for number, scenario in enumerate(scenarios):
            place = self.folder / f"scenario{number}"
            place.mkdir()
            (place / "sweep.yaml").write_text(SWEEP)
            scenario.record(place, self.library)
            self.bits[scenario.name] = bits_of(scenario.reference)
            print(f"{scenario.name}: {len(scenario.records)} changes in {scenario.sessions} sessions", flush=True)
        return scenarios

    def synced_cells(self, scenario, point):
        """(which cells were done and synced, the seconds that each took), or None where not even the file was."""
        tree = scenario.disk.lose(scenario.records[:point])
        content = tree.get(str(scenario.folder / "out.h5"))
        if content is None:
            return None
        path = self.folder / "synced.h5"
        path.write_bytes(content)
        with h5py.File(path) as file:
            return file["status"][...] == DONE, file["cell_seconds"][...]

    def lose(self, scenario):
        """One power loss, and what comes after it."""
        point = disk.choose_point(scenario.records, self.chance)
        loss = disk.Loss(self.chance)
        what = f"{scenario.name}, after {point} of {len(scenario.records)} changes, {loss}"
        place = self.folder / "lost"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / "sweep.yaml").write_text(SWEEP)
        folder, out = place / "folder", place / "folder" / "out.h5"
        folder.mkdir()
        disk.write_tree(scenario.disk.lose(scenario.records[:point], loss), scenario.folder, folder)
        shutil.copytree(folder, place / "as lost", symlinks=True)
        for name, path in scenario.inputs.items():
            require((folder / name).read_bytes() == path.read_bytes(), f"{what}: the input {name} has changed")
        before = out.exists()
        self.counts["with a file" if before else "without a file"] += 1
        if scenario.inputs:
            self.make_again(scenario, folder, out, what)
        else:
            self.resume(scenario, folder, out, what, self.synced_cells(scenario, point))
        self.compare(scenario, out, what)
        beside = sorted(path.name for path in folder.iterdir() if path.name not in {"out.h5", *scenario.inputs})
        require(not beside, f"{what}: {beside} left behind")
        checked = gradsweep("check", out)
        wanted = CELLS.findall(scenario.checked.stdout)
        require(checked.returncode == scenario.checked.returncode and CELLS.findall(checked.stdout) == wanted,
                f"{what}: check says {checked.stdout[:200]}... {checked.stderr}")
        self.counts[scenario.name] += 1

    def make_again(self, scenario, folder, out, what):
        """A merge or an extension: whole, or not there. Where it is there the same command is refused, and the file as good as
        undisturbed: a copy of it can be gone on with. Where it is not it can be made."""
        was_there = out.exists()
        if was_there:
            self.compare(scenario, out, f"{what}: the file that is there")
        ended = gradsweep(*scenario.arguments(folder))
        require(ended.returncode == (2 if was_there else 0), f"{what}: made again: {ended.returncode}: {ended.stderr}")
        if was_there:
            kept = folder.parent / "kept.h5"
            shutil.copy(out, kept)
            ended = gradsweep(*(word.format(folder=folder, out=out) for word in RUN + scenario.options))
            require(ended.returncode == 0, f"{what}: gone on with: {ended.returncode}: {ended.stderr}")
            shutil.move(kept, out)

    def resume(self, scenario, folder, out, what, synced):
        """A run: goes on."""
        require(synced is None or out.exists(), f"{what}: the file has vanished, which was synced")
        ranks = 2 if scenario.ranks and self.chance.random() < 0.25 else None
        ended = gradsweep(*scenario.arguments(folder), ranks=ranks)
        require(ended.returncode == 0, f"{what}: resumed: {ended.returncode}: {ended.stderr}")
        if synced is not None:
            done, seconds = synced
            with h5py.File(out) as file:
                now = file["cell_seconds"][...]
            again = int(np.count_nonzero(seconds[done].view(np.uint64) != now[done].view(np.uint64)))
            require(again == 0, f"{what}: {again} of {done.sum()} cells that were done and synced were computed again")
            self.counts["cells done and synced"] += int(done.sum())

    def compare(self, scenario, out, what):
        """The results of the undisturbed command, to the last bit."""
        ours, theirs = bits_of(out), self.bits[scenario.name]
        differing = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
        require(not differing, f"{what}: the results differ in {differing}")

    def run(self, count):
        scenarios = self.prepare()
        violations = []
        for number in range(count):
            scenario = scenarios[number % len(scenarios)]
            try:
                self.lose(scenario)
            except (Violation, OSError, KeyError, RuntimeError) as violation:  # h5py's, of what it cannot read
                violations.append(f"{scenario.name}: {type(violation).__name__}: {violation}")
                print(f"VIOLATION in loss {number}: {violations[-1]}", flush=True)
                shutil.copytree(self.folder / "lost", self.folder / f"violation{number}", symlinks=True)
        return violations


def main():
    arguments = campaign.parser("Takes away the power at random moments.")
    arguments.add_argument("library")
    arguments.add_argument("--count", type=int, default=300)
    options = campaign.parse(arguments)
    folder = os.path.realpath(tempfile.mkdtemp(prefix="gradsweep-power-"))
    began = time.monotonic()
    try:
        losses = Campaign(folder, os.path.realpath(options.library), options.seed)
        violations = losses.run(options.count)
    except Violation as violation:
        sys.exit(f"seed {options.seed}: {violation}\nthe files are in {folder}")
    told = ", ".join(f"{what} {count}" for what, count in sorted(losses.counts.items()))
    print(f"{options.count} power losses, seed {options.seed}, {time.monotonic() - began:.0f} s: {told}")
    if violations:
        sys.exit(f"{len(violations)} violations; the files are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
