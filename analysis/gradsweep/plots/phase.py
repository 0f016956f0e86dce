"""Phase diagrams: ln ||J_l||_2 / l over the plane (rho, gamma) and the conditions; a line where an axis is a point."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.results import DONE, FAILED, Results
from .style import (
    DIVERGING,
    UNFINISHED,
    Picture,
    cell_edges,
    colour,
    file_name,
    is_geometric,
    legend_above,
    literal,
    number,
    panel_grid,
    spread,
)
from .symbols import GAMMA_NORM, GAMMA_RADIUS, NORM_OF_W, RADIUS, W

SPECTRAL_LINE = {"color": "#000000", "linestyle": (0, (5, 2)), "linewidth": 1.3}
NORM_LINE = {"color": "#000000", "linestyle": (0, (1, 1.2)), "linewidth": 1.6}
ZERO_LINE = {"color": "#1B9E3E", "linestyle": "-", "linewidth": 2.2}


class Panel:
    """One (activation, ensemble, hidden_size): the rate over the plane, averaged over finished replicas."""

    def __init__(self, results: Results, activation: int, ensemble: int, hidden_size: int) -> None:
        lag = len(results.lags) - 1
        status = results.panel_status(activation, ensemble, hidden_size)
        values = results.panel_at_lag("log_jacobian_norm", activation, ensemble, hidden_size, lag) / results.lags[lag]
        done = status == DONE
        values[~done] = np.nan
        count = done.sum(axis=0)
        with np.errstate(invalid="ignore"):
            self.mean = np.where(done, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)  # -inf stays -inf
        empty = count == 0
        self.low = np.where(empty, np.nan, np.where(done, values, np.inf).min(axis=0))
        self.high = np.where(empty, np.nan, np.where(done, values, -np.inf).max(axis=0))
        self.failed = empty & (status == FAILED).any(axis=0)
        self.title = f"{literal(results.ensembles[ensemble])}, $d$ = {results.hidden_sizes[hidden_size]}"
        radius, norm = results.used_radius(ensemble, hidden_size), results.used_norm(ensemble, hidden_size)
        self.radius = _mean(radius[:, 0]) if results.native else np.nan
        with np.errstate(divide="ignore", invalid="ignore"):
            self.norm_over_radius = _mean((norm / radius)[:, 0])  # the same for every rho: W is only rescaled
        self.norm = _mean(norm[:, 0])
        self.tied = bool(np.isfinite(self.norm))


def phase_pictures(results: Results, largest_rate: float, show_all: bool) -> Iterator[Picture]:
    """One figure an activation: rows are ensembles, columns hidden sizes. All share one scale, up to largest_rate."""
    ensembles = spread(len(results.ensembles), None if show_all else 6)
    sizes = spread(len(results.hidden_sizes), None if show_all else 4)
    norm = rate_scale(largest_rate)
    for activation in spread(len(results.activations), None if show_all else 6):
        panels = [[Panel(results, activation, ensemble, size) for size in sizes] for ensemble in ensembles]
        yield _picture(results, results.activations[activation], panels, norm)


def rate_scale(largest: float) -> FuncNorm:
    """Colours symmetric about 0 in the signed square root of the rate, so that slow growth shows beside fast decay."""
    limit = largest if largest > 0 else 1.0
    return FuncNorm(
        (lambda rate: np.sign(rate) * np.sqrt(np.abs(rate)), lambda root: np.sign(root) * root**2), -limit, limit
    )


def _rate_ticks(limit: float) -> list[float]:
    """About nine round rates, denser near 0 as the scale is."""
    decade = 10.0 ** np.floor(np.log10(limit))
    steps = [
        step
        for step in (0.02 * decade, 0.1 * decade, 0.5 * decade, decade, 2 * decade, 4 * decade, 6 * decade)
        if step <= 1.001 * limit
    ]
    kept = [step for step in steps if np.sqrt(step / limit) > 0.12]
    return [-step for step in reversed(kept)] + [0.0, *kept]


def _picture(results: Results, activation: str, panels: list[list[Panel]], norm: Normalize) -> Picture:
    is_plane = len(results.radii) > 1 and len(results.gammas) > 1
    rows, columns = len(panels), len(panels[0])
    figure, grid = panel_grid(rows, columns, (2.75, 2.25), (1.2, 0.9), share_y=is_plane)
    for row, axes_row in zip(panels, grid):
        for panel, axes in zip(row, axes_row):
            axes.set_title(panel.title)
    lag = results.lags[-1]
    rate = rf"$\ln‖\,J_{{{lag}}}‖_2\,/\,{lag}$"
    if is_plane:
        _draw_planes(results, figure, grid, panels, rate, norm)
    else:
        _draw_lines(results, figure, grid, panels, rate)
    return Picture(
        f"phase-{file_name(activation)}",
        f"Phase diagram: {activation}",
        _caption(results, is_plane),
        figure,
        _note(panels, is_plane),
    )


def _draw_planes(
    results: Results, figure: plt.Figure, grid: np.ndarray, panels: list[list[Panel]], rate: str, norm: Normalize
) -> None:
    for row, axes_row in zip(panels, grid):
        for panel, axes in zip(row, axes_row):
            _draw_plane(results, axes, panel, norm)
    colours = plt.cm.ScalarMappable(norm, DIVERGING)
    bar = figure.colorbar(
        colours,
        ax=grid,
        shrink=min(1.0, 1.9 / len(panels) ** 0.5),
        aspect=24,
        pad=0.015,
        ticks=_rate_ticks(norm.vmax),
        format="%g",
    )
    bar.set_label(rate + "   (vanishing < 0 < exploding)")
    for axes in grid[-1]:
        axes.set_xlabel(r"spectral radius $\rho(W)$")
    for axes in grid[:, 0]:
        axes.set_ylabel(r"derivative bound $\gamma$")
    handles = [
        Line2D([], [], **ZERO_LINE, label=rate + " = 0"),
        Line2D([], [], **SPECTRAL_LINE, label=r"$\gamma\,\rho(W) = 1$"),
        Line2D([], [], **NORM_LINE, label=r"$\gamma\,‖W‖_2 = 1$"),
    ]
    all_panels = [panel for row in panels for panel in row]
    if any(np.isneginf(panel.mean).any() for panel in all_panels):
        handles.append(Patch(facecolor="#053061", edgecolor="white", hatch="..", label=r"$J_\ell = 0$ exactly"))
    if any(panel.failed.any() for panel in all_panels):
        handles.append(Patch(facecolor=UNFINISHED, edgecolor="#555555", hatch="xxx", label="failed"))
    if any((np.isnan(panel.mean) & ~panel.failed).any() for panel in all_panels):
        handles.append(Patch(facecolor=UNFINISHED, label="pending"))
    legend_above(figure, handles)


def _draw_plane(results: Results, axes: Axes, panel: Panel, norm: Normalize) -> None:
    radii, gammas = results.radii, results.gammas
    scales = is_geometric(radii), is_geometric(gammas)
    x, y = cell_edges(radii, scales[0]), cell_edges(gammas, scales[1])
    values = panel.mean.T  # rows are gamma
    axes.set_facecolor(UNFINISHED)
    shown = np.ma.masked_invalid(np.where(np.isneginf(values), norm.vmin, values))
    axes.pcolormesh(x, y, shown, cmap=DIVERGING, norm=norm, rasterized=True)
    for mask, hatch, edge in ((np.isneginf(values), "..", "white"), (panel.failed.T, "xxx", "#555555")):
        if mask.any():
            _hatch(axes, x, y, mask, hatch, edge)
    clipped = np.ma.masked_invalid(np.clip(values, norm.vmin, norm.vmax))
    if clipped.count() and clipped.min() < 0 < clipped.max():
        axes.contour(radii, gammas, clipped, levels=[0.0], colors=ZERO_LINE["color"], linewidths=ZERO_LINE["linewidth"])
    if panel.tied:
        curve = np.geomspace(max(x[0], 1e-300), x[-1], 200) if x[0] > 0 else np.linspace(x[-1] / 200, x[-1], 200)
        axes.plot(curve, 1.0 / curve, **SPECTRAL_LINE)
        axes.plot(curve, 1.0 / (curve * panel.norm_over_radius), **NORM_LINE)
    axes.set_xscale("log" if scales[0] else "linear")
    axes.set_yscale("log" if scales[1] else "linear")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def _hatch(axes: Axes, x: np.ndarray, y: np.ndarray, mask: np.ndarray, hatch: str, edge: str) -> None:
    cells = axes.pcolor(x, y, np.ma.masked_where(~mask, np.ones(mask.shape)), hatch=hatch)
    cells.set_array(None)
    cells.set_facecolor("none")
    cells.set_edgecolor(edge)
    cells.set_linewidth(0.0)


def _draw_lines(results: Results, figure: plt.Figure, grid: np.ndarray, panels: list[list[Panel]], rate: str) -> None:
    """An axis of one point: the rate along the other one, mean and range of the replicas."""
    along_radius = len(results.radii) > 1
    x = results.radii if along_radius else results.gammas
    fixed = results.gammas[0] if along_radius else results.radii[0]
    for row, axes_row in zip(panels, grid):
        for panel, axes in zip(row, axes_row):
            low, mean, high = (value.reshape(-1) for value in (panel.low, panel.mean, panel.high))
            finite = np.isfinite(low) & np.isfinite(high)
            axes.axhline(0.0, color=ZERO_LINE["color"], linewidth=1.2)
            axes.fill_between(x, low, high, where=finite, color=colour(0), alpha=0.2, linewidth=0)
            axes.plot(x, np.where(np.isfinite(mean), mean, np.nan), color=colour(0), marker="o", markersize=4)
            radius, bound = (panel.radius, panel.norm) if results.native else (fixed, fixed * panel.norm_over_radius)
            for factor, line in ((radius, SPECTRAL_LINE), (bound, NORM_LINE)):
                if panel.tied and len(x) > 1 and x[0] * factor <= 1.0 <= x[-1] * factor:
                    axes.axvline(1.0 / factor, **line)
            if not finite.any():
                text = (
                    "failed"
                    if panel.failed.any()
                    else r"$J_\ell = 0$ exactly"
                    if np.isneginf(mean).any()
                    else "pending"
                )
                axes.text(0.5, 0.65, text, transform=axes.transAxes, ha="center", color="#666666")
            if len(x) == 1:
                axes.set_xticks(x)
    for axes in grid[-1]:
        axes.set_xlabel(r"spectral radius $\rho(W)$" if along_radius else r"derivative bound $\gamma$")
    for axes in grid[:, 0]:
        axes.set_ylabel(rate)
    handles = [
        Line2D([], [], color=colour(0), marker="o", markersize=4, label="mean of the replicas"),
        Patch(facecolor=colour(0), alpha=0.2, label="their range"),
        Line2D([], [], **SPECTRAL_LINE, label=r"$\gamma\,\rho(W) = 1$"),
        Line2D([], [], **NORM_LINE, label=r"$\gamma\,‖W‖_2 = 1$"),
    ]
    legend_above(figure, handles)


def _caption(results: Results, is_plane: bool) -> str:
    lag = results.lags[-1]
    rate = f"ln‖<i>J</i><sub>{lag}</sub>‖<sub>2</sub> / {lag}"
    replicas = f"mean of {len(results.replicas)} replicas" if len(results.replicas) > 1 else "one replica"
    conditions = (
        f"Dashed: {GAMMA_RADIUS} = 1, the condition on the linear limit. Dotted: {GAMMA_NORM} = 1 ({NORM_OF_W} "
        "averaged over replicas), below which vanishing is guaranteed at every step."
    )
    if is_plane:
        return (
            f"Growth rate {rate} of the Jacobian product at the longest lag, {replicas}. Blue vanishes, red explodes, "
            "the solid green contour is 0; the colour scale goes with the square root and is the same in all phase "
            f"diagrams. {conditions}"
        )
    where = f"{W} as drawn (native)" if results.native else f"{RADIUS} = {number(results.radii[0])}"
    if len(results.radii) > 1:
        where = f"<i>γ</i> = {number(results.gammas[0])}"
    return (
        f"Growth rate {rate} of the Jacobian product at the longest lag, {replicas}; one axis of the grid has one "
        f"point ({where}), so the plane is a line. {conditions}"
    )


def _note(panels: list[list[Panel]], is_plane: bool) -> str:
    if all(panel.tied for row in panels for panel in row):
        return ""
    what = "lines of the two conditions" if is_plane else "vertical lines"
    return f"Panels without the {what}: no single {W} there (a fresh one at every step), or its norm is still pending."


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
