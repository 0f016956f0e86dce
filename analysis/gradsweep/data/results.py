"""Results files (HDF5, format versions 1 and 2) as lazy datasets of xarray.

A file may be far larger than memory: nothing is read but the axes until it is asked for, and then only that part. The
names of the axes come from the file, whose CELL may have more of them than those every file has.
"""

from __future__ import annotations

import json
import os
from collections.abc import Hashable
from typing import Any

import h5py
import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

FORMAT_VERSIONS = (1, 2)
AXES = ("activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma")  # of CELL, in every file
REQUIRED = ("status", "log_jacobian_norm", "log_norm_bound", "bound_check")
LEFT_OUT = ("provenance", "run", "character")  # in the root group of version 1; see read_runs
NOT_ATTRIBUTES = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue", "_Netcdf4Dimid", "_Netcdf4Coordinates")

PENDING, DONE, FAILED = 0, 1, 2
STATUS_NAMES = ("pending", "done", "failed")
VERDICTS = ("not_computed", "holds", "within_rounding", "violated")
UNSET_FLAG = 255


class ResultsError(Exception):
    """The file cannot be read as a results file; the message says why and names it."""


class LazyArray(BackendArray):
    """A dataset of the file that is read piece by piece, as it is indexed; of CELL datasets of floating point, what
    belongs to pending cells is NaN."""

    def __init__(self, dataset: h5py.Dataset, status: h5py.Dataset | None) -> None:
        self.dataset = dataset
        self.status = status
        self.shape = dataset.shape
        self.dtype = dataset.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER_1VECTOR, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        if self.status is None:
            return self.dataset[key]
        pending = np.asarray(self.status[key[: self.status.ndim]] == PENDING)
        values = np.asarray(self.dataset[key])  # last: the largest
        np.copyto(values, np.nan, where=pending.reshape(pending.shape + (1,) * (values.ndim - pending.ndim)))
        return values


def open_results(path: str | os.PathLike) -> xr.Dataset:
    """The results file as a lazy Dataset with the file's names, dimensions and attributes; pending cells are NaN.

    Datasets are read when their values are asked for, the selected part alone: select first, then compute. The file stays
    open until the dataset is closed or forgotten; a sweep that still runs may be opened. Flags stay uint8 (255: pending).
    ResultsError says what is wrong with a file.
    """
    path = os.fspath(path)
    file = _open(path)
    try:
        _check_format(path, file)
        dims = {name: dims for name in file if (dims := _dimensions(file, name)) is not None}
        dataset = xr.Dataset(
            {name: _variable(file, name, found, dims["status"]) for name, found in dims.items() if found != (name,)},
            {name: _variable(file, name, found, ()) for name, found in dims.items() if found == (name,)},
            {name: _plain(value) for name, value in file.attrs.items()},
        )
        _check_shapes(path, dataset)
    except (KeyError, OSError, RuntimeError) as error:  # what h5py makes of HDF5's errors
        file.close()
        raise ResultsError(f"{path}: damaged results file: {error.args[0] if error.args else error}") from error
    except BaseException:
        file.close()
        raise
    dataset.encoding["source"] = path
    dataset.set_close(file.close)
    return dataset


def cell_axes(dataset: xr.Dataset) -> tuple[Hashable, ...]:
    """The axes of CELL, in the file's order; those that a selection has dropped are gone."""
    return dataset.variables["status"].dims


def read_runs(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The provenance of a results file, a dictionary a run; {"text": ...} for a row that is no JSON object (cut off by a
    kill)."""
    path = os.fspath(path)
    with _open(path) as file:
        provenance = file.get("runs/provenance", file.get("provenance"))  # the latter in version 1
        texts = [] if provenance is None else [row.tobytes().split(b"\0")[0] for row in provenance[...]]
    rows = []
    for text in filter(None, (text.decode("utf-8", "replace").strip() for text in texts)):
        try:
            value = json.loads(text)
        except json.JSONDecodeError:
            value = text
        rows.append(value if isinstance(value, dict) else {"text": value})
    return rows


def _open(path: str) -> h5py.File:
    if not os.path.isfile(path):
        raise ResultsError(f"{path}: no such file")
    try:
        # Without a lock, so that looking at a running sweep does not disturb it.
        return h5py.File(path, "r", locking=False)
    except (OSError, ValueError, TypeError):  # not HDF5, or a library without the `locking` argument
        pass
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ResultsError(f"{path}: not a readable HDF5 file ({error})") from error


def _check_format(path: str, file: h5py.File) -> None:
    version = file.attrs.get("format_version")
    if version is None or "sweep" not in file.attrs:
        raise ResultsError(f"{path}: not a gradsweep results file (no format_version and sweep attributes)")
    if int(version) not in FORMAT_VERSIONS:
        read = " and ".join(str(known) for known in FORMAT_VERSIONS)
        raise ResultsError(f"{path}: format version {int(version)}; this program reads {read}")
    if "shard" in file.attrs:  # what is not its own reads as zeros there
        shard = _plain(file.attrs["shard"])
        raise ResultsError(f"{path}: shard {shard} of a sweep; gradsweep merge makes one file of all")
    missing = [name for name in (*AXES, "lag", *REQUIRED) if name not in file]
    if missing:
        raise ResultsError(f"{path}: damaged results file, without {', '.join(missing)}")


def _check_shapes(path: str, dataset: xr.Dataset) -> None:
    cell = cell_axes(dataset)
    if not set(AXES) <= set(cell) or dataset.variables["log_jacobian_norm"].dims != (*cell, "lag"):
        raise ResultsError(f"{path}: damaged results file: tensors without the axes {', '.join((*AXES, 'lag'))}")


def _dimensions(file: h5py.File, name: str) -> tuple[str, ...] | None:
    """The names of a dataset's dimensions; None for what is no dataset of ours."""
    dataset = file.get(name)
    if not isinstance(dataset, h5py.Dataset) or name in LEFT_OUT:
        return None
    if h5py.h5ds.is_scale(dataset.id):
        return (name,)
    if not all(len(dimension) for dimension in dataset.dims):
        if name in REQUIRED:
            raise ResultsError(f"{file.filename}: damaged results file: {name} without its dimensions")
        return None
    scales = [dimension[0].name for dimension in dataset.dims]
    if None in scales:
        raise ResultsError(f"{file.filename}: damaged results file: {name} has dimensions that lead nowhere")
    names = tuple(scale.lstrip("/") for scale in scales)
    sizes = tuple(file[dimension].shape[0] for dimension in names)
    if sizes != dataset.shape:
        raise ResultsError(f"{file.filename}: damaged results file: {name} has the shape {dataset.shape}, not {sizes}")
    return names


def _variable(file: h5py.File, name: str, dims: tuple[str, ...], cell: tuple[str, ...]) -> xr.Variable:
    dataset = file[name]
    attributes = {key: _plain(value) for key, value in dataset.attrs.items() if key not in NOT_ATTRIBUTES}
    if dims == (name,):  # coordinates are small
        values = dataset.asstr()[...] if h5py.check_string_dtype(dataset.dtype) else dataset[...]
        return xr.Variable(dims, values, attributes)
    masked = bool(cell) and dims[: len(cell)] == cell and dataset.dtype.kind == "f"
    lazy = indexing.LazilyIndexedArray(LazyArray(dataset, file["status"] if masked else None))
    return xr.Variable(dims, lazy, attributes)


def _plain(value: Any) -> Any:
    """An attribute as Python has it: text, numbers, or an array."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value.item() if isinstance(value, np.generic) else value
