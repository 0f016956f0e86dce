"""Averages over a Gaussian of functions of an activation, E f(sqrt(q) z) with z ~ N(0, 1), each with its error.

Gauss-Legendre rules on panels that shrink towards 0 and the activation's kinks (0 and +-1) and, where asked for, towards
its flat points, so that both a step of width 1/sqrt(q) and a spike of width 1e-9 are resolved, for q from 1e-30 to 1e30.
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


class Average(NamedTuple):
    """A Gaussian average and a bound of its error: the difference of two rules, and rounding."""

    value: np.ndarray
    error: np.ndarray


def gaussian_average(
    activation: str, function: Function, variance: float | np.ndarray, with_spikes: bool = False
) -> Average:
    """E f(sqrt(q) z), z ~ N(0, 1), for the variances q, of any shape; `function` takes x [n] and gives [n].

    `activation` says where f may have kinks: those of phi and phi'; `with_spikes`: also where phi' vanishes. q = 0 and
    infinity are limits (of periodic ones: the mean over a period).
    """
    chosen = find_activation(activation)
    variance = np.asarray(variance, float)
    rules = np.empty((2, variance.size))
    for position, q in enumerate(variance.ravel()):
        for row, order in enumerate((ORDER, LOWER_ORDER)):
            x, weights = nodes(chosen, q, order, with_spikes)
            rules[row, position] = weights @ function(x)
    fine, coarse = rules.reshape(2, *variance.shape)
    return Average(fine, np.abs(fine - coarse) + 1e-15 * np.abs(fine))


def nodes(
    activation: Activation, variance: float, order: int = ORDER, with_spikes: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Points x [n] and weights [n] with E f(sqrt(q) z) = weights . f(x)."""
    variance = min(max(variance, SMALLEST), LARGEST if np.isinf(activation.period) else PERIODIC_LARGEST)
    reach = WIDTHS * np.sqrt(variance)
    # Both the activation, of scale 1, and the Gaussian are smooth within the innermost panel.
    innermost = np.floor(np.log2(min(1.0, np.sqrt(variance)))) - 3.0
    outer = np.concatenate([2.0 ** np.arange(innermost, 3.0), _outer_edges()])
    outer = np.append(outer[outer < reach], reach)
    edges = np.concatenate([-outer[::-1], [0.0], outer])
    if with_spikes and activation.flat_points:
        spikes = _spikes(activation.name)
        edges = np.unique(np.concatenate([edges, spikes[np.abs(spikes) < reach]]))
    x, weights = _rule(order)
    half, middle = 0.5 * np.diff(edges)[:, np.newaxis], 0.5 * (edges[1:] + edges[:-1])[:, np.newaxis]
    x, weights = (middle + half * x).ravel(), (half * weights).ravel()
    with np.errstate(under="ignore"):
        return x, weights * np.exp(-0.5 * x * x / variance) / np.sqrt(2.0 * np.pi * variance)


@functools.lru_cache(maxsize=None)
def _rule(order: int) -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(order)


@functools.lru_cache(maxsize=None)
def _outer_edges() -> np.ndarray:
    """Beyond 4: unit panels, since steps of the spectrum's integrands are that wide, then geometric ones."""
    return np.concatenate([np.arange(5.0, 257.0), 2.0 ** np.arange(9.0, 61.0)])


@functools.lru_cache(maxsize=None)
def _spikes(name: str) -> np.ndarray:
    """Edges about the points where phi' vanishes."""
    points = np.array(find_activation(name).flat_points)[:, np.newaxis]
    distances = 4.0 ** np.arange(-15.0, 0.0)
    return (points + np.concatenate([-distances, [0.0], distances])).ravel()
