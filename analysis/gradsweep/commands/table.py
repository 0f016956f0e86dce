"""The commands of the analysis: a row of COMMANDS and a module with `parser()` and `main(options) -> exit code` each."""

from __future__ import annotations

from typing import NamedTuple

FAILED, WRONG_USE, UNAVAILABLE, INTERRUPTED = 1, 2, 69, 130
PACKAGES = ("numpy", "scipy", "h5py", "xarray", "matplotlib", "plotly", "yaml")
DEBIAN = " ".join(f"python3-{name}" for name in PACKAGES)


class Command(NamedTuple):
    module: str  # in this folder
    help: str  # as `gradsweep --help` has it


COMMANDS = {
    "report": Command("report", "one page of a results file to explore in a browser, without a network"),
    "plot": Command("plot", "one figure of a results file, as PDF, SVG or PNG"),
    "export": Command("export", "a results file as a table (CSV, Parquet) or a part of it as NetCDF"),
    "watch": Command("watch", "progress, failures and a map of a sweep that runs, in the terminal"),
    "torch": Command("torch", "a network file and a sweep from a PyTorch checkpoint"),
}


class WrongUse(Exception):
    """Found before any work: what was asked cannot be."""
