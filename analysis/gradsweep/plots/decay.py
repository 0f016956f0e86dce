"""Decay over the lag: ln ||J_l||_2 of chosen cells with its bound, and ln ||J_l||_2 / l between the conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.selection import NothingToDraw
from .curves import FEW_POINTS, draw_mean, mean_words, part_coinciding
from .figure import Description, Panels, fit_y, lag_axis, say, zero_line
from .style import INK, file_name, line_style, literal, shades
from .symbols import GAMMA_NORM, GAMMA_RADIUS, NORM, W
from .view import Choice, Network, View, choose_cells, mean_of_done, range_of_done

BOUND_STYLE = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
STEPS = "<i>S</i><sub>T</sub>⋯<i>S</i><sub>T−ℓ+1</sub>"


def plot_decay(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """ln ||J_l||_2 against the lag l, with the bound l ln(gamma ||W||_2): rows activations and ensembles, columns chosen
    cells (kappa near 0.75, 1, 1.25), lines hidden sizes. `selection`: values of axes, as in gradsweep.select."""
    view = View(dataset, selection, {"activation": 2, "ensemble": 4, "hidden_size": 6}, everything)
    choices, rows = choose_cells(view), view.networks()
    panels = Panels(len(rows), len(choices), share_y="row")
    colours = shades(len(view.sizes))
    for row, first in enumerate(rows):
        drawn = []
        for column, choice in enumerate(choices):
            axes = panels.grid[row, column]
            for size, shade in enumerate(colours):
                drawn += _draw_curve(axes, view, Network(first.activation, first.ensemble, size), choice, shade)
            zero_line(axes)
            if not axes.lines[1:]:
                say(axes, "nothing finished yet")
        fit_y(panels.grid[row], drawn, 1.0)
    panels.titles([view.cell_title(choice) for choice in choices], view.network_titles(rows))
    lag_axis(panels, view.lags, from_zero=True)
    handles = [Line2D([], [], color=shade, label=f"$d$ = {size}") for size, shade in zip(view.sizes, colours)]
    handles.append(Line2D([], [], color=INK, **BOUND_STYLE, label=r"bound $\ell\,\ln(\gamma‖W‖_2)$"))
    caption = (
        f"Norm of the Jacobian product <i>J</i><sub>ℓ</sub> = {STEPS} against the lag ℓ "
        f"({mean_words(len(view.replicas))}), and dashed, in the same colour, the bound {NORM} ≤ ({GAMMA_NORM})<sup>ℓ</sup> (with a fresh "
        f"{W} at every step: the product of the single bounds), as far as it lies within. A straight line is exponential "
        "decay or growth; a triangle at the lower edge: exactly 0 from there on."
    )
    caption += part_coinciding(panels)
    name = "-".join(view.activations)
    description = Description(f"decay-{file_name(name)}", f"Decay over the lag: {', '.join(view.activations)}", caption, view.note)
    return panels.finish(r"lag $\ell$", r"$\ln‖\,J_\ell‖_2$", handles, description)


def plot_rate(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """ln ||J_l||_2 / l against the lag, between its bound ln(gamma ||W||_2) and ln(gamma rho(W)): rows ensembles, columns
    chosen cells, lines activations, at the largest hidden size. `selection`: values of axes, as in gradsweep.select."""
    view = View(dataset, selection, {"activation": 8, "ensemble": 4}, everything)
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, size = choose_cells(view), len(view.sizes) - 1
    panels = Panels(len(view.ensembles), len(choices), share_y="row")
    for ensemble in range(len(view.ensembles)):
        drawn = []
        for column, choice in enumerate(choices):
            axes = panels.grid[ensemble, column]
            for activation in range(len(view.activations)):
                drawn += _draw_rate(axes, view, Network(activation, ensemble, size), choice)
            if not axes.lines:
                say(axes, "nothing finished yet")
            drawn += _draw_conditions(axes, view, Network(0, ensemble, size), choice)
        fit_y(panels.grid[ensemble], drawn, 0.05)
    panels.titles([view.cell_title(choice) for choice in choices], [literal(name) for name in view.ensembles])
    lag_axis(panels, view.lags)
    handles = [
        *(Line2D([], [], **line_style(at), label=literal(name)) for at, name in enumerate(view.activations)),
        Line2D([], [], color=INK, **BOUND_STYLE, label=r"$\ln(\gamma‖W‖_2)$"),
        Line2D([], [], color=INK, linestyle=":", label=r"$\ln(\gamma\rho(W))$"),
    ]
    caption = (
        f"Growth per step over lag ℓ at <i>d</i> = {view.sizes[size]} ({mean_words(len(view.replicas))}). The dashed line is "
        f"the bound ln({GAMMA_NORM}); for the identity the rate falls from there to ln({GAMMA_RADIUS}), dotted, as ℓ grows "
        f"(Gelfand), the faster the more normal {W} is. Saturating activations fall further where states are large."
    )
    caption += part_coinciding(panels)
    description = Description("rate", "From the bound to the spectral radius", caption, view.note)
    return panels.finish(r"lag $\ell$", r"$\ln‖\,J_\ell‖_2\,/\,\ell$", handles, description)


def _draw_curve(axes: Axes, view: View, network: Network, choice: Choice, shade: object) -> list[np.ndarray]:
    """The values drawn, without those of the bound."""
    norms = view.at("log_jacobian_norm", network, choice, "lag")
    if np.isnan(draw_mean(axes, view.lags, norms, {"color": shade})).all():
        return []
    bound = mean_of_done(view.at("log_norm_bound", network, choice, "lag"))
    marker = "o" if len(view.lags) < FEW_POINTS else None
    axes.plot(view.lags, bound, color=shade, marker=marker, markersize=3, alpha=0.8, **BOUND_STYLE)
    return list(range_of_done(norms))


def _draw_rate(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    rates = view.at("log_jacobian_norm", network, choice, "lag") / view.lags
    drawn = not np.isnan(draw_mean(axes, view.lags, rates, line_style(network.activation))).all()
    return list(range_of_done(rates)) if drawn else []


def _draw_conditions(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    gamma, heights = view.gammas[choice.gamma], []
    styles = ({"linestyle": ":", "linewidth": 1.1}, BOUND_STYLE)
    for values, line in zip(view.used(network), styles):
        finite = values[:, choice.radius][np.isfinite(values[:, choice.radius])]
        if finite.size and finite.mean() > 0:
            heights.append(np.log(gamma * finite.mean()))
            axes.axhline(heights[-1], color=INK, **line)
    return [np.array(heights)]
