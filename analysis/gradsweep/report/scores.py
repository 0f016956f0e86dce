"""The report's table of exponents beside the theory."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..data.scores import QUANTITIES, scores
from ..data.selection import NothingToDraw
from ..plots.exponents import MOST_SIZES, spread_couplings
from ..plots.style import number
from ..plots.view import View
from .tables import escape, table

NAMES = {
    "largest_exponent": "largest exponent",
    "entropy_rate": "entropy rate / <i>d</i>",
    "kaplan_yorke_dimension": "Kaplan-Yorke dimension / <i>d</i>",
}
LIMITS = {"activation": 2, "ensemble": 3, "hidden_size": MOST_SIZES}


def scores_table(dataset: xr.Dataset) -> str:
    """A row for each quantity, network, size and coupling that the figures show and the theory speaks of; "" without any."""
    try:
        view = View(dataset, {}, LIMITS, needs=("lyapunov_exponent", *QUANTITIES[1:]))
    except NothingToDraw:
        return ""
    found, choices, rows = scores(view.dataset), spread_couplings(view), []
    for quantity in QUANTITIES:
        for network in view.networks():
            names = escape(view.activations[network.activation]), escape(view.ensembles[network.ensemble])
            for choice in choices:
                for size, d in enumerate(view.sizes):
                    place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": size,
                             "spectral_radius": choice.radius, "gamma": choice.gamma}  # fmt: skip
                    one = found.sel(quantity=quantity).isel(place, missing_dims="ignore")
                    value = {str(name): float(np.ravel(one[name].values)[0]) for name in one.data_vars}
                    if not np.isfinite([value["mean"], value["theory"]]).all():
                        continue
                    correction = _number(value["correction"], 2) if value["is_limit"] else "exact"
                    radius = "drawn" if view.is_native else number(view.radii[choice.radius])
                    rows.append((NAMES[quantity], *names, radius, number(view.gammas[choice.gamma]), str(d),
                                 f"{value['count']:.0f}", _number(value["mean"], 5), _number(value["error"], 2), _number(value["theory"], 5),
                                 "∞" if value["is_limit"] else str(d), _number(value["score"]),
                                 correction, _number(value["corrected_score"])))  # fmt: skip
    head = ("quantity", "activation", "ensemble", "<i>ρ</i>", "<i>γ</i>", "<i>d</i>", "<i>n</i>", "mean", "error", "theory", "at <i>d</i>",
            "<i>z</i>", "−<i>c</i>/<i>d</i>", "<i>z</i> then")  # fmt: skip
    return table("scores", head, rows, 3) if rows else ""


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}g}".replace("-", "−") if np.isfinite(value) else "–"
