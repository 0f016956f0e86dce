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

WORD = 1 << 64


def final_time(dataset: xr.Dataset) -> int:
    """T, at which the Jacobian products end: the anchor of a selection with one, else the sweep's last step."""
    if "anchor" in dataset.coords:
        return int(labels(dataset, "anchor")[-1])
    steps = (sweep_of(dataset).get("model") or {}).get("steps")
    if not isinstance(steps, int):
        raise NothingToDraw("the file does not say how many steps its trajectories have")
    return steps


def inputs_of(dataset: xr.Dataset, ensemble: str, replica: int = 0) -> np.ndarray:
    """i_1 ... i_T of a network of the largest hidden size, [T, m]; no rows where nothing drives it. Those of a file are read
    from it where it is still there and its fingerprint is the one in the results; a sine is reckoned, and random ones are
    drawn again from the sweep's seed. NothingToDraw says why there are none."""
    model = sweep_of(dataset).get("model") or {}
    drive, entry = model.get("input") or {}, kinds(dataset).get(ensemble, {})
    if "inputs" in (entry.get("content") or {}):
        return _read(dataset, entry, replica)
    kind = drive.get("kind", "none")
    if kind == "none":
        return np.zeros((0, 0))
    if kind == "file":
        return _read(dataset, drive, replica)
    scale = float(labels(dataset, "input_scale")[0] if "input_scale" in dataset.coords else drive.get("scale", 1.0))
    size = int(drive.get("size", 1))
    if kind == "gaussian":
        return scale * _draw(dataset, entry, replica, size)
    if kind != "sine":
        raise NothingToDraw(f"inputs of the kind {kind} are not known here")
    period = float(drive.get("period", 10.0))
    times, components = np.arange(1, final_time(dataset) + 1)[:, np.newaxis], np.arange(size)
    return scale * np.sin(2.0 * np.pi * (times / period + components / (2.0 * size)))


def _draw(dataset: xr.Dataset, entry: dict[str, Any], replica: int, size: int) -> np.ndarray:
    """Standard normals [T, size], as the program draws them (src/base/random.h): number i at time t from the block of
    Philox4x64-10 with the counter (i div 4, t, 0, 0) and the key (seed, XXH3-64 of whose they are), by Box and Muller."""
    inside = [f"{name}={value:.17g}" for name, value in entry.items() if name not in ("kind", "label", "path", "content")]
    if entry["kind"] == "file":
        inside = [f"W={(entry.get('content') or {}).get('W', '')}"]
    kind = f"{entry['kind']}{{{','.join(inside)}}}" if inside else entry["kind"]
    text = f"{kind} d={labels(dataset, 'hidden_size')[-1]} replica={replica} role=inputs"
    hashed = _hash_of_text(text.encode())
    if hashed is None:
        raise NothingToDraw("the inputs are random, and their seeds are hashes, which cannot be had without libxxhash")
    key = np.array([int(sweep_of(dataset)["seed"]), hashed], np.uint64)
    found = np.empty((final_time(dataset), size))
    for step in range(1, len(found) + 1):
        # NumPy counts up before it draws.
        counter = np.array([WORD - 1, step - 1, 0, 0], np.uint64)
        bits = np.random.Philox(counter=counter, key=key).random_raw(size + size % 2)
        radius, angle = (((bits >> np.uint64(12)).astype(float) + 0.5) / 2.0**52).reshape(-1, 2).T
        radius = np.sqrt(-2.0 * np.log(radius))
        normals = np.stack([radius * np.cos(2.0 * np.pi * angle), radius * np.sin(2.0 * np.pi * angle)], axis=1)
        found[step - 1] = normals.ravel()[:size]
    return found


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
    if (module := _module()) is not None:
        return module.xxh3_128_hexdigest(content)
    digest = _by_the_library("XXH3_128bits", _Digest, content)
    return None if digest is None else f"{digest.high:016x}{digest.low:016x}"


def _hash_of_text(text: bytes) -> int | None:
    """XXH3, 64 bits; None likewise."""
    module = _module()
    return module.xxh3_64_intdigest(text) if module is not None else _by_the_library("XXH3_64bits", ctypes.c_uint64, text)


def _module() -> Any:
    try:
        import xxhash

        return xxhash
    except ImportError:
        return None


def _by_the_library(function: str, result: Any, content: bytes) -> Any:
    name = ctypes.util.find_library("xxhash")
    if name is None:
        return None
    hashed = getattr(ctypes.CDLL(name), function)
    hashed.restype, hashed.argtypes = result, [ctypes.c_char_p, ctypes.c_size_t]
    return hashed(content, len(content))


class _Digest(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]
