"""Random matrix theory of Jacobian products: independent Gaussian factors, powers of one matrix, and isometry.

d x d matrices with independent entries N(0, gain^2/d), whose spectral radius is near `gain` at large d. l is the lag.
"""

from __future__ import annotations

from math import comb

import numpy as np
from scipy.special import digamma, polygamma

from .activations import find_activation
from .gaussian import gaussian_average

BISECTIONS = 60


def newman_exponents(d: int, gain: float = 1.0) -> np.ndarray:
    """Lyapunov exponents of products of independent Gaussian matrices, exact at every d (Newman 1986), per step, [d]:

    lambda_i = 0.5 [ln 2 + psi((d - i + 1)/2)] + ln(gain/sqrt d), i = 1..d, descending. `untied` with the identity."""
    order = np.arange(d, 0, -1)
    return 0.5 * (np.log(2.0) + digamma(0.5 * order)) + np.log(gain) - 0.5 * np.log(d)


def newman_variance(d: int, lag: int) -> np.ndarray:
    """Variance of each exponent estimated over l steps, psi'((d - i + 1)/2)/(4 l), [d]; exact for the QR exponents."""
    return polygamma(1, 0.5 * np.arange(d, 0, -1)) / (4.0 * lag)


def log_vector_growth(d: int, lag: int, gain: float = 1.0) -> tuple[float, float]:
    """Mean and variance of ln ||J_l v|| for a fixed unit vector v and independent Gaussian factors, exact:
    l (0.5 [ln 2 + psi(d/2)] + ln(gain/sqrt d)) and l psi'(d/2)/4."""
    return lag * float(newman_exponents(d, gain)[0]), 0.25 * lag * float(polygamma(1, 0.5 * d))


def log_frobenius_moment(d: int, lag: int, gain: float = 1.0, active: float = 1.0) -> float:
    """ln E ||J_l||_F^2 of independent factors: ln d + l ln(gain^2 p), exact at every d. p = 1: identity; p = 1/2: relu
    with `untied` W, whose units are active with probability 1/2 at each step."""
    return float(np.log(d) + lag * np.log(gain**2 * active))


def power_frobenius_moment(d: int, power: int, gain: float = 1.0) -> float:
    """E ||W^l||_F^2 of powers of ONE Gaussian matrix, exact, l = 1, 2, 3: d^2, d^3 + 2 d, d^4 + 10 d^2 + 4 d, each times
    (gain^2/d)^l. Larger than for independent factors by terms of relative order 1/d^2."""
    polynomials = {1: d**2, 2: d**3 + 2 * d, 3: d**4 + 10 * d**2 + 4 * d}
    if power not in polynomials:
        raise ValueError(f"power {power}: known are 1, 2, 3")
    return float(polynomials[power] * (gain**2 / d) ** power)


def fuss_catalan_moment(lag: int, order: int) -> float:
    """n-th moment of the squared singular values of J_l (powers or products, gain 1) as d -> infinity:
    binomial((l + 1) n, n)/(l n + 1). The second and third are 3, 12 (l = 2), 4, 22 (l = 3) and 5, 35 (l = 4)."""
    return comb((lag + 1) * order, order) / (lag * order + 1)


def fuss_catalan_edge(lag: int | np.ndarray) -> np.ndarray:
    """Largest squared singular value as d -> infinity, (l + 1)^(l + 1)/l^l (gain 1): 4, 6.75, 9.48, ..."""
    lag = np.asarray(lag, float)
    return np.exp((lag + 1.0) * np.log(lag + 1.0) - lag * np.log(lag))


def log_power_norm(lag: int | np.ndarray, gain: float = 1.0) -> np.ndarray:
    """ln ||W^l||_2 as d -> infinity: half the logarithm of the edge, plus l ln gain. Shape of `lag`."""
    return 0.5 * np.log(fuss_catalan_edge(lag)) + np.asarray(lag, float) * np.log(gain)


def power_bound_slack(lag: int | np.ndarray) -> np.ndarray:
    """Slack of ||W^l||_2 <= ||W||_2^l as d -> infinity: l ln 2 - 0.5 [(l + 1) ln(l + 1) - l ln l]. Shape of `lag`."""
    return np.asarray(lag, float) * np.log(2.0) - log_power_norm(lag)


def fuss_catalan_density(lag: int, x: np.ndarray) -> np.ndarray:
    """Density of the squared singular values x [n] of J_l (powers or products, gain 1) as d -> infinity, [n]; 0 outside
    (0, edge). l = 1 is the law of Marchenko and Pastur.

    Parametric with 0 < t < pi/(l + 1) (Biane 1998; Haagerup and Moller 2013):
    x = sin((l + 1) t)^(l + 1)/(sin t sin(l t)^l), density = sin(t)^2 sin(l t)^(l - 1)/(pi sin((l + 1) t)^l).
    """
    x = np.asarray(x, float)
    inside = (x > 0.0) & (x < fuss_catalan_edge(lag))
    target = np.log(np.where(inside, x, 1.0))
    low, high = np.zeros(x.shape), np.full(x.shape, np.pi / (lag + 1))
    for _ in range(BISECTIONS):  # x falls as t grows
        middle = 0.5 * (low + high)
        with np.errstate(divide="ignore"):
            above = _fuss_catalan_log_position(lag, middle) > target
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    t = 0.5 * (low + high)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.sin(t) ** 2 * np.sin(lag * t) ** (lag - 1) / (np.pi * np.sin((lag + 1) * t) ** lag)
    return np.where(inside, density, 0.0)


def isometry(activation: str, variance: float, lag: int, ensemble: str = "ginibre") -> float:
    """Spread of the squared singular values of J_l about their mean, m_2/m_1^2 - 1 with m_k the moments of J J^T, as
    d -> infinity (Pennington, Schoenholz, Ganguli 2017): l (E phi'^4/(E phi'^2)^2 - 1) for orthogonal W, and l more for
    ginibre W. 0 is dynamical isometry. `variance` q of the states (mean_field.state_variance)."""
    if ensemble not in ("ginibre", "orthogonal"):
        raise ValueError(f"no isometry of ensemble {ensemble!r}; known: ginibre, orthogonal")
    chosen = find_activation(activation)
    second, fourth = (
        float(gaussian_average(activation, lambda x: np.exp(power * chosen.log_slope(x)), variance).value)
        for power in (2, 4)
    )
    return lag * (fourth / second**2 - 1.0 + (ensemble == "ginibre"))


def _fuss_catalan_log_position(lag: int, t: np.ndarray) -> np.ndarray:
    return (lag + 1) * np.log(np.sin((lag + 1) * t)) - np.log(np.sin(t)) - lag * np.log(np.sin(lag * t))
