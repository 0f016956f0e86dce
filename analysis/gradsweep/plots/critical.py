"""Critical points: where gradients turn from vanishing to exploding, against the hidden size, beside the theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.predictions import critical_couplings
from ..data.quantities import critical
from ..data.results import FAILED
from ..data.selection import NothingToDraw, compared_axis, labels, reduce_to_compared, require_axis, select, thin
from .figure import Description, Panels
from .style import INK, colour, literal, marker
from .symbols import GAMMA_RADIUS

SYMBOLS = {
    "spectral_radius": r"critical spectral radius $\rho(W)$",
    "gamma": r"critical derivative bound $\gamma$",
    "coupling": r"critical coupling $\kappa = \rho(W)\,\gamma$",
}
AGAINST = {"hidden_size": "hidden size $d$", "input_scale": "strength of the inputs", "bias_scale": "strength of the bias"}
LEAST_SPAN = 0.01  # of the axis of critical points, of themselves
THEORY_LINE = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.1}


def plot_critical(
    dataset: xr.Dataset,
    *,
    axis: str = "coupling",
    x: str | None = None,
    ci: float = 0.95,
    resamples: int = 1000,
    everything: bool = False,
    **selection: Any,
) -> Figure:
    """The critical point along an axis (gradsweep.critical; default: along kappa = rho gamma) against `x`, the hidden size
    or, where there is one, the strength of the drive or the bias, with confidence intervals of a bootstrap over replicas,
    beside the mean-field theory: columns ensembles, rows activations. Where there is no single crossing, the panel says
    what there is. `selection`: values of axes, as in gradsweep.select."""
    dataset = select(dataset, **selection)
    require_axis(dataset, axis, ("coupling",))
    x = x or compared_axis(dataset, axis)
    if x not in AGAINST or x == axis:
        raise ValueError(f"critical points are drawn against {', '.join(name for name in AGAINST if name != axis)}, not {x!r}")
    require_axis(dataset, x)
    kept = ("spectral_radius", "gamma") if axis == "coupling" else (axis,)
    dataset, chosen = reduce_to_compared(dataset, kept, x)
    limits = {"activation": 6, "ensemble": 6}
    dataset, left_out = thin(dataset, {key: value for key, value in limits.items() if key not in selection}, everything)
    if all(len(labels(dataset, name)) < 2 for name in kept if name in dataset.coords):
        raise NothingToDraw(f"there is one value of {' and '.join(kept)}: nothing is crossed")
    found = critical(dataset, axis, ci, resamples=resamples)
    found = found.isel(hidden_size=0, missing_dims="ignore") if x != "hidden_size" else found
    dims = ("activation", "ensemble", x)
    found = found.expand_dims([name for name in dims if name not in found.dims]).transpose(*dims)
    if not (found["verdict"] != "nothing finished").any():
        raise NothingToDraw("no replica of the selection is finished along the whole axis")
    expected = _expected(dataset, axis, dims)
    names = {name: [str(value) for value in found[name].values] for name in dims[:2]}
    panels = Panels(len(names["activation"]), len(names["ensemble"]), width=2.4, share_y=True)
    values = labels(dataset, x)
    for row, column, axes in panels:
        panel = found.isel(activation=row, ensemble=column)
        at = {"activation": row, "ensemble": column}
        failed = (dataset["status"] == FAILED).isel(at, missing_dims="ignore")
        failed = failed.any([name for name in failed.dims if name != x]).values
        words = np.where((panel["verdict"] == "nothing finished") & failed, "failed", panel["verdict"])
        _draw(axes, values, panel, words, row)
        if expected is not None:
            alone = {"marker": "_", "markersize": 24} if len(values) == 1 else {}
            axes.plot(values, expected[row, column], **THEORY_LINE, **alone)
        if x == "hidden_size":
            axes.set_xscale("log", base=2)
            axes.set_xticks(values, [str(size) for size in values])
            axes.set_xlim(values[0] / 1.35, values[-1] * 1.35)
        else:
            axes.margins(x=0.08)
    low, high = panels.grid[0, 0].get_ylim()
    if high - low < LEAST_SPAN * abs(high):  # differences by rounding fill no panel
        middle, half = 0.5 * (low + high), 0.5 * LEAST_SPAN * abs(high)
        panels.grid[0, 0].set_ylim(middle - half, middle + half)
    for axes in panels.grid[:, 0]:
        axes.ticklabel_format(axis="y", useOffset=False)
    panels.titles([literal(name) for name in names["ensemble"]], [literal(name) for name in names["activation"]])
    handles = [Line2D([], [], color=INK, marker="o", linestyle="none", label=f"critical point, {100 * ci:g}% interval")]
    if expected is not None:
        handles.append(Line2D([], [], **THEORY_LINE, label="mean-field theory"))
    along = GAMMA_RADIUS if axis == "coupling" else axis.replace("_", " ")
    caption = (
        f"Where the mean growth rate of the replicas turns from vanishing to exploding along {along}, against the "
        f"{AGAINST[x].removesuffix(' $d$')}; bars: {100 * ci:g}% confidence intervals (bootstrap over replicas). "
        "Dashed: the edge of mean-field theory, "
        "for the mean spectral radius of <i>W</i> as drawn. Words instead of a point: there is no single crossing."
    )
    at = ", ".join(f"{name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
    note = " ".join(filter(None, (left_out, f"At {at}." if at else "")))
    description = Description("critical", "The critical line", caption, note)
    return panels.finish(AGAINST[x], SYMBOLS.get(axis, f"critical {axis.replace('_', ' ')}"), handles, description)


def _draw(axes: Axes, values: np.ndarray, found: xr.Dataset, words: np.ndarray, row: int) -> None:
    points, low, high = (found[name].values for name in ("critical", "low", "high"))
    bars = np.nan_to_num(np.stack([points - low, high - points]))
    style = {"color": colour(row), "marker": marker(row), "markersize": 4, "linestyle": "none", "capsize": 3}
    known = np.isfinite(points)
    axes.errorbar(values[known], points[known], yerr=np.maximum(bars, 0.0)[:, known], **style)
    for value, verdict in zip(values, words):
        if verdict != "one":
            place = {"transform": axes.get_xaxis_transform(), "rotation": 90, "fontsize": 7, "color": "#666666",
                     "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.0}}  # fmt: skip
            axes.text(value, 0.03, verdict, ha="center", va="bottom", **place)


def _expected(dataset: xr.Dataset, axis: str, dims: tuple[str, str, str]) -> np.ndarray | None:
    """The theory's critical point, on `dims`; None where it has none."""
    if axis not in ("coupling", "spectral_radius", "gamma"):
        return None
    edges = critical_couplings(dataset)
    other = {"spectral_radius": "gamma", "gamma": "spectral_radius"}.get(axis)
    edges = edges.isel({name: 0 for name in edges.dims if name not in dims})
    edges = edges.expand_dims([name for name in dims if name not in edges.dims])
    fixed = float(labels(dataset, other)[0]) if other else 1.0
    values = edges.transpose(*dims).values
    return values / fixed if np.isfinite(values).any() and np.isfinite(fixed) else None
