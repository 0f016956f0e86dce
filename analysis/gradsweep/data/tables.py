"""Results as tidy tables: a row for each place in a dataset's dimensions, in pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from .quantities import coupling
from .results import DONE, cell_axes
from .selection import NothingToDraw, blocks, in_order

if TYPE_CHECKING:
    import pandas

ROWS = 200_000  # of a piece


def table_variables(dataset: xr.Dataset, names: Sequence[str] | None = None) -> list[str]:
    """The datasets that stand side by side in one table: those asked for, or all on CELL and on (CELL, lag). NothingToDraw
    for one that is not there, or has no place beside the others."""
    cell = cell_axes(dataset)
    if names is None:
        fits = {cell, (*cell, "lag")} if "lag" in dataset.dims else {cell}
        return [str(name) for name, variable in dataset.data_vars.items() if variable.dims in fits]
    extra: tuple = ()
    for name in names:
        if name not in dataset.data_vars:
            raise NothingToDraw(f"the file has no dataset {name}; it has {', '.join(map(str, dataset.data_vars))}")
        further = tuple(dim for dim in dataset[name].dims if dim not in cell)
        if further and extra and further != extra:
            raise NothingToDraw(f"{name} lies along {', '.join(further)}, another along {', '.join(extra)}: one table each")
        extra = further or extra
    return list(names)


def tables(dataset: xr.Dataset, names: Sequence[str] | None = None, everything: bool = False) -> Iterator[pandas.DataFrame]:
    """Pieces of one tidy table: columns for the axes, kappa = rho gamma ("coupling") and the datasets; rows for the cells
    that are done (`everything`: all cells, NaN where pending), each as often as there are lags (steps, indices)."""
    chosen = table_variables(dataset, names)
    cell = cell_axes(dataset)
    further = next((tuple(d for d in dataset[n].dims if d not in cell) for n in chosen if len(dataset[n].dims) > len(cell)), ())
    per_cell = int(np.prod([dataset.sizes[name] for name in further], dtype=int))
    limit = max(1, ROWS // max(per_cell, 1)) * max(1, dataset.sizes.get("lag", 1))
    kept = dataset[chosen if "status" in chosen else [*chosen, "status"]]
    for block in blocks(dataset, limit):
        piece = kept.isel(block).load()
        frame = _frame(piece, chosen, further)
        if not everything:
            frame = frame[frame.pop("_status").to_numpy() == DONE]
        else:
            frame = frame.drop(columns="_status")
        yield frame


def _frame(piece: xr.Dataset, chosen: Sequence[str], further: Sequence[str]) -> pandas.DataFrame:
    import pandas

    dims = (*cell_axes(piece), *further)
    sizes = [piece.sizes[name] for name in dims]
    columns = {}
    for position, name in enumerate(dims):
        values = piece.coords[name].values
        shape = [1] * len(dims)
        shape[position] = len(values)
        columns[str(name)] = np.broadcast_to(values.reshape(shape), sizes).ravel()
    kappa = coupling(piece).variable
    columns["coupling"] = _spread(kappa, dims, sizes)
    for name in chosen:
        columns[name] = _spread(piece[name].variable, dims, sizes)
    columns["_status"] = _spread(piece["status"].variable, dims, sizes)
    return pandas.DataFrame(columns)


def _spread(variable: xr.Variable, dims: Sequence, sizes: Sequence[int]) -> np.ndarray:
    """A variable on some of the dimensions, repeated along the others, as one column."""
    return np.broadcast_to(in_order(variable.values, variable.dims, dims), sizes).ravel()
