"""What the measures `gradient` and `contribution_map` found: contributions over the lag and over the triangle (t, k).

The plane of cancellation is drawn in plane.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.quantities import times
from ..data.selection import NothingToDraw, spread
from .decay import BOUND_STYLE
from .curves import draw_mean, lasting, mark_zeros, mean_words, part_coinciding, zero_words
from .figure import Description, Panels, draw_mesh, fit_y, lag_axis, say, zero_line
from .style import INK, SEQUENTIAL, UNFINISHED, colour, line_style, literal
from .symbols import GAMMA_NORM
from .view import MOST_STRENGTHS, PLANE, Choice, Network, View, choose_cells, mean_of_done, rows_of, strength_axis

CONTRIBUTION = "<i>C</i><sub><i>T</i>−ℓ</sub>"
STEP_GRADIENT = "∂<i>ε<sub>t</sub></i>/∂<i>W</i>"
FIRST_ERROR = "‖<i>e</i><sub>0</sub>‖"
MOST_ROWS = 5
MOST_MARKERS = 6  # along a curve


def plot_contributions(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """ln ||C_{T-l}||_F and ln ||e_l|| relative to ||e_0|| against the lag, with the bound: rows ensembles and strengths
    of the drive or the bias, columns chosen cells, lines activations, at the largest hidden size. Needs the measure
    gradient. `selection`: values of axes, as in gradsweep.select."""
    strength = strength_axis(dataset, selection)
    limits = {"activation": 4, "ensemble": 4, **dict.fromkeys(strength, MOST_STRENGTHS)}
    view = View(dataset, selection, limits, everything, (*PLANE, *strength), ("log_error_norm",))
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, size = choose_cells(view), len(view.sizes) - 1
    rows, titles = rows_of(view, strength)
    rows, titles = (some[: len(some) // len(view.activations)] for some in (rows, titles))  # of the first; each has lines for all
    titles = titles if strength else [literal(name) for name in view.ensembles]
    panels = Panels(len(rows), len(choices), share_y="row")
    shown: set[int] = set()
    for row, (part, first) in enumerate(rows):
        drawn = []
        for axes, choice in zip(panels.grid[row], choices):
            zero_line(axes)
            for activation in range(len(view.activations)):
                found = _draw_contributions(axes, part, first._replace(activation=activation), choice)
                drawn += found
                shown |= {activation} if found else set()
        fit_y(panels.grid[row], drawn, 1.0)
    if not shown:
        raise NothingToDraw("no finished cell has an error to carry back")
    panels.titles([view.cell_title(choice) for choice in choices], titles)
    lag_axis(panels, view.lags)
    handles = [
        *(Line2D([], [], **line_style(at), label=literal(view.activations[at])) for at in sorted(shown)),
        Line2D([], [], color=INK, label=r"contribution  $\ln(‖C_{T-\ell}‖_F/‖e_0‖)$"),
        Line2D([], [], color=INK, linestyle=":", label=r"error  $\ln(‖e_\ell‖/‖e_0‖)$"),
        Line2D([], [], color=INK, **BOUND_STYLE, label=r"bound  $\ell\,\ln(\gamma‖W‖_2)$"),
    ]
    caption = (
        f"The error <i>e</i><sub>ℓ</sub> carried back over ℓ steps, its bound ln{FIRST_ERROR} + ℓ ln({GAMMA_NORM}) as far "
        f"as it lies within, and the temporal contribution ‖{CONTRIBUTION}‖<sub>F</sub> = ‖<i>e</i><sub>ℓ</sub>‖ "
        "‖<i>σ</i>(<i>x</i><sub><i>T</i>−ℓ−1</sub>)‖ to the gradient of the last loss, all divided by "
        f"{FIRST_ERROR} so that activations share the bound (<i>d</i> = {view.sizes[size]}; {mean_words(len(view.replicas))}). The "
        "contribution is bounded through its error, not by the dashed line: it is apart from the error by the norm of the "
        "state it meets."
    )
    caption += zero_words(panels) + part_coinciding(panels)
    description = Description("contributions", "Temporal contributions against the lag", caption, view.note)
    return panels.finish(r"lag $\ell$", r"logarithm relative to $‖e_0‖$", handles, description)


def _draw_contributions(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    """The values drawn, without those of the bound."""
    initial = view.at("log_initial_error_norm", network, choice)[:, np.newaxis]
    initial = np.where(np.isfinite(initial), initial, np.nan)  # an error that is 0 has nothing relative to it
    errors = view.at("log_error_norm", network, choice, "lag") - initial
    if np.all(np.isnan(errors)):
        return []
    contributions = view.at("log_contribution", network, choice, "lag") - initial
    lasts = lasting(errors)
    bound = mean_of_done(view.at("log_norm_bound", network, choice, "lag")[lasts])
    is_of_all = not np.isneginf(errors).any()  # as that of the other activations
    axes.plot(view.lags, bound, color=INK if is_of_all else colour(network.activation), **BOUND_STYLE)
    carried = mean_of_done(errors[lasts])
    axes.plot(view.lags, np.where(np.isfinite(carried), carried, np.nan), color=colour(network.activation), linestyle=":")
    mark_zeros(axes, view.lags, errors, colour(network.activation))
    every = max(1, len(view.lags) // MOST_MARKERS)
    style = {**line_style(network.activation), "markevery": (network.activation % every, every)}
    return [carried, draw_mean(axes, view.lags, contributions[lasts], style)]


def plot_triangle(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """ln of the contribution of step k to d eps_t/dW relative to its norm, over the triangle (k, t) or, with gaps
    between the lags, over (lag, t): rows networks (the first finished replica) and strengths of the drive or the bias,
    columns chosen cells, at the largest hidden size. Needs the measure contribution_map. `selection`: values of axes,
    as in gradsweep.select."""
    strength = strength_axis(dataset, selection)
    limits = dict.fromkeys(strength, MOST_STRENGTHS)
    view = View(dataset, selection, limits, everything, (*PLANE, *strength), ("log_contribution_map", "log_step_gradient_norm"))
    (rows, titles), choices = rows_of(view, strength), choose_cells(view)
    kept = spread(len(rows), None if everything else MOST_ROWS)
    note = f"Drawn: {len(kept)} of {len(rows)} networks." if len(kept) < len(rows) else ""
    rows, titles = ([some[position] for position in kept] for some in (rows, titles))
    maps = [[_relative_map(part, network, choice) for choice in choices] for part, network in rows]
    known = [values[np.isfinite(values)] for row in maps for values in row if values is not None]
    if not any(values.size for values in known):
        raise NothingToDraw("no finished cell has contributions")
    norm = Normalize(min(values.min(initial=0.0) for values in known), max(values.max(initial=0.0) for values in known))
    steps = np.ravel(times(view.dataset).values)
    dense = bool(np.array_equal(view.lags, np.arange(1, len(view.lags) + 1)))
    panels = Panels(len(rows), len(choices), share_y=True)
    for row, column, axes in panels:
        if maps[row][column] is None:
            say(axes, rows[row][0].absence(rows[row][1], choices[column]))
        else:
            _draw_triangle(axes, steps, view.lags, maps[row][column], norm, dense)
    panels.titles([view.cell_title(choice) for choice in choices], titles)
    label = r"$\ln(‖C_k^{(t)}‖_F\,/\,‖\partial\varepsilon_t/\partial W‖_F)$"
    panels.scale(ScalarMappable(norm, SEQUENTIAL), label)
    has_zeros = any(np.isneginf(values).any() for row in maps for values in row if values is not None)
    handles = [Patch(facecolor="black", label="contribution exactly 0")] if has_zeros else []
    caption = (
        "Which step <i>k</i> the gradient of the loss at time <i>t</i> comes from: the contribution <i>C<sub>k</sub></i> to "
        f"{STEP_GRADIENT} relative to the whole of it. Dark: the step hardly counts, the gradient has vanished on its way "
        "there. Above 0 a contribution is larger than the sum of all, so contributions cancel; alike along a whole row, "
        "distant steps count as much as near ones. One network (the first finished replica, <i>d</i> = "
        f"{view.sizes[-1]}) a panel. "
        + ("The line is <i>k</i> = <i>t</i>; grey: lags that were not asked for." if dense else "")
    )
    title = "Where the gradient comes from: the triangle (t, k)"
    description = Description("triangle", title, caption, " ".join(filter(None, (note, view.note))))
    return panels.finish("step $k$ contributing" if dense else r"lag $\ell = t-k$", "time $t$ of the loss", handles, description)


def _relative_map(view: View, network: Network, choice: Choice) -> np.ndarray | None:
    """ln of each contribution relative to the gradient of its step, [step, lag]; None where no replica has it."""
    replica = view.first_done(network, choice)
    if replica is None:
        return None
    whole = view.at("log_step_gradient_norm", network, choice, "step")[replica][:, np.newaxis]
    with np.errstate(invalid="ignore"):  # a gradient that is exactly 0 has no shares
        values = view.at("log_contribution_map", network, choice, "step", "lag")[replica] - whole
    return None if np.all(np.isnan(values)) else values


def _draw_triangle(
    axes: Axes, steps: np.ndarray, lags: np.ndarray, values: np.ndarray, norm: Normalize, dense: bool
) -> None:
    """Over (k, t) where lags are dense, else over (lag, t) with lags side by side."""
    axes.set_facecolor(UNFINISHED)
    if dense:
        first = int(steps[0]) - len(lags)
        placed = np.full((len(steps), int(steps[-1]) - first), np.nan)
        for row, step in enumerate(steps):
            placed[row, step - lags - first] = values[row]
        x = np.arange(placed.shape[1] + 1) + first - 0.5
        axes.plot([steps[0] - 0.5, steps[-1] + 0.5], [steps[0] - 0.5, steps[-1] + 0.5], color=INK, linewidth=0.8)
    else:
        placed, x = values, np.arange(len(lags) + 1) - 0.5
        axes.set_xticks(shown := spread(len(lags), 8), lags[shown])
    y = np.arange(len(steps) + 1) + steps[0] - 0.5
    axes.locator_params(axis="y", integer=True)
    draw_mesh(axes, x, y, np.ma.masked_invalid(placed), cmap=SEQUENTIAL, norm=norm)
    if np.isneginf(placed).any():
        zeros = np.ma.masked_where(~np.isneginf(placed), np.ones(placed.shape))
        draw_mesh(axes, x, y, zeros, cmap="gray", vmin=1.0, vmax=2.0)
    axes.set_xlim(x[0], x[-1] + (0.5 if dense else 0.0))
