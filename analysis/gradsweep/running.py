"""Running the command from Python."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Mapping
from typing import Any

import xarray as xr

from .data.results import open_results

COMPLETE, FAILED, RESUMABLE = 0, 1, 75  # exit codes of the command


class RunError(Exception):
    """The command could not do its work; the message is what it said."""


def run(
    sweep: Mapping[str, Any] | str | os.PathLike,
    output: str | os.PathLike | None = None,
    *,
    ranks: int | None = None,
    command: str = "gradsweep",
    launcher: str = "mpirun",
    overwrite: bool = False,
) -> xr.Dataset:
    """Computes a sweep and opens its results.

    `sweep` is a sweep file, or what stands in one as a dictionary (relative paths in it count from the current
    directory). `output`: the results file, by default the sweep's name (or that of its file) with .h5. An unfinished
    file of the same sweep is resumed and a finished one opened, unless `overwrite`. `ranks` starts so many with the
    launcher; None is one, without. `command` is found on PATH, or a path.

    RunError: a mistake in the sweep, or no results. Cells that failed, or a stop before the end (the file can be
    resumed), are warnings.
    """
    if isinstance(sweep, Mapping):
        output = os.fspath(output or f"{sweep.get('name', 'sweep')}.h5")
        text = json.dumps(sweep, default=_plain)  # JSON is YAML
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix=".sweep-", dir=".", delete=False) as file:
            file.write(text)
        try:
            return _run(file.name, output, ranks, command, launcher, overwrite)
        finally:
            os.remove(file.name)
    stem = os.path.splitext(os.path.basename(os.fspath(sweep)))[0]
    return _run(os.fspath(sweep), os.fspath(output or f"{stem}.h5"), ranks, command, launcher, overwrite)


def _run(sweep: str, output: str, ranks: int | None, command: str, launcher: str, overwrite: bool) -> xr.Dataset:
    start = [launcher, "-n", str(ranks)] if ranks else []
    again = "--overwrite" if overwrite else "--resume"
    try:
        ended = subprocess.run(
            [*start, command, "run", sweep, "-o", output, again, "--progress", "none"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        hint = "build and install gradsweep, or say where it is: run(..., command=...)"
        raise RunError(f"there is no command {error.filename}; {hint}") from error
    said = ended.stderr.strip()
    if ended.returncode not in (COMPLETE, FAILED, RESUMABLE) or not os.path.exists(output):
        raise RunError(said or f"{command} ended with {ended.returncode}")
    if ended.returncode != COMPLETE:
        warnings.warn(said.splitlines()[-1] if said else f"{command} ended with {ended.returncode}", stacklevel=3)
    return open_results(output)


def _plain(value: Any) -> Any:
    """Arrays and numbers of NumPy."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a sweep cannot hold {value!r}")
