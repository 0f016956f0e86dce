"""The worked examples of docs/architecture.md: each patch of tests/house/additions/ adds an ensemble, an activation, a measure,
an axis or a command. They are applied to a copy, whose command is built, run, and compared with NumPy; and what they touch is counted.
Of the copy is compiled what the patches reach: all other objects are those of the project's own build.

    additions.py PROJECT BUILD CMAKE [--count]      --count: they are applied and counted, and nothing is built"""

import itertools
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT, BUILD, CMAKE = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
sys.path.insert(0, str(PROJECT / "tests" / "reference"))

import numpy as np  # noqa: E402
from scipy import special  # noqa: E402

import compare  # noqa: E402
import draws  # noqa: E402
import program  # noqa: E402
import theory  # noqa: E402

# What an addition may touch: new files, and files in which a row is added. Softplus finds the logistic function that it is made of
# in the file of its family, and stands there. A command is declared beside the others. An axis is
# a row, a number of the enumeration, room in the sweep, the rule of its key, and whatever computes with its values (model/).
ALLOWED = {"toeplitz": (1, 1), "softplus": (0, 2), "stable_rank": (1, 1), "defaults": (1, 2),
           "initial_state_scale": (0, 7)}

SWEEP = {
    "seed": 41,
    "weights": {"ensemble": ["toeplitz", "ginibre"], "replicas": 2},
    "model": {"activation": ["identity", "tanh", "softplus"], "warmup": 12, "input": {"kind": "none"},
              "bias": {"kind": "zero"}, "initial_state": {"kind": "gaussian", "scale": 1.0}},
    "grid": {"hidden_size": [2, 9, 24], "spectral_radius": [0.8, 1.1], "gamma": [0.5, 1.0], "lag": [1, 2, 5, 16]},
    "measure": ["jacobian_norm", "frobenius_norm", "stable_rank"],
}

# Called before the compiler: an object that is there already is taken; what is compiled is not optimised, which would take its time.
LAUNCHER = """#!/bin/sh
for argument; do
    case $last in -o) object=$argument ;; -MF) sources=$argument ;; esac
    last=$argument
done
[ -e "{objects}/$object" ] || exec "$@" -O0
ln -s "{objects}/$object" "$object" && echo "$object:" >"$sources"
"""


def fail(text):
    sys.exit(f"additions: {text}")


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        fail(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-4000:]}")


def count_files(patch):
    """New files, and changed ones."""
    text = patch.read_text()
    touched, new = len(re.findall(r"^diff --git", text, re.M)), len(re.findall(r"^new file mode", text, re.M))
    return new, touched - new


def place_objects(ninja, folder, changed):
    """The objects of the project's build that are newer than all that they were made of, none of which is in `changed`, as links in
    `folder` under the paths that they have in the build."""
    told = subprocess.run([ninja, "-C", BUILD, "-t", "deps"], capture_output=True, text=True)
    for entry in told.stdout.split("\n\n"):
        heading, *sources = entry.strip().split("\n    ")
        name = heading.split(":")[0]
        sources = [Path(os.path.normpath(BUILD / source)) for source in sources]
        if not name.startswith("src/") or not (BUILD / name).exists() or changed.intersection(sources):
            continue
        made = (BUILD / name).stat().st_mtime
        if all(source.exists() and source.stat().st_mtime <= made for source in sources):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(BUILD / name)


def make_build(copy, changed):
    """Configured with what the project's own configuration has found. Only Ninja tells what an object was made of."""
    cache = (BUILD / "CMakeCache.txt").read_text()
    generator, program = (re.search(f"^{name}:[A-Z]+=(.*)$", cache, re.M).group(1) for name in ("CMAKE_GENERATOR", "CMAKE_MAKE_PROGRAM"))
    if generator == "Ninja":
        place_objects(program, copy / "objects", changed)
    launcher = copy / "compile.sh"
    launcher.write_text(LAUNCHER.format(objects=copy / "objects"))
    launcher.chmod(0o755)
    (copy / "build").mkdir()
    places = [("CMAKE_HOME_DIRECTORY:INTERNAL", copy), ("CMAKE_CACHEFILE_DIR:INTERNAL", copy / "build"),
              (r"\w+_SOURCE_DIR:STATIC", copy), (r"\w+_BINARY_DIR:STATIC", copy / "build")]
    for name, place in places:
        cache = re.sub(f"^({name}=).*$", rf"\g<1>{place}", cache, flags=re.M)
    (copy / "build" / "CMakeCache.txt").write_text(cache)
    for found in BUILD.glob("CMakeFiles/[0-9]*"):  # about the compiler
        shutil.copytree(found, copy / "build" / "CMakeFiles" / found.name)
    run(CMAKE, "-S", copy, "-B", copy / "build", "-G", generator, f"-DCMAKE_C_COMPILER_LAUNCHER={launcher}",
        "-DGRADSWEEP_BUILD_TESTS=OFF", "-DGRADSWEEP_WERROR=ON")


def apply_patches(copy):
    """What they touch is counted; returns which files that are."""
    for name in ("src", "include", "packaging", "analysis"):
        shutil.copytree(PROJECT / name, copy / name)
    shutil.copy(PROJECT / "CMakeLists.txt", copy)
    patches = sorted((PROJECT / "tests" / "house" / "additions").glob("*.patch"))
    if {patch.stem for patch in patches} != set(ALLOWED):
        fail(f"the patches are {[patch.stem for patch in patches]}")
    touched = set()
    for patch in patches:
        touched.update(re.findall(r"^\+\+\+ b/(.*)", patch.read_text(), re.M))
        new, changed = count_files(patch)
        lines = len(re.findall("^[+][^+]", patch.read_text(), re.M))
        print(f"{patch.stem}: {new} new files, {changed} changed, {lines} lines")
        if f"| {patch.stem} | {new} | {changed} | {lines} |" not in (PROJECT / "docs" / "architecture.md").read_text():
            fail(f"docs/architecture.md: the row of {patch.stem} has not {new}, {changed} and {lines}")
        if new > ALLOWED[patch.stem][0] or changed > ALLOWED[patch.stem][1]:
            fail(f"{patch.name} touches {new} new and {changed} old files; allowed are {ALLOWED[patch.stem]}")
        # Rows of others may have come nearby since.
        run("git", "apply", "-C1", "--whitespace=nowarn", str(patch), cwd=copy)
    return touched


def build(copy, touched):
    make_build(copy, {PROJECT / name for name in touched})
    run(CMAKE, "--build", copy / "build", "-j", str(os.cpu_count()), "--target", "gradsweep")
    return copy / "build" / "src" / "gradsweep"


def weights_with_toeplitz(network, step=0, known=draws.weights):
    if network.kind != "toeplitz":
        return known(network, step)
    d = network.size
    diagonals = network.normal("weights", 2 * d - 1) / math.sqrt(d)
    return np.array([[diagonals[d - 1 + j - i] for j in range(d)] for i in range(d)])


def compare_with_numpy(gradsweep):
    draws.weights = weights_with_toeplitz
    theory.ACTIVATIONS["softplus"] = (lambda x: np.logaddexp(0, x), special.expit, 1)
    comparison = compare.Comparison("additions", SWEEP)
    comparison.run(gradsweep)
    results = comparison.results
    expected = np.exp(2 * (results["log_frobenius_norm"] - results["log_jacobian_norm"]))
    comparison.require(np.allclose(results["stable_rank"], expected, rtol=1e-12, equal_nan=False), "stable_rank")
    wanted = set(itertools.product(SWEEP["model"]["activation"], SWEEP["weights"]["ensemble"]))
    comparison.require(comparison.seen == wanted, f"nothing was compared of {wanted - comparison.seen}")
    if comparison.wrong:
        fail("\n".join(comparison.wrong[:20]))
    print(f"{comparison.compared} norms compared, {comparison.left_out} left out")


def check(gradsweep, folder):
    """check knows the rule that the new measure brought."""
    sweep, out = folder / "sweep.yaml", folder / "out.h5"
    sweep.write_text(program.json.dumps(SWEEP))
    run(gradsweep, "run", sweep, "-o", out, "--progress", "none")
    told = subprocess.run([gradsweep, "check", out], capture_output=True, text=True)
    if told.returncode != 0 or not re.search(r"^1 <= stable rank <= d +[1-9]", told.stdout, re.M):
        fail(f"check ended with {told.returncode}:\n{told.stdout}{told.stderr}")


def compare_axis(gradsweep, folder):
    """A cell of the new axis has, to the bit, what a sweep of its value alone has there; and files grow along it."""
    def run_scales(name, scales, *options):
        sweep, out = folder / "scales.yaml", folder / name
        sweep.write_text(program.json.dumps({
            "weights": {"ensemble": "ginibre", "replicas": 2},
            "model": {"activation": ["tanh", "relu"], "warmup": 4, "initial_state": {"kind": "gaussian", "scale": scales}},
            "grid": {"hidden_size": [3, 8], "spectral_radius": [0.9, 1.4], "gamma": 1, "lag": [1, 3]}, "measure": "gradient"}))
        if options:
            run(gradsweep, *options, sweep, folder / "few.h5", "-o", out)
        run(gradsweep, "run", sweep, "-o", out, "--progress", "none", "--resume")
        return program.read(out)

    scales, names = [0.25, 1.0, 4.0], ("log_jacobian_norm", "log_gradient_norm", "status")
    all_scales = run_scales("all.h5", scales)
    if list(all_scales["initial_state_scale"]) != scales:
        fail(f"the axis is {all_scales['initial_state_scale']}")
    run_scales("few.h5", [0.25, 4.0])
    grown = run_scales("grown.h5", scales, "extend")
    for name in names:
        if grown[name].tobytes() != all_scales[name].tobytes():
            fail(f"{name} of a file that grew along the axis differs")
    if np.array_equal(all_scales["log_gradient_norm"][:, :, :, :, 0], all_scales["log_gradient_norm"][:, :, :, :, 1]):
        fail("the scale of the initial state makes no difference")
    for i, scale in enumerate(scales):
        alone = run_scales(f"{i}.h5", scale)
        for name in names:
            if alone[name].tobytes() != all_scales[name][:, :, :, :, i].tobytes():
                fail(f"{name} at scale {scale} is not that of the scale alone")


def write_defaults(gradsweep, folder):
    """The new command tells every value that the sweep has, in a form that reads back to the same sweep; or what is wrong."""
    def told(text):
        (folder / "some.yaml").write_text(text)
        return subprocess.run([gradsweep, "defaults", folder / "some.yaml"], capture_output=True, text=True)
    whole = told("grid: {hidden_size: 4, spectral_radius: 1, gamma: [0.5, 1], lag: 3}\n")
    again = told(whole.stdout)
    if whole.returncode != 0 or "\nseed: 2013\n" not in whole.stdout or again.stdout != whole.stdout:
        fail(f"defaults ended with {whole.returncode}:\n{whole.stdout}{whole.stderr}\nand of that with\n{again.stdout}{again.stderr}")
    wrong = told("grid: {hidden_size: -4, spectral_radius: 1, gamma: [0.5, 1], lag: 3}\n")
    if wrong.returncode != 2 or wrong.stdout or "1:21: error" not in wrong.stderr:
        fail(f"defaults of a sweep with a mistake ended with {wrong.returncode}:\n{wrong.stdout}{wrong.stderr}")
    if "  defaults " not in subprocess.run([gradsweep, "--help"], capture_output=True, text=True).stdout:
        fail("gradsweep --help does not tell of the command that was added")


def main():
    with tempfile.TemporaryDirectory(prefix="gradsweep-test-") as folder:
        touched = apply_patches(Path(folder))
        if sys.argv[4:] == ["--count"]:
            return
        gradsweep = build(Path(folder), touched)
        compare_with_numpy(gradsweep)
        check(gradsweep, Path(folder))
        compare_axis(gradsweep, Path(folder))
        write_defaults(gradsweep, Path(folder))


if __name__ == "__main__":
    main()
