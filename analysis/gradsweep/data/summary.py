"""What a dataset says as a whole, counted in one pass over it in memory that does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import xarray as xr

from .quantities import ROUNDING
from .results import DONE, FAILED, PENDING, UNSET_FLAG, VERDICTS, cell_axes
from .selection import BLOCK_VALUES, Block, blocks, labels, read, size_of, used_radius

# What the two conditions say about a cell, and what was seen there.
CONDITIONS = ("both", "only_spectral", "neither")
OBSERVATIONS = ("shrinks", "transient", "grows")

EXAMPLE_LIMIT = 20


class PointSample:
    """At most `limit` of the points offered, spread evenly over their order: every n-th, n doubling when it is full."""

    def __init__(self, limit: int = 3000) -> None:
        self.limit = limit
        self.offered = 0
        self._stride = 1
        self._points = np.empty((0, 2))

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        chosen = np.arange(-self.offered % self._stride, len(x), self._stride)
        self.offered += len(x)
        self._points = np.concatenate([self._points, np.column_stack([x[chosen], y[chosen]])])
        while len(self._points) > self.limit:
            self._points = self._points[::2]
            self._stride *= 2

    @property
    def points(self) -> np.ndarray:
        """The points kept, shape [n, 2]."""
        return self._points


@dataclass
class Growth:
    """Observed growth_rate against predicted ln(gamma rho), over cells where both are finite."""

    sample: PointSample = field(default_factory=PointSample)
    count: int = 0
    square_sum: float = 0.0
    same_sign: int = 0
    vanished: int = 0  # growth_rate -inf: the Jacobian product is exactly 0
    without_prediction: int = 0  # no single W, or rho(W) = 0 or unknown

    @property
    def deviation(self) -> float:
        """Root mean square of observed minus predicted."""
        return float(np.sqrt(self.square_sum / self.count)) if self.count else np.nan

    @property
    def agreement(self) -> float:
        """Share of cells where the observed growth has the predicted sign."""
        return self.same_sign / self.count if self.count else np.nan


@dataclass
class Summary:
    """Counts over the whole dataset. Leading axes are always (activation, ensemble)."""

    status: np.ndarray  # [activation, ensemble, hidden_size, pending/done/failed] cells
    failures: np.ndarray  # [256] failed cells by failure_reason
    verdicts: np.ndarray  # [activation, ensemble, VERDICTS] lags of done cells
    conditions: np.ndarray  # [activation, ensemble, CONDITIONS, OBSERVATIONS] done cells with a single W
    growth: list[list[Growth]]
    disagreement: list[list[PointSample]]  # (gamma rho, largest ln ||J_l||) where only gamma rho < 1 holds
    violations: list[dict[str, int]] = field(default_factory=list)  # first few: positions on the axes and of the lag
    has_growth: bool = True
    rate_range: tuple[float, float] = (0.0, 0.0)  # lowest and highest finite ln ||J_l|| / l at the longest lag, and 0

    @property
    def status_totals(self) -> np.ndarray:
        return self.status.sum(axis=(0, 1, 2))


def summarize(dataset: xr.Dataset, values: int = BLOCK_VALUES) -> Summary:
    """One pass over the dataset, at most about so many numbers of one variable at a time."""
    shape = tuple(size_of(dataset, name) for name in ("activation", "ensemble", "hidden_size"))
    summary = Summary(
        status=np.zeros((*shape, 3), np.int64),
        failures=np.zeros(256, np.int64),
        verdicts=np.zeros((*shape[:2], len(VERDICTS)), np.int64),
        conditions=np.zeros((*shape[:2], len(CONDITIONS), len(OBSERVATIONS)), np.int64),
        growth=[[Growth() for _ in range(shape[1])] for _ in range(shape[0])],
        disagreement=[[PointSample() for _ in range(shape[1])] for _ in range(shape[0])],
        has_growth="growth_rate" in dataset,
    )
    radius = used_radius(dataset)
    for block in blocks(dataset, values):
        piece = _Piece(dataset, block, radius)
        _count_status(summary, piece)
        if piece.done.any():
            _count_verdicts(summary, piece)
            _extend_range(summary, piece)
            _compare_growth(summary, piece)
    return summary


class _Piece:
    """A block of cells: its place, and its datasets in the order of the file's axes."""

    def __init__(self, dataset: xr.Dataset, block: Block, radius: xr.DataArray) -> None:
        self.dataset, self.block, self.axes = dataset, block, cell_axes(dataset)
        self.place = tuple(self._start(name) for name in ("activation", "ensemble", "hidden_size"))
        self.status = self.read("status")
        self.done = self.status == DONE
        self._radius = radius

    def _start(self, name: str) -> int:
        return self.block[name].start if name in self.block else 0

    def read(self, name: str, *dims: str) -> np.ndarray | None:
        """The block of a CELL dataset, [CELL, dims]; None where there is none."""
        return read(self.dataset, name, (*self.axes, *dims), **self.block) if name in self.dataset else None

    def coupling(self) -> np.ndarray:
        """gamma rho(W), broadcasting over [CELL]."""
        gain = (self._radius * self.dataset["gamma"]).variable
        gain = gain.isel(self.block, missing_dims="ignore")
        values = gain.transpose(*[name for name in self.axes if name in gain.dims]).values
        shape = [gain.sizes.get(name, 1) for name in self.axes]
        return np.broadcast_to(values.reshape(shape), self.status.shape)


def _count_status(summary: Summary, piece: _Piece) -> None:
    counts = [np.count_nonzero(piece.status == code) for code in (PENDING, DONE, FAILED)]
    summary.status[piece.place] += counts
    reasons = piece.read("failure_reason") if counts[FAILED] else None
    if reasons is not None:
        summary.failures += np.bincount(reasons[piece.status == FAILED], minlength=256)


def _count_verdicts(summary: Summary, piece: _Piece) -> None:
    verdicts = piece.read("bound_check", "lag")
    counts = np.bincount(verdicts[piece.done].ravel(), minlength=len(VERDICTS))
    summary.verdicts[piece.place[:2]] += counts[: len(VERDICTS)]
    violated = VERDICTS.index("violated")
    if counts[violated] and len(summary.violations) < EXAMPLE_LIMIT:
        for found in np.argwhere((verdicts == violated) & piece.done[..., np.newaxis]):
            starts = [piece.block[name].start for name in piece.axes]
            cell = {str(name): int(start + at) for name, start, at in zip(piece.axes, starts, found)}
            summary.violations.append({**cell, "lag": int(found[-1])})
            if len(summary.violations) == EXAMPLE_LIMIT:
                return


def _extend_range(summary: Summary, piece: _Piece) -> None:
    longest = labels(piece.dataset, "lag")[-1]
    norms = read(piece.dataset, "log_jacobian_norm", piece.axes, **piece.block, lag=-1)
    rates = norms[piece.done & np.isfinite(norms)] / longest
    low, high = summary.rate_range
    summary.rate_range = float(rates.min(initial=low)), float(rates.max(initial=high))


def _compare_growth(summary: Summary, piece: _Piece) -> None:
    rate = piece.read("growth_rate")
    if rate is None:
        return
    done, gain = piece.done, piece.coupling()
    with np.errstate(divide="ignore"):
        predicted = np.log(gain)
    growth = summary.growth[piece.place[0]][piece.place[1]]
    finite = done & np.isfinite(predicted) & np.isfinite(rate)
    x, y = predicted[finite], rate[finite]
    growth.sample.add(x, y)
    growth.count += len(x)
    growth.square_sum += float(np.sum((y - x) ** 2))
    # Exactly critical cells (gamma rho = 1 but for rounding) predict no sign: any agrees.
    growth.same_sign += int(np.count_nonzero((np.sign(x) == np.sign(y)) | (np.abs(x) < ROUNDING)))
    growth.vanished += int(np.count_nonzero(done & np.isneginf(rate)))
    growth.without_prediction += int(np.count_nonzero(done & ~np.isfinite(predicted)))
    _compare_conditions(summary, piece, rate, gain)


def _compare_conditions(summary: Summary, piece: _Piece, rate: np.ndarray, gain: np.ndarray) -> None:
    guaranteed, spectral = piece.read("vanishing_guaranteed"), piece.read("spectral_condition")
    if guaranteed is None or spectral is None:
        return
    known = piece.done & (guaranteed != UNSET_FLAG) & (spectral != UNSET_FLAG) & ~np.isnan(rate)
    if not known.any():
        return
    peak = piece.read("log_jacobian_norm", "lag").max(axis=-1)
    said = {
        "both": guaranteed == 1,
        "only_spectral": (guaranteed == 0) & (spectral == 1),
        "neither": (guaranteed == 0) & (spectral == 0),
    }
    grows, above = rate > ROUNDING, peak > ROUNDING
    seen = {"shrinks": ~grows & ~above, "transient": ~grows & above, "grows": grows}
    for row, condition in enumerate(CONDITIONS):
        for column, observation in enumerate(OBSERVATIONS):
            count = np.count_nonzero(known & said[condition] & seen[observation])
            summary.conditions[(*piece.place[:2], row, column)] += count
    apart = known & said["only_spectral"] & np.isfinite(peak)
    summary.disagreement[piece.place[0]][piece.place[1]].add(gain[apart], peak[apart])
