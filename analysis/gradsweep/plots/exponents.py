"""Lyapunov exponents beside the mean field: whole spectra, and what they come to against the coupling."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from .. import theory
from ..data.predictions import coupling_plane, kinds, log_slope_at_zero, mean_field_ensemble, predict, variances
from ..data.scores import whole
from ..data.selection import NothingToDraw, spread
from .curves import draw_mean, mean_words, part_coinciding
from .figure import Description, Panels, coupling_axis, fit_y, say, zero_line
from .style import INK, file_name, is_geometric, line_style, literal, shades, tick
from .view import PLANE, Choice, Network, View, mean_of_done

MOST_SIZES, MOST_COUPLINGS = 5, 3
THEORY = {"color": INK, "linewidth": 1.0, "linestyle": (0, (4, 2)), "zorder": 5}
SUMMARY_POINTS = 60


def plot_exponents(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """Lyapunov spectra: all exponents against index / d, a line a hidden size (means over the finished replicas), rows
    activations and ensembles, columns the weakest, a middle and the strongest coupling, beside the mean field's; for the
    identity, and where states vanish, the law of the circle. Needs the measure lyapunov. `selection`: values of axes, as
    in gradsweep.select."""
    limits = {"activation": 2, "ensemble": 3, "hidden_size": MOST_SIZES}
    view = View(dataset, selection, limits, everything, needs=("lyapunov_exponent",))
    predicted, choices, rows = predict(view.dataset), spread_couplings(view), view.networks()
    panels = Panels(len(rows), len(choices), share_y="row")
    colours = shades(len(view.sizes))
    some = has_zeros = has_theory = False
    for row, largest in enumerate(rows):
        drawn = []
        for axes, choice in zip(panels.grid[row], choices):
            zero_line(axes)
            found = False
            for size, shade in enumerate(colours):
                network = Network(largest.activation, largest.ensemble, size)
                d = int(view.sizes[size])
                values = mean_of_done(view.at("lyapunov_exponent", network, choice, "index")[:, :d])
                if np.isnan(values).all():
                    continue
                index = (np.arange(d) + 0.5) / d
                has_zeros |= bool(np.isneginf(draw_mean(axes, index, values[np.newaxis], {"color": shade})).any())
                drawn.append(values)
                found = True
            if not found:
                say(axes, view.absence(largest, choice))
                continue
            some = True
            curve = _theory(view, predicted, largest, choice)
            if curve is not None:
                axes.plot(*curve, **THEORY)
                has_theory = True
        fit_y(panels.grid[row], drawn, 0.1)
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    panels.titles([view.cell_title(choice) for choice in choices], view.network_titles(rows))
    handles = [Line2D([], [], color=shade, label=f"$d$ = {d}") for d, shade in zip(view.sizes, colours)]
    handles += [Line2D([], [], **THEORY, label="mean field, $d \\to \\infty$")] if has_theory else []
    caption = (
        "Lyapunov exponents <i>λ<sub>i</sub></i> per step in descending order against (<i>i</i> − 1/2)/<i>d</i>, means over "
        "the replicas."
    )
    if has_theory:
        caption += " Dashed: the mean field at infinite size; the largest exponents lie below it by about <i>c</i>/<i>d</i>."
    if has_zeros:
        caption += " Triangle at the lower edge: from this index on directions are exactly 0."
    caption += part_coinciding(panels)
    names = "-".join(view.activations)
    description = Description(
        f"exponents-{file_name(names)}", f"Lyapunov exponents: {', '.join(view.activations)}", caption, view.note
    )
    return panels.finish("$(i - 1/2)\\,/\\,d$", r"$\lambda_i$ per step", handles, description)


def spread_couplings(view: View) -> list[Choice]:
    """Up to three points of the plane of distinct kappa, from the weakest to the strongest."""
    kappa = couplings_of(view)
    places = np.unique(kappa, return_index=True)[1]
    chosen = places[spread(len(places), MOST_COUPLINGS)]
    return [Choice(*divmod(int(at), len(view.gammas))) for at in chosen]


def couplings_of(view: View) -> np.ndarray:
    """kappa of the plane, flat, gamma fastest."""
    return coupling_plane(view.dataset).ravel()


def _theory(view: View, predicted: xr.Dataset, network: Network, choice: Choice) -> tuple[np.ndarray, np.ndarray] | None:
    """index / d and exponents of the mean field; None where it does not speak of these networks."""
    place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": network.size,
             "spectral_radius": choice.radius, "gamma": choice.gamma}  # fmt: skip
    gain, variance = (float(predicted[name].isel(place, missing_dims="ignore")) for name in ("gain", "state_variance"))
    activation, entry = view.activations[network.activation], kinds(view.dataset)[view.ensembles[network.ensemble]]
    ensemble = mean_field_ensemble(entry, int(view.sizes[network.size]))
    if ensemble is None or not np.isfinite(gain):
        return None
    index = np.linspace(0.0025, 0.9975, 200)
    if activation == "identity" or variance == 0.0:
        # Moduli of eigenvalues of one W are uniform on a disc; exponents of fresh ones have the same law (Newman).
        slope = log_slope_at_zero(activation)
        if slope is None:
            return None  # a kink at the state
        exponents = np.log(gain) + slope + (0.5 * np.log1p(-index) if ensemble == "ginibre" else 0.0 * index)
    else:
        exponents = theory.lyapunov_exponents(activation, gain, variance, index, ensemble)
    return index, np.where(np.isfinite(exponents), exponents, np.nan)


def plot_chaos(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """What Lyapunov spectra come to against the coupling kappa: the largest exponent, the entropy rate and the
    Kaplan-Yorke dimension an index, a line a hidden size with the confidence interval of the mean, rows activations and
    ensembles, beside the mean field. Needs the measure lyapunov and several couplings. `selection`: values of axes, as in
    gradsweep.select."""
    limits = {"activation": 2, "ensemble": 3, "hidden_size": MOST_SIZES}
    needs = ("lyapunov_exponent", "entropy_rate", "kaplan_yorke_dimension")
    view = View(dataset, selection, limits, everything, needs=needs)
    kappa = couplings_of(view)
    if len(np.unique(kappa)) < 3:
        raise NothingToDraw("there are fewer than three couplings to draw exponents against")
    order = np.argsort(kappa, kind="stable")
    rows, colours = view.networks(), shades(len(view.sizes))
    panels = Panels(len(rows), 3)
    predicted = predict(view.dataset)
    some = has_theory = False
    for row, largest in enumerate(rows):
        for axes in panels.grid[row]:
            zero_line(axes)
            axes.locator_params(axis="y", nbins=4)
            axes.yaxis.set_major_formatter(FuncFormatter(tick))  # short: panels stand close
        drawn: list[list[np.ndarray]] = [[], [], []]
        for size, shade in enumerate(colours):
            network = Network(largest.activation, largest.ensemble, size)
            for place, values in enumerate(summaries_of(view, network)):
                flat = values.reshape(len(values), -1)[:, order]
                drawn[place].append(draw_mean(panels.grid[row, place], kappa[order], flat, {**line_style(0), "color": shade}))
        some |= any(np.isfinite(mean).any() for means in drawn for mean in means)
        curves = summary_theory(view, predicted, largest, kappa)
        if curves is not None:
            has_theory = True
            for axes, curve, means in zip(panels.grid[row], curves[1:], drawn):
                axes.plot(curves[0], curve, **THEORY)
                means.append(curve)
        for axes, means in zip(panels.grid[row], drawn):
            fit_y([axes], means, 1e-6)  # bands of few replicas may leave it
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    titles = ["largest exponent per step", "entropy rate / d per step", "Kaplan-Yorke dimension / d"]
    panels.titles(titles, view.network_titles(rows))
    handles = [Line2D([], [], color=shade, label=f"$d$ = {d}") for d, shade in zip(view.sizes, colours)]
    handles += [Line2D([], [], **THEORY, label="mean field")] if has_theory else []
    caption = (
        "The largest Lyapunov exponent, the entropy rate Σ<i>λ<sub>i</sub></i><sup>+</sup> and the Kaplan-Yorke dimension, "
        "both over <i>d</i> (where the exponents that were asked for suffice in each replica), against the coupling "
        "<i>κ</i> = <i>ργ</i> "
        f"({mean_words(len(view.replicas))}). Chaos begins where the largest exponent crosses 0."
    )
    if has_theory:
        caption += " Dashed: the mean field at infinite size."
    caption += part_coinciding(panels)
    names = "-".join(view.activations)
    title = f"Chaos against the coupling: {', '.join(literal(name) for name in view.activations)}"
    description = Description(f"chaos-{file_name(names)}", title, caption, view.note)
    coupling_axis(panels, kappa)
    return panels.finish(r"coupling $\kappa$", "", handles, description)


def summaries_of(view: View, network: Network) -> list[np.ndarray]:
    """The three quantities, each [replica, spectral_radius, gamma]."""
    d = float(view.sizes[network.size])
    largest = view.read("lyapunov_exponent", network, (*PLANE, "index"))[..., 0]
    others = (view.read(name, network, PLANE) / d for name in ("entropy_rate", "kaplan_yorke_dimension"))
    return [largest, *(whole(values, largest, 0) for values in others)]


def summary_theory(
    view: View, predicted: xr.Dataset, network: Network, kappa: np.ndarray, between: np.ndarray | None = None
) -> tuple[np.ndarray, ...] | None:
    """kappa, largest exponent, entropy rate / d and dimension / d of the mean field, at `between` or between the couplings of
    the cells, `kappa`; None where it does not speak of these networks, or they are driven by what it does not know."""
    place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": network.size}
    gain = np.ravel(predicted["gain"].isel(place, missing_dims="ignore").values)
    activation, entry = view.activations[network.activation], kinds(view.dataset)[view.ensembles[network.ensemble]]
    ensemble = mean_field_ensemble(entry, int(view.sizes[network.size]))
    if ensemble is None or activation == "identity" or not np.isfinite(gain).all() or gain.size != kappa.size:
        return None
    drive, bias, start = variances(view.dataset)
    strongest = np.argmax(kappa)
    ratio = float(kappa[strongest] / gain[strongest])
    if between is None:
        spaced = np.geomspace if is_geometric(np.unique(kappa)) else np.linspace
        between = spaced(kappa.min(), kappa.max(), SUMMARY_POINTS)
    added = float(np.ravel(drive)[0]), float(np.ravel(bias)[0])
    found = [theory.summarize_spectrum(activation, value / ratio, *added, ensemble, start) for value in between]
    largest, entropy, dimension = (
        np.array([getattr(one, name) for one in found])
        for name in ("largest_exponent", "entropy_rate", "kaplan_yorke_dimension")
    )
    if sum(added) == 0.0:  # where states vanish it is the spectral radius of W itself that counts
        largest = np.where(largest < 0.0, np.minimum(largest + np.log(ratio), 0.0), largest)
    return between, largest, entropy, dimension
