"""Spectra: all singular values of J_l, and how well the expansion in left eigenvectors gives the error back."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..data.results import cell_axes
from ..data.selection import NothingToDraw, blocks, read, read_done, select
from ..data.summary import PointSample
from .curves import draw_mean, part_coinciding
from .figure import Description, Panels, fit_y, say, zero_line
from .style import INK, colour, file_name, literal, marker, shades
from .view import MOST_STRENGTHS, PLANE, Choice, Network, View, choose_cells, rows_of, strength_axis

UNIT_ROUNDOFF = 2.0**-53
MOST_LAGS = 5
EIGENVALUES = {"color": INK, "marker": "o", "linestyle": "none", "markerfacecolor": "none", "markersize": 3.6}


def plot_spectrum(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """All singular values of J_l per step, ln s_i / l, against their index, for some lags: rows activations, ensembles
    and strengths of the drive or the bias, columns chosen cells, one network (the first finished replica) a panel, at
    the largest hidden size; for the identity with ln |gamma lambda_i(W)|. Needs the measure singular_values.
    `selection`: values of axes, as in gradsweep.select."""
    strength = strength_axis(dataset, selection)
    limits = {"activation": 2, "ensemble": 3, "lag": MOST_LAGS, **dict.fromkeys(strength, MOST_STRENGTHS)}
    view = View(dataset, selection, limits, everything, (*PLANE, *strength), ("log_singular_value",))
    choices, (rows, titles) = choose_cells(view), rows_of(view, strength)
    panels = Panels(len(rows), len(choices), share_y="row")
    colours = shades(len(view.lags), 0.85, 0.05)
    some = with_eigenvalues = has_zeros = False
    for row, (part, network) in enumerate(rows):
        drawn = []
        for axes, choice in zip(panels.grid[row], choices):
            replica = part.first_done(network, choice)
            zero_line(axes)
            if replica is None:
                say(axes, part.absence(network, choice))
                continue
            values = part.at("log_singular_value", network, choice, "lag", "index")[replica]
            values = values[:, : view.sizes[-1]] / view.lags[:, np.newaxis]
            for line, shade in zip(values, colours):
                index = np.arange(1, len(line) + 1)
                has_zeros |= bool(np.isneginf(draw_mean(axes, index, line[np.newaxis], {"color": shade})).any())
            some, drawn = True, [*drawn, values]
            if view.activations[network.activation] == "identity":
                drawn.append(moduli := log_eigenvalues(view, network, choice, replica))
                with_eigenvalues |= bool(np.isfinite(moduli).any())
                axes.plot(np.arange(1, len(moduli) + 1), np.where(np.isfinite(moduli), moduli, np.nan), **EIGENVALUES, zorder=4)
        fit_y(panels.grid[row], drawn, 0.1)
    panels.grid[0, 0].locator_params(axis="x", integer=True)
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    panels.titles([view.cell_title(choice) for choice in choices], titles)
    handles = [Line2D([], [], color=shade, label=rf"$\ell$ = {lag}") for lag, shade in zip(view.lags, colours)]
    if with_eigenvalues:
        handles.append(Line2D([], [], **EIGENVALUES, label=r"$\ln|\gamma\lambda_i(W)|$"))
    names = ", ".join(view.activations)
    title, name = f"Singular values: {names}", f"singular-{file_name('-'.join(view.activations))}"
    caption = _caption(view, with_eigenvalues, has_zeros) + part_coinciding(panels)
    description = Description(name, title, caption, view.note)
    return panels.finish("index $i$", r"$\ln\,s_i(J_\ell)\,/\,\ell$", handles, description)


def _caption(view: View, with_eigenvalues: bool, has_zeros: bool) -> str:
    text = (
        "All singular values of the Jacobian product per step, ln <i>s<sub>i</sub></i>(<i>J</i><sub>ℓ</sub>) / ℓ, in "
        f"descending order (one network, <i>d</i> = {view.sizes[-1]}, a panel); the first is the norm. Above 0 a direction "
        "explodes, below it vanishes."
    )
    if with_eigenvalues:
        text += (
            " Rings: ln|<i>γλ<sub>i</sub></i>|, which they converge to as ℓ grows (equal at once for normal <i>W</i>)."
        )
    if has_zeros:
        text += " Triangle at the lower edge: from this index on singular values are exactly 0."
    return text


def log_eigenvalues(view: View, network: Network, choice: Choice, replica: int) -> np.ndarray:
    """ln |gamma lambda_i| of the W in use, descending; empty where the file has no eigenvalues."""
    if "eigenvalue_re" not in view.dataset:
        return np.empty(0)
    place = {"ensemble": network.ensemble, "hidden_size": network.size}
    real, imaginary = (
        read(view.dataset, name, ("replica", "index"), **place)[replica, : view.sizes[network.size]]
        for name in ("eigenvalue_re", "eigenvalue_im")
    )
    drawn = read(view.dataset, "weight_spectral_radius", ("replica",), **place)[replica]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 if view.is_native else view.radii[choice.radius] / drawn
        return np.log(view.gammas[choice.gamma] * scale * np.hypot(real, imaginary))


def plot_expansion(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """The relative distance of the expansion in left eigenvectors to the error itself against condition x lag, a colour an
    ensemble; of many cells an even sample, unless `everything`. Needs the measure expansion. `selection`: values of axes, as in
    gradsweep.select."""
    needs = ("expansion_residual", "eigenbasis_condition")
    if any(name not in dataset for name in needs):
        raise NothingToDraw("the file has no expansion_residual: the sweep did not ask for it (measure: [expansion])")
    dataset = select(dataset, **selection)
    ensembles = [str(name) for name in np.atleast_1d(dataset.coords["ensemble"].values)]
    samples, zeros, missing = _sample(dataset, len(ensembles), everything)
    with_points = [ensemble for ensemble, sample in enumerate(samples) if len(sample.points)]
    if not with_points:
        raise NothingToDraw("no finished cell has an expansion")
    panels = Panels(1, 1, width=5.6, height=3.6)
    axes = panels.grid[0, 0]
    for ensemble in with_points:
        points = samples[ensemble].points
        axes.scatter(
            points[:, 0], points[:, 1], s=9, facecolors="none", edgecolors=colour(ensemble), linewidths=0.6,
            marker=marker(ensemble), rasterized=True,
        )  # fmt: skip
    reach = np.concatenate([samples[ensemble].points[:, 0] for ensemble in with_points])
    line = np.array([0.7 * reach.min(), 1.4 * reach.max()])
    axes.plot(line, UNIT_ROUNDOFF * line, color="#444444", linewidth=1.1, zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    style = {"linestyle": "none", "markerfacecolor": "none", "markersize": 5}
    handles = [Line2D([], [], color=colour(e), marker=marker(e), label=literal(ensembles[e]), **style) for e in with_points]
    handles.append(Line2D([], [], color="#444444", label=r"$u\,$cond$\,\ell$"))
    caption = (
        "Identity: the relative distance of the expansion Σ<sub><i>i</i></sub> <i>c<sub>i</sub></i> "
        "(<i>γλ<sub>i</sub></i>)<sup>ℓ</sup> <i>q<sub>i</sub></i><sup>T</sup> in left eigenvectors to the error "
        "<i>e</i><sub>ℓ</sub> itself, one point a cell and lag, against the condition of the eigenvectors' basis "
        "times the lag. Line: <i>u</i> cond ℓ with the unit roundoff <i>u</i> = 2<sup>−53</sup>, the error to be expected up "
        "to a factor of the order of the size and of "
        "‖<i>e</i><sub>0</sub>‖(<i>γρ</i>)<sup>ℓ</sup>/‖<i>e</i><sub>ℓ</sub>‖."
    )
    notes = []
    if any(samples[ensemble].offered > len(samples[ensemble].points) for ensemble in with_points):
        notes.append("Drawn: an evenly spread sample of the points.")
    if zeros:
        notes.append(f"Not drawn: {zeros:,} distances that are exactly 0.")
    if missing:
        notes.append(f"Not drawn: {missing:,} that have no number, the basis being too ill-conditioned or the error 0.")
    description = Description("expansion", "The expansion in left eigenvectors", caption, " ".join(notes))
    x, y = r"condition of the eigenbasis $\times$ lag,  cond$\,\ell$", r"relative distance of the expansion to $e_\ell$"
    return panels.finish(x, y, handles, description)


def _sample(dataset: xr.Dataset, ensembles: int, everything: bool) -> tuple[list[PointSample], int, int]:
    """Points (condition x lag, distance) by ensemble; how many distances are 0, and how many of finished cells NaN."""
    samples = [PointSample(limit=dataset["expansion_residual"].size if everything else 1500) for _ in range(ensembles)]
    shuffle = np.random.default_rng(0)  # a sample of every n-th point must not fall in step with the lags
    zeros = missing = 0
    cell = cell_axes(dataset)
    for block in blocks(dataset):
        condition = read_done(dataset, "eigenbasis_condition", cell, **block)
        if np.all(np.isnan(condition)):
            continue
        residual = read_done(dataset, "expansion_residual", (*cell, "lag"), **block)
        scaled = condition[..., np.newaxis] * dataset.coords["lag"].values
        asked = np.broadcast_to(~np.isnan(condition)[..., np.newaxis], residual.shape)
        zeros += int(np.count_nonzero(asked & (residual == 0.0)))
        missing += int(np.count_nonzero(asked & np.isnan(residual)))
        shown = asked & np.isfinite(residual) & (residual > 0.0) & np.isfinite(scaled)
        order = shuffle.permutation(np.count_nonzero(shown))
        ensemble = block["ensemble"].start if "ensemble" in block else 0
        samples[ensemble].add(scaled[shown][order], residual[shown][order])
    return samples, zeros, missing
