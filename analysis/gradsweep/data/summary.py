"""What a results file says as a whole, counted in one pass over the file in memory that does not grow with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .results import DONE, FAILED, PENDING, UNSET_FLAG, VERDICTS, Block, Results

# What the two conditions say about a cell, and what was seen there.
CONDITIONS = ("both", "only_spectral", "neither")
OBSERVATIONS = ("shrinks", "transient", "grows")

EXAMPLE_LIMIT = 20
# Growth below this is rounding: the norms themselves are right to about 1e-10.
ROUNDING = 1e-9


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
    """Counts over the whole file. Leading axes are always (activation, ensemble)."""

    status: np.ndarray  # [activation, ensemble, hidden_size, pending/done/failed] cells
    failures: np.ndarray  # [256] failed cells by failure_reason
    verdicts: np.ndarray  # [activation, ensemble, VERDICTS] lags of done cells
    conditions: np.ndarray  # [activation, ensemble, CONDITIONS, OBSERVATIONS] done cells with a single W
    growth: list[list[Growth]]
    disagreement: list[list[PointSample]]  # (gamma rho, largest ln ||J_l||) where only gamma rho < 1 holds
    violations: list[tuple[int, ...]] = field(default_factory=list)  # first few: cell and lag positions
    has_growth: bool = True
    largest_rate: float = 0.0  # of |ln ||J_l||| / l at the longest lag, where finite

    @property
    def status_totals(self) -> np.ndarray:
        return self.status.sum(axis=(0, 1, 2))


def summarize(results: Results) -> Summary:
    """One pass over the file."""
    shape = results.shape
    summary = Summary(
        status=np.zeros((*shape[:3], 3), np.int64),
        failures=np.zeros(256, np.int64),
        verdicts=np.zeros((*shape[:2], len(VERDICTS)), np.int64),
        conditions=np.zeros((*shape[:2], len(CONDITIONS), len(OBSERVATIONS)), np.int64),
        growth=[[Growth() for _ in range(shape[1])] for _ in range(shape[0])],
        disagreement=[[PointSample() for _ in range(shape[1])] for _ in range(shape[0])],
        has_growth="growth_rate" in results.file,
    )
    for block in results.blocks():
        status = results.read("status", block)
        _count_status(results, summary, block, status)
        done = status == DONE
        if done.any():
            _count_verdicts(results, summary, block, done)
            norms = results.read("log_jacobian_norm", block)
            rates = np.abs(norms[..., -1][done]) / results.lags[-1]
            summary.largest_rate = max(summary.largest_rate, float(rates[np.isfinite(rates)].max(initial=0.0)))
            _compare_growth(results, summary, block, done, norms)
    return summary


def _count_status(results: Results, summary: Summary, block: Block, status: np.ndarray) -> None:
    counts = [np.count_nonzero(status == code) for code in (PENDING, DONE, FAILED)]
    summary.status[block.activation, block.ensemble, block.hidden_size] += counts
    reasons = results.read("failure_reason", block) if counts[FAILED] else None
    if reasons is not None:
        summary.failures += np.bincount(reasons[status == FAILED], minlength=256)


def _count_verdicts(results: Results, summary: Summary, block: Block, done: np.ndarray) -> None:
    verdicts = results.read("bound_check", block)
    counts = np.bincount(verdicts[done].ravel(), minlength=len(VERDICTS))
    summary.verdicts[block.activation, block.ensemble] += counts[: len(VERDICTS)]
    violated = VERDICTS.index("violated")
    if counts[violated] and len(summary.violations) < EXAMPLE_LIMIT:
        first = (block.activation, block.ensemble, block.hidden_size)
        for replica, radius, gamma, lag in np.argwhere((verdicts == violated) & done[..., np.newaxis]):
            cell = (*first, block.replicas.start + replica, block.radii.start + radius, gamma, lag)
            summary.violations.append(tuple(int(position) for position in cell))
            if len(summary.violations) == EXAMPLE_LIMIT:
                return


def _compare_growth(results: Results, summary: Summary, block: Block, done: np.ndarray, norms: np.ndarray) -> None:
    rate = results.read("growth_rate", block)
    if rate is None:
        return
    radius = results.used_radius(block.ensemble, block.hidden_size, block.replicas)[:, block.radii]
    gain = radius[..., np.newaxis] * results.gammas  # gamma rho(W), shape [replica, spectral_radius, gamma]
    with np.errstate(divide="ignore"):
        predicted = np.log(gain)
    growth = summary.growth[block.activation][block.ensemble]
    known = done & np.isfinite(predicted)
    finite = known & np.isfinite(rate)
    x, y = predicted[finite], rate[finite]
    growth.sample.add(x, y)
    growth.count += len(x)
    growth.square_sum += float(np.sum((y - x) ** 2))
    # Exactly critical cells (gamma rho = 1 but for rounding) predict no sign: any agrees.
    growth.same_sign += int(np.count_nonzero((np.sign(x) == np.sign(y)) | (np.abs(x) < ROUNDING)))
    growth.vanished += int(np.count_nonzero(done & np.isneginf(rate)))
    growth.without_prediction += int(np.count_nonzero(done & ~np.isfinite(predicted)))
    _compare_conditions(results, summary, block, done, rate, gain, norms.max(axis=-1))


def _compare_conditions(
    results: Results,
    summary: Summary,
    block: Block,
    done: np.ndarray,
    rate: np.ndarray,
    gain: np.ndarray,
    peak: np.ndarray,
) -> None:
    guaranteed, spectral = results.read("vanishing_guaranteed", block), results.read("spectral_condition", block)
    if guaranteed is None or spectral is None:
        return
    known = done & (guaranteed != UNSET_FLAG) & (spectral != UNSET_FLAG) & ~np.isnan(rate)
    if not known.any():
        return
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
            summary.conditions[block.activation, block.ensemble, row, column] += count
    apart = known & said["only_spectral"] & np.isfinite(peak)
    summary.disagreement[block.activation][block.ensemble].add(gain[apart], peak[apart])
