"""What theory says about the numbers of a sweep: pure functions of numbers, which need NumPy and SciPy and no file.

mean_field: the variance of states, chi, the largest exponent, the edge of chaos; spectrum: all exponents; products:
random matrices; activations and gaussian: what they are made of. kappa is the coupling, rho(W) gamma, q the variance of
the components of x_t. Logarithms are natural, exponents per step.
"""

from .activations import ACTIVATIONS, Activation, find_activation
from .gaussian import Average, gaussian_average
from .mean_field import (
    chi,
    critical_coupling,
    critical_slowing,
    exponent_with_few_inputs,
    largest_exponent,
    mean_square,
    mean_square_slope,
    onset_exponent,
    state_variance,
)
from .products import (
    fuss_catalan_density,
    fuss_catalan_edge,
    fuss_catalan_moment,
    isometry,
    log_frobenius_moment,
    log_power_norm,
    log_vector_growth,
    newman_exponents,
    newman_variance,
    power_bound_slack,
    power_frobenius_moment,
)
from .spectrum import (
    ParametricSpectrum,
    SpectrumSummary,
    finite_fraction,
    lyapunov_exponents,
    parametric_spectrum,
    relu_exponents,
    summarize_spectrum,
)

__all__ = [name for name in globals() if not name.startswith("_")]
