"""Every dataset of every measure, as the table of measures has them, against its definition in NumPy.

usage: measures.py GRADSWEEP

The program tells its table (gradsweep help sweep measure --json); a dataset without a definition in DATASETS fails, and so does
one whose numbers differ. Networks of a few units over a few steps, where products, singular values and gradients can be formed
as they are written in textbooks. TOLERANCE: numbers of some twenty steps in double precision, each a few u off, times the
condition of W (100 at most here); measured 2e-12 at most."""
import functools
import itertools
import sys
from pathlib import Path

import numpy as np

import draws
import program
import theory

TOLERANCE = 1e-9
SWEEP = {
    "seed": 7,
    "weights": {"ensemble": ["ginibre", "symmetric"], "replicas": 2},
    "model": {"activation": ["identity", "tanh", "softsign"], "warmup": 6, "input": {"kind": "gaussian", "size": 2, "scale": 0.5},
              "bias": {"kind": "gaussian", "scale": 0.2}, "initial_state": {"kind": "gaussian", "scale": 1.0}},
    "grid": {"hidden_size": [1, 3, 6], "spectral_radius": [0.7, 1.3], "gamma": [0.6, 1.0], "lag": [1, 2, 4, 9, 15]},
    "measure": [],
}
LOSSES = [{"kind": "squared"}, {"kind": "linear"}, {"kind": "cross_entropy", "classes": 4}]


class Cell:
    """x_k = rho W sigma(x_(k-1)) + drive_k, S_k = rho W diag(sigma'(x_(k-1))), J_l = S_T ... S_(T-l+1), e_l = e_0 J_l."""

    def __init__(self, network, sweep, activation, radius, gamma):
        phi, slope, supremum = theory.ACTIVATIONS[activation]
        model, self.lags, self.gamma = sweep["model"], sweep["grid"]["lag"], gamma
        self.network, self.loss, self.is_identity = network, model["loss"], activation == "identity"
        self.T = model["warmup"] + self.lags[-1]
        self.drawn = draws.weights(network)
        self.eigenvalues = np.linalg.eigvals(self.drawn)
        self.W = radius / np.abs(self.eigenvalues).max() * self.drawn
        self.radius = radius
        drive = draws.drives(network, model, self.T)
        self.x = [draws.initial_state(network, model["initial_state"])]
        self.sigma, self.S = [], [None]
        for k in range(1, self.T + 1):
            self.sigma.append(gamma / supremum * phi(self.x[-1]))
            self.S.append(self.W * (gamma / supremum * slope(self.x[-1])))
            self.x.append(self.W @ self.sigma[-1] + drive[k - 1])
        self.J = [np.eye(network.size)]
        for k in range(self.T, 0, -1):
            self.J.append(self.J[-1] @ self.S[k])

    def error(self, t):
        """d eps_t/dx_t."""
        if self.loss["kind"] == "squared":
            return self.x[t]
        if self.loss["kind"] == "linear":
            c = self.network.normal("loss_direction", self.network.size)
            return c / np.linalg.norm(c)
        classes, d = self.loss["classes"], self.network.size
        V = self.network.normal("readout", classes * d).reshape(classes, d) / np.sqrt(d)
        logits = V @ self.x[t]
        exponential = np.exp(logits - logits.max())
        share, target = exponential / exponential.sum(), int(self.network.uniform("target", 1)[0] * classes)
        share[target] = 0
        share[target] = -share.sum()  # p - 1, without the cancellation
        return V.T @ share

    @functools.cache
    def carried(self, t):
        """[e_0, e_1, ..., e_t] of eps_t."""
        errors = [self.error(t)]
        for k in range(t, 0, -1):
            errors.append(errors[-1] @ self.S[k])
        return errors

    @functools.cache
    def contributions(self, t):
        """[C_t, C_(t-1), ..., C_1] of eps_t, C_k = e_(t-k) sigma(x_(k-1))^T."""
        return [np.outer(error, self.sigma[t - l - 1]) for l, error in enumerate(self.carried(t)[:-1])]

    @functools.cache
    def gradient(self, t):
        return sum(self.contributions(t))

    def step_norms(self, lag):
        return np.array([log_norm(self.S[self.T - i]) for i in range(lag)])

    @functools.cache
    def eigenbasis(self):
        """Eigenvalues by descending modulus, unit left eigenvectors as rows, and the coefficients of e_0."""
        values, vectors = np.linalg.eig(self.W.T)
        order = np.lexsort((-values.imag, -np.round(np.abs(values), 12)))
        rows = vectors[:, order].T
        return values[order], rows, np.linalg.solve(rows.T, self.error(self.T).astype(complex))

    def expansion(self, lag):
        values, rows, coefficients = self.eigenbasis()
        return (coefficients * (self.gamma * values) ** lag) @ rows

    def at_lags(self, value):
        return [value(lag) for lag in self.lags]


def log_norm(matrix, kind=2):
    with np.errstate(divide="ignore"):
        return np.log(np.linalg.norm(matrix, kind))


def log_size(array):
    """Of a vector, or Frobenius."""
    with np.errstate(divide="ignore"):
        return np.log(np.linalg.norm(np.ravel(array)))


def sorted_eigenvalues(cell):
    values = cell.eigenvalues
    return values[np.lexsort((-values.imag, -np.round(np.abs(values), 12)))]


def contribution(cell, t, lag):
    return log_size(cell.contributions(t)[lag]) if lag < t else np.nan


def last_half_slope(cell):
    return theory.growth_rate(cell.lags, np.array(cell.at_lags(lambda lag: log_norm(cell.J[lag]))))


def log_singular_values(cell, lag):
    """Of the product as it is formed; rounding takes the digits of those below 1e-4 of the largest. If that is one, it follows from
    the determinant, which is that of the steps; more than one are masked, for linalg's and gradient's own tests."""
    values = np.linalg.svd(cell.J[lag], compute_uv=False)
    lost = values < 1e-4 * values[0]
    if lost.sum() == 1:
        determinant = sum(np.linalg.slogdet(cell.S[cell.T - i])[1] for i in range(lag))
        return np.append(np.log(values[:-1]), determinant - np.log(values[:-1]).sum())
    return np.ma.array(np.log(values), mask=lost)


def of_identity(value, shape):
    return lambda cell: value(cell) if cell.is_identity else np.full(shape(cell), np.nan)


def of_lags(cell):
    return len(cell.lags)


def half_life(cell):
    """ln ||J_l|| is linear in ln l between the lags of the axis, and in l before the first; below ln 1/2 for good."""
    lags, norms = cell.lags, np.array(cell.at_lags(lambda lag: log_norm(cell.J[lag])))
    above = np.flatnonzero(norms >= np.log(0.5))
    if len(above) == 0:
        return lags[0] * np.log(0.5) / norms[0]
    if above[-1] == len(lags) - 1:
        return np.nan
    i = above[-1]
    return np.exp(np.interp(np.log(2), -norms[i:i + 2], np.log(lags[i:i + 2])))


def participation_ratio(cell):
    sizes = np.exp([contribution(cell, cell.T, lag) for lag in cell.lags if lag < cell.T])
    return sizes.sum() ** 2 / (sizes ** 2).sum()


def log_condition(cell, lag):
    """Masked where a value of the product as it is formed is."""
    values = np.ma.asarray(log_singular_values(cell, lag))
    return values[0] - values[-1]


MAP_STEPS = 4
# Measures of long windows, whose datasets have a reference program of their own.
ELSEWHERE = {"lyapunov": Path(__file__).parent / "lyapunov.py"}

# By dataset, what must stand there: one value, or values by step, lag, index, in this order. A set of allowed values where
# rounding may decide.
DATASETS = {
    "weight_spectral_radius": lambda cell: np.abs(cell.eigenvalues).max(),
    "weight_norm": lambda cell: np.linalg.norm(cell.drawn, 2),
    "log_jacobian_norm": lambda cell: cell.at_lags(lambda lag: log_norm(cell.J[lag])),
    "log_norm_bound": lambda cell: cell.at_lags(lambda lag: lag * np.log(cell.gamma * np.linalg.norm(cell.W, 2))),
    "bound_check": lambda cell: cell.at_lags(lambda lag: theory.verdicts(
        log_norm(cell.J[lag]), lag * np.log(cell.gamma * np.linalg.norm(cell.W, 2)), 1e-10, lag, cell.network.size)),
    "vanishing_guaranteed": lambda cell: cell.gamma * np.linalg.norm(cell.W, 2) < 1 - 1e-13,
    "spectral_condition": lambda cell: cell.gamma * cell.radius < 1 - 1e-13,
    "growth_rate": last_half_slope,
    "log_frobenius_norm": lambda cell: cell.at_lags(lambda lag: log_size(cell.J[lag])),
    "log_step_bound": lambda cell: cell.at_lags(lambda lag: cell.step_norms(lag).sum()),
    "log_step_norm_max": lambda cell: cell.at_lags(lambda lag: cell.step_norms(lag).max()),
    "log_initial_error_norm": lambda cell: log_size(cell.error(cell.T)),
    "log_error_norm": lambda cell: cell.at_lags(lambda lag: log_size(cell.carried(cell.T)[lag])),
    "log_contribution": lambda cell: cell.at_lags(lambda lag: contribution(cell, cell.T, lag)),
    "log_gradient_norm": lambda cell: log_size(cell.gradient(cell.T)),
    "log_total_gradient_norm": lambda cell: log_size(sum(cell.gradient(t) for t in range(1, cell.T + 1))),
    "cancellation": lambda cell: np.linalg.norm(cell.gradient(cell.T)) / sum(map(np.linalg.norm, cell.contributions(cell.T))),
    "log_step_gradient_norm": lambda cell: [log_size(cell.gradient(t)) for t in last_times(cell)],
    "log_contribution_map": lambda cell: [cell.at_lags(lambda lag: contribution(cell, t, lag)) for t in last_times(cell)],
    "eigenvalue_re": lambda cell: sorted_eigenvalues(cell).real,
    "eigenvalue_im": lambda cell: sorted_eigenvalues(cell).imag,
    "log_expansion_norm": of_identity(lambda cell: cell.at_lags(lambda lag: log_size(cell.expansion(lag))), of_lags),
    "expansion_residual": of_identity(lambda cell: np.zeros(of_lags(cell)), of_lags),
    "log_expansion_coefficient": of_identity(lambda cell: np.log(np.abs(cell.eigenbasis()[2])), lambda cell: cell.network.size),
    "eigenbasis_condition": of_identity(lambda cell: np.linalg.cond(cell.eigenbasis()[1]), lambda cell: ()),
    "half_life": half_life,
    "peak_lag": lambda cell: cell.lags[np.argmax(cell.at_lags(lambda lag: log_norm(cell.J[lag])))],
    "log_peak_norm": lambda cell: max(cell.at_lags(lambda lag: log_norm(cell.J[lag]))),
    "participation_ratio": participation_ratio,
    "log_condition": lambda cell: np.ma.stack(cell.at_lags(lambda lag: log_condition(cell, lag))),
    "log_singular_value": lambda cell: np.ma.stack(cell.at_lags(lambda lag: log_singular_values(cell, lag))),
}


def last_times(cell):
    return range(cell.T - MAP_STEPS + 1, cell.T + 1)


def is_right(found, expected):
    if isinstance(expected, list) and isinstance(expected[0], set):
        return all(value in allowed for value, allowed in zip(found, expected))
    expected = np.ma.asarray(expected, dtype=float)
    known = ~np.ma.getmaskarray(expected)
    return np.allclose(found[known], expected.data[known], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)


def compare(gradsweep, measures, loss):
    """Yields what is wrong with one sweep's results, after which dataset `compared` of them agreed."""
    asked = [measure["name"] for measure in measures if not measure["parameters"]]
    asked += [{measure["name"]: {"steps": MAP_STEPS}} for measure in measures if measure["parameters"]]
    sweep = program.merged(SWEEP, {"model": {"loss": loss}, "measure": asked})
    results = program.run(gradsweep, sweep)
    grid, weights = sweep["grid"], sweep["weights"]
    axes = (sweep["model"]["activation"], weights["ensemble"], grid["hidden_size"], range(weights["replicas"]),
            grid["spectral_radius"], grid["gamma"])
    for place in itertools.product(*(range(len(axis)) for axis in axes)):
        activation, kind, size, replica, radius, gamma = (axis[i] for axis, i in zip(axes, place))
        cell = Cell(draws.Network(sweep["seed"], kind, (), size, replica), sweep, activation, radius, gamma)
        for dataset in itertools.chain.from_iterable(measure["datasets"] for measure in measures):
            found = results[dataset["name"]][place if dataset["of"] == "cell" else place[1:4]]
            expected = DATASETS[dataset["name"]](cell)
            if "index" in dataset["along"]:
                found = found[..., :size]
            if not is_right(found, expected):
                yield f"{dataset['name']} of {loss['kind']}, {activation}, {cell.network}, rho {radius}, gamma {gamma}: " \
                    f"{found}, not {expected}"


def main():
    table = program.table(sys.argv[1], "measure")
    measures = [measure for measure in table if measure["name"] not in ELSEWHERE]
    missing = {dataset["name"] for measure in table for dataset in measure["datasets"]
               if measure in measures or dataset["name"] not in ELSEWHERE[measure["name"]].read_text()} - DATASETS.keys()
    if missing:
        sys.exit(f"datasets without a reference in NumPy, tests/reference/measures.py: {sorted(missing)}")
    wrong = [text for loss in LOSSES for text in compare(sys.argv[1], measures, loss)]
    sys.exit("\n".join(wrong[:20] + [f"{len(wrong)} wrong"]) if wrong else 0)


if __name__ == "__main__":
    main()
