"""The program against a straightforward vectorised script, in NumPy and, where it is installed, PyTorch.

usage: compare_numpy.py GRADSWEEP [--quick] [--repeats N] [--only TEXT] [--ranks] [--numpy-only] [--plot FILE.svg]

The script does what one would write first and well: chains of one W side by side, batched products, the norms by SVD, and for
identity the powers of W once for the whole (rho, gamma) plane. Both work on the same networks, one core each, and their norms
are compared. Times are CPU time for one network of 16 cells, medians of runs that alternate, so that neighbours on the machine
matter little. Left out are the start of the program (what a sweep of one cell takes) and, for the script, the start of Python
and the drawing of the networks, which the program's times hold.

`roofline` is what the program can reach at best by its method: the operations that it reports, at the rate of this machine's
dgemm, and what no method avoids, measured: the same networks and cells with lag 1 of identity (drawing, radius and norm of W,
results file). The last column is the program's time over it.

--quick: sizes up to 64, within two minutes. --ranks: two ranks against one, by wall clock; for an idle machine. --only: cases
whose names hold TEXT."""
import argparse
import importlib.util
import json
import os
import pathlib
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import namedtuple

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)  # both take the best BLAS kernels that this processor has
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import draws

SEED, WARMUP = 5, 100
POWERS = [1, 2, 4, 8, 16, 32, 64]
LONG_POWERS = POWERS + [128, 256, 512, 1024]
DENSE = list(range(1, 65))
PLANE = {"radii": [0.6, 0.8, 1.0, 1.2], "gammas": [0.25, 0.5, 0.75, 1.0]}
DISTINCT = {"radii": [round(0.3 + 0.06 * k, 2) for k in range(16)], "gammas": [1.0]}
DRIVE = {"kind": "gaussian", "size": 4, "scale": 1.0}

# Networks of the script, and of the program, which are more so that its start does not blur what is measured.
REPLICAS = {8: (100, 4000), 16: (60, 2000), 32: (20, 800), 64: (6, 250), 128: (2, 60), 256: (1, 20), 1024: (1, 1)}
QUICK_SIZES = (8, 16, 32, 64)
QUICK_SHARE = 3  # so many times fewer

Case = namedtuple("Case", "row size activation is_driven lags")
Timing = namedtuple("Timing", "seconds operations")


def all_cases():
    for size in REPLICAS:
        yield Case("tanh", size, "tanh", False, POWERS)
        yield Case("tanh, driven", size, "tanh", True, POWERS)
        yield Case("relu", size, "relu", False, POWERS)
        yield Case("identity", size, "identity", False, POWERS)
    for size in (16, 32, 64, 256):
        yield Case("tanh, lags 1..64", size, "tanh", False, DENSE)
        yield Case("tanh, driven, lags 1..64", size, "tanh", True, DENSE)
    yield Case("tanh, lags to 1024", 64, "tanh", False, LONG_POWERS)
    yield Case("tanh, driven, lags to 1024", 64, "tanh", True, LONG_POWERS)


def plane_of(case):
    return DISTINCT if case.is_driven else PLANE


def sweep_of(case, replicas, **grid):
    model = {"activation": [case.activation], "warmup": WARMUP, **({"input": DRIVE} if case.is_driven else {})}
    plane = plane_of(case)
    return {"seed": SEED, "weights": {"ensemble": ["ginibre"], "replicas": replicas}, "model": model,
            "grid": {"hidden_size": [case.size], "spectral_radius": plane["radii"], "gamma": plane["gammas"],
                     "lag": case.lags, **grid}}


# ---- the script ----

class NumPy:
    """What the script asks of an array library."""
    name = "NumPy"
    array = staticmethod(np.asarray)
    eye = staticmethod(np.eye)
    stack = staticmethod(np.stack)

    @staticmethod
    def phi(activation, x):
        return {"tanh": np.tanh, "relu": lambda y: np.maximum(y, 0)}[activation](x)

    @staticmethod
    def slope(activation, x):
        return {"tanh": lambda y: 1 - np.tanh(y) ** 2, "relu": lambda y: (y > 0).astype(float)}[activation](x)

    @staticmethod
    def log_norms(products):
        return np.log(np.linalg.norm(products, 2, axis=(-2, -1)))

    @staticmethod
    def radius_and_norm(matrix):
        return np.abs(np.linalg.eigvals(matrix)).max(), np.linalg.norm(matrix, 2)


def torch_library():
    """The same of PyTorch; None where it is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch
    torch.set_num_threads(1)

    class Torch:
        name = "PyTorch"
        array = staticmethod(torch.as_tensor)
        stack = staticmethod(torch.stack)

        @staticmethod
        def eye(size):
            return torch.eye(size, dtype=torch.float64)

        @staticmethod
        def phi(activation, x):
            return {"tanh": torch.tanh, "relu": torch.relu}[activation](x)

        @staticmethod
        def slope(activation, x):
            return {"tanh": lambda y: 1 - torch.tanh(y) ** 2, "relu": lambda y: (y > 0).to(torch.float64)}[activation](x)

        @staticmethod
        def log_norms(products):
            return torch.log(torch.linalg.matrix_norm(products, 2))

        @staticmethod
        def radius_and_norm(matrix):
            return torch.linalg.eigvals(matrix).abs().max(), torch.linalg.matrix_norm(matrix, 2)
    return Torch


def draw(case, replica):
    """W, x_0 and w_in i_t + b of all steps."""
    network = draws.Network(SEED, "ginibre", (), case.size, replica)
    model = {"input": DRIVE if case.is_driven else {"kind": "none"}, "bias": {"kind": "zero"}}
    return (draws.weights(network), network.normal("initial_state", case.size),
            draws.drives(network, model, WARMUP + case.lags[-1]))


def run_script(library, case, networks):
    """ln ||J_l||, [network, rho gamma, lag]."""
    plane = plane_of(case)
    gain, gamma = (library.array(values.ravel()) for values in np.meshgrid(plane["radii"], plane["gammas"], indexing="ij"))
    last, results = case.lags[-1], []
    for drawn, state, drives in networks:
        drawn, state, drives = (library.array(values) for values in (drawn, state, drives))
        radius, _ = library.radius_and_norm(drawn)  # the norm is for the bound
        unit, slopes = drawn / radius, []
        if case.activation != "identity":
            x = library.stack([state] * len(gain))
            for t in range(WARMUP + last):
                if t >= WARMUP:
                    slopes.append(library.slope(case.activation, x))
                x = gain[:, None] * (gamma[:, None] * library.phi(case.activation, x) @ unit.T) + drives[t]
        product = library.stack([library.eye(case.size)] * (len(gain) if slopes else 1))
        shift, log_norms, wanted = 0.0, [], set(case.lags)
        for lag in range(1, last + 1):
            product = product @ unit
            if slopes:
                product = product * slopes[last - lag][:, None, :]
            if lag in wanted:
                log_norms.append(library.log_norms(product) + shift)
        steps = np.outer(case.lags, np.log(np.asarray(gain) * np.asarray(gamma)))
        results.append((np.array([np.asarray(norms) for norms in log_norms]) + steps).T)
    return np.array(results)


# ---- the program ----

def run_program(gradsweep, sweep, ranks=1):
    """CPU seconds, operations, wall seconds of the units, and ln ||J_l|| as in the file."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = pathlib.Path(folder, "sweep.yaml"), pathlib.Path(folder, "out.h5")
        path.write_text(json.dumps(sweep))
        launcher = ["mpirun", "--bind-to", "core", "-n", str(ranks)] if ranks > 1 else []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run([*launcher, gradsweep, "run", path, "-o", out, "--progress", "json"], capture_output=True,
                               text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode != 0:
            sys.exit(f"gradsweep run ended with {ended.returncode}:\n{ended.stderr}")
        last = json.loads([line for line in ended.stderr.splitlines() if line.startswith("{")][-1])
        units = float(re.search(r"([\d.]+) s from the published file", ended.stderr)[1])
        with h5py.File(out) as file:
            norms = file["log_jacobian_norm"][:]
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Timing(cpu, 1e9 * last["gflops"] * last["elapsed_seconds"]), units, norms


def dgemm_rate():
    """Operations a second of CPU time, the best of some."""
    a, best = np.random.default_rng(1).standard_normal((768, 768)), np.inf
    for _ in range(8):
        start = time.process_time()
        a @ a
        best = min(best, time.process_time() - start)
    return 2 * 768 ** 3 / best


# ---- the comparison ----

def require_equal(case, found, plain):
    """Chaos moves the last bits of some chains of tanh, and with relu, whose direction rho and gamma do not change, all cells of
    a network at once."""
    found = found.reshape(-1, *plain.shape[1:])[:len(plain)]
    agreeing = np.mean(np.abs(found - plain) < 1e-8)
    if agreeing < (0.0 if case.activation == "relu" else 0.9):
        sys.exit(f"not the same numbers: {case.row}, d = {case.size}: {agreeing:.0%} agree")


def compare(gradsweep, case, options, start, rate):
    """One row of the table: seconds for one network."""
    few, many = (max(1, count // (QUICK_SHARE if options.quick else 1)) for count in REPLICAS[case.size])
    if len(case.lags) > len(LONG_POWERS):
        few, many = max(1, few // 4), max(1, many // 4)
    networks = [draw(case, replica) for replica in range(few)]
    libraries = [library for library in (NumPy, options.torch) if library]
    script = {library.name: [] for library in libraries}
    program, floors = [], []
    floor = sweep_of(case._replace(activation="identity", is_driven=False), many, lag=[1])
    for _ in range(options.repeats):
        for library in libraries:
            begin = time.process_time()
            plain = run_script(library, case, networks)
            script[library.name].append((time.process_time() - begin) / few)
        timing, _, norms = run_program(gradsweep, sweep_of(case, many))
        program.append(Timing((timing.seconds - start) / many, timing.operations / many))
        floors.append((run_program(gradsweep, floor)[0].seconds - start) / many)
        require_equal(case, norms, plain)
    ours = max(statistics.median(timing.seconds for timing in program), 1e-6)
    roofline = program[-1].operations / rate + max(statistics.median(floors), 0)
    return {"row": case.row, "d": case.size, "gradsweep": ours, "roofline": roofline,
            **{name: statistics.median(times) for name, times in script.items()}}


def print_row(row, names):
    theirs = " | ".join(f"{1e3 * row[name]:.3g} | {row[name] / row['gradsweep']:.1f}" for name in names)
    print(f"| {row['row']} | {row['d']} | {1e3 * row['gradsweep']:.3g} | {theirs} | {1e3 * row['roofline']:.3g} "
          f"| {row['gradsweep'] / row['roofline']:.2f} |", flush=True)


def compare_ranks(gradsweep, cases):
    """Wall clock: two ranks on two cores against one."""
    print(f"\n| case | d | one rank, s | two ranks, s | times |\n|---|---|---|---|---|\n(load {os.getloadavg()[0]:.1f})")
    for case in cases:
        sweep = sweep_of(case, 4 * REPLICAS[case.size][1])
        alone, together = ([run_program(gradsweep, sweep, ranks)[1] for _ in range(3)] for ranks in (1, 2))
        one, two = statistics.median(alone), statistics.median(together)
        print(f"| {case.row} | {case.size} | {one:.2f} | {two:.2f} | {one / two:.2f} |", flush=True)


def plot(rows, path):
    """Times NumPy's against d, one line a row of the table."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for name in dict.fromkeys(row["row"] for row in rows):
        points = [(row["d"], row["NumPy"] / row["gradsweep"]) for row in rows if row["row"] == name]
        axes.plot(*zip(*points), marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="hidden size d", ylabel="times as fast as the NumPy script")
    sizes = sorted({row["d"] for row in rows})
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.legend(fontsize="small")
    figure.savefig(path)


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gradsweep")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--ranks", action="store_true")
    parser.add_argument("--numpy-only", action="store_true")
    parser.add_argument("--plot")
    options = parser.parse_args()
    options.torch = None if options.numpy_only else torch_library()
    cases = [case for case in all_cases()
             if options.only in f"{case.row} d={case.size}" and (not options.quick or case.size in QUICK_SIZES)]
    if options.ranks:
        compare_ranks(options.gradsweep, cases)
        return
    os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])
    one_cell = sweep_of(Case("", 1, "identity", False, [1]), 1, spectral_radius=[1.0], gamma=[1.0])
    start = statistics.median(run_program(options.gradsweep, one_cell)[0].seconds for _ in range(2 + options.repeats))
    rate = dgemm_rate()
    names = ["NumPy"] + (["PyTorch"] if options.torch else [])
    print(f"{processor()}, one core, {time.strftime('%d %B %Y')}; load {os.getloadavg()[0]:.1f}; dgemm {1e-9 * rate:.1f} GF/s; "
          f"start {start:.2f} s. Milliseconds of CPU time for a network of 16 cells.\n")
    print("| case | d | gradsweep | " + " | ".join(f"{name} | times" for name in names) + " | roofline | of it |")
    print("|---" * (5 + 2 * len(names)) + "|")
    rows = []
    for case in cases:
        rows.append(compare(options.gradsweep, case, options, start, rate))
        print_row(rows[-1], names)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
