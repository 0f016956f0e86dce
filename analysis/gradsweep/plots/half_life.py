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
from ..data.results import DONE, FAILED
from ..data.selection import NothingToDraw, labels, reduce_to_compared, select, size_of, thin
from .curves import CURVE, band_handles, mean_words, part_coinciding
from .figure import Description, Panels, coupling_axis, say
from .style import INK, colour, file_name, line_style, literal
from .symbols import NORM
from .view import LINES, band_of_done, choose_lines

LIMITS = {"activation": 4, "ensemble": 4}
MOST_LINES = 6
LEAST_LIFE = 0.05  # that the axis shows
THEORY_DASHES = {"linestyle": (0, (4, 2)), "linewidth": 1.1}
BEYOND = {"marker": "^", "markersize": 4, "linestyle": "none", "markerfacecolor": "none"}


def plot_half_life(
    dataset: xr.Dataset, *, lines: str | None = None, ci: float = 0.95, everything: bool = False, **selection: Any
) -> Figure:
    """The lag from which ||J_l||_2 stays below 1/2 against kappa = rho gamma (gradsweep.half_life), in steps: rows
    activations, columns ensembles, `lines` hidden sizes or, where there is one, strengths of the drive or the bias;
    geometric mean of the replicas with its confidence interval, beside ln 2 / -lambda of the mean-field theory. A triangle
    at the top: beyond the longest lag. `selection`: values of axes, as in gradsweep.select."""
    dataset = select(dataset, **selection)
    lines = choose_lines(dataset, lines)
    dataset, chosen = reduce_to_compared(dataset, ("spectral_radius", "gamma"), lines)
    limits = {**LIMITS, lines: MOST_LINES}
    dataset, left_out = thin(dataset, {key: value for key, value in limits.items() if key not in selection}, everything)
    lives = half_life(dataset)
    if not np.isfinite(lives.values).any():
        raise NothingToDraw("no finished cell of the selection has a half-life within the longest lag")
    if len(np.unique(np.round(coupling(dataset).values, 11))) < 2:
        raise NothingToDraw("there is one coupling: half_life() of the dataset gives the numbers")
    beyond = lives.isnull() & (dataset["status"] == DONE)
    names = {axis: [str(name) for name in labels(dataset, axis)] for axis in ("activation", "ensemble")}
    compared, kappa = labels(dataset, lines), coupling(dataset).values.ravel()
    expected, longest = _expected(dataset, lines), float(lives.values[np.isfinite(lives.values)].max())
    panels = Panels(len(names["activation"]), len(names["ensemble"]), width=2.6, height=2.2, share_y=True)
    tops, seen = False, set()
    for row, column, axes in panels:
        at = {"activation": row, "ensemble": column, **({} if lines == "hidden_size" else {"hidden_size": 0})}
        for place in range(len(compared)):
            part, gone = (values.isel({**at, lines: place}, missing_dims="ignore") for values in (lives, beyond))
            is_drawn, is_beyond = _draw(axes, kappa, part, ci, place), _mark_beyond(axes, kappa, gone, place)
            tops |= is_beyond
            seen |= {place} if is_drawn or is_beyond else set()
        is_empty = not axes.lines
        _draw_theory(axes, kappa, None if expected is None else expected[row, column], lines)
        if is_empty:
            at = {"activation": row, "ensemble": column}
            failed = (dataset["status"] == FAILED).isel(at, missing_dims="ignore").any()
            say(axes, "failed" if failed else "nothing finished yet")
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_formatter("{x:g}")
    if tops:  # above all curves, a row of them for each line
        top = min(2.0 * labels(dataset, "lag")[-1], 4.0 * longest) * 2.0 ** (0.35 * len(compared))
        panels.grid[0, 0].set_ylim(top=top)
    finite = lives.values[np.isfinite(lives.values) & (lives.values > 0)]
    panels.grid[0, 0].set_ylim(bottom=max(LEAST_LIFE, min(0.5, 0.8 * finite.min(initial=1.0))))
    coupling_axis(panels, kappa)
    panels.titles([literal(name) for name in names["ensemble"]], [literal(name) for name in names["activation"]])
    symbol = LINES[lines]
    handles = [Line2D([], [], **line_style(place), label=f"{symbol} = {compared[place]:g}") for place in sorted(seen)]
    replicas = size_of(dataset, "replica")
    handles += band_handles(replicas, ci)
    if tops:
        handles.append(Line2D([], [], color=INK, **BEYOND, label=f"longer than {labels(dataset, 'lag')[-1]}"))
    if expected is not None:
        handles.append(Line2D([], [], color=INK, **THEORY_DASHES, label="mean-field theory"))
    caption = (
        f"The lag from which {NORM} stays below 1/2, in steps, against κ = <i>ρ</i>(<i>W</i>) <i>γ</i> "
        f"({'geometric ' if replicas > 1 else ''}{mean_words(replicas, ci)}). It diverges where gradients no longer vanish; "
        "a triangle at the top: beyond the longest lag, for some replica at least. Dashed: ln 2 over the decay rate of mean-field theory, "
        f"{'for the largest size' if lines == 'hidden_size' else 'in the colour of each line'}, which leaves transients of "
        "non-normal <i>W</i> out."
    )
    caption += part_coinciding(panels)
    at = ", ".join(f"{name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
    note = " ".join(filter(None, (left_out, f"At {at}." if at else "")))
    title = f"Half-life of gradients: {', '.join(names['activation'])}"
    description = Description(f"half-life-{file_name('-'.join(names['activation']))}", title, caption, note)
    return panels.finish(r"$\kappa = \rho(W)\,\gamma$", "half-life in steps", handles, description)


def _merged(kappa: np.ndarray, values: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct couplings [n], and the mean of values over the cells of each, [replica, n]."""
    order = [name for name in ("replica", "spectral_radius", "gamma") if name in values.dims]
    flat = values.transpose(*order).values.reshape(-1, len(kappa)).astype(float)
    points, inverse = np.unique(np.round(kappa, 11), return_inverse=True)
    return points, np.stack([flat[:, inverse == at].mean(axis=1) for at in range(len(points))], axis=1)


def _draw(axes: Axes, kappa: np.ndarray, lives: xr.DataArray, ci: float, place: int) -> bool:
    """One line, if there is one; a point needs the half-lives of all replicas, or the mean would be that of the shortest."""
    points, merged = _merged(kappa, np.log(lives))
    known = np.isfinite(merged).all(axis=0)
    if not known.any():
        return False
    style = line_style(place)
    axes.plot(points[known], np.exp(merged[:, known].mean(axis=0)), label=CURVE, **style)
    low, high = band_of_done(merged[:, known], ci)
    if len(merged) > 1:
        axes.fill_between(points[known], np.exp(low), np.exp(high), color=style["color"], alpha=0.2, linewidth=0)
    return True


def _mark_beyond(axes: Axes, kappa: np.ndarray, beyond: xr.DataArray, place: int) -> bool:
    """A row of triangles for each line, where the norm of some replica does not stay below 1/2 within the lags."""
    points, share = _merged(kappa, beyond)
    some = (share > 0).any(axis=0)
    if some.any():
        height = np.full(some.sum(), 0.965 - 0.045 * place)
        axes.plot(points[some], height, color=colour(place), transform=axes.get_xaxis_transform(), **BEYOND)
    return bool(some.any())


def _draw_theory(axes: Axes, kappa: np.ndarray, expected: np.ndarray | None, lines: str) -> None:
    """That of the largest size in ink, or of each strength in its colour; `expected` [lines, plane...]."""
    if expected is None:
        return
    order = np.argsort(kappa)
    if lines == "hidden_size":
        axes.plot(kappa[order], expected[-1].ravel()[order], color=INK, **THEORY_DASHES)
        return
    for place, curve in enumerate(expected):
        axes.plot(kappa[order], curve.ravel()[order], color=colour(place), **THEORY_DASHES)


def _expected(dataset: xr.Dataset, lines: str) -> np.ndarray | None:
    """ln 2 / -lambda, [activation, ensemble, lines, plane...]; NaN where gradients do not vanish."""
    rate = predict(dataset)["largest_exponent"]
    dims = [name for name in ("activation", "ensemble", lines, "spectral_radius", "gamma") if name in rate.dims]
    rate = rate.isel({name: 0 for name in rate.dims if name not in dims})
    values = rate.transpose(*dims).values
    if not np.isfinite(values).any():
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values < 0.0, HALF / values, np.nan)
