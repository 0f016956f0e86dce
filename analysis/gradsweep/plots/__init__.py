"""Figures: pure functions of a dataset and a selection that give a Figure of Matplotlib.

    plot_phase(ds, activation="tanh")

`selection` are values of axes, as in gradsweep.select. What is not selected is laid out as panels and lines, evenly thinned
where it is too much (`everything=True` draws all); `figure.description` has title, caption and what was left out.
NothingToDraw says in a sentence why there is no figure. Nothing of Matplotlib's state is touched: no backend, no settings.
"""

from .anchors import plot_anchors
from .chain import plot_chain
from .convergence import plot_convergence, plot_scores
from .critical import plot_critical
from .decay import plot_decay, plot_rate
from .exponents import plot_chaos, plot_exponents
from .gradient import plot_contributions, plot_triangle
from .growth import plot_conditions, plot_growth
from .half_life import plot_half_life
from .phase import plot_phase
from .plane import plot_cancellation, plot_conditions_map
from .random_matrices import plot_eigenvalues, plot_singular_law
from .spectra import plot_expansion, plot_spectrum
from .style import STYLE, style

__all__ = [
    "STYLE",
    "plot_anchors",
    "plot_cancellation",
    "plot_chain",
    "plot_chaos",
    "plot_conditions",
    "plot_conditions_map",
    "plot_contributions",
    "plot_convergence",
    "plot_critical",
    "plot_decay",
    "plot_eigenvalues",
    "plot_expansion",
    "plot_exponents",
    "plot_growth",
    "plot_half_life",
    "plot_phase",
    "plot_rate",
    "plot_scores",
    "plot_singular_law",
    "plot_spectrum",
    "plot_triangle",
    "style",
]
