"""The rules of the house that a text search can check:

- an include points to its own floor or a lower one, as "floor/file.h"; h5/ and linalg/ know nothing of each other;
- the files of one floor include each other in no circle, but for the pairs of TWO_HALVES;
- an owner (base/scope.h) has a value where it is declared: it is released at every exit;
- no source file has more than 500 lines.

usage: include_arrows.py ROOT         checks the repository at ROOT
       include_arrows.py --self-test  shows that it finds what it is there to find"""
import pathlib
import re
import sys
import tempfile

FLOORS = ["base", "parallel", "h5", "linalg", "model", "gradient", "sweep", "store", "check", "run", "cli"]
STRANGERS = [{"h5", "linalg"}]
# Pairs that may name each other, and why. X.h, X.c and X_internal.h are one.
TWO_HALVES = {("model/ensemble", "model/ensemble_law"): "ensemble_law.h is what ensemble.h keeps from all but its rows"}
MOST_LINES = 500
FOLDERS = ["src", "include", "tests", "analysis", "jobs"]
SUFFIXES = {".c", ".h", ".py", ".sh", ".cmake", ".txt"}
QUOTED_INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]*)"')


def arrow_fault(floor, target):
    """What is wrong with an include of `target` from a file of `floor`; None if nothing is."""
    if target.startswith("gradsweep/"):  # the public interface, for cli/ and for its implementation
        return None
    target_floor = target.split("/")[0]
    if "/" not in target or target_floor not in FLOORS:
        return f'"{target}" is not written as "floor/file.h"'
    if FLOORS.index(target_floor) > FLOORS.index(floor):
        return f'"{target}" points up: {floor}/ is below {target_floor}/'
    if any({floor, target_floor} == pair for pair in STRANGERS):
        return f'"{target}": {floor}/ and {target_floor}/ know nothing of each other'
    return None


def include_faults(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        floor = path.relative_to(root / "src").parts[0]
        if floor not in FLOORS:
            yield f"{path}: is on no floor ({', '.join(FLOORS)})"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            include = QUOTED_INCLUDE.match(line)
            fault = arrow_fault(floor, include.group(1)) if include else None
            if fault:
                yield f"{path}:{number}: {fault}"


def includes_within_floors(root):
    """By "floor/file", without the ending: the other files of its floor that it includes."""
    includes = {}
    for path in sorted((root / "src").rglob("*.[ch]")):
        floor = path.relative_to(root / "src").parts[0]
        own = f"{floor}/{path.stem.removesuffix('_internal')}"
        for line in path.read_text().splitlines():
            target = QUOTED_INCLUDE.match(line)
            if target and target.group(1).startswith(floor + "/"):
                includes.setdefault(own, set()).add(target.group(1).rsplit(".", 1)[0].removesuffix("_internal"))
    return includes


def circle_faults(root):
    """A circle is told once, by the shortest way from its first file back to that."""
    includes, told = includes_within_floors(root), set()
    for first in sorted(includes):
        ways, came_from = [first], {}
        while ways and first not in came_from:
            file = ways.pop(0)
            for target in sorted(includes.get(file, set()) - {file} - came_from.keys()):
                came_from[target] = file
                ways.append(target)
        if first not in came_from:
            continue
        circle = [came_from[first]]
        while circle[-1] != first:
            circle.append(came_from[circle[-1]])
        circle = circle[::-1]
        if frozenset(circle) not in told and tuple(sorted(circle)) not in TWO_HALVES:
            yield f"a circle of includes: {' -> '.join([*circle, first])}"
        told.add(frozenset(circle))


OWNERS = re.compile(r"^\s*SCOPED(?:_MEMORY|_ID|_FILE|\(\w+\))\s[^;]*;", re.MULTILINE)
NESTED = re.compile(r"\([^()]*\)|\{[^{}]*\}")


def owner_faults(root):
    for path in sorted((root / "src").rglob("*.[ch]")):
        text = path.read_text()
        for owners in OWNERS.finditer(text):
            declaration, nested = owners.group(), 1
            while nested:
                declaration, nested = NESTED.subn("", declaration)
            if not all("=" in declarator for declarator in declaration.split(",")):
                number = text.count("\n", 0, owners.end()) + 1
                yield f"{path}:{number}: an owner without a value: {' '.join(owners.group().split())}"


def length_faults(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                lines = len(path.read_text().splitlines())
                if lines > MOST_LINES:
                    yield f"{path}: {lines} lines; a file that passes {MOST_LINES} is two files"


def faults(root):
    return [*include_faults(root), *circle_faults(root), *owner_faults(root), *length_faults(root)]


def self_test():
    """A house with one fault of each kind, and one like each that is none."""
    files = {
        "src/linalg/block.c": '#include "linalg/block.h"\n#include "base/log.h"\n#include <model/no.h>\n',
        "src/cli/main.c": '#include "run/loop.h"\n#include "gradsweep/gradsweep.h"\n',
        "src/base/log.c": '#include "base/log.h"\n#  include "parallel/world.h"\n',
        "src/linalg/matrix.c": '#include "h5/slab.h"\n',
        "src/h5/slab.c": '#include "parallel/world.h"\n#include "linalg/block.h"\n',
        "src/store/file.c": '#include "file.h"\n#include "../base/log.h"\n',
        "src/attic/old.c": "",
        "src/run/one.h": '#include "run/two.h"\n',
        "src/run/two.c": '#include "run/three.h"\n',
        "src/run/three_internal.h": '#include "run/one.h"\n',
        "src/run/four.c": '#include "run/four.h"\n#include "run/one.h"\n',
        "src/model/ensemble.c": '#include "model/ensemble_law.h"\n',
        "src/model/ensemble_law.h": '#include "model/ensemble.h"\n',
        "src/base/owner.c": "    SCOPED(a) x = f(1, 2), y = { 3, { 4 } };\n    SCOPED_MEMORY double *p = NULL,\n        *q;\n",
        "src/base/long.c": "\n" * 501,
        "src/base/just.c": "\n" * 500,
        "tests/base/test_long.c": "\n" * 501,
    }
    expected = [
        "attic/old.c: is on no floor",
        "a circle of includes: run/one -> run/two -> run/three -> run/one",
        "base/owner.c:3: an owner without a value",
        "base/log.c:2: \"parallel/world.h\" points up",
        "h5/slab.c:2: \"linalg/block.h\" points up",
        "linalg/matrix.c:1: \"h5/slab.h\": linalg/ and h5/ know nothing",
        "store/file.c:1: \"file.h\" is not written",
        "store/file.c:2: \"../base/log.h\" is not written",
        "src/base/long.c: 501 lines",
        "tests/base/test_long.c: 501 lines",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found = faults(pathlib.Path(folder))
    matches = [sum(mark in fault for fault in found) == 1 for mark in expected]
    if len(found) != len(expected) or not all(matches):
        sys.exit("the self-test expected " + "\n".join(expected) + "\nand found " + "\n".join(found))


def main():
    if sys.argv[1] == "--self-test":
        self_test()
        return
    found = faults(pathlib.Path(sys.argv[1]))
    if found:
        sys.exit("\n".join(found))


main()
