"""Decay over the lag: ln ||J_l||_2 of chosen cells with its bound, and ln ||J_l||_2 / l between the conditions."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.selection import NothingToDraw, compared_axis, labels, select, size_of
from .curves import draw_over_lags, lasting, mean_words, part_coinciding, zero_words
from .figure import Description, Panels, fit_y, lag_axis, say, zero_line
from .style import INK, file_name, line_style, literal, shades
from .symbols import GAMMA_NORM, GAMMA_RADIUS, NORM, W
from .view import LINES, PLANE, Choice, Network, View, choose_cells, choose_lines, mean_of_done, range_of_done

BOUND_STYLE = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
STEPS = "<i>S</i><sub>T</sub>⋯<i>S</i><sub>T−ℓ+1</sub>"


def plot_decay(dataset: xr.Dataset, *, lines: str | None = None, everything: bool = False, **selection: Any) -> Figure:
    """ln ||J_l||_2 against the lag l, with the bound l ln(gamma ||W||_2): rows activations and ensembles, columns chosen
    cells (kappa near 0.75, 1, 1.25), `lines` hidden sizes or, where there is one, strengths of the drive or the bias.
    `selection`: values of axes, as in gradsweep.select."""
    lines = choose_lines(select(dataset, **selection), lines)
    view = View(dataset, selection, {"activation": 2, "ensemble": 4, lines: 6}, everything, (*PLANE, lines))
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, rows, parts = choose_cells(view), view.networks(), view.parts(lines)
    panels = Panels(len(rows), len(choices), share_y="row")
    colours, seen = shades(len(parts)), set()
    for row, first in enumerate(rows):
        drawn = []
        for column, choice in enumerate(choices):
            axes, bounds = panels.grid[row, column], 0
            for place, ((part, size), shade) in enumerate(zip(parts, colours)):
                network = Network(first.activation, first.ensemble, size)
                found = _draw_curve(axes, part, network, choice, shade)
                if found and (lines == "hidden_size" or bounds == 0):  # strengths have one bound
                    _draw_bound(axes, part, network, choice, shade if lines == "hidden_size" else INK)
                    bounds += 1
                drawn += found
                seen |= {place} if found else set()
            zero_line(axes)
            if not axes.lines[1:]:
                say(axes, view.absence(Network(first.activation, first.ensemble, len(view.sizes) - 1), choice))
        fit_y(panels.grid[row], drawn, 1.0)
    panels.titles([view.cell_title(choice) for choice in choices], view.network_titles(rows))
    lag_axis(panels, view.lags, from_zero=True)
    values = labels(view.dataset, lines)
    handles = [Line2D([], [], color=colours[place], label=f"{LINES[lines]} = {values[place]:g}") for place in sorted(seen)]
    handles.append(Line2D([], [], color=INK, **BOUND_STYLE, label=r"bound $\ell\,\ln(\gamma‖W‖_2)$"))
    at, whose = ("", ", in the same colour,") if lines == "hidden_size" else (f"<i>d</i> = {view.sizes[-1]}, ", "")
    caption = (
        f"Norm of the Jacobian product <i>J</i><sub>ℓ</sub> = {STEPS} against the lag ℓ "
        f"({at}{mean_words(len(view.replicas))}), and dashed{whose} the bound {NORM} ≤ ({GAMMA_NORM})<sup>ℓ</sup> (with a fresh "
        f"{W} at every step: the product of the single bounds), as far as it lies within. A straight line is exponential "
        "decay or growth."
    )
    caption += zero_words(panels) + part_coinciding(panels)
    name = "-".join(view.activations)
    description = Description(f"decay-{file_name(name)}", f"Decay over the lag: {', '.join(view.activations)}", caption, view.note)
    return panels.finish(r"lag $\ell$", r"$\ln‖\,J_\ell‖_2$", handles, description)


def plot_rate(dataset: xr.Dataset, *, lines: str | None = None, everything: bool = False, **selection: Any) -> Figure:
    """ln ||J_l||_2 / l against the lag, between its bound ln(gamma ||W||_2) and ln(gamma rho(W)): rows ensembles, columns
    chosen cells, `lines` activations or, where there is one, strengths of the drive or the bias (rows then activations, too),
    at the largest hidden size. `selection`: values of axes, as in gradsweep.select."""
    chosen = select(dataset, **selection)
    if lines is None:
        compared = compared_axis(chosen, "hidden_size")  # which it is where there is no other
        lines = compared if size_of(chosen, "activation") == 1 and compared != "hidden_size" else "activation"
    elif lines == "hidden_size":
        raise ValueError("lines are those of activation, input_scale, bias_scale: sizes have a bound each")
    lines = choose_lines(chosen, lines, ["activation"])
    view = View(dataset, selection, {"activation": 8, "ensemble": 4}, everything, (*PLANE, lines))
    if len(view.lags) < 2:
        raise NothingToDraw("a single lag is no curve")
    choices, rows, titles = choose_cells(view), *_rows(view, lines)
    panels = Panels(len(rows), len(choices), share_y="row")
    seen: set[int] = set()
    for row, curves in enumerate(rows):
        drawn = []
        for column, choice in enumerate(choices):
            axes = panels.grid[row, column]
            for place, (part, network) in enumerate(curves):
                drawn += (found := _draw_rate(axes, part, network, choice, place))
                seen |= {place} if found else set()
            if axes.lines:
                drawn += _draw_conditions(axes, *curves[-1], choice)
            else:
                say(axes, view.absence(curves[-1][1], choice))
        fit_y(panels.grid[row], drawn, 0.05)
    panels.titles([view.cell_title(choice) for choice in choices], titles)
    lag_axis(panels, view.lags)
    if lines == "activation":
        names = [literal(name) for name in view.activations]
    else:
        names = [f"{LINES[lines]} = {value:g}" for value in labels(view.dataset, lines)]
    handles = [
        *(Line2D([], [], **line_style(at), label=names[at]) for at in sorted(seen)),
        Line2D([], [], color=INK, **BOUND_STYLE, label=r"$\ln(\gamma‖W‖_2)$"),
        Line2D([], [], color=INK, linestyle=":", label=r"$\ln(\gamma\rho(W))$"),
    ]
    caption = (
        f"Growth per step over lag ℓ at <i>d</i> = {view.sizes[-1]} ({mean_words(len(view.replicas))}). The dashed line is "
        f"the bound ln({GAMMA_NORM}); for the identity the rate falls from there to ln({GAMMA_RADIUS}), dotted, as ℓ grows "
        f"(Gelfand), the faster the more normal {W} is. Saturating activations fall further where states are large."
    )
    if words := zero_words(panels):
        caption += words.removesuffix(".") + ", whose own bounds may lie above the line, that of all."
    caption += part_coinciding(panels)
    description = Description("rate", "From the bound to the spectral radius", caption, view.note)
    return panels.finish(r"lag $\ell$", r"$\ln‖\,J_\ell‖_2\,/\,\ell$", handles, description)


def _rows(view: View, lines: str) -> tuple[list[list[tuple[View, Network]]], list[str]]:
    """The curves of each row of plot_rate and the rows' titles: activations of an ensemble, or strengths of a network."""
    if lines == "activation":
        networks = np.array(view.networks(), object).reshape(len(view.activations), len(view.ensembles), -1)
        return [[(view, Network(*one)) for one in row] for row in networks.swapaxes(0, 1)], [literal(name) for name in view.ensembles]
    networks, parts = view.networks(), view.parts(lines)
    return [[(part, network) for part, _ in parts] for network in networks], view.network_titles(networks)


def _draw_curve(axes: Axes, view: View, network: Network, choice: Choice, shade: object) -> list[np.ndarray]:
    """The values drawn."""
    norms = view.at("log_jacobian_norm", network, choice, "lag")
    if np.isnan(draw_over_lags(axes, view.lags, norms, {"color": shade})).all():
        return []
    return list(range_of_done(norms[lasting(norms)]))


def _draw_bound(axes: Axes, view: View, network: Network, choice: Choice, shade: object) -> None:
    lasts = lasting(view.at("log_jacobian_norm", network, choice, "lag"))
    bound = mean_of_done(view.at("log_norm_bound", network, choice, "lag")[lasts])
    axes.plot(view.lags, bound, color=shade, alpha=0.8, **BOUND_STYLE)


def _draw_rate(axes: Axes, view: View, network: Network, choice: Choice, place: int) -> list[np.ndarray]:
    rates = view.at("log_jacobian_norm", network, choice, "lag") / view.lags
    drawn = not np.isnan(draw_over_lags(axes, view.lags, rates, line_style(place))).all()
    return list(range_of_done(rates[lasting(rates)])) if drawn else []


def _draw_conditions(axes: Axes, view: View, network: Network, choice: Choice) -> list[np.ndarray]:
    gamma, heights = view.gammas[choice.gamma], []
    styles = ({"linestyle": ":", "linewidth": 1.1}, BOUND_STYLE)
    for values, line in zip(view.used(network), styles):
        finite = values[:, choice.radius][np.isfinite(values[:, choice.radius])]
        if finite.size and finite.mean() > 0:
            heights.append(np.log(gamma * finite.mean()))
            axes.axhline(heights[-1], color=INK, **line)
    return [np.array(heights)]
