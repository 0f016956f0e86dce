"""Mean-field Lyapunov spectra of large random networks, of frozen and of fresh W alike.

The spectrum as a curve with the parameter w > 0, no inversion needed (free multiplication of W with independent entries
and D = diag phi'; E over x ~ N(0, q)):

    exp(2 lambda(w)) = kappa^2 E[phi'^2/(1 + w phi'^2)],   u(w) = E[w phi'^2/(1 + w phi'^2)],   u = index/d,

for orthogonal W exp(2 lambda) divided by 1 - u. From w = 0, lambda = 0.5 ln chi, to w = infinity, u = P(phi' != 0), beyond
which exponents are -inf. Their sum up to u is in closed form, and with it entropy rate and attractor dimension, which
compare with the spectra of Engelken, Wolf and Abbott (2020). Exponents per step; shapes as stated.

Valid as mean_field.py is: d large, W with independent entries or orthogonal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit

from .activations import find_activation
from .gaussian import nodes
from .mean_field import state_variance

ENSEMBLES = ("ginibre", "orthogonal")
LOWEST_LOG_WEIGHT = -60.0  # ln w: u = exp(-60)
SCAN_POINTS, NEWTON_STEPS = 128, 60


class ParametricSpectrum(NamedTuple):
    """Points of the spectrum, each [n]."""

    index: np.ndarray  # u = index/d
    exponent: np.ndarray  # lambda(u), per step
    partial_sum: np.ndarray  # integral of lambda over 0..u
    density: np.ndarray  # du/d ln w


class SpectrumSummary(NamedTuple):
    """What a spectrum comes to, each per unit (divided by d)."""

    largest_exponent: float  # per step
    positive_fraction: float  # share of exponents above 0
    entropy_rate: float  # sum of the positive exponents (Pesin), per step
    kaplan_yorke_dimension: float  # index at which the sum of exponents is 0
    finite_fraction: float  # P(phi' != 0): the rest of the exponents is -inf


def parametric_spectrum(
    activation: str, coupling: float, variance: float, log_weight: np.ndarray, ensemble: str = "ginibre"
) -> ParametricSpectrum:
    """The spectrum at ln w [n]; `variance` q is mean_field.state_variance(...), inf where states grow. Relative error of
    the averages 1e-10; where phi' vanishes at a point (gelu, silu, sin) 1e-8 down to exponents of -20."""
    _require_ensemble(ensemble)
    activation, coupling, variance = _with_finite_variance(activation, coupling, variance)
    chosen = find_activation(activation)
    x, weights = nodes(chosen, variance, with_spikes=True)
    doubled = 2.0 * chosen.log_slope(x)
    log_weight = np.atleast_1d(np.asarray(log_weight, float))
    index, rest, density, log_mean, log_sum = (np.empty(len(log_weight)) for _ in range(5))
    for position, value in enumerate(log_weight):
        exceeds = value + doubled  # ln(w phi'^2)
        share, log_excess = expit(exceeds), np.logaddexp(0.0, exceeds)
        index[position] = weights @ share
        rest[position] = weights @ expit(-exceeds)  # 1 - u, without the cancellation
        density[position] = weights @ (share * expit(-exceeds))
        log_mean[position] = _log_average(weights, doubled - log_excess)
        log_sum[position] = weights @ log_excess  # E ln(1 + w phi'^2)
    exponent = np.log(coupling) + 0.5 * log_mean
    partial_sum = index * exponent - 0.5 * index + 0.5 * log_sum
    if ensemble == "orthogonal":
        exponent = exponent - 0.5 * np.log(rest)
        partial_sum = partial_sum + 0.5 * (rest * np.log(rest) + index)
    return ParametricSpectrum(index, exponent, partial_sum, density)


def lyapunov_exponents(
    activation: str, coupling: float, variance: float, index: np.ndarray, ensemble: str = "ginibre"
) -> np.ndarray:
    """lambda at u = index/d [n] in 0..1, [n]; -inf from P(phi' != 0) on. Compare exponent i = 1..d at u = (i - 0.5)/d."""
    index = np.asarray(index, float)
    scan = np.linspace(LOWEST_LOG_WEIGHT, _highest_log_weight(activation, coupling, variance), SCAN_POINTS)
    known = parametric_spectrum(activation, coupling, variance, scan, ensemble).index
    place = np.clip(np.searchsorted(known, index), 1, SCAN_POINTS - 1)
    low, high = scan[place - 1], scan[place]
    log_weight = 0.5 * (low + high)
    for _ in range(NEWTON_STEPS):  # within a bracket that shrinks
        found = parametric_spectrum(activation, coupling, variance, log_weight, ensemble)
        off = found.index - index
        low, high = np.where(off < 0.0, log_weight, low), np.where(off < 0.0, high, log_weight)
        if np.all((np.abs(off) < 1e-13) | (high - low < 1e-9)):
            break
        with np.errstate(divide="ignore", invalid="ignore"):
            step = log_weight - off / found.density
        log_weight = np.where((step > low) & (step < high), step, 0.5 * (low + high))
    return np.where(index < finite_fraction(activation, variance), found.exponent, -np.inf)


def finite_fraction(activation: str, variance: float) -> float:
    """P(phi'(sqrt(q) z) != 0): 1/2 for relu, P(|x| < 1) for hard_tanh, 1 where phi' vanishes nowhere but at points."""
    activation, _, variance = _with_finite_variance(activation, 1.0, variance)
    chosen = find_activation(activation)
    x, weights = nodes(chosen, variance, with_spikes=True)
    share = float(weights @ np.isfinite(chosen.log_slope(x)))
    return 1.0 if share > 1.0 - 1e-12 else share


def summarize_spectrum(
    activation: str,
    coupling: float,
    drive_variance: float = 0.0,
    bias_variance: float = 0.0,
    ensemble: str = "ginibre",
    start: float = 1.0,
) -> SpectrumSummary:
    """Fraction above 0, entropy rate and Kaplan-Yorke dimension per unit, by the parametric form. With drive they are
    those of conditional exponents."""
    variance = state_variance(activation, coupling, drive_variance, bias_variance, start)

    def at(log_weight: float) -> ParametricSpectrum:
        return parametric_spectrum(activation, coupling, variance, np.array([log_weight]), ensemble)

    low, high = LOWEST_LOG_WEIGHT, _highest_log_weight(activation, coupling, variance)
    largest, finite = float(at(low).exponent[0]), finite_fraction(activation, variance)
    if largest <= 0.0:
        return SpectrumSummary(largest, 0.0, 0.0, 0.0, finite)
    zero = _root(lambda value: at(value).exponent[0], low, high)
    if zero is None:  # no exponent is below 0
        return SpectrumSummary(largest, finite, float(at(high).partial_sum[0]), 1.0, finite)
    dimension = _root(lambda value: at(value).partial_sum[0], zero, high)
    return SpectrumSummary(
        largest,
        float(at(zero).index[0]),
        max(float(at(zero).partial_sum[0]), 0.0),
        1.0 if dimension is None else float(at(dimension).index[0]),
        finite,
    )


def relu_exponents(
    coupling: float, index: np.ndarray, active: float = 0.5, ensemble: str = "ginibre"
) -> np.ndarray:
    """relu in closed form: exp(2 lambda) = kappa^2 (p - u), p = P(x > 0) the share of active units; orthogonal W:
    kappa^2 (p - u)/(1 - u). `index` u = index/d [n]; -inf for u >= p. p = 1 is the identity: the quarter-circle law."""
    _require_ensemble(ensemble)
    index = np.asarray(index, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        square = np.maximum(active - index, 0.0) / (1.0 - index if ensemble == "orthogonal" else 1.0)
        return np.log(coupling) + 0.5 * np.log(np.nan_to_num(square, nan=0.0))


def _with_finite_variance(activation: str, coupling: float, variance: float) -> tuple[str, float, float]:
    """States that grow without bound see phi as its slopes far out: those of relu, but where phi has no scale anyway."""
    chosen = find_activation(activation)
    if chosen.is_homogeneous:
        return activation, coupling, 1.0
    return ("relu", coupling / chosen.largest_slope, 1.0) if np.isinf(variance) else (activation, coupling, variance)


def _highest_log_weight(activation: str, coupling: float, variance: float) -> float:
    """ln w from which all that can be reached of the spectrum lies behind."""
    activation, _, variance = _with_finite_variance(activation, coupling, variance)
    chosen = find_activation(activation)
    slopes = chosen.log_slope(nodes(chosen, variance, with_spikes=True)[0])
    return 60.0 - 2.0 * float(slopes[np.isfinite(slopes)].min())


def _log_average(weights: np.ndarray, logarithms: np.ndarray) -> float:
    """ln of the weighted mean of exponentials; -inf where all are 0."""
    largest = logarithms.max(initial=-np.inf)
    if np.isneginf(largest):
        return -np.inf
    return float(largest + np.log(weights @ np.exp(logarithms - largest)))


def _root(function: Callable[[float], float], low: float, high: float) -> float | None:
    """Where a function that starts above 0 and falls meets 0; None where it does not. At the edge of chaos both roots are at the
    beginning, where rounding may have the function begin below 0 already."""
    if function(low) <= 0.0:
        return low
    return None if function(high) > 0.0 else float(brentq(function, low, high, xtol=1e-12))


def _require_ensemble(ensemble: str) -> None:
    if ensemble not in ENSEMBLES:
        raise ValueError(f"no mean-field spectrum of ensemble {ensemble!r}; known: {', '.join(ENSEMBLES)}")
