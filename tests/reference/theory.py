"""What the results mean, computed the plain way: trajectories in double precision, Jacobian products as matrix products
with scaling, norms by SVD, bounds, conditions and verdicts from their definitions.

Every quantity is computed in several versions at once, the first as it stands, the others with all that a program may
round differently moved by a few units in the last place. How far the versions part says how far two right programs may:
chaos amplifies the last bit, and so do products of non-normal matrices."""
import numpy as np
from scipy import special

import draws

VERSIONS = 4
ROUNDOFF = 2.0**-53

# phi, phi' and sup |phi'|, by textbook formulae that do not cancel
ACTIVATIONS = {
    "identity": (lambda x: x, np.ones_like, 1),
    "tanh": (np.tanh, lambda x: np.cosh(np.minimum(np.abs(x), 700))**-2.0, 1),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x), 1 / 4),
    "relu": (lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0), 1),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), lambda x: np.where(x > 0, 1, 0.01), 1),
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: (1 + np.abs(x))**-2.0, 1),
    "erf": (special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x**2), 2 / np.sqrt(np.pi)),
    "hard_tanh": (lambda x: np.clip(x, -1, 1), lambda x: 1.0 * (np.abs(x) < 1), 1),
    "sin": (np.sin, np.cos, 1),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * np.exp(-x**2 / 2) / np.sqrt(2 * np.pi),
             special.ndtr(np.sqrt(2)) + np.exp(-1) / np.sqrt(np.pi)),
    # sup: where x tanh(x / 2) = 2; 20 digits by mpmath
    "silu": (lambda x: x * special.expit(x),
             lambda x: special.expit(x) + x * special.expit(x) * special.expit(-x), 1.0998393201288669),
    "elu": (lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), lambda x: np.exp(np.minimum(x, 0)), 1),
}

# Where phi' jumps, and how near to it rounding decides the slope: errors of a few u a step add up over a trajectory,
# and the cyclic shift at gamma rho = 1 keeps clipped states on the kink for ever.
NEAR_KINK = 1e-10
KINKS = {"relu": [0], "leaky_relu": [0], "hard_tanh": [-1, 1]}


class Weights:
    """W_unit of a network in all versions, its radius and norm, and the spread of their logarithms."""

    def __init__(self, network, native):
        self.network = network
        self.is_untied = network.kind == "untied"
        self.noise = np.random.default_rng([network.size, network.replica])
        self._matrix = self._versions(draws.weights(network))
        self.radius = self.norm = np.full(VERSIONS, np.nan)
        self.is_nilpotent = False
        if not self.is_untied:
            pattern = (self._matrix[0] != 0).astype(float)
            self.is_nilpotent = not np.linalg.matrix_power(pattern, network.size).any()
            self.radius = np.abs(np.linalg.eigvals(self._matrix)).max(axis=1) * (not self.is_nilpotent)
            self.norm = np.linalg.norm(self._matrix, 2, axis=(1, 2))
        self.divisor = np.ones(VERSIONS) if native or self.is_untied else self.radius
        self._unit = self._matrix / np.where(self.divisor > 0, self.divisor, 1)[:, None, None]

    def _versions(self, matrix):
        """Independent draws err by a few u an entry, products and QR factors by that of the whole matrix."""
        is_product = self.network.kind in ("orthogonal", "nonnormal")
        size = np.full_like(matrix, np.abs(matrix).max()) if is_product else matrix
        moved = matrix + 8 * ROUNDOFF * size * self.noise.standard_normal((VERSIONS, *matrix.shape))
        moved[0] = matrix
        return moved

    def at(self, step):
        """[VERSIONS, d, d]: the W_unit that makes x_step."""
        if self.is_untied:
            return self._versions(draws.weights(self.network, step))
        return self._unit


def derivatives(weights, model, activation, gain, gamma, steps, window):
    """sigma'(x_t), [VERSIONS, chains, d], for t = steps - window .. steps - 1; gain and gamma [chains]. NaN where
    rounding decides on which side of a kink a state lies."""
    phi, slope, supremum = ACTIVATIONS[activation]
    factor = (gamma / supremum)[:, None]
    drive = draws.drives(weights.network, model, steps)
    x = np.empty((VERSIONS, len(gain), weights.network.size))
    x[:] = draws.initial_state(weights.network, model["initial_state"])
    terms, kept = np.zeros(x[0].shape), []
    for t in range(1, steps + 1):
        if t > steps - window:
            on_kink = [np.abs(x[0] - kink) < NEAR_KINK * terms for kink in KINKS.get(activation, [])]
            kept.append(np.where(np.any(on_kink, axis=0), np.nan, factor * slope(x)))
        unit, sigma = weights.at(t), factor * phi(x)
        x = gain[:, None] * (sigma @ unit.swapaxes(1, 2)) + drive[t - 1]
        terms = gain[:, None] * (np.abs(sigma[0]) @ np.abs(unit[0]).T) + np.abs(drive[t - 1])
        x[1:] += 2 * ROUNDOFF * terms * weights.noise.standard_normal(x[1:].shape)
    return kept


def log_norms(weights, gain, kept, steps, lags):
    """ln ||J_l||_2 and ln ||J_l||_F, each [VERSIONS, chains, lags]; J_l = S_T S_{T-1} ... S_{T-l+1}."""
    chains, d = len(gain), weights.network.size
    product = np.broadcast_to(np.eye(d), (VERSIONS, chains, d, d)).copy()
    log_scale = np.zeros((VERSIONS, chains))
    spectral, frobenius = np.empty((2, VERSIONS, chains, len(lags)))
    for lag in range(1, lags[-1] + 1):
        unit = weights.at(steps - lag + 1)
        product = (product.reshape(VERSIONS, chains * d, d) @ unit).reshape(product.shape)
        product *= gain[:, None, None] * kept[-lag][:, :, None, :]  # S = W diag(sigma'): columns are scaled
        largest = np.abs(product).max(axis=(2, 3))
        product /= np.where(largest == 0, 1, largest)[:, :, None, None]
        with np.errstate(divide="ignore"):
            log_scale += np.log(largest)
            if lag in lags:
                known = ~np.isnan(largest)
                spectral[:, :, lags.index(lag)] = np.nan
                spectral[known, lags.index(lag)] = log_scale[known] + np.log(
                    np.linalg.svd(product[known], compute_uv=False)[..., 0])
                frobenius[:, :, lags.index(lag)] = log_scale + np.log(np.linalg.norm(product, axis=(2, 3)))
    return spectral, frobenius


def log_bounds(weights, gain, gamma, steps, lags):
    """The sum over the lag's steps of ln(gamma ||W_t||_2), [chains, lags]; and the two conditions' ln(gamma ||W||) and
    ln(gamma rho(W)), [chains], NaN for untied."""
    nothing = np.full(len(gain), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        if weights.is_untied:
            norms = [np.linalg.norm(weights.at(steps - i)[0], 2) for i in range(lags[-1])]
            sums = np.cumsum(np.log(norms))[np.array(lags) - 1]
            return sums + np.outer(np.log(gamma * gain), lags), nothing, nothing
        step = np.log(gamma * gain * weights.norm[0] / weights.divisor[0])
        return (np.outer(step, lags), step, np.log(gamma * gain * weights.radius[0] / weights.divisor[0]))


def verdicts(log_norm, log_bound, tolerance, lag, size):
    """The verdicts that are right: 1 holds, 2 within rounding, 3 violated. Rounding allows l (error of ln ||W|| + c d
    u) beyond the tolerance, with a constant of order 1 to 100: in that band two verdicts are."""
    if log_norm == log_bound:  # -inf too
        return {2}
    slack, widest = log_bound - log_norm, tolerance + lag * 100 * (size + 1) * ROUNDOFF
    right = {1} if slack > 0 else {3}
    if abs(slack) > widest:
        return right
    return {2} if abs(slack) < tolerance else right | {2}


def growth_rate(lags, norms):
    """Least squares over the last half of the lags, at least two."""
    if len(lags) == 1:
        return norms[0] / lags[0]
    used = max(2, -(-len(lags) // 2))
    if np.isneginf(norms[-used:]).any():
        return -np.inf
    design = np.column_stack([lags[-used:], np.ones(used)])
    return np.linalg.lstsq(design, norms[-used:], rcond=None)[0][0]
