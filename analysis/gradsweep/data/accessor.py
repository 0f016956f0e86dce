"""`dataset.gradsweep`: what follows from a dataset, as methods of it."""

from __future__ import annotations

from typing import Any

import xarray as xr

from . import predictions, quantities
from .anchors import over_anchors
from .results import read_runs
from .scores import scores
from .selection import select


@xr.register_dataset_accessor("gradsweep")
class Accessor:
    """Quantities of the dataset or of a selection of it; what they are stands in gradsweep.data.quantities and
    gradsweep.data.predictions."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def select(self, **selection: Any) -> xr.Dataset:
        """The part with these values on these axes, all axes kept; numbers are found to 9 digits."""
        return select(self._dataset, **selection)

    def half_life(self) -> xr.DataArray:
        """Lag from which ||J_l||_2 stays below 1/2, in steps, [CELL]; NaN where it does not."""
        return quantities.half_life(self._dataset)

    def growth(self) -> xr.DataArray:
        """ln ||J_l||_2 / l, per step, [CELL, lag]."""
        return quantities.growth(self._dataset)

    def slack(self) -> xr.DataArray:
        """ln of the bound (gamma ||W||_2)^l over ||J_l||_2, [CELL, lag]."""
        return quantities.slack(self._dataset)

    def critical(
        self,
        axis: str = "spectral_radius",
        ci: float = 0.95,
        quantity: str | xr.DataArray | None = None,
        resamples: int = 1000,
        seed: int = 0,
    ) -> xr.Dataset:
        """Where along the axis (or "coupling") the mean growth rate of the replicas is 0: critical, low, high, crossings
        and verdict, which says why there is no single crossing; [the other axes]."""
        return quantities.critical(self._dataset, axis, ci, quantity, resamples, seed)

    def coupling(self) -> xr.DataArray:
        """kappa = rho(W) gamma, [spectral_radius, gamma]."""
        return quantities.coupling(self._dataset)

    def over_anchors(self, quantity: str | xr.DataArray = "growth") -> xr.Dataset:
        """Mean, spread, autocorrelation, effective count and error of the mean over the anchors of a quantity: "growth", a
        dataset's name, or an array; [the other axes]."""
        return over_anchors(self._dataset, quantity)

    def times(self) -> xr.DataArray:
        """The times t of the axis `step`, [step], or with anchors [anchor, step]."""
        return quantities.times(self._dataset)

    def theory(self) -> xr.Dataset:
        """Mean-field theory beside the cells: gain, state_variance, chi, largest_exponent, critical_coupling; NaN where it
        does not speak."""
        return predictions.predict(self._dataset)

    def scores(self) -> xr.Dataset:
        """Largest exponent, entropy rate / d and dimension / d beside the theory: mean, error, theory, is_limit, score,
        correction, corrected_score; [quantity, the other axes]."""
        return scores(self._dataset)

    def runs(self) -> list[dict[str, Any]]:
        """Provenance: a dictionary for each run that wrote the file."""
        return read_runs(self._dataset.encoding["source"])
