"""Turns a gradsweep results file into one self-contained HTML page and its figures:

    report.py OUT.h5 -o report.html [--figures DIR] [--all]

The figures are also written as PNG and PDF files (default: OUT-figures beside the report). Exit codes: 0 the report was
made; 1 the results file cannot be read or is none, or writing failed; 2 wrong use (arguments, missing directory).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable

from ..data.results import Results, ResultsError
from ..data.summary import summarize
from ..plots.chain import chain_pictures
from ..plots.decay import decay_pictures, rate_picture
from ..plots.gradient import contributions_picture, triangle_picture
from ..plots.growth import conditions_picture, growth_picture
from ..plots.phase import phase_pictures
from ..plots.plane import cancellation_picture, conditions_map_picture
from ..plots.spectra import expansion_picture, singular_pictures
from ..plots.style import Picture, write_picture
from .page import Shown, render_page


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="report.py", description="Report of a gradsweep results file as one HTML page."
    )
    parser.add_argument("results", metavar="OUT.h5", help="the results file; it may be unfinished")
    parser.add_argument("-o", "--output", metavar="report.html", required=True, help="the page to write")
    parser.add_argument(
        "--figures", metavar="DIR", help="where PNG and PDF files go (default: OUT-figures beside the report)"
    )
    parser.add_argument("--all", action="store_true", help="draw every activation, ensemble and size, however many")
    return parser.parse_args(arguments)


def describe_left_out(results: Results) -> list[str]:
    """What the default limits on panels keep out of the figures; the tables count everything."""
    limits = [("phase diagrams", 6, 6, 4), ("decay over the lag", 6, 4, 6), ("growth", 8, 6, None)]
    optional = [
        ("log_step_bound", "the chain of bounds", 3, 3, None),
        ("log_error_norm", "contributions", 4, 4, None),
        ("cancellation", "cancellation", 4, 5, None),
        ("log_singular_value", "singular values", 3, 3, None),
    ]
    limits += [limit for dataset, *limit in optional if dataset in results.file]
    lines = []
    for name, activations, ensembles, sizes in limits:
        parts = [
            f"{limit} of {len(axis)} {what}"
            for what, axis, limit in (
                ("activations", results.activations, activations),
                ("ensembles", results.ensembles, ensembles),
                ("hidden sizes", results.hidden_sizes, sizes),
            )
            if limit is not None and len(axis) > limit
        ]
        if parts:
            lines.append(f"{name}: {', '.join(parts)} are shown")
    return lines


def make_report(results: Results, output: str, figures: str, show_all: bool) -> None:
    """Writes the page and the figures; the page appears whole or not at all."""
    summary = summarize(results)
    shown: dict[str, list[Shown]] = {}

    def add(section: str, pictures: Iterable[Picture | None]) -> None:
        for picture in pictures:  # one at a time: a drawn figure takes much more memory than a written one
            if picture is not None:
                uri = write_picture(picture, figures)
                picture.figure = None
                shown.setdefault(section, []).append(Shown(picture, uri))

    os.makedirs(figures, exist_ok=True)
    if summary.status_totals[1] > 0:
        add("phase", phase_pictures(results, summary.largest_rate, show_all))
        add("decay", decay_pictures(results, show_all))
        add("decay", [rate_picture(results, show_all)])
        add("growth", [growth_picture(results, summary, show_all)])
        add("conditions", [conditions_map_picture(results, show_all)])
        add("conditions", [conditions_picture(results, summary, show_all)])
        add("chain", chain_pictures(results, show_all))
        add("gradient", [contributions_picture(results, show_all), triangle_picture(results, show_all)])
        add("gradient", [cancellation_picture(results, show_all)])
        add("spectra", singular_pictures(results, show_all))
        add("spectra", [expansion_picture(results)])
    page = render_page(results, summary, shown, [] if show_all else describe_left_out(results))
    temporary = output + ".tmp"
    with open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(page)
    os.replace(temporary, output)


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    directory = os.path.dirname(os.path.abspath(options.output))
    if not os.path.isdir(directory):
        print(f"report.py: {options.output}: there is no directory {directory}; make it first", file=sys.stderr)
        return 2
    stem = os.path.splitext(os.path.basename(options.results))[0]
    figures = options.figures or os.path.join(directory, stem + "-figures")
    try:
        with Results(options.results) as results:
            make_report(results, options.output, figures, options.all)
    except (ResultsError, OSError) as error:
        print(f"report.py: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}\n{figures}{os.sep}")
    return 0
