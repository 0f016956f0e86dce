"""What the results say, in words: what explodes, what vanishes, where the conditions disagree."""

from __future__ import annotations

import xarray as xr

from ..data.quantities import critical
from ..data.selection import NothingToDraw, labels, reduce_axes, reduce_to_compared, select, size_of, spread
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary
from ..plots.symbols import GAMMA_NORM, GAMMA_RADIUS
from .tables import escape

MOST_NAMES = 6
MOST_LISTED = 4  # ensembles in a clause
MOST_STRENGTHS = 5
STRENGTHS = {"input_scale": "inputs", "bias_scale": "biases"}
TEXTS = {
    "vanishes everywhere": "vanishes everywhere",
    "explodes everywhere": "explodes everywhere",
    "several crossings": "changes between vanishing and exploding more than once",
}


def headline(dataset: xr.Dataset, summary: Summary) -> str:
    """Some sentences of HTML; "" where nothing is finished."""
    done = int(summary.status_totals[1])
    if not done:
        return ""
    parts = [*_edges(dataset), *_strengths(dataset), *_disagreement(summary)]
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
        sentences.append(f"These are the first {MOST_NAMES} of {len(names)} activations.")
    at = "".join(f", {name.replace('_', ' ')} = {value:g}" for name, value in chosen.items())
    return [f"At <i>d</i> = {sizes[-1]}{at}, by the growth over the longer lags: ", *filter(None, sentences)]


def _of_activation(activation: str, here: xr.Dataset) -> str:
    """One sentence: ensembles that do the same stand together, the outermost for many."""
    edges, said = [], {}
    for ensemble in here["ensemble"].values:
        one, name = here.sel(ensemble=ensemble), escape(ensemble)
        verdict = str(one["verdict"].values)
        if verdict == "one":
            edges.append((float(one["critical"]), name))
        elif verdict in TEXTS:
            said.setdefault(TEXTS[verdict], []).append(name)
    clauses = []
    if len(edges) > MOST_LISTED:
        (low, first), (high, last) = min(edges), max(edges)
        clauses.append(f"explodes from κ = {low:.3g} ({first}) to {high:.3g} ({last}) on, by ensemble")
    elif edges:
        clauses.append(f"explodes from κ = {', '.join(f'{edge:.3g} ({name})' for edge, name in edges)} on")
    for text, names in said.items():
        listed = names if len(names) <= MOST_LISTED else [f"{len(names)} of {here.sizes['ensemble']} ensembles"]
        clauses.append(f"{text} ({', '.join(listed)})")
    return f"<b>{escape(activation)}</b> {'; it '.join(clauses)}." if clauses else ""


def _strengths(dataset: xr.Dataset) -> list[str]:
    """Whether a stronger drive or bias moves the edge, a sentence for each axis of strengths, activation and ensemble."""
    sentences = []
    for axis in STRENGTHS:
        if axis not in dataset.dims or size_of(dataset, axis) < 2:
            continue
        part, _ = reduce_to_compared(dataset, ("spectral_radius", "gamma"), axis)
        part = part.isel({axis: spread(size_of(part, axis), MOST_STRENGTHS)})
        try:
            found = critical(part, "coupling", resamples=200)
        except (ValueError, NothingToDraw):
            continue
        found = found.expand_dims([name for name in ("activation", "ensemble") if name not in found.dims])
        found = found.squeeze("hidden_size", drop=True) if "hidden_size" in found.dims else found
        several = found.sizes["activation"] * found.sizes["ensemble"] > 1
        for activation in found["activation"].values:
            for ensemble in found["ensemble"].values:
                who = f" ({escape(activation)}, {escape(ensemble)})" if several else ""
                sentences.append(_moved(found.sel(activation=activation, ensemble=ensemble), axis, who))
    said = list(filter(None, sentences))
    left_out = [f"So for {MOST_NAMES} of {len(said)} pairs of activation and ensemble."] if len(said) > MOST_NAMES else []
    return said[:MOST_NAMES] + left_out


def _moved(here: xr.Dataset, axis: str, who: str) -> str:
    """One sentence on how the edge [axis] moves; "" where it is nowhere."""
    strengths, verdicts = here[axis].values, [str(verdict) for verdict in here["verdict"].values]
    edges = [at for at, verdict in enumerate(verdicts) if verdict == "one"]
    if not edges:
        return ""
    first, last = edges[0], edges[-1]
    low, high = here["low"].values, here["high"].values  # NaN where there is no interval: then nothing is apart
    if low[last] > high[first] or verdicts[-1] == "vanishes everywhere" != verdicts[0]:
        effect = "keep gradients from exploding up to stronger weights"
    elif high[last] < low[first] or verdicts[0] == "vanishes everywhere" != verdicts[-1]:
        effect = "make gradients explode from weaker weights on"
    else:
        effect = "do not move the edge beyond its 95% intervals"
    places = ", ".join(f"{float(here['critical'][at]):.3g} at strength {strengths[at]:g}" for at in edges)
    others = [f"at {strengths[at]:g} it {TEXTS[verdict]}" for at, verdict in enumerate(verdicts) if verdict in TEXTS]
    rest = f"; {', '.join(others)}" if others else ""
    return f"Stronger {STRENGTHS[axis]} {effect}{who}: it explodes beyond κ = {places}{rest}."


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
