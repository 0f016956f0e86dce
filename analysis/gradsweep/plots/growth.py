"""Prediction against observation: growth rates beside ln(gamma rho), and what happens where the conditions disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.selection import NothingToDraw, labels, select, spread
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary, summarize
from .figure import Description, Panels
from .style import colour, literal, marker
from .symbols import GAMMA_NORM, GAMMA_RADIUS, LOG_NORM, W

OBSERVATION_LABELS = {
    "shrinks": "never above 1",
    "transient": "grows first, shrinks in the end",
    "grows": "still growing",
}
OBSERVATION_COLOURS = {"shrinks": "#4393C3", "transient": "#FDDBC7", "grows": "#8C0D25"}  # three greys, too
COLUMNS = 3
LEGEND_COLUMNS, LEGEND_ROW = 3, 0.19  # beside each other; inches
MOST_ACTIVATIONS, MOST_ENSEMBLES, MOST_PAIRS = 8, 6, 24


def plot_growth(
    dataset: xr.Dataset, *, summary: Summary | None = None, everything: bool = False, **selection: Any
) -> Figure:
    """How far growth rates lie from ln(gamma rho(W)), over that, a point a cell, a panel an ensemble; of many cells an even
    sample. `summary`: that of the selection, if it is known. `selection`: values of axes, as in gradsweep.select."""
    dataset = select(dataset, **selection)
    summary = summary or summarize(dataset)
    names = {axis: [str(name) for name in labels(dataset, axis)] for axis in ("activation", "ensemble")}
    activations = spread(len(names["activation"]), None if everything else MOST_ACTIVATIONS)
    with_points = [e for e in range(len(names["ensemble"])) if any(summary.growth[a][e].count for a in activations)]
    ensembles = [with_points[at] for at in spread(len(with_points), None if everything else MOST_ENSEMBLES)]
    if not ensembles:
        raise NothingToDraw("no finished cell has both a growth rate and a prediction ln(gamma rho)")
    if sum(summary.growth[a][e].count for a in activations for e in ensembles) < 2:
        raise NothingToDraw("one cell alone has a growth rate and a prediction: the two numbers say it all")
    columns = min(COLUMNS, len(ensembles))
    panels = Panels(-(-len(ensembles) // columns), columns, width=2.7, height=2.5, share_y=True)
    reach, deep = [np.inf, -np.inf], [0.0, 0.0]
    for ensemble, (_, _, axes) in zip(ensembles, panels):
        points = {activation: _deviation(summary.growth[activation][ensemble].sample.points) for activation in activations}
        _scatter(axes, points)
        together = np.concatenate(list(points.values()))
        reach = [min(reach[0], together[:, 0].min()), max(reach[1], together[:, 0].max())]
        deep = [min(deep[0], together[:, 1].min()), max(deep[1], together[:, 1].max())]
        axes.text(0.03, 0.03, literal(names["ensemble"][ensemble]), transform=axes.transAxes, ha="left", va="bottom")
    for position, (_, _, axes) in enumerate(panels):
        axes.set_visible(position < len(ensembles))
        _edge(axes, reach, deep)
    sampled = any(len(row.sample.points) < row.count for rows in summary.growth for row in rows)
    note = "Drawn: an evenly spread sample of the cells; the table counts all of them." if sampled else ""
    caption = (
        f"How far the observed growth rate (least-squares slope of {LOG_NORM} over the last half of the lags, per step) lies "
        f"from the prediction ln({GAMMA_RADIUS}) of the linear limit, over that, one point a cell. The identity lies on 0 but "
        f"for the transient of non-normal {W}; nonlinear networks fall below it once large states saturate <i>σ</i>′. On the "
        "falling line the observed rate is 0: below it gradients vanish."
    )
    seen = [a for a in activations if any(summary.growth[a][e].count for e in ensembles)]
    handles = [*_activation_handles(names["activation"], seen)]
    handles.append(Line2D([], [], color="#444444", label="observed rate 0"))
    description = Description("growth", "Predicted against observed growth", caption, note)
    x, y = r"predicted  $\ln(\gamma\,\rho(W))$", "observed minus predicted, per step"
    return panels.finish(x, y, handles, description)


def plot_conditions(
    dataset: xr.Dataset, *, summary: Summary | None = None, everything: bool = False, **selection: Any
) -> Figure:
    """The cells with gamma rho(W) < 1 <= gamma ||W||_2: what was observed there, as shares, and the largest ln ||J_l||_2 over
    the lags. `summary`: that of the selection, if it is known. `selection`: values of axes, as in gradsweep.select."""
    dataset = select(dataset, **selection)
    summary = summary or summarize(dataset)
    counts = summary.conditions[:, :, CONDITIONS.index("only_spectral"), :]
    pairs = [(int(a), int(e)) for a, e in np.argwhere(counts.sum(axis=-1) > 0)]
    if not pairs:
        raise NothingToDraw("in no finished cell do the two conditions disagree")
    found = len(pairs)
    activations = sorted({activation for activation, _ in pairs})
    pairs = [pairs[position] for position in spread(found, None if everything else MOST_PAIRS)]
    note = f"Left: {len(pairs)} of {found} pairs of activation and ensemble." if len(pairs) < found else ""
    names = {axis: [str(name) for name in labels(dataset, axis)] for axis in ("activation", "ensemble")}
    if counts.sum() == 1:
        raise NothingToDraw("in one finished cell alone do the two conditions disagree: the table of the conditions has it")
    kinds = [name for column, name in enumerate(OBSERVATIONS) if counts[..., column].any()]
    caption = f"Cells where the two conditions disagree: {GAMMA_RADIUS} &lt; 1 but {GAMMA_NORM} ≥ 1"
    room = 0.1 + LEGEND_ROW * -(-len(activations) // LEGEND_COLUMNS)  # for the legend
    if len(kinds) == 1:  # bars would all be full
        figure = Figure(figsize=(5.6, 2.9 + room))
        height = figure.get_figheight()
        scatter = figure.add_axes((0.14, 0.5 / height, 0.83, 1 - (0.55 + room) / height))
        caption += f"; all {counts.sum():,}: {OBSERVATION_LABELS[kinds[0]]}. The"
        note = ""
    else:
        height = max(2.5, 0.8 + 0.27 * len(pairs)) + room
        figure = Figure(figsize=(9.4, height))
        bars = figure.add_axes((0.2, 0.5 / height, 0.28, 1 - (0.55 + room) / height))
        scatter = figure.add_axes((0.6, 0.5 / height, 0.38, 1 - (0.55 + room) / height))
        _draw_shares(bars, [f"{literal(names['activation'][a])}, {literal(names['ensemble'][e])}" for a, e in pairs],
                     np.array([counts[pair] for pair in pairs]))  # fmt: skip
        _legend(bars, [Patch(facecolor=OBSERVATION_COLOURS[name], label=OBSERVATION_LABELS[name]) for name in kinds])
        caption += ". Left: their shares by what was observed. Right: the"
    _scatter(scatter, {a: np.concatenate([sample.points for sample in summary.disagreement[a]]) for a in activations})
    scatter.axhline(0.0, color="#444444", linewidth=0.8)
    scatter.set_xlabel(r"$\gamma\,\rho(W)$")
    scatter.set_ylabel(r"$\max_\ell\ \ln‖\,J_\ell‖_2$")
    scatter.margins(x=0.06)
    _legend(scatter, _activation_handles(names["activation"], activations))
    caption += (
        f" largest {LOG_NORM} reached over the lags; above 0 the gradient grew although the spectral radius predicts that it vanishes."
    )
    figure.description = Description("conditions", "Where the two conditions disagree", caption, note)
    return figure


def _legend(axes: Axes, handles: list[Any]) -> None:
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=LEGEND_COLUMNS, frameon=False, fontsize=8,
                handlelength=1.0, columnspacing=1.0)  # fmt: skip


def _draw_shares(axes: Axes, names: list[str], counts: np.ndarray) -> None:
    """Bars of the shares of counts [pair, observation]."""
    places, totals, left = np.arange(len(names)), counts.sum(axis=1), np.zeros(len(names))
    for column in np.flatnonzero(counts.any(axis=0)):
        width, shade = counts[:, column] / totals, OBSERVATION_COLOURS[OBSERVATIONS[column]]
        axes.barh(places, width, left=left, color=shade, height=0.72, edgecolor="white", linewidth=0.5)
        left += width
    for place, total in zip(places, totals):
        axes.text(1.015, place, f"{total:,}", va="center", fontsize=8, color="#555555")
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the disagreeing cells (their number at the right)")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _scatter(axes: Axes, points: dict[int, np.ndarray]) -> None:
    """Points [n, 2] by activation, in its colour and marker."""
    crowded = sum(len(group) for group in points.values()) > 600
    for below, (activation, group) in zip(reversed(range(len(points))), points.items()):
        # Hollow, and the larger the further below, so that points on top of each other are still seen.
        size = (10 if crowded else 18) * (1.0 + 0.5 * min(below, 3))
        axes.scatter(
            group[:, 0], group[:, 1], s=size, facecolors="none", edgecolors=colour(activation),
            linewidths=0.6 if crowded else 0.9, marker=marker(activation), rasterized=True,
        )  # fmt: skip


def _deviation(points: np.ndarray) -> np.ndarray:
    """(predicted, observed) as (predicted, observed - predicted)."""
    return np.column_stack([points[:, 0], points[:, 1] - points[:, 0]])


def _edge(axes: Axes, reach: list[float], deep: list[float]) -> None:
    """Where the observed rate is 0, and the axes through 0; the panels span the points."""
    margin_x, margin_y = 0.05 * max(reach[1] - reach[0], 0.1), 0.08 * max(deep[1] - deep[0], 0.05)
    span = np.array([reach[0] - margin_x, reach[1] + margin_x])
    axes.plot(span, -span, color="#444444", linewidth=1.0, zorder=0)
    axes.axhline(0.0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axes.axvline(0.0, color="#BBBBBB", linewidth=0.6, zorder=0)
    axes.set_xlim(*span)
    axes.set_ylim(deep[0] - margin_y, deep[1] + margin_y)


def _activation_handles(names: list[str], activations: list[int]) -> list[Line2D]:
    style = {"linestyle": "none", "markerfacecolor": "none", "markersize": 5}
    return [Line2D([], [], color=colour(a), marker=marker(a), label=literal(names[a]), **style) for a in activations]
