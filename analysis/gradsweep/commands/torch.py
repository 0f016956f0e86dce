"""gradsweep torch: what it does stands in gradsweep/networks/export.py."""

from __future__ import annotations

import argparse

from ..networks import export
from .arguments import check_output, new_parser


def parser() -> argparse.ArgumentParser:
    made = new_parser(
        "torch",
        "gradsweep torch checkpoint.pt --inputs inputs.npy -o network.h5 > trained.yaml\n"
        "gradsweep run trained.yaml -o trained.h5",
        "The checkpoint is read without torch, and nothing in it is run; a sweep of the network is printed,\n"
        "with the measures of its norms, bounds and contributing steps.",
    )
    export.add_arguments(made)
    return made


def main(options: argparse.Namespace) -> int:
    check_output(options.output)
    return export.convert(options, "gradsweep torch: error", export.sweep_of_all)
