"""Turns a gradsweep results file into one self-contained HTML page:

    report.py OUT.h5 -o report.html [--figures DIR] [--all]

The page has the figures as drawings; --figures writes each of them as PNG and PDF besides, which takes three times as
long. Exit codes: 0 the report was made; 1 the results file cannot be read or is none, or writing failed; 2 wrong use
(arguments, missing directory).
"""

from __future__ import annotations

import argparse
import base64
import gc
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from .. import plots
from ..data.results import ResultsError, open_results, read_runs
from ..data.selection import NothingToDraw, labels, spread
from ..data.summary import Summary, summarize
from ..plots.anchors import QUANTITIES
from ..plots.saving import drawing, save
from ..whole import write_whole
from .page import Shown, render_page

SVG_PANELS, SVG_BYTES = 16, 300_000  # axes and length up to which a figure goes into the page as SVG
# SVG stands in a URI as it is, a quarter shorter than in base64, but for what the URI or an attribute in '' would end at.
ESCAPED = str.maketrans({"%": "%25", "#": "%23", "'": "%27", "&": "%26", "\n": " "})
GARBAGE = 20_000  # objects made before Python looks for some; figures have many, and go in circles
MOST_ACTIVATIONS = 6  # of figures with one for each


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="the page to write (default: OUT.html)")
    parser.add_argument("--figures", metavar="DIR", help="also write each figure as PNG and PDF into this directory")
    parser.add_argument("--all", action="store_true", help="draw every activation, ensemble and size, however many")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="report.py", description="Report of a gradsweep results file as one HTML page."
    )
    parser.add_argument("results", metavar="OUT.h5", help="the results file; it may be unfinished")
    add_arguments(parser)
    return parser.parse_args(arguments)


def figures_of(dataset: xr.Dataset, summary: Summary, everything: bool) -> Iterator[tuple[str, Figure]]:
    """The figures that the dataset has, each with its section, one at a time: a figure takes much more memory than its
    drawing."""
    names = labels(dataset, "activation")
    activations = [names[at] for at in spread(len(names), None if everything else MOST_ACTIVATIONS)]
    left_out = f"{len(activations)} of {len(names)} activations are drawn." if len(activations) < len(names) else ""

    def each(plot: Callable[..., Figure], **options: object) -> list[Callable[[], Figure]]:
        return [lambda name=name: plot(dataset, activation=name, everything=everything, **options) for name in activations]

    def one(plot: Callable[..., Figure], **options: object) -> list[Callable[[], Figure]]:
        return [lambda: plot(dataset, everything=everything, **options)]

    sections = (
        ("phase", each(plots.plot_phase, limits=summary.rate_range)),
        ("phase", one(plots.plot_critical)),
        ("decay", each(plots.plot_decay)),
        ("decay", one(plots.plot_rate)),
        ("growth", one(plots.plot_growth, summary=summary)),
        ("conditions", one(plots.plot_conditions_map)),
        ("conditions", one(plots.plot_conditions, summary=summary)),
        ("chain", each(plots.plot_chain)),
        ("gradient", [*one(plots.plot_contributions), *one(plots.plot_triangle), *one(plots.plot_cancellation)]),
        ("anchors", [lambda name=name: plots.plot_anchors(dataset, quantity=name) for name in QUANTITIES]),
        ("spectra", each(plots.plot_spectrum)),
        ("spectra", one(plots.plot_expansion)),
        ("spectra", [*one(plots.plot_exponents), *one(plots.plot_chaos)]),
        ("spectra", [*one(plots.plot_convergence), *one(plots.plot_scores)]),
        ("spectra", [*one(plots.plot_singular_law), *one(plots.plot_eigenvalues)]),
    )
    for section, draws in sections:
        for draw in draws:
            try:
                drawn = [draw()]
            except NothingToDraw:
                continue
            if len(draws) == len(activations) and left_out:
                said = drawn[0].description
                said.note = f"{said.note} {left_out}".strip()
            yield section, drawn.pop()  # not to be held here while the next one is made


def write_figure(figure: Figure, directory: str | None, dataset: xr.Dataset) -> str:
    """The figure as a data: URI: SVG, or PNG where the SVG would be large; with a directory also NAME.png and NAME.pdf in it."""
    if directory is not None:
        for suffix in (".pdf", ".png"):
            save(figure, os.path.join(directory, figure.description.name + suffix), dataset)
    if len(figure.axes) <= SVG_PANELS:
        svg = drawing(figure, ".svg", dataset)
        if len(svg) <= SVG_BYTES:
            return f"data:image/svg+xml,{svg.decode().translate(ESCAPED)}"
    return f"data:image/png;base64,{base64.b64encode(_of_256_colours(drawing(figure, '.png', dataset))).decode()}"


def _of_256_colours(png: bytes) -> bytes:
    """A quarter as long, and nothing is seen of it."""
    from PIL import Image  # Matplotlib needs it, too

    content = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(content, "PNG")
    return content.getvalue()


def make_report(dataset: xr.Dataset, output: str, figures: str | None, everything: bool) -> None:
    """Writes the page and the figures; the page appears whole or not at all."""
    summary = summarize(dataset)
    shown: dict[str, list[Shown]] = {}
    if figures is not None:
        os.makedirs(figures, exist_ok=True)
    with plots.style():
        for section, figure in figures_of(dataset, summary, everything):
            uri = write_figure(figure, figures, dataset)
            shown.setdefault(section, []).append(Shown(figure.description, uri))
            del figure
            gc.collect()  # now, or several figures are in memory at once
            gc.freeze()  # what is left of it stays, as fonts do, and is not walked through again
    page = render_page(dataset, read_runs(dataset.encoding["source"]), summary, shown)
    write_whole(output, lambda temporary: Path(temporary).write_text(page, encoding="utf-8", errors="backslashreplace"))


def write(options: argparse.Namespace) -> int:
    """The report of options.results as options.output; prints what was written. Returns the exit code."""
    # What was loaded stays; walking through it for garbage again and again takes longer than drawing a figure.
    gc.freeze()
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    with open_results(options.results) as dataset:
        make_report(dataset, options.output, options.figures, options.all)
    print(options.output)
    if options.figures:
        print(options.figures + os.sep)
    return 0


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    if options.output is None:
        options.output = os.path.splitext(os.path.basename(options.results))[0] + ".html"
    directory = os.path.dirname(os.path.abspath(options.output))
    if not os.path.isdir(directory):
        print(f"report.py: {options.output}: there is no directory {directory}; make it first", file=sys.stderr)
        return 2
    try:
        return write(options)
    except (ResultsError, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
