"""Spectra: all singular values of J_l, and how well the expansion in left eigenvectors gives the error back."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .cells import Cell, cell_title, chosen_grid, first_done
from ..data.results import DONE, Results
from .style import INK, MARKERS, SEQUENTIAL, Picture, colour, file_name, legend_above, literal, spread
from ..data.summary import PointSample

UNIT_ROUNDOFF = 2.0**-53
LOG_SINGULAR = "ln <i>s<sub>i</sub></i>(<i>J</i><sub>ℓ</sub>) / ℓ"


def singular_pictures(results: Results, show_all: bool) -> Iterator[Picture]:
    """ln s_i / l against the index: one figure an activation, rows ensembles, columns chosen cells, lines lags."""
    if "log_singular_value" not in results.file:
        return
    size = len(results.hidden_sizes) - 1
    lags = spread(len(results.lags), 5)
    shades = [plt.get_cmap(SEQUENTIAL)(value) for value in np.linspace(0.85, 0.05, len(lags))]
    for activation in spread(len(results.activations), None if show_all else 3):
        figure, panels = chosen_grid(results, None if show_all else 3, 2.2)
        with_eigenvalues, has_zeros, drawn = False, False, False
        for axes, ensemble, choice in panels:
            axes.set_title(cell_title(results, ensemble, choice))
            cell = Cell(activation, ensemble, size, choice.radius, choice.gamma)
            replica = first_done(results, cell)
            if replica is None:
                axes.text(0.5, 0.5, "nothing finished", transform=axes.transAxes, ha="center", color="#666666")
                continue
            drawn = True
            has_zeros |= _draw_spectrum(axes, results, cell, replica, lags, shades)
            moduli = _log_eigenvalues(results, cell, replica)
            if results.activations[activation] == "identity" and np.isfinite(moduli).any():
                with_eigenvalues = True
                axes.plot(
                    np.arange(1, len(moduli) + 1),
                    np.where(np.isfinite(moduli), moduli, np.nan),
                    "o",
                    color=INK,
                    markerfacecolor="none",
                    markersize=3.6,
                    markeredgewidth=0.8,
                    zorder=4,
                )
            _widen(axes)
        if not drawn:
            plt.close(figure)
            continue
        figure.supxlabel("index $i$", fontsize=9)
        figure.supylabel(r"$\ln\,s_i(J_\ell)\,/\,\ell$", fontsize=9)
        handles = [
            Line2D([], [], color=shade, label=rf"$\ell$ = {results.lags[lag]}") for lag, shade in zip(lags, shades)
        ]
        if with_eigenvalues:
            style = {"color": INK, "marker": "o", "linestyle": "none", "markerfacecolor": "none", "markersize": 4}
            handles.append(Line2D([], [], **style, label=r"$\ln|\gamma\lambda_i(W)|$"))
        legend_above(figure, handles)
        name = results.activations[activation]
        caption = _singular_caption(results, size, with_eigenvalues, has_zeros)
        yield Picture(f"singular-{file_name(name)}", f"Singular values: {name}", caption, figure)


def _singular_caption(results: Results, size: int, with_eigenvalues: bool, has_zeros: bool) -> str:
    text = (
        f"All singular values of the Jacobian product per step, {LOG_SINGULAR}, in descending order (one network, "
        "<i>d</i> "
        f"= {results.hidden_sizes[size]}, a panel); the first is the norm. Above 0 a direction explodes, below it "
        "vanishes."
    )
    if with_eigenvalues:
        text += (
            " Rings: ln|<i>γλ<sub>i</sub></i>|, which they converge to as ℓ grows (equal at once for normal <i>W</i>)."
        )
    if has_zeros:
        text += " Triangle at the lower edge: from this index on singular values are exactly 0."
    return text


def _draw_spectrum(axes: Axes, results: Results, cell: Cell, replica: int, lags: list[int], shades: list) -> bool:
    """Draws the chosen lags; True where a singular value is exactly 0."""
    d = results.hidden_sizes[cell.hidden_size]
    index = np.arange(1, d + 1)
    zeros = False
    axes.axhline(0.0, color="#BBBBBB", linewidth=0.7, zorder=0)
    for lag, shade in zip(lags, shades):
        values = results.file["log_singular_value"][(*cell.at(replica), lag)][:d] / results.lags[lag]
        axes.plot(index, np.where(np.isfinite(values), values, np.nan), color=shade, marker="." if d < 3 else None)
        gone = np.flatnonzero(np.isneginf(values))
        if gone.size:
            zeros = True
            place = {"transform": axes.get_xaxis_transform(), "clip_on": False}
            axes.plot(index[gone[:1]], [0.03], color=shade, marker="v", markersize=5, **place)
    return zeros


def _log_eigenvalues(results: Results, cell: Cell, replica: int) -> np.ndarray:
    """ln |gamma lambda_i| of the W in use, descending; empty where the file has no eigenvalues."""
    if "eigenvalue_re" not in results.file:
        return np.empty(0)
    place = (cell.ensemble, cell.hidden_size, replica)
    d = results.hidden_sizes[cell.hidden_size]
    modulus = np.hypot(results.file["eigenvalue_re"][place][:d], results.file["eigenvalue_im"][place][:d])
    drawn = results.weight_radius[place]
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 if results.native else results.radii[cell.radius] / drawn
        return np.log(results.gammas[cell.gamma] * scale * modulus)


def _widen(axes: Axes) -> None:
    """Keeps rounding from filling a panel where all singular values are equal."""
    low, high = axes.get_ylim()
    if high - low < 0.1:
        axes.set_ylim(0.5 * (low + high) - 0.05, 0.5 * (low + high) + 0.05)


def expansion_picture(results: Results) -> Picture | None:
    """expansion_residual against condition x lag, a colour an ensemble; None where nothing was expanded."""
    if "expansion_residual" not in results.file or "eigenbasis_condition" not in results.file:
        return None
    samples = [PointSample(limit=1500) for _ in results.ensembles]
    shuffle = np.random.default_rng(0)  # a sample of every n-th point must not fall in step with the lags
    zeros = missing = 0
    for block in results.blocks():
        condition = results.read("eigenbasis_condition", block)
        if np.all(np.isnan(condition)):
            continue
        residual = results.read("expansion_residual", block)
        scaled = condition[..., np.newaxis] * results.lags
        asked = (results.read("status", block) == DONE) & ~np.isnan(condition)
        zeros += int(np.count_nonzero(asked[..., np.newaxis] & (residual == 0.0)))
        missing += int(np.count_nonzero(asked[..., np.newaxis] & np.isnan(residual)))
        shown = asked[..., np.newaxis] & np.isfinite(residual) & (residual > 0.0) & np.isfinite(scaled)
        order = shuffle.permutation(np.count_nonzero(shown))
        samples[block.ensemble].add(scaled[shown][order], residual[shown][order])
    with_points = [ensemble for ensemble, sample in enumerate(samples) if len(sample.points)]
    if not with_points:
        return None
    figure, axes = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    for ensemble in with_points:
        points = samples[ensemble].points
        axes.scatter(
            points[:, 0],
            points[:, 1],
            s=9,
            facecolors="none",
            edgecolors=colour(ensemble),
            linewidths=0.6,
            marker=MARKERS[ensemble % len(MARKERS)],
            rasterized=True,
        )
    reach = np.concatenate([samples[ensemble].points[:, 0] for ensemble in with_points])
    line = np.array([0.7 * reach.min(), 1.4 * reach.max()])
    axes.plot(line, UNIT_ROUNDOFF * line, color="#444444", linewidth=1.1, zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(r"condition of the eigenbasis $\times$ lag,  $\kappa\,\ell$")
    axes.set_ylabel(r"relative distance of the expansion to $e_\ell$")
    handles = [
        Line2D(
            [],
            [],
            color=colour(e),
            marker=MARKERS[e % len(MARKERS)],
            linestyle="none",
            markerfacecolor="none",
            markersize=5,
            label=literal(results.ensembles[e]),
        )
        for e in with_points
    ]
    legend_above(figure, [*handles, Line2D([], [], color="#444444", label=r"$u\,\kappa\,\ell$")])
    caption = (
        "Identity: the relative distance of the expansion Σ<sub><i>i</i></sub> <i>c<sub>i</sub></i> "
        "(<i>γλ<sub>i</sub></i>)<sup>ℓ</sup> <i>q<sub>i</sub></i><sup>T</sup> in left eigenvectors to the error "
        "<i>e</i><sub>ℓ</sub> itself, one point a cell and lag, against the condition <i>κ</i> of the eigenvectors' "
        "basis "
        "times the lag. Line: <i>u κ</i> ℓ with the unit roundoff <i>u</i> = 2<sup>−53</sup>, the error to be "
        "expected up "
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
    return Picture("expansion", "The expansion in left eigenvectors", caption, figure, " ".join(notes))
