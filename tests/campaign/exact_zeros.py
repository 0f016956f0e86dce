"""-inf where a quantity is exactly zero, and nowhere else: networks at random that lose rank (few entries a row, equal
rows, units that are off, whole numbers of known rank, nilpotent ones), each cell beside exact arithmetic of its own on
the same doubles, modulo the prime 2^255 - 19, on a trajectory that it finds for itself, to the program's last bit, by the
program's activations.

    exact_zeros.py GRADSWEEP MPIEXEC ACTIVATE [--count 10000] [--seed 2013]"""

import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from fractions import Fraction
from pathlib import Path

import campaign
import h5py
import numpy as np
from campaign import Violation, require
from command import gradsweep, read

PRIME = 2**255 - 19  # far from the primes of the program
LAGS = [1, 2, 3, 5, 8]
STEPS = 9
ACTIVATIONS = ["identity", "tanh", "relu", "hard_tanh"]
NETWORKS = 25  # a sweep
INVERSE_OF_2 = pow(2, -1, PRIME)
MEASURES = ["jacobian_norm", "frobenius_norm", "step_bound", "gradient", "singular_values"]


def residue(number):
    """A double is a whole number times a power of two."""
    numerator, denominator = float(number).as_integer_ratio()
    return numerator * pow(INVERSE_OF_2, denominator.bit_length() - 1, PRIME) % PRIME


def residues(array):
    return np.vectorize(residue, otypes=[object])(np.asarray(array, dtype=float))


def rank(matrix):
    """Of a matrix of residues, by elimination."""
    rows, found = [list(row) for row in matrix], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(found, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[found], rows[pivot] = rows[pivot], rows[found]
        inverse = pow(rows[found][column], -1, PRIME)
        for i in range(found + 1, len(rows)):
            if rows[i][column]:
                factor = rows[i][column] * inverse % PRIME
                rows[i] = [(a - factor * b) % PRIME for a, b in zip(rows[i], rows[found])]
        found += 1
    return found


# ---- networks ----


def sparse(chance, d, values):
    w = np.zeros((d, d))
    entries = chance.integers(1, 5)
    for row in w:
        row[chance.choice(d, min(entries, d), replace=False)] = values(min(entries, d))
    return w


def sparse_reals(chance, d):
    return sparse(chance, d, chance.standard_normal)


def sparse_integers(chance, d):
    return sparse(chance, d, lambda count: chance.choice([-2, -1, 1, 2], count).astype(float))


def equal_rows(chance, d):
    w = chance.standard_normal((d, d)) / np.sqrt(d)
    for _ in range(chance.integers(1, d)):
        a, b = chance.choice(d, 2, replace=False)
        if chance.integers(2):
            w[a] = w[b] * chance.choice([1.0, -2.0, 0.5])
        else:
            w[:, a] = w[:, b]
    return w


def known_rank(chance, d):
    """A B of whole numbers, at most the rank of their inner size."""
    r = chance.integers(0, d + 1)
    return (chance.integers(-1, 2, (d, r)) @ chance.integers(-1, 2, (r, d))).astype(float)


def nilpotent(chance, d):
    """P N P^-1 with N strictly upper triangular and P whole, as is its inverse: W^d = 0, which no zero of W shows."""
    n = np.triu(chance.integers(-1, 2, (d, d)), 1)
    p = np.eye(d, dtype=int)
    inverse = np.eye(d, dtype=int)
    for _ in range(d):
        i, j = chance.choice(d, 2, replace=False)
        p[i] += p[j]
        inverse[:, j] -= inverse[:, i]
    return (p @ n @ inverse).astype(float)


def large_nilpotent(chance, d):
    """Three units of such, with elements whose powers no double holds: rounding leaves something of W^3 = 0."""
    w, n, p, inverse = np.zeros((d, d)), np.zeros((3, 3), dtype=int), np.eye(3, dtype=int), np.eye(3, dtype=int)
    n[0, 1], n[0, 2], n[1, 2] = chance.integers(1, 1000, 3)
    for i, j in ((0, 1), (1, 2), (2, 0)):
        k = chance.integers(100, 1000)
        p[i] += k * p[j]
        inverse[:, j] -= k * inverse[:, i]
    w[:3, :3] = (p @ n @ inverse)[:d, :d]
    return w


def multiples(chance, d):
    """Rows that are 1, 2, 3, 0.1, ... times one another up to the rounding of the product: some dependent, some not."""
    w = chance.standard_normal((d, d)) / np.sqrt(d)
    a, b = chance.choice(d, 2, replace=False)
    w[a] = w[b] * chance.choice([1.0, 2.0, 3.0, 0.1, -0.25])
    return w


FAMILIES = [sparse_reals, sparse_integers, equal_rows, known_rank, nilpotent, large_nilpotent, multiples]
WHOLE = {sparse_integers, known_rank, nilpotent, large_nilpotent}
BEYOND_ROUNDING = {multiples, nilpotent, large_nilpotent, known_rank}


class Activations:
    """phi and phi', both divided by sup|phi'|, as the program computes them: whether an error vanishes exactly can hang on
    the last bit of a state."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, name, x):
        print(name, len(x), *(float(a).hex() for a in x), file=self.process.stdin, flush=True)
        value, slope = (np.array([float.fromhex(word) for word in self.process.stdout.readline().split()]) for _ in range(2))
        require(len(value) == len(x) and len(slope) == len(x), f"no answer for {name} of {x}")
        return value, slope

    def close(self):
        self.process.stdin.close()
        require(self.process.wait(timeout=60) == 0, "the program's activations ended with a failure")


def multiply(w, x):
    """W x to the last bit of the program's: a chain of fused multiply-adds over ascending columns, whose one rounding
    fractions do as well."""
    result = []
    for row in w:
        total = 0.0
        for a, b in zip(row, x):
            total = float(Fraction(a) * Fraction(b) + Fraction(total))
        result.append(total)
    return np.array(result)


class Truth:
    """What of a cell is exactly zero."""

    def __init__(self, w, x, activation, activate):
        self.w, d = residues(w), len(w)
        states, values, slopes = [x], [], []
        for _ in range(STEPS):
            value, slope = activate(activation, states[-1])
            values.append(value)
            slopes.append(slope)
            states.append(multiply(w, value))
        product, error = residues(np.eye(d)), residues(states[-1])
        self.initial_error = any(error)
        self.ranks, self.errors, self.contributions, self.steps = [], [], [], []
        for lag in range(1, STEPS):
            slope = residues(slopes[STEPS - lag])
            step = self.w * slope % PRIME
            product, error = product @ step % PRIME, error @ step % PRIME
            self.steps.append(step.any())
            self.ranks.append(rank(product))
            self.errors.append(any(error))
            self.contributions.append(any(error) and values[STEPS - lag - 1].any())


def is_zero(values):
    return np.isneginf(values)


def compare(truth, cell, d, what, is_without_values):
    for i, lag in enumerate(LAGS):
        here = f"{what}, lag {lag}"
        values = cell["log_singular_value"][i, :d]
        found = int(np.sum(np.isfinite(values)))
        if is_without_values:
            require(np.all(np.isnan(values)), f"{here}: failed, and {values}")
        else:
            require(found == truth.ranks[lag - 1] and np.all(is_zero(values[found:])),
                    f"{here}: singular values {values}, rank {truth.ranks[lag - 1]}")
        zero = truth.ranks[lag - 1] == 0
        for name in ("log_jacobian_norm", "log_frobenius_norm"):
            require(is_zero(cell[name][i]) == zero, f"{here}: {name} is {cell[name][i]}, and the product "
                    f"{'exactly' if zero else 'not'} zero")
        require(is_zero(cell["log_step_bound"][i]) == (not all(truth.steps[:lag])), f"{here}: log_step_bound")
        for name, expected in (("log_error_norm", truth.errors), ("log_contribution", truth.contributions)):
            require(is_zero(cell[name][i]) == (not expected[lag - 1]), f"{here}: {name} is {cell[name][i]}, and exactly "
                    f"{'not ' if expected[lag - 1] else ''}zero")
    require(is_zero(cell["log_initial_error_norm"]) == (not truth.initial_error), f"{what}: log_initial_error_norm")


def one_sweep(chance, folder, counts, activate):
    d = int(chance.integers(2, 11))
    networks, entries = [], []
    for number in range(NETWORKS):
        family = FAMILIES[chance.integers(len(FAMILIES))]
        w = family(chance, d)
        x = (chance.integers(-3, 4, d) / 2 if family in WHOLE else chance.standard_normal(d)).astype(float)
        with h5py.File(folder / f"{number}.h5", "w") as file:
            file["W"], file["x0"] = w, x
        networks.append((family, w, x))
        entries.append(f"    - {{kind: file, path: {number}.h5, label: n{number}}}\n")
    (folder / "sweep.yaml").write_text(
        f"weights:\n  ensemble:\n{''.join(entries)}"
        f"model: {{activation: [{', '.join(ACTIVATIONS)}], warmup: {STEPS - LAGS[-1]}}}\n"
        f"grid: {{hidden_size: [{d}], spectral_radius: native, gamma: [1.0], lag: {LAGS}}}\n"
        f"measure: [{', '.join(MEASURES)}]\n")
    out = folder / "out.h5"
    ended = gradsweep("run", folder / "sweep.yaml", "-o", out, "--overwrite", "--progress", "none")
    require(ended.returncode in (0, 1), f"the run ended with {ended.returncode}: {ended.stderr}")
    results = read(out)
    with h5py.File(out) as file:
        flags = file["failure_reason"].attrs
        reasons = dict(zip(flags["flag_values"], flags["flag_meanings"].split()))
    for a, activation in enumerate(ACTIVATIONS):
        for number, (family, w, x) in enumerate(networks):
            cell = {name: values[a, number].reshape(values.shape[6:]) for name, values in results.items()
                    if values.ndim >= 6}
            if family is large_nilpotent and activation == "tanh":
                continue  # saturated beyond what this program follows
            what = f"d = {d}, {family.__name__}, {activation}, W = {w.tolist()}, x0 = {x.tolist()}"
            reason = reasons[int(cell["failure_reason"])]
            # Rows that rounding alone keeps apart have a value that no double precision finds; and so it is where W maps
            # saturated states of a step into what the next ones empty.
            require(reason == "none" or (family in BEYOND_ROUNDING and reason == "singular_values_no_convergence"),
                    f"{what}: failed, {reason}")
            compare(Truth(w, x, activation, activate), cell, d, what, reason != "none")
            counts["failed"] += reason != "none"
            counts[family.__name__] += 1
            counts["some value zero"] += bool(is_zero(cell["log_singular_value"]).any())
            counts["product zero"] += bool(is_zero(cell["log_jacobian_norm"]).any())
    checked = gradsweep("check", out)
    require(checked.returncode in (0, 3) and " 0 wrong" in (checked.stderr or " 0 wrong"),
            f"check says {checked.stdout}{checked.stderr}")


def main():
    arguments = campaign.parser(__doc__.split("\n\n")[0])
    arguments.add_argument("activate", help="the program that answers with its activations")
    arguments.add_argument("--count", type=int, default=10000, help="cells")
    options = campaign.parse(arguments)
    chance, counts, cells = np.random.default_rng(options.seed), Counter(), 0
    activate, folder = Activations(options.activate), Path(tempfile.mkdtemp(prefix="gradsweep-zeros-"))
    try:
        while cells < options.count:
            one_sweep(chance, folder, counts, activate)
            cells += NETWORKS * len(ACTIVATIONS)
        activate.close()
    except Violation as violation:
        sys.exit(f"after {cells} cells, seed {options.seed}: {violation}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{cells} cells hold: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))


if __name__ == "__main__":
    main()
