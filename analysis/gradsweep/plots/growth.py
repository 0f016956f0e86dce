"""Prediction against observation: growth rates beside ln(gamma rho), and what happens where the conditions disagree."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.results import Results
from .style import Picture, colour, legend_above, literal, marker, spread
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary
from .symbols import GAMMA_NORM, GAMMA_RADIUS, LOG_NORM, W

OBSERVATION_LABELS = {
    "shrinks": "never above 1",
    "transient": "grows first, shrinks in the end",
    "grows": "still growing",
}
OBSERVATION_COLOURS = {"shrinks": "#2166AC", "transient": "#F4A582", "grows": "#B2182B"}
COLUMNS = 3


def growth_picture(results: Results, summary: Summary, show_all: bool) -> Picture | None:
    """Scatter of growth_rate over ln(gamma rho), a panel an ensemble; None where no cell has both."""
    activations = spread(len(results.activations), None if show_all else 8)
    with_points = [
        ensemble
        for ensemble in range(len(results.ensembles))
        if any(summary.growth[activation][ensemble].count for activation in activations)
    ]
    ensembles = [with_points[position] for position in spread(len(with_points), None if show_all else 6)]
    if not ensembles:
        return None
    figure, panels = _panels(len(ensembles), 3.1)
    for axes, ensemble in zip(panels, ensembles):
        points = {activation: summary.growth[activation][ensemble].sample.points for activation in activations}
        _scatter(axes, points)
        _diagonal(axes, np.concatenate(list(points.values())))
        axes.set_title(literal(results.ensembles[ensemble]))
        axes.set_xlabel(r"predicted  $\ln(\gamma\,\rho(W))$")
    for axes in panels[::COLUMNS]:
        axes.set_ylabel(r"observed growth rate of $\ln‖\,J_\ell‖_2$")
    legend_above(
        figure,
        [*_activation_handles(results, activations), Line2D([], [], color="#444444", label="observed = predicted")],
    )
    sampled = any(len(row.sample.points) < row.count for rows in summary.growth for row in rows)
    note = "Drawn: an evenly spread sample of the cells; the table counts all of them." if sampled else ""
    caption = (
        f"Observed growth rate (least-squares slope of {LOG_NORM} over the last half of the lags) against the "
        f"prediction ln({GAMMA_RADIUS}) of the linear limit, one point a cell. The identity lies on the diagonal but "
        f"for the transient of non-normal {W}; nonlinear networks fall below it once large states saturate <i>σ</i>′."
    )
    return Picture("growth", "Predicted against observed growth", caption, figure, note)


def conditions_picture(results: Results, summary: Summary, show_all: bool) -> Picture | None:
    """The cells with gamma rho < 1 <= gamma ||W||: what was seen, as shares and as largest norms; None without any."""
    row = CONDITIONS.index("only_spectral")
    counts = summary.conditions[:, :, row, :]
    pairs = [(int(a), int(e)) for a, e in np.argwhere(counts.sum(axis=-1) > 0)]
    if not pairs:
        return None
    found = len(pairs)
    pairs = [pairs[position] for position in spread(found, None if show_all else 24)]
    note = f"Left: {len(pairs)} of {found} pairs of activation and ensemble." if len(pairs) < found else ""
    figure, (bars, scatter) = plt.subplots(
        1,
        2,
        figsize=(9.4, max(3.0, 1.2 + 0.27 * len(pairs))),
        layout="constrained",
        gridspec_kw={"width_ratios": [1.0, 1.15]},
    )
    _draw_shares(results, bars, pairs, counts)
    activations = sorted({activation for activation, _ in pairs})
    _scatter(
        scatter,
        {
            activation: np.concatenate([sample.points for sample in summary.disagreement[activation]])
            for activation in activations
        },
    )
    scatter.axhline(0.0, color="#444444", linewidth=0.8)
    scatter.set_xlabel(r"$\gamma\,\rho(W)$")
    scatter.set_ylabel(r"$\max_\ell\ \ln‖\,J_\ell‖_2$")
    scatter.set_title("largest norm over the lags")
    scatter.legend(handles=_activation_handles(results, activations), loc="best", fontsize=8)
    caption = (
        f"Cells where the two conditions disagree: {GAMMA_RADIUS} &lt; 1 but {GAMMA_NORM} ≥ 1. Left: their shares by "
        f"what was observed. Right: the largest {LOG_NORM} reached over the lags; above 0 the gradient grew although "
        "the spectral radius predicts that it vanishes."
    )
    return Picture("conditions", "Where the two conditions disagree", caption, figure, note)


def _draw_shares(results: Results, axes: Axes, pairs: list[tuple[int, int]], counts: np.ndarray) -> None:
    places = np.arange(len(pairs))
    totals = np.array([counts[pair].sum() for pair in pairs])
    left = np.zeros(len(pairs))
    for column, observation in enumerate(OBSERVATIONS):
        width = np.array([counts[pair][column] for pair in pairs]) / totals
        axes.barh(
            places,
            width,
            left=left,
            color=OBSERVATION_COLOURS[observation],
            height=0.72,
            edgecolor="white",
            linewidth=0.5,
        )
        left += width
    for place, total in zip(places, totals):
        axes.text(1.015, place, f"{total:,}", va="center", fontsize=8, color="#555555")
    axes.set_yticks(places, [f"{literal(results.activations[a])}, {literal(results.ensembles[e])}" for a, e in pairs])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the disagreeing cells (their number at the right)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    handles = [Patch(facecolor=OBSERVATION_COLOURS[name], label=OBSERVATION_LABELS[name]) for name in OBSERVATIONS]
    axes.legend(
        handles=handles,
        loc="lower center",
        bbox_to_anchor=(0.4, 1.0),
        ncol=1 if len(pairs) > 8 else 3,
        fontsize=8,
        handlelength=1.0,
        columnspacing=1.0,
    )


def _panels(count: int, side: float) -> tuple[plt.Figure, list[Axes]]:
    columns = min(COLUMNS, count)
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(0.5 + side * columns, 0.5 + side * rows), squeeze=False, layout="constrained"
    )
    panels = list(grid.ravel())
    for axes in panels[count:]:
        axes.set_visible(False)
    return figure, panels[:count]


def _scatter(axes: Axes, points: dict[int, np.ndarray]) -> None:
    """Points [n, 2] by activation, in its colour and marker."""
    crowded = sum(len(group) for group in points.values()) > 600
    for activation, group in points.items():
        axes.scatter(  # hollow, so that points on top of each other are still seen
            group[:, 0],
            group[:, 1],
            s=10 if crowded else 18,
            facecolors="none",
            edgecolors=colour(activation),
            linewidths=0.6 if crowded else 0.9,
            marker=marker(activation),
            rasterized=True,
        )


def _diagonal(axes: Axes, points: np.ndarray) -> None:
    low, high = points[:, 0].min(), points[:, 0].max()
    margin = 0.05 * max(high - low, 0.1)
    axes.plot([low - margin, high + margin], [low - margin, high + margin], color="#444444", linewidth=1.0, zorder=0)
    axes.axhline(0.0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axes.axvline(0.0, color="#BBBBBB", linewidth=0.6, zorder=0)


def _activation_handles(results: Results, activations: list[int]) -> list[Line2D]:
    return [
        Line2D(
            [],
            [],
            color=colour(activation),
            marker=marker(activation),
            linestyle="none",
            markerfacecolor="none",
            markersize=5,
            label=literal(results.activations[activation]),
        )
        for activation in activations
    ]
