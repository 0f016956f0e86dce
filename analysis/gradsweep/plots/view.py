"""What a figure shows of a dataset: the selection, its axes, and the cells that it looks at closely."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from ..data.quantities import mean_interval
from ..data.results import DONE, FAILED
from ..data.selection import (
    PLANE,
    NothingToDraw,
    compared_axis,
    is_native,
    labels,
    read,
    read_done,
    reduce_axes,
    require_axis,
    select,
    size_of,
    thin,
    used_norm,
    used_radius,
)
from .style import literal, number

# The regimes that the chosen cells stand for, as gamma rho: well inside vanishing, critical, exploding.
TARGET_GAINS = (0.75, 1.0, 1.25)
# What lines of a figure may be of, and how its legend calls a value.
LINES = {"hidden_size": "$d$", "input_scale": "drive", "bias_scale": "bias"}
MOST_STRENGTHS = 3  # that have a row each
LEAST_REPLICAS = 3  # for a confidence interval, or a standard error
MEASURES = {
    "log_step_bound": "step_bound",
    "log_step_norm_max": "step_bound",
    "log_error_norm": "gradient",
    "cancellation": "gradient",
    "log_contribution_map": "contribution_map",
    "log_singular_value": "singular_values",
    "expansion_residual": "expansion",
    "lyapunov_exponent": "lyapunov",
    "eigenvalue_re": "lyapunov",
}


class Choice(NamedTuple):
    """A point of the plane: positions on the axes spectral_radius and gamma."""

    radius: int
    gamma: int


class Network(NamedTuple):
    """Positions on the axes activation, ensemble and hidden_size."""

    activation: int
    ensemble: int
    size: int


class View:
    """A selection of a dataset, reduced to the axes that a figure can lay out, with its labels; and reads of it, NaN
    where a cell is not done."""

    def __init__(
        self,
        dataset: xr.Dataset,
        selection: dict[str, Any],
        limits: dict[str, int],
        everything: bool = False,
        kept: Sequence[str] = PLANE,
        needs: Sequence[str] = (),
    ) -> None:
        """At most `limits` values of the axes that were not selected, unless `everything`; `kept`: the axes of the plane;
        `needs`: datasets without which there is no figure (NothingToDraw)."""
        for name in needs:
            if name not in dataset:
                measure = f" (measure: [{MEASURES[name]}])" if name in MEASURES else ""
                raise NothingToDraw(f"the file has no {name}: the sweep did not ask for it{measure}")
        dataset = select(dataset, **selection)
        dataset, chosen = reduce_axes(dataset, kept)
        dataset, left_out = thin(dataset, {key: value for key, value in limits.items() if key not in selection}, everything)
        at = ", ".join(f"{name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
        self.note = " ".join(filter(None, (left_out, f"At {at}." if at else "")))
        self.dataset = dataset
        self.activations = [str(name) for name in labels(dataset, "activation")]
        self.ensembles = [str(name) for name in labels(dataset, "ensemble")]
        self.sizes, self.replicas, self.lags = (labels(dataset, name) for name in ("hidden_size", "replica", "lag"))
        self.radii, self.gammas = (labels(dataset, name).astype(float) for name in PLANE)
        self.is_native = is_native(dataset)
        status = dataset["status"].values
        if not np.any(status == DONE):
            failed = np.all(status == FAILED)
            raise NothingToDraw("all cells of the selection failed: gradsweep info lists the reasons" if failed
                                else "no cell of the selection is finished")  # fmt: skip

    def parts(self, lines: str) -> list[tuple[View, int]]:
        """What each line of a figure is of, a view and a position on hidden_size: every size; or one strength of the drive or
        the bias each, at the largest size (the axis must have been kept)."""
        if lines == "hidden_size":
            return [(self, size) for size in range(len(self.sizes))]
        found = []
        for place in range(self.dataset.sizes[lines]):
            part = copy.copy(self)
            part.dataset = self.dataset.isel({lines: place})
            found.append((part, len(self.sizes) - 1))
        return found

    def networks(self, size: int | None = None) -> list[Network]:
        """All pairs of activation and ensemble, at a hidden size (default: the largest)."""
        size = len(self.sizes) - 1 if size is None else size
        return [Network(a, e, size) for a in range(len(self.activations)) for e in range(len(self.ensembles))]

    def read(self, name: str, network: Network, dims: Sequence[str], **positions: Any) -> np.ndarray:
        """A CELL dataset of one network and all its replicas, [replica, dims]; NaN where a cell is not done."""
        place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": network.size}
        return read_done(self.dataset, name, ("replica", *dims), **place, **positions)

    def at(self, name: str, network: Network, choice: Choice, *dims: str) -> np.ndarray:
        """A CELL dataset of one cell, [replica, dims]."""
        return self.read(name, network, dims, spectral_radius=choice.radius, gamma=choice.gamma)

    def status(self, network: Network, dims: Sequence[str]) -> np.ndarray:
        place = {"activation": network.activation, "ensemble": network.ensemble, "hidden_size": network.size}
        return read(self.dataset, "status", ("replica", *dims), **place)

    def absence(self, network: Network, choice: Choice) -> str:
        """What a panel says of a cell of which no replica is done."""
        some = self.status(network, PLANE)[:, choice.radius, choice.gamma]
        return "failed" if np.any(some == FAILED) else "nothing finished yet"

    def first_done(self, network: Network, choice: Choice) -> int | None:
        """The first finished replica of a cell."""
        done = np.flatnonzero(self.status(network, PLANE)[:, choice.radius, choice.gamma] == DONE)
        return int(done[0]) if done.size else None

    def used(self, network: Network) -> tuple[np.ndarray, np.ndarray]:
        """rho(W) and ||W||_2 of the W in use, each [replica, spectral_radius]; NaN where there is no single W."""
        place = {"ensemble": network.ensemble, "hidden_size": network.size}
        shape = len(self.replicas), len(self.radii)
        radius, norm = (values.isel(place, missing_dims="ignore").values.reshape(shape) for values in self._used)
        return radius, norm

    def has_single_weight(self, ensemble: int) -> bool:
        """False where the norm of W is nowhere known: a fresh W at every step, or everything pending."""
        return bool(np.isfinite(self._used[1].isel(ensemble=ensemble, missing_dims="ignore").values).any())

    @functools.cached_property
    def _used(self) -> tuple[xr.DataArray, xr.DataArray]:
        return used_radius(self.dataset), used_norm(self.dataset)

    def network_titles(self, networks: Sequence[Network]) -> list[str]:
        """What tells these apart: ensembles, activations, or both."""
        several = len({network.activation for network in networks}) > 1
        only = len({network.ensemble for network in networks}) == 1
        titles = []
        for network in networks:
            activation, ensemble = literal(self.activations[network.activation]), literal(self.ensembles[network.ensemble])
            titles.append(f"{activation}, {ensemble}" if several and not only else activation if several else ensemble)
        return titles

    def cell_title(self, choice: Choice) -> str:
        radius = "as drawn" if self.is_native else f"= {number(self.radii[choice.radius])}"
        return f"ρ {radius}, γ = {number(self.gammas[choice.gamma])}"


def strength_axis(dataset: xr.Dataset, selection: dict[str, Any]) -> tuple[str, ...]:
    """The strength of the drive or the bias that has several values in a selection, as a tuple of one; () where there is none."""
    chosen = select(dataset, **selection)
    several = [name for name in ("input_scale", "bias_scale") if name in chosen.coords and size_of(chosen, name) > 1]
    return tuple(several[:1])


def rows_of(view: View, strength: tuple[str, ...]) -> tuple[list[tuple[View, Network]], list[str]]:
    """The rows of a figure of the largest networks, each with its titles: a row a network, and where there is one a strength (the
    axis must have been kept)."""
    networks = view.networks()
    titles = view.network_titles(networks)
    if not strength:
        return [(view, network) for network in networks], titles
    parts, values = view.parts(strength[0]), labels(view.dataset, strength[0])
    words = [f"{LINES[strength[0]]} = {value:g}" for value in values]
    found = [f"{title}, {word}" for title in titles for word in words]
    return [(part, network) for network in networks for part, _ in parts], found


def choose_lines(dataset: xr.Dataset, lines: str | None, further: Sequence[str] = ()) -> str:
    """The axis that lines are of: as asked for, one of LINES or of the `further`, or the one that networks differ in.
    ValueError where there is no such axis."""
    lines = lines or compared_axis(dataset)
    known = [*LINES, *further]
    if lines not in known:
        raise ValueError(f"lines are those of {', '.join(known)}, not of {lines!r}")
    require_axis(dataset, lines)
    return lines


def choose_cells(view: View) -> list[Choice]:
    """The points of the plane that a figure looks at closely: all where there are at most three, else up to three distinct
    ones whose gamma rho is nearest to the targets; of equals the one with gamma nearest to 1, where sigma has slope at most
    one."""
    radii = view.radii
    if view.is_native:
        drawn = view.dataset["weight_spectral_radius"].values if "weight_spectral_radius" in view.dataset else np.zeros(1)
        known = drawn[drawn > 0]  # neither NaN nor nilpotent
        radii = np.array([np.median(known) if known.size else 1.0])
    if len(radii) * len(view.gammas) <= len(TARGET_GAINS):
        return [Choice(radius, gamma) for radius in range(len(radii)) for gamma in range(len(view.gammas))]
    chosen: list[Choice] = []
    for target in TARGET_GAINS:
        distance = np.abs(np.log(np.outer(radii, view.gammas) / target)) + 1e-6 * np.abs(np.log(view.gammas))
        choice = Choice(*(int(at) for at in np.unravel_index(np.argmin(distance), distance.shape)))
        if choice not in chosen:
            chosen.append(choice)
    return chosen


def mean_of_done(values: np.ndarray) -> np.ndarray:
    """Mean over the replicas [replica, ...] that are finite numbers; -inf where all that are there are exactly zero, NaN
    where there is none."""
    known, finite = ~np.isnan(values), np.isfinite(values)
    count = finite.sum(axis=0)
    mean = np.where(finite, values, 0.0).sum(axis=0) / np.where(count, count, np.nan)
    return np.where((count == 0) & known.any(axis=0), -np.inf, mean)


def band_of_done(values: np.ndarray, ci: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """What is drawn around that mean: its confidence interval (Student's t over the finite replicas), NaN with fewer than
    three of them; of two replicas, whose interval says little, the two themselves."""
    if len(values) == 2:
        return range_of_done(values)
    few = np.isfinite(values).sum(axis=0) < LEAST_REPLICAS
    low, high = mean_interval(values, ci)
    return np.where(few, np.nan, low), np.where(few, np.nan, high)


def range_of_done(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest over the replicas; NaN where none has a number."""
    empty = np.isnan(values).all(axis=0)
    low = np.where(np.isnan(values), np.inf, values).min(axis=0)
    high = np.where(np.isnan(values), -np.inf, values).max(axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
