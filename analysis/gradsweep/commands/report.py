"""gradsweep report: what it does stands in gradsweep/report/command.py."""

from __future__ import annotations

import argparse
import os

from ..report import command
from .arguments import add_results, check_output, new_parser


def parser() -> argparse.ArgumentParser:
    made = new_parser("report", "gradsweep report out.h5\ngradsweep report out.h5 -o report.html --figures figures/")
    add_results(made)
    command.add_arguments(made)
    return made


def main(options: argparse.Namespace) -> int:
    if options.output is None:
        options.output = os.path.splitext(os.path.basename(options.results))[0] + ".html"
    check_output(options.output)
    return command.write(options)
