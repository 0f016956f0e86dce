"""Parts of a dataset: what a user selects, what fits a figure, and pieces that fit into memory."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from .results import DONE, cell_axes

NETWORKS = ("activation", "ensemble", "hidden_size", "replica")  # the axes that every figure knows how to lay out
PLANE = ("spectral_radius", "gamma")
WEIGHT = ("ensemble", "hidden_size", "replica")
BLOCK_VALUES = 2 * 1024 * 1024  # numbers of one dataset read at a time: 16 MiB

Block = dict[Hashable, slice]


class NothingToDraw(ValueError):
    """There is nothing that could be drawn or computed; the message says why."""


def select(dataset: xr.Dataset, **selection: Any) -> xr.Dataset:
    """The part with these values on these axes, all axes kept: select(ds, activation="tanh", hidden_size=[64, 256],
    gamma=slice(0.5, 1.0)). Numbers are found to 9 digits. ValueError names an axis or value that is not there."""
    positions = {name: _positions(dataset, name, wanted) for name, wanted in selection.items()}
    return dataset.isel(positions)


def _positions(dataset: xr.Dataset, name: str, wanted: Any) -> slice | list[int]:
    if name not in dataset.dims or name not in dataset.coords:
        axes = ", ".join(str(axis) for axis in (*cell_axes(dataset), "lag") if axis in dataset.dims)
        raise ValueError(f"there is no axis {name!r}; the axes are {axes}")
    values = dataset.coords[name].values
    if isinstance(wanted, slice):
        within = np.flatnonzero(_within(values, wanted)).tolist()
        if not within:
            there = ", ".join(map(str, values.tolist()))
            raise ValueError(f"{name} has no value from {wanted.start} to {wanted.stop}; it has {there}")
        return regular(within)
    found = []
    for value in [wanted] if np.ndim(wanted) == 0 else list(wanted):
        is_number = values.dtype.kind in "iuf" and isinstance(value, (int, float, np.number))
        matches = np.isclose(values, value, rtol=1e-9, atol=0.0) if is_number else values == value
        if not np.any(matches):
            raise ValueError(f"{name} has no value {value!r}; it has {', '.join(map(str, values.tolist()))}")
        found.append(int(np.argmax(matches)))
    return regular(found)


def regular(positions: list[int]) -> slice | list[int]:
    """Equally spaced ascending positions as a slice, which a file is read by without a copy; else as they are."""
    step = positions[1] - positions[0] if len(positions) > 1 else 1
    if not positions or step < 1 or positions != list(range(positions[0], positions[-1] + 1, step)):
        return positions
    return slice(positions[0], positions[-1] + 1, step)


def _within(values: np.ndarray, wanted: slice) -> np.ndarray:
    """Both ends included, as xarray's own slices of labels."""
    if wanted.step is not None or values.dtype.kind not in "iuf":
        raise ValueError("a slice of labels needs an axis of numbers, and no step")
    tolerance = 1e-9
    low = -np.inf if wanted.start is None else wanted.start - tolerance * abs(wanted.start)
    high = np.inf if wanted.stop is None else wanted.stop + tolerance * abs(wanted.stop)
    return (values >= low) & (values <= high)


def spread(count: int, limit: int | None) -> list[int]:
    """At most `limit` of 0..count-1, first and last included, evenly spread. None: all."""
    if limit is None or count <= limit:
        return list(range(count))
    return sorted({int(round(position)) for position in np.linspace(0, count - 1, limit)})


def thin(dataset: xr.Dataset, limits: dict[str, int], everything: bool) -> tuple[xr.Dataset, str]:
    """At most so many values of each axis, evenly spread, and a sentence of what that leaves out ("" for nothing)."""
    kept, left_out = {}, []
    for name, limit in limits.items():
        size = dataset.sizes[name]
        if size > limit and not everything:
            kept[name] = spread(size, limit)
            left_out.append(f"{len(kept[name])} of {size} values of {name.replace('_', ' ')}")
    return dataset.isel(kept), f"Drawn: {', '.join(left_out)}." if left_out else ""


def reduce_axes(dataset: xr.Dataset, kept: Sequence[str]) -> tuple[xr.Dataset, dict[str, Any]]:
    """One value of each axis of CELL that is neither kept nor of the networks; those values, where there was a choice:
    the radius and gamma next to 1, the last anchor, the weakest drive and bias."""
    positions, chosen = {}, {}
    for name in cell_axes(dataset):
        if name in NETWORKS or name in kept:
            continue
        values = dataset.coords[name].values
        positions[name] = 0
        if name in PLANE and not np.all(np.isnan(values)):
            positions[name] = int(np.nanargmin(np.abs(np.log(values))))
        elif name == "anchor":
            positions[name] = len(values) - 1
        if len(values) > 1:
            chosen[str(name)] = values[positions[name]].item()
    return dataset.isel(positions), chosen


def compared_axis(dataset: xr.Dataset, but: str = "") -> str:
    """What networks of one kind differ in: hidden_size, or where there is one size the strength of drive or bias that has
    several values; another than `but`."""
    candidates = [name for name in ("hidden_size", "input_scale", "bias_scale") if name in dataset.coords and name != but]
    several = [name for name in candidates if size_of(dataset, name) > 1]
    return several[0] if several else "hidden_size"


def reduce_to_compared(
    dataset: xr.Dataset, kept: Sequence[str], compared: str
) -> tuple[xr.Dataset, dict[str, Any]]:
    """As reduce_axes, for `kept` and the `compared` axis; where that is not hidden_size, of the largest size alone."""
    dataset, chosen = reduce_axes(dataset, (*kept, compared))
    if compared != "hidden_size" and size_of(dataset, "hidden_size") > 1:
        dataset = dataset.isel(hidden_size=[-1])
        chosen["hidden_size"] = labels(dataset, "hidden_size")[0].item()
    return dataset, chosen


def require_axis(dataset: xr.Dataset, name: str, others: Sequence[str] = ()) -> None:
    """ValueError with the names that there are, where no axis of CELL (nor one of the `others`) has this one."""
    axes = [*others, *map(str, cell_axes(dataset))]
    if name not in axes and name not in dataset.coords:
        raise ValueError(f"there is no axis {name!r}; there are {', '.join(axes)}")


def labels(dataset: xr.Dataset, name: str) -> np.ndarray:
    """The values of an axis, [n]; one where a selection has dropped the axis."""
    return np.atleast_1d(dataset.coords[name].values)


def size_of(dataset: xr.Dataset, name: str) -> int:
    return len(labels(dataset, name))


def read(dataset: xr.Dataset, name: str, dims: Sequence[str], **positions: Any) -> np.ndarray:
    """A dataset at these positions with exactly the dimensions `dims`, of length 1 where an axis was dropped."""
    variable = dataset.variables[name].isel(positions, missing_dims="ignore")
    return in_order(variable.values, variable.dims, dims)


def read_done(dataset: xr.Dataset, name: str, dims: Sequence[str], **positions: Any) -> np.ndarray:
    """A CELL dataset likewise, as floating point; NaN where a cell is not done. An axis of CELL that is not among `dims`
    must have a position, or have been reduced."""
    status = dataset.variables["status"].isel(
        {key: at for key, at in positions.items() if key in dataset.variables["status"].dims}
    )
    done = in_order(status.values == DONE, status.dims, [name for name in dims if name not in ("lag", "step", "index")])
    values = read(dataset, name, dims, **positions).astype(float)
    return np.where(done.reshape(done.shape + (1,) * (values.ndim - done.ndim)), values, np.nan)


def in_order(values: np.ndarray, dims: Sequence[Hashable], wanted: Sequence[Hashable]) -> np.ndarray:
    """Transposed to `wanted`, which has all of `dims`; length 1 for the others."""
    order = [name for name in wanted if name in dims]
    values = np.transpose(values, [dims.index(name) for name in order])
    return values.reshape([values.shape[order.index(name)] if name in order else 1 for name in wanted])


def blocks(dataset: xr.Dataset, values: int = BLOCK_VALUES) -> Iterator[Block]:
    """All cells, in the file's order, in pieces of one activation, ensemble and hidden size whose (CELL, lag) tensor has
    at most about so many numbers. A piece has a slice for each axis of CELL."""
    cell = cell_axes(dataset)
    sizes = [dataset.sizes[name] for name in cell]
    single = sum(name in ("activation", "ensemble", "hidden_size") for name in cell)
    # Axes from `whole` on are taken whole, the one before it in steps, the others value by value.
    whole, count = len(cell), size_of(dataset, "lag")
    while whole > single and count * sizes[whole - 1] <= values:
        whole -= 1
        count *= sizes[whole]
    stepped = whole > single
    step = max(1, values // count)
    for position in np.ndindex(*sizes[: whole - stepped]):
        first = [slice(at, at + 1) for at in position]
        last = [slice(0, size) for size in sizes[whole:]]
        if not stepped:
            yield dict(zip(cell, first + last))
            continue
        for start in range(0, sizes[whole - 1], step):
            piece = slice(start, min(start + step, sizes[whole - 1]))
            yield dict(zip(cell, [*first, piece, *last]))


def is_native(dataset: xr.Dataset) -> bool:
    """Whether W is as drawn or loaded, not rescaled to the axis spectral_radius."""
    return bool(np.all(np.isnan(dataset.coords["spectral_radius"].values)))


def used_radius(dataset: xr.Dataset) -> xr.DataArray:
    """rho(W) of the W in use, [WEIGHT, spectral_radius]: the axis, or with `native` that of W as drawn; NaN where there is
    no single W, or it is pending."""
    drawn, asked = _weight(dataset, "weight_spectral_radius"), dataset["spectral_radius"]
    if is_native(dataset):
        return drawn.broadcast_like(asked)
    return asked.where(drawn.notnull()).transpose(*drawn.dims, ...)


def used_norm(dataset: xr.Dataset) -> xr.DataArray:
    """||W||_2 of the W in use, [WEIGHT, spectral_radius]; NaN likewise."""
    drawn, asked = _weight(dataset, "weight_norm"), dataset["spectral_radius"]
    if is_native(dataset):
        return drawn.broadcast_like(asked)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (drawn / _weight(dataset, "weight_spectral_radius") * asked).transpose(*drawn.dims, ...)


def _weight(dataset: xr.Dataset, name: str) -> xr.DataArray:
    if name in dataset:
        return dataset[name].load()
    dims = [axis for axis in WEIGHT if axis in dataset.dims]
    nothing = np.full([dataset.sizes[axis] for axis in dims], np.nan)
    return xr.DataArray(nothing, {axis: dataset.coords[axis] for axis in dims}, dims)
