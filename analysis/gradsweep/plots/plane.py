"""Maps over the plane (rho, gamma) beside the phase diagrams: cancellation, and where the two conditions disagree."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ..data.quantities import ROUNDING
from ..data.results import UNSET_FLAG
from ..data.selection import NothingToDraw
from ..data.summary import OBSERVATIONS
from .curves import CURVE, part_coinciding
from .figure import Description, Panels, draw_mesh
from .growth import OBSERVATION_COLOURS, OBSERVATION_LABELS
from .phase import LABELS, Panel, condition_handles, draw_conditions, draw_zero, plane_edges, seen_handles
from .style import SEQUENTIAL, UNFINISHED, line_style, literal, tick
from .symbols import GAMMA_NORM, GAMMA_RADIUS, LOG_NORM
from .view import PLANE, Network, View, mean_of_done

LIMITS = {"activation": 4, "ensemble": 5}
GROWTH_LINE = {"label": "_growth", "color": "#E34A33", "linewidth": 2.0}
TOTAL = "Σ<sub><i>t</i></sub> ∂<i>ε<sub>t</sub></i>/∂<i>W</i>"
# Where the conditions agree there is no colour, so that those of what was observed where they disagree stand out.
CODE_COLOURS = (UNFINISHED, "#FFFFFF", "#F2F2F2", *(OBSERVATION_COLOURS[name] for name in OBSERVATIONS))
CODE_LABELS = ("unfinished or failed", "both say: vanishes", "neither says so")


def plot_conditions_map(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """What the two conditions say over the plane (spectral_radius, gamma), and what was observed where they disagree: rows
    ensembles, columns activations, at the largest hidden size. `selection`: values of axes, as in gradsweep.select."""
    needs = ("vanishing_guaranteed", "spectral_condition", "growth_rate")
    view = View(dataset, selection, LIMITS, everything, needs=needs)
    if len(view.radii) < 2 or len(view.gammas) < 2:
        raise NothingToDraw("spectral_radius or gamma has one value: there is no plane")
    rows = [ensemble for ensemble in range(len(view.ensembles)) if view.has_single_weight(ensemble)]
    size, columns = len(view.sizes) - 1, range(len(view.activations))
    codes = {(e, a): condition_codes(view, Network(a, e, size)) for e in rows for a in columns}
    seen = np.unique(np.concatenate([values.ravel() for values in codes.values()])) if codes else np.empty(0)
    if not np.any(seen >= 3):
        raise NothingToDraw("in no finished cell do the two conditions disagree")
    panels = Panels(len(rows), len(view.activations), width=2.4, share_y=True)
    for row, column, axes in panels:
        edges = plane_edges(axes, view.radii, view.gammas)
        values = codes[rows[row], column].T
        draw_mesh(axes, *edges, values, cmap=ListedColormap(CODE_COLOURS), vmin=-0.5, vmax=5.5)
        draw_conditions(axes, Panel(view, Network(column, rows[row], size), *PLANE), *PLANE, edges[0])
    panels.titles([literal(name) for name in view.activations], [literal(view.ensembles[row]) for row in rows])
    labels = [*CODE_LABELS, *(f"disagree: {OBSERVATION_LABELS[name]}" for name in OBSERVATIONS)]
    frame = {"edgecolor": "#999999", "linewidth": 0.5}  # one of the colours is the paper's
    handles = [Patch(facecolor=CODE_COLOURS[code], label=labels[code], **frame) for code in (3, 4, 5, 1, 2, 0) if code in seen]
    caption = (
        f"Strong colours: cells where {GAMMA_RADIUS} &lt; 1 but {GAMMA_NORM} ≥ 1, by what was observed over the "
        f"measured lags (<i>d</i> = {view.sizes[size]}; where replicas differ, the one that grows most counts). Dark blue: "
        f"{LOG_NORM} is never above 0, the guarantee was only too cautious; light red: the gradient grows before it "
        "vanishes; dark red: it still grows at the longest lags, as no linear network can in the limit. Pale: the "
        "conditions agree."
    )
    title = "Where the two conditions disagree: the plane"
    description = Description("conditions-map", title, caption, view.note)
    return panels.finish(LABELS[PLANE[0]], LABELS[PLANE[1]], [*handles, *condition_handles(panels)], description)


def condition_codes(view: View, network: Network) -> np.ndarray:
    """[spectral_radius, gamma]: 0 unknown, 1 both conditions hold, 2 neither does, 3.. only the spectral one, by
    observation; the largest over the replicas."""
    names = ("vanishing_guaranteed", "spectral_condition", "growth_rate")
    sure, spectral, rate = (view.read(name, network, PLANE) for name in names)
    peak = np.concatenate([  # one replica at a time: of a fine plane all lags are many
        view.read("log_jacobian_norm", network, (*PLANE, "lag"), replica=slice(at, at + 1)).max(axis=-1)
        for at in range(len(view.replicas))
    ])  # fmt: skip
    known = ~np.isnan(sure) & (sure != UNSET_FLAG) & (spectral != UNSET_FLAG)
    with np.errstate(invalid="ignore"):
        seen = np.where(rate > ROUNDING, 5, np.where(peak > ROUNDING, 4, 3))
    found = np.where(sure == 1, 1, np.where(spectral == 0, 2, seen))
    return np.where(known, found, 0).max(axis=0)


def plot_cancellation(dataset: xr.Dataset, *, everything: bool = False, **selection: Any) -> Figure:
    """||sum of contributions||_F / sum of their norms over the plane (spectral_radius, gamma), with contours of the total
    gradient; a line where an axis has one value: rows ensembles, columns activations, at the largest hidden size. Needs
    the measure gradient. `selection`: values of axes, as in gradsweep.select."""
    view = View(dataset, selection, LIMITS, everything, needs=("cancellation",))
    is_plane = len(view.radii) > 1 and len(view.gammas) > 1
    if len(view.radii) == len(view.gammas) == 1:
        raise NothingToDraw("there is one cell a network, no plane to draw cancellation over: the dataset `cancellation` has it")
    size = len(view.sizes) - 1
    rows = [ensemble for ensemble in range(len(view.ensembles)) if view.has_single_weight(ensemble)] or [0]
    values = {(e, a): _geometric_mean(view, Network(a, e, size)) for e in rows for a in range(len(view.activations))}
    known = np.concatenate([panel[np.isfinite(panel)] for panel in values.values()])
    if not known.size:
        raise NothingToDraw("no finished cell has contributions that could cancel")
    caption = (
        "Cancellation ‖Σ<sub><i>k</i></sub> <i>C<sub>k</sub></i>‖<sub>F</sub> / Σ<sub><i>k</i></sub> "
        "‖<i>C<sub>k</sub></i>‖<sub>F</sub> of the contributions to ∂<i>ε<sub>T</sub></i>/∂<i>W</i>, on a logarithmic "
        "scale: 1 means that all point the same way; the smaller, the more they cancel, so that a large contribution "
        f"need not make a large gradient (<i>d</i> = {view.sizes[size]}, geometric mean of the replicas)."
    )
    description = Description("cancellation", "How much of the gradient cancels", caption, view.note)
    if not is_plane:
        return _cancellation_lines(view, rows, values, description)
    norm = LogNorm(min(0.1, float(np.exp(known.min()))), 1.0)
    panels = Panels(len(rows), len(view.activations), width=2.4, share_y=True)
    for row, column, axes in panels:
        network = Network(column, rows[row], size)
        edges = plane_edges(axes, view.radii, view.gammas)
        axes.set_facecolor(UNFINISHED)
        shown = np.ma.masked_invalid(np.exp(np.maximum(values[rows[row], column], np.log(norm.vmin))))
        draw_mesh(axes, *edges, shown.T, cmap=SEQUENTIAL, norm=norm)
        _draw_total(axes, view, network)
        draw_zero(axes, Panel(view, network, *PLANE), np.outer(view.gammas, view.radii), edges[0], GROWTH_LINE)
    panels.titles([literal(name) for name in view.activations], [literal(view.ensembles[row]) for row in rows])
    ticks = [value for value in (0.001, 0.01, 0.1, 0.2, 0.5, 1.0) if value >= norm.vmin]
    label = r"cancellation  $‖\Sigma_k\,C_k‖_F\,/\,\Sigma_k\,‖C_k‖_F$"
    panels.scale(ScalarMappable(norm, SEQUENTIAL), label, ticks=ticks)
    handles = [
        Line2D([], [], color="#999999", linewidth=1.0, label=r"$\ln‖\,\Sigma_t\,\partial\varepsilon_t/\partial W\,‖_F$"),
        *seen_handles(panels, (GROWTH_LINE, r"$\ln‖\,J_\ell‖_2 = 0$ at the longest lag")),
    ]
    description.caption += (
        f" White, with their values: contours of ln‖{TOTAL}‖<sub>F</sub>, the gradient of the total loss. Red: where "
        f"{LOG_NORM} at the longest lag is 0: below and to the left distant contributions vanish and the total gradient "
        "stays bounded as <i>T</i> grows; above and to the right it explodes, as far as contributions do not cancel. Grey: "
        "unfinished, or all contributions are 0."
    )
    return panels.finish(LABELS[PLANE[0]], LABELS[PLANE[1]], handles, description)


def _draw_total(axes: Axes, view: View, network: Network) -> None:
    """Contours of the total gradient."""
    if "log_total_gradient_norm" not in view.dataset:
        return
    total = mean_of_done(view.read("log_total_gradient_norm", network, PLANE))
    if np.isfinite(total).sum() > 3 and np.ptp(total[np.isfinite(total)]) > 1e-6:
        finite = total[np.isfinite(total)]
        levels = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(finite.min(), finite.max())
        style = {"colors": "white", "linewidths": 0.8, "linestyles": "-"}
        lines = axes.contour(view.radii, view.gammas, np.ma.masked_invalid(total.T), levels=levels, **style)
        axes.clabel(lines, fontsize=6.5, fmt=tick)


def _cancellation_lines(
    view: View, rows: list[int], values: dict[tuple[int, int], np.ndarray], description: Description
) -> Figure:
    """One axis is a point: a panel an ensemble, a line an activation."""
    along = "spectral_radius" if len(view.radii) > 1 else "gamma"
    x = view.radii if along == "spectral_radius" else view.gammas
    panels = Panels(1, len(rows), share_y=True)
    for axes, ensemble in zip(panels.grid[0], rows):
        for activation in range(len(view.activations)):
            with np.errstate(invalid="ignore"):
                axes.plot(x, np.exp(values[ensemble, activation]).reshape(-1), label=CURVE, **line_style(activation))
    panels.grid[0, 0].set_yscale("log")
    description.caption += part_coinciding(panels)
    panels.titles([literal(view.ensembles[ensemble]) for ensemble in rows])
    handles = [Line2D([], [], **line_style(at), label=literal(name)) for at, name in enumerate(view.activations)]
    return panels.finish(LABELS[along], r"$‖\Sigma_k\,C_k‖_F\,/\,\Sigma_k\,‖C_k‖_F$", handles, description)


def _geometric_mean(view: View, network: Network) -> np.ndarray:
    """Mean over the replicas of ln cancellation, [spectral_radius, gamma]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return mean_of_done(np.log(view.read("cancellation", network, PLANE)))
