"""Half-lives of gradients against the coupling kappa, beside those of the mean-field theory."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.predictions import predict
from ..data.quantities import HALF, coupling, half_life
from ..data.selection import NothingToDraw, labels, reduce_axes, select, size_of, thin
from .curves import CURVE, band_handles, mean_words, part_coinciding
from .figure import Description, Panels, say
from .style import INK, file_name, line_style, literal
from .symbols import NORM
from .view import band_of_done

LIMITS = {"activation": 4, "ensemble": 4, "hidden_size": 6}
THEORY_LINE = {"color": INK, "linestyle": (0, (4, 2)), "linewidth": 1.1}


def plot_half_life(dataset: xr.Dataset, *, ci: float = 0.95, everything: bool = False, **selection: Any) -> Figure:
    """The lag from which ||J_l||_2 stays below 1/2 against kappa = rho gamma (gradsweep.half_life), in steps: rows
    activations, columns ensembles, lines hidden sizes; geometric mean of the replicas with its confidence interval, beside
    ln 2 / -lambda of the mean-field theory. Where the half-life lies beyond the longest lag there is no point.
    `selection`: values of axes, as in gradsweep.select."""
    dataset = select(dataset, **selection)
    dataset, chosen = reduce_axes(dataset, ("spectral_radius", "gamma"))
    dataset, left_out = thin(dataset, {key: value for key, value in LIMITS.items() if key not in selection}, everything)
    lives = half_life(dataset)
    if not np.isfinite(lives.values).any():
        raise NothingToDraw("no finished cell of the selection has a half-life within the longest lag")
    if len(np.unique(np.round(coupling(dataset).values, 11))) < 2:
        raise NothingToDraw("there is one coupling: half_life() of the dataset gives the numbers")
    names = {axis: [str(name) for name in labels(dataset, axis)] for axis in ("activation", "ensemble")}
    sizes = labels(dataset, "hidden_size")
    kappa = coupling(dataset).values.ravel()
    expected, longest = _expected(dataset), float(lives.values[np.isfinite(lives.values)].max())
    panels = Panels(len(names["activation"]), len(names["ensemble"]), width=2.6, height=2.2, share_y=True)
    for row, column, axes in panels:
        part = lives.isel(activation=row, ensemble=column)
        for place in range(len(sizes)):
            _draw(axes, kappa, part.isel(hidden_size=place), ci, place)
        if expected is not None:
            order = np.argsort(kappa)
            axes.plot(kappa[order], expected[row, column, -1].ravel()[order], **THEORY_LINE)
        if not axes.lines:
            say(axes, "beyond the longest lag")
        axes.set_yscale("log", base=2)
        axes.set_ylim(0.5, min(2.0 * labels(dataset, "lag")[-1], 4.0 * longest))
        axes.yaxis.set_major_formatter("{x:g}")
    panels.titles([literal(name) for name in names["ensemble"]], [literal(name) for name in names["activation"]])
    handles = [Line2D([], [], **line_style(place), label=f"$d$ = {size}") for place, size in enumerate(sizes)]
    replicas = size_of(dataset, "replica")
    handles += band_handles(replicas, ci)
    if expected is not None:
        handles.append(Line2D([], [], **THEORY_LINE, label="mean-field theory"))
    caption = (
        f"The lag from which {NORM} stays below 1/2, in steps, against κ = <i>ρ</i>(<i>W</i>) <i>γ</i> "
        f"({'geometric ' if replicas > 1 else ''}{mean_words(replicas, ci)}). It diverges where gradients no longer vanish; what lies beyond "
        "the longest lag has no point. Dashed: ln 2 over the decay rate of mean-field theory, for the largest size, which "
        "leaves transients of non-normal <i>W</i> out."
    )
    caption += part_coinciding(panels)
    at = ", ".join(f"{name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
    note = " ".join(filter(None, (left_out, f"At {at}." if at else "")))
    title = f"Half-life of gradients: {', '.join(names['activation'])}"
    description = Description(f"half-life-{file_name('-'.join(names['activation']))}", title, caption, note)
    return panels.finish(r"$\kappa = \rho(W)\,\gamma$", "half-life in steps", handles, description)


def _draw(axes: Axes, kappa: np.ndarray, lives: xr.DataArray, ci: float, place: int) -> None:
    """One hidden size; a point needs the half-lives of all replicas, or the mean would be that of the shortest."""
    order = [name for name in ("replica", "spectral_radius", "gamma") if name in lives.dims]
    values = np.log(lives.transpose(*order).values.reshape(-1, len(kappa)))
    points, inverse = np.unique(np.round(kappa, 11), return_inverse=True)
    merged = np.stack([values[:, inverse == at].mean(axis=1) for at in range(len(points))], axis=1)
    known = np.isfinite(merged).all(axis=0)
    if not known.any():
        return
    style = line_style(place)
    axes.plot(points[known], np.exp(merged[:, known].mean(axis=0)), label=CURVE, **style)
    low, high = band_of_done(merged[:, known], ci)
    if len(merged) > 1:
        axes.fill_between(points[known], np.exp(low), np.exp(high), color=style["color"], alpha=0.2, linewidth=0)


def _expected(dataset: xr.Dataset) -> np.ndarray | None:
    """ln 2 / -lambda, [activation, ensemble, hidden_size, plane...]; NaN where gradients do not vanish."""
    rate = predict(dataset)["largest_exponent"]
    dims = [name for name in ("activation", "ensemble", "hidden_size", "spectral_radius", "gamma") if name in rate.dims]
    values = rate.transpose(*dims).values
    if not np.isfinite(values).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values < 0.0, HALF / values, np.nan)
