"""The page of the report, and its plane to explore: in a headless Chromium, where there is one; the data of it, everywhere.

Skipped in part, visibly, where there is no Chromium (Debian: apt-get install chromium)."""

from __future__ import annotations

import contextlib
import gzip
import base64
import io
import json
import os
import re
import sys
import tempfile
import unittest

import h5py
import numpy as np
import xarray as xr

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import gradsweep  # noqa: E402
from browser import Browser, find_browser  # noqa: E402
from gradsweep.data.summary import summarize  # noqa: E402
from gradsweep.report import command, explore  # noqa: E402
from gradsweep.report.headline import _moved, _of_activation, headline  # noqa: E402
from make_results import make  # noqa: E402

RADII, GAMMAS, LAGS = (0.5, 1.0, 1.5), (0.5, 1.0), (1, 2, 4, 8)


def packed(text: str, identity: str) -> bytes:
    return gzip.decompress(base64.b64decode(re.search(f'id="{identity}">([^<]*)<', text).group(1)))


class PageCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.results, cls.page = (os.path.join(folder.name, name) for name in ("out.h5", "out.html"))
        make(cls.results, hidden_sizes=(4, 8), radii=RADII, gammas=GAMMAS, lags=LAGS, failed=(1,), title="</script> & plane")
        with gradsweep.open(cls.results) as dataset:
            cls.norms = dataset["log_jacobian_norm"].where(dataset["status"] == 1).values

    def text_of_page(self) -> str:
        if not os.path.exists(self.page):
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(command.main([self.results, "-o", self.page]), 0)
        with open(self.page, encoding="utf-8") as file:
            return file.read()


class Data(PageCase):
    def test_numbers_of_the_block(self) -> None:
        with gradsweep.open(self.results) as dataset:
            text = explore.explore_html(dataset)
        head = json.loads(re.search(r'id="explore-head">(.*?)</script>', text, re.DOTALL).group(1))
        block = packed(text, "explore-block")
        place = head["arrays"]["norm"]
        found = np.frombuffer(block, "<f4", place["count"], place["offset"]).reshape(self.norms.shape)
        done = np.frombuffer(block, "u1", head["arrays"]["status"]["count"], head["arrays"]["status"]["offset"]) == 1
        shown = np.where(done.reshape(self.norms.shape[:-1])[..., np.newaxis], found, np.nan)
        np.testing.assert_array_equal(shown, self.norms.astype(np.float32))
        self.assertEqual([axis["name"] for axis in head["axes"]], [str(name) for name in dataset["status"].dims])
        np.testing.assert_allclose(head["kappa"], np.outer(RADII, GAMMAS).ravel())
        self.assertIn(b"plotly.js", packed(text, "plotly")[:200])

    def test_thinned_to_what_a_page_holds(self) -> None:
        """At most so many numbers, whatever the grid, and a sentence of what is left out; what fits is whole."""
        with gradsweep.open(self.results) as dataset:
            self.assertEqual(explore.thinned(dataset)[1], "")
            whole, explore.MOST_NUMBERS = explore.MOST_NUMBERS, 700
            self.addCleanup(setattr, explore, "MOST_NUMBERS", whole)
            part, said = explore.thinned(dataset)
        self.assertLess(part["status"].size * (4 + 2.25 * part.sizes["lag"]), 700)
        self.assertIn("2 of 4 values of lag", said)
        self.assertEqual(part["lag"].values.tolist(), [1, 8])

    def test_large_figures_are_images(self) -> None:
        """Of 256 colours, where the drawing would be long."""
        with gradsweep.open(self.results) as dataset:
            figure = gradsweep.plot_decay(dataset)
            self.assertTrue(command.write_figure(figure, None, dataset).startswith("data:image/svg+xml,"))
            self.addCleanup(setattr, command, "SVG_BYTES", command.SVG_BYTES)
            command.SVG_BYTES = 100
            found = command.write_figure(figure, None, dataset)
        self.assertTrue(found.startswith("data:image/png;base64,"))
        self.assertEqual(base64.b64decode(found.partition(",")[2])[25], 3)  # PNG's colour type of palettes

    def test_headline(self) -> None:
        with gradsweep.open(self.results) as dataset:
            said = headline(dataset, summarize(dataset))
            orthogonal = gradsweep.critical(gradsweep.select(dataset, activation="identity", ensemble="orthogonal"), "coupling")
        self.assertRegex(said, rf"<b>identity</b> explodes from κ = .*{float(orthogonal['critical'].values.ravel()[-1]):.3g} \(orthogonal\) on")
        self.assertRegex(said, r"In \d+ of \d+ cells the conditions disagree|agree in every finished cell")

    def test_headline_of_many_ensembles(self) -> None:
        """The outermost edges, and numbers instead of names."""
        verdicts, edges = ["one"] * 5 + ["vanishes everywhere"] * 2, [1.5, 1.25, 2.5, 2.0, 1.75, np.nan, np.nan]
        columns = {"critical": edges, "verdict": np.array(verdicts, object)}
        here = xr.Dataset({name: ("ensemble", values) for name, values in columns.items()}, {"ensemble": list("abcdefg")})
        self.assertEqual(_of_activation("tanh", here), "<b>tanh</b> explodes from κ = 1.25 (b) to 2.5 (c) on, by ensemble; it "
                                                       "vanishes everywhere (f, g).")  # fmt: skip
        here["verdict"][:5] = "vanishes everywhere"
        self.assertIn("vanishes everywhere (7 of 7 ensembles).", _of_activation("tanh", here))

    def test_headline_compares_drives(self) -> None:
        """Edges and intervals as they are given: apart, overlapping, and none at the strongest."""
        def moved(critical: list, verdicts: list, width: float) -> str:
            place = np.array(critical)
            columns = {"critical": place, "low": place - width, "high": place + width, "verdict": np.array(verdicts, object)}
            return _moved(xr.Dataset({name: ("input_scale", values) for name, values in columns.items()},
                                     {"input_scale": [0.0, 0.5]}), "input_scale", "")  # fmt: skip

        apart = moved([1.25, 1.75], ["one", "one"], 0.125)
        self.assertEqual(apart, "Stronger inputs keep gradients from exploding up to stronger weights: it explodes beyond κ = 1.25 "
                                "at strength 0, 1.75 at strength 0.5.")  # fmt: skip
        self.assertIn("do not move the edge beyond", moved([1.25, 1.75], ["one", "one"], 0.5))
        self.assertIn("from weaker weights", moved([1.75, 1.25], ["one", "one"], 0.125))
        gone = moved([1.25, np.nan], ["one", "vanishes everywhere"], 0.125)
        self.assertIn("up to stronger weights", gone)
        self.assertIn("; at 0.5 it vanishes everywhere.", gone)
        self.assertEqual(moved([np.nan, np.nan], ["several crossings", "nothing finished"], 0.125), "")


@unittest.skipUnless(find_browser(), "no Chromium (Debian: apt-get install chromium)")
class InBrowser(PageCase):
    def test_the_page_is_explored(self) -> None:
        """Loads without errors and network; slider, selectors, clicks and keys change what is shown; dark and narrow."""
        self.text_of_page()
        self.assertLess(os.path.getsize(self.page), 8e6)
        with Browser() as browser:
            browser.show(self.page, 1200, 1600)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            self.assertEqual(browser.evaluate("document.querySelector('h1').textContent"), "</script> & plane")
            self._plane(browser)
            self._cell(browser)
            self._table(browser)
            white = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            browser.show(self.page, 390, 900, dark=True)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            black = browser.evaluate("getComputedStyle(document.body).backgroundColor")
            self.assertEqual((white, black), ("rgb(255, 255, 255)", "rgb(22, 22, 22)"))
            self.assertLessEqual(browser.evaluate("document.documentElement.scrollWidth"), 390)
            # What is drawn is drawn in the reader's colours.
            self.assertNotIn("#222222", browser.evaluate("document.getElementById('plane').layout.font.color"))
            self.assertEqual(browser.errors, [])
            self.assertEqual([url for url in browser.requests if not url.startswith(("file:", "data:", "blob:"))], [])

    def test_steps_of_the_slider_are_cheap(self) -> None:
        """Steps that come faster than frames are drawn once. Lines of many couplings have no marks, cells of one coupling are one point,
        and the replicas' range is a band."""
        results, page = self.results + "2", self.page + "2.html"
        radii, gammas = tuple(np.round(np.linspace(0.5, 1.4, 40), 6)), (0.4, 0.5, 0.8, 1.0)
        make(results, activations=("identity",), ensembles=("ginibre",), hidden_sizes=(4,), replicas=2, radii=radii, gammas=gammas, lags=LAGS)
        with gradsweep.open(results) as dataset, open(page, "w", encoding="utf-8") as file:
            file.write(f"<!DOCTYPE html><meta charset=utf-8><body>{explore.explore_html(dataset)}")
            norms = dataset["log_jacobian_norm"].values[0, 0, 0, ..., 1].reshape(2, -1) / LAGS[1]
            kappa = np.outer(radii, gammas).ravel()
        points, places = np.unique([float(f"{value:.12g}") for value in kappa], return_index=True)
        self.assertLess(len(points), len(kappa))
        with Browser() as browser:
            browser.show(page, 900, 900)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            drawn = browser.evaluate(
                "(async () => { let count = 0; const react = Plotly.react; Plotly.react = (...all) => { count++; return react(...all); };"
                " for (const at of [0, 2, 1]) { lag.value = at; lag.dispatchEvent(new Event('input')); }"
                " await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))); return count; })()"
            )
            self.assertEqual(drawn, 1)
            np.testing.assert_allclose(self._drawn(browser), norms.mean(axis=0).reshape(len(radii), -1).T, rtol=1e-5)
            browser.evaluate("(box => { box.value = 'kappa'; box.dispatchEvent(new Event('change')); })"
                             "(document.getElementById('choose-view'))")  # fmt: skip
            low, high, line = browser.evaluate("document.getElementById('plane').data.slice(0, 3).map(({x, y, mode}) => ({x, y, mode}))")
            self.assertEqual((low["mode"], line["mode"]), ("lines", "lines"))
            np.testing.assert_allclose(line["x"], points)
            for drawn, expected in ((low, norms.min(axis=0)), (line, norms.mean(axis=0)), (high, norms.max(axis=0))):
                np.testing.assert_allclose(drawn["y"], expected[places], rtol=1e-5)
            self.assertEqual(browser.errors, [])

    def test_unfinished(self) -> None:
        """The page begins where something is finished; cells that are not have no verdicts, and say what they are."""
        results, page = self.results + "3", self.page + "3.html"
        make(results, activations=("identity", "tanh"), ensembles=("ginibre",), hidden_sizes=(4,), replicas=2, radii=RADII, gammas=GAMMAS,
             lags=LAGS, done_fraction=0.25)  # fmt: skip
        with h5py.File(results, "r+") as file:
            file["bound_check"][...] = np.where(file["status"][...][..., np.newaxis] == 1, file["bound_check"][...], 255)
        with gradsweep.open(results) as dataset, open(page, "w", encoding="utf-8") as file:
            file.write(f"<!DOCTYPE html><meta charset=utf-8><body>{explore.explore_html(dataset)}")
        table = "document.getElementById('cell-verdicts').textContent"
        with Browser() as browser:
            browser.show(page, 900, 900)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            self.assertEqual(browser.evaluate("document.getElementById('choose-activation').value"), "0")
            self.assertIn("1 of 2 replicas pending, 1 of 2 replicas done", browser.evaluate(table))
            self.assertNotIn("violated", browser.evaluate(table))
            browser.evaluate("(box => { box.value = '1'; box.dispatchEvent(new Event('change')); })"
                             "(document.getElementById('choose-activation'))")  # fmt: skip
            self.assertEqual(browser.evaluate("document.getElementById('plane').layout.annotations[0].text"), "pending")
            self.assertRegex(browser.evaluate(table), "^statuspendingκ = ρ\\(W\\) γ[0-9.]+$")
            self.assertEqual(browser.errors, [])

    def test_lines_of_drives(self) -> None:
        """Of one size the strengths of the drive are compared; a click on one chooses it, and the selector says so."""
        results, page = self.results + "4", self.page + "4.html"
        make(results, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(4,), replicas=2, radii=RADII, gammas=(1.0,), lags=LAGS)
        with gradsweep.open(results) as dataset, open(page, "w", encoding="utf-8") as file:
            parts = [dataset.load().assign(log_jacobian_norm=dataset["log_jacobian_norm"] - drive) for drive in (0.0, 1.0)]
            axes = [*dataset["status"].dims]
            both = xr.concat(parts, xr.IndexVariable("input_scale", [0.0, 1.0]), data_vars=[n for n in dataset if dataset[n].dims[: len(axes)] == tuple(axes)])
            both = both.transpose(*axes[:4], "input_scale", *axes[4:], ...).assign_attrs(dataset.attrs)
            file.write(f"<!DOCTYPE html><meta charset=utf-8><body>{explore.explore_html(both)}")
        with Browser() as browser:
            browser.show(page, 900, 900)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            browser.evaluate("(box => { box.value = 'kappa'; box.dispatchEvent(new Event('change')); })"
                             "(document.getElementById('choose-view'))")  # fmt: skip
            lines = browser.evaluate("document.getElementById('plane').data.slice(0, 2).map((one) => [one.name, one.y])")
            self.assertEqual([name for name, _ in lines], ["drive = 0", "drive = 1"])
            np.testing.assert_allclose(np.subtract(lines[0][1], lines[1][1]), 1.0 / LAGS[-1], rtol=1e-4)
            browser.evaluate("choose(document.getElementById('plane').data[1].customdata[2][0])")
            self.assertEqual(browser.evaluate("document.getElementById('choose-input_scale').value"), "1")
            self.assertIn("drive = 1", browser.evaluate("document.getElementById('cell-title').textContent"))
            self.assertEqual(browser.errors, [])

    def test_one_network(self) -> None:
        """No plane, no slider: the cell alone with its exponents, drawn without errors."""
        results, page = self.results + "1", self.page + "1.html"
        make(results, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(4,), replicas=1, radii=None, gammas=(1.0,), lags=LAGS)
        exponents = [0.25, -0.5, -1.5, -np.inf]
        with h5py.File(results, "r+") as file:
            file["index"] = np.arange(4)
            file["index"].make_scale("index")
            file["lyapunov_exponent"] = np.reshape(exponents, (*file["status"].shape, 4))
            for position, scale in enumerate([*(dimension[0] for dimension in file["status"].dims), file["index"]]):
                file["lyapunov_exponent"].dims[position].attach_scale(scale)
        with gradsweep.open(results) as dataset, open(page, "w", encoding="utf-8") as file:
            file.write(f"<!DOCTYPE html><meta charset=utf-8><body>{explore.explore_html(dataset)}")
            norms = dataset["log_jacobian_norm"].values.ravel()
        with Browser() as browser:
            browser.show(page, 800, 800)
            browser.wait_for("document.getElementById('explore').dataset.ready === 'yes'")
            decay = browser.evaluate("document.getElementById('decay').data.find(one => one.name === 'ln‖J‖').y")
            np.testing.assert_allclose(decay, norms, rtol=1e-5)
            self.assertTrue(browser.evaluate("document.getElementById('plane').hidden"))
            shown = browser.evaluate("document.getElementById('exponent').data[0]")
            self.assertEqual((shown["x"], shown["y"]), ([0.125, 0.375, 0.625, 0.875], [0.25, -0.5, -1.5, None]))  # exact zeros left out
            self.assertIn("Lyapunov exponent0.25 a step", browser.evaluate("document.getElementById('cell-verdicts').textContent"))
            self.assertEqual(browser.errors, [])

    def _drawn(self, browser: Browser) -> np.ndarray:
        values = browser.evaluate("document.getElementById('plane').data[0].z")
        return np.array([[np.nan if value is None else value for value in row] for row in values])

    def _expected(self, activation: int, ensemble: int, size: int, lag: int) -> np.ndarray:
        """Mean over the finished replicas, [gamma, radius]."""
        return np.nanmean(self.norms[activation, ensemble, size, ..., lag], axis=0).T / LAGS[lag]

    def _plane(self, browser: Browser) -> None:
        np.testing.assert_allclose(self._drawn(browser), self._expected(1, 0, 1, 3), rtol=1e-5)
        browser.evaluate("lag.value = 1; lag.dispatchEvent(new Event('input'))")
        self.assertEqual(browser.evaluate("document.getElementById('lag-value').textContent"), "2")  # at once; the plane, with the next frame
        browser.wait_for("!page.waiting")
        np.testing.assert_allclose(self._drawn(browser), self._expected(1, 0, 1, 1), rtol=1e-5)
        self.assertEqual(browser.evaluate("document.getElementById('lag-value').textContent"), "2")
        for name, value in (("activation", 0), ("ensemble", 1), ("hidden_size", 0)):
            browser.evaluate(f"(box => {{ box.value = {value}; box.dispatchEvent(new Event('change')); }})"
                             f"(document.getElementById('choose-{name}'))")  # fmt: skip
        np.testing.assert_allclose(self._drawn(browser), self._expected(0, 1, 0, 1), rtol=1e-5)
        browser.evaluate("(box => { box.value = '1'; box.dispatchEvent(new Event('change')); })"
                         "(document.getElementById('choose-replica'))")  # fmt: skip
        np.testing.assert_allclose(self._drawn(browser), self.norms[0, 1, 0, 1, ..., 1].T / 2, rtol=1e-5)
        self.assertIn("Heat map", browser.evaluate("document.getElementById('plane').getAttribute('aria-label')"))

    def _cell(self, browser: Browser) -> None:
        """A click in the middle of the last column and lower row chooses that cell; an arrow key the one above."""
        box = browser.evaluate(
            "(() => { const b = document.querySelector('#plane .nsewdrag').getBoundingClientRect();"
            " return [b.left, b.top, b.width, b.height]; })()"
        )
        browser.click(box[0] + box[2] * 5 / 6, box[1] + box[3] * 3 / 4)
        title = "document.getElementById('cell-title').textContent"
        browser.wait_for(f"{title}.includes('ρ = 1.5, γ = 0.5')")
        decay = browser.evaluate("document.getElementById('decay').data.find(one => one.name === 'ln‖J‖').y")
        np.testing.assert_allclose(decay, self.norms[0, 1, 0, 1, 2, 0], rtol=1e-5)
        browser.evaluate("document.getElementById('plane').focus()")
        browser.press("ArrowUp")
        browser.wait_for(f"{title}.includes('ρ = 1.5, γ = 1')")
        self.assertIn("4 within rounding", browser.evaluate("document.getElementById('cell-verdicts').textContent"))

    def _table(self, browser: Browser) -> None:
        browser.evaluate("saveTable()")
        text = browser.evaluate("fetch(document.getElementById('csv').href).then(one => one.text())")
        rows = [line.split(",") for line in text.splitlines()]
        self.assertEqual(len(rows), 1 + len(RADII) * len(GAMMAS) * len(LAGS))  # the replica in view
        place = {name: column for column, name in enumerate(rows[0])}
        for row in rows[1:]:
            if (row[place["spectral_radius"]], row[place["gamma"]], row[place["lag"]]) == ("1.5", "0.5", "8"):
                self.assertAlmostEqual(float(row[place["log_jacobian_norm"]]), self.norms[0, 1, 0, 1, 2, 0, 3], places=4)


if __name__ == "__main__":
    unittest.main()
