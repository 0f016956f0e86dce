"""gradsweep watch: a sweep that runs, in the terminal."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from typing import Any

import numpy as np

from ..data.results import FAILED, PENDING, ResultsError, open_results
from ..data.selection import labels
from .arguments import add_results, new_parser

MAP_AXES = ("ensemble", "activation")  # rows of the map, by hidden size
SHADES = " .:-=+*#%@"
HOME, RED, PLAIN = "\033[H\033[2J", "\033[31m", "\033[0m"


def parser() -> argparse.ArgumentParser:
    made = new_parser(
        "watch",
        "gradsweep watch out.h5\ngradsweep watch out.h5 --once",
        "Reading disturbs no run. It ends when nothing is pending, or nobody computes any more.",
    )
    add_results(made)
    made.add_argument("--interval", type=float, metavar="SECONDS", default=2.0, help="look again after so long")
    made.add_argument("--once", action="store_true", help="look once; so it is also where the output is no terminal")
    return made


def main(options: argparse.Namespace) -> int:
    once = options.once or not sys.stdout.isatty()
    while True:
        info = read_info(options.results)
        text = "\n".join([*head(info), "", *heat_map(options.results, colours=sys.stdout.isatty())])
        print(text if once else f"{HOME}{text}", flush=True)
        if once or info["pending"] == 0 or not info["is_running"]:
            return 0
        time.sleep(max(options.interval, 0.1))


def read_info(path: str) -> dict[str, Any]:
    """What `gradsweep info --json` says."""
    command = os.environ.get("GRADSWEEP_COMMAND") or shutil.which("gradsweep")
    if command is None:
        raise ResultsError("there is no command gradsweep on PATH, which counts the cells: build and install it")
    ended = subprocess.run([command, "info", "--json", path], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ended.returncode != 0 and not ended.stdout:
        raise ResultsError(ended.stderr.strip().removeprefix("gradsweep: error: ") or f"{path}: cannot be read")
    return json.loads(ended.stdout)


def duration(seconds: float | None) -> str:
    """1:02:03, 2:03, or a dash where it is not known."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def head(info: dict[str, Any], width: int = 40) -> list[str]:
    """Title, bar, counts, rate, failures, as lines."""
    done, failed, cells = info["done"], info["failed"], info["cells"]
    full = int(width * done / cells) if cells else width
    bad = -(-width * failed // cells) if cells else 0
    state = "running" if info["is_running"] else "complete" if info["pending"] == 0 else "not running"
    rate = info["cells_per_second"]
    lines = [
        f"{info['title']}  ({state})",
        f"[{'#' * full}{'x' * bad}{'.' * (width - full - bad)}] {100 * (done + failed) / max(cells, 1):.1f}%",
        f"{done:,} of {cells:,} cells done, {failed:,} failed, {info['pending']:,} pending",
    ]
    if info["way_on"]:
        lines.append(f"nobody computes it now: {info['way_on']}")
    elif info["pending"]:
        speed = f"{rate:.3g} cells/s" if rate else "rate not known yet"
        lines.append(f"{speed}, {duration(info['seconds_to_go'])} to go")
    lines += [f"failed: {reason} {count:,}" for reason, count in info["failures"].items()]
    return lines


def heat_map(path: str, colours: bool) -> list[str]:
    """A row for each activation and ensemble, a block for each hidden size, in it a letter for each kappa-rising place of
    the plane: how much of it is finished, failed cells as x."""
    with open_results(path) as dataset:
        status = dataset["status"]
        plane = [name for name in status.dims if name in ("spectral_radius", "gamma")]
        others = [name for name in status.dims if name not in (*MAP_AXES, "hidden_size", *plane)]
        radius = "spectral_radius" if len(labels(dataset, "spectral_radius")) > 1 else "gamma"
        collapsed = [*others, *(name for name in plane if name != radius)]
        values = status.transpose("ensemble", "activation", "hidden_size", radius, *collapsed).values
        values = values.reshape(*values.shape[:4], -1)
        share = (values != PENDING).mean(axis=-1)
        failed = (values == FAILED).any(axis=-1)
        names = [labels(dataset, name) for name in ("ensemble", "activation", "hidden_size")]
    width = max(len(f"{e}, {a}") for e in names[0] for a in names[1])
    room = max(4, (shutil.get_terminal_size((100, 24)).columns - width - 2) // max(len(names[2]), 1) - 1)
    blocks = [f"{'d = ' + str(size):<{min(room, max(share.shape[3], 8))}}" for size in names[2]]
    lines = [f"{'':<{width}}  {' '.join(blocks)}", f"{'':<{width}}  along {radius.replace('_', ' ')}: blank pending, @ finished"]
    for e, a in np.ndindex(len(names[0]), len(names[1])):
        row = [_letters(share[e, a, size], failed[e, a, size], room, len(blocks[size]), colours) for size in range(len(names[2]))]
        lines.append(f"{f'{names[0][e]}, {names[1][a]}':<{width}}  {' '.join(row)}")
    return lines


def _letters(share: np.ndarray, failed: np.ndarray, room: int, width: int, colours: bool) -> str:
    groups = np.array_split(np.arange(len(share)), min(len(share), room))
    text = ""
    for group in groups:
        letter = SHADES[int(share[group].mean() * (len(SHADES) - 1))]
        if failed[group].any():
            letter = f"{RED}x{PLAIN}" if colours else "x"
        text += letter
    return text + " " * max(0, width - len(groups))
