"""Exponents beside the theory in numbers: means and standard errors over replicas, z-scores, finite-size corrections."""

from __future__ import annotations

import functools

import numpy as np
import xarray as xr

from .. import theory
from .predictions import kinds, mean_field_ensemble, predict, variances
from .quantities import ROUNDING, done
from .selection import NothingToDraw, labels

QUANTITIES = ("largest_exponent", "entropy_rate", "kaplan_yorke_dimension")  # the latter two over d
LEAST_REPLICAS, LEAST_SIZES = 3, 3  # for a standard error, and for a correction


def scores(dataset: xr.Dataset) -> xr.Dataset:
    """Largest exponent, entropy rate / d and Kaplan-Yorke dimension / d beside the theory, [quantity, the axes of CELL but
    replica and anchor, of which the last counts]; needs the measure lyapunov.

    count              finished replicas with a finite number, n
    mean, error        their mean, and its standard error (n - 1); NaN with fewer than three
    theory             Newman's numbers at this d for the identity with untied Gaussian W, else the mean field; NaN: none
    is_limit           whether that is a limit d -> infinity, which networks of finite d differ from by about c/d
    score              z = (mean - theory) / error; NaN where the replicas do not differ
    correction         -c/d, with c by least squares of mean - theory, each weighed by its error, over at least three hidden
                       sizes; NaN: not known, or not called for (is_limit is False)
    corrected_score    (mean - theory - correction) / error
    """
    if "lyapunov_exponent" not in dataset:
        raise NothingToDraw("the file has no lyapunov_exponent: the sweep did not ask for it (measure: [lyapunov])")
    measured = _measured(dataset)
    mean, error, count = means(measured.values, measured.get_axis_num("replica"))
    dims = tuple(name for name in measured.dims if name != "replica")
    expected, is_limit = _expected(dataset, dims)
    score = standardised(mean, expected, error)
    correction = _corrections(mean - expected, error, is_limit, dims, labels(dataset, "hidden_size"))
    values = {"count": count, "mean": mean, "error": error, "theory": expected, "is_limit": is_limit, "score": score,
              "correction": correction, "corrected_score": standardised(mean, expected + correction, error)}  # fmt: skip
    coordinates = {name: measured.coords[name] for name in dims if name in measured.coords}
    result = xr.Dataset({name: (dims, array) for name, array in values.items()}, coordinates)
    result["quantity"].attrs = {"long_name": "entropy rate and dimension over the hidden size"}
    return result


def means(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, its standard error, and count of the finite numbers along an axis; NaN with fewer than LEAST_REPLICAS."""
    finite = np.isfinite(values)
    count = finite.sum(axis=axis)
    known = np.where(count >= LEAST_REPLICAS, count, np.nan)
    mean = np.where(finite, values, 0.0).sum(axis=axis) / known
    squares = np.where(finite, values - np.expand_dims(mean, axis), 0.0) ** 2
    return mean, np.sqrt(squares.sum(axis=axis) / (known - 1.0) / known), count


def whole(values: np.ndarray, largest: np.ndarray, axis: int) -> np.ndarray:
    """Values over replicas, NaN for all of them where one that is finished has none: the calmest networks are those whose
    leading exponents suffice for the entropy rate or the dimension, and their mean is not that of all."""
    cut = (np.isfinite(largest) & ~np.isfinite(values)).any(axis=axis, keepdims=True)
    return np.where(cut, np.nan, values)


def standardised(mean: np.ndarray, expected: np.ndarray, error: np.ndarray) -> np.ndarray:
    """(mean - expected) / error; NaN where the values do not differ beyond rounding."""
    with np.errstate(divide="ignore", invalid="ignore"):
        score = (mean - expected) / np.where(error > ROUNDING, error, np.nan)
    return np.where(np.isfinite(score), score, np.nan)


def _measured(dataset: xr.Dataset) -> xr.DataArray:
    """The three quantities, [quantity, ...], all axes of CELL but the anchor's."""
    d = dataset["hidden_size"].astype(float)
    largest = done(dataset[["lyapunov_exponent", "status"]].isel(index=0), "lyapunov_exponent")
    values = [largest.drop_vars("index", errors="ignore")]
    values += [done(dataset, name) / d for name in QUANTITIES[1:]]
    if "anchor" in dataset.dims:
        values = [value.isel(anchor=-1, drop=True) for value in values]
    together = xr.concat([value.transpose(*values[0].dims) for value in values], "quantity", coords="minimal", compat="override")
    together = together.assign_coords(quantity=list(QUANTITIES)).transpose("quantity", ...)
    return together.copy(data=whole(together.values, together.values[:1], together.get_axis_num("replica")))


def _expected(dataset: xr.Dataset, dims: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The theory's numbers and whether they are limits, [dims]."""
    predicted, entries = predict(dataset), kinds(dataset)
    drive, bias, start = variances(dataset)
    gain = predicted["gain"]
    shape = [len(QUANTITIES)] + [len(labels(dataset, name)) for name in dims[1:]]
    expected, is_limit = np.full(shape, np.nan), np.zeros(shape, bool)
    for place in np.ndindex(*shape[1:]):
        at = dict(zip(dims[1:], place))
        here = {name: position for name, position in at.items() if name in gain.dims}
        activation, d = str(labels(dataset, "activation")[at["activation"]]), int(labels(dataset, "hidden_size")[at["hidden_size"]])
        entry = entries.get(str(labels(dataset, "ensemble")[at["ensemble"]]))
        g = float(gain.isel(here).values)
        if entry is None or not np.isfinite(g):
            continue
        if activation == "identity":
            found = _newman(d, g) if entry["kind"] == "untied" else None
        else:
            added = [float(values[at.get(name, 0)]) for values, name in ((drive, "input_scale"), (bias, "bias_scale"))]
            found = _mean_field(activation, g, *added, mean_field_ensemble(entry, d), start)
            if found is not None:  # where states vanish it is W itself that counts
                found = (float(predicted["largest_exponent"].isel(here).values), *found[1:])
        if found is not None:
            expected[(slice(None), *place)] = found
            is_limit[(slice(None), *place)] = activation != "identity"
    return expected, is_limit


@functools.lru_cache(maxsize=None)
def _mean_field(activation: str, gain: float, drive: float, bias: float, ensemble: str, start: float) -> tuple[float, ...]:
    found = theory.summarize_spectrum(activation, gain, drive, bias, ensemble, start)
    return found.largest_exponent, found.entropy_rate, found.kaplan_yorke_dimension


@functools.lru_cache(maxsize=None)
def _newman(d: int, gain: float) -> tuple[float, ...]:
    """Of independent Gaussian factors, exactly at this d: largest exponent, entropy rate / d, dimension / d."""
    exponents = theory.newman_exponents(d, gain)
    sums = np.cumsum(exponents)
    if sums[-1] >= 0.0:
        dimension = float(d)
    else:
        last = int(np.argmax(sums < 0.0))  # exponents whose sum is not negative
        dimension = last + (sums[last - 1] if last else 0.0) / -exponents[last]
    return float(exponents[0]), float(exponents[exponents > 0.0].sum()) / d, dimension / d


def finite_size(off: np.ndarray, error: np.ndarray, inverse: np.ndarray, axis: int) -> np.ndarray:
    """c of off = -c inverse, inverse = 1/d, along an axis, which stays with length 1: least squares of what is finite, weighed by
    1 / error^2, so that a size whose replicas scatter does not decide. Errors below rounding count as that; where one is NaN (too
    few replicas), all count alike. NaN where nothing is finite."""
    known = np.isfinite(off)
    alike = (known & ~np.isfinite(error)).any(axis=axis, keepdims=True)
    precision = np.where(alike, 1.0, ROUNDING / np.fmax(error, ROUNDING))  # at most 1
    weights = np.where(known, precision, 0.0) ** 2 * inverse
    with np.errstate(divide="ignore", invalid="ignore"):
        return -(weights * np.where(known, off, 0.0)).sum(axis=axis, keepdims=True) / (weights * inverse).sum(axis=axis, keepdims=True)


def _corrections(off: np.ndarray, error: np.ndarray, is_limit: np.ndarray, dims: tuple[str, ...], sizes: np.ndarray) -> np.ndarray:
    """-c/d of off = -c/d over the sizes, [dims]."""
    axis = dims.index("hidden_size")
    inverse = np.expand_dims(1.0 / sizes.astype(float), tuple(range(1, off.ndim - axis)))
    known = np.isfinite(off) & is_limit
    c = finite_size(np.where(known, off, np.nan), error, inverse, axis)
    enough = known.sum(axis=axis, keepdims=True) >= LEAST_SIZES
    return np.where(known & enough, -c * inverse, np.nan)
