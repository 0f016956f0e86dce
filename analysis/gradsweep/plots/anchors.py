"""Finite-time values along a trajectory, at the final times of several anchors, and how long they are remembered."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.anchors import over_anchors
from ..data.selection import NothingToDraw
from .curves import CURVE, part_coinciding
from .figure import Description, Panels, say, zero_line
from .style import line_style, literal
from .symbols import NORM
from .view import PLANE, Choice, Network, View, choose_cells, mean_of_done

LIMITS = {"activation": 2, "ensemble": 3}
MOST_MARKERS = 8  # along a curve


class Followed(NamedTuple):
    """A quantity that is followed from anchor to anchor: of its dataset the first or last value along an axis."""

    dataset: str
    axis: str
    position: int
    is_per_step: bool  # to be divided by the lag
    title: str  # of a panel, with {lag}
    text: str  # in a caption, HTML, with {lag}


QUANTITIES = {
    "growth": Followed("log_jacobian_norm", "lag", -1, True, r"$\ln‖J_\ell‖_2/\ell$ over $\ell$ = {lag}",
                       f"The growth per step ln {NORM} / ℓ over the lag {{lag}}"),
    "lyapunov_exponent": Followed("lyapunov_exponent", "index", 0, False, r"largest exponent $\lambda_1$",
                                  "The largest Lyapunov exponent of the window"),
    "log_contribution": Followed("log_contribution", "lag", -1, False, r"$\ln‖C_{{T-\ell}}‖_F$ at $\ell$ = {lag}",
                                 "The logarithm of the contribution of the step {lag} before the last loss"),
}  # fmt: skip


def anchored_view(dataset: xr.Dataset, quantity: str, everything: bool, selection: dict[str, Any]) -> View:
    """The networks and cells whose quantity is followed. NothingToDraw without it, or without several anchors."""
    if quantity not in QUANTITIES:
        raise ValueError(f"quantity is one of {', '.join(QUANTITIES)}, not {quantity!r}")
    view = View(dataset, selection, LIMITS, everything, (*PLANE, "anchor"), (QUANTITIES[quantity].dataset,))
    if "anchor" not in view.dataset.dims or view.dataset.sizes["anchor"] < 2:
        raise NothingToDraw("there is one final time, no statistics over several: model.anchors asks for them")
    return view


def follow(view: View, quantity: str, network: Network, choice: Choice) -> xr.DataArray:
    """The quantity of one cell, [replica, anchor]; NaN where a cell is not done."""
    followed = QUANTITIES[quantity]
    values = view.at(followed.dataset, network, choice, "anchor", followed.axis)[..., followed.position]
    if followed.is_per_step:
        values = values / view.lags[followed.position]
    return xr.DataArray(values, {"anchor": view.dataset["anchor"].values}, ("replica", "anchor"), quantity)


def plot_anchors(dataset: xr.Dataset, *, quantity: str = "growth", everything: bool = False, **selection: Any) -> Figure:
    """A finite-time quantity along the trajectory, at the final times of the anchors, and its autocorrelation: rows
    networks at the largest hidden size, lines chosen cells. `quantity`: growth (at the longest lag), lyapunov_exponent (the
    largest) or log_contribution (at the longest lag). Needs several anchors (model.anchors). `selection`: values of axes, as
    in gradsweep.select."""
    view = anchored_view(dataset, quantity, everything, selection)
    rows, choices, followed = view.networks(), choose_cells(view), QUANTITIES[quantity]
    anchors = view.dataset["anchor"].values
    panels = Panels(len(rows), 2, width=3.2, share_x=False)
    drawn = False
    for row, network in enumerate(rows):
        along, memory = panels.grid[row]
        zero_line(along)
        zero_line(memory)
        counts = []
        for place, choice in enumerate(choices):
            values = follow(view, quantity, network, choice)
            replica = first_followed(values.values)
            if replica is None:
                continue
            drawn = True
            style = {**line_style(place), "linewidth": 1.0}
            found = over_anchors(view.dataset, values)
            deviations = values.values[replica] - found["mean"].values[replica]
            deviations = np.where(np.isfinite(deviations), deviations, np.nan)
            every = {"markevery": (place, max(1, len(anchors) // MOST_MARKERS))}
            along.plot(anchors - anchors[0], deviations, label=CURVE, **style, **every)
            memory.plot(found["shift"].values, mean_of_done(found["autocorrelation"].values), label=CURVE, **style)
            counts.append(float(found["count"].sum()))
        if not counts:
            say(along, "nothing finished")
            continue
        half = 2.0 / np.sqrt(min(counts))
        memory.axhspan(-half, half, color="#999999", alpha=0.2, linewidth=0, zorder=0)
        memory.set_ylim(min(-0.5, -1.1 * half), 1.05)
    if not drawn:
        raise NothingToDraw("no cell of the selection has the quantity at several anchors")
    lag = view.lags[-1]
    panels.titles([followed.title.format(lag=lag), "autocorrelation"], view.network_titles(rows))
    handles = [Line2D([], [], **line_style(at), label=view.cell_title(choice)) for at, choice in enumerate(choices)]
    handles.append(Patch(facecolor="#999999", alpha=0.35, label="95% of independent values"))
    caption = (
        f"{followed.text.format(lag=lag)} at {len(anchors)} final times <i>T</i> along the trajectory of one network (the first "
        f"finished replica, <i>d</i> = {view.sizes[-1]}): how far it lies from its mean over them. Right: the autocorrelation of "
        "these deviations, of anchors so many steps apart (mean of the replicas); within the band, ±2/√n, it may be that of "
        "independent values."
    )
    caption += part_coinciding(panels)
    name = "-".join(view.activations)
    title = f"Along the trajectory: {quantity.replace('_', ' ')} of {', '.join(literal(one) for one in view.activations)}"
    description = Description(f"anchors-{quantity.replace('_', '-')}-{name}", title, caption, view.note)
    return panels.finish(["steps from the first anchor", "steps between anchors"], "deviation from the mean", handles, description)


def first_followed(values: np.ndarray) -> int | None:
    """The first replica with at least two finite numbers, of [replica, anchor]."""
    found = np.flatnonzero(np.isfinite(values).sum(axis=-1) > 1)
    return int(found[0]) if found.size else None
