"""The twelve activations of a sweep, scaled as a sweep scales them: sup |phi'| = 1.

A network is x_t = kappa W phi(x_(t-1)) + w_in i_t + b with kappa = rho(W) gamma and W of spectral radius 1; sigma of the
sweep file is gamma phi. All functions take and give arrays of any one shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf, expit, log_expit, ndtr

LEAK = 0.01  # slope of leaky_relu below 0
LOG_2 = float(np.log(2.0))

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Activation:
    """phi / sup |phi'|, and the logarithm of its derivative's absolute value (-inf where that is 0)."""

    name: str
    unscaled: Function
    unscaled_log_slope: Function
    largest_slope: float = 1.0  # sup |phi'| before scaling
    is_homogeneous: bool = False  # phi(c x) = c phi(x) for c > 0: no scale of states is preferred
    flat_points: tuple[float, ...] = ()  # where phi' changes its sign
    period: float = np.inf  # of phi^2 and of phi'^2

    def value(self, x: np.ndarray) -> np.ndarray:
        """phi(x) / sup |phi'|."""
        return self.unscaled(np.asarray(x, float)) / self.largest_slope

    def log_slope(self, x: np.ndarray) -> np.ndarray:
        """ln |phi'(x)| - ln sup |phi'|, at most 0, without cancellation far from 0; at kinks as in a sweep: -inf
        (leaky_relu: ln 0.01)."""
        with np.errstate(divide="ignore"):
            return self.unscaled_log_slope(np.asarray(x, float)) - np.log(self.largest_slope)

    def slope(self, x: np.ndarray) -> np.ndarray:
        """|phi'(x)| / sup |phi'|."""
        return np.exp(self.log_slope(x))


def _log_sech_squared(x: np.ndarray) -> np.ndarray:
    """ln (1 - tanh^2 x)."""
    return -2.0 * (np.abs(x) + np.log1p(np.exp(-2.0 * np.abs(x))) - LOG_2)


def _gelu_slope(x: np.ndarray) -> np.ndarray:
    return ndtr(x) + x * np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi)


def _silu_slope(x: np.ndarray) -> np.ndarray:
    return expit(x) * (1.0 + x * expit(-x))


def _log_step(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """ln of 1 within (low, high), 0 elsewhere."""
    return np.where((x > low) & (x < high), 0.0, -np.inf)


# phi'' vanishes where x tanh(x/2) = 2.
_SILU_STEEPEST = brentq(lambda x: x * np.tanh(0.5 * x) - 2.0, 2.0, 3.0, xtol=1e-15)
_GELU_FLAT = brentq(_gelu_slope, -1.0, -0.5, xtol=1e-15)
_SILU_FLAT = brentq(_silu_slope, -2.0, -1.0, xtol=1e-15)
_SIN_FLAT = tuple(float(value) for value in (np.arange(-20, 20) + 0.5) * np.pi)

_TABLE = (
    Activation("identity", lambda x: x, np.zeros_like, is_homogeneous=True),
    Activation("tanh", np.tanh, _log_sech_squared),
    Activation("sigmoid", expit, lambda x: log_expit(x) + log_expit(-x), 0.25),
    Activation("relu", lambda x: np.maximum(x, 0.0), lambda x: _log_step(x, 0.0, np.inf), is_homogeneous=True),
    Activation(
        "leaky_relu",
        lambda x: np.where(x > 0.0, x, LEAK * x),
        lambda x: np.where(x > 0.0, 0.0, np.log(LEAK)),
        is_homogeneous=True,
    ),
    Activation("softsign", lambda x: x / (1.0 + np.abs(x)), lambda x: -2.0 * np.log1p(np.abs(x))),
    Activation("erf", erf, lambda x: -x * x + np.log(2.0 / np.sqrt(np.pi)), 2.0 / np.sqrt(np.pi)),
    Activation("hard_tanh", lambda x: np.clip(x, -1.0, 1.0), lambda x: _log_step(x, -1.0, 1.0)),
    Activation("sin", np.sin, lambda x: np.log(np.abs(np.cos(x))), flat_points=_SIN_FLAT, period=np.pi),
    Activation(
        "gelu",
        lambda x: x * ndtr(x),
        lambda x: np.log(np.abs(_gelu_slope(x))),
        float(_gelu_slope(np.sqrt(2.0))),  # phi'' = p(x) (2 - x^2) with the normal density p
        flat_points=(_GELU_FLAT,),
    ),
    Activation(
        "silu",
        lambda x: x * expit(x),
        lambda x: np.log(np.abs(_silu_slope(x))),
        float(_silu_slope(_SILU_STEEPEST)),
        flat_points=(_SILU_FLAT,),
    ),
    Activation("elu", lambda x: np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0))), lambda x: np.minimum(x, 0.0)),
)
ACTIVATIONS = {activation.name: activation for activation in _TABLE}


def find_activation(name: str) -> Activation:
    """The activation of this name; ValueError, with all names, for another."""
    if name not in ACTIVATIONS:
        raise ValueError(f"unknown activation {name!r}; known: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
