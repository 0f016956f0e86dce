"""Averages over a Gaussian of functions of an activation, E f(sqrt(q) z) with z ~ N(0, 1), each with its error.

Gauss-Legendre rules on panels that shrink towards 0, towards the activation's flat points and its kinks (0 and +-1), so
that both a step of width 1/sqrt(q) and a spike of width 1e-9 are resolved, for q from 1e-30 to 1e30.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from .activations import Activation, Function, find_activation

SMALLEST, LARGEST = 2.0**-100, 2.0**100  # variances beyond these count as the limits 0 and infinity
PERIODIC_LARGEST = 25.0  # from here on a function of period pi sees a uniform phase, but for exp(-2 q) = e^-50
ORDER, LOWER_ORDER = 16, 10  # nodes a panel; the difference of both rules is the error
WIDTHS = 14.0  # standard deviations beyond which a Gaussian counts for nothing: exp(-98)
CHUNK = 2_000_000  # densities held at a time


class Average(NamedTuple):
    """A Gaussian average and a bound of its error: the difference of two rules, and rounding."""

    value: np.ndarray
    error: np.ndarray


def gaussian_average(activation: str, function: Function, variance: float | np.ndarray) -> Average:
    """E f(sqrt(q) z), z ~ N(0, 1), for the variances q, of any shape; `function` takes x [n] and gives [n].

    `activation` says where f may have kinks and spikes: those of phi and phi'. q = 0 and infinity are limits (of periodic
    ones: the mean over a period).
    """
    chosen = find_activation(activation)
    variance = np.asarray(variance, float)
    largest = LARGEST if np.isinf(chosen.period) else PERIODIC_LARGEST
    flat = np.clip(variance, SMALLEST, largest).ravel()
    fine, coarse = (_integrate(chosen, function, flat, order) for order in (ORDER, LOWER_ORDER))
    error = np.abs(fine - coarse) + 1e-15 * np.abs(fine)
    return Average(fine.reshape(variance.shape), error.reshape(variance.shape))


def nodes(activation: Activation, variance: float, order: int = ORDER) -> tuple[np.ndarray, np.ndarray]:
    """Points x [n] and weights [n] with E f(sqrt(q) z) = weights . f(x)."""
    largest = LARGEST if np.isinf(activation.period) else PERIODIC_LARGEST
    variance = min(max(variance, SMALLEST), largest)
    x, weights = _panels(activation.name, order)
    near = np.abs(x) < WIDTHS * np.sqrt(variance)
    return x[near], weights[near] * _density(x[near], variance)


def _density(x: np.ndarray, variance: np.ndarray | float) -> np.ndarray:
    with np.errstate(under="ignore"):
        return np.exp(-0.5 * x * x / variance) / np.sqrt(2.0 * np.pi * variance)


def _integrate(activation: Activation, function: Function, variances: np.ndarray, order: int) -> np.ndarray:
    x, weights = _panels(activation.name, order)
    near = np.abs(x) < WIDTHS * np.sqrt(variances.max(initial=SMALLEST))
    x, values = x[near], weights[near] * function(x[near])
    rows = max(1, CHUNK // len(x))
    pieces = [variances[start : start + rows, np.newaxis] for start in range(0, len(variances), rows)]
    return np.concatenate([_density(x, piece) @ values for piece in pieces]) if pieces else np.empty(0)


@functools.lru_cache(maxsize=None)
def _panels(name: str, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of the integral over x, all panels of an activation."""
    geometric = 2.0 ** np.arange(-60.0, 3.0)
    outer = np.concatenate([geometric, np.arange(5.0, 257.0), 2.0 ** np.arange(9.0, 61.0)])
    flat = find_activation(name).flat_points
    spikes = [point + sign * 4.0 ** np.arange(-15.0, 0.0) for point in flat for sign in (-1, 1)]
    edges = np.unique(np.concatenate([-outer, [0.0], outer, flat, *spikes]))
    x, weights = np.polynomial.legendre.leggauss(order)
    half, middle = 0.5 * np.diff(edges)[:, np.newaxis], 0.5 * (edges[1:] + edges[:-1])[:, np.newaxis]
    return (middle + half * x).ravel(), (half * weights).ravel()
