"""What the results say, in words: what explodes, what vanishes, where the conditions disagree."""

from __future__ import annotations

import xarray as xr

from ..data.quantities import critical
from ..data.selection import NothingToDraw, labels, reduce_axes, select
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary
from ..plots.symbols import GAMMA_NORM, GAMMA_RADIUS
from .tables import escape

MOST_NAMES = 6


def headline(dataset: xr.Dataset, summary: Summary) -> str:
    """Some sentences of HTML; "" where nothing is finished."""
    done = int(summary.status_totals[1])
    if not done:
        return ""
    parts = [*_edges(dataset), *_disagreement(summary)]
    return " ".join(parts)


def _edges(dataset: xr.Dataset) -> list[str]:
    """For each activation at the largest size: where it turns, or that it does not."""
    sizes = labels(dataset, "hidden_size")
    part, chosen = reduce_axes(select(dataset, hidden_size=int(sizes[-1])), ("spectral_radius", "gamma"))
    try:
        found = critical(part, "coupling", resamples=200)
    except (ValueError, NothingToDraw):
        return []
    dims = ("activation", "ensemble")
    found = found.expand_dims([name for name in dims if name not in found.dims])
    sentences = []
    names = [str(name) for name in found["activation"].values]
    for activation in names[:MOST_NAMES]:
        here = found.sel(activation=activation).squeeze("hidden_size", drop=True)
        sentences.append(_of_activation(activation, here))
    if len(names) > MOST_NAMES:
        sentences.append(f"So far {MOST_NAMES} of {len(names)} activations.")
    at = "".join(f", {name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
    return [f"At <i>d</i> = {sizes[-1]}{at}, by the growth over the longer lags: ", *filter(None, sentences)]


def _of_activation(activation: str, here: xr.Dataset) -> str:
    """One sentence: ensembles that do the same stand together."""
    texts = {
        "vanishes everywhere": "vanishes everywhere",
        "explodes everywhere": "explodes everywhere",
        "several crossings": "changes between vanishing and exploding more than once",
    }
    edges, said = [], {}
    for ensemble in here["ensemble"].values:
        one, name = here.sel(ensemble=ensemble), escape(ensemble)
        verdict = str(one["verdict"].values)
        if verdict == "one":
            edges.append(f"{float(one['critical']):.3g} ({name})")
        elif verdict in texts:
            said.setdefault(texts[verdict], []).append(name)
    clauses = [f"explodes from κ = {', '.join(edges)} on"] if edges else []
    clauses += [f"{text} ({', '.join(names)})" for text, names in said.items()]
    return f"<b>{escape(activation)}</b> {'; it '.join(clauses)}." if clauses else ""


def _disagreement(summary: Summary) -> list[str]:
    counts = summary.conditions.sum(axis=(0, 1))
    total = int(counts.sum())
    if not total:
        return []
    apart = counts[CONDITIONS.index("only_spectral")]
    cells = int(apart.sum())
    if not cells:
        return [f"The two conditions {GAMMA_RADIUS} &lt; 1 and {GAMMA_NORM} &lt; 1 agree in every finished cell."]
    transient, grows = (int(apart[OBSERVATIONS.index(name)]) for name in ("transient", "grows"))
    seen = [f"{transient:,} grow first and shrink in the end"] if transient else []
    seen += [f"{grows:,} still grow at the longest lags"] if grows else []
    rest = int(cells - transient - grows)
    seen += [f"{rest:,} shrink from the first step on"] if rest else []
    found = f"of these, {', '.join(seen)}" if len(seen) > 1 else f"all {seen[0].split(' ', 1)[1]}"
    return [
        f"In {cells:,} of {total:,} cells the conditions disagree ({GAMMA_RADIUS} &lt; 1 says that gradients vanish, "
        f"{GAMMA_NORM} ≥ 1 does not): {found}."
    ]
