"""Phase diagrams: ln ||J_l||_2 / l over a plane of two axes and the conditions; a line where one of them is a point."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..data.quantities import ROUNDING, SAME_COUPLING
from ..data.results import FAILED
from ..data.selection import NothingToDraw, labels, require_axis
from .curves import band_handles
from .figure import Description, Panels, coupling_axis, draw_mesh, say
from .style import DIVERGING, UNFINISHED, cell_edges, colour, file_name, is_geometric, number
from .symbols import GAMMA_NORM, GAMMA_RADIUS, NORM_OF_W, RADIUS, W
from .view import PLANE, Network, View, band_of_done, mean_of_done

SPECTRAL_LINE = {"label": "_spectral", "color": "#000000", "linestyle": (0, (5, 2)), "linewidth": 1.3}
NORM_LINE = {"label": "_norm", "color": "#000000", "linestyle": (0, (1, 1.2)), "linewidth": 1.6}
ZERO_LINE = {"label": "_zero", "color": "#000000", "linestyle": "-", "linewidth": 2.0}
CASING = {"color": "#FFFFFF", "linestyle": "-", "linewidth": 4.0}  # under the zero line, so that it is seen on every colour
DOT = {"color": "#000000", "linestyle": "none", "marker": ".", "markersize": 2.0, "zorder": 5}
MOST_DOTS = 45  # along an axis
LABELS = {
    "spectral_radius": r"spectral radius $\rho(W)$",
    "gamma": r"derivative bound $\gamma$",
    "input_scale": "strength of the inputs",
    "bias_scale": "strength of the bias",
    "anchor": "final time $T$",
}
LIMITS = {"activation": 2, "ensemble": 6, "hidden_size": 4}


class Panel:
    """The rate of one network over the plane, [y, x], averaged over finished replicas; and W's place in it."""

    def __init__(self, view: View, network: Network, x: str, y: str, lag: int = -1) -> None:
        values = view.read("log_jacobian_norm", network, (y, x), lag=lag) / view.lags[lag]
        self.mean, (self.low, self.high) = mean_of_done(values), band_of_done(values)
        self.in_part = bool((np.isneginf(values).any(axis=0) & np.isfinite(self.mean)).any())
        self.failed = np.isnan(self.mean) & (view.status(network, (y, x)) == FAILED).any(axis=0)
        radius, norm = view.used(network)
        self.radius, self.norm = _mean(radius[:, 0]), _mean(norm[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            self.norm_over_radius = _mean((norm / radius)[:, 0])  # the same for every rho: W is only rescaled
        self.tied = bool(np.isfinite(self.norm))
        self.gamma = float(view.gammas[0])  # where it is no axis of the plane

    def critical_couplings(self, kappa: np.ndarray) -> np.ndarray:
        """Where the rate changes its sign along kappa [y, x], on which alone it depends: all cells of one kappa are one
        point."""
        known = np.isfinite(self.mean) | np.isneginf(self.mean)
        rounded = [float(f"{value:.{SAME_COUPLING}g}") for value in kappa[known]]
        points, place = np.unique(rounded, return_inverse=True)
        rates = np.maximum(self.mean[known], -1e3)
        means = np.bincount(place, rates, len(points)) / np.bincount(place, minlength=len(points))
        at = np.flatnonzero((means[1:] > ROUNDING) != (means[:-1] > ROUNDING))
        return points[at] + (points[at + 1] - points[at]) * means[at] / (means[at] - means[at + 1])


def plot_phase(
    dataset: xr.Dataset,
    *,
    x: str | None = None,
    y: str | None = None,
    lag: int | None = None,
    limits: tuple[float, float] | None = None,
    everything: bool = False,
    **selection: Any,
) -> Figure:
    """Growth rate ln ||J_l||_2 / l at a lag (default: the longest), mean of the replicas: rows activations and ensembles,
    columns hidden sizes; over the plane (x, y), by default (spectral_radius, gamma) or, where those have one value, drive
    or bias; a line with the confidence interval of the mean where one of the two has one value. Contour: rate 0, in the plane of
    spectral_radius and gamma drawn through kappa = rho gamma, on which alone the rate depends. `limits`: the lowest and
    highest rate of the colour scale. `selection`: values of axes, as in gradsweep.select."""
    x, y = _choose_axes(dataset, selection, x, y)
    if lag is not None and lag not in labels(dataset, "lag"):
        raise ValueError(f"lag has no value {lag}; it has {', '.join(map(str, labels(dataset, 'lag')))}")
    view = View(dataset, selection, LIMITS, everything, kept=(x, y))
    at = len(view.lags) - 1 if lag is None else int(np.flatnonzero(view.lags == lag)[0])
    networks = view.networks()
    grid = [[Panel(view, Network(a, e, size), x, y, at) for size in range(len(view.sizes))] for a, e, _ in networks]
    values = {name: np.atleast_1d(view.dataset.coords[name].values).astype(float) for name in (x, y)}
    is_plane = len(values[x]) > 1 and len(values[y]) > 1
    panels = Panels(len(grid), len(grid[0]), width=2.4, share_y=True if is_plane else "row")
    panels.titles([f"$d$ = {size}" for size in view.sizes], view.network_titles(networks))
    rate = rf"$\ln‖\,J_{{{view.lags[at]}}}‖_2\,/\,{view.lags[at]}$"
    activations = ", ".join(view.activations)
    note = " ".join(filter(None, (_note(grid, is_plane), view.note)))
    name = f"phase-{file_name('-'.join(view.activations))}"
    description = Description(name, f"Phase diagram: {activations}", _caption(view, at, x, y, values), note)
    if is_plane:
        handles = _draw_planes(view, panels, grid, rate, rate_scale(*(limits or _extremes(grid))), x, y, values)
        return panels.finish(LABELS.get(x, x), LABELS.get(y, y), handles, description)
    if len(values[x]) == len(values[y]) == 1:
        instead = "plot_decay shows it over the lag" if len(view.lags) > 1 else "the report's tables and gradsweep export have the numbers"
        raise NothingToDraw(f"there is one cell a network, no plane: {instead}")
    along, fixed = (x, y) if len(values[x]) > 1 else (y, x)
    handles = _draw_lines(view, panels, grid, along, values[along], values[fixed][0])
    return panels.finish(LABELS.get(along, along), rate, handles, description)


def rate_scale(lowest: float, highest: float) -> Normalize:
    """Colours diverge at 0 and reach both ends, in the signed square root of the rate, so that slow growth shows beside
    fast decay."""
    low, high = max(-lowest, 0.05 * highest, 1e-6), max(highest, -0.05 * lowest, 1e-6)

    def forward(rate: np.ndarray) -> np.ndarray:
        return np.sign(rate) * np.sqrt(np.abs(rate) / np.where(np.asarray(rate) < 0, low, high))

    def backward(root: np.ndarray) -> np.ndarray:
        return np.sign(root) * root**2 * np.where(np.asarray(root) < 0, low, high)

    return FuncNorm((forward, backward), -low, high)


def _extremes(grid: list[list[Panel]]) -> tuple[float, float]:
    finite = np.concatenate([panel.mean[np.isfinite(panel.mean)] for row in grid for panel in row])
    return float(finite.min(initial=0.0)), float(finite.max(initial=0.0))


def _choose_axes(dataset: xr.Dataset, selection: dict[str, Any], x: str | None, y: str | None) -> tuple[str, str]:
    def count(name: str) -> int:
        if name in selection:
            return np.size(selection[name]) if not isinstance(selection[name], slice) else 2
        return dataset.sizes.get(name, 0 if name not in dataset.coords else 1)

    candidates = [name for name in (*PLANE, "input_scale", "bias_scale") if name in dataset.coords]
    long = [name for name in candidates if count(name) > 1]
    order = [*long, *(name for name in candidates if name not in long)]
    x, y = (_one_of_plane(name, long) for name in (x, y))
    for name in filter(None, (x, y)):
        require_axis(dataset, name, ("coupling",))
        if name not in (*candidates, "anchor"):
            raise ValueError(f"{name} is no axis of numbers that a plane could have; there are {', '.join(candidates)}")
    if x is not None and x == y:
        raise ValueError(f"x and y are both {x}")
    x = x or next(name for name in order if name != y)
    return x, y or next(name for name in order if name != x)


def _one_of_plane(name: str | None, long: list[str]) -> str | None:
    """For "coupling" the one of spectral_radius and gamma that has several values; ValueError where both have."""
    if name != "coupling":
        return name
    several = [one for one in PLANE if one in long]
    if len(several) > 1:
        raise ValueError("spectral_radius and gamma both have several values, and their product is no axis of a plane; the line of "
                         "rate 0 in their plane goes through it, and plot_critical is along it")  # fmt: skip
    return several[0] if several else PLANE[0]


def _rate_ticks(limit: float) -> list[float]:
    """Three or four round rates up to the limit, denser near 0 as the scale is."""
    decade = 10.0 ** np.floor(np.log10(limit))
    steps = [step * decade for step in (0.02, 0.1, 0.5, 1, 2, 4, 6) if step * decade <= 1.001 * limit]
    kept = [step for step in steps if np.sqrt(step / limit) > 0.25]
    return kept[-4:]


def _draw_planes(
    view: View,
    panels: Panels,
    grid: list[list[Panel]],
    rate: str,
    norm: Normalize,
    x: str,
    y: str,
    values: dict[str, np.ndarray],
) -> list:
    for row, column, axes in panels:
        _draw_plane(axes, grid[row][column], norm, x, y, values)
    ticks = [-step for step in reversed(_rate_ticks(-norm.vmin))] + [0.0, *_rate_ticks(norm.vmax)]
    panels.scale(ScalarMappable(norm, DIVERGING), rate + "   (vanishing < 0 < exploding)", ticks=ticks)
    shown = [panel for row in grid for panel in row]
    handles = seen_handles(panels, (ZERO_LINE, rate + " = 0"))
    if any((panel.mean > ROUNDING).any() for panel in shown):
        handles.append(Line2D([], [], **DOT, label="explodes"))
    if any(panel.tied for panel in shown) and "spectral_radius" in (x, y):
        handles += condition_handles(panels)
    if any(np.isneginf(panel.mean).any() for panel in shown):
        handles.append(Patch(facecolor="#053061", edgecolor="white", hatch="..", label=r"$J_\ell = 0$ exactly"))
    if any(panel.failed.any() for panel in shown):
        handles.append(Patch(facecolor=UNFINISHED, edgecolor="#555555", hatch="xxx", label="failed"))
    if any((np.isnan(panel.mean) & ~panel.failed).any() for panel in shown):
        handles.append(Patch(facecolor=UNFINISHED, label="pending"))
    return handles


def _draw_plane(axes: Axes, panel: Panel, norm: Normalize, x: str, y: str, values: dict[str, np.ndarray]) -> None:
    edges_x, edges_y = plane_edges(axes, values[x], values[y])
    axes.set_facecolor(UNFINISHED)
    shown = np.ma.masked_invalid(np.where(np.isneginf(panel.mean), norm.vmin, panel.mean))
    draw_mesh(axes, edges_x, edges_y, shown, cmap=DIVERGING, norm=norm)
    grows = panel.mean > ROUNDING  # also told by a dot, for red and blue are one grey
    if grows.any():
        # Of a fine plane every n-th row and column alone: dots of all would cover it.
        steps = [-(-size // MOST_DOTS) for size in grows.shape]
        some = tuple(slice(step // 2, None, step) for step in steps)
        middle_x, middle_y = np.meshgrid(values[x], values[y])
        axes.plot(middle_x[some][grows[some]], middle_y[some][grows[some]], **DOT)
    for mask, hatch, edge in ((np.isneginf(panel.mean), "..", "white"), (panel.failed, "xxx", "#555555")):
        if mask.any():
            _hatch(axes, edges_x, edges_y, mask, hatch, edge)
    if {x, y} == set(PLANE):
        draw_zero(axes, panel, np.outer(values[y], values[x]), edges_x, CASING, ZERO_LINE)
    else:
        clipped = np.ma.masked_invalid(np.clip(panel.mean, norm.vmin, norm.vmax))
        if clipped.count() and clipped.min() < 0 < clipped.max():
            for style in (CASING, ZERO_LINE):
                axes.contour(values[x], values[y], clipped, [0.0], colors=style["color"], linewidths=style["linewidth"])
            axes.plot(values[x][:1], values[y][:1], label=ZERO_LINE["label"], linestyle="none")  # for the legend: contours are no lines
    draw_conditions(axes, panel, x, y, edges_x)


def plane_edges(axes: Axes, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges of the cells of a plane; the axes get their scales and limits."""
    geometric = is_geometric(x), is_geometric(y)
    edges = cell_edges(x, geometric[0]), cell_edges(y, geometric[1])
    for is_log, set_scale in zip(geometric, (axes.set_xscale, axes.set_yscale)):
        if is_log:  # a linear one has its ticks already
            set_scale("log")
    axes.set_xlim(edges[0][0], edges[0][-1])
    axes.set_ylim(edges[1][0], edges[1][-1])
    return edges


def hyperbola(axes: Axes, edges: np.ndarray, product: float, **style: object) -> None:
    """x y = product."""
    curve = np.geomspace(edges[0], edges[-1], 100) if edges[0] > 0 else np.linspace(edges[-1] / 100, edges[-1], 100)
    axes.plot(curve, product / curve, **style)


def draw_zero(axes: Axes, panel: Panel, kappa: np.ndarray, edges: np.ndarray, *styles: dict[str, object]) -> None:
    """Rate 0 in the plane of spectral_radius and gamma; several crossings are thin lines, an edge that is not sharp."""
    found = panel.critical_couplings(kappa)
    thinner = 1.0 if len(found) == 1 else 0.4
    for critical in found:
        for style in styles:
            hyperbola(axes, edges, critical, **{**style, "linewidth": thinner * float(style["linewidth"])})


def draw_conditions(axes: Axes, panel: Panel, x: str, y: str, edges: np.ndarray) -> None:
    """The lines gamma rho = 1 and gamma ||W||_2 = 1, where W is one matrix."""
    if not panel.tied:
        return
    for product, style in ((1.0, SPECTRAL_LINE), (1.0 / panel.norm_over_radius, NORM_LINE)):
        if {x, y} == set(PLANE):
            hyperbola(axes, edges, product, **style)
        elif "gamma" in (x, y) or "spectral_radius" not in (x, y):
            continue
        elif x == "spectral_radius":
            axes.axvline(product / panel.gamma, **style)
        else:
            axes.axhline(product / panel.gamma, **style)


def condition_handles(panels: Panels) -> list[Line2D]:
    """Of those lines that are seen in a panel."""
    return seen_handles(panels, (SPECTRAL_LINE, r"$\gamma\,\rho(W) = 1$"), (NORM_LINE, r"$\gamma\,‖W‖_2 = 1$"))


def seen_handles(panels: Panels, *lines: tuple[dict, str]) -> list[Line2D]:
    """Legend entries of lines, each a style with a label of its own, by which its lines are known, and what it is called: those
    alone of which some panel shows something."""
    return [
        Line2D([], [], **{**style, "label": text})
        for style, text in lines
        if any(_is_seen(axes, line) for _, _, axes in panels for line in axes.lines if line.get_label() == style["label"])
    ]


def _is_seen(axes: Axes, line: Line2D) -> bool:
    """Whether any point of a line lies within the axes."""
    points = line.get_transform().transform(line.get_xydata())
    return bool(((points >= axes.bbox.min - 0.5) & (points <= axes.bbox.max + 0.5)).all(axis=1).any())


def _hatch(axes: Axes, x: np.ndarray, y: np.ndarray, mask: np.ndarray, hatch: str, edge: str) -> None:
    cells = axes.pcolor(x, y, np.ma.masked_where(~mask, np.ones(mask.shape)), hatch=hatch)
    cells.set_array(None)
    cells.set_facecolor("none")
    cells.set_edgecolor(edge)
    cells.set_linewidth(0.0)


def _draw_lines(
    view: View, panels: Panels, grid: list[list[Panel]], along: str, points: np.ndarray, fixed: float
) -> list:
    """An axis of one point: the rate along the other one, mean of the replicas and its confidence interval."""
    for row, column, axes in panels:
        panel = grid[row][column]
        low, mean, high = (value.reshape(-1) for value in (panel.low, panel.mean, panel.high))
        finite = np.isfinite(low) & np.isfinite(high)  # of one replica: nowhere
        axes.axhline(0.0, color=ZERO_LINE["color"], linewidth=0.8)
        axes.fill_between(points, low, high, where=finite, color=colour(0), alpha=0.2, linewidth=0)
        axes.plot(points, np.where(np.isfinite(mean), mean, np.nan), color=colour(0), marker="o", markersize=4)
        factors = (panel.radius, panel.norm) if view.is_native else (fixed, fixed * panel.norm_over_radius)
        for factor, line in zip(factors, (SPECTRAL_LINE, NORM_LINE)):
            if panel.tied and along in PLANE and len(points) > 1 and points[0] * factor <= 1.0 <= points[-1] * factor:
                axes.axvline(1.0 / factor, **line)
        if not np.isfinite(mean).any():
            failed, zero = panel.failed.any(), np.isneginf(mean).any()
            say(axes, "failed" if failed else r"$J_\ell = 0$ exactly" if zero else "pending")
        if len(points) == 1:
            axes.set_xticks(points)
    if along in PLANE:
        coupling_axis(panels, points)
    handles = [Line2D([], [], color=colour(0), marker="o", markersize=4, label="mean of the replicas")]
    handles += band_handles(len(view.replicas), shade=colour(0))
    return [*handles, *condition_handles(panels)] if along in PLANE and len(points) > 1 else handles


def _caption(view: View, at: int, x: str, y: str, values: dict[str, np.ndarray]) -> str:
    lag = view.lags[at]
    rate = f"ln‖<i>J</i><sub>{lag}</sub>‖<sub>2</sub> / {lag}"
    count = len(view.replicas)
    replicas = f"mean of {count} replicas" if count > 1 else "one replica"
    conditions = (
        f"Dashed: {GAMMA_RADIUS} = 1, the condition on the linear limit. Dotted: {GAMMA_NORM} = 1 ({NORM_OF_W} averaged "
        "over replicas), below which vanishing is guaranteed at every step."
    )
    longest = "the longest lag" if lag == view.lags[-1] else f"lag {lag}"
    start = f"Growth rate {rate} of the Jacobian product at {longest}, {replicas}"
    if len(values[x]) > 1 and len(values[y]) > 1:
        through = f", drawn through {GAMMA_RADIUS}, on which alone it depends" if {x, y} == set(PLANE) else ""
        return (
            f"{start}. Blue vanishes, red with a dot explodes; the solid line is rate 0{through} (thin, where it changes its sign more "
            "than once); the colour scale goes with the square root of the rate, each sign with a scale of its own. "
            f"{conditions}"
        )
    if set(PLANE) != {x, y}:
        return f"{start}. {conditions}"
    where = f"{W} as drawn (native)" if view.is_native else f"{RADIUS} = {number(view.radii[0])}"
    if len(view.radii) > 1:
        where = f"<i>γ</i> = {number(view.gammas[0])}"
    return f"{start}; one axis of the grid has one point ({where}), so the plane is a line. {conditions}"


def _note(grid: list[list[Panel]], is_plane: bool) -> str:
    panels = [panel for row in grid for panel in row]
    notes = ["Where the product of some replicas is exactly 0, it is the mean of the others."] if any(one.in_part for one in panels) else []
    if all(panel.tied for panel in panels):
        return " ".join(notes)
    what = "lines of the two conditions" if is_plane else "vertical lines"
    notes.append(f"Panels without the {what}: no single {W} there (a fresh one at every step), or its norm is still pending.")
    return " ".join(notes)


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
