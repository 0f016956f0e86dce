"""The report's tables, as HTML. Every number in them is a count over the whole file (data/summary.py)."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from ..data.results import STATUS_NAMES, VERDICTS, cell_axes
from ..data.selection import is_native, labels
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary
from ..plots.style import number

LONG_TABLE = 24  # rows from which a table is folded
CONDITION_LABELS = {
    "both": "<i>γ</i>‖<i>W</i>‖<sub>2</sub> &lt; 1: vanishing guaranteed",
    "only_spectral": "only <i>γ ρ</i>(<i>W</i>) &lt; 1: the two disagree",
    "neither": "neither",
}
AXIS_NAMES = {
    "hidden_size": "hidden size <i>d</i>",
    "spectral_radius": "spectral radius <i>ρ</i>(<i>W</i>)",
    "gamma": "derivative bound <i>γ</i>",
    "lag": "lag <i>ℓ</i>",
}
SHORT_NAMES = {
    "hidden_size": "<i>d</i>",
    "spectral_radius": "<i>ρ</i>",
    "gamma": "<i>γ</i>",
    "lag": "<i>ℓ</i>",
}
OBSERVATION_HEADS = ("norm never above 1", "grows first, shrinks in the end", "still growing")


def escape(value: object) -> str:
    return html.escape(str(value))


def table(identity: str, head: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """An HTML table; head and cells are HTML, the first `text_columns` columns left-aligned labels. Folded where "
    "long."""
    rows = list(rows)
    cells = [
        "".join(
            f'<td class="label">{cell}</td>' if column < text_columns else f"<td>{cell}</td>"
            for column, cell in enumerate(row)
        )
        for row in rows
    ]
    heads = "".join(
        f'<th class="label">{cell}</th>' if column < text_columns else f"<th>{cell}</th>"
        for column, cell in enumerate(head)
    )
    body = "\n".join(f"<tr>{row}</tr>" for row in cells)
    text = (
        f'<div class="wide"><table id="{identity}"><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table></div>'
    )
    if len(rows) > LONG_TABLE:
        return f"<details><summary>{len(rows)} rows</summary>{text}</details>"
    return text


def count(value: int, kind: str = "") -> str:
    """A count with thousands separated; zero is grey, a bad non-zero one coloured by `kind`."""
    if value == 0:
        return '<span class="zero">0</span>'
    return f'<span class="{kind}">{value:,}</span>' if kind else f"{value:,}"


def axes_table(dataset: xr.Dataset) -> str:
    rows = []
    for name in (*cell_axes(dataset), "lag"):
        values = labels(dataset, name)
        text = ", ".join(map(escape, values)) if values.dtype.kind == "O" else _values(values)
        if name == "replica":
            text = "independent networks"
        elif name == "spectral_radius" and is_native(dataset):
            text = "native: W as drawn or loaded"
        rows.append((AXIS_NAMES.get(name, escape(name).replace("_", " ")), text, str(len(values))))
    return table("axes", ("axis", "values", "points"), rows, 2)


def coverage_table(dataset: xr.Dataset, summary: Summary) -> str:
    rows = []
    for activation, ensemble, size in np.ndindex(*summary.status.shape[:3]):
        pending, done, failed = (int(value) for value in summary.status[activation, ensemble, size])
        total = pending + done + failed
        bar = (
            f'<span class="bar" title="{done} of {total}">'
            f'<span class="done" style="width:{100 * done / total:.4g}%"></span>'
            f'<span class="fail" style="width:{100 * failed / total:.4g}%"></span></span>'
        )
        rows.append(
            (
                escape(labels(dataset, "activation")[activation]),
                escape(labels(dataset, "ensemble")[ensemble]),
                str(labels(dataset, "hidden_size")[size]),
                count(done),
                count(failed, "bad"),
                count(pending, "warn"),
                bar,
            )
        )
    return table("coverage", ("activation", "ensemble", "<i>d</i>", "done", "failed", "pending", ""), rows, 2)


def failures_table(dataset: xr.Dataset, summary: Summary) -> str:
    """Failed cells by reason; "" without failures."""
    meanings = _failure_meanings(dataset)
    rows = [
        (escape(meanings[code].replace("_", " ")) if code in meanings else f"code {code}", count(int(cells), "bad"))
        for code, cells in enumerate(summary.failures)
        if cells
    ]
    return table("failures", ("reason of failure", "cells"), rows) if rows else ""


def verdict_table(dataset: xr.Dataset, summary: Summary) -> str:
    order = [VERDICTS.index(name) for name in ("holds", "within_rounding", "violated", "not_computed")]
    kinds = ("", "", "bad", "")
    rows = []
    for activation, ensemble in np.ndindex(*summary.status.shape[:2]):
        counts = summary.verdicts[activation, ensemble]
        rows.append(
            (
                escape(labels(dataset, "activation")[activation]),
                escape(labels(dataset, "ensemble")[ensemble]),
                *(count(int(counts[verdict]), kind) for verdict, kind in zip(order, kinds)),
            )
        )
    totals = summary.verdicts.sum(axis=(0, 1))
    rows.append(("<b>all</b>", "", *(count(int(totals[verdict]), kind) for verdict, kind in zip(order, kinds))))
    return table(
        "verdicts", ("activation", "ensemble", "holds", "within rounding", "violated", "not computed"), rows, 2
    )


def violations_table(dataset: xr.Dataset, summary: Summary) -> str:
    """The first violated bounds, with their numbers; "" where there is none."""
    axes = (*cell_axes(dataset), "lag")
    rows = []
    for position in summary.violations:
        norm, bound = (float(dataset.variables[name].isel(position).values) for name in ("log_jacobian_norm", "log_norm_bound"))
        place = [_value(labels(dataset, name)[position[name]]) for name in axes]
        rows.append((*place, f"{norm:.12g}", f"{bound - norm:.3g}"))
    heads = [SHORT_NAMES.get(name, escape(name).replace("_", " ")) for name in axes]
    head = (*heads, "ln‖<i>J</i><sub>ℓ</sub>‖<sub>2</sub>", "slack")
    return table("violations", head, rows, 2) if rows else ""


def growth_table(dataset: xr.Dataset, summary: Summary) -> str:
    rows = []
    for activation, ensemble in np.ndindex(*summary.status.shape[:2]):
        growth = summary.growth[activation][ensemble]
        rows.append(
            (
                escape(labels(dataset, "activation")[activation]),
                escape(labels(dataset, "ensemble")[ensemble]),
                count(growth.count),
                f"{growth.deviation:.3g}" if growth.count else "–",
                f"{100 * growth.agreement:.1f} %" if growth.count else "–",
                count(growth.vanished),
                count(growth.without_prediction),
            )
        )
    head = ("activation", "ensemble", "cells compared", "rms difference", "same sign", "exactly 0", "no prediction")
    return table("growth", head, rows, 2)


def conditions_table(dataset: xr.Dataset, summary: Summary) -> str:
    """What the conditions say against what was seen, by activation."""
    rows = []
    for activation, name in enumerate(labels(dataset, "activation")):
        counts = summary.conditions[activation].sum(axis=0)
        for row, condition in enumerate(CONDITIONS):
            wrong = ("", "bad" if condition == "both" else "", "bad" if condition == "both" else "")
            rows.append(
                (
                    escape(name),
                    CONDITION_LABELS[condition],
                    *(count(int(counts[row, column]), kind) for column, kind in zip(range(len(OBSERVATIONS)), wrong)),
                )
            )
    return table("conditions", ("activation", "the conditions say", *OBSERVATION_HEADS), rows, 2)


def provenance_table(dataset: xr.Dataset, runs: list[dict[str, Any]]) -> str:
    """What the file says of its origin, and the last run in full."""
    rows = [
        (label, f"<code>{escape(dataset.attrs[name])}</code>")
        for label, name in (
            ("sweep hash", "sweep_hash"),
            ("git revision", "git_revision"),
            ("format version", "format_version"),
            ("methods", "methods"),
        )
        if dataset.attrs.get(name, "") != ""
    ]
    if runs:
        rows.append(("runs", f"{len(runs)}; the last one:"))
        rows += [
            (escape(key.replace("_", " ")), escape(value if isinstance(value, str) else json.dumps(value)))
            for key, value in runs[-1].items()
        ]
    return table("provenance", ("", ""), rows, 2).replace("<details>", "<details open>")


def status_counts(summary: Summary) -> dict[str, int]:
    return dict(zip(STATUS_NAMES, map(int, summary.status_totals)))


def _failure_meanings(dataset: xr.Dataset) -> dict[int, str]:
    """The name of every failure_reason code, from the file's own flag_values and flag_meanings."""
    attributes = dataset["failure_reason"].attrs if "failure_reason" in dataset else {}
    names = attributes.get("flag_meanings", "").split()
    codes = np.atleast_1d(attributes.get("flag_values", range(len(names))))
    return {int(code): name for code, name in zip(codes, names)}


def _values(values: np.ndarray) -> str:
    texts = [_value(value) for value in values]
    return ", ".join(texts if len(texts) <= 16 else [*texts[:7], "…", *texts[-3:]])


def _value(value: object) -> str:
    if isinstance(value, (float, np.floating)):
        return "native" if np.isnan(value) else number(float(value))
    return escape(value)
