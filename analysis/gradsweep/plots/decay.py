"""Decay over the lag: ln ||J_l||_2 of chosen cells with its bound, and ln ||J_l||_2 / l between the conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ..data.results import Results
from .style import (
    INK,
    LINE_STYLES,
    Picture,
    colour,
    file_name,
    is_geometric,
    legend_above,
    literal,
    number,
    panel_grid,
    size_colours,
    spread,
)
from .symbols import GAMMA_NORM, GAMMA_RADIUS, NORM, W

# The regimes that the chosen cells stand for, as gamma rho: well inside vanishing, critical, exploding.
TARGET_GAINS = (0.75, 1.0, 1.25)
PANEL, MARGIN = (3.0, 2.3), (0.6, 0.6)  # inches
BOUND_STYLE = (0, (4, 2))
STEPS = "<i>S</i><sub>T</sub>⋯<i>S</i><sub>T−ℓ+1</sub>"


@dataclass(frozen=True)
class Choice:
    """A point of the plane: positions on the axes."""

    radius: int
    gamma: int


@dataclass
class Curve:
    """ln ||J_l|| of one cell over its replicas, all [lag]; NaN where nothing is done."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    bound: np.ndarray

    @property
    def is_empty(self) -> bool:
        return bool(np.all(np.isnan(self.mean)))


def choose_cells(results: Results) -> list[Choice]:
    """Up to three distinct points of the plane, whose gamma rho is nearest to the targets; of equals the one with gamma
    nearest to 1, where sigma has slope at most one."""
    radii = results.radii
    if results.native:
        known = results.weight_radius[results.weight_radius > 0]  # neither NaN nor nilpotent
        radii = np.array([np.median(known) if known.size else 1.0])
    chosen: list[Choice] = []
    for target in TARGET_GAINS:
        distance = np.abs(np.log(np.outer(radii, results.gammas) / target)) + 1e-6 * np.abs(np.log(results.gammas))
        radius, gamma = np.unravel_index(np.argmin(distance), distance.shape)
        choice = Choice(int(radius), int(gamma))
        if choice not in chosen:
            chosen.append(choice)
    return chosen


def read_curve(results: Results, activation: int, ensemble: int, hidden_size: int, choice: Choice) -> Curve:
    place = (activation, ensemble, hidden_size, choice.radius, choice.gamma)
    values = results.curves("log_jacobian_norm", *place)
    bounds = results.curves("log_norm_bound", *place)
    done = ~np.isnan(values).all(axis=1)
    if not done.any():
        nothing = np.full(len(results.lags), np.nan)
        return Curve(nothing, nothing, nothing, nothing)
    values, bounds = values[done], bounds[done]
    return Curve(values.mean(axis=0), values.min(axis=0), values.max(axis=0), bounds.mean(axis=0))


def decay_pictures(results: Results, show_all: bool) -> Iterator[Picture]:
    """One figure an activation: rows are ensembles, columns chosen cells, lines hidden sizes."""
    choices = choose_cells(results)
    ensembles = spread(len(results.ensembles), None if show_all else 4)
    sizes = spread(len(results.hidden_sizes), None if show_all else 6)
    for activation in spread(len(results.activations), None if show_all else 6):
        yield _decay_picture(results, activation, ensembles, sizes, choices)


def _decay_picture(
    results: Results, activation: int, ensembles: list[int], sizes: list[int], choices: list[Choice]
) -> Picture:
    colours = size_colours(len(sizes))
    figure, grid = panel_grid(len(ensembles), len(choices), PANEL, MARGIN)
    for ensemble, axes_row in zip(ensembles, grid):
        for choice, axes in zip(choices, axes_row):
            for size, shade in zip(sizes, colours):
                _draw_curve(axes, results.lags, read_curve(results, activation, ensemble, size, choice), shade)
            _finish(results, axes, ensemble, choice)
            axes.axhline(0.0, color="#999999", linewidth=0.7, zorder=0)
            axes.set_xlim(0, None)
            _widen(axes, 1.0)
    _label(grid, r"$\ln‖\,J_\ell‖_2$")
    handles = [
        Line2D([], [], color=shade, label=f"$d$ = {results.hidden_sizes[size]}") for size, shade in zip(sizes, colours)
    ]
    legend_above(figure, [*handles, _bound_handle(r"bound $\ell\,\ln(\gamma‖W‖_2)$")])
    caption = (
        f"Norm of the Jacobian product <i>J</i><sub>ℓ</sub> = {STEPS} against the lag ℓ (mean of the replicas; band: "
        f"their range), and dashed, in the same colour, the bound {NORM} ≤ ({GAMMA_NORM})<sup>ℓ</sup> (with a fresh "
        f"{W} at every step: the product of the single bounds). A straight line is exponential decay or growth; a "
        "triangle at the lower edge: exactly 0 from there on. Each panel has its own scale."
    )
    name = results.activations[activation]
    return Picture(f"decay-{file_name(name)}", f"Decay over the lag: {name}", caption, figure)


def rate_picture(results: Results, show_all: bool) -> Picture | None:
    """ln ||J_l|| / l across activations at the largest hidden size; None for a single lag, where there is no curve."""
    if len(results.lags) < 2:
        return None
    choices = choose_cells(results)
    ensembles = spread(len(results.ensembles), None if show_all else 4)
    activations = spread(len(results.activations), None if show_all else 8)
    size = len(results.hidden_sizes) - 1
    figure, grid = panel_grid(len(ensembles), len(choices), PANEL, MARGIN)
    for ensemble, axes_row in zip(ensembles, grid):
        for choice, axes in zip(choices, axes_row):
            for activation in activations:
                curve = read_curve(results, activation, ensemble, size, choice)
                if not curve.is_empty:
                    _draw_rate(axes, results.lags, curve, activation)
            _draw_conditions(results, axes, ensemble, size, choice)
            _finish(results, axes, ensemble, choice)
            _widen(axes, 0.05)
            if is_geometric(results.lags):
                axes.set_xscale("log", base=2)
                axes.set_xticks(results.lags[spread(len(results.lags), 10)])
                axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _label(grid, r"$\ln‖\,J_\ell‖_2\,/\,\ell$")
    handles = [
        Line2D([], [], **_activation_line(activation), label=literal(results.activations[activation]))
        for activation in activations
    ]
    legend_above(
        figure,
        [
            *handles,
            _bound_handle(r"$\ln(\gamma‖W‖_2)$"),
            Line2D([], [], color=INK, linestyle=":", label=r"$\ln(\gamma\rho(W))$"),
        ],
    )
    caption = (
        f"Growth per step over lag ℓ at <i>d</i> = {results.hidden_sizes[size]}, mean and range of the replicas. The "
        f"dashed line is the bound ln({GAMMA_NORM}); for the identity the rate falls from there to ln({GAMMA_RADIUS}), "
        f"dotted, as ℓ grows (Gelfand), the faster the more normal {W} is. Saturating activations fall further where "
        "states are large."
    )
    return Picture("rate", "From the bound to the spectral radius", caption, figure)


def _draw_curve(axes: Axes, lags: np.ndarray, curve: Curve, shade: object) -> None:
    if curve.is_empty:
        return
    marker = "o" if len(lags) < 3 else None
    finite = np.isfinite(curve.mean)
    axes.plot(lags, np.where(finite, curve.mean, np.nan), color=shade, marker=marker)
    axes.plot(
        lags, curve.bound, color=shade, linestyle=BOUND_STYLE, linewidth=1.0, marker=marker, markersize=3, alpha=0.8
    )
    banded = np.isfinite(curve.low) & np.isfinite(curve.high)
    axes.fill_between(lags, curve.low, curve.high, where=banded, color=shade, alpha=0.22, linewidth=0)
    zeros = np.isneginf(curve.mean)
    if zeros.any():
        axes.plot(lags[zeros][:1], [0.03], transform=axes.get_xaxis_transform(), color=shade, marker="v", clip_on=False)


def _draw_rate(axes: Axes, lags: np.ndarray, curve: Curve, activation: int) -> None:
    finite = np.isfinite(curve.mean)
    axes.plot(lags, np.where(finite, curve.mean / lags, np.nan), **_activation_line(activation))
    banded = np.isfinite(curve.low) & np.isfinite(curve.high)
    axes.fill_between(
        lags, curve.low / lags, curve.high / lags, where=banded, color=colour(activation), alpha=0.18, linewidth=0
    )


def _activation_line(activation: int) -> dict[str, object]:
    """Colour and style of an activation's line; styles tell apart those whose colour repeats."""
    return {"color": colour(activation), "linestyle": LINE_STYLES[activation // 8 % 4], "marker": "o", "markersize": 3}


def _draw_conditions(results: Results, axes: Axes, ensemble: int, size: int, choice: Choice) -> None:
    gamma = results.gammas[choice.gamma]
    for values, style in ((results.used_norm(ensemble, size), BOUND_STYLE), (results.used_radius(ensemble, size), ":")):
        finite = values[:, choice.radius][np.isfinite(values[:, choice.radius])]
        if finite.size and finite.mean() > 0:
            axes.axhline(np.log(gamma * finite.mean()), color=INK, linestyle=style, linewidth=1.1)


def _finish(results: Results, axes: Axes, ensemble: int, choice: Choice) -> None:
    rho = "as drawn" if results.native else f"= {number(results.radii[choice.radius])}"
    name = literal(results.ensembles[ensemble])
    axes.set_title(rf"{name}, $\rho$ {rho}, $\gamma$ = {number(results.gammas[choice.gamma])}")
    if not axes.lines:
        axes.text(0.5, 0.5, "nothing finished yet", transform=axes.transAxes, ha="center", color="#666666")


def _widen(axes: Axes, least: float) -> None:
    """Keeps differences by rounding from filling a panel: its vertical span is at least so much."""
    low, high = axes.get_ylim()
    if high - low < least:
        middle = 0.5 * (low + high)
        axes.set_ylim(middle - 0.5 * least, middle + 0.5 * least)


def _label(grid: np.ndarray, quantity: str) -> None:
    for axes in grid[-1]:
        axes.set_xlabel(r"lag $\ell$")
    for axes in grid[:, 0]:
        axes.set_ylabel(quantity)


def _bound_handle(label: str) -> Line2D:
    return Line2D([], [], color=INK, linestyle=BOUND_STYLE, linewidth=1.1, label=label)
