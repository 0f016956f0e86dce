"""Analysis of gradsweep's results: exploding and vanishing gradients in recurrent networks.

    import gradsweep

    ds = gradsweep.open("quickstart.h5")          # a lazy xarray.Dataset; pending cells are NaN
    ds.gradsweep.half_life()                      # also growth, slack, critical, theory, runs
    gradsweep.plot_phase(ds, activation="tanh").savefig("phase.pdf")

The floors, an import only ever points down:

    commands/           gradsweep report, plot, export, watch, torch
    report/             the report: one page of tables and figures
    plots/              figures
    data/               results files as datasets, and what follows from their numbers
    theory/  networks/  formulas without a file; networks of other programs as network files
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gradsweep.version import __version__ as __version__

# Where each name comes from; nothing is imported before it is asked for.
_NAMES = {
    "open": ("data", "open_results"),
    "select": ("data.selection", "select"),
    "critical": ("data.quantities", "critical"),
    "ResultsError": ("data", "ResultsError"),
    "NothingToDraw": ("data", "NothingToDraw"),
    "run": ("running", "run"),
    "RunError": ("running", "RunError"),
    "from_torch": ("networks.live", "from_torch"),
    "ExportError": ("networks.export", "ExportError"),
    "theory": ("theory", ""),
}
_PLOTS = (
    "STYLE style plot_anchors plot_cancellation plot_chain plot_chaos plot_conditions plot_conditions_map "
    "plot_contributions plot_convergence plot_critical plot_decay plot_eigenvalues plot_expansion plot_exponents "
    "plot_growth plot_half_life plot_phase plot_rate plot_scores plot_singular_law plot_spectrum plot_triangle"
).split()
_NAMES.update({name: ("plots", name) for name in _PLOTS})
__all__ = ["__version__", *_NAMES]

if TYPE_CHECKING:
    from . import theory as theory
    from .data import NothingToDraw as NothingToDraw
    from .data import ResultsError as ResultsError
    from .data import open_results as open
    from .data.quantities import critical as critical
    from .data.selection import select as select
    from .networks.export import ExportError as ExportError
    from .networks.live import from_torch as from_torch
    from .plots import *  # noqa: F403
    from .running import RunError as RunError
    from .running import run as run


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _NAMES[name]
    loaded = importlib.import_module(f".{module}", __name__)
    return getattr(loaded, attribute) if attribute else loaded


def __dir__() -> list[str]:
    return sorted(__all__)
