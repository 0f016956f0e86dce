"""Maps over the plane (rho, gamma) beside the phase diagrams: cancellation, and where the two conditions disagree."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from .growth import OBSERVATION_COLOURS, OBSERVATION_LABELS
from .phase import NORM_LINE, SPECTRAL_LINE, Panel
from ..data.results import DONE, UNSET_FLAG, Results
from .style import (
    MARKERS,
    SEQUENTIAL,
    UNFINISHED,
    Picture,
    cell_edges,
    colour,
    is_geometric,
    legend_above,
    literal,
    panel_grid,
    spread,
)
from ..data.summary import OBSERVATIONS, ROUNDING
from .symbols import GAMMA_NORM, GAMMA_RADIUS, LOG_NORM

ENSEMBLES, ACTIVATIONS = 5, 4
PANEL, MARGIN = (2.6, 2.2), (1.2, 0.8)  # inches
GROWTH_LINE = {"colors": "#E34A33", "linewidths": 2.0}
TOTAL = "Σ<sub><i>t</i></sub> ∂<i>ε<sub>t</sub></i>/∂<i>W</i>"
# The colours of agreement step back behind those of what was observed where the conditions disagree.
AGREE_VANISHING, AGREE_GROWING, UNKNOWN = "#DCE6EF", "#F7E9E1", UNFINISHED


def cancellation_picture(results: Results, show_all: bool) -> Picture | None:
    """||sum of contributions|| / sum of their norms over the plane, with contours of the total gradient."""
    if "cancellation" not in results.file:
        return None
    return _cancellation_plane(results, show_all) if _is_plane(results) else _cancellation_lines(results, show_all)


def conditions_map_picture(results: Results, show_all: bool) -> Picture | None:
    """What the conditions say over the plane, and what was observed where they disagree; None without a plane, a single
    W, or any disagreement."""
    needed = ("vanishing_guaranteed", "spectral_condition", "growth_rate")
    if not _is_plane(results) or any(name not in results.file for name in needed):
        return None
    activations, ensembles, size = _selection(results, show_all)
    kept = [ensemble for ensemble in ensembles if results.has_single_weight(ensemble)]
    codes = {(e, a): _condition_codes(results, a, e, size) for e in kept for a in activations}
    if not any((values >= 3).any() for values in codes.values()):
        return None
    figure, grid = panel_grid(len(kept), len(activations), PANEL, MARGIN, share_y=True)
    colours = [UNKNOWN, AGREE_VANISHING, AGREE_GROWING, *(OBSERVATION_COLOURS[name] for name in OBSERVATIONS)]
    for row, ensemble in enumerate(kept):
        for column, activation in enumerate(activations):
            axes = grid[row, column]
            x, y = _edges(results)
            axes.pcolormesh(
                x, y, codes[ensemble, activation].T, cmap=ListedColormap(colours), vmin=-0.5, vmax=5.5, rasterized=True
            )
            _finish_plane(results, axes, Panel(results, activation, ensemble, size))
    _label_plane(grid, results, kept, activations)
    seen = [
        Patch(facecolor=OBSERVATION_COLOURS[name], label=f"disagree: {OBSERVATION_LABELS[name]}")
        for name in OBSERVATIONS
    ]
    said = [
        Patch(facecolor=AGREE_VANISHING, label="both say: vanishes"),
        Patch(facecolor=AGREE_GROWING, label="neither says so"),
    ]
    legend_above(figure, [*seen, *said, *_condition_handles()])
    caption = (
        f"Strong colours: cells where {GAMMA_RADIUS} &lt; 1 but {GAMMA_NORM} ≥ 1, by what was observed over the "
        f"measured lags (<i>d</i> = {results.hidden_sizes[size]}; where replicas differ, the one that grows most "
        f"counts). Dark blue: {LOG_NORM} is never above 0, the guarantee was only too cautious; light red: the "
        "gradient "
        "grows before it vanishes; dark red: it still grows at the longest lags, as no linear network can in the "
        "limit. Pale: "
        "the conditions agree."
    )
    return Picture("conditions-map", "Where the two conditions disagree: the plane", caption, figure)


def _condition_codes(results: Results, activation: int, ensemble: int, size: int) -> np.ndarray:
    """[spectral_radius, gamma]: 0 unknown, 1 both conditions hold, 2 neither does, 3.. only the spectral one, by
    observation; the largest over the replicas."""
    codes = np.zeros(results.shape[3:], int)
    for block in results.panel_blocks(activation, ensemble, size):
        sure, spectral = results.read("vanishing_guaranteed", block), results.read("spectral_condition", block)
        rate = results.read("growth_rate", block)
        known = (results.read("status", block) == DONE) & (sure != UNSET_FLAG) & (spectral != UNSET_FLAG)
        peak = results.read("log_jacobian_norm", block).max(axis=-1)
        with np.errstate(invalid="ignore"):
            seen = np.where(rate > ROUNDING, 5, np.where(peak > ROUNDING, 4, 3))
        found = np.where(sure == 1, 1, np.where(spectral == 0, 2, seen))
        codes[block.replicas, block.radii] = np.where(known, found, 0)
    return codes.max(axis=0)


def _cancellation_plane(results: Results, show_all: bool) -> Picture | None:
    activations, ensembles, size = _selection(results, show_all)
    ensembles = [ensemble for ensemble in ensembles if results.has_single_weight(ensemble)]
    values = {(e, a): _geometric_mean(results, a, e, size) for e in ensembles for a in activations}
    known = [panel[np.isfinite(panel)] for panel in values.values()]
    known = np.concatenate(known) if known else np.empty(0)
    if not known.size:
        return None
    norm = LogNorm(min(0.1, float(np.exp(known.min()))), 1.0)
    figure, grid = panel_grid(len(ensembles), len(activations), PANEL, MARGIN, share_y=True)
    for row, ensemble in enumerate(ensembles):
        for column, activation in enumerate(activations):
            axes, logarithms = grid[row, column], values[ensemble, activation]
            panel = Panel(results, activation, ensemble, size)
            axes.set_facecolor(UNFINISHED)
            shown = np.ma.masked_invalid(np.exp(np.maximum(logarithms, np.log(norm.vmin))))
            axes.pcolormesh(*_edges(results), shown.T, cmap=SEQUENTIAL, norm=norm, rasterized=True)
            _draw_total(results, axes, panel, activation, ensemble, size)
            _finish_plane(results, axes, panel, lines=False)
    _label_plane(grid, results, ensembles, activations)
    ticks = [value for value in (0.001, 0.01, 0.1, 0.2, 0.5, 1.0) if value >= norm.vmin]
    bar = figure.colorbar(
        plt.cm.ScalarMappable(norm, SEQUENTIAL), ax=grid, shrink=0.85, aspect=28, pad=0.015, ticks=ticks, format="%g"
    )
    bar.minorticks_off()
    bar.set_label(r"cancellation  $‖\sum_k C_k‖_F\,/\,\sum_k ‖C_k‖_F$   (logarithmic scale)")
    handles = [
        Line2D([], [], color="#999999", linewidth=1.0, label=r"$\ln‖\,\sum_t\,\partial\varepsilon_t/\partial W\,‖_F$"),
        Line2D([], [], color=GROWTH_LINE["colors"], linewidth=2.0, label=r"$\ln‖\,J_\ell‖_2 = 0$ at the longest lag"),
    ]
    legend_above(figure, handles)
    caption = _cancellation_caption(results, size) + (
        f" White, with their values: contours of ln‖{TOTAL}‖<sub>F</sub>, the gradient of the total loss. Red: where "
        f"{LOG_NORM} at the longest lag is 0: below and to the left distant contributions vanish and the total "
        "gradient stays "
        "bounded as <i>T</i> grows; above and to the right it explodes, as far as contributions do not cancel. Grey: "
        "unfinished, or all "
        "contributions are 0."
    )
    return Picture("cancellation", "How much of the gradient cancels", caption, figure)


def _cancellation_caption(results: Results, size: int) -> str:
    return (
        "Cancellation ‖Σ<sub><i>k</i></sub> <i>C<sub>k</sub></i>‖<sub>F</sub> / Σ<sub><i>k</i></sub> "
        "‖<i>C<sub>k</sub></i>‖<sub>F</sub> of the contributions to ∂<i>ε<sub>T</sub></i>/∂<i>W</i>, on a logarithmic "
        "scale: 1 means that all point the same way; the smaller, the more they cancel, so that a large contribution "
        f"need not make a large gradient (<i>d</i> = {results.hidden_sizes[size]}, geometric mean of the replicas)."
    )


def _draw_total(results: Results, axes: Axes, panel: Panel, activation: int, ensemble: int, size: int) -> None:
    """Contours of the total gradient, and where ||J_l|| turns from vanishing to exploding."""
    total = _mean_over_replicas(results, "log_total_gradient_norm", activation, ensemble, size)
    if np.isfinite(total).sum() > 3 and np.ptp(total[np.isfinite(total)]) > 1e-6:
        levels = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(np.nanmin(total), np.nanmax(total))
        lines = axes.contour(
            results.radii,
            results.gammas,
            np.ma.masked_invalid(total.T),
            levels=levels,
            colors="white",
            linewidths=0.8,
            linestyles="-",
        )
        axes.clabel(lines, fontsize=6.5, fmt="%g")
    rate = panel.mean.T
    if np.isfinite(rate).any() and np.nanmin(rate) < 0 < np.nanmax(rate):
        rate = np.ma.masked_invalid(np.maximum(rate, -1e3))  # a product that is exactly 0 lies on the vanishing side
        axes.contour(results.radii, results.gammas, rate, levels=[0.0], **GROWTH_LINE)


def _cancellation_lines(results: Results, show_all: bool) -> Picture | None:
    """One axis is a point: a panel an ensemble, a line an activation."""
    activations, ensembles, size = _selection(results, show_all)
    along_radius = len(results.radii) > 1
    x = results.radii if along_radius else results.gammas
    figure, grid = plt.subplots(
        1,
        len(ensembles),
        figsize=(1.0 + 2.7 * max(2, len(ensembles)), 2.9),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    drawn = False
    for axes, ensemble in zip(grid[0], ensembles):
        for activation in activations:
            with np.errstate(invalid="ignore"):
                values = np.exp(_geometric_mean(results, activation, ensemble, size)).reshape(-1)
            drawn |= bool(np.isfinite(values).any())
            axes.plot(x, values, color=colour(activation), marker=MARKERS[activation % len(MARKERS)], markersize=4)
        axes.set_title(literal(results.ensembles[ensemble]))
        axes.set_xlabel(r"spectral radius $\rho(W)$" if along_radius else r"derivative bound $\gamma$")
        if len(x) == 1:
            axes.set_xticks(x)
    if not drawn:
        plt.close(figure)
        return None
    grid[0, 0].set_yscale("log")
    grid[0, 0].set_ylabel(r"$‖\sum_k C_k‖_F\,/\,\sum_k ‖C_k‖_F$")
    legend_above(
        figure,
        [
            Line2D([], [], color=colour(a), marker=MARKERS[a % len(MARKERS)], label=literal(results.activations[a]))
            for a in activations
        ],
    )
    return Picture("cancellation", "How much of the gradient cancels", _cancellation_caption(results, size), figure)


def _geometric_mean(results: Results, activation: int, ensemble: int, size: int) -> np.ndarray:
    """Mean over the replicas of ln cancellation, [spectral_radius, gamma]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return _mean_over_replicas(results, "cancellation", activation, ensemble, size, np.log)


def _mean_over_replicas(
    results: Results, name: str, activation: int, ensemble: int, size: int, function=lambda values: values
) -> np.ndarray:
    if name not in results.file:
        return np.full(results.shape[4:], np.nan)
    values = function(results.file[name][activation, ensemble, size])
    values[results.panel_status(activation, ensemble, size) != DONE] = np.nan
    return _nan_mean(values)


def _nan_mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is a number; -inf stays -inf."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.where(known, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)


def _is_plane(results: Results) -> bool:
    return len(results.radii) > 1 and len(results.gammas) > 1


def _selection(results: Results, show_all: bool) -> tuple[list[int], list[int], int]:
    """Activations, ensembles, and the largest hidden size."""
    activations = spread(len(results.activations), None if show_all else ACTIVATIONS)
    return activations, spread(len(results.ensembles), None if show_all else ENSEMBLES), len(results.hidden_sizes) - 1


def _edges(results: Results) -> tuple[np.ndarray, np.ndarray]:
    return tuple(cell_edges(values, is_geometric(values)) for values in (results.radii, results.gammas))


def _finish_plane(results: Results, axes: Axes, panel: Panel, lines: bool = True) -> None:
    x, y = _edges(results)
    if lines and panel.tied:
        curve = np.geomspace(x[0], x[-1], 200) if x[0] > 0 else np.linspace(x[-1] / 200, x[-1], 200)
        axes.plot(curve, 1.0 / curve, **SPECTRAL_LINE)
        axes.plot(curve, 1.0 / (curve * panel.norm_over_radius), **NORM_LINE)
    axes.set_xscale("log" if is_geometric(results.radii) else "linear")
    axes.set_yscale("log" if is_geometric(results.gammas) else "linear")
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[0], y[-1])


def _label_plane(grid: np.ndarray, results: Results, ensembles: list[int], activations: list[int]) -> None:
    for row, ensemble in zip(grid, ensembles):
        for axes, activation in zip(row, activations):
            axes.set_title(f"{literal(results.activations[activation])}, {literal(results.ensembles[ensemble])}")
    for axes in grid[-1]:
        axes.set_xlabel(r"spectral radius $\rho(W)$")
    for axes in grid[:, 0]:
        axes.set_ylabel(r"derivative bound $\gamma$")


def _condition_handles() -> list[Line2D]:
    return [
        Line2D([], [], **SPECTRAL_LINE, label=r"$\gamma\,\rho(W) = 1$"),
        Line2D([], [], **NORM_LINE, label=r"$\gamma\,‖W‖_2 = 1$"),
    ]
