"""Do the tests notice? Changes the source on purpose, one place at a time, and runs the nearest tests against each mutant.

    mutants.py PROJECT WORK [--count N] [--seed S] [--floor FLOOR]...   mutants at random, spread over the floors
    mutants.py PROJECT WORK --planted [NAME]...                         those of PLANTED, which must be killed
    mutants.py PROJECT WORK --apply                                     whether all of PLANTED still apply; nothing is built

WORK keeps a copy of the project with a build of its own, and results.jsonl: what was tried is not tried again, save that a survivor
meets the tests which more --seconds allow. A mutant that does not compile, or compiles to the same code, is none. The tests of one
take --seconds of processors at most when nothing is wrong: first those that include the mutated file's header or have its name,
then those that share a word with it, then those of its floor, then those of the folders that NEIGHBOURS names; each time the
quickest first; with --tests no others than those. Ends with a table of the survivors; exit code 1 if a planted one is among them."""

import argparse
import hashlib
import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

FLOORS = ["base", "parallel", "h5", "linalg", "model", "gradient", "sweep", "store", "check", "run", "cli"]
# Where the tests of a floor are that has no folder of its own, or whose folder is the smaller part.
TESTED_IN = {"run": "command", "cli": "command"}
NEIGHBOURS = {"base": ["store", "parallel", "command"], "parallel": ["run", "command"], "h5": ["store", "command", "field"],
              "linalg": ["model", "gradient", "reference"], "model": ["gradient", "reference", "command"],
              "gradient": ["reference", "check", "command"], "sweep": ["run", "command", "reference"],
              "store": ["command", "check", "field"], "check": ["command", "reference"], "run": ["run", "reference", "field"],
              "cli": ["docs", "field"]}

# Name: file, what stands there, what to put in its place.
PLANTED = {
    "boot": ("store/owner.c", 'read_first_line("/proc/sys/kernel/random/boot_id", text, sizeof text);',
             'snprintf(text, sizeof text, "constant");'),
    "eigenvalues_are_there": ("gradient/weight_result.c", "return place->has_identity ? PRESENCE_NUMBER : PRESENCE_EITHER;",
                              "return (void)place, PRESENCE_EITHER;"),
    "window_bytes": ("gradient/chain_memory.c", "    return d * (double)chain_window(question);", "    return 0.0;"),
    "states_bytes": ("gradient/chain_memory.c", "return 3.0 * d * (double)chain_window(question);", "return 0.0;"),
    "product_bytes": ("gradient/chain_memory.c", "return fmin(chains, fmax(1.0, floor(CHAIN_PRODUCT_COLUMNS / d))) * 2.0 * d * d /",
                      "return 0.0 /"),
    "lanczos_bytes": ("gradient/chain_memory.c", "(double)question->hidden_size * LANCZOS_VECTORS : 0.0", "0.0 : 0.0"),
    "measure_bytes": ("gradient/chain_memory.c", "bytes = fmax(bytes, measure->bytes(question));", ";"),
    "draw_bytes": ("model/weights_cost.c", "? 6.0 : 3.0) * part + kept_bytes(part)", "? 2.0 : 1.0) * part"),
    "spectrum_bytes": ("model/weights_cost.c", "return 4.0 * part; /*", "return part; /*"),
}

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-", "-": "+",
         "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}
NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#(?:\\\n|[^\n])*', re.S | re.M)
EARLY = {"void": "return;", "enum status": "return STATUS_OK;", "bool": "return true;", "int": "return 0;", "long": "return 0;",
         "double": "return 0;", "size_t": "return 0;", "uint64_t": "return 0;"}
# A statement on a line of its own that is no declaration. What only frees is for the leak detection of the sanitizers.
STATEMENT = re.compile(r"^ +((?!return|memory_free|free)[a-z_]\w*(?:->|\.|\[[^\]]*\]|\w)* [-+*/|&^]?= [^\n]*;"
                       r"|(?!return|memory_free|free|assert)[a-z]\w*\([^\n]*\);|TRY\([^\n]*\);)$", re.M)


def sites(text):
    """By kind: (begin, end, what to put there) of every mutation of a source text."""
    code = NO_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    found = {kind: [] for kind in ("comparison", "logic", "arithmetic", "integer", "number", "condition", "statement", "early")}
    for body in re.finditer(r"^\{\n(.*?)^\}", code, re.S | re.M):
        first, last = body.span(1)
        head = code[code.rfind("\n\n", 0, first) + 1:body.start()].strip()
        for kind, pattern in (("comparison", r"(?<= )([<>]=?|[=!]=)(?= )"), ("logic", r"(?<= )(&&|\|\|)(?= |\n)"),
                              ("arithmetic", r"(?<= )([-+*/]=?)(?= |\n)")):
            for match in re.compile(pattern).finditer(code, first, last):
                found[kind].append((*match.span(), SWAPS[match.group()]))
        for match in re.compile(r"(?<![\w.])\d+(?![\w.])").finditer(code, first, last):
            if not re.search(r"\b(?:char|uint8_t) [^;(=]*$", code[code.rfind("\n", 0, match.start()):match.start()]):  # a buffer
                found["integer"].append((*match.span(), str(int(match.group()) + 1)))
        for match in re.compile(r"(?<![\w.])\d+\.\d*(?:e[-+]?\d+)?(?![\w.])").finditer(code, first, last):
            found["number"].append((*match.span(), f"(2.0 * {match.group()})" if float(match.group()) else "1.0"))
        for match in re.compile(r"^ +if \(([^\n]*)\)(?: \{)?$", re.M).finditer(code, first, last):
            found["condition"].append((*match.span(1), f"!({text[slice(*match.span(1))]})"))
        for match in STATEMENT.finditer(code, first, last):
            if match.group().count("(") == match.group().count(")"):
                found["statement"].append((*match.span(1), ";"))
        kind = re.match(r"(?:static )?(?:inline )?(void|enum status|bool|int|long|double|size_t|uint64_t) \w+\(", head)
        if kind:
            found["early"].append((first, first, "    if (1) " + EARLY[kind[1]] + " "))
    return found


def mutants_of(project, floor, seed):
    """All of a floor as (file, line, before, after, text), the kinds taking turns, in an order that the seed gives."""
    shuffler, by_kind = random.Random(f"{seed} {floor}"), {}
    for path in sorted((project / "src" / floor).glob("*.c")):
        text = path.read_text()
        for kind, places in sites(text).items():
            by_kind.setdefault(kind, []).extend((path, text, *place) for place in places)
    for places in by_kind.values():
        shuffler.shuffle(places)
    for path, text, begin, end, new in filter(None, itertools.chain(*itertools.zip_longest(*by_kind.values()))):
        line = text.count("\n", 0, begin) + 1
        before = text.splitlines()[line - 1].strip()
        after = (text[text.rfind("\n", 0, begin) + 1:begin] + new + text[end:].split("\n")[0]).strip()
        yield f"{floor}/{path.name}", line, before, after, text[:begin] + new + text[end:]


def planted(project, name):
    file, before, after = PLANTED[name]
    text = (project / "src" / file).read_text()
    if text.count(before) != 1:
        sys.exit(f"mutants: {name}: {before!r} stands {text.count(before)} times in {file}")
    return file, text[:text.index(before)].count("\n") + 1, before, after, text.replace(before, after)


class Laboratory:
    """The copy, its build, and its tests."""

    def __init__(self, project, work, seconds, chosen):
        self.copy, self.seconds, self.results = work / "copy", seconds, work / "results.jsonl"
        self.build, self.temporary = work / "build", work / "tmp"
        work.mkdir(parents=True, exist_ok=True)
        self.take_over(project)
        self.usual_file = work / "usual.json"
        self.environment = {**os.environ, "TMPDIR": str(self.temporary)}
        # Optimised little: what is sought is whether tests notice, and most of the time goes into compiling.
        options = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1"]
        subprocess.run(["cmake", "-S", self.copy, "-B", self.build, "-G", "Ninja", *options], check=True, stdout=subprocess.DEVNULL)
        shown = self.registered()
        if missing := [test["name"] for test in shown if "command" not in test and re.search(chosen, test["name"])]:
            self.make(*missing)  # ctest knows the commands of what is built
            shown = self.registered()
        self.tests = {}
        for test in shown:
            properties = {entry["name"]: entry["value"] for entry in test["properties"]}
            sources = [path for path in (self.copy / "tests").rglob("*.[cp]*") for word in test.get("command", [])
                       if word == str(path) or (path.suffix == ".c" and Path(word).name == path.stem)]
            usual = re.search(chosen, test["name"]) and "campaign" not in properties.get("LABELS", []) and not test["name"].startswith(("house", "additions"))
            if sources and usual and not re.search(r"_[12456]_ranks|_tcp", test["name"]):
                self.tests[test["name"]] = (test["command"], properties, sources[0])
        self.usual = json.loads(self.usual_file.read_text()) if self.usual_file.exists() else {}

    def take_over(self, project):
        """Files that are as they were keep their times, and so their objects."""
        names = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=project, check=True,
                               capture_output=True, text=True).stdout.split("\n")[:-1]
        names = {name for name in names if (project / name).is_file()}
        for old in [path for path in self.copy.rglob("*") if path.is_file() and str(path.relative_to(self.copy)) not in names]:
            old.unlink()
        for name in names:
            if not (self.copy / name).exists() or (self.copy / name).read_bytes() != (project / name).read_bytes():
                (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(project / name, self.copy / name)

    def registered(self):
        shown = subprocess.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"], check=True, capture_output=True).stdout
        return json.loads(shown)["tests"]

    def make(self, *targets):
        return subprocess.run(["ninja", "-C", self.build, *targets], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def targets(self, name):
        command, _, source = self.tests[name]
        if source.suffix == ".c":
            return [source.stem]
        tools = ["deny", "effective_sweep", "many_cores", "crashing_hdf5", "fault_injection", "write_recorder"]
        return ["gradsweep", *tools, *[word for word in ("make_results_file", "print_network") if any(word in c for c in command)]]

    def passes(self, name, most):
        """Whether a test passes, none of its processes using more than so many seconds; "too slow" where it hangs."""
        command, properties, _ = self.tests[name]
        limits = ((resource.RLIMIT_FSIZE, 2**31), (resource.RLIMIT_CPU, int(most) + 1))  # a process's
        environment = {**self.environment, **dict(entry.split("=", 1) for entry in properties.get("ENVIRONMENT", []))}
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir()
        process = subprocess.Popen(command, env=environment, cwd=self.build / "tests", start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=lambda: [resource.setrlimit(what, (limit, limit)) for what, limit in limits])
        try:
            return process.wait(60 + 20 * most) in (0, 77)
        except subprocess.TimeoutExpired:
            return "too slow"
        finally:  # all of its session: ranks are process groups of their own
            for stat in Path("/proc").glob("[0-9]*/stat"):
                try:
                    if stat.read_text().rsplit(")", 1)[1].split()[3] == str(process.pid):
                        os.kill(int(stat.parent.name), signal.SIGKILL)
                except (FileNotFoundError, ProcessLookupError):
                    pass
            process.wait()

    def usual_seconds(self, name):
        """What a test takes on the copy as it is, of the processors; None for one that does not pass there."""
        if name not in self.usual:
            passed = self.make(*self.targets(name))
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            passed = passed and self.passes(name, 300) is True
            now = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.usual[name] = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime if passed else None
            self.usual_file.write_text(json.dumps(self.usual))
        return self.usual[name]

    def nearest(self, file):
        """The tests of a mutant, nearest first, until their time is used up."""
        floor, header, words = file.split("/")[0], f'"{file.removesuffix(".c")}.h"', set(Path(file).stem.split("_"))

        def distance(name):
            source = self.tests[name][2]
            folder, own = source.parent.name, set(source.stem.split("_")[1:])
            if words <= own or source.suffix == ".c" and header in source.read_text():
                return 0
            if folder in (floor, TESTED_IN.get(floor), *NEIGHBOURS[floor]) and words & own:
                return 1
            if folder in (floor, TESTED_IN.get(floor)):
                return 2
            return 3 + NEIGHBOURS[floor].index(folder) if folder in NEIGHBOURS[floor] else None

        chosen, used = [], 0.0
        for near in range(6):
            ring = [name for name in self.tests if distance(name) == near and (self.usual_seconds(name) or 1e9) <= self.seconds / 2]
            for name in sorted(ring, key=self.usual_seconds):
                if used + self.usual[name] <= self.seconds:
                    chosen.append(name)
                    used += self.usual[name]
        return chosen

    def object_hash(self, file):
        (path,) = [path for path in self.build.rglob(f"{file}.o") if "/src/" in str(path)]
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def object_target(self, file):
        return f"src/CMakeFiles/gradsweep{'' if file.startswith('cli/') else '_objects'}.dir/{file}.o"

    def try_mutant(self, file, line, before, after, text):
        """killed (by which test), survived, same code, or does not compile."""
        known = {"file": file, "line": line, "before": before, "after": after}
        old = [old for old in map(json.loads, self.results.read_text().splitlines() if self.results.exists() else [])
               if all(old[key] == known[key] for key in ("file", "before", "after"))]
        if old and old[-1]["outcome"] != "survived":
            return old[-1]
        met = old[-1]["tests"] if old else []
        tests = [name for name in self.nearest(file) if name not in met]
        if old and not tests:
            return old[-1]
        source = self.copy / "src" / file
        original = source.read_text()
        self.make(self.object_target(file))
        whole = self.object_hash(file)
        try:
            source.write_text(text)
            known["outcome"] = "survived"
            if not self.make(self.object_target(file)) and not self.make(self.object_target(file)):  # beside other work
                known["outcome"] = "does not compile"
            elif self.object_hash(file) == whole:
                known["outcome"] = "same code"
            else:
                known["tests"] = met + tests
                for name in tests:
                    told = self.make(*self.targets(name)) and self.passes(name, 5 + 5 * self.usual[name])
                    if told is not True:
                        known.update(outcome="killed", by=f"{name}: {told}" if told else name)
                        break
        finally:
            source.write_text(original)
        with self.results.open("a") as results:
            results.write(json.dumps(known) + "\n")
        return known


def report(tried):
    real = [mutant for mutant in tried if mutant["outcome"] in ("killed", "survived")]
    print("\n| floor | mutants | killed |\n|---|---|---|")
    for floor in FLOORS:
        of_floor = [mutant["outcome"] for mutant in real if mutant["file"].startswith(floor + "/")]
        if of_floor:
            print(f"| {floor} | {len(of_floor)} | {of_floor.count('killed')} |")
    survivors = [mutant for mutant in real if mutant["outcome"] == "survived"]
    print(f"\n{len(real)} mutants, {len(survivors)} survived\n\n| place | before | after | tests |\n|---|---|---|---|")
    for mutant in survivors:
        print(f"| {mutant['file']}:{mutant['line']} | `{mutant['before']}` | `{mutant['after']}` | {' '.join(mutant['tests'])} |")
    return survivors


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--floor", action="append", choices=FLOORS)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--tests", default="", help="a pattern: no others than these")
    parser.add_argument("--planted", nargs="*")
    parser.add_argument("--apply", action="store_true")
    options = parser.parse_args()
    project = options.project.resolve()
    if options.apply:
        for name in PLANTED:
            planted(project, name)
        return
    laboratory, tried = Laboratory(project, options.work.resolve(), options.seconds, options.tests), []

    def attempt(mutant):
        began = time.monotonic()
        tried.append(laboratory.try_mutant(*mutant))
        told = tried[-1]
        print(f"{told['file']}:{told['line']}: {told['outcome']} {told.get('by', '')} ({time.monotonic() - began:.0f} s): "
              f"{told['before']}  ->  {told['after']}", flush=True)
        return told["outcome"] in ("killed", "survived")

    if options.planted is not None:
        for name in options.planted or PLANTED:
            attempt(planted(project, name))
        sys.exit(bool(report(tried)))
    streams = {floor: mutants_of(project, floor, options.seed) for floor in options.floor or FLOORS}
    counts = dict.fromkeys(streams, 0)
    for floor in itertools.cycle(streams):
        if sum(counts.values()) >= options.count or all(stream is None for stream in streams.values()):
            break
        for mutant in streams[floor] or ():
            if attempt(mutant):
                counts[floor] += 1
                break
        else:
            streams[floor] = None
    report(tried)


if __name__ == "__main__":
    main()
