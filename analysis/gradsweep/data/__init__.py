"""Results files as datasets, parts of them, and what follows from their numbers."""

from . import accessor as accessor  # registers dataset.gradsweep
from .results import ResultsError, open_results, read_runs
from .selection import NothingToDraw, select

__all__ = ["NothingToDraw", "ResultsError", "open_results", "read_runs", "select"]
