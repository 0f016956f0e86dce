"""Weights and their products as random matrices: eigenvalues in the plane, and singular values beside their law."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle

from .. import theory
from ..data.predictions import kinds, mean_field_ensemble, predict
from ..data.selection import NothingToDraw, read
from .exponents import THEORY
from .figure import Description, Panels, say
from .style import INK, colour, literal
from .view import View, choose_cells

MOST_SIZES, MOST_LAGS, MOST_BINS = 3, 4, 40
UNIT_CIRCLE = {"color": INK, "linewidth": 0.8, "linestyle": (0, (4, 2))}


def plot_eigenvalues(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """Eigenvalues of W as drawn in the complex plane, of all replicas, rows ensembles, columns hidden sizes, beside the unit
    circle. Needs the measure lyapunov or expansion. `selection`: values of axes, as in gradsweep.select."""
    needs = ("eigenvalue_re", "eigenvalue_im")
    view = View(dataset, selection, {"activation": 1, "ensemble": 4, "hidden_size": MOST_SIZES}, everything, needs=needs)
    dims = ("ensemble", "hidden_size", "replica", "index")
    real, imaginary = (read(view.dataset, name, dims) for name in needs)
    known = [at for at in range(len(view.ensembles)) if np.isfinite(real[at]).any()]  # fresh W have none
    if not known:
        raise NothingToDraw("no eigenvalues are known yet, or W is drawn afresh at every step")
    panels = Panels(len(known), len(view.sizes), width=1.9, height=1.9, share_y=True)
    reach = 1.1 * max(1.0, float(np.nanmax(np.hypot(real, imaginary))))
    for row, ensemble in enumerate(known):
        for size, axes in enumerate(panels.grid[row]):
            x, y = real[ensemble, size].ravel(), imaginary[ensemble, size].ravel()
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach))
            axes.add_patch(Circle((0.0, 0.0), 1.0, fill=False, zorder=1, **UNIT_CIRCLE))
            if not np.isfinite(x).any():
                say(axes, "nothing finished")
                continue
            # Hundreds of thousands of points are an image.
            dense = np.isfinite(x).sum() > 2000
            axes.plot(x, y, ".", color=colour(0), markersize=1.2 if dense else 2.5, alpha=0.6, rasterized=dense, zorder=2)
    panels.titles([f"$d$ = {d}" for d in view.sizes], [literal(view.ensembles[at]) for at in known])
    handles = [Line2D([], [], **UNIT_CIRCLE, label="unit circle")]
    caption = (
        "Eigenvalues of <i>W</i> as drawn, of all replicas, before it is rescaled. Independent entries fill the unit disc "
        "evenly as <i>d</i> grows (the circular law), symmetric <i>W</i> lie on the real axis, orthogonal ones on the circle."
    )
    description = Description("eigenvalues", "Eigenvalues of the weights", caption, view.note)
    return panels.finish("real part", "imaginary part", handles, description)


def plot_singular_law(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """Histograms of ln s(J_l)/l over all singular values and replicas of the identity at the largest hidden size, rows
    ensembles, columns lags, beside the Fuss-Catalan law of products and powers at infinite size. Needs the measure
    singular_values, the activation identity and weights with independent entries. `selection`: values of axes, as in
    gradsweep.select."""
    selection = {"activation": "identity", **selection}
    if "identity" not in dataset["activation"].values:
        raise NothingToDraw("the law of singular values is that of the identity, which the sweep does not have")
    view = View(dataset, selection, {"ensemble": 3, "lag": MOST_LAGS}, everything, needs=("log_singular_value",))
    entries, d = kinds(view.dataset), int(view.sizes[-1])
    rows = [row for row in view.networks() if mean_field_ensemble(entries[view.ensembles[row.ensemble]], d) == "ginibre"]
    if not rows:
        raise NothingToDraw("the law of singular values is that of weights with independent entries, which the sweep has not")
    choice, gains = choose_cells(view)[0], predict(view.dataset)["gain"]
    panels = Panels(len(rows), len(view.lags), width=2.0, share_y="row")
    some = False
    for row, network in enumerate(rows):
        place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": network.size,
                 "spectral_radius": choice.radius, "gamma": choice.gamma}  # fmt: skip
        gain = float(gains.isel(place, missing_dims="ignore"))
        values = view.at("log_singular_value", network, choice, "lag", "index")[..., :d]
        for at, (axes, lag) in enumerate(zip(panels.grid[row], view.lags)):
            found = values[:, at].ravel() / float(lag) - np.log(gain)
            there = found[~np.isnan(found)]
            if not there.size:
                say(axes, view.absence(network, choice))
                continue
            some = True
            finite = there[np.isfinite(there)]
            edge = 0.5 * np.log(theory.fuss_catalan_edge(int(lag))) / float(lag)
            bins = np.linspace(np.quantile(finite, 0.01), max(edge, finite.max()), bins_of(finite.size) + 1)
            height = np.histogram(finite, bins)[0] / (there.size * np.diff(bins))
            axes.stairs(height, bins, fill=True, color=colour(0), alpha=0.45)
            position = np.linspace(bins[0], bins[-1], 400)
            square = np.exp(2.0 * float(lag) * position)
            density = theory.fuss_catalan_density(int(lag), square) * square * 2.0 * float(lag)
            axes.plot(position, density, **THEORY)
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    panels.titles([rf"$\ell$ = {lag}" for lag in view.lags], view.network_titles(rows))
    caption = (
        f"Singular values of the Jacobian product per step, ln <i>s</i>(<i>J</i><sub>ℓ</sub>)/ℓ − ln <i>g</i>, of all replicas "
        f"at <i>d</i> = {d}: their distribution (the lowest hundredth is left out), <i>g</i> the gain of <i>W</i>. Dashed: the "
        "Fuss-Catalan law at infinite size, the same for powers of one <i>W</i> and for products of fresh ones."
    )
    handles = [Line2D([], [], **THEORY, label="Fuss-Catalan law, $d \\to \\infty$")]
    description = Description("singular-law-identity", "Singular values beside their law: identity", caption, view.note)
    return panels.finish(r"$\ln\,s(J_\ell)\,/\,\ell - \ln\,g$", "density", handles, description)


def bins_of(count: int) -> int:
    """Of a histogram of so many values: twice the cube root (Rice), so that bins are not mostly chance."""
    return int(np.clip(2.0 * count ** (1.0 / 3.0), 6, MOST_BINS))
