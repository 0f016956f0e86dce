"""The theory's numbers for the cells of a dataset, from what its sweep says of ensembles, drive and bias."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from .. import theory
from .selection import PLANE, WEIGHT, is_native, labels, read

# Kinds of weights that the mean-field theory speaks of; sparse ones where a row has enough entries.
INDEPENDENT = ("ginibre", "uniform", "untied", "sparse")
LEAST_ENTRIES = 30  # a row of sparse W, from which it is as good as full


def sweep_of(dataset: xr.Dataset) -> dict[str, Any]:
    """The sweep with its values in effect, as the file has it; not to be changed."""
    return _parsed(dataset.attrs["sweep"])


@functools.lru_cache(maxsize=4)  # of a large grid it takes a tenth of a second
def _parsed(text: str) -> dict[str, Any]:
    import yaml

    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def kinds(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """What each label on the axis `ensemble` stands for: {label: {kind, parameters...}}."""
    entries = (sweep_of(dataset).get("weights") or {}).get("ensemble", "ginibre")
    found = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        entry = {"kind": entry} if isinstance(entry, str) else entry
        found[str(entry.get("label", entry["kind"]))] = entry
    return found


def mean_field_ensemble(entry: dict[str, Any], hidden_size: int) -> str | None:
    """"ginibre" or "orthogonal", as the theory knows this kind of weights; None where it does not."""
    if entry["kind"] == "orthogonal":
        return "orthogonal"
    too_sparse = entry["kind"] == "sparse" and entry["density"] * hidden_size < LEAST_ENTRIES
    return "ginibre" if entry["kind"] in INDEPENDENT and not too_sparse else None


def variances(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray, float]:
    """s_in^2 [input_scale] and s_b^2 [bias_scale], of length 1 where they are no axes, and the variance of x_0. NaN: the
    drive or the bias comes from a file."""
    model = sweep_of(dataset).get("model") or {}
    drive, bias, initial = (model.get(name) or {} for name in ("input", "bias", "initial_state"))
    shares = {"none": 0.0, "zero": 0.0, "gaussian": 1.0, "sine": 0.5}  # mean square of one component of scale 1
    found = []
    for part, axis in ((drive, "input_scale"), (bias, "bias_scale")):
        scale = labels(dataset, axis) if axis in dataset.coords else np.array([float(part.get("scale", 1.0))])
        found.append(shares.get(part.get("kind", "none"), np.nan) * scale**2)
    start = 0.0 if initial.get("kind") == "zero" else float(initial.get("scale", 1.0)) ** 2
    return found[0], found[1], start


def predict(dataset: xr.Dataset) -> xr.Dataset:
    """Mean-field theory beside the cells (gradsweep.theory.mean_field has formulas, sources and validity), on the axes of
    CELL but replica and anchor; NaN for weights and drives of which it does not speak.

    gain              g = sigma sqrt(d): kappa over the replicas' mean spectral radius of W as drawn (untied, native: kappa)
    state_variance    q; 0: states vanish, inf: they grow without bound
    chi               mean square gain of a step
    largest_exponent  growth of ||J_l|| per step: 0.5 ln chi; where states vanish, and for the identity, W itself decides:
                      ln kappa + ln phi'(0)
    critical_coupling kappa at which chi = 1, on the same axes without spectral_radius and gamma
    """
    kappa = coupling_plane(dataset)
    dims = (*_network_axes(dataset), *PLANE)
    shape = tuple(len(labels(dataset, name)) for name in dims)
    cells = {name: np.full(shape, np.nan) for name in ("gain", "state_variance", "chi", "largest_exponent")}
    for place, network in _networks(dataset):
        for name, values in zip(cells, network.column(kappa)):
            cells[name][place] = values
    coordinates = {name: labels(dataset, name) for name in dims}
    result = xr.Dataset({name: (dims, values) for name, values in cells.items()}, coordinates)
    result = result.isel({name: 0 for name in dims if name not in dataset.dims})
    result["critical_coupling"] = critical_couplings(dataset)
    return result


def critical_couplings(dataset: xr.Dataset) -> xr.DataArray:
    """kappa at which chi = 1, as in predict(), without the plane, which takes long to reckon."""
    dims = _network_axes(dataset)
    edges = np.full([len(labels(dataset, name)) for name in dims], np.nan)
    for place, network in _networks(dataset):
        edges[place] = network.edge()
    result = xr.DataArray(edges, {name: labels(dataset, name) for name in dims}, dims)
    return result.isel({name: 0 for name in dims if name not in dataset.dims})


@dataclass(frozen=True)
class _Network:
    """What the theory needs to know of one network."""

    activation: str
    ratio: float  # spectral radius of W as drawn over sigma sqrt(d)
    added: float  # variance of drive and bias together
    start: float  # variance of x_0
    is_untied: bool

    def column(self, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """g, q, chi and the exponent for all couplings."""
        gain = kappa / self.ratio
        distinct, place = np.unique(gain, return_inverse=True)
        found = np.array([theory.state_variance(self.activation, g, self.added, start=self.start) for g in distinct])
        chi = (distinct**2 * theory.mean_square_slope(self.activation, found).value)[place].reshape(gain.shape)
        q = found[place].reshape(gain.shape)
        exponent = 0.5 * np.log(chi)
        slope = log_slope_at_zero(self.activation)
        if slope is not None and not self.is_untied:
            exponent = np.where((q == 0.0) | (self.activation == "identity"), np.log(kappa) + slope, exponent)
        return gain, q, chi, exponent

    def edge(self) -> float:
        """The critical coupling; for the identity, and where zero loses its stability there, the spectral radius of W
        itself decides."""
        edge, slope = _critical_gain(self.activation, self.added, self.start), log_slope_at_zero(self.activation)
        from_zero = self.added == 0.0 and slope is not None and abs(edge * np.exp(slope) - 1.0) < 1e-6
        return edge if not self.is_untied and (from_zero or self.activation == "identity") else edge * self.ratio


def _network_axes(dataset: xr.Dataset) -> tuple[str, ...]:
    scales = [name for name in ("input_scale", "bias_scale") if name in dataset.coords]
    return ("activation", "ensemble", "hidden_size", *scales)


def _networks(dataset: xr.Dataset) -> Iterator[tuple[tuple[int, ...], _Network]]:
    """The networks that the theory speaks of, with their positions on _network_axes."""
    drive, bias, start = variances(dataset)
    axes = _network_axes(dataset)
    added = np.add.outer(drive, bias).reshape([len(labels(dataset, name)) for name in axes[3:]])
    ratios, entries = _drawn_radius(dataset), kinds(dataset)
    for place in np.ndindex(*(len(labels(dataset, name)) for name in axes[:3])):
        activation, ensemble, size = (labels(dataset, name)[at] for name, at in zip(axes, place))
        entry = entries.get(str(ensemble))
        if entry is None or mean_field_ensemble(entry, int(size)) is None:
            continue
        is_untied = entry["kind"] == "untied"
        ratio = 1.0 if is_untied or is_native(dataset) else ratios[place[1:]]
        for at in np.ndindex(*added.shape):
            if np.isfinite(added[at] * ratio):
                yield (*place, *at), _Network(str(activation), ratio, float(added[at]), start, is_untied)


def coupling_plane(dataset: xr.Dataset) -> np.ndarray:
    """kappa, [spectral_radius, gamma], of length 1 where an axis was dropped."""
    gamma = labels(dataset, "gamma").astype(float)
    radius = np.ones(1) if is_native(dataset) else labels(dataset, "spectral_radius")
    return np.outer(radius, gamma)


def _drawn_radius(dataset: xr.Dataset) -> np.ndarray:
    """Mean over the replicas of the spectral radius of W as drawn, [ensemble, hidden_size]; NaN where it is not known."""
    if "weight_spectral_radius" not in dataset:
        return np.full([len(labels(dataset, name)) for name in WEIGHT[:2]], np.nan)
    drawn = read(dataset, "weight_spectral_radius", WEIGHT)
    known = np.isfinite(drawn) & (drawn > 0.0)
    return np.where(known, drawn, 0.0).sum(axis=-1) / np.where(known.any(axis=-1), known.sum(axis=-1), np.nan)


@functools.lru_cache(maxsize=None)
def _critical_gain(activation: str, added: float, start: float) -> float:
    return theory.critical_coupling(activation, added, start=start)


def log_slope_at_zero(activation: str) -> float | None:
    """ln phi'(0); None at a kink."""
    left, right = theory.find_activation(activation).log_slope(np.array([-1e-12, 1e-12]))
    return float(right) if np.isclose(left, right) else None
