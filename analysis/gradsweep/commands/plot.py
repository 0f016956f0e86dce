"""gradsweep plot: one figure, as a file."""

from __future__ import annotations

import argparse
import html
import inspect
import os
import re
import sys
import textwrap
from collections.abc import Callable

from matplotlib.figure import Figure

from .. import plots
from ..data.results import open_results
from ..plots.anchors import QUANTITIES
from ..plots.saving import SUFFIXES, save
from .arguments import AXES, add_results, add_selection, check_output, new_parser, parse_selection
from .table import WrongUse

FIGURES: dict[str, Callable[..., Figure]] = {
    name.removeprefix("plot_"): getattr(plots, name) for name in plots.__all__ if name.startswith("plot_")
}
OPTIONS = ("axis", "x", "y", "lines", "lag", "ci", "quantity")  # of some figures


def parser() -> argparse.ArgumentParser:
    rows = "\n".join(_row(name, plot) for name, plot in FIGURES.items())
    made = new_parser(
        "plot",
        "gradsweep plot phase out.h5 --select tanh,d=256 -o phase.pdf\n"
        "gradsweep plot half_life out.h5 --select ginibre -o half_life.svg\n"
        "gradsweep plot critical out.h5 --axis spectral_radius --ci 0.9",
        f"\nfigures:\n{rows}",
    )
    made.add_argument("name", metavar="NAME", help="which figure")
    add_results(made)
    add_selection(made)
    made.add_argument("-o", "--output", metavar="FILE", help=f"{', '.join(SUFFIXES)} by its suffix (default: NAME.pdf)")
    made.add_argument("--axis", help="of critical: the axis along which gradients turn (default: coupling, kappa = rho gamma)")
    made.add_argument("--ci", type=float, help="of critical and half_life: confidence of the intervals (default: 0.95)")
    made.add_argument("--x", metavar="AXIS", help="of phase and critical: the axis at the bottom (default: spectral_radius; of "
                      "critical hidden_size, or where there is one the drive)")  # fmt: skip
    made.add_argument("--y", metavar="AXIS", help="of phase: the axis at the left (default: gamma, or the drive)")
    made.add_argument("--lines", metavar="AXIS", help="of half_life, decay and rate: what its lines are of (default: hidden_size, or where "
                      "there is one the drive; of rate activations)")  # fmt: skip
    made.add_argument("--quantity", choices=tuple(QUANTITIES), help="of anchors (default: growth)")
    made.add_argument("--lag", type=int, help="of phase: the lag l (default: the longest)")
    made.add_argument("--all", action="store_true", help="draw every activation, ensemble and size, however many")
    return made


def main(options: argparse.Namespace) -> int:
    name = options.name.replace("-", "_").removeprefix("plot_")
    if name not in FIGURES:
        raise WrongUse(f"there is no figure {options.name!r}; there are {', '.join(FIGURES)}")
    output = options.output or f"{name}.pdf"
    if os.path.splitext(output)[1].lower() not in SUFFIXES:
        raise WrongUse(f"{output}: figures are written as {', '.join(SUFFIXES)}")
    check_output(output)
    known = inspect.signature(FIGURES[name]).parameters
    further = {option: value for option in OPTIONS if (value := getattr(options, option)) is not None}
    for option in further:
        if option not in known:
            raise WrongUse(f"--{option} is no option of the figure {name}")
    further.update({option: AXES.get(further[option], further[option]) for option in ("axis", "x", "y", "lines") if option in further})
    if not 0.0 < further.get("ci", 0.5) < 1.0:
        raise WrongUse(f"--ci {further['ci']:g}: a confidence lies between 0 and 1")
    with open_results(options.results) as dataset:
        selection = parse_selection(dataset, options.select)
        with plots.style():
            try:
                figure = FIGURES[name](dataset, everything=options.all, **further, **selection)
            except ValueError as error:
                if type(error) is not ValueError:
                    raise
                raise WrongUse(str(error)) from error
            save(figure, output, dataset)
        said = figure.description
        print(output)
        print(_plain(f"{said.title}. {said.caption} {said.note}"), file=sys.stderr)
    return 0


def _row(name: str, plot: Callable[..., Figure]) -> str:
    return textwrap.fill(_first_words(plot), 110, initial_indent=f"  {name:14} ", subsequent_indent=" " * 17)


def _first_words(plot: Callable[..., Figure]) -> str:
    """The docstring up to its first stop, on one line."""
    text = " ".join(inspect.getdoc(plot).split())
    return re.split(r"[:;.](?: |$)| \(", text)[0].strip()


def _plain(caption: str) -> str:
    """A caption without its HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", caption)).strip()
