"""What the commands share of their arguments: parsers with examples, and selections in words."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from .table import COMMANDS, WrongUse

if TYPE_CHECKING:  # gradsweep torch needs numpy and h5py alone
    import xarray as xr

# Short names of axes, as in the formulas.
AXES = {
    "d": "hidden_size",
    "rho": "spectral_radius",
    "l": "lag",
    "drive": "input_scale",
    "bias": "bias_scale",
    "T": "anchor",
    "kappa": "coupling",  # of options that name an axis; nothing is selected by it
}
SELECT_HELP = (
    "values of axes, by commas: names of activations and ensembles, AXIS=VALUE, AXIS=LOW:HIGH (both included); d, rho and "
    "l are short for hidden_size, spectral_radius and lag; an axis may stand there several times. Default: everything"
)


class Formatter(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Defaults in the help of every option that has one, examples as they stand."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = action.default not in (None, False, [], argparse.SUPPRESS) and action.option_strings
        return super()._get_help_string(action) if shown else action.help


def new_parser(name: str, examples: str, about: str = "") -> argparse.ArgumentParser:
    """A parser of `gradsweep NAME`; the first line is that of the table, `examples` are lines of the shell."""
    text = COMMANDS[name].help
    lines = "\n".join(f"  {line}" for line in examples.strip().splitlines())
    return argparse.ArgumentParser(
        prog=f"gradsweep {name}",
        description=f"{text[0].upper()}{text[1:]}.\n{about}".strip(),
        epilog=f"examples:\n{lines}\n\nExit codes: 0 done; 1 a file cannot be read or written, or has nothing to draw; 2 wrong use.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )


def add_results(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", metavar="OUT.h5", help="the results file; it may be unfinished")


def add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--select", metavar="SELECTION", action="append", default=[], help=SELECT_HELP)


def parse_selection(dataset: xr.Dataset, texts: list[str]) -> dict[str, Any]:
    """{"tanh,d=256,rho=0.9:1.1"} as keywords of gradsweep.select; WrongUse names a word that fits no axis."""
    found: dict[str, list[Any]] = {}
    for word in filter(None, (word.strip() for text in texts for word in text.split(","))):
        axis, value = _axis_and_value(dataset, word)
        found.setdefault(axis, []).append(value)
    selection: dict[str, Any] = {}
    for axis, values in found.items():
        if any(isinstance(value, slice) for value in values) and len(values) > 1:
            raise WrongUse(f"--select: {axis} has a range and other values; say one of them")
        selection[axis] = values[0] if isinstance(values[0], slice) else values
    return selection


def _axis_and_value(dataset: xr.Dataset, word: str) -> tuple[str, Any]:
    from ..data.results import cell_axes
    from ..data.selection import labels

    axes = [str(name) for name in (*cell_axes(dataset), "lag")]
    name, equals, text = word.partition("=")
    if not equals:
        for axis in ("activation", "ensemble"):
            if word in labels(dataset, axis):
                return axis, word
        known = [str(label) for axis in ("activation", "ensemble") for label in labels(dataset, axis)]
        raise WrongUse(f"--select: {word!r} is no activation or ensemble of the file, which has {', '.join(known)}; AXIS=VALUE "
                       f"selects on {', '.join(axes)}")  # fmt: skip
    axis = AXES.get(name, name)
    if axis not in axes:
        raise WrongUse(f"--select: there is no axis {name!r}; the axes are {', '.join(axes)}")
    if labels(dataset, axis).dtype.kind not in "iuf":
        return axis, text
    low, colon, high = text.partition(":")
    if colon:
        return axis, slice(_number(word, low) if low else None, _number(word, high) if high else None)
    value = _number(word, text)
    values = labels(dataset, axis)
    if not any(abs(known - value) <= 1e-9 * abs(value) for known in values):
        raise WrongUse(f"--select: {axis} has no value {text}; it has {', '.join(f'{known:g}' for known in values)}")
    return axis, value


def _number(word: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise WrongUse(f"--select: {word!r}: {text!r} is no number") from None


def check_output(path: str) -> None:
    """WrongUse where the folder of a file that is to be written is not there."""
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise WrongUse(f"{path}: there is no directory {folder}; make it first")
    if os.path.isdir(path):
        raise WrongUse(f"{path}: is a directory; say the name of a file in it")
