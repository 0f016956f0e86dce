"""Figures as files: formats by suffix, with where their numbers come from in the metadata."""

from __future__ import annotations

import io
import os
from pathlib import Path

import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..whole import write_whole

PNG_DPI = 160


def provenance(dataset: xr.Dataset) -> str:
    """What tells a file's numbers: the hash of its sweep, and the revision that made it."""
    return f"sweep {dataset.attrs.get('sweep_hash', '?')}, revision {dataset.attrs.get('git_revision', '?')}"


def save(figure: Figure, path: str | os.PathLike, dataset: xr.Dataset) -> None:
    """Writes a figure as .pdf, .svg or .png, by the suffix; it appears whole or not at all."""
    path = os.fspath(path)
    content = drawing(figure, os.path.splitext(path)[1].lower(), dataset)
    write_whole(path, lambda temporary: Path(temporary).write_bytes(content))


def drawing(figure: Figure, suffix: str, dataset: xr.Dataset) -> bytes:
    """What stands in such a file. Title and provenance (hash of the sweep, revision) are in the metadata, text in PDF stays
    text. The same figure gives the same bytes."""
    figure.set_dpi(PNG_DPI)  # of images in it
    return _FORMATS[suffix](figure, figure.description.title, provenance(dataset))


# By the formats' own canvases: savefig would draw each of them twice, once only to see where things come to lie.


def _pdf(figure: Figure, title: str, subject: str) -> bytes:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # takes as long to load as a figure to draw

    content = io.BytesIO()
    FigureCanvasPdf(figure).print_pdf(content, metadata={"Title": title, "Subject": subject, "CreationDate": None})
    return content.getvalue()


def _svg(figure: Figure, title: str, subject: str) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Title": title, "Description": subject})
    return text.getvalue().encode()


def _png(figure: Figure, title: str, subject: str) -> bytes:
    content = io.BytesIO()
    FigureCanvasAgg(figure).print_png(content, metadata={"Title": title, "Subject": subject})
    return content.getvalue()


_FORMATS = {".pdf": _pdf, ".svg": _svg, ".png": _png}
SUFFIXES = tuple(_FORMATS)
