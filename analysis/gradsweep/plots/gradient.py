"""What the measures `gradient` and `contribution_map` found: contributions over the lag and over the triangle (t, k).

The plane of cancellation is drawn in plane.py.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .cells import Cell, cell_title, chosen_grid, first_done, mean_of_done
from ..data.results import Results
from .style import INK, SEQUENTIAL, UNFINISHED, Picture, colour, legend_above, literal, spread
from .symbols import GAMMA_NORM

CONTRIBUTION = "<i>C</i><sub><i>T</i>−ℓ</sub>"
STEP_GRADIENT = "∂<i>ε<sub>t</sub></i>/∂<i>W</i>"
FIRST_ERROR = "‖<i>e</i><sub>0</sub>‖"


def contributions_picture(results: Results, show_all: bool) -> Picture | None:
    """ln ||C_{T-l}|| and ln ||e_l|| relative to ||e_0||, with the bound: rows ensembles, columns chosen cells."""
    if "log_error_norm" not in results.file or len(results.lags) < 2:
        return None
    size = len(results.hidden_sizes) - 1
    activations = spread(len(results.activations), None if show_all else 4)
    figure, panels = chosen_grid(results, None if show_all else 4, 2.3)
    drawn: set[int] = set()
    for axes, ensemble, choice in panels:
        for activation in activations:
            cell = Cell(activation, ensemble, size, choice.radius, choice.gamma)
            if _draw_contributions(axes, results, cell):
                drawn.add(activation)
        axes.axhline(0.0, color="#999999", linewidth=0.7, zorder=0)
        axes.set_title(cell_title(results, ensemble, choice))
    if not drawn:
        plt.close(figure)
        return None
    figure.supxlabel(r"lag $\ell$", fontsize=9)
    figure.supylabel(r"logarithm relative to $‖e_0‖$", fontsize=9)
    handles = [
        Line2D([], [], color=colour(activation), label=literal(results.activations[activation])) for activation in sorted(drawn)
    ]
    kinds = [
        Line2D([], [], color=INK, label=r"contribution  $\ln(‖C_{T-\ell}‖_F/‖e_0‖)$"),
        Line2D([], [], color=INK, linestyle=":", label=r"error  $\ln(‖e_\ell‖/‖e_0‖)$"),
        Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.1, label=r"bound  $\ell\,\ln(\gamma‖W‖_2)$"),
    ]
    legend_above(figure, [*handles, *kinds])
    caption = (
        f"The error <i>e</i><sub>ℓ</sub> carried back over ℓ steps, its bound ln{FIRST_ERROR} + ℓ ln({GAMMA_NORM}), "
        "and "
        f"the temporal contribution ‖{CONTRIBUTION}‖<sub>F</sub> = ‖<i>e</i><sub>ℓ</sub>‖ "
        "‖<i>σ</i>(<i>x</i><sub><i>T</i>−ℓ−1</sub>)‖ to the gradient of the last loss, all divided by "
        f"{FIRST_ERROR} so that activations share the bound (<i>d</i> = {results.hidden_sizes[size]}, mean of the "
        "replicas). The contribution is bounded through its error, not by the dashed line: it is apart from the error "
        "by "
        "the norm of the state it meets."
    )
    return Picture("contributions", "Temporal contributions against the lag", caption, figure)


def _draw_contributions(axes: Axes, results: Results, cell: Cell) -> bool:
    initial = results.file["log_initial_error_norm"][cell.at(slice(None))][:, np.newaxis]
    initial = np.where(np.isfinite(initial), initial, np.nan)  # an error that is 0 has nothing relative to it
    errors = results.curves("log_error_norm", *cell) - initial
    lines = [
        (results.curves("log_norm_bound", *cell), {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.1}),
        (errors, {"color": colour(cell.activation), "linestyle": ":"}),
        (results.curves("log_contribution", *cell) - initial, {"color": colour(cell.activation)}),
    ]
    if np.all(np.isnan(errors)):
        return False
    for values, style in lines:
        mean = mean_of_done(values)
        axes.plot(results.lags, np.where(np.isfinite(mean), mean, np.nan), **style)
        zeros = np.isneginf(mean)
        if zeros.any():
            place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(results.lags[zeros][:1], [0.03], color=style["color"], marker="v", **place)
    return True


def triangle_picture(results: Results, show_all: bool) -> Picture | None:
    """log_contribution_map of chosen cells, relative to the gradient of its step: rows networks, columns cells."""
    if "log_contribution_map" not in results.file or "log_step_gradient_norm" not in results.file:
        return None
    size = len(results.hidden_sizes) - 1
    pairs = [(a, e) for a in range(len(results.activations)) for e in range(len(results.ensembles))]
    pairs = [pairs[position] for position in spread(len(pairs), None if show_all else 5)]
    dense = bool(np.array_equal(results.lags, np.arange(1, len(results.lags) + 1)))
    figure, panels = chosen_grid(results, None, 2.3, pairs, share_y=True)
    maps = [
        (axes, pair, choice, _relative_map(results, Cell(*pair, size, choice.radius, choice.gamma)))
        for axes, pair, choice in panels
    ]
    known = [values[np.isfinite(values)] for *_, values in maps if values is not None]
    if not any(values.size for values in known):
        plt.close(figure)
        return None
    norm = Normalize(min(values.min(initial=0.0) for values in known), max(values.max(initial=0.0) for values in known))
    steps = results.file["step"][...]
    has_zeros = False
    for axes, (activation, ensemble), choice, values in maps:
        name = f"{results.activations[activation]}, {results.ensembles[ensemble]}"
        axes.set_title(cell_title(results, ensemble, choice, name), fontsize=8.5)
        if values is None:
            axes.text(0.5, 0.5, "nothing finished", transform=axes.transAxes, ha="center", color="#666666")
            continue
        has_zeros |= bool(np.isneginf(values).any())
        _draw_triangle(axes, steps, results.lags, values, norm, dense)
    bar = figure.colorbar(
        plt.cm.ScalarMappable(norm, SEQUENTIAL), ax=figure.axes, shrink=0.8, aspect=30, pad=0.015, format="%.3g"
    )
    bar.set_label(r"$\ln(‖C_k^{(t)}‖_F\,/\,‖\partial\varepsilon_t/\partial W‖_F)$")
    figure.supxlabel("step $k$ contributing" if dense else r"lag $\ell = t-k$", fontsize=9)
    figure.supylabel("time $t$ of the loss", fontsize=9)
    if has_zeros:
        legend_above(figure, [Patch(facecolor="black", label="contribution exactly 0")])
    caption = (
        "Which step <i>k</i> the gradient of the loss at time <i>t</i> comes from: the contribution "
        f"<i>C<sub>k</sub></i> to {STEP_GRADIENT} relative to the whole of it. Dark: "
        "the step hardly counts, the gradient has vanished on its way there. Above 0 a contribution is larger than "
        "the sum "
        "of all, so contributions cancel; alike along a whole row, distant steps count as much as near ones. One "
        "network "
        f"(the first finished replica, <i>d</i> = {results.hidden_sizes[size]}) a panel. "
        + ("The line is <i>k</i> = <i>t</i>; grey: lags that were not asked for." if dense else "")
    )
    return Picture("triangle", "Where the gradient comes from: the triangle (t, k)", caption, figure)


def _relative_map(results: Results, cell: Cell) -> np.ndarray | None:
    """ln of each contribution relative to the gradient of its step, [step, lag]; None where no replica has it."""
    replica = first_done(results, cell)
    if replica is None:
        return None
    index = cell.at(replica)
    whole = results.file["log_step_gradient_norm"][index][:, np.newaxis]
    with np.errstate(invalid="ignore"):  # a gradient that is exactly 0 has no shares
        values = results.file["log_contribution_map"][index] - whole
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
            k = step - lags - first
            placed[row, k] = values[row]
        x = np.arange(placed.shape[1] + 1) + first - 0.5
        axes.plot([steps[0] - 0.5, steps[-1] + 0.5], [steps[0] - 0.5, steps[-1] + 0.5], color=INK, linewidth=0.8)
    else:
        placed, x = values, np.arange(len(lags) + 1) - 0.5
        axes.set_xticks(shown := spread(len(lags), 8), lags[shown])
    y = np.arange(len(steps) + 1) + steps[0] - 0.5
    axes.pcolormesh(x, y, np.ma.masked_invalid(placed), cmap=SEQUENTIAL, norm=norm, rasterized=True)
    if np.isneginf(placed).any():
        zeros = np.ma.masked_where(~np.isneginf(placed), np.ones(placed.shape))
        axes.pcolormesh(x, y, zeros, cmap="gray", vmin=1.0, vmax=2.0, rasterized=True)
    axes.set_xlim(x[0], x[-1] + (0.5 if dense else 0.0))
