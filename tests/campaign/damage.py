"""Damages finished results files at random, and sees whether `check` notices whatever a reader would notice.

Each damage is of one kind (KINDS), in a copy of its own. What readers show of the copy is compared with what they show of the
original: h5py (all objects, their attributes, values, types, dimensions and scales), xarray with each engine that is
installed, and `info`. Where anything differs or cannot be read, `check` must not return 0. It never takes longer than 15 s, and
never dies of a signal, and neither does `info`. Now and then `run --resume` goes on from the damaged file: whenever it ends with
0, the file equals the original in everything but times.

    damage.py GRADSWEEP MPIEXEC [--count 2000] [--resume-every 20] [--only KIND]"""

import gc
import os
import pickle
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import campaign
import command
import numpy as np
from campaign import require
from command import gradsweep, h5py
from power_loss import SWEEP, bits_of

PLAIN = """\
name: plain
weights: {ensemble: [ginibre, {kind: sparse, density: 0.5}], replicas: 3}
model: {activation: [tanh, relu], input: {kind: sine, size: 2, scale: 0.5}, bias: {kind: gaussian, scale: 0.1}}
grid: {hidden_size: [8, 12], spectral_radius: native, gamma: {start: 0.5, stop: 1, num: 3}, lag: {log2: 16}}
"""
PAGE = 4096
LIMIT = 15  # seconds that check may take
READING = 60  # seconds and bytes that the readers may take; a damaged length makes some ask for all there is
MEMORY = 4 << 30


# ---- what readers show ----

def readers_of_xarray():
    """The engines that are installed."""
    engines = []
    for engine, module in (("h5netcdf", "h5netcdf"), ("netcdf4", "netCDF4")):
        try:
            __import__("xarray")
            __import__(module)
            engines.append(engine)
        except ImportError:
            pass
    return engines


def bytes_of(value):
    """A value with its type, as something that can be compared to the bit."""
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return str(value.dtype), value.shape, value.tobytes()
    if isinstance(value, np.ndarray):
        return "object", value.shape, [bytes_of(element) for element in value.ravel()]
    if isinstance(value, np.generic):
        return str(value.dtype), (), value.tobytes()
    return type(value).__name__, repr(value)


def shown_by_h5py(path):
    """name -> what h5py shows, of every object that can be reached."""
    shown = {}
    with h5py.File(path) as file:

        def name_of(reference):
            if isinstance(reference, h5py.Reference):
                return file[reference].name if reference else None
            if isinstance(reference, (np.ndarray, np.void, tuple, list)):
                return [name_of(element) for element in (reference.ravel() if isinstance(reference, np.ndarray) else reference)]
            return bytes_of(reference)

        def visit(name, item):
            shown[f"{name} attributes"] = sorted(item.attrs)
            for key, value in item.attrs.items():
                shown[f"{name}@{key}"] = name_of(value) if key in ("REFERENCE_LIST", "DIMENSION_LIST") else bytes_of(value)
            if isinstance(item, h5py.Dataset):
                shown[f"{name} values"] = bytes_of(item[...])
                shown[f"{name} dimensions"] = [(dimension.label, list(dimension.keys()),
                                                [scale.name for scale in dimension.values()]) for dimension in item.dims]
            else:
                shown[f"{name} members"] = [(key, type(item.get(key, getlink=True)).__name__) for key in item]
                for key in item:
                    if f"{name}/{key} attributes" not in shown:
                        visit(f"{name}/{key}", item[key])

        visit("", file)
    return shown


def shown_by_xarray(path, engine):
    import xarray
    shown = {}
    with xarray.open_dataset(path, engine=engine) as dataset:
        shown["attributes"] = {key: bytes_of(value) for key, value in dataset.attrs.items()}
        for name, variable in dataset.variables.items():
            shown[name] = (variable.dims, bytes_of(variable.values), {key: bytes_of(value) for key, value in variable.attrs.items()})
    return shown


def shown_by(reader, path):
    """name -> what a reader shows, or how it fails."""
    try:
        return shown_by_h5py(path) if reader == "h5py" else shown_by_xarray(path, reader)
    except Exception as error:  # whatever a reader makes of damage: it does not show what it should
        return {"fails": f"{type(error).__name__}: {error}"}


def first_difference(path, shown):
    """(reader and name, what) of the first thing that a reader shows otherwise than in `shown`; None where there is none."""
    for reader, theirs in shown.items():
        ours = shown_by(reader, path)
        if "fails" in ours:
            return reader, f"fails: {ours['fails'][:100]}"
        for name in sorted(ours.keys() | theirs.keys()):
            if ours.get(name) != theirs.get(name):
                return reader, f"shows another {name}"
    return None


def in_child(work):
    """What a function returns in a child process; or a text: how that ended."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            with os.fdopen(writing, "wb") as answer:
                try:
                    result = work()
                except Exception as error:
                    result = f"raises {type(error).__name__}: {error}"
                pickle.dump(result, answer)
        finally:
            os._exit(0)
    os.close(writing)
    until, answer = time.monotonic() + READING, b""
    while True:
        ready, _, _ = select.select([reading], [], [], max(0, until - time.monotonic()))
        more = os.read(reading, 1 << 20) if ready else b""
        if not more:
            break
        answer += more
    os.close(reading)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not ready:
        return "hangs"
    if os.WIFSIGNALED(status):
        return f"dies of {signal.Signals(os.WTERMSIG(status)).name}"
    return pickle.loads(answer) if answer else "ends without an answer"


# ---- what is damaged ----

class Original:
    """A finished file: its bytes, where what lies in it, and what readers show of it."""

    def __init__(self, path, sweep, engines):
        self.path, self.sweep = path, sweep
        self.content = Path(path).read_bytes()
        self.regions = in_child(lambda: regions_of(path))
        self.shown = in_child(lambda: {reader: shown_by(reader, path) for reader in ["h5py"] + engines})
        for found in (self.regions, self.shown):
            require(isinstance(found, dict), f"{path}: reading it {found}")
        failing = [found["fails"] for found in self.shown.values() if "fails" in found]
        require(not failing, f"{path}: {failing}")
        self.info = told(path)
        require(self.info[0] == 0, f"{path}: info: {self.info}")
        self.bits = in_child(lambda: bits_of(path))


def regions_of(path):
    """what -> [(begin, end)]: where the raw data of datasets lie, by what they hold, and all the rest."""
    regions = {what: [] for what in ("coordinates", "weights", "cells", "provenance")}
    taken = []

    def visit(name, item):
        if not isinstance(item, h5py.Dataset) or item.id.get_offset() is None:
            return
        begin = item.id.get_offset()
        kind = ("provenance" if "provenance" in name else "coordinates" if "CLASS" in item.attrs else
                "cells" if item.shape[:6] == file["status"].shape else "weights")
        regions[kind].append((begin, begin + item.id.get_storage_size()))
        taken.append(regions[kind][-1])

    with h5py.File(path) as file:
        file.visititems(visit)
    size, at = os.path.getsize(path), 0
    regions["metadata"] = []
    for begin, end in sorted(taken) + [(size, size)]:
        if begin > at:
            regions["metadata"].append((at, begin))
        at = max(at, end)
    regions["anywhere"] = [(0, size)]
    content = Path(path).read_bytes()
    texts = [text for text in (b"sweep", b"units", b"long_name", b"_FillValue", b"flag_", b"Conventions", b"title",
                               b"format_version", b"methods", b"DIMENSION_LIST", b"CLASS", b"NAME") if text in content]
    regions["attributes"] = []
    for text in texts:
        place = content.find(text)
        while place >= 0:
            regions["attributes"].append((max(place - 40, 0), min(place + 120, size)))
            place = content.find(text, place + 1)
    return {what: found for what, found in regions.items() if found}


def flip(content, chance, regions, bits):
    """Bits at random places of random regions, larger ones more often."""
    sizes = [end - begin for begin, end in regions]
    for _ in range(bits):
        begin, end = chance.choices(regions, sizes)[0]
        content[chance.randrange(begin, end)] ^= 1 << chance.randrange(8)


def zero_page(content, chance, original):
    place = PAGE * chance.randrange((len(content) + PAGE - 1) // PAGE)
    end = min(place + PAGE, len(content))
    content[place:end] = bytes(end - place)


def swap_pages(content, chance, original):
    first, second = (PAGE * page for page in chance.sample(range(len(content) // PAGE), 2))
    content[first:first + PAGE], content[second:second + PAGE] = (content[second:second + PAGE],
                                                                  content[first:first + PAGE])


def flipping(region, bits):
    return lambda content, chance, original: flip(content, chance, original.regions.get(region, original.regions["anywhere"]),
                                                  bits)


KINDS = {
    "one bit": flipping("anywhere", 1), "eight bits": flipping("anywhere", 8),
    "a zeroed page": zero_page, "two swapped pages": swap_pages,
    "a bit of metadata": flipping("metadata", 1), "eight bits of metadata": flipping("metadata", 8),
    "a bit of coordinates": flipping("coordinates", 1), "a bit of attributes": flipping("attributes", 1),
    "a bit of WEIGHT data": flipping("weights", 1), "a bit of CELL data": flipping("cells", 1),
}


# ---- the campaign ----

def told(path):
    """What info prints, without the path; or how it ends."""
    try:
        ended = subprocess.run(command.command_line("info", path), stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return "hangs"
    if ended.returncode < 0:
        return f"dies of {signal.Signals(-ended.returncode).name}"
    return ended.returncode, ended.stdout.replace(os.fsencode(path), b"PATH")


class Campaign:
    def __init__(self, folder, seed):
        self.folder, self.seed = Path(folder), seed
        self.counts = {kind: Counter() for kind in KINDS}
        self.engines = readers_of_xarray()
        self.violations = []
        self.originals = []
        for name, text in (("measures", SWEEP), ("plain", PLAIN)):
            sweep, path = self.folder / f"{name}.yaml", self.folder / f"{name}.h5"
            sweep.write_text(text)
            ended = gradsweep("run", sweep, "-o", path, "--progress", "none")
            require(ended.returncode == 0, f"{name}: {ended.stderr}")
            campaign.require_checked(path, name)
            self.originals.append(Original(path, sweep, self.engines))
        self.path = self.folder / "damaged.h5"
        gc.freeze()  # or every child would copy all that it looks at

    def damage(self, number, kind):
        """Makes the damaged copy; the original. Each number is a damage of its own, whatever came before."""
        chance = random.Random(f"{self.seed} {number}")
        original = chance.choice(self.originals)
        content = bytearray(original.content)
        while content == original.content:
            KINDS[kind](content, chance, original)
        self.path.write_bytes(content)
        return original

    def what_differs(self, original, info):
        """The first reader that shows something else, and what; None where there is none."""
        if info != original.info:
            return "info", f"shows {info}"[:100]
        found = in_child(lambda: first_difference(self.path, original.shown))
        return ("reading it", found) if isinstance(found, str) else found

    def checked(self):
        """The exit code of check, or how it ends otherwise."""
        try:
            ended = subprocess.run(command.command_line("check", self.path), stdin=subprocess.DEVNULL, capture_output=True,
                                   timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return "hangs"
        return ended.returncode if ended.returncode >= 0 else f"dies of {signal.Signals(-ended.returncode).name}"

    def violation(self, number, kind, text):
        self.violations.append(f"{number}, {kind}: {text}")
        print("VIOLATION in damage", self.violations[-1], flush=True)
        shutil.copy(self.path, self.folder / f"violation{number}.h5")
        self.counts[kind]["VIOLATIONS"] += 1

    def try_damage(self, number, kind):
        original = self.damage(number, kind)
        code, counts = self.checked(), self.counts[kind]
        counts["damages"] += 1
        counts[f"check {code}"] += 1
        if code not in (0, 1, 3):
            self.violation(number, kind, f"check {code}")
        # What check has noticed need not be looked for; now and then it is, to see whether there was anything.
        if code == 0 or number % 7 == 0:
            info = told(self.path)
            if isinstance(info, str):
                self.violation(number, kind, f"info {info}")
            differs = self.what_differs(original, info)
            if code == 0 and differs:
                self.violation(number, kind, f"check returns 0, and {' '.join(differs)}")
            elif code == 0:
                counts["no reader sees it"] += 1
            else:
                counts["noticed and looked at"] += 1
                counts["noticed by check alone"] += differs is None

    def try_resume(self, number, kind):
        """Whenever the run ends with 0, its file is right."""
        original = self.damage(number, kind)
        line = command.command_line("run", original.sweep, "-o", self.path, "--resume", "--progress", "none")
        try:
            code = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, timeout=READING).returncode
        except subprocess.TimeoutExpired:
            code = "hangs"
        self.counts[kind][f"resume {code}"] += 1
        if code not in (0, 1, 2):
            self.violation(number, kind, f"run --resume: {code}")
        if code != 0:
            return
        bits = in_child(lambda: bits_of(self.path))
        differing = bits if isinstance(bits, str) else sorted(name for name in bits.keys() | original.bits.keys()
                                                              if bits.get(name) != original.bits.get(name))
        if differing:
            self.violation(number, kind, f"run --resume ends with 0, and the results differ: {differing}")
        elif self.checked() != 0:
            self.violation(number, kind, f"run --resume ends with 0, and check says {self.checked()}")

    def run(self, count, resume_every, only):
        kinds = [kind for kind in KINDS if only is None or kind == only]
        for number in range(count):
            kind = kinds[number % len(kinds)]
            self.try_damage(number, kind)
            if resume_every and number % resume_every == resume_every // 2 + (number // resume_every) % 10 % resume_every:
                self.try_resume(number, kind)


def main():
    arguments = campaign.parser("Damages finished files.")
    arguments.add_argument("--count", type=int, default=2000)
    arguments.add_argument("--resume-every", type=int, default=20, help="0: never")
    arguments.add_argument("--only", choices=KINDS, help="one kind of damage")
    options = campaign.parse(arguments)
    folder, began = tempfile.mkdtemp(prefix="gradsweep-damage-"), time.monotonic()
    try:
        damages = Campaign(folder, options.seed)
    except campaign.Violation as violation:
        sys.exit(str(violation))
    damages.run(options.count, options.resume_every, options.only)
    for kind, counts in damages.counts.items():
        if counts:
            print(f"{kind:24} " + ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    total = sum(damages.counts.values(), Counter())
    print(f"{total['damages']} damages, seed {options.seed}, readers h5py, info and xarray with {damages.engines}, "
          f"{time.monotonic() - began:.0f} s: {len(damages.violations)} violations")
    if damages.violations:
        sys.exit(f"the files are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
