"""The chain of bounds of chosen cells: ||J_l|| <= prod ||S_i|| <= eta^l <= (gamma ||W||)^l, with the slack of each."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.inputs import final_time, inputs_of
from ..data.selection import NothingToDraw
from .decay import BOUND_STYLE
from .curves import CURVE, lasting, mark_zeros, part_coinciding, zero_words
from .figure import Description, Panels, fit_y, lag_axis, say, zero_line
from .style import CATEGORICAL, INK, file_name
from .symbols import GAMMA_NORM, NORM
from .view import MOST_STRENGTHS, PLANE, Choice, Network, View, choose_cells, mean_of_done, rows_of, strength_axis

MOST_INPUTS = 4  # that are drawn one by one
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
    """The chain of bounds per step against the lag, with the slack of each link as a band: rows activations, ensembles
    and strengths of the drive or the bias, columns chosen cells, at the largest hidden size; of a single network its
    inputs below, at their times, where they can be had (gradsweep.data.inputs). Needs the measure step_bound.
    `selection`: values of axes, as in gradsweep.select."""
    needs = ("log_step_bound", "log_step_norm_max")
    strength = strength_axis(dataset, selection)
    limits = {"activation": 2, "ensemble": 3, **dict.fromkeys(strength, MOST_STRENGTHS)}
    view = View(dataset, selection, limits, everything, (*PLANE, *strength), needs)
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, (rows, titles) = choose_cells(view), rows_of(view, strength)
    inputs, why = _inputs(view) if len(rows) == len(view.sizes) == 1 else (None, "")
    width = 3.6 if len(choices) == 1 else 2.6  # the legend is long
    panels = Panels(len(rows) + (inputs is not None), len(choices), width=width, share_y="row")
    some = False
    for row, (part, network) in enumerate(rows):
        drawn = []
        for axes, choice in zip(panels.grid[row], choices):
            drawn += (found := _draw_chain(axes, part, network, choice))
            some |= bool(found)
        fit_y(panels.grid[row], drawn, 0.1)
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    below = [] if inputs is None else ["inputs at times $t$" if inputs.shape[1] <= MOST_INPUTS else "their norm at times $t$"]
    panels.titles([view.cell_title(choice) for choice in choices], [*titles, *below])
    lag_axis(panels, view.lags)
    if inputs is not None:
        for axes in panels.grid[-1]:
            _draw_inputs(axes, inputs, final_time(view.dataset), int(view.lags[-1]))
        for axes, text in zip(panels.grid[:, 0], ("growth per step", "input")):
            axes.set_ylabel(text, labelpad=2.0)
    handles = [Line2D([], [], **style, label=label) for style, label in LINES]
    handles += [Patch(facecolor=shade, alpha=0.45, label=label) for shade, label in SLACKS]
    caption = (
        f"The chain {NORM} ≤ Π‖<i>S<sub>i</sub></i>‖<sub>2</sub> ≤ <i>η</i><sup>ℓ</sup> ≤ ({GAMMA_NORM})<sup>ℓ</sup>, "
        f"as logarithms per step (<i>d</i> = {view.sizes[-1]}, mean of the replicas; <i>η</i> is the largest "
        "‖<i>S<sub>i</sub></i>‖<sub>2</sub> of the ℓ steps). The bands are the slacks. Blue: the steps do not stretch the "
        "same direction. Orange: not every step stretches as much as the strongest. Purple: even that one stays below "
        "what the weights allow, because <i>σ</i>′ &lt; <i>γ</i> where units saturate."
    )
    caption += zero_words(panels) + part_coinciding(panels) + why
    names = ", ".join(view.activations)
    description = Description(f"chain-{file_name('-'.join(view.activations))}", f"The chain of bounds: {names}", caption, view.note)
    return panels.finish(r"lag $\ell$", "growth per step" if inputs is None else "", handles, description)


def _inputs(view: View) -> tuple[np.ndarray | None, str]:
    """The inputs [T, m] of the one network and its first replica, and what the caption says of them."""
    try:
        inputs = inputs_of(view.dataset, view.ensembles[0], int(view.replicas[0]))
    except NothingToDraw as reason:
        return None, f" Without its inputs: {html.escape(str(reason))}."
    if not inputs.size:
        return None, ""
    whose = f", of replica {view.replicas[0]}" if len(view.replicas) > 1 else ""
    return inputs, f" Below: the inputs <i>i</i><sub><i>T</i>−ℓ</sub> at the times <i>t</i> = <i>T</i> − ℓ written there{whose}."


def _draw_inputs(axes: Axes, inputs: np.ndarray, end: int, longest: int) -> None:
    """Inputs [T, m] at the lags 0 ... longest, or their norms where there are many; the time t = end - lag of each tick."""
    lags = np.arange(1 if axes.get_xscale() == "log" else 0, min(longest, end - 1) + 1)
    shown = inputs[end - lags - 1]
    curves = shown.T if shown.shape[1] <= MOST_INPUTS else [np.linalg.norm(shown, axis=1)]
    for place, curve in enumerate(curves):
        axes.plot(lags, curve, color=CATEGORICAL[place], linewidth=1.0, drawstyle="steps-mid")
    zero_line(axes)
    low, high = min(float(np.min(curves)), 0.0), max(float(np.max(curves)), 0.0)
    span = (high - low) or 1.0
    axes.set_ylim(low - 0.05 * span, high + 0.25 * span)
    left, right = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if max(left, lags[0]) <= tick <= min(right, lags[-1])]
    for tick in ticks:
        axes.text(tick, 0.97, f"{end - tick:g}", transform=axes.get_xaxis_transform(), ha="center", va="top", fontsize=7,
                  color="#444444")  # fmt: skip


def _draw_chain(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    lags = view.lags
    names = ("log_jacobian_norm", "log_step_bound", "log_step_norm_max", "log_norm_bound")
    links = np.stack([view.at(name, network, choice, "lag") for name in names])
    norms, steps, largest, bound = (mean_of_done(values) for values in links[:, lasting(links[0])])
    zero_line(axes)
    if np.isnan(norms).all():
        say(axes, view.absence(network, choice))
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
    mark_zeros(axes, lags, links[0], INK)
    return curves
