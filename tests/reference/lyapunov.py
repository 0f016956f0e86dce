"""Lyapunov exponents against extended precision, exact laws, and what must be true of any.

usage: lyapunov.py GRADSWEEP

Exponents of saturated networks lie hundreds of orders of magnitude apart in a step, where QR in double precision, in the
order of the state, gives noise: the reference is Gram and Schmidt's process in decimal numbers of as many digits as it
takes. It follows the program's own networks (draws.py); those of d = 8 that are compared are drawn to a fixed point or a
cycle, so that the last bit is not amplified."""
import decimal
import math
import sys

import numpy as np
from scipy import special

import draws
import program
import theory

SWEEP = {
    "seed": 77,
    "weights": {"ensemble": ["ginibre"], "replicas": 1},
    "model": {"activation": ["tanh"], "warmup": 50, "input": {"kind": "none"}, "bias": {"kind": "zero"},
              "initial_state": {"kind": "gaussian", "scale": 1.0}},
    "grid": {"hidden_size": [8], "spectral_radius": "native", "gamma": [1], "lag": [1]},
}
DIGITS = 250  # twice as many change no bit of what is compared


class Check:
    def __init__(self, gradsweep):
        self.gradsweep, self.wrong = gradsweep, 0

    def run(self, changes, *measures, **parameters):
        sweep = program.merged(SWEEP, changes)
        sweep["measure"] = ["jacobian_norm", *measures, {"lyapunov": parameters}]
        return program.run(self.gradsweep, sweep)

    def below(self, what, found, limit):
        wrong = not found <= limit
        self.wrong += wrong
        print(f"{'WRONG ' if wrong else ''}{what}: {found:.3g}, at most {limit:.3g}")


def slopes(network, activation, gain, steps):
    """sigma'(x_t), t = 0 .. steps - 1, and W; no drive."""
    phi, slope, supremum = theory.ACTIVATIONS[activation]
    matrix, kept = draws.weights(network), []
    x = draws.initial_state(network, SWEEP["model"]["initial_state"])
    for _ in range(steps):
        kept.append(gain / supremum * slope(x))
        x = matrix @ (gain / supremum * phi(x))
    return matrix, np.array(kept)


def slowly(matrix, kept, transient):
    """Exponents of the product of diag(slope) W by Gram and Schmidt's process, over all but the first factors."""
    number = decimal.Decimal
    d = len(matrix)
    rows = [[number(float(value)) for value in row] for row in matrix]
    frame = [[number(int(i == j)) for i in range(d)] for j in range(d)]  # columns
    sums = [0.0] * d
    for step, slope in enumerate(kept):
        scales = [value if isinstance(value, number) else number(float(value)) for value in slope]
        grown = [[scales[i] * sum(rows[i][k] * column[k] for k in range(d)) for i in range(d)] for column in frame]
        frame = []
        for j, column in enumerate(grown):
            for earlier in frame:
                share = sum(a * b for a, b in zip(earlier, column))
                column = [b - share * a for a, b in zip(earlier, column)]
            norm = sum(a * a for a in column).sqrt()
            frame.append([a / norm for a in column])
            if step >= transient:  # by a logarithm of doubles, which is 1000 times as fast
                sums[j] += math.log(float(norm.scaleb(-norm.adjusted()))) + norm.adjusted() * math.log(10)
    return np.array(sums) / (len(kept) - transient)


def extended_precision(check):
    """tanh at g = 20 and 60. Frames that began differently have met where exponents lie well apart."""
    transient, steps, gains, replicas = 100, 60, [20.0, 60.0], 3
    results = check.run({"grid": {"gamma": gains}, "weights": {"replicas": replicas}}, transient=transient, steps=steps,
                        two_sided=True)
    compared = 0
    decimal.getcontext().prec = DIGITS
    for replica in range(replicas):
        network = draws.Network(SWEEP["seed"], "ginibre", (), 8, replica)
        for g, gain in enumerate(gains):
            place = 0, 0, 0, replica, 0, g
            found = results["lyapunov_exponent"][place]
            if found[0] > -0.2:  # chaos, or slow: trajectories part, frames have not met
                continue
            matrix, kept = slopes(network, "tanh", gain, 50 + transient + steps)
            expected = slowly(matrix, kept[-transient - steps:], transient)
            apart = np.diff(-expected, prepend=-np.inf, append=np.inf)
            known = np.minimum(apart[:-1], apart[1:]) > 0.4  # e^-40 after the transient
            compared += known.sum()
            check.below(f"g = {gain:g}, replica {replica}: exponents against {DIGITS} digits ({known.sum()} of 8)",
                        np.abs(found - expected)[known].max(initial=0), 1e-12 * max(1, -expected[-1]))
            # the same of all together, whose sum does not depend on frames
            check.below("their sum", abs(found.sum() - expected.sum()), 1e-12 * max(1, -expected.sum()))
            check.below("two-sided residual a step", results["two_sided_residual"][place].max(), 1e-12)
            check.below("estimate of rounding there", results["exponent_rounding"][place].max(), 1e-6)
    check.below("too few exponents compared", 10 - compared, 0)


def far_apart(check):
    """erf, whose derivatives of one step lie up to 1e5000 apart, further than doubles hold: such steps are taken in parts. Sums by
    determinants and from both ends, and single exponents against decimal numbers."""
    erf = {"model": {"activation": ["erf"]}}
    results = check.run({**erf, "grid": {"gamma": [10.0, 20.0, 40.0], "hidden_size": [24, 64, 72]}}, transient=30, steps=40,
                        two_sided=True)
    check.below("determinant residual, erf, g = 10 .. 40", results["determinant_residual"].max(), 1e-13)
    check.below("two-sided residual over what rounding allows",
                np.nanmax(results["two_sided_residual"] / (64 * results["exponent_rounding"] + 1e-12)), 1)
    check.below("the last exponent", results["lyapunov_exponent"][0, 0, -1, 0, 0, -1, 71], -5000)
    transient, steps, gain, replicas = 12, 6, 20.0, 4
    erf.update(grid={"gamma": [gain]}, weights={"replicas": replicas})
    results = check.run(erf, transient=transient, steps=steps, two_sided=True)
    leading = check.run(erf, count=3, transient=transient, steps=steps)
    check.below("two-sided residual, d = 8", results["two_sided_residual"].max(), 1e-12)
    decimal.getcontext().prec = 1500
    compared = 0
    for replica in range(replicas):
        found = results["lyapunov_exponent"][0, 0, 0, replica, 0, 0]
        if compared > 0 or found[0] > -4.0:  # one is enough
            continue
        network, kept = draws.Network(SWEEP["seed"], "ginibre", (), 8, replica), []
        x, matrix = draws.initial_state(network, SWEEP["model"]["initial_state"]), draws.weights(network)
        for _ in range(50 + transient + steps):
            kept.append([decimal.Decimal(gain) * (-decimal.Decimal(float(value)) ** 2).exp() for value in x])
            x = matrix @ (gain / theory.ACTIVATIONS["erf"][2] * special.erf(x))
        expected = slowly(matrix, kept[-transient - steps:], transient)
        apart = np.diff(-expected, prepend=-np.inf, append=np.inf)
        known = np.minimum(apart[:-1], apart[1:]) > 3.4
        compared += known.sum()
        check.below(f"erf, replica {replica}: exponents against 1500 digits ({known.sum()} of 8, down to {expected[-1]:.0f})",
                    np.abs(found - expected)[known].max(initial=0), 1e-12 * -expected[-1])
        first = leading["lyapunov_exponent"][0, 0, 0, replica, 0, 0, :3]
        check.below("the leading three alone", np.abs(first - found[:3])[known[:3]].max(initial=0), 1e-10)
    check.below("too few exponents of erf compared", 3 - compared, 0)


def determinants(check):
    """|sum of exponents - ln|det W| - mean sum ln sigma'|, relative."""
    gains = [0.5, 1.0, 1.5, 3.0, 5.0, 10.0, 20.0]
    results = check.run({"grid": {"gamma": gains, "hidden_size": [8, 64, 80, 200]}}, transient=50, steps=60, two_sided=True)
    check.below("determinant residual, tanh, g = 0.5 .. 20", results["determinant_residual"].max(), 1e-13)
    check.below("two-sided residual there", np.nanmax(results["two_sided_residual"]), 1e-10)
    # found anew; the trajectory of g = 0.5 forgets where it came from
    network = draws.Network(SWEEP["seed"], "ginibre", (), 64, 0)
    matrix, kept = slopes(network, "tanh", 0.5, 160)
    expected = np.linalg.slogdet(matrix)[1] + np.log(kept[-60:]).sum() / 60
    check.below("sum of exponents", abs(results["lyapunov_exponent"][0, 0, 1, 0, 0, 0, :64].sum() - expected), 1e-10)
    follow(check, results)


def follow(check, results):
    """Dimension and entropy rate from their definitions."""
    for place in np.ndindex(results["entropy_rate"].shape):
        values = results["lyapunov_exponent"][place]
        values = values[~np.isnan(values)]
        sums = np.cumsum(values)
        last = np.flatnonzero(sums >= 0)
        dimension = 0.0 if values[0] < 0 else len(values) if last[-1] + 1 == len(values) else (
            last[-1] + 1 + sums[last[-1]] / -values[last[-1] + 1])
        check.below("kaplan_yorke_dimension", abs(results["kaplan_yorke_dimension"][place] - dimension), 1e-9)
        check.below("entropy_rate", abs(results["entropy_rate"][place] - values[values > 0].sum()), 1e-9)
        check.below("finite_exponents", abs(results["finite_exponents"][place] - np.isfinite(values).sum()), 0)


def both_ends(check):
    """What the residual from both ends may be where logarithms of a hundred a step add up over a long window: rounding of
    frames, by the estimate, and of each logarithm, half a unit in the last place either way; not of the sums."""
    results = check.run({"grid": {"gamma": [20.0, 60.0], "hidden_size": [8, 16]}, "weights": {"replicas": 2}},
                        transient=50, steps=1000, two_sided=True)
    sizes = np.nancumsum(np.abs(results["lyapunov_exponent"]), axis=-1)
    allowed = 64 * results["exponent_rounding"] + 2.0**-53 * sizes
    check.below("two-sided residual over what rounding allows", np.nanmax(results["two_sided_residual"] / allowed), 1)


def newman(check):
    """Products of independent Gaussian factors (Newman, Commun. Math. Phys. 103, 1986, 121): exponent i has mean
    (ln 2 + psi((d-i+1)/2))/2 - ln(d)/2 and variance psi'((d-i+1)/2)/(4 l). Beyond 3 standard errors lie 0.27% of normal
    variables; 1% are allowed, and the frame's beginning is a settled one. The batches' error is one of 20 numbers."""
    sizes, replicas, steps = [2, 3, 8, 16], 40, 1000
    results = check.run({"weights": {"ensemble": ["untied"], "replicas": replicas}, "model": {"activation": ["identity"]},
                         "grid": {"hidden_size": sizes}}, steps=steps, transient=50)
    deviations, squares, errors = [], [], []
    for h, d in enumerate(sizes):
        found = results["lyapunov_exponent"][0, 0, h, :, 0, 0, :d]  # [replica, index]
        half = (d - np.arange(d)) / 2
        expected = 0.5 * (np.log(2) + special.psi(half)) - 0.5 * np.log(d)
        deviation = np.sqrt(special.polygamma(1, half) / 4 / steps)
        deviations.append(np.abs(found - expected).ravel() / np.tile(deviation, replicas))
        squares.append(((found - expected) / deviation).ravel()**2)
        errors.append((results["lyapunov_exponent_error"][0, 0, h, :, 0, 0, :d] / deviation).ravel()**2)
    deviations, squares, errors = map(np.concatenate, (deviations, squares, errors))
    check.below("share of exponents beyond 3 standard errors", (deviations > 3).mean(), 0.01)
    # independent across index and replica: a mean of chi-squared variables; of those of batches, 19 degrees each
    check.below("their variance over Newman's", abs(squares.mean() - 1), 4 * np.sqrt(2 / squares.size))
    check.below("the variance by batches over it", abs(errors.mean() - 1), 4 * np.sqrt(2 / 19 / errors.size) + 0.02)
    check.below("share called too short", results["exponent_batches_are_short"].mean(), 0.05)
    # correlated batches are seen: a drive whose one period is the window
    slow = check.run({"model": {"input": {"kind": "sine", "size": 1, "scale": 5.0, "period": 400}},
                      "grid": {"hidden_size": [32]}, "weights": {"replicas": 4}}, transient=0, steps=400)
    check.below("slow drives not called too short", 4 - slow["exponent_batches_are_short"].sum(), 0)


def identity(check):
    """ln of the moduli of the eigenvalues, of W as swept; -inf as often as 0 is one."""
    kinds = ["ginibre", "orthogonal", "symmetric", {"kind": "chain", "coupling": 2.0}]
    results = check.run({"weights": {"ensemble": kinds}, "model": {"activation": ["identity"]},
                         "grid": {"hidden_size": [9, 70], "gamma": [0.5, 2.0]}}, steps=20, transient=10)
    for h, d in enumerate([9, 70]):
        for e, kind in enumerate(["ginibre", "orthogonal", "symmetric"]):
            matrix = draws.weights(draws.Network(SWEEP["seed"], kind, (), d, 0))
            moduli = np.log(np.sort(np.abs(np.linalg.eigvals(matrix)))[::-1])
            found = results["lyapunov_exponent"][0, e, h, 0, 0, :, :d]
            check.below(f"identity, {kind}, d = {d}: ln of moduli",
                        np.abs(found - np.log([[0.5], [2.0]]) - moduli).max(), 1e-10)
        check.below("directions of a nilpotent W that are not exactly zero", results["finite_exponents"][0, 3, h].max(), 0)
        check.below("the same", np.isfinite(results["lyapunov_exponent"][0, 3, h, ..., :d]).sum(), 0)


def dead_units(check):
    """relu and hard_tanh: as many finite exponents as the fewest active units of the window; the certificate covers them."""
    steps, gains = 40, [0.7, 1.2]
    results = check.run({"model": {"activation": ["relu", "hard_tanh"]}, "weights": {"replicas": 3},
                         "grid": {"hidden_size": [12, 70], "gamma": gains}}, steps=steps, transient=20, two_sided=True)
    for place in np.ndindex(results["finite_exponents"].shape):
        a, _, h, replica, _, g = place
        d = [12, 70][h]
        network = draws.Network(SWEEP["seed"], "ginibre", (), d, replica)
        _, kept = slopes(network, ["relu", "hard_tanh"][a], gains[g], 50 + 20 + steps)
        active = (kept[-steps:] != 0).sum(axis=1).min()
        values, residuals = (results[name][place][:d] for name in ("lyapunov_exponent", "two_sided_residual"))
        check.below("finite exponents, but for those of the fewest active units", abs(np.isfinite(values).sum() - active), 0)
        check.below("-inf behind them", np.isneginf(values[active:]).sum() - (d - active), 0)
        check.below("their two-sided residual", np.abs(residuals[:active]).max(initial=0), 1e-10)
        check.below("certified and not finite", (~np.isnan(residuals[active:])).sum(), 0)


def finite_lags(check):
    """ln s_i(l) and l lambda_i stay a few apart, however long the lag (5 was the worst of many at d = 32)."""
    lag = 64
    results = check.run({"weights": {"replicas": 3}, "grid": {"hidden_size": [32], "gamma": [1.5, 3.0], "lag": [lag]}},
                        "singular_values", steps=lag, transient=150)
    distance = results["log_singular_value"][..., 0, :] - lag * results["lyapunov_exponent"]
    check.below(f"|ln s_i - l lambda_i| at lag {lag}", np.abs(distance).max(), 6)


def leading(check):
    """Fewer exponents are the first ones of all, up to rounding on another way; what they do not say is NaN."""
    common = {"grid": {"hidden_size": [70], "gamma": [3.0]}, "weights": {"ensemble": ["untied"]},
              "model": {"activation": ["tanh"]}}
    few, all_of_them = (check.run(common, steps=30, transient=20, **count) for count in ({"count": 5}, {}))
    # columns of a frame do not depend on those behind them, but sorting brings some of these among the last of the few
    both = few["lyapunov_exponent"][..., :3], all_of_them["lyapunov_exponent"][..., :3]
    check.below("leading exponents", np.abs(both[0] - both[1]).max(), 1e-12)
    check.below("more than count", (~np.isnan(few["lyapunov_exponent"][..., 5:])).sum(), 0)
    check.below("determinant or dimension of a few", sum((~np.isnan(few[name])).sum() for name in (
        "determinant_residual", "kaplan_yorke_dimension")), 0)


def together(check):
    """Leading exponents of one W, of which several factors go into one decomposition, are those of whole frames, which are
    decomposed after each; and so says the way back, which is too."""
    common = {"grid": {"hidden_size": [40, 70], "gamma": [0.9, 1.5, 3.0, 20.0]}, "weights": {"replicas": 2}}
    few, all_of_them = (check.run(common, steps=200, transient=100, two_sided=True, **count) for count in ({"count": 6}, {}))
    # errors of 1e3 u d a decomposition at most; over the window they are those of one, the next ones undo them
    distance = np.abs(few["lyapunov_exponent"][..., :5] - all_of_them["lyapunov_exponent"][..., :5])
    check.below("leading exponents, factors together", distance.max(), 1e-11)
    check.below("their two-sided residual", few["two_sided_residual"][..., :6].max(), 1e-12)
    check.below("no factors were taken together", 1e-16 - distance.max(), 0)


def main():
    check = Check(sys.argv[1])
    for part in (extended_precision, far_apart, determinants, both_ends, newman, identity, dead_units, finite_lags, leading, together):
        part(check)
    sys.exit(f"{check.wrong} wrong" if check.wrong else 0)


if __name__ == "__main__":
    main()
