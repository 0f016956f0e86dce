"""The figures, on results files made by NumPy with datasets of known values: what is drawn is what is in the file; gaps
(pending, failed, NaN, -inf, absent datasets) leave gaps; and every figure of every file is a figure or a clear sentence.

Figures are built, and drawn only where that is the question: drawing is the slow part.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

import h5py
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = os.path.dirname(os.path.abspath(__file__))
ANALYSIS = os.path.join(HERE, "..", "..", "analysis")
sys.path[:0] = [HERE, ANALYSIS]

import gradsweep  # noqa: E402
import report  # noqa: E402
from gradsweep.plots import phase  # noqa: E402
from gradsweep.plots.curves import CURVE  # noqa: E402
from gradsweep.plots.phase import ZERO_LINE  # noqa: E402
from gradsweep.plots.plane import condition_codes  # noqa: E402
from gradsweep.plots.spectra import log_eigenvalues  # noqa: E402
from gradsweep.plots.view import Choice, Network, View, choose_cells  # noqa: E402
from gradsweep.report.anchors import anchors_table  # noqa: E402
from make_results import make  # noqa: E402

D, LAGS, LAST = 4, np.arange(1, 6), 25
STEPS = np.arange(LAST - 2, LAST + 1)
GRID = {
    "activations": ("identity", "tanh"),
    "ensembles": ("ginibre", "nonnormal"),
    "hidden_sizes": (D,),
    "replicas": 2,
    "radii": (0.6, 0.9, 1.2),
    "gammas": (0.7, 1.0, 1.3),
    "lags": tuple(LAGS),
}
MEASURED = (
    ("log_step_bound", "lag"),
    ("log_step_norm_max", "lag"),
    ("log_initial_error_norm", ""),
    ("log_error_norm", "lag"),
    ("log_contribution", "lag"),
    ("log_total_gradient_norm", ""),
    ("cancellation", ""),
    ("log_step_gradient_norm", "step"),
    ("log_contribution_map", "step lag"),
    ("expansion_residual", "lag"),
    ("eigenbasis_condition", ""),
    ("log_singular_value", "lag index"),
)
FIGURES = {"chain-identity", "chain-tanh", "contributions", "triangle", "cancellation"} | {
    "singular-identity",
    "singular-tanh",
    "expansion",
    "conditions-map",
}
PLOTS = [name for name in gradsweep.__all__ if name.startswith("plot_")]


def add_measures(path: str) -> None:
    """Datasets of all measures, of the format's shapes, with values that a test can tell apart."""
    with h5py.File(path, "r+") as file:
        for name, values in (("step", STEPS), ("index", np.arange(D))):
            file[name] = values
            file[name].make_scale(name)
        cell = file["status"].shape
        rng = np.random.default_rng(5)
        done = file["status"][...] == 1
        for name, dims in MEASURED:
            shape = (*cell, *(len(file[dim]) for dim in dims.split()))
            values = rng.uniform(-2.0, -1.0, shape)
            if name in ("cancellation", "expansion_residual"):
                values = np.exp(values) * (1.0 if name == "cancellation" else 1e-15)
            elif name == "eigenbasis_condition":
                values = -values
            if name in ("expansion_residual", "eigenbasis_condition"):
                values[1:] = np.nan  # not for tanh
            values[~done] = np.nan
            _attach(file, name, values, [*_dims(file["status"]), *dims.split()])
        for name in ("eigenvalue_re", "eigenvalue_im"):
            values = rng.uniform(0.5, 1.0, (*file["weight_norm"].shape, D))
            _attach(file, name, values, [*_dims(file["weight_norm"]), "index"])


def _dims(dataset: h5py.Dataset) -> list[str]:
    return [dimension[0].name.lstrip("/") for dimension in dataset.dims]


def _attach(file: h5py.File, name: str, values: np.ndarray, dims: list[str]) -> None:
    file[name] = values
    for position, dimension in enumerate(dims):
        file[name].dims[position].attach_scale(file[dimension])


class PlotCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "theory.h5")
        make(self.path, **GRID)
        add_measures(self.path)

    def make_smaller(self) -> None:
        """One activation and one ensemble, for tests that draw everything."""
        make(self.path, **{**GRID, "activations": ("identity",), "ensembles": ("nonnormal",), "lags": (1, 2, 3)})
        add_measures(self.path)

    def pictures(self) -> dict[str, Figure]:
        """All figures of the later measures by name, built but not drawn."""
        found = {}
        with gradsweep.open(self.path) as dataset:
            plots = {"plot_chain": True, "plot_contributions": False, "plot_triangle": False, "plot_cancellation": False}
            plots.update({"plot_conditions_map": False, "plot_spectrum": True, "plot_expansion": False})
            for name, for_each in plots.items():
                selections = [{"activation": value} for value in dataset["activation"].values] if for_each else [{}]
                for selection in selections:
                    try:
                        figure = getattr(gradsweep, name)(dataset, **selection)
                    except gradsweep.NothingToDraw as reason:
                        self.assertRegex(str(reason), r"\w+ \w+ \w+")
                        continue
                    found[figure.description.name] = figure
        return found

    def change(self, name: str, index: object, value: object) -> None:
        with h5py.File(self.path, "r+") as file:
            file[name][index] = value


class LaterMeasures(PlotCase):
    def test_whole_page(self) -> None:
        """Everything written: pending cells, exact zeros and missing numbers among the rest."""
        self.make_smaller()
        self.change("status", (slice(None), 0, 0, 0, 1), 0)
        self.change("log_error_norm", (..., 0, 1, 2), -np.inf)
        self.change("log_contribution_map", (..., 1, 0), -np.inf)
        self.change("log_singular_value", (..., D - 1), -np.inf)
        self.change("cancellation", (..., 0), np.nan)
        self.change("cancellation", (0, 0, 0, 0, 0, 1), 0.0)
        self.change("expansion_residual", (0, 0, 0, 1), np.nan)
        page = os.path.join(os.path.dirname(self.path), "report.html")
        figures = os.path.join(os.path.dirname(self.path), "theory-figures")
        self.assertEqual(report.main([self.path, "-o", page, "--figures", figures]), 0)
        drawn = {name for name in FIGURES if not name.endswith("tanh")}
        for name in drawn:
            for suffix in (".png", ".pdf"):
                self.assertGreater(os.path.getsize(os.path.join(figures, name + suffix)), 5000, name)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        for name in drawn:
            self.assertIn(f'<figure id="f-{name}">', text)
        for section in ("chain", "gradient", "spectra"):
            self.assertIn(f'<h2 id="s-{section}">', text)

    def test_triangle_stands_at_k_and_t(self) -> None:
        with gradsweep.open(self.path) as dataset:
            place = (0, 0, 0, 0, *choose_cells(View(dataset, {}, {}))[0])
            values, whole = (dataset[name].values[place] for name in ("log_contribution_map", "log_step_gradient_norm"))
            axes = gradsweep.plot_triangle(dataset).axes[0]  # identity, ginibre, the first chosen cell
        mesh = axes.collections[0]
        drawn = mesh.get_array().reshape(len(STEPS), -1)
        left = mesh.get_coordinates()[0, 0, 0]
        for row, t in enumerate(STEPS):
            for column, lag in enumerate(LAGS):
                k = t - lag
                self.assertEqual(drawn[row, int(k - left)], values[row, column] - whole[row])
        self.assertEqual(np.ma.count(drawn), values.size)

    def test_lags_apart_stand_side_by_side(self) -> None:
        with h5py.File(self.path, "r+") as file:
            file["lag"][...] = [1, 2, 4, 8, 16]
        with gradsweep.open(self.path) as dataset:
            mesh = gradsweep.plot_triangle(dataset).axes[0].collections[0]
        self.assertEqual(mesh.get_array().size, len(STEPS) * len(LAGS))

    def test_conditions_over_the_plane(self) -> None:
        """Codes equal a count of their own, cell by cell; the replica that grows most counts."""
        with gradsweep.open(self.path) as dataset, h5py.File(self.path, "r", locking=False) as file:
            view = View(dataset, {}, {})
            for ensemble in range(2):
                codes = condition_codes(view, Network(1, ensemble, 0))
                for radius, gamma in np.ndindex(*codes.shape):
                    expected = 0
                    for replica in range(2):
                        cell = (1, ensemble, 0, replica, radius, gamma)
                        sure, spectral = file["vanishing_guaranteed"][cell], file["spectral_condition"][cell]
                        observed = 3 + (file["log_jacobian_norm"][cell].max() > 1e-9)
                        if file["growth_rate"][cell] > 1e-9:
                            observed = 5
                        expected = max(expected, 1 if sure else observed if spectral else 2)
                    self.assertEqual(codes[radius, gamma], expected)
        self.change("status", (1, 0), 0)
        with gradsweep.open(self.path) as dataset:
            self.assertFalse(condition_codes(View(dataset, {}, {}), Network(1, 0, 0)).any())

    def test_bars_that_would_all_be_full_are_words(self) -> None:
        """Shares of what was observed are drawn where more than one thing was."""
        with h5py.File(self.path, "r+") as file:
            only = (file["spectral_condition"][...] == 1) & (file["vanishing_guaranteed"][...] == 0)
            places = np.argwhere(only & (file["status"][...] == 1))
            norms, rates = file["log_jacobian_norm"][...], file["growth_rate"][...]
            norms[only], rates[only] = -1.0, -1.0
            file["log_jacobian_norm"][...], file["growth_rate"][...] = norms, rates
        self.assertGreater(len(places), 1)
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_conditions(dataset)
            self.assertEqual(len(figure.axes), 1)
            self.assertIn(f"all {len(places)}: ", figure.description.caption)
        with h5py.File(self.path, "r+") as file:
            norms[tuple(places[0])] = 1.0
            file["log_jacobian_norm"][...] = norms
        with gradsweep.open(self.path) as dataset:
            self.assertEqual(len(gradsweep.plot_conditions(dataset).axes), 2)

    def test_eigenvalues_of_the_scaled_weights(self) -> None:
        with gradsweep.open(self.path) as dataset:
            found = log_eigenvalues(View(dataset, {}, {}), Network(0, 1, 0), Choice(2, 0), 1)
            modulus = np.abs(dataset["eigenvalue_re"].values[1, 0, 1] + 1j * dataset["eigenvalue_im"].values[1, 0, 1])
            expected = np.log(0.7 * 1.2 / dataset["weight_spectral_radius"].values[1, 0, 1] * modulus)
        np.testing.assert_allclose(found, expected, rtol=1e-13)  # a few roundings

    def test_points_of_the_expansion(self) -> None:
        """Every number of the file is a point, residuals of 0 and NaN are counted instead."""
        self.change("expansion_residual", (0, 0, 0, 0, 0, 0, 0), 0.0)
        self.change("expansion_residual", (0, 1, 0, 1, 0, 0, slice(0, 2)), np.nan)
        with gradsweep.open(self.path) as dataset:
            picture = gradsweep.plot_expansion(dataset)
        points = np.concatenate([np.asarray(group.get_offsets()) for group in picture.axes[0].collections])
        self.assertEqual(len(points), 2 * 2 * 9 * len(LAGS) - 3)
        with h5py.File(self.path) as file:
            scaled = file["eigenbasis_condition"][0, 1, 0, 0, 2, 1] * LAGS[3]
            residual = file["expansion_residual"][0, 1, 0, 0, 2, 1, 3]
        self.assertTrue(np.any(np.all(points == [scaled, residual], axis=1)))
        self.assertIn("1 distances that are exactly 0", picture.description.note)
        self.assertIn("2 that have no number", picture.description.note)

    def test_nothing_finished_nothing_drawn(self) -> None:
        self.change("status", ..., 0)
        self.assertEqual(set(self.pictures()), set())

    def test_absent_datasets_and_a_line(self) -> None:
        """Files of single measures have their figures alone; one gamma makes the plane of cancellation a line."""
        make(self.path, **{**GRID, "gammas": (1.0,)})
        self.assertEqual(set(self.pictures()), set())
        add_measures(self.path)
        self.assertEqual(set(self.pictures()), FIGURES - {"conditions-map"})
        with h5py.File(self.path, "r+") as file:
            del file["log_step_bound"], file["log_contribution_map"], file["eigenvalue_re"], file["cancellation"]
        self.assertEqual(set(self.pictures()), {"contributions", "singular-identity", "singular-tanh", "expansion"})

    def test_nan_and_minus_infinity_everywhere(self) -> None:
        """Finished cells without any finite number, as where all products are exactly 0."""
        self.make_smaller()
        for value in (-np.inf, np.nan):
            for name, _ in MEASURED:
                self.change(name, ..., value)
            for picture in self.pictures().values():
                FigureCanvasAgg(picture).draw()


class EveryFile(unittest.TestCase):
    """Every figure of every kind of file: a figure with a caption, or a sentence why there is none."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "file.h5")

    def draw_all(self, expected: str) -> dict[str, Figure]:
        """The figures by their names without plot_, which must be the expected ones."""
        found = {}
        with gradsweep.open(self.path) as dataset:
            for name in PLOTS:
                with self.subTest(name):
                    try:
                        figure = getattr(gradsweep, name)(dataset, everything=True)  # which every figure knows
                    except gradsweep.NothingToDraw as reason:
                        self.assertRegex(str(reason), r"(\w+\W+){4}")
                        continue
                    FigureCanvasAgg(figure).draw()
                    said = figure.description
                    self.assertTrue(said.name and said.title and len(said.caption) > 60)
                    found[name.removeprefix("plot_")] = figure
        self.assertEqual(sorted(found), sorted(expected.split()))
        return found

    def test_one_network(self) -> None:
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(8,), replicas=1, radii=None,
             gammas=(1.0,))  # fmt: skip
        self.draw_all("decay rate")

    def test_failed_and_pending(self) -> None:
        grid = {"activations": ("tanh",), "ensembles": ("ginibre",), "hidden_sizes": (4,), "radii": (0.5, 1.5)}
        make(self.path, **grid, replicas=1, gammas=(1.0,), failed=(0, 1))
        self.draw_all("")
        make(self.path, **grid, replicas=1, gammas=(0.5, 1.0), failed=(0,), done_fraction=0.7)
        figure = self.draw_all("phase decay rate growth half_life conditions conditions_map")["phase"]
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(legend[-2:], ["failed", "pending"])

    def test_version_1(self) -> None:
        packed = Path(__file__).resolve().parents[1] / "version_1" / "partial.h5.gz"
        Path(self.path).write_bytes(gzip.decompress(packed.read_bytes()))
        self.draw_all("phase decay rate growth half_life conditions conditions_map critical contributions triangle eigenvalues "
                      "cancellation spectrum")  # fmt: skip

    def test_more_axes(self) -> None:
        """A drive strength between replica and spectral_radius: an axis of the plane, or one value of it, which is said."""
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(8,), radii=(0.5, 1.0, 1.5),
             gammas=(0.5, 1.0), lags=(1, 2, 4), input_scales=(0.1, 1.0, 10.0))  # fmt: skip
        found = self.draw_all("phase decay rate growth half_life critical")
        self.assertIn("At input scale = 0.1.", found["phase"].description.note)
        self.assertGreater(found["critical"].axes[0].get_xlim()[1], 10.0)  # against the drive, not the one hidden size
        for name in ("half_life", "decay", "rate"):
            legend = [text.get_text() for text in found[name].legends[0].get_texts()]
            self.assertEqual(legend[:3], ["drive = 0.1", "drive = 1", "drive = 10"], name)
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_phase(dataset, y="input_scale")
            self.assertIn("At gamma = 1.", figure.description.note)
            drawn = figure.axes[0].collections[0].get_array().reshape(3, 3)
            rates = dataset["log_jacobian_norm"].values[0, 0, 0, :, :, :, 1, -1].mean(axis=0) / 4
            np.testing.assert_allclose(drawn, rates, rtol=1e-12)
            weaker = gradsweep.plot_phase(dataset, y="input_scale", gamma=0.5).axes[0]
            turned = gradsweep.plot_phase(dataset, x="input_scale", y="spectral_radius", gamma=0.5).axes[0]
            for places in ([line.get_xdata() for line in weaker.lines], [line.get_ydata() for line in turned.lines]):
                self.assertIn([2.0, 2.0], [list(place) for place in places])  # gamma rho = 1
            self._check_dots(dataset)
            self._check_beyond(dataset)
            self._check_drives(dataset, found["decay"].axes[-1], found["rate"].axes[-1])
            for wrong in ({"x": "colour"}, {"x": "activation"}, {"x": "coupling"}, {"lag": 3}, {"x": "gamma", "y": "gamma"}):
                self.assertRaises(ValueError, gradsweep.plot_phase, dataset, **wrong)
            same = gradsweep.plot_phase(dataset, x="coupling", y="input_scale", gamma=1)  # the one that has several values
            np.testing.assert_allclose(same.axes[0].collections[0].get_array().reshape(3, 3), rates, rtol=1e-12)
            self.assertRaises(ValueError, gradsweep.plot_critical, dataset, x="gamma")
            for plot, lines in (("half_life", "replica"), ("decay", "activation"), ("rate", "hidden_size")):
                self.assertRaises(ValueError, getattr(gradsweep, f"plot_{plot}"), dataset, lines=lines)
            self.assertRaises(ValueError, gradsweep.select, dataset, gamma=slice(3, 4))
            strong = gradsweep.plot_decay(dataset, input_scale=10, spectral_radius=1.5, gamma=1)
            norms = dataset["log_jacobian_norm"].values[0, 0, 0, :, 2, 2, 1].mean(axis=0)
            np.testing.assert_allclose(strong.axes[0].lines[0].get_ydata(), norms, rtol=1e-12)
            self.assertEqual(strong.description.note, "")

    def _check_dots(self, dataset: xr.Dataset) -> None:
        """On all cells that explode; of a fine plane on every n-th row and column alone."""
        rates = dataset["log_jacobian_norm"].values[0, 0, 0, :, :, :, 1, -1].mean(axis=0)
        for most, shown in ((45, rates), (2, rates[1::2, 1::2])):
            with unittest.mock.patch.object(phase, "MOST_DOTS", most):
                axes = gradsweep.plot_phase(dataset, y="input_scale", gamma=1).axes[0]
            dots = [line for line in axes.lines if line.get_marker() == "."]
            self.assertEqual(sum(len(line.get_xdata()) for line in dots), int((shown > 1e-9).sum()))

    def _check_drives(self, dataset: xr.Dataset, decay: Axes, rate: Axes) -> None:
        """A line a strength at the last of the chosen cells, kappa = 1.5, and of decay one bound for all; rate has lines of
        activations when these are asked for, at the weakest."""
        norms = dataset["log_jacobian_norm"].values[0, 0, 0, :, :, 2, 1].mean(axis=0)  # [strength, lag]
        bound = dataset["log_norm_bound"].values[0, 0, 0, :, 0, 2, 1].mean(axis=0)
        lines = [line for line in decay.lines if len(line.get_xdata()) == 3]
        self.assertEqual(len(lines), 4)
        for line, expected in zip(lines, (norms[0], bound, norms[1], norms[2])):
            np.testing.assert_allclose(line.get_ydata(), expected, rtol=1e-12)
        curves = [line.get_ydata() for line in rate.lines if len(line.get_xdata()) == 3]
        np.testing.assert_allclose(curves, norms / (1, 2, 4), rtol=1e-12)
        weakest = gradsweep.plot_rate(dataset, lines="activation")
        self.assertIn("At input scale = 0.1.", weakest.description.note)
        np.testing.assert_allclose(weakest.axes[-1].lines[0].get_ydata(), norms[0] / (1, 2, 4), rtol=1e-12)

    def _check_beyond(self, dataset: xr.Dataset) -> None:
        """Triangles stand where a replica's norm does not stay below 1/2, a row for each strength, points where all do."""
        axes = gradsweep.plot_half_life(dataset).axes[0]
        lives = dataset.gradsweep.half_life().values[0, 0, 0]  # [replica, strength, radius, gamma]
        kappa = np.outer((0.5, 1.0, 1.5), (0.5, 1.0))
        for strength in range(3):
            gone = np.isnan(lives[:, strength]).any(axis=0)
            rows = [line for line in axes.lines if line.get_marker() == "^" and line.get_linestyle() == "None"]
            rows = {round(line.get_ydata()[0], 3): line.get_xdata() for line in rows}
            expected = sorted(set(kappa[gone]))
            np.testing.assert_allclose(rows.get(round(0.965 - 0.045 * strength, 3), []), expected)
        curves = [line for line in axes.lines if line.get_label() == CURVE]
        self.assertTrue(rows and curves)

    def test_anchors(self) -> None:
        """Growth along the trajectory, its statistics in the report's table, and times that are counted from each anchor."""
        anchors, lags = tuple(range(30, 62, 4)), (1, 2, 4)
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(8,), replicas=2, radii=(1.5,),
             gammas=(1.0,), lags=lags, anchors=anchors, input_scales=(0.5,))  # fmt: skip
        with h5py.File(self.path, "r+") as file:
            file["step"] = [-2, -1, 0]
            file["step"].make_scale("step")
            for name, further in (("log_step_gradient_norm", ["step"]), ("log_contribution_map", ["step", "lag"])):
                dims = [*_dims(file["status"]), *further]
                _attach(file, name, np.zeros([len(file[dim]) for dim in dims]) - len(further), dims)
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_anchors(dataset)
            along, memory = figure.axes
            norms = dataset["log_jacobian_norm"].values[0, 0, 0, :, 0, :, 0, 0, -1] / 4
            deviations = norms - norms.mean(axis=1, keepdims=True)
            drawn = along.lines[-1]
            np.testing.assert_array_equal(drawn.get_xdata(), np.array(anchors) - 30)
            np.testing.assert_allclose(drawn.get_ydata(), deviations[0], rtol=1e-9, atol=1e-14)
            neighbours = (deviations[:, 1:] * deviations[:, :-1]).sum(axis=1) / (deviations**2).sum(axis=1)
            np.testing.assert_allclose(memory.lines[-1].get_ydata()[:2], [1, neighbours.mean()], rtol=1e-12)
            table = anchors_table(dataset)
            self.assertIn(f"<td>{norms.mean():.5g}</td><td>{norms.std(axis=1, ddof=1).mean():.3g}</td>"
                          f"<td>{neighbours.mean():.3g}</td>", table)  # fmt: skip
            self.assertEqual(table.count("<tr>"), 2)  # its head, and the one cell
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "lyapunov_exponent"):
                gradsweep.plot_anchors(dataset, quantity="lyapunov_exponent")
            with self.assertRaisesRegex(ValueError, "quantity is one of growth, "):
                gradsweep.plot_anchors(dataset, quantity="decay")
            self.assertEqual(dataset.gradsweep.times().values[0].tolist(), [28, 29, 30])
            mesh = gradsweep.plot_triangle(dataset).axes[0].collections[0].get_coordinates()
            np.testing.assert_array_equal(np.unique(mesh[..., 1]), np.arange(55.5, 59))  # t of the last anchor, 58

    def test_zero_contour_goes_through_kappa(self) -> None:
        """All cells of one kappa = rho gamma are one point of the rate; the contour is where that changes its sign."""
        make(self.path, activations=("identity",), ensembles=("orthogonal",), hidden_sizes=(4,), replicas=1,
             radii=(0.5, 1.0, 2.0), gammas=(0.4, 0.8, 1.2), lags=(1, 8))  # fmt: skip
        with gradsweep.open(self.path) as dataset:
            lines = gradsweep.plot_phase(dataset).axes[0].lines
        x, y = next(line for line in lines if line.get_linewidth() == ZERO_LINE["linewidth"]).get_data()
        # The rate is ln kappa; between kappa = 0.8 and 1.2 it is taken as linear.
        np.testing.assert_allclose(x * y, 0.8 + 0.4 * np.log(0.8) / np.log(0.8 / 1.2), rtol=1e-9)

    def test_nothing_of_matplotlib_is_touched(self) -> None:
        code = """
import sys, matplotlib
before = dict(matplotlib.rcParams)
import gradsweep
dataset = gradsweep.open(sys.argv[1])
gradsweep.plot_phase(dataset); gradsweep.plot_decay(dataset); gradsweep.plot_critical(dataset)
with gradsweep.style(): assert matplotlib.rcParams["pdf.fonttype"] == 42
assert dict(matplotlib.rcParams) == before and "matplotlib.pyplot" not in sys.modules
"""
        make(self.path, activations=("identity",), ensembles=("ginibre",), hidden_sizes=(4,), replicas=2, lags=(1, 4))
        ended = subprocess.run([sys.executable, "-c", code, self.path], cwd=ANALYSIS, capture_output=True, text=True)
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_too_much_is_thinned_and_said(self) -> None:
        ensembles = tuple(["ginibre"] * 9)
        make(self.path, activations=("identity",), ensembles=ensembles, hidden_sizes=(2,), replicas=1, radii=(0.5, 1.5),
             gammas=(1.0,), lags=(1, 2))  # fmt: skip
        with h5py.File(self.path, "r+") as file:
            file["ensemble"][...] = [f"law {number}" for number in range(9)]
        with gradsweep.open(self.path) as dataset:
            thinned, whole = gradsweep.plot_phase(dataset), gradsweep.plot_phase(dataset, everything=True)
            chosen = gradsweep.plot_phase(dataset, ensemble=[f"law {number}" for number in range(8)])
        self.assertEqual([len(figure.axes) for figure in (thinned, whole, chosen)], [6, 9, 8])
        self.assertIn("6 of 9 values of ensemble", thinned.description.note)
        self.assertEqual(re.findall("Drawn", whole.description.note + chosen.description.note), [])


if __name__ == "__main__":
    unittest.main()
