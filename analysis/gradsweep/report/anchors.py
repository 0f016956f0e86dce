"""The report's table of statistics over anchors."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..data.anchors import over_anchors
from ..data.selection import NothingToDraw
from ..plots.anchors import QUANTITIES, anchored_view, follow
from ..plots.view import choose_cells, mean_of_done
from .tables import escape, table


def anchors_table(dataset: xr.Dataset) -> str:
    """A row for each quantity that the file has, network and chosen cell: means over the replicas of the statistics."""
    rows = []
    for quantity in QUANTITIES:
        try:
            view = anchored_view(dataset, quantity, False, {})
        except NothingToDraw:
            continue
        for network in view.networks():
            for choice in choose_cells(view):
                found = over_anchors(view.dataset, follow(view, quantity, network, choice))
                names = escape(view.activations[network.activation]), escape(view.ensembles[network.ensemble])
                next_one = mean_of_done(found["autocorrelation"].isel(shift=1).values)
                mean, spread, effective, error = (
                    mean_of_done(found[name].values) for name in ("mean", "spread", "effective_count", "error")
                )
                numbers = (_number(mean, 5), _number(spread), _number(next_one), _number(effective), _number(error))
                rows.append((quantity.replace("_", " "), *names, view.cell_title(choice), *numbers))
    head = ("quantity", "activation", "ensemble", "cell", "mean", "spread", "at the next anchor", "effective", "error")
    return table("anchors", head, rows, 4)


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}g}" if np.isfinite(value) else "–"
