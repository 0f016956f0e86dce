"""The report's tables, as HTML. Every number in them is a count over the whole file (data/summary.py)."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence

import numpy as np

from ..data.results import STATUS_NAMES, VERDICTS, Results
from ..plots.style import number
from ..data.summary import CONDITIONS, OBSERVATIONS, Summary

LONG_TABLE = 24  # rows from which a table is folded
CONDITION_LABELS = {
    "both": "<i>γ</i>‖<i>W</i>‖<sub>2</sub> &lt; 1: vanishing guaranteed",
    "only_spectral": "only <i>γ ρ</i>(<i>W</i>) &lt; 1: the two disagree",
    "neither": "neither",
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


def axes_table(results: Results) -> str:
    rows = [
        ("activation", len(results.activations), ", ".join(map(escape, results.activations))),
        ("ensemble", len(results.ensembles), ", ".join(map(escape, results.ensembles))),
        ("hidden size <i>d</i>", len(results.hidden_sizes), _values(results.hidden_sizes)),
        ("replica", len(results.replicas), "independent networks"),
        (
            "spectral radius <i>ρ</i>(<i>W</i>)",
            len(results.radii),
            "native: W as drawn or loaded" if results.native else _values(results.radii),
        ),
        ("derivative bound <i>γ</i>", len(results.gammas), _values(results.gammas)),
        ("lag <i>ℓ</i>", len(results.lags), _values(results.lags)),
    ]
    return table(
        "axes", ("axis", "values", "points"), [(name, values, str(points)) for name, points, values in rows], 2
    )


def coverage_table(results: Results, summary: Summary) -> str:
    rows = []
    for activation, ensemble, size in np.ndindex(*results.shape[:3]):
        pending, done, failed = (int(value) for value in summary.status[activation, ensemble, size])
        total = pending + done + failed
        bar = (
            f'<span class="bar" title="{done} of {total}">'
            f'<span class="done" style="width:{100 * done / total:.4g}%"></span>'
            f'<span class="fail" style="width:{100 * failed / total:.4g}%"></span></span>'
        )
        rows.append(
            (
                escape(results.activations[activation]),
                escape(results.ensembles[ensemble]),
                str(results.hidden_sizes[size]),
                count(done),
                count(failed, "bad"),
                count(pending, "warn"),
                bar,
            )
        )
    return table("coverage", ("activation", "ensemble", "<i>d</i>", "done", "failed", "pending", ""), rows, 2)


def failures_table(results: Results, summary: Summary) -> str:
    """Failed cells by reason; "" without failures."""
    meanings = results.failure_meanings()
    rows = [
        (escape(meanings[code].replace("_", " ")) if code in meanings else f"code {code}", count(int(cells), "bad"))
        for code, cells in enumerate(summary.failures)
        if cells
    ]
    return table("failures", ("reason of failure", "cells"), rows) if rows else ""


def verdict_table(results: Results, summary: Summary) -> str:
    order = [VERDICTS.index(name) for name in ("holds", "within_rounding", "violated", "not_computed")]
    kinds = ("", "", "bad", "")
    rows = []
    for activation, ensemble in np.ndindex(*results.shape[:2]):
        counts = summary.verdicts[activation, ensemble]
        rows.append(
            (
                escape(results.activations[activation]),
                escape(results.ensembles[ensemble]),
                *(count(int(counts[verdict]), kind) for verdict, kind in zip(order, kinds)),
            )
        )
    totals = summary.verdicts.sum(axis=(0, 1))
    rows.append(("<b>all</b>", "", *(count(int(totals[verdict]), kind) for verdict, kind in zip(order, kinds))))
    return table(
        "verdicts", ("activation", "ensemble", "holds", "within rounding", "violated", "not computed"), rows, 2
    )


def violations_table(results: Results, summary: Summary) -> str:
    """The first violated bounds, with their numbers; "" where there is none."""
    rows = []
    for position in summary.violations:
        a, e, d, r, radius, gamma, lag = position
        norm, bound = (float(results.file[name][position]) for name in ("log_jacobian_norm", "log_norm_bound"))
        rho = "native" if results.native else number(results.radii[radius])
        rows.append(
            (
                escape(results.activations[a]),
                escape(results.ensembles[e]),
                str(results.hidden_sizes[d]),
                str(results.replicas[r]),
                rho,
                number(results.gammas[gamma]),
                str(results.lags[lag]),
                f"{norm:.12g}",
                f"{bound - norm:.3g}",
            )
        )
    head = (
        "activation",
        "ensemble",
        "<i>d</i>",
        "replica",
        "<i>ρ</i>",
        "<i>γ</i>",
        "<i>ℓ</i>",
        "ln‖<i>J</i><sub>ℓ</sub>‖<sub>2</sub>",
        "slack",
    )
    return table("violations", head, rows, 2) if rows else ""


def growth_table(results: Results, summary: Summary) -> str:
    rows = []
    for activation, ensemble in np.ndindex(*results.shape[:2]):
        growth = summary.growth[activation][ensemble]
        rows.append(
            (
                escape(results.activations[activation]),
                escape(results.ensembles[ensemble]),
                count(growth.count),
                f"{growth.deviation:.3g}" if growth.count else "–",
                f"{100 * growth.agreement:.1f} %" if growth.count else "–",
                count(growth.vanished),
                count(growth.without_prediction),
            )
        )
    head = ("activation", "ensemble", "cells compared", "rms difference", "same sign", "exactly 0", "no prediction")
    return table("growth", head, rows, 2)


def conditions_table(results: Results, summary: Summary) -> str:
    """What the conditions say against what was seen, by activation."""
    rows = []
    for activation, name in enumerate(results.activations):
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


def provenance_table(results: Results) -> str:
    """What the file says of its origin, and the last run in full."""
    rows = [
        (label, f"<code>{escape(results.attribute(name))}</code>")
        for label, name in (
            ("sweep hash", "sweep_hash"),
            ("git revision", "git_revision"),
            ("shard", "shard"),
            ("format version", "format_version"),
            ("methods", "methods"),
        )
        if results.attribute(name)
    ]
    runs = results.runs()
    if runs:
        rows.append(("runs", f"{len(runs)}; the last one:"))
        rows += [
            (escape(key.replace("_", " ")), escape(value if isinstance(value, str) else json.dumps(value)))
            for key, value in runs[-1].items()
        ]
    return table("provenance", ("", ""), rows, 2).replace("<details>", "<details open>")


def status_counts(summary: Summary) -> dict[str, int]:
    return dict(zip(STATUS_NAMES, map(int, summary.status_totals)))


def _values(values: np.ndarray) -> str:
    texts = [number(value) if isinstance(value, float) else str(value) for value in values.tolist()]
    return ", ".join(texts if len(texts) <= 16 else [*texts[:7], "…", *texts[-3:]])
