"""The page around tables and figures: one HTML text that needs nothing from anywhere."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import xarray as xr

from ..data.results import cell_axes
from ..data.selection import NETWORKS, labels
from ..data.summary import Summary
from ..plots.figure import Description
from ..plots.symbols import GAMMA_NORM, GAMMA_RADIUS, LOG_NORM, NORM, RADIUS, W
from .anchors import anchors_table
from .explore import explore_html
from .headline import headline
from .scores import scores_table
from .tables import (
    axes_table,
    conditions_table,
    coverage_table,
    escape,
    failures_table,
    growth_table,
    provenance_table,
    status_counts,
    verdict_table,
    violations_table,
)

STYLE_SHEET = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.css")


@dataclass
class Shown:
    """A figure that is drawn: what it says about itself, and its data: URI."""

    description: Description
    uri: str


def render_page(
    dataset: xr.Dataset, runs: list[dict[str, Any]], summary: Summary, shown: dict[str, list[Shown]]
) -> str:
    """The whole page. `shown` has the figures of the sections phase, decay, chain, growth, conditions, gradient,
    anchors and spectra; `runs` is the file's provenance."""
    counter = iter(range(1, 10_000))

    def figures(section: str) -> str:
        return "\n".join(_figure(item, next(counter)) for item in shown.get(section, []))

    def measured(section: str, heading: str) -> list[tuple[str, str, str]]:
        """A section of measures that a file may not have: nothing at all without a figure."""
        return [(section, heading, figures(section))] if shown.get(section) else []

    title = escape(dataset.attrs.get("title") or os.path.basename(dataset.encoding["source"]))
    explored = explore_html(dataset)
    is_one = all(len(labels(dataset, str(name))) == 1 for name in cell_axes(dataset) if name not in NETWORKS)
    sections = [
        *([("explore", "The network" if is_one else "The plane", explored)] if explored else []),
        *([] if is_one and not shown.get("phase") else [("phase", "Phase diagrams", figures("phase") or _nothing())]),
        ("decay", "Decay over the lag", figures("decay") or _nothing()),
        *measured("chain", "The chain of bounds"),
        ("growth", "Predicted against observed growth", _growth(dataset, summary, figures("growth"))),
        ("conditions", "Where the two conditions disagree", _conditions(dataset, summary, figures("conditions"))),
        *measured("gradient", "Where the gradient comes from"),
        *([("anchors", "Along the trajectory", _anchors(dataset, figures("anchors")))] if shown.get("anchors") else []),
        *([("spectra", "Spectra", _spectra(dataset, figures("spectra")))] if shown.get("spectra") else []),
        ("bounds", "Do the bounds hold?", _bounds(dataset, summary)),
        ("coverage", "What was computed", _coverage(dataset, summary)),
        ("provenance", "Provenance", _provenance(dataset, runs)),
    ]
    links = "".join(f'<a href="#s-{key}">{name}</a>' for key, name, _ in sections)
    body = "\n".join(f'<h2 id="s-{key}">{name}</h2>\n{text}' for key, name, text in sections)
    with open(STYLE_SHEET, encoding="utf-8") as file:
        style = file.read()
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – gradsweep report</title>
<style>
{style}</style>
</head>
<body>
<h1>{title}</h1>
<p class="sub">Exploding and vanishing gradients in recurrent networks: report of a gradsweep results file</p>
<p class="headline">{headline(dataset, summary)}</p>
{_cards(dataset, summary)}
<nav>{links}</nav>
<p>Networks <i>x<sub>t</sub></i> = <i>W σ</i>(<i>x</i><sub><i>t</i>−1</sub>) + <i>w</i><sub>in</sub>
<i>i<sub>t</sub></i>
+ <i>b</i>, with |<i>σ</i>′| ≤ <i>γ</i>. The norm of the Jacobian product
<i>J</i><sub>ℓ</sub> = ∂<i>x</i><sub><i>T</i></sub>/∂<i>x</i><sub><i>T</i>−ℓ</sub> says how a gradient grows or vanishes
on its way back over ℓ steps. All logarithms are natural; −∞ means that the product is exactly 0.</p>
{body}
</body>
</html>
"""


def _figure(item: Shown, number: int) -> str:
    said = item.description
    note = f' <span class="note">{said.note}</span>' if said.note else ""
    return (
        f"<figure id=\"f-{escape(said.name)}\"><div class=\"wide\"><img alt=\"{escape(said.title)}\" src='{item.uri}'></div>\n"
        f"<figcaption><b>Figure {number}. {escape(said.title)}.</b> {said.caption}{note}</figcaption></figure>"
    )


def _cards(dataset: xr.Dataset, summary: Summary) -> str:
    counts = status_counts(summary)
    violated = int(summary.verdicts[..., 3].sum())
    cards = [
        (dataset["status"].size, "cells in the grid", ""),
        (counts["done"], "done", ""),
        (counts["failed"], "failed", "bad" if counts["failed"] else ""),
        (counts["pending"], "pending", "warn" if counts["pending"] else ""),
        (violated, "bounds violated", "bad" if violated else ""),
    ]
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card {kind}"><b>{value:,}</b><span>{label}</span></div>' for value, label, kind in cards
        )
        + "</div>"
    )


def _coverage(dataset: xr.Dataset, summary: Summary) -> str:
    counts = status_counts(summary)
    partial = (
        "<p><b>The sweep is not finished</b>: everything below describes the cells that are done.</p>"
        if counts["pending"]
        else ""
    )
    return f"{axes_table(dataset)}{partial}\n{coverage_table(dataset, summary)}\n{failures_table(dataset, summary)}"


def _bounds(dataset: xr.Dataset, summary: Summary) -> str:
    violated = int(summary.verdicts[..., 3].sum())
    text = (
        f"<p>Every norm is compared with its bound, {NORM} ≤ ({GAMMA_NORM})<sup>ℓ</sup>. Counted are lags of finished "
        "cells. <i>Within rounding</i> means nearer to the bound than the rounding error of the comparison, as for the "
        f"identity with normal {W}, where the bound is an equality. A <i>violated</i> bound is a defect of the "
        "computation, never of the theorem.</p>"
    )
    if violated:
        text += f'<p class="bad">{violated:,} bounds are violated; the first of them are listed below.</p>'
    return f"{text}{verdict_table(dataset, summary)}{violations_table(dataset, summary)}"


def _growth(dataset: xr.Dataset, summary: Summary, figures: str) -> str:
    if not summary.has_growth:
        return '<p class="note">The file has no growth_rate dataset.</p>'
    text = (
        f"<p><i>Same sign</i>: the share of cells whose gradient grows where {GAMMA_RADIUS} &gt; 1 and shrinks where "
        "it is below. <i>Exactly 0</i>: the Jacobian product became the zero matrix. <i>No prediction</i>: there is no "
        f"single {W}, or {RADIUS} = 0.</p>"
    )
    return f"{figures or _nothing()}\n{text}{growth_table(dataset, summary)}"


def _conditions(dataset: xr.Dataset, summary: Summary, figures: str) -> str:
    text = (
        f"<p>{GAMMA_NORM} &lt; 1 guarantees that gradients vanish from the first step on. {GAMMA_RADIUS} &lt; 1 is "
        f"weaker: it bounds only the limit ℓ → ∞ of linear networks, and between the two a non-normal {W} may let the "
        "gradient grow first. Counted are finished cells by what the conditions say and by what was observed over the "
        f"measured lags: {LOG_NORM} never above 0 (but for rounding, 10<sup>−9</sup>) and a growth rate of at most 0; "
        "above 0 at some lag although the rate is at most 0; a positive rate.</p>"
    )
    if not summary.conditions.any():
        return text + '<p class="note">No finished cell has a single W whose norm and spectral radius are known.</p>'
    none = (
        ""
        if figures
        else '<p class="note">In no finished cell do the two conditions disagree, so there is no figure.</p>'
    )
    return f"{text}{conditions_table(dataset, summary)}\n{figures}{none}"


def _anchors(dataset: xr.Dataset, figures: str) -> str:
    text = (
        "<p>The same products and exponents at several final times <i>T</i> along one trajectory, in the cells that the figures "
        "show, means over the replicas: <i>spread</i> is the standard deviation over the anchors of one network; "
        "<i>at the next anchor</i> the correlation of neighbours; <i>effective</i> the number of independent values that say as "
        "much about the mean, whose standard error is <i>error</i>. <code>ds.gradsweep.over_anchors()</code> has them for all "
        "cells.</p>"
    )
    return f"{figures}\n{text}{anchors_table(dataset)}"


def _spectra(dataset: xr.Dataset, figures: str) -> str:
    numbers = scores_table(dataset)
    if not numbers:
        return figures
    text = (
        "<p>The same exponents in numbers: means over <i>n</i> replicas with their standard errors beside the theory, <i>z</i> = (mean − theory) / error. "
        "Where the theory is the mean field it is one at <i>d</i> = ∞, from which networks of finite <i>d</i> differ by about "
        "−<i>c</i>/<i>d</i>: <i>c</i> is fitted to all sizes where there are three, each weighed by its error, and the last <i>z</i> is what that leaves. "
        "<code>ds.gradsweep.scores()</code> has them for all cells.</p>"
    )
    return f"{figures}\n{text}{numbers}"


def _provenance(dataset: xr.Dataset, runs: list[dict[str, Any]]) -> str:
    sweep = escape(dataset.attrs["sweep"])
    heading = "The sweep, with the values in effect"
    return f"{provenance_table(dataset, runs)}\n<details><summary>{heading}</summary><pre>{sweep}</pre></details>"


def _nothing() -> str:
    return '<p class="note">Nothing to draw yet: no finished cell, one alone, or a single lag.</p>'
