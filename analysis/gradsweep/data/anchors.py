"""Statistics over anchors: what of a finite-time quantity is its mean along a trajectory, what its spread, and how long it
is remembered."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .quantities import ROUNDING, done, growth
from .selection import NothingToDraw


def over_anchors(dataset: xr.Dataset, quantity: str | xr.DataArray = "growth") -> xr.Dataset:
    """Statistics of a quantity over the anchors, the final times T along one trajectory, of each cell for itself.

    `quantity`: "growth" (ln ||J_l|| / l), a CELL dataset's name ("lyapunov_exponent", "log_contribution", ...), or an array
    with the axis `anchor`. Values that are no finite numbers (-inf, pending) do not count. The result, on the other axes:

    count            values that count, n
    mean, spread     their mean and standard deviation (n - 1), in the quantity's units
    autocorrelation  [..., shift] of anchors so many steps apart, sum_a v_a v_(a+k) / sum_a v_a^2 with v = value - mean, up
                     to half of the anchors; of n independent values it lies within 2/sqrt(n) of -1/n, and is NaN where they
                     do not differ beyond rounding
    effective_count  n / (1 + 2 sum of the autocorrelation up to where it first is 0 or below): so many independent values
                     say as much about the mean; at most n
    error            standard error of the mean, spread / sqrt(effective_count)
    """
    values = quantity if isinstance(quantity, xr.DataArray) else growth(dataset) if quantity == "growth" else done(dataset, quantity)
    if "anchor" not in values.dims or values.sizes["anchor"] < 2:
        raise NothingToDraw("there is one final time, no statistics over several: model.anchors asks for them")
    spacings = np.diff(values["anchor"].values)
    if np.any(spacings != spacings[0]):
        raise ValueError("the anchors that are selected are not equally far apart")
    values = values.transpose(..., "anchor")
    others = values.dims[:-1]
    found = _statistics(values.values.astype(float))
    correlations = found.pop("autocorrelation")
    coordinates = {name: values.coords[name] for name in others if name in values.coords}
    coordinates["shift"] = ("shift", spacings[0] * np.arange(correlations.shape[-1]))
    variables = {name: (others, data) for name, data in found.items()}
    result = xr.Dataset({**variables, "autocorrelation": ((*others, "shift"), correlations)}, coordinates)
    meaning, units = str(values.name or "the quantity"), values.attrs.get("units", "1")
    for name in ("mean", "spread", "error"):
        result[name].attrs = {"long_name": f"{name} of {meaning} over the anchors", "units": units}
    result["shift"].attrs = {"long_name": "steps between two anchors", "units": "step"}
    return result


def _statistics(values: np.ndarray) -> dict[str, np.ndarray]:
    """Of values [..., anchor]."""
    known = np.isfinite(values)
    length, count = values.shape[-1], known.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, values, 0.0).sum(axis=-1) / np.where(count, count, np.nan)
        deviations = np.where(known, values - mean[..., np.newaxis], 0.0)
        squares = (deviations**2).sum(axis=-1)
        spread = np.sqrt(squares / np.where(count > 1, count - 1.0, np.nan))
        products = [(deviations[..., : length - k] * deviations[..., k:]).sum(axis=-1) for k in range(length // 2 + 1)]
        correlation = np.stack(products, axis=-1) / np.where(spread > ROUNDING, squares, np.nan)[..., np.newaxis]
    # Up to the first that is not positive: beyond it are noise and the bias of a mean that is not known (Geyer, Statistical
    # Science 7, 473, 1992, for the sequence of pairs; here of single values).
    remembered = np.logical_and.accumulate(correlation[..., 1:] > 0.0, axis=-1)
    time = 1.0 + 2.0 * np.where(remembered, correlation[..., 1:], 0.0).sum(axis=-1)
    effective = count / time
    with np.errstate(invalid="ignore", divide="ignore"):
        error = spread / np.sqrt(effective)
    return {"count": count, "mean": mean, "spread": spread, "effective_count": effective, "error": error,
            "autocorrelation": correlation}  # fmt: skip
