"""analysis/report.py on results files made here by NumPy: the page stands alone, its tables count what an independent
count finds, and unfinished, unusual and foreign files end as they should.

Reports with figures take seconds each, so the grids are small, and one report serves several tests.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = os.path.dirname(os.path.abspath(__file__))
ANALYSIS = os.path.join(HERE, "..", "..", "analysis")
sys.path[:0] = [HERE, ANALYSIS]

import report  # noqa: E402
from gradsweep import open as open_results  # noqa: E402
from gradsweep.data.selection import blocks  # noqa: E402
from gradsweep.data.summary import CONDITIONS, OBSERVATIONS, PointSample, summarize  # noqa: E402
from gradsweep.plots.style import literal  # noqa: E402
from gradsweep.plots.view import View, choose_cells  # noqa: E402
from make_results import make  # noqa: E402


class Page(HTMLParser):
    """Tables of a page by id as lists of rows of text, and every resource that it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.resources: list[str] = []
        self.figures: list[str] = []
        self._table = ""
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        attributes = dict(attrs)
        self.resources += [attributes[name] for name in ("src", "href", "srcset", "data") if attributes.get(name)]
        if tag == "table":
            self._table = attributes["id"]
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
            self._in_cell = True
        elif tag == "figure":
            self.figures.append(attributes["id"])

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[self._table][-1][-1] += data


def counts(row: list[str]) -> list[int]:
    return [int(cell.replace(",", "")) for cell in row]


class ReportCase(unittest.TestCase):
    """What the tests of reports share: a folder, and a report of a results file."""

    def setUp(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def path(self, name: str) -> str:
        return os.path.join(self.directory.name, name)

    def report(self, results: str, *options: str) -> Page:
        output = self.path("report.html")
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(report.main([results, "-o", output, *options]), 0)
        with open(output, encoding="utf-8") as file:
            self.text = file.read()
        return Page(self.text)

    def command(self, *arguments: str) -> tuple[int, str]:
        """Exit code and stderr, in this process, since loading takes seconds: an exception would be the test's."""
        error = io.StringIO()
        with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
            try:
                code = report.main(list(arguments))
            except SystemExit as ended:  # of argparse
                code = ended.code
        return code, error.getvalue()


class ReportTest(ReportCase):
    # A whole report ------------------------------------------------------------------------------------------------

    def test_whole_report(self) -> None:
        """Failures, pending cells, a violated bound and an optional measure in one file."""
        results = self.path("whole.h5")
        # 0.9 lies between the conditions: ||W||_2 of these ginibre matrices is 1.24 and 1.29 times their radius.
        make(
            results,
            hidden_sizes=(8,),
            radii=(0.5, 0.9, 1.25),
            gammas=(0.5, 1.0),
            lags=(1, 2, 4, 8),
            done_fraction=0.8,
            failed=(3, 30),
            title="a <b> & c",
        )
        with h5py.File(results, "r+") as file:
            file["bound_check"][0, 0, 0, 0, 0, 0, 2] = 3
            file["bound_check"][np.unravel_index(3, file["status"].shape)] = 3  # a failed cell counts nowhere
            file["failure_reason"][np.unravel_index(30, file["status"].shape)] = 4
        page = self.report(results, "--figures", self.path("whole-figures"))
        self._check_self_contained(page)
        self._check_figures(page)
        with h5py.File(results, "r") as file:
            self._check_coverage(page, file)
            self._check_verdicts(page, file)
            self._check_growth(page, file)
            self._check_conditions(page, file)
        self.assertEqual([row[0] for row in page.tables["failures"][1:]], ["not finite", "no spectrum"])
        self.assertEqual(page.tables["violations"][1][:7], ["identity", "ginibre", "8", "0", "0.5", "0.5", "4"])
        self.assertEqual(dict(page.tables["provenance"])["host"], "node01")
        self.assertIn("a &lt;b&gt; &amp; c", self.text)
        self.assertNotIn("a <b>", self.text)

    def _check_self_contained(self, page: Page) -> None:
        self.assertTrue(page.resources)
        for resource in page.resources:
            self.assertRegex(resource, r"^(#|data:image/(svg\+xml,<\?xml |png;base64,))")
        self.assertNotRegex(self.text, r"<script[^>]* src|<link|@import|url\((?!%23)")
        self.assertLess(len(self.text), 8e6)

    def _check_figures(self, page: Page) -> None:
        names = ["phase-identity", "phase-tanh", "critical", "decay-identity", "decay-tanh", "rate", "growth"]
        names += ["conditions-map", "conditions"]
        self.assertEqual(page.figures, [f"f-{name}" for name in names])
        figures = self.path("whole-figures")
        for name in names:
            for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
                with open(os.path.join(figures, name + suffix), "rb") as file:
                    content = file.read()
                self.assertTrue(content.startswith(magic), name)
                self.assertGreater(len(content), 5000, name)  # an empty canvas has about 2 kB

    def _check_coverage(self, page: Page, file: h5py.File) -> None:
        status = file["status"][...]
        rows = page.tables["coverage"][1:]
        self.assertEqual(len(rows), 4)
        for row in rows:
            a, e = self._position(file, row)
            cells = status[a, e, 0]
            self.assertEqual(counts(row[3:6]), [np.sum(cells == 1), np.sum(cells == 2), np.sum(cells == 0)])
        self.assertTrue(any(counts(row[5:6]) != [0] for row in rows))
        self.assertIn("not finished", self.text)

    def _check_verdicts(self, page: Page, file: h5py.File) -> None:
        done = file["status"][...] == 1
        verdicts = file["bound_check"][...]
        total = np.zeros(4, int)
        for row in page.tables["verdicts"][1:-1]:
            a, e = self._position(file, row)
            expected = [np.sum(verdicts[a, e][done[a, e]] == code) for code in (1, 2, 3, 0)]
            self.assertEqual(counts(row[2:]), expected)
            total += expected
        self.assertEqual(counts(page.tables["verdicts"][-1][2:]), list(total))
        self.assertEqual(total[2], 1)

    def _check_growth(self, page: Page, file: h5py.File) -> None:
        predicted = np.log(file["spectral_radius"][...][:, None] * file["gamma"][...])
        for row in page.tables["growth"][1:]:
            a, e = self._position(file, row)
            done = (file["status"][a, e] == 1) & np.isfinite(file["growth_rate"][a, e])
            self.assertEqual(counts(row[2:3]), [done.sum()])
            if done.any():
                difference = (file["growth_rate"][a, e] - predicted)[done]
                # The table has three digits.
                self.assertAlmostEqual(
                    float(row[3]), np.sqrt(np.mean(difference**2)), delta=6e-3 * float(row[3]) + 1e-12
                )

    def _check_conditions(self, page: Page, file: h5py.File) -> None:
        done = file["status"][...] == 1
        sure, spectral = file["vanishing_guaranteed"][...] == 1, file["spectral_condition"][...] == 1
        rate, peak = file["growth_rate"][...], file["log_jacobian_norm"][...].max(axis=-1)
        rows = page.tables["conditions"][1:]
        self.assertEqual(len(rows), 6)
        for position, row in enumerate(rows):
            said = [sure, spectral & ~sure, ~spectral][position % 3] & done
            seen = [(rate <= 1e-9) & (peak <= 1e-9), (rate <= 1e-9) & (peak > 1e-9), rate > 1e-9]
            self.assertEqual(counts(row[2:]), [np.sum((said & kind)[position // 3]) for kind in seen])

    @staticmethod
    def _position(file: h5py.File, row: list[str]) -> tuple[int, int]:
        """Positions of a row's activation and ensemble."""
        names = [[value.decode() for value in file[axis][...]] for axis in ("activation", "ensemble")]
        return names[0].index(row[0]), names[1].index(row[1])

    # Unusual files -------------------------------------------------------------------------------------------------

    def test_single_cell(self) -> None:
        results = self.path("one.h5")
        make(
            results,
            activations=("tanh",),
            ensembles=("ginibre",),
            hidden_sizes=(8,),
            replicas=1,
            radii=(0.9,),
            gammas=(1.0,),
            lags=(4,),
            frobenius=False,
        )
        page = self.report(results, "--figures", self.path("deep/figures"))
        self.assertEqual(list(page.figures), [])  # one number is no picture, and a table has it
        self.assertEqual(os.listdir(self.path("deep/figures")), [])

    def test_native_untied_and_exact_zeros(self) -> None:
        """`native` has a NaN radius, untied no W, and a chain's product is exactly 0 from lag d on."""
        results = self.path("native.h5")
        make(
            results,
            activations=("identity",),
            ensembles=("ginibre", "untied", "chain"),
            hidden_sizes=(8,),
            replicas=2,
            radii=None,
            gammas=(0.5, 1.0, 2.0),
            lags=(1, 4, 16),
        )
        page = self.report(results)
        growth = {row[1]: row for row in page.tables["growth"][1:]}
        self.assertEqual(counts(growth["ginibre"][2:3]), [6])
        self.assertEqual(growth["ginibre"][4], "100.0 %")
        self.assertEqual(counts(growth["untied"][2:3] + growth["untied"][6:]), [0, 6])
        self.assertEqual(counts(growth["chain"][2:3] + growth["chain"][5:]), [0, 6, 6])
        # No verdict on conditions for untied: the rest are 2 ensembles x 2 replicas x 3 gammas.
        self.assertEqual(sum(sum(counts(row[2:])) for row in page.tables["conditions"][1:]), 12)

    def test_pending_file_without_optional_datasets(self) -> None:
        """A sweep that has just begun, and a file without the datasets that only some sections need."""
        results = self.path("pending.h5")
        make(results, hidden_sizes=(8,), done_fraction=0.0)
        page = self.report(results)
        self.assertEqual(page.figures, [])
        self.assertIn("Nothing to draw yet", self.text)
        results = self.path("bare.h5")
        make(results, activations=("identity",), hidden_sizes=(8,), radii=(0.5, 1.0), gammas=(1.0,), lags=(1, 2))
        with h5py.File(results, "r+") as file:
            for name in (
                "growth_rate",
                "vanishing_guaranteed",
                "weight_norm",
                "weight_spectral_radius",
                "failure_reason",
                "runs",
                "log_frobenius_norm",
            ):
                del file[name]
        page = self.report(results)
        self.assertIn("no growth_rate", self.text)
        self.assertEqual(page.figures, [f"f-{name}" for name in ("phase-identity", "critical", "decay-identity", "rate")])

    def test_file_of_version_1(self) -> None:
        """Made by the last program that wrote it, with finished, failed and pending cells."""
        results = self.path("version1.h5")
        packed = Path(__file__).resolve().parents[1] / "version_1" / "partial.h5.gz"
        Path(results).write_bytes(gzip.decompress(packed.read_bytes()))
        page = self.report(results)
        self.assertEqual(dict(page.tables["provenance"])["format version"], "1")
        self.assertEqual(dict(page.tables["provenance"])["ranks"], "1")
        self.assertIn("f-phase-tanh", page.figures)

    def test_cells_chosen_for_the_decay(self) -> None:
        """One vanishing, one critical and one exploding cell, with gamma 1 where there is a choice; also with `native`,
        where a chain's radius of 0 must not count."""
        results = self.path("grid.h5")
        axes = {"activations": ("identity",), "hidden_sizes": (8,), "replicas": 1, "lags": (1,)}
        make(results, ensembles=("ginibre",), radii=(0.5, 0.75, 1.0, 1.25), gammas=(0.75, 1.0, 1.25), **axes)
        with open_results(results) as opened:
            view = View(opened, {}, {})
            chosen = [(view.radii[c.radius], view.gammas[c.gamma]) for c in choose_cells(view)]
        self.assertEqual(chosen, [(0.75, 1.0), (1.0, 1.0), (1.25, 1.0)])
        make(results, ensembles=("orthogonal", "chain", "untied"), radii=None, gammas=(0.1, 0.7, 1.0, 1.3, 5.0), **axes)
        with open_results(results) as opened:
            view = View(opened, {}, {})
            chosen = [view.gammas[c.gamma] for c in choose_cells(view)]
        self.assertEqual(chosen, [0.7, 1.0, 1.3])

    # Reading by pieces ---------------------------------------------------------------------------------------------

    def test_pieces_of_any_size_count_the_same(self) -> None:
        results = self.path("pieces.h5")
        make(
            results,
            ensembles=("ginibre",),
            hidden_sizes=(8,),
            replicas=3,
            lags=(1, 2, 4),
            failed=(2,),
            done_fraction=0.9,
        )
        with open_results(results) as opened:
            # 9 numbers are one spectral radius; 90 are two replicas of 45.
            for values in (1, 9, 18, 90):
                pieces = list(blocks(opened, values))
                covered = np.zeros(opened["status"].shape, int)
                for block in pieces:
                    covered[tuple(block[name] for name in opened["status"].dims)] += 1
                self.assertTrue(np.all(covered == 1), values)
                self.assertGreater(len(pieces), 2)
            self.assertEqual(len(list(blocks(opened))), 2)  # what fits is read at once
            expected, found = summarize(opened), summarize(opened, 9)
        for name in ("status", "verdicts", "conditions", "failures"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        self.assertEqual(found.conditions.shape[2:], (len(CONDITIONS), len(OBSERVATIONS)))
        self.assertEqual(found.growth[0][0].count, expected.growth[0][0].count)
        self.assertEqual(found.rate_range, expected.rate_range)
        self.assertLess(found.rate_range[0], 0.0)

    def test_sample_is_bounded_and_even(self) -> None:
        sample = PointSample(limit=100)
        for start in range(0, 10_000, 7):
            x = np.arange(start, min(start + 7, 10_000), dtype=float)
            sample.add(x, -x)
        kept = sample.points
        self.assertEqual(sample.offered, 10_000)
        self.assertTrue(50 <= len(kept) <= 100)
        self.assertEqual(len(set(np.diff(kept[:, 0]))), 1)
        np.testing.assert_array_equal(kept[:, 0], -kept[:, 1])

    # What is refused -----------------------------------------------------------------------------------------------

    def test_refusals(self) -> None:
        foreign, text, damaged = self.path("foreign.h5"), self.path("text.h5"), self.path("damaged.h5")
        with h5py.File(foreign, "w") as file:
            file["x"] = 1
        with open(text, "w", encoding="utf-8") as file:
            file.write("not HDF5")
        make(damaged, activations=("identity",), ensembles=("ginibre",), hidden_sizes=(8,), replicas=1, lags=(1,))
        with h5py.File(damaged, "r+") as file:
            del file["status"]
        newer = self.path("newer.h5")
        with h5py.File(newer, "w") as file:
            file.attrs.update(format_version=3, sweep="")
        shard = self.path("shard.h5")
        make(shard, activations=("identity",), ensembles=("ginibre",), hidden_sizes=(8,), replicas=1, lags=(1,))
        with h5py.File(shard, "r+") as file:
            file.attrs["shard"] = "2/4"
        output = self.path("out.html")
        for results, code, reason in (
            (shard, 1, "shard 2/4 of a sweep; gradsweep merge"),
            (foreign, 1, "not a gradsweep results file"),
            (text, 1, "not a readable HDF5 file"),
            (damaged, 1, "without status"),
            (newer, 1, "format version 3"),
            (self.path("none.h5"), 1, "no such file"),
        ):
            found, said = self.command(results, "-o", output)
            self.assertEqual(found, code, said)
            self.assertIn(reason, said)
            self.assertIn(results, said)
            self.assertFalse(os.path.exists(output))
        found, said = self.command(damaged, "-o", self.path("missing/out.html"))
        self.assertEqual(found, 2, said)
        self.assertRegex(said, re.escape(self.path("missing")))
        self.assertEqual(self.command()[0], 2)
        script = [sys.executable, os.path.join(ANALYSIS, "report.py"), foreign, "-o", output]
        ended = subprocess.run(script, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertNotIn("Traceback", ended.stderr)


class Labels(ReportCase):
    """Labels are the user's, and no language of ours: a report never ends because of one."""

    LABELS = [
        r"$\bm{W}$ Ginibre", r"$\sigma_w=$", "$", "$$", r"\$x$", r"$\frac{$", "<b>&amp;", "_hidden", "   ", "\u202e\u200b", "a\tb\nc",
        "\x01", "\u6570\u636e", "\U0001f525", "x" * 3000, "%s {0} {name}", "--><script>", "e\u0301\u2260",
    ]  # fmt: skip

    def rename(self, path: str, labels: list[str]) -> str:
        with h5py.File(path, "a") as file:
            axis = file["ensemble"]
            self.assertEqual(len(axis), len(labels))
            axis[...] = labels
        return path

    def test_a_report_of_such_labels(self) -> None:
        labels = [r"$\bm{W}$ Ginibre", r"$\sigma_w=$", "_<b>&amp;", "\u6570\x01"]
        results = self.path("results.h5")
        make(results, activations=("tanh",), ensembles=("ginibre",) * len(labels), hidden_sizes=(4,), replicas=1,
             radii=(0.5, 1.5), gammas=(1.0,), lags=(1, 2, 4))  # fmt: skip
        page = self.report(self.rename(results, labels))
        self.assertEqual([row[1] for row in page.tables["coverage"][1:]], labels)

    def test_labels_are_literal_text(self) -> None:
        canvas = FigureCanvasAgg(Figure())
        for label in self.LABELS:
            drawn = literal(label)
            for text in (drawn, rf"{drawn}, $\rho$ = 1", rf"tanh, {drawn}"):
                with self.subTest(text[:20]):
                    artist = canvas.figure.text(0.1, 0.5, text)
                    self.assertGreater(artist.get_window_extent(canvas.get_renderer()).width, 0)
            self.assertFalse(drawn.startswith("_") or "\n" in drawn)
            self.assertLessEqual(len(drawn), 8 * 40)
        self.assertEqual(literal(r"$\bm{W}$ Ginibre"), r"\$\bm{W}\$ Ginibre")
        self.assertEqual(literal("\u6570"), r"\u6570")
        self.assertEqual(literal("ginibre"), "ginibre")
        self.assertNotEqual(literal("x" * 50 + "1"), literal("x" * 50 + "2"))


if __name__ == "__main__":
    unittest.main()
