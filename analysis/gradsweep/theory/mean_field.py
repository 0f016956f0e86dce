"""Mean-field theory of large random networks: the variance of states, chi, the largest exponent and the edge of chaos.

Networks x_t = kappa W phi(x_(t-1)) + w_in i_t + b, entries of W independent with mean 0 and variance 1/d, sup |phi'| = 1
(activations.py). For other W of the same row norms (orthogonal W) the variance and chi are the same. `drive_variance` is
s_in^2 = |w_in i_t|^2/d, `bias_variance` s_b^2 = |b|^2/d. A finite W that was rescaled to kappa has
g = sigma sqrt(d) = kappa / weight_spectral_radius for ginibre W: use that instead of kappa.

Not valid for elliptic, symmetric and nonnormal W, nor for sparse W with few entries a row.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.optimize import brentq

from .activations import Activation, find_activation
from .gaussian import Average, gaussian_average, nodes

LOG_SCALES = np.linspace(-46.0, 46.0, 369)  # ln q at which a fixed point is looked for: 1e-20 to 1e20, a quarter apart
ROUNDING = 1e-13  # growth of ln q by less is that of the averages' error
MOST_COUPLING, COUPLING_STEP = 64.0, 1.05


def mean_square(activation: str, variance: float | np.ndarray) -> Average:
    """E phi^2(sqrt(q) z), with its error. `variance` q of any shape."""
    chosen = find_activation(activation)
    return gaussian_average(activation, lambda x: chosen.value(x) ** 2, variance)


def mean_square_slope(activation: str, variance: float | np.ndarray) -> Average:
    """E phi'^2(sqrt(q) z), with its error. `variance` q of any shape; relu: 1/2 exactly."""
    chosen = find_activation(activation)
    return gaussian_average(activation, lambda x: np.exp(2.0 * chosen.log_slope(x)), variance)


def state_variance(
    activation: str, coupling: float, drive_variance: float = 0.0, bias_variance: float = 0.0, start: float = 1.0
) -> float:
    """q: the fixed point of q = kappa^2 E phi^2(sqrt(q) z) + s_b^2 + s_in^2 (Sompolinsky, Crisanti, Sommers 1988; with
    bias Poole et al. 2016) that the iteration reaches from `start`, the variance of the components of x_0.

    0: states vanish; inf: they grow without bound. More than one can be stable (gelu, silu, elu above the coupling at
    which large states grow): then the phase depends on x_0. Relative error 1e-10 (that of the averages), except within
    1e-8 of an edge, where q itself is steep.
    """
    chosen = find_activation(activation)
    added = drive_variance + bias_variance
    if coupling < 0.0 or drive_variance < 0.0 or bias_variance < 0.0 or not start >= 0.0:
        raise ValueError("coupling, variances and start must not be negative")
    if chosen.is_homogeneous:
        return _homogeneous_variance(chosen, coupling, added, start)
    if start == 0.0 and added == 0.0 and chosen.value(np.zeros(1))[0] == 0.0:
        return 0.0
    growth = _scan(activation, coupling, added)
    position = int(np.searchsorted(LOG_SCALES, np.log(start) if start > 0.0 else -np.inf))
    position = min(position, len(LOG_SCALES) - 1)
    # The map is increasing, so that the iteration moves one way until it meets the first fixed point.
    if growth[position] > 0.0:
        beyond = np.flatnonzero(growth[position:] <= 0.0)
        if beyond.size == 0:
            return np.inf
        bracket = LOG_SCALES[position + beyond[0] - 1], LOG_SCALES[position + beyond[0]]
    else:
        below = np.flatnonzero(growth[:position] > ROUNDING)
        if below.size == 0:
            return 0.0
        bracket = LOG_SCALES[below[-1]], LOG_SCALES[below[-1] + 1]
    return float(np.exp(brentq(lambda log_q: _log_growth(activation, coupling, added, log_q), *bracket, xtol=1e-13)))


def chi(activation: str, coupling: float, variance: float) -> float:
    """chi = kappa^2 E phi'^2(sqrt(q) z): the mean square gain of one step; E ||J_l||_F^2/d = chi^l. Below 1 the state of
    variance q is stable, above 1 it is chaotic (Schoenholz et al. 2017)."""
    return coupling**2 * float(mean_square_slope(activation, variance).value)


def largest_exponent(
    activation: str, coupling: float, drive_variance: float = 0.0, bias_variance: float = 0.0, start: float = 1.0
) -> float:
    """Largest Lyapunov exponent, 0.5 ln chi, per step; with drive the conditional one (Molgedey, Schuchhardt, Schuster
    1992). Where states vanish this is ln kappa + ln phi'(0). The exponent of a finite W lies below it by c/d, with c
    about 1, 2 and 3 at kappa = 1.5, 2 and 3 (tanh, measured)."""
    q = state_variance(activation, coupling, drive_variance, bias_variance, start)
    with np.errstate(divide="ignore"):
        return 0.5 * float(np.log(chi(activation, coupling, q)))


def critical_coupling(
    activation: str, drive_variance: float = 0.0, bias_variance: float = 0.0, start: float = 1.0
) -> float:
    """kappa_c: the smallest coupling at which chi = 1, the edge of chaos, to 1e-6; NaN where there is none up to 64.

    Without drive and bias this is 1/phi'(0) where phi(0) = 0: 1 for tanh. relu: sqrt 2 always. With
    drive, tanh: Molgedey, Schuchhardt, Schuster 1992. For gelu, silu and elu `start` decides: small states are stable up
    to 1/phi'(0), large ones up to sqrt 2 sup phi'.
    """

    def exponent(coupling: float) -> float:
        return largest_exponent(activation, coupling, drive_variance, bias_variance, start)

    # A scan of ratio 1.05 meets the first edge; there the exponent may jump, which bisection does not mind.
    low = 0.1
    while low < MOST_COUPLING:
        high = low * COUPLING_STEP
        if exponent(high) > 0.0:
            break
        low = high
    else:
        return float("nan")
    while high - low > 1e-8:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if exponent(middle) > 0.0 else (middle, high)
    return 0.5 * (low + high)


def exponent_with_few_inputs(
    activation: str,
    coupling: float,
    input_scale: float,
    channels: int,
    bias_variance: float = 0.0,
    steps: int = 200,
    networks: int = 4000,
    seed: int = 0,
) -> tuple[float, float]:
    """Largest conditional exponent with m gaussian input channels of scale s, and its standard error.

    w_in has entries N(0, 1/m), so the drive's variance is s^2 |i|^2/m: random from step to step, a chi-square of m degrees
    of freedom. q_t = kappa^2 E phi^2(sqrt(q_(t-1)) z) + s_b^2 + s^2 chi^2_m/m is iterated, and 0.5 ln chi(q_t)
    averaged, over `networks` independent sequences after as many steps as are averaged. For many channels it tends to
    largest_exponent(..., drive_variance=s^2).
    """
    random = np.random.default_rng(seed)
    scales, square, slope = _averages(activation)
    variance = np.full(networks, 1.0)
    total = np.zeros(networks)
    for step in range(2 * steps):
        drive = input_scale**2 * random.chisquare(channels, networks) / channels
        log_variance = np.log(np.maximum(variance, 1e-20))
        if step >= steps:
            total += 0.5 * np.interp(log_variance, scales, np.log(slope))
        variance = coupling**2 * np.exp(np.interp(log_variance, scales, np.log(square))) + bias_variance + drive
    found = np.log(coupling) + total / steps
    return float(found.mean()), float(found.std(ddof=1) / np.sqrt(networks))


def onset_exponent(coupling: float) -> float:
    """tanh just above the onset of chaos: lambda_1 -> (2/3)(kappa - 1)^2 as kappa -> 1 from above, per step."""
    return 2.0 / 3.0 * (coupling - 1.0) ** 2


def critical_slowing(lag: float | np.ndarray, steps: int) -> np.ndarray:
    """ln ||J_l||_2 of tanh with symmetric W at kappa = 1, without drive: 1.5 ln(1 - l/T), after T >> 1 steps.

    The state lies along the leading eigenvector and decays like t^(-1/2), so that sigma' = 1 - 3/(2 t).
    """
    return 1.5 * np.log1p(-np.asarray(lag, float) / steps)


def _homogeneous_variance(activation: Activation, coupling: float, added: float, start: float) -> float:
    """q = kappa^2 p q + s^2 with p = E phi^2/q, a number: identity 1, relu 1/2, leaky_relu (1 + 0.0001)/2."""
    share = 0.5 * float(np.sum(activation.value(np.array([-1.0, 1.0])) ** 2))
    gain = coupling**2 * share
    if abs(gain - 1.0) < 1e-12:
        return start if added == 0.0 else np.inf
    if gain > 1.0:
        return np.inf if start > 0.0 or added > 0.0 else 0.0
    return added / (1.0 - gain)


@functools.lru_cache(maxsize=None)
def _averages(activation: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln q, E phi^2 and E phi'^2 on the grid of ln q, each [n]."""
    variances = np.exp(LOG_SCALES)
    return LOG_SCALES, mean_square(activation, variances).value, mean_square_slope(activation, variances).value


def _scan(activation: str, coupling: float, added: float) -> np.ndarray:
    """ln of the factor by which one step of the map changes q, on the grid of ln q, [n]."""
    _, square, _ = _averages(activation)
    with np.errstate(divide="ignore"):
        return np.log(coupling**2 * square + added) - LOG_SCALES


def _log_growth(activation: str, coupling: float, added: float, log_q: float) -> float:
    """The same at one ln q, to rounding."""
    chosen = find_activation(activation)
    x, weights = nodes(chosen, np.exp(log_q))
    square = float(weights @ chosen.value(x) ** 2)
    return float(np.log(coupling**2 * square + added) - log_q)
