"""Figures as files: formats by suffix, with where their numbers come from in the metadata."""

from __future__ import annotations

import os

import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

PNG_DPI = 160


def provenance(dataset: xr.Dataset) -> str:
    """What tells a file's numbers: the hash of its sweep, and the revision that made it."""
    return f"sweep {dataset.attrs.get('sweep_hash', '?')}, revision {dataset.attrs.get('git_revision', '?')}"


def save(figure: Figure, path: str | os.PathLike, dataset: xr.Dataset) -> None:
    """Writes a figure as .pdf, .svg or .png; title and provenance (hash of the sweep, revision) are in the metadata, text in
    PDF stays text. The same figure gives the same bytes. It appears whole or not at all."""
    path = os.fspath(path)
    temporary = f"{path}.tmp"
    try:
        with open(temporary, "wb") as file:
            _FORMATS[os.path.splitext(path)[1].lower()](figure, file, figure.description.title, provenance(dataset))
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def _pdf(figure: Figure, file: object, title: str, subject: str) -> None:
    from matplotlib.backends.backend_pdf import FigureCanvasPdf  # takes as long to load as a figure to draw

    figure.set_dpi(PNG_DPI)  # of images in it
    FigureCanvasPdf(figure).print_pdf(file, metadata={"Title": title, "Subject": subject, "CreationDate": None})


def _svg(figure: Figure, file: object, title: str, subject: str) -> None:
    import io

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    text = io.StringIO()
    figure.set_dpi(PNG_DPI)
    FigureCanvasSVG(figure).print_svg(text, metadata={"Date": None, "Title": title, "Description": subject})
    file.write(text.getvalue().encode())


def _png(figure: Figure, file: object, title: str, subject: str) -> None:
    figure.set_dpi(PNG_DPI)
    FigureCanvasAgg(figure).print_png(file, metadata={"Title": title, "Subject": subject})


_FORMATS = {".pdf": _pdf, ".svg": _svg, ".png": _png}
SUFFIXES = tuple(_FORMATS)
