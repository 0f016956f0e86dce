"""Figures of panels: their layout in inches, one legend, one scale, and what a figure says about itself.

The layout is reckoned, not tried: letting Matplotlib try takes as long as drawing. Figures belong to nobody: no pyplot,
no backend, no settings are touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from .style import is_geometric, tick

LETTER = 0.0082  # width of a letter in inches for each point of its size, on the wide side
MOST_TICKS = 6
RIGHT_END = 0.04  # of an axis, that has no ticks beside a neighbour
TWO_DECADES = 100.0
MOST_CELLS = 400  # of a plane that are drawn one by one


@dataclass
class Description:
    """What a figure says about itself: `figure.description`. `name` is a file name without suffix; `caption` and `note`
    are HTML."""

    name: str
    title: str
    caption: str
    note: str = ""


class PlainAxes(Axes):
    """Axes whose ticks are made where they are seen: Matplotlib's make some of each, which takes as long as all else of them,
    only to hide grid lines that are not there, and to clip them. (Where its insides have other names, they do as ever.)"""

    _is_made = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._is_made = True
        for axis in (self.xaxis, self.yaxis):
            vars(axis).pop("set_clip_path", None)

    def _init_axis(self) -> None:
        super()._init_axis()
        for axis in (self.xaxis, self.yaxis):
            axis.set_clip_path = _clip_nothing

    def grid(self, *arguments: Any, **options: Any) -> None:
        if self._is_made or rcParams["axes.grid"]:
            super().grid(*arguments, **options)


class EndedLocator(MaxNLocator):
    """As Matplotlib's own, but for a part of the axis at its upper end, which is free of ticks."""

    def __init__(self, free: float) -> None:
        super().__init__(MOST_TICKS, steps=[1, 2, 2.5, 5, 10])
        self._free = free

    def tick_values(self, vmin: float, vmax: float) -> np.ndarray:
        low, high = min(vmin, vmax), max(vmin, vmax)
        found = super().tick_values(vmin, vmax)
        return found[found <= high - self._free * (high - low)] if self._free else found


def _clip_nothing(*_: Any, **__: Any) -> None:
    """Instead of an axis's set_clip_path."""


@dataclass
class Panels:
    """A figure of panels, rows x columns on shared x axes (`share_x` False: shared by each column alone). Sizes are inches at a
    font size of 8.5 points."""

    rows: int
    columns: int
    width: float = 2.6
    height: float = 1.9
    share_x: bool = True
    share_y: bool | str = False
    has_scale: bool = False  # room for a colour scale at the right
    has_row_titles: bool = False
    tick_room: float = 0.0  # for tick labels of many digits beside the y axes
    figure: Figure = field(init=False)
    grid: np.ndarray = field(init=False)  # [rows, columns] of Axes

    def __post_init__(self) -> None:
        self.figure = Figure()
        self.grid = np.empty((self.rows, self.columns), object)
        places = self.figure.add_gridspec(self.rows, self.columns)
        # One by one: figure.subplots would make the ticks of all axes, only to hide the inner labels.
        for row, column in np.ndindex(self.rows, self.columns):
            beside = {True: (0, 0), "all": (0, 0), "row": (row, 0)}.get(self.share_y, (row, column))
            shared = {"sharex": self.grid[0, 0 if self.share_x else column], "sharey": self.grid[beside]}
            self.grid[row, column] = self.figure.add_subplot(places[row, column], axes_class=PlainAxes, **shared)
        self._scale: tuple | None = None
        # Most of the time of drawing goes into ticks and the places of titles: neither where there are none to see. Panels that share
        # their y axes stand close: a label at the right end of one would lie on that at the left end of the next.
        free = RIGHT_END if self.shares_rows and self.columns > 1 else 0.0
        for row, column, axes in self:
            axes.xaxis.set_major_locator(EndedLocator(free))
            axes.set_title("", y=1.0)
            axes.xaxis.set_visible(row == self.rows - 1)
            axes.yaxis.set_visible(column == 0 or not self.shares_rows)

    @property
    def shares_rows(self) -> bool:
        return self.share_y in (True, "all", "row")

    def __iter__(self) -> Iterator[tuple[int, int, Axes]]:
        for row, column in np.ndindex(self.rows, self.columns):
            yield row, column, self.grid[row, column]

    def titles(self, columns: Sequence[str], rows: Sequence[str] = ()) -> None:
        """Titles above the first row, and beside the last column."""
        for axes, text in zip(self.grid[0], columns):
            axes.set_title(text, y=1.0)
        for axes, text in zip(self.grid[:, -1], rows):
            self.has_row_titles = True
            axes.text(1.03, 0.5, text, transform=axes.transAxes, rotation=270, ha="left", va="center",
                      fontsize=rcParams["axes.labelsize"])  # fmt: skip

    def scale(self, mappable: ScalarMappable, label: str, **options: object) -> None:
        """One colour scale for all panels."""
        self.has_scale = True
        self._scale = (mappable, label, options)

    def finish(self, x: str | Sequence[str], y: str, handles: Sequence, description: Description) -> Figure:
        """The layout, labels of the axes (of x: one, or one a column) and the legend; then the figure is done."""
        unit = rcParams["font.size"] / 8.5
        left, bottom = (0.68 + self.tick_room) * unit, 0.46 * unit
        right = (0.12 + 0.2 * self.has_row_titles + 0.95 * self.has_scale) * unit
        gap = (0.13 if self.shares_rows else 0.42 + self.tick_room) * unit
        between = 0.14 * unit
        panels = self.columns * self.width + (self.columns - 1) * gap
        legend_rows, legend_columns = _legend_shape(handles, (panels + 2.0 * min(left, right)) / unit)
        formulas = any("$" in handle.get_label() for handle in handles)  # are taller than text
        top = (0.28 + (0.22 if formulas and legend_rows > 2 else 0.19) * legend_rows) * unit
        width = left + panels + right
        height = bottom + self.rows * self.height + (self.rows - 1) * between + top
        self.figure.set_size_inches(width, height)
        self.figure.subplots_adjust(
            left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height,
            wspace=gap / self.width, hspace=between / self.height,
        )  # fmt: skip
        size = rcParams["axes.labelsize"]
        middle_x, middle_y = 0.5 * (left + width - right) / width, 0.5 * (bottom + height - top) / height
        if isinstance(x, str):
            self.figure.text(middle_x, 0.04 * unit / height, x, ha="center", va="bottom", fontsize=size)
        else:
            for axes, text in zip(self.grid[-1], x):
                axes.set_xlabel(text, labelpad=2.0, fontsize=size)
        self.figure.text(0.04 * unit / width, middle_y, y, ha="left", va="center", rotation=90, fontsize=size)
        if handles:
            self.figure.legend(
                handles=list(handles), ncol=legend_columns, loc="upper center", frameon=False,
                bbox_to_anchor=(middle_x, 1.0 - 0.01 / height), borderaxespad=0.0,
            )  # fmt: skip
        if self._scale is not None:
            mappable, label, options = self._scale
            tall = min(height - top - bottom, 4.0)
            place = ((width - 0.85 * unit) / width, middle_y - 0.5 * tall / height, 0.13 * unit / width, tall / height)
            bar = Colorbar(self.figure.add_axes(place), mappable, **{"format": FuncFormatter(tick), **options})
            bar.minorticks_off()
            # A long label beside few rows is small, or it would leave the figure.
            points = FontProperties(size=size).get_size_in_points()
            bar.set_label(label, fontsize=min(points, 0.94 * height / (LETTER * len(_shown(label)))))
        self.figure.description = description
        return self.figure


def _legend_shape(handles: Sequence, width: float) -> tuple[int, int]:
    """Rows and columns of a legend in so many inches (at 8.5 points), from the lengths of its labels: few rows, evenly
    filled."""
    lengths = [0.5 + 8.5 * LETTER * len(_shown(handle.get_label())) for handle in handles]
    for rows in range(1, len(lengths)):
        columns = -(-len(lengths) // rows)
        # As Matplotlib fills them; each column is as wide as its longest entry.
        if sum(max(column) for column in np.array_split(lengths, columns)) <= width:
            return rows, columns
    return len(lengths), 1


def _shown(label: str) -> str:
    """About what is seen of a label with formulas."""
    return re.sub(r"\\[a-zA-Z]+|[{}$_^\\]", lambda found: "x" if found.group()[1:] else "", label)


def draw_mesh(axes: Axes, x: np.ndarray, y: np.ndarray, values: np.ndarray, **colours: Any) -> None:
    """Cells of a plane as colours: one by one where they are few, since an image takes longer than all else of a panel,
    their edges in their own colours, so that no seams are seen; else as an image."""
    one_by_one = {"edgecolors": "face", "linewidth": 0.3} if np.size(values) <= MOST_CELLS else {"rasterized": True}
    axes.pcolormesh(x, y, values, **one_by_one, **colours)


def lag_axis(panels: Panels, lags: np.ndarray, from_zero: bool = False) -> None:
    """The x axis of lags: logarithmic to base 2 where they are geometric (unless it starts at 0), with few ticks that are
    lags."""
    consecutive = np.array_equal(lags, np.arange(1, len(lags) + 1))
    logarithmic = is_geometric(lags) and not consecutive and not from_zero
    for axes in panels.grid[-1]:
        if logarithmic:
            axes.set_xscale("log", base=2)
            shown = lags[np.unique(np.linspace(0, len(lags) - 1, min(len(lags), MOST_TICKS)).round().astype(int))]
            axes.xaxis.set_major_locator(FixedLocator(shown))
            axes.xaxis.set_minor_locator(NullLocator())
            axes.xaxis.set_major_formatter(FuncFormatter(tick))
        else:
            axes.locator_params(axis="x", nbins=MOST_TICKS, integer=True)
            if from_zero:
                axes.set_xlim(0, None)


def coupling_axis(panels: Panels, kappa: np.ndarray) -> None:
    """The x axis of couplings (or gamma, or rho): logarithmic where they are geometric or span a factor of twenty."""
    points = np.unique(kappa)
    if not is_geometric(points):
        return
    shown = [points[0]]  # as many as stand apart
    for point in points[1:]:
        if np.log(point / shown[-1]) > np.log(points[-1] / points[0]) / MOST_TICKS:
            shown.append(point)
    for axes in panels.grid[-1]:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        if points[-1] < TWO_DECADES * points[0]:  # powers of ten are too few
            axes.xaxis.set_major_locator(FixedLocator(shown))
            axes.xaxis.set_minor_locator(NullLocator())


def fit_y(axes: Sequence[Axes], values: Sequence[np.ndarray], least: float) -> None:
    """The y axes span 0 and these values, and at least so much, so that differences by rounding fill no panel; what else
    is drawn may leave them."""
    finite = np.concatenate([np.asarray(group, float).ravel() for group in values] or [np.zeros(0)])
    finite = finite[np.isfinite(finite)]
    low, high = min(finite.min(initial=0.0), 0.0), max(finite.max(initial=0.0), 0.0)
    margin = max(0.05 * (high - low), 0.5 * (least - (high - low)))
    for one in axes:
        one.set_ylim(low - margin, high + margin)


def zero_line(axes: Axes) -> None:
    """As axhline, which would reckon the limits of all axes that share theirs, each time."""
    axes.add_line(Line2D([0.0, 1.0], [0.0, 0.0], transform=axes.get_yaxis_transform(), color="#999999", linewidth=0.7, zorder=0))


def say(axes: Axes, text: str) -> None:
    """What a panel says instead of showing."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # over lines that are there all the same
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="#666666", bbox=box)
