"""Every ensemble with every activation, against a second implementation in NumPy.

usage: compare.py GRADSWEEP

Tolerance: 1e-9 of each logarithm, ten times the tolerance that the program is asked for (its stopping test may err by a
small factor). It is asked only where two right programs agree so well: where versions of the reference that round
differently part by less than a fiftieth of it (theory.py). Chaotic networks lose their long lags by this rule, as do
states on a kink of their activation: at most one value in fifty of these sweeps."""
import itertools
import json
import sys

import numpy as np

import draws
import program
import theory

TOLERANCE = 1e-9
AGREEMENT = TOLERANCE / 50
# Radii and norms are right to rounding; the spread of eigenvalues of non-normal W is added.
SPECTRUM_TOLERANCE = 1e-11

# Ensembles that are run with other parameters than their defaults; all others, and all activations, are those of the program's
# tables. What draws.py or theory.py do not know fails.
SPARSE, NONNORMAL = {"kind": "sparse", "density": 0.3}, {"kind": "nonnormal", "departure": 0.5}
CHOSEN = {"sparse": [SPARSE], "elliptic": [{"kind": "elliptic", "tau": 0.6}, {"kind": "elliptic", "tau": -0.4, "label": "elliptic-"}],
          "chain": [{"kind": "chain", "coupling": 0.9}], "nonnormal": [NONNORMAL]}
# In the sweeps below: all ensembles of the table, all of a spectral radius that is not 0 alone, and all activations.
ENSEMBLES, RESCALED, ACTIVATIONS = "all ensembles", "all that can be rescaled", "all activations"
NO_INPUT = {"input": {"kind": "none"}, "bias": {"kind": "zero"}, "initial_state": {"kind": "gaussian", "scale": 1.0}}

BASE = {
    "seed": 2013,
    "weights": {"ensemble": RESCALED, "replicas": 1},
    "model": {"activation": ACTIVATIONS, "warmup": 12, **NO_INPUT},
    "grid": {"hidden_size": [2, 8], "spectral_radius": [0.8, 1.25], "gamma": [0.8, 1.25],
             "lag": [1, 2, 3, 8, 21, 64]},  # 0.8 * 1.25 = 1: neither condition is met there
    "measure": ["jacobian_norm", "frobenius_norm"],
}

SWEEPS = {
    "rescaled": program.merged(BASE, {}),
    "rescaled, driven by noise": program.merged(BASE, {
        "seed": 18446744073709551615,
        "model": {"input": {"kind": "gaussian", "size": 3, "scale": 0.7}, "bias": {"kind": "gaussian", "scale": 0.3}},
        "grid": {"hidden_size": [3, 16], "spectral_radius": [0.6, 1.1], "gamma": [0.5, 1.0],
                 "lag": [1, 2, 5, 16, 64]}}),
    "rescaled, driven by waves": program.merged(BASE, {
        "weights": {"replicas": 2},
        "model": {"input": {"kind": "sine", "size": 5, "scale": 0.5, "period": 7.5},
                  "initial_state": {"kind": "zero"}, "warmup": 30},
        "grid": {"hidden_size": [5], "spectral_radius": [0.3, 0.95], "gamma": [1.0]}}),
    "native": program.merged(BASE, {
        "seed": 0, "weights": {"ensemble": ENSEMBLES},
        "grid": {"hidden_size": [1, 2, 5, 33], "spectral_radius": "native", "gamma": [0.9]}}),
    "native, from zero": program.merged(BASE, {
        "weights": {"ensemble": ENSEMBLES, "replicas": 2}, "model": {"initial_state": {"kind": "zero"}},
        "grid": {"hidden_size": [1, 3], "spectral_radius": "native", "gamma": [0.5, 1.5], "lag": [2, 64]}}),
    "native, from zero, with bias": program.merged(BASE, {
        "weights": {"ensemble": ENSEMBLES},
        "model": {"initial_state": {"kind": "zero"}, "bias": {"kind": "gaussian", "scale": 1.0}},
        "grid": {"hidden_size": [8], "spectral_radius": "native", "gamma": [0.5, 1.5], "lag": [5]}}),
    "closed forms": program.merged(BASE, {  # of normal W, where no Frobenius norms are asked for
        "seed": 7, "model": {"warmup": 40, "input": {"kind": "sine", "size": 2, "scale": 0.2, "period": 11}},
        "grid": {"hidden_size": [33], "spectral_radius": [1.0], "gamma": [0.7, 1.0], "lag": [1, 4, 64]},
        "measure": ["jacobian_norm"]}),
    "vectors": program.merged(BASE, {  # large enough for products never to be formed
        "seed": 11, "weights": {"ensemble": ["ginibre", SPARSE, "orthogonal", NONNORMAL]},
        "model": {"activation": ["identity", "tanh", "relu", "gelu"],
                  "input": {"kind": "gaussian", "size": 2, "scale": 1}},
        "grid": {"hidden_size": [100], "spectral_radius": [0.9], "gamma": [1.0], "lag": [1, 20]},
        "measure": ["jacobian_norm"]}),
}


def from_tables(sweep, ensembles, activations):
    """The sweep with the entries that stand for whole tables written out."""
    listed = {ENSEMBLES: ensembles, RESCALED: [entry for entry in ensembles if kind_of(entry) != "chain"], ACTIVATIONS: activations}
    given = sweep["weights"]["ensemble"], sweep["model"]["activation"]
    chosen = [entries if isinstance(entries, list) else listed[entries] for entries in given]
    return program.merged(sweep, {"weights": {"ensemble": chosen[0]}, "model": {"activation": chosen[1]}})


def kind_of(ensemble):
    return ensemble["kind"] if isinstance(ensemble, dict) else ensemble


class Comparison:
    def __init__(self, name, sweep):
        self.name, self.sweep = name, sweep
        self.lags = sweep["grid"]["lag"]
        self.steps = sweep["model"]["warmup"] + self.lags[-1]
        self.native = sweep["grid"]["spectral_radius"] == "native"
        self.wrong = []
        self.compared = self.left_out = 0
        self.methods = set()
        self.seen = set()  # (activation, ensemble) of which something was compared

    def require(self, right, what):
        if not right:
            self.wrong.append(f"{self.name}: {what}")

    def run(self, gradsweep):
        grid, sweep_weights = self.sweep["grid"], self.sweep["weights"]
        self.results = program.run(gradsweep, self.sweep, may_fail=True)
        for (e, ensemble), (h, size), replica in itertools.product(
                enumerate(sweep_weights["ensemble"]), enumerate(grid["hidden_size"]), range(sweep_weights["replicas"])):
            given = ensemble if isinstance(ensemble, dict) else {}
            parameters = tuple((k, v) for k, v in given.items() if k not in ("kind", "label"))
            network = draws.Network(self.sweep["seed"], kind_of(ensemble), parameters, size, replica)
            self.compare_network(theory.Weights(network, self.native), (e, h, replica))

    def compare_network(self, weights, place):
        for name, versions in (("weight_spectral_radius", weights.radius), ("weight_norm", weights.norm)):
            found, spread = self.results[name][place], 20 * np.ptp(versions)
            right = np.isnan(found) if weights.is_untied else \
                abs(found - versions[0]) <= SPECTRUM_TOLERANCE * versions[0] + spread
            self.require(right, f"{name} of {weights.network}: {found}, not {versions[0]}")
        for a, activation in enumerate(self.sweep["model"]["activation"]):
            cells = {name: values[(a, *place)] for name, values in self.results.items() if values.ndim >= 6}
            if not self.native and weights.is_nilpotent:
                self.require((cells["status"] == 2).all(), f"{weights.network} has rho = 0, and its cells did not fail")
                continue
            self.require((cells["status"] == 1).all(), f"{activation}, {weights.network}: cells failed")
            self.compare_cells(weights, activation, cells)
            self.methods.update(cells["method"].flat)

    def compare_cells(self, weights, activation, cells):
        """The (rho, gamma) plane of one network and activation, its points side by side."""
        grid, lags = self.sweep["grid"], self.lags
        radii = [1.0] if self.native else grid["spectral_radius"]
        gain, gamma = (plane.ravel() for plane in np.meshgrid(radii, grid["gamma"], indexing="ij"))
        couplings = [float(f"{product:.12g}") for product in gain * gamma]
        self.require(np.array_equal(self.results["coupling"].ravel(), couplings), "coupling is not rho gamma to 12 digits")
        kept = theory.derivatives(weights, self.sweep["model"], activation, gain, gamma, self.steps, lags[-1])
        spectral, frobenius = theory.log_norms(weights, gain, kept, self.steps, lags)
        bounds, log_norm, log_radius = theory.log_bounds(weights, gain, gamma, self.steps, lags)
        at = {name: values.reshape(len(gain), *values.shape[2:]) for name, values in cells.items()}
        what = f"{activation}, {weights.network}"
        agreed = self.compare_logarithms("log_jacobian_norm", spectral, at, what)
        if "log_frobenius_norm" in at:
            self.compare_logarithms("log_frobenius_norm", frobenius, at, what)
        if agreed.any():
            self.seen.add((activation, weights.network.kind))
        for c in range(len(gain)):
            where = f"{what}, gain {gain[c]}, gamma {gamma[c]}"
            self.compare_bounds(where, weights, {name: values[c] for name, values in at.items()}, bounds[c], agreed[c])
            self.require(at["vanishing_guaranteed"][c] == condition(log_norm[c]), f"{where}: vanishing_guaranteed")
            self.require(at["spectral_condition"][c] == condition(log_radius[c]), f"{where}: spectral_condition")
            rate, mine = at["growth_rate"][c], theory.growth_rate(lags, spectral[0, c])
            self.require(not agreed[c].all() or same(rate, mine, TOLERANCE), f"{where}: growth_rate {rate}, not {mine}")

    def compare_logarithms(self, name, versions, at, what):
        """True where two right programs agree."""
        expected, found = versions[0], at[name]
        with np.errstate(invalid="ignore"):
            spread = np.abs(versions - expected).max(axis=0)
        is_zero = np.isneginf(versions).all(axis=0)
        agreed = is_zero | (spread < AGREEMENT)
        self.compared += agreed.sum()
        self.left_out += agreed.size - agreed.sum()
        self.require(np.array_equal(np.isneginf(found) & agreed, is_zero), f"{name} of {what}: other exact zeros")
        with np.errstate(invalid="ignore"):
            wrong = agreed & ~is_zero & ~(np.abs(found - expected) <= TOLERANCE)
        for c, i in np.argwhere(wrong):
            self.require(False, f"{name} of {what}, cell {c}, lag {self.lags[i]}: {found[c, i]}, not {expected[c, i]}")
        return agreed

    def compare_bounds(self, where, weights, cell, bounds, agreed):
        for i, lag in enumerate(self.lags):
            bound, norm = cell["log_norm_bound"][i], cell["log_jacobian_norm"][i]
            self.require(same(bound, bounds[i], TOLERANCE), f"{where}, lag {lag}: bound {bound}, not {bounds[i]}")
            right = theory.verdicts(norm, bound, 1e-10, lag, weights.network.size)
            self.require(cell["bound_check"][i] in right - {3}, f"{where}, lag {lag}: verdict {cell['bound_check'][i]}")


def same(a, b, tolerance):
    return a == b or abs(a - b) <= tolerance


def condition(log_value):
    """1 where below 1; equality, which rounding may leave on either side, is not; 255 where there is no W."""
    return 255 if np.isnan(log_value) else int(log_value < -1e-13)


def main():
    wrong, methods, seen, compared, left_out = [], set(), set(), 0, 0
    # Networks from files have no law; tests/field and tests/command compare them where they are read.
    kinds = [choice["name"] for choice in program.table(sys.argv[1], "weights.ensemble") if not choice["is_file"]]
    ensembles = [entry for kind in kinds for entry in CHOSEN.get(kind, [kind])]
    activations = [choice["name"] for choice in program.table(sys.argv[1], "model.activation")]
    for name, sweep in SWEEPS.items():
        comparison = Comparison(name, from_tables(sweep, ensembles, activations))
        comparison.run(sys.argv[1])
        print(f"{name}: {comparison.compared} norms compared, {comparison.left_out} left out")
        wrong += comparison.wrong
        methods |= comparison.methods
        seen |= comparison.seen
        compared += comparison.compared
        left_out += comparison.left_out
    if missing := set(itertools.product(activations, kinds)) - seen:
        wrong.append(f"nothing could be compared for {sorted(missing)}")
    if left_out > 0.02 * compared:
        wrong.append("too much was left out")
    if methods != {1, 2, 3}:
        wrong.append(f"methods were {methods}: the sweeps should make use of all three")
    sys.exit("\n".join(wrong[:40] + [f"{len(wrong)} wrong"]) if wrong else 0)


if __name__ == "__main__":
    main()
