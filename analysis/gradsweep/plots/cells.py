"""Single cells that figures look at closely: which ones, their replicas, and a grid of panels for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .decay import Choice, choose_cells
from ..data.results import DONE, Results
from .style import literal, number, panel_grid, spread


class Cell(NamedTuple):
    """Positions on the axes of CELL, without the replica."""

    activation: int
    ensemble: int
    hidden_size: int
    radius: int
    gamma: int

    def at(self, replica: int | slice) -> tuple[int | slice, ...]:
        """Index of a replica, or of all, in a CELL dataset."""
        return (self.activation, self.ensemble, self.hidden_size, replica, self.radius, self.gamma)


def first_done(results: Results, cell: Cell) -> int | None:
    """The first finished replica of a cell."""
    done = np.flatnonzero(results.file["status"][cell.at(slice(None))] == DONE)
    return int(done[0]) if done.size else None


def mean_of_done(values: np.ndarray) -> np.ndarray:
    """Mean over the replicas [replica, lag] that have any number; -inf stays -inf, NaN where none has one."""
    known = ~np.isnan(values).all(axis=1)
    return values[known].mean(axis=0) if known.any() else np.full(values.shape[1], np.nan)


def chosen_grid(
    results: Results, limit: int | None, height: float, rows: list | None = None, share_y: bool = False
) -> tuple[Figure, list[tuple[Axes, object, Choice]]]:
    """A figure and its panels (axes, row, chosen cell): one row of panels an ensemble, at most `limit`, or an element
    of `rows`; one column a chosen cell."""
    choices = choose_cells(results)
    rows = spread(len(results.ensembles), limit) if rows is None else rows
    figure, grid = panel_grid(len(rows), len(choices), (3.0, height), (0.8, 0.6), share_y)
    panels = [(axes, row, choice) for row, axes_row in zip(rows, grid) for axes, choice in zip(axes_row, choices)]
    return figure, panels


def cell_title(results: Results, ensemble: int, choice: Choice, name: str = "") -> str:
    rho = "as drawn" if results.native else f"= {number(results.radii[choice.radius])}"
    name = literal(name or results.ensembles[ensemble])
    return rf"{name}, $\rho$ {rho}, $\gamma$ = {number(results.gammas[choice.gamma])}"
