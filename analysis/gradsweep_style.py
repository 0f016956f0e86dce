"""How the report's figures look, what a figure is, and how it is written: SVG into the page, PNG and PDF to files."""

from __future__ import annotations

import base64
import io
import os
import string
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

# Okabe and Ito's eight colours, told apart with every common colour blindness; yellow last, it is pale on paper.
CATEGORICAL = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # closed shapes, drawn hollow
DIVERGING = "RdBu_r"  # blue vanishes, red explodes; told apart with every common colour blindness
SEQUENTIAL = "viridis"
INK = "#222222"
UNFINISHED = "#E6E6E6"
PNG_DPI = 160

plt.rcParams.update(
    {
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # comes with Matplotlib: the same look, text and formulas, everywhere
        "mathtext.fontset": "dejavusans",
        "font.size": 8.5,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "axes.edgecolor": "#555555",
        "axes.linewidth": 0.7,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": "#444444",
        "ytick.color": "#444444",
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "legend.fontsize": 8.5,
        "legend.frameon": False,
        "lines.linewidth": 1.5,
        "hatch.linewidth": 0.5,
        "figure.dpi": 100,
        "savefig.dpi": PNG_DPI,
        "svg.hashsalt": "gradsweep",  # the same figure gives the same bytes
        "svg.fonttype": "path",
        "pdf.fonttype": 42,
    }
)


@dataclass
class Picture:
    """One figure of the report. `name` is its file name without suffix; `caption` and `note` are HTML."""

    name: str
    title: str
    caption: str
    figure: Figure
    note: str = ""


def write_picture(picture: Picture, directory: str) -> str:
    """Writes NAME.png and NAME.pdf into the directory, closes the figure and returns it as a data: URI (SVG; PNG where
    that is smaller)."""
    base = os.path.join(directory, picture.name)
    figure = picture.figure
    figure.draw_without_rendering()  # lays the panels out, once for all formats
    figure.set_layout_engine("none")
    frame = figure.get_tightbbox(figure.canvas.get_renderer()).padded(0.08)
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(base + ".pdf", bbox_inches=frame, metadata={"CreationDate": None})
    figure.savefig(svg, format="svg", bbox_inches=frame, metadata={"Date": None})
    figure.savefig(png, format="png", bbox_inches=frame)
    plt.close(figure)
    with open(base + ".png", "wb") as file:
        file.write(png.getvalue())
    if len(svg.getvalue()) <= max(len(png.getvalue()), 256 * 1024):
        return "data:image/svg+xml;base64," + base64.b64encode(svg.getvalue()).decode()
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()


def file_name(text: str) -> str:
    """A label as a part of a file name."""
    kept = string.ascii_letters + string.digits + "-_."
    return "".join(letter if letter in kept else "_" for letter in text)


def colour(position: int) -> str:
    return CATEGORICAL[position % len(CATEGORICAL)]


def size_colours(count: int) -> list:
    """Sequential colours for hidden sizes, small to large, leaving out the palest end."""
    return (
        [plt.get_cmap(SEQUENTIAL)(value) for value in np.linspace(0.78, 0.1, count)] if count > 1 else [CATEGORICAL[0]]
    )


def legend_above(figure: Figure, handles: list, columns: int = 6) -> None:
    """One legend for all panels, above the figure."""
    figure.legend(handles=handles, loc="lower center", ncol=min(columns, len(handles)), bbox_to_anchor=(0.5, 1.0))


def spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` of 0..count-1, first and last included, evenly spread. None: all."""
    if limit is None or count <= limit:
        return list(range(count))
    return sorted({int(round(position)) for position in np.linspace(0, count - 1, limit)})


def is_geometric(values: np.ndarray) -> bool:
    """True where an axis reads better on a logarithmic scale: equal ratios, or spanning over a factor of 20."""
    if len(values) < 3 or np.any(values <= 0):
        return False
    ratios = values[1:] / values[:-1]
    return bool(np.ptp(ratios) < 0.05 * ratios.mean() and values[-1] / values[0] >= 4) or values[-1] / values[0] > 20


def cell_edges(values: np.ndarray, geometric: bool) -> np.ndarray:
    """Edges half way between the values of an axis; the outer cells are as wide as their neighbours."""
    points = np.log(values) if geometric else np.asarray(values, float)
    middle = 0.5 * (points[1:] + points[:-1])
    edges = np.concatenate([[2 * points[0] - middle[0]], middle, [2 * points[-1] - middle[-1]]])
    return np.exp(edges) if geometric else edges


def number(value: float) -> str:
    """A short number for titles and tables."""
    return f"{value:.4g}"
