"""Curves of means over the replicas: their bands, their exact zeros, and those that lie on each other."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from .figure import Panels
from .view import band_of_done, mean_of_done

GONE = "_gone"  # the label of triangles where something is exactly 0
CURVE = "_curve"  # the label of what part_coinciding looks at; not in legends
HAIR, DASH = 0.008, 3.0  # of a panel's height; in widths of the line
TURNS = " Curves that coincide take turns, each with dashes in the others' gaps."
FEW_POINTS = 3  # that need markers to be seen


def draw_mean(axes: Axes, x: np.ndarray, values: np.ndarray, style: dict[str, object]) -> np.ndarray:
    """The mean of values [replica, x] as a curve with the band of its replicas, and a triangle where it first is exactly 0
    (-inf). Returns that mean; nothing is drawn where all of it is NaN."""
    mean = mean_of_done(values)
    if np.isnan(mean).all():
        return mean
    few = {"marker": "o", "markersize": 3} if np.isfinite(mean).sum() < FEW_POINTS else {}
    axes.plot(x, np.where(np.isfinite(mean), mean, np.nan), label=CURVE, **{**few, **style})
    if len(values) > 1:
        low, high = band_of_done(values)
        known = np.isfinite(low) & np.isfinite(high)
        axes.fill_between(x, low, high, where=known, color=style["color"], alpha=0.2, linewidth=0)
    mark_zero(axes, x, mean, style["color"])
    return mean


def draw_over_lags(axes: Axes, lags: np.ndarray, values: np.ndarray, style: dict[str, object]) -> np.ndarray:
    """draw_mean of norms [replica, lag], some replicas of which may become exactly 0: the mean and the band are those of the ones
    that last longest, and a triangle stands where each first is 0."""
    mark_zeros(axes, lags, values, style["color"])
    return draw_mean(axes, lags, values[lasting(values)], style)


def lasting(values: np.ndarray) -> np.ndarray:
    """Which replicas of norms [replica, lag] are longest above exactly 0, as booleans: a mean over ever fewer would take turns that no
    network does, and means of different ones need not keep the order that each keeps."""
    count = np.isfinite(values).sum(axis=-1)
    return count == count.max()


def mean_words(replicas: int, ci: float = 0.95) -> str:
    """What a curve of draw_mean is, for a caption."""
    if replicas == 1:
        return "one replica"
    if replicas == 2:
        return "mean of two replicas; band: from one to the other"
    return f"mean of {replicas} replicas; band: its {100 * ci:g}% confidence interval"


def band_handles(replicas: int, ci: float = 0.95, shade: str = "#999999") -> list[Patch]:
    """The legend's entry of such a band; none for one replica."""
    label = "both replicas" if replicas == 2 else f"{100 * ci:g}% interval"
    return [Patch(facecolor=shade, alpha=0.35, label=label)] if replicas > 1 else []


def mark_zero(axes: Axes, x: np.ndarray, values: np.ndarray, shade: object) -> bool:
    """A triangle at the lower edge where values first are -inf, exactly 0 under the logarithm; True if there is one."""
    gone = np.isneginf(values)
    if gone.any():
        place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
        axes.plot(x[gone][:1], [0.03], color=shade, marker="v", markersize=5, label=GONE, **place)
    return bool(gone.any())


def mark_zeros(axes: Axes, lags: np.ndarray, values: np.ndarray, shade: object) -> None:
    """The same of each replica of values [replica, lag]."""
    for lag in np.unique([np.argmax(gone) for gone in np.isneginf(values) if gone.any()]).astype(int):
        mark_zero(axes, lags[lag : lag + 1], np.array([-np.inf]), shade)


def zero_words(panels: Panels) -> str:
    """What a caption says of such triangles over lags, "" where there are none."""
    if not any(line.get_label() == GONE for _, _, axes in panels for line in axes.lines):
        return ""
    return " A triangle at the lower edge: a replica is exactly 0 from this lag on; the means are those of the replicas that last longest."


def part_coinciding(panels: Panels) -> str:
    """Curves that lie on each other everywhere, to a line's width, take turns: dashes of one are the gaps of the others. Those
    of a panel are known by CURVE. Returns what a caption says of it, "" where there are none. Limits and scales of the axes
    must stand."""
    found = False
    for _, _, axes in panels:
        curves = [line for line in axes.lines if line.get_label() == CURVE]
        while curves:
            near = [line for line in curves if line is curves[0] or _is_near(axes, line, curves[0])]
            curves = [line for line in curves if line not in near]
            if len(near) > 1:
                found = True
                for place, line in enumerate(near):
                    line.set_linestyle((DASH * place, (DASH, DASH * (len(near) - 1))))
                    line.set_dash_capstyle("butt")
    return TURNS if found else ""


def _is_near(axes: Axes, line: Line2D, other: Line2D) -> bool:
    """Whether they are within a hair where both are, and are in most places together; on the scale of the axes."""
    scale = axes.yaxis.get_transform().transform
    low, high = scale(np.array(axes.get_ylim()))
    curves = []
    for each in (line, other):
        x, y = (np.ma.filled(np.ma.asarray(values, float), np.nan) for values in each.get_data())
        known = np.isfinite(y)
        if not known.any():
            return False
        curves.append((x[known], scale(y[known])))
    (x0, y0), (x1, y1) = curves
    start, end = max(x0.min(), x1.min()), min(x0.max(), x1.max())
    if end - start < 0.8 * (max(x0.max(), x1.max()) - min(x0.min(), x1.min())):
        return False
    points = np.union1d(x0, x1)
    points = points[(points >= start) & (points <= end)]
    return bool(np.abs(np.interp(points, x0, y0) - np.interp(points, x1, y1)).max() <= HAIR * abs(high - low))
