"""What follows from the numbers of a dataset, cell by cell: half-lives, growth, slack, critical points.

Each function takes a dataset of open_results, or a selection of it (axes may be dropped), reads what it needs of it into
memory, and gives labelled arrays on the axes that are left. Logarithms are natural.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from .results import DONE
from .selection import NETWORKS, PLANE, NothingToDraw, is_native

HALF = float(np.log(0.5))
LOWEST_RATE = -1e3  # stands for a growth rate of -inf where rates are interpolated
SAME_COUPLING = 12  # significant digits to which couplings are one
BOOTSTRAP_VALUES = 1_000_000  # numbers of resampled means at a time
ROUNDING = 1e-9  # growth below this is rounding: the norms are right to about 1e-10


def done(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """A CELL dataset of floating point; NaN where a cell is not done."""
    if name not in dataset:
        raise NothingToDraw(f"the file has no {name}: the sweep did not ask for the measure that writes it")
    return dataset[name].where(dataset["status"] == DONE)


def growth(dataset: xr.Dataset) -> xr.DataArray:
    """ln ||J_l||_2 / l, growth per step over the lag l, [CELL, lag]: below 0 gradients vanish, above they explode; -inf
    where J_l is exactly 0."""
    return _named(done(dataset, "log_jacobian_norm") / dataset["lag"], "growth", "ln ||J_l||_2 / l", "1/step")


def slack(dataset: xr.Dataset) -> xr.DataArray:
    """l ln(gamma ||W||_2) - ln ||J_l||_2, the logarithm of bound over norm, [CELL, lag]; at least 0 but for rounding
    (Pascanu, Mikolov, Bengio 2013), inf where J_l is exactly 0."""
    difference = done(dataset, "log_norm_bound") - done(dataset, "log_jacobian_norm")
    return _named(difference, "slack", "ln of the bound over ||J_l||_2", "1")


def half_life(dataset: xr.Dataset) -> xr.DataArray:
    """The lag from which ||J_l||_2 stays below 1/2, in steps, [CELL]: the file's half_life (measure `summary`), or by its
    formula: ln ||J_l|| linear in ln l between the measured lags, and in l before the first, ln ||J_0|| = 0. NaN: not
    reached up to the longest lag, or the cell is not done. Where J_l is exactly 0 from a lag on, that lag."""
    if "half_life" in dataset:
        return done(dataset, "half_life")
    norms = done(dataset, "log_jacobian_norm")
    norms = norms.transpose(..., "lag") if "lag" in norms.dims else norms.expand_dims("lag", axis=-1)
    values = norms.values
    lags = np.concatenate([[0.0], norms["lag"].values])
    padded = np.concatenate([np.zeros((*values.shape[:-1], 1)), values], axis=-1)
    # The last lag with a norm of at least 1/2; lag 0 is one.
    last = len(lags) - 1 - np.argmax(padded[..., ::-1] >= HALF, axis=-1)
    following = np.minimum(last + 1, len(lags) - 1)
    high, low = (np.take_along_axis(padded, at[..., np.newaxis], -1)[..., 0] for at in (last, following))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(np.isneginf(low), 1.0, (high - HALF) / (high - low))
        ratio = np.where(last > 0, lags[following] / lags[last], 1.0)
        found = np.where(last > 0, lags[last] * ratio**share, share * lags[following])
    reached = (last < len(lags) - 1) & ~np.isnan(values).any(axis=-1)
    result = norms.isel(lag=0, drop=True).copy(data=np.where(reached, found, np.nan))
    return _named(result, "half_life", "lag from which ||J_l||_2 stays below 1/2", "step")


def coupling(dataset: xr.Dataset) -> xr.DataArray:
    """kappa = rho(W) gamma, on which trajectory, Jacobians and norms alone depend; [spectral_radius, gamma], with
    `native` gamma, the factor of W as drawn."""
    gamma = dataset["gamma"].astype(float)
    kappa = gamma.broadcast_like(dataset["spectral_radius"]) if is_native(dataset) else dataset["spectral_radius"] * gamma
    return _named(kappa, "coupling", "kappa = rho(W) gamma", "1")


def times(dataset: xr.Dataset) -> xr.DataArray:
    """The times t that the axis `step` (measure contribution_map) stands for, [step], or [anchor, step] in files with
    several anchors, whose `step` is t - T."""
    if "step" not in dataset.coords:
        raise NothingToDraw("the file has no times: the sweep did not ask for contribution_map")
    step = dataset["step"]
    return _named(dataset["anchor"] + step if "anchor" in dataset.coords else step, "time", "time step t", "1")


def rates(dataset: xr.Dataset) -> xr.DataArray:
    """The growth rate, [CELL]: the file's growth_rate, the slope of ln ||J_l|| over its longer lags; in files without one,
    growth at the longest lag."""
    if "growth_rate" in dataset:
        return done(dataset, "growth_rate")
    longest = growth(dataset)
    return longest.isel(lag=-1, drop=True) if "lag" in longest.dims else longest.drop_vars("lag", errors="ignore")


def mean_interval(values: np.ndarray, ci: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Confidence interval of the mean over the first axis, the replicas: Student's t; [replica, ...] -> low, high [...].
    NaN for one replica; entries that are no finite numbers do not count."""
    from scipy.special import stdtrit  # the quantile of Student's t; scipy.stats takes a second to load

    known = np.isfinite(values)
    count = known.sum(axis=0)
    several = np.where(count > 1, count, 2)
    mean = np.where(known, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    square = np.where(known, (np.where(known, values, 0.0) - mean) ** 2, 0.0).sum(axis=0)
    half = stdtrit(several - 1, 0.5 * (1.0 + ci)) * np.sqrt(square / (several - 1) / several)
    half = np.where(count > 1, half, np.nan)
    return mean - half, mean + half


def critical(
    dataset: xr.Dataset,
    axis: str = "spectral_radius",
    ci: float = 0.95,
    quantity: str | xr.DataArray | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Where along an axis gradients turn from vanishing to exploding: the zero of the replicas' mean growth rate.

    `axis`: spectral_radius, gamma, another axis of numbers, or "coupling" for kappa = rho gamma, along which all points of
    the plane count. `quantity`: a dataset's name or an array on CELL instead of the growth rate. The result, on the other
    axes of CELL but `replica`:

    critical     the crossing, interpolated linearly between grid points
    low, high    its confidence interval (share `ci`), percentiles of a bootstrap over replicas; NaN for one replica, or
                 where fewer than that share of the resamples have a single crossing
    crossings    number of sign changes of the mean along the axis
    verdict      "one", or why there is no critical point: "vanishes everywhere", "explodes everywhere", "several
                 crossings", "nothing finished"

    Replicas with a gap along the axis do not count.
    """
    random = np.random.default_rng(seed)
    # A network at a time, for the growth rates of all may not fit into memory.
    outer = [] if isinstance(quantity, xr.DataArray) else [name for name in NETWORKS[:3] if name in dataset.dims]
    sizes = [dataset.sizes[name] for name in outer]
    pieces = []
    for place in np.ndindex(*sizes):
        part = dataset.isel({name: slice(at, at + 1) for name, at in zip(outer, place)})
        values = _panels(part, axis, quantity)
        pieces.append(_critical(values, ci, resamples, random))
    inner = values.shape[len(outer) : -2]
    others = values.dims[:-2]
    whole = {name: np.concatenate([piece[name].ravel() for piece in pieces]).reshape(*sizes, *inner) for name in pieces[0]}
    coordinates = {name: (dataset if name in outer else values).coords[name] for name in others if name in values.coords}
    variables = {name: (others, data) for name, data in whole.items()}
    result = xr.Dataset(variables, coordinates, {"axis": axis, "ci": ci, "resamples": resamples})
    result["critical"].attrs.update(long_name=f"{axis} at which the mean growth rate is 0", units="1")
    return result


def _panels(dataset: xr.Dataset, axis: str, quantity: str | xr.DataArray | None) -> xr.DataArray:
    """The quantity whose zero is looked for, [the other axes, replica, axis]."""
    if isinstance(quantity, str):
        quantity = done(dataset, quantity)
    values = rates(dataset) if quantity is None else quantity
    values = _along_coupling(dataset, values) if axis == "coupling" else values
    if axis not in values.dims:
        raise ValueError(f"there is no axis {axis!r} to look along; there are {', '.join(map(str, values.dims))}")
    if not np.all(np.isfinite(values[axis].values.astype(float))):
        raise ValueError(f"{axis} is no axis of numbers here: W is as drawn (native)")
    values = values.expand_dims("replica") if "replica" not in values.dims else values
    return values.transpose(..., "replica", axis)


def _critical(values: xr.DataArray, ci: float, resamples: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """The variables of critical() on the axes of `values` but the last two."""
    shape, points = values.shape[:-2], values[values.dims[-1]].values.astype(float)
    found = {name: np.full(shape, np.nan) for name in ("critical", "low", "high")}
    crossings, verdict = np.zeros(shape, int), np.full(shape, "nothing finished", object)
    for place in np.ndindex(*shape):
        panel = values.values[place]
        panel = np.maximum(panel[~np.isnan(panel).any(axis=-1)], LOWEST_RATE)
        if len(panel):
            means = panel.mean(axis=0, keepdims=True)
            (crossings[place],), (found["critical"][place],) = _crossings(points, means)
            verdict[place] = _verdict(int(crossings[place]), means[0])
        if len(panel) > 1 and verdict[place] == "one":
            found["low"][place], found["high"][place] = _interval(points, panel, ci, resamples, random)
    return {**found, "crossings": crossings, "verdict": verdict}


def _along_coupling(dataset: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """The plane as one axis of distinct couplings; cells of one coupling are averaged."""
    kappa = coupling(dataset)
    plane = [name for name in PLANE if name in values.dims]
    if not plane:
        raise ValueError("there is no axis of couplings: spectral_radius and gamma have one value each")
    rounded = [float(f"{value:.{SAME_COUPLING}g}") for value in kappa.transpose(*plane).values.ravel()]
    distinct, place = np.unique(rounded, return_inverse=True)
    flat = values.transpose(..., *plane)
    data = flat.values.reshape(*flat.shape[: -len(plane)], -1)
    order, count = np.argsort(place, kind="stable"), np.bincount(place)
    with np.errstate(invalid="ignore"):
        means = np.add.reduceat(data[..., order], np.cumsum(count) - count, axis=-1) / count
    others = flat.dims[: -len(plane)]
    coordinates = {name: flat.coords[name] for name in others if name in flat.coords}
    return xr.DataArray(means, {**coordinates, "coupling": distinct}, (*others, "coupling"))


def _crossings(points: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number of sign changes along the axis, and where the only one lies, NaN for another number; of rows [n, axis]."""
    above = means > ROUNDING
    changes = above[:, 1:] != above[:, :-1]
    count = changes.sum(axis=1)
    place = changes.argmax(axis=1) if len(points) > 1 else np.zeros(len(means), int)
    rows, following = np.arange(len(means)), np.minimum(place + 1, len(points) - 1)
    first, second = means[rows, place], means[rows, following]
    with np.errstate(invalid="ignore", divide="ignore"):
        position = points[place] + (points[following] - points[place]) * first / (first - second)
    return count, np.where(count == 1, position, np.nan)


def _verdict(crossings: int, means: np.ndarray) -> str:
    if crossings == 0:
        return "explodes everywhere" if means[0] > ROUNDING else "vanishes everywhere"
    return "one" if crossings == 1 else "several crossings"


def _interval(
    points: np.ndarray, panel: np.ndarray, ci: float, resamples: int, random: np.random.Generator
) -> tuple[float, float]:
    """Percentiles of the crossing over bootstrap samples of the replicas; `panel` [replica, axis]."""
    count = len(panel)
    weights = random.multinomial(count, np.full(count, 1.0 / count), resamples) / count
    pieces = np.array_split(weights, 1 + resamples * len(points) // BOOTSTRAP_VALUES)
    crossings, position = np.concatenate([_crossings(points, piece @ panel) for piece in pieces], axis=1)
    if np.mean(crossings == 1) < ci:
        return np.nan, np.nan
    low, high = np.quantile(position[crossings == 1], [0.5 * (1.0 - ci), 0.5 * (1.0 + ci)])
    return float(low), float(high)


def _named(array: xr.DataArray, name: str, meaning: str, units: str) -> xr.DataArray:
    array = array.rename(name)
    array.attrs = {"long_name": meaning, "units": units}
    return array
