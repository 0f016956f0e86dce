"""The chain of bounds of chosen cells: ||J_l|| <= prod ||S_i|| <= eta^l <= (gamma ||W||)^l, with the slack of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.selection import NothingToDraw
from .decay import BOUND_STYLE
from .curves import CURVE, mark_zero, part_coinciding
from .figure import Description, Panels, fit_y, lag_axis, say, zero_line
from .style import INK, file_name
from .symbols import GAMMA_NORM, NORM
from .view import Choice, Network, View, choose_cells, mean_of_done

SLACKS = (
    ("#56B4E9", "slack of directions"),
    ("#E69F00", "slack of the largest step"),
    ("#CC79A7", "slack of saturation"),
)
LINES = (
    ({"color": INK, "linewidth": 1.8}, r"$\ln‖\,J_\ell‖_2\,/\,\ell$"),
    ({"color": "#0072B2"}, r"$\Sigma\,\ln‖S_i‖_2\,/\,\ell$"),
    ({"color": "#B36B00"}, r"$\ln\eta$"),
    ({"color": INK, **BOUND_STYLE}, r"$\ln(\gamma‖W‖_2)$"),
)


def plot_chain(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """The chain of bounds per step against the lag, with the slack of each link as a band: rows activations and
    ensembles, columns chosen cells, at the largest hidden size. Needs the measure step_bound. `selection`: values of
    axes, as in gradsweep.select."""
    needs = ("log_step_bound", "log_step_norm_max")
    view = View(dataset, selection, {"activation": 2, "ensemble": 3}, everything, needs=needs)
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, rows = choose_cells(view), view.networks()
    panels = Panels(len(rows), len(choices), share_y="row")
    some = False
    for row, network in enumerate(rows):
        drawn = []
        for axes, choice in zip(panels.grid[row], choices):
            drawn += (found := _draw_chain(axes, view, network, choice))
            some |= bool(found)
        fit_y(panels.grid[row], drawn, 0.1)
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    panels.titles([view.cell_title(choice) for choice in choices], view.network_titles(rows))
    lag_axis(panels, view.lags)
    handles = [Line2D([], [], **style, label=label) for style, label in LINES]
    handles += [Patch(facecolor=shade, alpha=0.45, label=label) for shade, label in SLACKS]
    caption = (
        f"The chain {NORM} ≤ Π‖<i>S<sub>i</sub></i>‖<sub>2</sub> ≤ <i>η</i><sup>ℓ</sup> ≤ ({GAMMA_NORM})<sup>ℓ</sup>, "
        f"as logarithms per step (<i>d</i> = {view.sizes[-1]}, mean of the replicas; <i>η</i> is the largest "
        "‖<i>S<sub>i</sub></i>‖<sub>2</sub> of the ℓ steps). The bands are the slacks. Blue: the steps do not stretch the "
        "same direction. Orange: not every step stretches as much as the strongest. Purple: even that one stays below "
        "what the weights allow, because <i>σ</i>′ &lt; <i>γ</i> where units saturate."
    )
    caption += part_coinciding(panels)
    names = ", ".join(view.activations)
    description = Description(f"chain-{file_name('-'.join(view.activations))}", f"The chain of bounds: {names}", caption, view.note)
    return panels.finish(r"lag $\ell$", "growth per step", handles, description)


def _draw_chain(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    lags = view.lags
    norms, steps, largest, bound = (
        mean_of_done(view.at(name, network, choice, "lag"))
        for name in ("log_jacobian_norm", "log_step_bound", "log_step_norm_max", "log_norm_bound")
    )
    zero_line(axes)
    if np.isnan(norms).all():
        say(axes, "nothing finished")
        return []
    curves = [np.where(np.isfinite(values), values, np.nan) for values in (norms / lags, steps / lags, largest, bound / lags)]
    if np.isnan(curves[1]).all():
        say(axes, "a step is exactly 0")
        return curves
    for lower, upper, (shade, _) in zip(curves, curves[1:], SLACKS):
        known = np.isfinite(lower) & np.isfinite(upper)
        axes.fill_between(lags, lower, upper, where=known, color=shade, alpha=0.45, linewidth=0)
    for values, (style, _) in zip(curves, LINES):
        axes.plot(lags, values, label=CURVE, **style)
    mark_zero(axes, lags, norms, INK)
    return curves
