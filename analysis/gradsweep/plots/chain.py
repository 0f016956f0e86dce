"""The chain of bounds of chosen cells: ||J_l|| <= prod ||S_i|| <= eta^l <= (gamma ||W||)^l, with the slack of each."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .cells import Cell, cell_title, chosen_grid, mean_of_done
from ..data.results import Results
from .style import INK, Picture, file_name, is_geometric, legend_above, spread
from .symbols import GAMMA_NORM, NORM

SLACKS = (
    ("#56B4E9", "slack of directions"),
    ("#E69F00", "slack of the largest step"),
    ("#CC79A7", "slack of saturation"),
)
LINES = (
    ({"color": INK, "linewidth": 1.8}, r"$\ln‖\,J_\ell‖_2\,/\,\ell$"),
    ({"color": "#0072B2"}, r"$\sum\ln‖S_i‖_2\,/\,\ell$"),
    ({"color": "#B36B00"}, r"$\ln\eta$"),
    ({"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.2}, r"$\ln(\gamma‖W‖_2)$"),
)


def chain_pictures(results: Results, show_all: bool) -> Iterator[Picture]:
    """One figure an activation: rows ensembles, columns chosen cells, at the largest hidden size."""
    if "log_step_bound" not in results.file or "log_step_norm_max" not in results.file or len(results.lags) < 2:
        return
    size = len(results.hidden_sizes) - 1
    for activation in spread(len(results.activations), None if show_all else 3):
        figure, panels = chosen_grid(results, None if show_all else 3, 2.3)
        drawn = False
        for axes, ensemble, choice in panels:
            cell = Cell(activation, ensemble, size, choice.radius, choice.gamma)
            drawn |= _draw_chain(axes, results, cell)
            axes.set_title(cell_title(results, ensemble, choice))
        if not drawn:
            plt.close(figure)
            continue
        figure.supxlabel(r"lag $\ell$", fontsize=9)
        figure.supylabel("growth per step", fontsize=9)
        lines = [Line2D([], [], **style, label=label) for style, label in LINES]
        slacks = [Patch(facecolor=shade, alpha=0.45, label=label) for shade, label in SLACKS]
        legend_above(figure, [*lines, *slacks])
        name = results.activations[activation]
        caption = (
            f"The chain {NORM} ≤ Π‖<i>S<sub>i</sub></i>‖<sub>2</sub> ≤ <i>η</i><sup>ℓ</sup> ≤ "
            f"({GAMMA_NORM})<sup>ℓ</sup>, "
            f"as logarithms per step (<i>d</i> = {results.hidden_sizes[size]}, mean of the replicas; <i>η</i> is the "
            "largest ‖<i>S<sub>i</sub></i>‖<sub>2</sub> of the ℓ steps). The bands are the slacks. Blue: the steps do "
            "not "
            "stretch the same direction. Orange: not every step stretches as much as the strongest. Purple: even that "
            "one "
            "stays below what the weights allow, because <i>σ</i>′ &lt; <i>γ</i> where units saturate."
        )
        yield Picture(f"chain-{file_name(name)}", f"The chain of bounds: {name}", caption, figure)


def _draw_chain(axes: Axes, results: Results, cell: Cell) -> bool:
    lags = results.lags
    norms, steps, largest, bound = (
        mean_of_done(results.curves(name, *cell))
        for name in ("log_jacobian_norm", "log_step_bound", "log_step_norm_max", "log_norm_bound")
    )
    curves = [norms / lags, steps / lags, largest, bound / lags]
    curves = [np.where(np.isfinite(values), values, np.nan) for values in curves]
    if np.isnan(curves[1]).all():
        text = "nothing finished" if np.isnan(norms).all() else r"a step is exactly 0"
        axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", color="#666666")
        return not np.isnan(norms).all()
    for lower, upper, (shade, _) in zip(curves, curves[1:], SLACKS):
        known = np.isfinite(lower) & np.isfinite(upper)
        axes.fill_between(lags, lower, upper, where=known, color=shade, alpha=0.45, linewidth=0)
    for values, (style, _) in zip(curves, LINES):
        axes.plot(lags, values, **style)
    if np.isneginf(norms).any():
        place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(lags[np.isneginf(norms)][:1], [0.03], color=INK, marker="v", **place)
    axes.axhline(0.0, color="#999999", linewidth=0.7, zorder=0)
    if is_geometric(lags) and not np.array_equal(lags, np.arange(1, len(lags) + 1)):
        axes.set_xscale("log", base=2)
        axes.set_xticks(lags[spread(len(lags), 8)])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    low, high = axes.get_ylim()
    if high - low < 0.1:  # equalities but for rounding
        axes.set_ylim(0.5 * (low + high) - 0.05, 0.5 * (low + high) + 0.05)
    return True
