"""The data of the explorable part of the report, thinned to what a page can hold, and the HTML around it.

The page has it as one gzipped block of numbers (float32 and uint8, C order over the axes of CELL) with a header of JSON that
says where each array lies; explore.js reads both, and cell.js tells of the cell that is chosen.
"""

from __future__ import annotations

import base64
import functools
import gzip
import html
import json
import os
from typing import Any

import numpy as np
import xarray as xr

from ..data.quantities import coupling, half_life
from ..data.results import DONE, cell_axes
from ..data.selection import PLANE, WEIGHT, is_native, labels, read, spread

HERE = os.path.dirname(os.path.abspath(__file__))
MOST_NUMBERS = 1_200_000  # in the block
# Values of each axis that are kept where the whole does not fit, from the axis that is thinned first.
LIMITS = (("replica", 4), ("lag", 12), ("anchor", 3), ("hidden_size", 6), ("ensemble", 9), ("activation", 12),
          ("bias_scale", 5), ("input_scale", 9), ("gamma", 16), ("spectral_radius", 41))  # fmt: skip
TIGHTER = 0.6  # by which all limits shrink, again and again, where they do not do
SINGULAR_LAGS, INDICES = 5, 128
ALONG_LAGS = {
    "norm": "log_jacobian_norm",
    "bound": "log_norm_bound",
    "step": "log_step_bound",
    "eta": "log_step_norm_max",
    "contribution": "log_contribution",
}
NAMES = {
    "hidden_size": ("hidden size d", "d"),
    "spectral_radius": ("spectral radius ρ(W)", "ρ"),
    "gamma": ("derivative bound γ", "γ"),
    "input_scale": ("strength of the inputs", "drive"),
    "bias_scale": ("strength of the bias", "bias"),
    "anchor": ("final time T", "T"),
}


def thinned(dataset: xr.Dataset) -> tuple[xr.Dataset, str]:
    """The part of the dataset that the page holds, and a sentence of what that leaves out ("" for nothing)."""
    per_lag = sum(name in dataset for name in ALONG_LAGS.values()) + 0.25  # the verdicts are bytes

    def numbers(sizes: dict[str, int]) -> float:
        cells = np.prod([sizes[name] for name in axes], dtype=float)
        return float(cells * (4 + per_lag * sizes["lag"]))

    axes = [str(name) for name in cell_axes(dataset)]
    full = {name: len(labels(dataset, name)) for name in (*axes, "lag")}
    kept, factor = dict(full), 1.0
    while numbers(kept) > MOST_NUMBERS:
        for name, limit in LIMITS:
            if name in full and numbers(kept) > MOST_NUMBERS:
                kept[name] = min(kept[name], max(2, round(limit * factor)))
        factor *= TIGHTER
        if factor < 0.01:
            break
    part = dataset.isel({name: spread(full[name], kept[name]) for name in full if kept[name] < full[name]})
    left_out = [f"{len(labels(part, name))} of {full[name]} values of {name.replace('_', ' ')}" for name in full if kept[name] < full[name]]
    return part, f"The page holds {', '.join(left_out)}, evenly spread; the tables count all cells." if left_out else ""


def _pieces(part: xr.Dataset, is_whole: bool) -> list[dict[str, int]]:
    """Positions of what is read at once: all of a dataset that fits, else a network, all axes of CELL but the plane, so that
    what lies between those kept is not read."""
    axes = [] if is_whole else [str(name) for name in cell_axes(part) if name not in PLANE]
    return [dict(zip(axes, place)) for place in np.ndindex(*(part.sizes[name] for name in axes))]


class Block:
    """Arrays one behind the other, float32 first so that they are aligned, and where each of them lies."""

    def __init__(self) -> None:
        self.arrays: dict[str, tuple[np.ndarray, str]] = {}

    def add(self, name: str, values: np.ndarray, dataset: str = "") -> None:
        kind = np.uint8 if values.dtype == np.uint8 else np.float32
        with np.errstate(over="ignore"):
            self.arrays[name] = (np.ascontiguousarray(values, kind), dataset)

    def finish(self, cells: int) -> tuple[dict[str, Any], bytes]:
        order = sorted(self.arrays, key=lambda name: self.arrays[name][0].dtype != np.float32)
        head, pieces, offset = {}, [], 0
        for name in order:
            values, dataset = self.arrays[name]
            kind = "f4" if values.dtype == np.float32 else "u1"
            head[name] = {"type": kind, "offset": offset, "count": values.size, "perCell": max(values.size // cells, 1),
                          "dataset": dataset}  # fmt: skip
            pieces.append(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes())
            offset += values.nbytes
        return head, b"".join(pieces)


def _fill(part: xr.Dataset, block: Block, is_whole: bool) -> tuple[list[int], int]:
    """The arrays of the page; the lags and the number of indices of its singular values."""
    axes = tuple(str(name) for name in cell_axes(part))
    shape = tuple(part.sizes[name] for name in axes)
    lags = len(labels(part, "lag"))
    floats = {short: name for short, name in ALONG_LAGS.items() if name in part}
    found = {short: np.full((*shape, lags), np.nan, np.float32) for short in floats}
    bytes_ = {"status": "status", "sure": "vanishing_guaranteed", "spectral": "spectral_condition"}
    flags = {short: np.full(shape, 255, np.uint8) for short, name in bytes_.items() if name in part}
    verdict = np.zeros((*shape, lags), np.uint8)
    rates, lives = np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)
    for at in _pieces(part, is_whole):
        place, left = tuple(at.values()) or ..., axes[len(at) :]
        piece = part.isel(at)
        for short in flags:
            flags[short][place] = read(piece, bytes_[short], left)
        if not (flags["status"][place] == DONE).any():
            continue
        for short, name in floats.items():
            with np.errstate(over="ignore"):
                found[short][place] = read(piece, name, (*left, "lag"))
        verdict[place] = read(piece, "bound_check", (*left, "lag"))
        if "growth_rate" in part:
            rates[place] = read(piece, "growth_rate", left)
        known = [name for name in ("status", "log_jacobian_norm", "half_life") if name in piece]
        lives[place] = read(xr.Dataset({"half_life": half_life(piece[known].load())}), "half_life", left)
    for short, name in floats.items():
        block.add(short, found[short], name)
    for short, values in (*flags.items(), ("verdict", verdict), ("half_life", lives)):
        block.add(short, values)
    if "growth_rate" in part:
        block.add("rate", rates, "growth_rate")
    for short in ("radius", "norm"):
        name = {"radius": "weight_spectral_radius", "norm": "weight_norm"}[short]
        if name in part:
            block.add(f"weight_{short}", read(part, name, WEIGHT))
    return _fill_spectra(part, block, axes, shape, is_whole)


def _fill_spectra(
    part: xr.Dataset, block: Block, axes: tuple[str, ...], shape: tuple[int, ...], is_whole: bool
) -> tuple[list[int], int]:
    _fill_exponents(part, block, axes, shape, is_whole)
    if "log_singular_value" not in part:
        return [], 0
    chosen = spread(len(labels(part, "lag")), SINGULAR_LAGS)
    indices = min(len(labels(part, "index")), INDICES)
    if np.prod(shape, dtype=float) * len(chosen) * indices > MOST_NUMBERS:
        return [], 0
    values = np.full((*shape, len(chosen), indices), np.nan, np.float32)
    for at in _pieces(part, is_whole):
        piece = part.isel(at).isel(lag=chosen, index=slice(indices))
        values[tuple(at.values()) or ...] = read(piece, "log_singular_value", (*axes[len(at) :], "lag", "index"))
    block.add("singular", values, "log_singular_value")
    return [int(lag) for lag in labels(part, "lag")[chosen]], indices


def _fill_exponents(part: xr.Dataset, block: Block, axes: tuple[str, ...], shape: tuple[int, ...], is_whole: bool) -> None:
    """The Lyapunov exponents, NaN beyond the hidden size; the largest where not all fit."""
    if "lyapunov_exponent" not in part:
        return
    indices = min(len(labels(part, "index")), INDICES)
    if np.prod(shape, dtype=float) * indices > MOST_NUMBERS:
        return
    values = np.full((*shape, indices), np.nan, np.float32)
    for at in _pieces(part, is_whole):
        piece = part.isel(at).isel(index=slice(indices))
        with np.errstate(over="ignore"):
            values[tuple(at.values()) or ...] = read(piece, "lyapunov_exponent", (*axes[len(at) :], "index"))
    block.add("exponent", values, "lyapunov_exponent")


def _axes(part: xr.Dataset) -> list[dict[str, Any]]:
    found = []
    for name in map(str, cell_axes(part)):
        values = labels(part, name)
        label, short = NAMES.get(name, (name.replace("_", " "), name.replace("_", " ")))
        numeric = values.dtype.kind in "iuf"
        plain = ["native" if numeric and np.isnan(value) else value.item() if numeric else str(value) for value in values]
        found.append({"name": name, "label": label, "short": short, "numeric": numeric and "native" not in plain, "values": plain})
    return found


def _start(part: xr.Dataset, done: np.ndarray) -> dict[str, int]:
    """The cell shown first: of the networks with finished cells (`done`, over the axes of CELL) the last activation (nonlinear
    where there is one), size and then the first of all else, kappa next to 1."""
    at = {str(name): 0 for name in cell_axes(part)}
    axes = list(at)
    for name in ("activation", "hidden_size", "ensemble", *(name for name in axes if name not in PLANE)):
        others = tuple(place for place, other in enumerate(axes) if other != name)
        places = np.flatnonzero(done.any(axis=others))
        at[name] = int(places[-1 if name in ("activation", "hidden_size") else 0])
        done = done & (np.arange(done.shape[axes.index(name)]) == at[name]).reshape([-1 if axis == name else 1 for axis in axes])
    at["replica"] = 0
    kappa = coupling(part).transpose(*PLANE).values
    known = done.any(axis=tuple(place for place, name in enumerate(axes) if name not in PLANE))
    distance = np.where(known, np.abs(np.log(kappa)), np.inf)
    at["spectral_radius"], at["gamma"] = (int(i) for i in np.unravel_index(np.argmin(distance), kappa.shape))
    return at


def _drawable_plane(part: xr.Dataset) -> list[str]:
    candidates = ["spectral_radius", "gamma", "input_scale", "bias_scale", "anchor"]
    if is_native(part):
        candidates.remove("spectral_radius")
    return [name for name in candidates if name in part.dims and part.sizes[name] > 1][:2]


def explore_html(dataset: xr.Dataset) -> str:
    """The explorable part, with Plotly; "" where no cell is finished. Not found: a sentence instead of it."""
    program = packed_program()
    if program is None:
        return (
            '<p class="note">There is no plane to explore: Plotly is not installed for this Python (apt-get install '
            "python3-plotly, or pip install plotly), and gradsweep report puts it into the page.</p>"
        )
    part, note = thinned(dataset)
    block = Block()
    lags, indices = _fill(part, block, is_whole=not note)
    if not (block.arrays["status"][0] == DONE).any():
        return ""
    arrays, content = block.finish(int(np.prod([part.sizes[name] for name in cell_axes(part)])))
    found = labels(part, "lag")
    head = {
        "title": dataset.attrs.get("title", ""),
        "axes": _axes(part),
        "lags": [int(lag) for lag in found],
        "log_lags": bool(len(found) > 3 and found[-1] > 4 * len(found)),
        "kappa": coupling(part).transpose(*PLANE).values.ravel().tolist(),
        "plane": _drawable_plane(part),
        "start": _start(part, block.arrays["status"][0] == DONE),
        "singular_lags": lags,
        "indices": indices,
        "arrays": arrays,
    }
    frame, *scripts = (_text_of(name) for name in ("explore.html", "explore.js", "cell.js"))
    script = "\n".join(scripts)
    text = json.dumps(head).replace("<", "\\u003c")
    return frame.replace("NOTE", html.escape(note)) + (
        f'<script type="application/json" id="explore-head">{text}</script>\n'
        f'<script type="application/gzip" id="explore-block">{_packed(content)}</script>\n'
        f'<script type="application/gzip" id="plotly">{program}</script>\n'
        f"<script>\n{script}</script>"
    )


def _text_of(name: str) -> str:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return file.read()


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode()


@functools.lru_cache(maxsize=None)
def packed_program() -> str | None:
    """The text of plotly.js, from the Python package, packed; None where that is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        return None
    return _packed(get_plotlyjs().encode())
