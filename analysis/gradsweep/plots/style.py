"""How the figures look: colours, markers, labels; and a style that is offered, with style(), and forced on nobody."""

from __future__ import annotations

import functools
import string
import unicodedata
from contextlib import AbstractContextManager

import matplotlib
import matplotlib.font_manager
import numpy as np

# Okabe and Ito's eight colours, told apart with every common colour blindness; yellow last, it is pale on paper.
CATEGORICAL = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#F0E442")
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # closed shapes, drawn hollow
DIVERGING = "RdBu_r"  # blue vanishes, red explodes; told apart with every common colour blindness
SEQUENTIAL = "viridis"
INK = "#222222"
UNFINISHED = "#E6E6E6"
LABEL_LENGTH = 36  # letters of a label in a figure; the tables have it whole

STYLE = {
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
    "savefig.dpi": 160,
    "svg.hashsalt": "gradsweep",  # the same figure gives the same bytes
    "svg.fonttype": "path",
    "pdf.fonttype": 42,  # text stays text
}


def style() -> AbstractContextManager:
    """The style of the report, for as long as a `with` lasts: with gradsweep.style(): figure = gradsweep.plot_phase(ds)."""
    return matplotlib.rc_context(STYLE)


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


@functools.lru_cache(maxsize=None)
def _glyphs() -> frozenset[int]:
    """What Matplotlib's own font has."""
    font = matplotlib.font_manager.findfont("DejaVu Sans")
    return frozenset(matplotlib.font_manager.get_font(font).get_charmap())


def colour(position: int) -> str:
    return CATEGORICAL[position % len(CATEGORICAL)]


def marker(position: int) -> str:
    """The shape that goes with a colour; another one where the colour repeats."""
    return MARKERS[(position + position // len(CATEGORICAL)) % len(MARKERS)]


def line_style(position: int) -> dict[str, object]:
    """Colour, dashes and marker of a line; dashes tell apart those whose colour repeats."""
    dashes = LINE_STYLES[position // len(CATEGORICAL) % len(LINE_STYLES)]
    return {"color": colour(position), "linestyle": dashes, "marker": marker(position), "markersize": 3}


def shades(count: int, palest: float = 0.78, darkest: float = 0.1) -> list:
    """Sequential colours, pale to dark, for an order: sizes, lags."""
    if count == 1:
        return [CATEGORICAL[0]]
    return [matplotlib.colormaps[SEQUENTIAL](value) for value in np.linspace(palest, darkest, count)]


def is_geometric(values: np.ndarray) -> bool:
    """True where an axis reads better on a logarithmic scale: equal ratios, or spanning over a factor of 20."""
    if len(values) < 3 or np.any(values <= 0):
        return False
    ratios = values[1:] / values[:-1]
    return bool(np.ptp(ratios) < 0.05 * ratios.mean() and values[-1] / values[0] >= 4) or values[-1] / values[0] > 20


def cell_edges(values: np.ndarray, geometric: bool) -> np.ndarray:
    """Edges half way between the values of an axis; the outer cells are as wide as their neighbours."""
    points = np.log(values) if geometric else np.asarray(values, float)
    if len(points) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    middle = 0.5 * (points[1:] + points[:-1])
    edges = np.concatenate([[2 * points[0] - middle[0]], middle, [2 * points[-1] - middle[-1]]])
    return np.exp(edges) if geometric else edges


def number(value: float) -> str:
    """A short number for titles and tables."""
    return f"{value:.4g}"


def tick(value: float, _: object = None) -> str:
    """A number beside an axis, as short as it can be, with the minus sign that Matplotlib's own ticks have."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
