"""Reading a gradsweep results file (HDF5, format versions 1 and 2) piece by piece.

A file may be far larger than memory, so nothing here reads a whole tensor: `Results.blocks` walks the cells in pieces
of bounded size, and the other methods read one panel of a figure. Nothing is kept but the axes and the WEIGHT datasets,
which stay small.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

FORMAT_VERSIONS = (1, 2)
CELL_AXES = ("activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma")
NUMBER_AXES = ("hidden_size", "replica", "spectral_radius", "gamma", "lag")
REQUIRED = ("status", "log_jacobian_norm", "log_norm_bound", "bound_check")

PENDING, DONE, FAILED = 0, 1, 2
STATUS_NAMES = ("pending", "done", "failed")
VERDICTS = ("not_computed", "holds", "within_rounding", "violated")
UNSET_FLAG = 255

# Values of one dataset read at a time: 4 Mi doubles are 32 MiB.
BLOCK_VALUES = 4 * 1024 * 1024


class ResultsError(Exception):
    """The file cannot be read as a results file; the message says why and names it."""


@dataclass(frozen=True)
class Block:
    """A piece of the cells of one (activation, ensemble, hidden_size): some replicas, some radii, all gammas."""

    activation: int
    ensemble: int
    hidden_size: int
    replicas: slice
    radii: slice

    @property
    def index(self) -> tuple[int | slice, ...]:
        """Selects the piece in a CELL dataset; the result has shape [replicas, radii, gamma, ...]."""
        return (self.activation, self.ensemble, self.hidden_size, self.replicas, self.radii)


class Results:
    """An open results file: its axes, and reads of bounded size. Use as a context manager."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = _open(path)
        try:
            self._check_format()
            self._read_axes()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def _check_format(self) -> None:
        version = self.file.attrs.get("format_version")
        if version is None or "sweep" not in self.file.attrs:
            raise ResultsError(f"{self.path}: not a gradsweep results file (no format_version and sweep attributes)")
        if int(version) not in FORMAT_VERSIONS:
            read = " and ".join(str(known) for known in FORMAT_VERSIONS)
            raise ResultsError(f"{self.path}: format version {int(version)}; this script reads {read}")
        if "shard" in self.file.attrs:  # what is not its own reads as zeros there
            raise ResultsError(
                f"{self.path}: shard {_text(self.file.attrs['shard'])} of a sweep; gradsweep merge makes one file of all"
            )
        missing = [name for name in (*CELL_AXES, "lag", *REQUIRED) if name not in self.file]
        if missing:
            raise ResultsError(f"{self.path}: damaged results file, without {', '.join(missing)}")

    def _read_axes(self) -> None:
        self.activations = [_text(value) for value in self.file["activation"][...]]
        self.ensembles = [_text(value) for value in self.file["ensemble"][...]]
        self.hidden_sizes, self.replicas, self.radii, self.gammas, self.lags = (
            self.file[name][...] for name in NUMBER_AXES
        )
        self.shape = tuple(self.file[name].shape[0] for name in CELL_AXES)
        tensor_shape = (*self.shape, len(self.lags))
        if self.file["status"].shape != self.shape or self.file["log_jacobian_norm"].shape != tensor_shape:
            raise ResultsError(
                f"{self.path}: damaged results file: tensors without the shape of the axes {tensor_shape}"
            )
        self.native = bool(np.all(np.isnan(self.radii)))
        self.weight_radius = self._weight("weight_spectral_radius")
        self.weight_norm = self._weight("weight_norm")

    def _weight(self, name: str) -> np.ndarray:
        return self.file[name][...] if name in self.file else np.full(self.shape[1:4], np.nan)

    # What the file says about itself -------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        return self.attribute("title") or os.path.splitext(os.path.basename(self.path))[0]

    @property
    def cell_count(self) -> int:
        return int(np.prod(self.shape))

    def attribute(self, name: str) -> str:
        """A root attribute as text; "" where there is none."""
        return _text(self.file.attrs.get(name, ""))

    def failure_meanings(self) -> dict[int, str]:
        """The name of every failure_reason code, from the file's own flag_values and flag_meanings."""
        if "failure_reason" not in self.file:
            return {}
        attributes = self.file["failure_reason"].attrs
        names = _text(attributes.get("flag_meanings", "")).split()
        codes = attributes.get("flag_values", range(len(names)))
        return {int(code): name for code, name in zip(codes, names)}

    def runs(self) -> list[dict[str, Any]]:
        """The provenance rows, one a run; a row that is no JSON object (cut off by a kill) is given as text."""
        provenance = self.file.get("runs/provenance", self.file.get("provenance"))  # the latter in version 1
        if provenance is None:
            return []
        rows = []
        for row in provenance[...]:
            text = row.tobytes().split(b"\0")[0].decode("utf-8", "replace").strip()
            if not text:
                continue
            try:
                value = json.loads(text)
            except json.JSONDecodeError:
                value = text
            rows.append(value if isinstance(value, dict) else {"text": value})
        return rows

    # Reading by pieces ---------------------------------------------------------------------------------------------

    def blocks(self, values: int = BLOCK_VALUES) -> Iterator[Block]:
        """All cells, in file order, in pieces whose (CELL, lag) tensor has at most about `values` numbers."""
        for activation, ensemble, hidden_size in np.ndindex(*self.shape[:3]):
            yield from self.panel_blocks(activation, ensemble, hidden_size, values)

    def panel_blocks(
        self, activation: int, ensemble: int, hidden_size: int, values: int = BLOCK_VALUES
    ) -> Iterator[Block]:
        """The same for one (activation, ensemble, hidden_size)."""
        row = len(self.gammas) * len(self.lags)
        radii = max(1, min(len(self.radii), values // row))
        replicas = max(1, values // (row * len(self.radii))) if radii == len(self.radii) else 1
        for replica in range(0, len(self.replicas), replicas):
            for radius in range(0, len(self.radii), radii):
                yield Block(
                    activation,
                    ensemble,
                    hidden_size,
                    slice(replica, min(replica + replicas, len(self.replicas))),
                    slice(radius, min(radius + radii, len(self.radii))),
                )

    def read(self, name: str, block: Block) -> np.ndarray | None:
        """The block of a CELL or (CELL, lag) dataset; None where the file has no such dataset."""
        return self.file[name][block.index] if name in self.file else None

    def panel_at_lag(self, name: str, activation: int, ensemble: int, hidden_size: int, lag: int) -> np.ndarray:
        """A (CELL, lag) dataset of one panel at one lag position, shape [replica, spectral_radius, gamma]."""
        panel = np.full(self.shape[3:], np.nan)
        for block in self.panel_blocks(activation, ensemble, hidden_size):
            panel[block.replicas, block.radii] = self.file[name][block.index][..., lag]
        return panel

    def panel_status(self, activation: int, ensemble: int, hidden_size: int) -> np.ndarray:
        """status of one panel, shape [replica, spectral_radius, gamma]."""
        return self.file["status"][activation, ensemble, hidden_size]

    def curves(
        self, name: str, activation: int, ensemble: int, hidden_size: int, radius: int, gamma: int
    ) -> np.ndarray:
        """A (CELL, lag) dataset of one cell's replicas, shape [replica, lag]; NaN where the cell is not done."""
        index = (activation, ensemble, hidden_size, slice(None), radius, gamma)
        values = self.file[name][index]
        values[self.file["status"][index] != DONE] = np.nan
        return values

    # W as it is used -----------------------------------------------------------------------------------------------

    def has_single_weight(self, ensemble: int) -> bool:
        """False where the norm of W is nowhere known: a fresh W at every step, or everything pending."""
        return bool(np.any(np.isfinite(self.weight_norm[ensemble])))

    def used_radius(self, ensemble: int, hidden_size: int, replicas: slice = slice(None)) -> np.ndarray:
        """rho(W) of the W in use, shape [replica, spectral_radius]: the axis, or with `native` that of W as drawn; NaN
        where there is no single W."""
        drawn = self.weight_radius[ensemble, hidden_size, replicas][:, np.newaxis]
        asked = drawn if self.native else self.radii[np.newaxis, :]
        return np.where(np.isnan(drawn), np.nan, np.broadcast_to(asked, (drawn.shape[0], len(self.radii))))

    def used_norm(self, ensemble: int, hidden_size: int, replicas: slice = slice(None)) -> np.ndarray:
        """||W||_2 of the W in use, shape [replica, spectral_radius]."""
        norm = self.weight_norm[ensemble, hidden_size, replicas][:, np.newaxis]
        if self.native:
            return np.broadcast_to(norm, (norm.shape[0], len(self.radii)))
        drawn = self.weight_radius[ensemble, hidden_size, replicas][:, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.radii[np.newaxis, :] * (norm / drawn)


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


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
