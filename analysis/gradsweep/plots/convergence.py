"""How far exponents are from the mean field: with the hidden size, and in standard errors over replicas."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..data.predictions import predict
from ..data.scores import LEAST_REPLICAS, LEAST_SIZES, finite_size, means, standardised
from ..data.selection import NothingToDraw
from .exponents import THEORY, couplings_of, spread_couplings, summaries_of, summary_theory
from .curves import CURVE, mean_words, part_coinciding
from .figure import Description, Panels, coupling_axis, say, zero_line
from .style import INK, colour, file_name, line_style, literal, shades, tick
from .view import Network, View, band_of_done, mean_of_done

FIT = {"color": INK, "linewidth": 0.8, "linestyle": ":", "zorder": 4}
CLEAR = 3.0  # standard errors
LEAST_GAP = 0.1  # between ticks, of the height of an axis
SCORE_TICKS = (-1000.0, -300.0, -100.0, -30.0, -10.0, -CLEAR, 0.0, CLEAR, 10.0, 30.0, 100.0, 300.0, 1000.0)


def plot_convergence(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """The largest Lyapunov exponent against 1/d, means over the finished replicas with their confidence intervals, rows
    activations and ensembles, columns the weakest, a middle and the strongest coupling; the mean field is that at 1/d = 0, and the
    finite-size correction -c/d is fitted to the points, each weighed by its standard error where all have one. Needs the measure
    lyapunov and three hidden sizes. `selection`: values of axes, as in gradsweep.select."""
    view = View(dataset, selection, {"activation": 2, "ensemble": 3}, everything, needs=("lyapunov_exponent",))
    if len(view.sizes) < LEAST_SIZES:
        raise NothingToDraw("there are fewer than three hidden sizes to draw the convergence of exponents over")
    predicted, choices, rows = predict(view.dataset), spread_couplings(view), view.networks()
    panels = Panels(len(rows), len(choices), tick_room=0.3)  # exponents near their limit differ in late digits
    inverse, shade = 1.0 / view.sizes, colour(0)
    some = has_theory = False
    for row, largest in enumerate(rows):
        for axes, choice in zip(panels.grid[row], choices):
            networks = [Network(largest.activation, largest.ensemble, size) for size in range(len(view.sizes))]
            values = [view.at("lyapunov_exponent", network, choice, "index")[:, :1] for network in networks]
            mean = np.array([mean_of_done(one)[0] for one in values])
            low, high = np.array([[end[0] for end in band_of_done(one)] for one in values]).T
            finite = np.isfinite(mean)
            axes.set_xlim(left=0.0, right=1.08 * inverse.max())
            axes.locator_params(axis="x", nbins=4)
            if not finite.any():
                say(axes, view.absence(largest, choice))
                continue
            some = True
            error = np.array([mean - low, high - mean])[:, finite]
            axes.errorbar(inverse[finite], mean[finite], yerr=error, color=shade, fmt="o", markersize=3, capsize=2)
            place = {"activation": largest.activation, "ensemble": largest.ensemble, "hidden_size": largest.size,
                     "spectral_radius": choice.radius, "gamma": choice.gamma}  # fmt: skip
            limit = float(predicted["largest_exponent"].isel(place, missing_dims="ignore"))
            if np.isfinite(limit):
                has_theory = True
                errors = np.array([means(one, axis=0)[1][0] for one in values])
                c = float(finite_size(np.where(finite, mean - limit, np.nan), errors, inverse, axis=0)[0])
                ends = np.array([0.0, inverse.max()])
                axes.axhline(limit, **THEORY)
                axes.plot(ends, limit - c * ends, **FIT)
                low, high = axes.get_ylim()
                axes.set_ylim(low, high + 0.18 * (high - low))  # room above all bars
                axes.text(0.97, 0.95, f"$c$ = {tick(float(f'{c:.2g}'))}", transform=axes.transAxes, ha="right", va="top")
    if not some:
        raise NothingToDraw("no cell of the selection is finished")
    panels.titles([view.cell_title(choice) for choice in choices], view.network_titles(rows))
    handles = [Line2D([], [], color=shade, marker="o", markersize=3, linestyle="none", label="measured")]
    caption = (
        f"The largest Lyapunov exponent against 1/<i>d</i> ({mean_words(len(view.replicas)).replace('band', 'bar')})."
    )
    if has_theory:
        handles += [Line2D([], [], **THEORY, label="mean field, $d \\to \\infty$"), Line2D([], [], **FIT, label="$-c/d$ fitted")]
        caption += " Dashed: the mean field at infinite size. Dotted: its finite-size correction −<i>c</i>/<i>d</i>, fitted with weights 1/error²."
    names = ", ".join(literal(name) for name in view.activations)
    name = f"convergence-{file_name('-'.join(view.activations))}"
    description = Description(name, f"Exponents converge with the size: {names}", caption, view.note)
    return panels.finish("$1/d$", r"$\lambda_1$ per step", handles, description)


def plot_scores(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """How many standard errors over the replicas the largest exponent, the entropy rate and the Kaplan-Yorke dimension lie
    from the mean field, against the coupling kappa, a line a hidden size, rows activations and ensembles. Needs the measure
    lyapunov, three replicas, and weights that the mean field speaks of. `selection`: values of axes, as in gradsweep.select."""
    needs = ("lyapunov_exponent", "entropy_rate", "kaplan_yorke_dimension")
    view = View(dataset, selection, {"activation": 2, "ensemble": 3, "hidden_size": 5}, everything, needs=needs)
    if len(view.replicas) < LEAST_REPLICAS:
        raise NothingToDraw("there are fewer than three replicas to tell a standard error from")
    kappa, predicted = couplings_of(view), predict(view.dataset)
    points, places = np.unique(kappa, return_index=True)
    rows = [row for row in view.networks() if summary_theory(view, predicted, row, kappa, points[:1]) is not None]
    if not rows:
        raise NothingToDraw("the mean field does not speak of these networks")
    panels, colours = Panels(len(rows), 3, share_y=True), shades(len(view.sizes))
    some = False
    for row, largest in enumerate(rows):
        for axes in panels.grid[row]:
            zero_line(axes)
            axes.axhspan(-CLEAR, CLEAR, color=INK, alpha=0.06, linewidth=0)
            axes.set_yscale("symlog", linthresh=CLEAR)
            axes.yaxis.set_major_locator(NullLocator())
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(tick))
        for size, shade in enumerate(colours):
            network = Network(largest.activation, largest.ensemble, size)
            curves = summary_theory(view, predicted, network, kappa, points)
            for axes, values, curve in zip(panels.grid[row], summaries_of(view, network), curves[1:] if curves else ()):
                mean, error, _ = means(values.reshape(len(values), -1)[:, places], axis=0)
                score = standardised(mean, curve, error)
                finite = np.isfinite(score)
                some |= bool(finite.any())
                axes.plot(points[finite], score[finite], **{**line_style(0), "color": shade, "marker": "o", "markersize": 2.5}, label=CURVE)
    if not some:
        raise NothingToDraw("no coupling has three finished replicas that differ")
    for _, _, axes in panels:
        axes.yaxis.set_major_locator(FixedLocator(score_ticks(axes)))
    panels.titles(["largest exponent", "entropy rate / d", "Kaplan-Yorke dimension / d"], view.network_titles(rows))
    handles = [Line2D([], [], color=shade, label=f"$d$ = {d}") for d, shade in zip(view.sizes, colours)]
    handles.append(Patch(facecolor=INK, alpha=0.12, label=f"within {CLEAR:g} standard errors"))
    caption = (
        "(mean − mean field) / standard error over the replicas, against the coupling <i>κ</i> = <i>ργ</i>; shaded: 3 standard "
        "errors, the scale is linear within. Networks of finite size differ from the mean field by about <i>c</i>/<i>d</i>, "
        "most of all near the onset of chaos: scores far below 0 that come back with <i>d</i> are that, not an error."
    )
    caption += part_coinciding(panels)
    names = ", ".join(literal(name) for name in view.activations)
    name = f"scores-{file_name('-'.join(view.activations))}"
    description = Description(name, f"Exponents beside the mean field: {names}", caption, view.note)
    coupling_axis(panels, kappa)
    return panels.finish(r"coupling $\kappa$", "standard errors", handles, description)


def score_ticks(axes: Axes) -> list[float]:
    """Those of SCORE_TICKS within the limits of an axis, from 0 outwards as many as stand apart."""
    place, (low, high) = axes.yaxis.get_transform().transform, axes.get_ylim()
    height = float(np.ptp(place(np.array([low, high]))))
    shown = [0.0]
    for side in (-1.0, 1.0):
        last = 0.0
        for score in sorted(abs(value) for value in SCORE_TICKS if value * side > 0.0):
            if low <= side * score <= high and abs(float(np.diff(place(side * np.array([last, score])))[0])) > LEAST_GAP * height:
                shown.append(side * score)
                last = score
    return sorted(shown)
