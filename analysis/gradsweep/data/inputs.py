"""The inputs that drove a network: they are not among the results, but follow from the sweep, or stand in the network file
that it names."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from typing import Any

import h5py
import numpy as np
import xarray as xr

from .predictions import kinds, sweep_of
from .selection import NothingToDraw, labels

DRAWN = "the inputs are random, drawn from the seed as the sweep ran, and are not among the results"


def final_time(dataset: xr.Dataset) -> int:
    """T, at which the Jacobian products end: the anchor of a selection with one, else the sweep's last step."""
    if "anchor" in dataset.coords:
        return int(labels(dataset, "anchor")[-1])
    steps = (sweep_of(dataset).get("model") or {}).get("steps")
    if not isinstance(steps, int):
        raise NothingToDraw("the file does not say how many steps its trajectories have")
    return steps


def inputs_of(dataset: xr.Dataset, ensemble: str, replica: int = 0) -> np.ndarray:
    """i_1 ... i_T of a network, [T, m]; no rows where nothing drives it. Those of a file are read from it where it is still
    there and its fingerprint is the one in the results; a sine is reckoned. NothingToDraw says why there are none."""
    model = sweep_of(dataset).get("model") or {}
    drive, entry = model.get("input") or {}, kinds(dataset).get(ensemble, {})
    if "inputs" in (entry.get("content") or {}):
        return _read(dataset, entry, replica)
    kind = drive.get("kind", "none")
    if kind == "none":
        return np.zeros((0, 0))
    if kind == "file":
        return _read(dataset, drive, replica)
    if kind != "sine":
        raise NothingToDraw(DRAWN)
    scale = float(labels(dataset, "input_scale")[0] if "input_scale" in dataset.coords else drive.get("scale", 1.0))
    size, period = int(drive.get("size", 1)), float(drive.get("period", 10.0))
    times, components = np.arange(1, final_time(dataset) + 1)[:, np.newaxis], np.arange(size)
    return scale * np.sin(2.0 * np.pi * (times / period + components / (2.0 * size)))


def _read(dataset: xr.Dataset, entry: dict[str, Any], replica: int) -> np.ndarray:
    """Of the file of an ensemble or of the input, whose fingerprint must be that of the results."""
    path, declared = str(entry.get("path", "")), (entry.get("content") or {}).get("inputs")
    found = next(filter(os.path.isfile, (path, os.path.join(os.path.dirname(dataset.encoding.get("source", "")), path))), None)
    if found is None:
        raise NothingToDraw(f"the inputs are in {path}, which is not there any more")
    try:
        with h5py.File(found, "r") as file:
            inputs = np.ascontiguousarray(file["inputs"][...], dtype="<f8")
    except (OSError, KeyError, TypeError, ValueError):
        raise NothingToDraw(f"the inputs are in {path}, which cannot be read any more") from None
    inputs = inputs[:, np.newaxis] if inputs.ndim == 1 else inputs
    fingerprint = _fingerprint(inputs)
    if fingerprint is None:
        raise NothingToDraw(f"whether the inputs in {path} are still those of the results cannot be told without libxxhash")
    if fingerprint != declared:
        raise NothingToDraw(f"the inputs in {path} are not those of the results any more")
    return inputs[min(replica, len(inputs) - 1)] if inputs.ndim == 3 else inputs


def _fingerprint(values: np.ndarray) -> str | None:
    """As sweeps have it: XXH3, 128 bits, of the sizes and the numbers; None without a library that has it."""
    content = np.array(values.shape, "<u8").tobytes() + values.tobytes()
    try:
        import xxhash

        return xxhash.xxh3_128_hexdigest(content)
    except ImportError:
        pass
    name = ctypes.util.find_library("xxhash")
    if name is None:
        return None
    hashed = ctypes.CDLL(name).XXH3_128bits
    hashed.restype, hashed.argtypes = _Digest, [ctypes.c_char_p, ctypes.c_size_t]
    digest = hashed(content, len(content))
    return f"{digest.high:016x}{digest.low:016x}"


class _Digest(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]
