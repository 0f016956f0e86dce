"""How the report's figures look, what a figure is, and how it is written: SVG into the page, PNG and PDF to files."""

from __future__ import annotations

import base64
import functools
import io
import os
import string
import unicodedata
from dataclasses import dataclass

import matplotlib

matplotlib.use("Agg")

import matplotlib.font_manager
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
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
LABEL_LENGTH = 36  # letters of a label in a figure; the tables have it whole
SVG_PANELS = 16  # axes up to which a figure goes into the page as SVG

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
    figure: Figure | None  # None once written
    note: str = ""


def write_picture(picture: Picture, directory: str) -> str:
    """Writes NAME.png and NAME.pdf into the directory, closes the figure and returns it as a data: URI: SVG, or PNG where
    many panels would make the SVG large."""
    base = os.path.join(directory, picture.name)
    figure = picture.figure
    figure.get_layout_engine().execute(figure)  # once for all formats: it takes as long as drawing
    figure.set_layout_engine("none")
    # By the formats' own canvases: savefig would draw each of them twice, once only to see where things come to lie.
    figure.set_dpi(PNG_DPI)  # of images in it
    FigureCanvasPdf(figure).print_pdf(base + ".pdf", metadata={"CreationDate": None})
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(base + ".png")
    if len(figure.axes) <= SVG_PANELS:
        image = io.StringIO()
        FigureCanvasSVG(figure).print_svg(image, metadata={"Date": None})
        kind, content = "svg+xml", image.getvalue().encode()
    else:
        with open(base + ".png", "rb") as file:
            kind, content = "png", file.read()
    plt.close(figure)
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def file_name(text: str) -> str:
    """A label as a part of a file name."""
    kept = string.ascii_letters + string.digits + "-_."
    return "".join(letter if letter in kept else "_" for letter in text[:LABEL_LENGTH])


def literal(text: str) -> str:
    """A label as it stands, for Matplotlib: nothing in it is LaTeX, breaks a line or hides a legend entry. Long ones lose
    their middle; what the figures' font has no letter for is written as its number."""
    shown = [" " if letter.isspace() else letter for letter in text]
    if len(shown) > LABEL_LENGTH:
        shown = [*shown[: LABEL_LENGTH - LABEL_LENGTH // 3 - 1], "…", *shown[-(LABEL_LENGTH // 3) :]]
    letters = "".join(_drawn(letter) for letter in shown).replace("$", r"\$")
    if not letters.strip():
        return f'"{letters}"'
    return " " + letters if letters.startswith("_") else letters


def _drawn(letter: str) -> str:
    has_glyph = ord(letter) in _glyphs() and unicodedata.category(letter)[0] != "C"
    return letter if has_glyph else f"\\u{ord(letter):04x}"


@functools.cache
def _glyphs() -> frozenset[int]:
    """What the figures' font has."""
    font = matplotlib.font_manager.findfont("DejaVu Sans")
    return frozenset(matplotlib.font_manager.get_font(font).get_charmap())


def colour(position: int) -> str:
    return CATEGORICAL[position % len(CATEGORICAL)]


def marker(position: int) -> str:
    """The shape that goes with a colour; another one where the colour repeats."""
    return MARKERS[(position + position // len(CATEGORICAL)) % len(MARKERS)]


def size_colours(count: int) -> list:
    """Sequential colours for hidden sizes, small to large, leaving out the palest end."""
    return (
        [plt.get_cmap(SEQUENTIAL)(value) for value in np.linspace(0.78, 0.1, count)] if count > 1 else [CATEGORICAL[0]]
    )


def panel_grid(
    rows: int, columns: int, panel: tuple[float, float], margin: tuple[float, float], share_y: bool = False
) -> tuple[Figure, np.ndarray]:
    """A figure and its panels [rows, columns] on one x axis; sizes in inches. One column gets the width of two."""
    return plt.subplots(
        rows,
        columns,
        figsize=(margin[0] + panel[0] * max(columns, 2), margin[1] + panel[1] * rows),
        squeeze=False,
        sharex=True,
        sharey=share_y,
        layout="constrained",
    )


def legend_above(figure: Figure, handles: list) -> None:
    """One legend for all panels, above them, in as few rows as the figure's width allows. The panels keep clear of it."""
    width, height = figure.get_size_inches() * figure.dpi
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=handles, loc="upper center", ncol=columns, bbox_to_anchor=(0.5, 1.0))
        size = legend.get_window_extent(figure.canvas.get_renderer())
        if size.width <= width or columns == 1:
            break
        legend.remove()
    figure.get_layout_engine().set(rect=(0.0, 0.0, 1.0, 1.0 - (size.height + 4) / height))


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
