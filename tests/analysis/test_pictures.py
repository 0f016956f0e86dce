"""What a reader of a figure relies on: exact zeros among the replicas change no mean, legends name what is seen, ticks are apart
and have no hyphens for minus signs, cells that failed are called so."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest

import h5py
import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import gradsweep  # noqa: E402
from gradsweep.plots.curves import CURVE, GONE  # noqa: E402
from gradsweep.plots.figure import PlainAxes  # noqa: E402
from make_results import make  # noqa: E402

ONE = {"activations": ("relu",), "ensembles": ("ginibre",), "hidden_sizes": (4,), "radii": (0.9,), "gammas": (1.0,)}
PLANE = {"activations": ("tanh",), "ensembles": ("ginibre",), "hidden_sizes": (4, 8), "replicas": 3}


def shown_labels(figure: Figure) -> set[str]:
    return {text.get_text() for legend in figure.legends for text in legend.get_texts()}


class Pictures(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "out.h5")

    def add(self, name: str, values: np.ndarray, *further: str) -> None:
        """A CELL dataset, with further axes that the file has or that are counted here."""
        with h5py.File(self.path, "r+") as file:
            dims = [dimension[0].name.lstrip("/") for dimension in file["status"].dims] + list(further)
            for dim in dims:
                if dim not in file:
                    file[dim] = np.arange(np.shape(values)[-1])
                    file[dim].make_scale(dim)
            file[name] = np.broadcast_to(values, [len(file[dim]) for dim in dims])
            for place, dim in enumerate(dims):
                file[name].dims[place].attach_scale(file[dim])

    def change(self, name: str, values: np.ndarray) -> None:
        with h5py.File(self.path, "r+") as file:
            file[name][...] = values

    def test_zeros_leave_means_whole(self) -> None:
        """One of three replicas is exactly 0 from lag 4 on. The mean is that of the two others at every lag, so it has no turn at 4 that
        neither has; a triangle stands there; and the chain of bounds keeps its order."""
        lags = np.array([1.0, 2.0, 4.0, 8.0])
        make(self.path, **ONE, replicas=3, lags=(1, 2, 4, 8))
        norms = np.array([[-0.1, -0.2, -np.inf, -np.inf], 0.1 * lags, 0.3 * lags]).reshape(1, 1, 1, 3, 1, 1, 4)
        bounds = np.array([0.2, 0.5, 1.1]).reshape(1, 1, 1, 3, 1, 1, 1) * lags
        self.change("log_jacobian_norm", norms)
        self.change("log_norm_bound", bounds)
        self.add("log_step_bound", np.where(np.isneginf(norms), -np.inf, 0.9 * bounds), "lag")
        self.add("log_step_norm_max", np.where(np.isneginf(norms), -np.inf, 0.95 * bounds / lags), "lag")
        with gradsweep.open(self.path) as dataset:
            decay, rate, chain = (plot(dataset) for plot in (gradsweep.plot_decay, gradsweep.plot_rate, gradsweep.plot_chain))
        for figure, expected in ((decay, 0.2 * lags), (rate, np.full(4, 0.2)), (chain, np.full(4, 0.2))):
            axes = figure.axes[0]
            curves = [np.asarray(line.get_ydata(), float) for line in axes.lines if line.get_label() == CURVE]
            np.testing.assert_allclose(curves[0], expected, rtol=1e-12)
            self.assertEqual([line.get_xdata()[0] for line in axes.lines if line.get_label() == GONE], [4])
            self.assertIn("a replica is exactly 0 from this lag on", figure.description.caption)
        np.testing.assert_array_less(curves[:-1], np.array(curves[1:]))  # of the chain
        bound = next(line for line in decay.axes[0].lines if line.get_linestyle() == "--")
        np.testing.assert_allclose(bound.get_ydata(), 0.8 * lags, rtol=1e-12)  # of the same two

    def test_no_words_of_zeros_where_there_are_none(self) -> None:
        make(self.path, **ONE, replicas=2, lags=(1, 2, 4))
        with gradsweep.open(self.path) as dataset:
            self.assertNotIn("exactly 0", gradsweep.plot_decay(dataset).description.caption)

    def test_phase_says_of_whom_its_mean_is(self) -> None:
        for zero in (False, True):
            make(self.path, **{**PLANE, "hidden_sizes": (4,)}, radii=(0.5, 1.0), gammas=(0.5, 1.0), lags=(1, 8))
            if zero:
                with h5py.File(self.path, "r+") as file:
                    file["log_jacobian_norm"][0, 0, 0, 1, 1, 1, :] = -np.inf
            with gradsweep.open(self.path) as dataset:
                self.assertEqual("the mean of the others" in gradsweep.plot_phase(dataset).description.note, zero)

    def test_legends_name_what_is_seen(self) -> None:
        """The lines of rate 0 and of the conditions are in the legend where a panel shows them, and only there."""
        names = {r"$\gamma\,\rho(W) = 1$": (0.9, 1.1), r"$\ln‖\,J_{8}‖_2\,/\,8$ = 0": (0.9, 1.1)}
        for radii in ((0.2, 0.3), (0.9, 1.1), (3.0, 4.0)):
            make(self.path, activations=("identity",), ensembles=("orthogonal",), hidden_sizes=(4,), replicas=1,
                 radii=radii, gammas=(0.9, 1.0), lags=(1, 8))  # fmt: skip
            with gradsweep.open(self.path) as dataset:
                found = shown_labels(gradsweep.plot_phase(dataset))
            for name, where in names.items():
                self.assertEqual(name in found, where == radii, (radii, found))

    def test_drives_have_rows(self) -> None:
        """Chain, contributions, singular values and triangle show each strength of the drive, at most three; a selection shows one."""
        make(self.path, **{**ONE, "activations": ("tanh",)}, replicas=2, lags=(1, 2, 3))
        with h5py.File(self.path, "r+") as file:
            file["step"] = np.arange(18, 21)
            file["step"].make_scale("step")
        for name in ("log_step_bound", "log_step_norm_max", "log_error_norm", "log_contribution"):
            self.add(name, np.array([-1.0, -2.0, -3.0]), "lag")
        for name in ("log_initial_error_norm", "cancellation"):
            self.add(name, 0.0)
        self.add("log_step_gradient_norm", np.zeros(3), "step")
        self.add("log_contribution_map", -np.arange(9.0).reshape(3, 3), "step", "lag")
        self.add("log_singular_value", -np.ones((3, 4)), "lag", "index")
        plots = {gradsweep.plot_chain: "log_jacobian_norm", gradsweep.plot_contributions: "log_contribution",
                 gradsweep.plot_spectrum: "log_singular_value", gradsweep.plot_triangle: "log_contribution_map"}  # fmt: skip
        with gradsweep.open(self.path) as opened:
            dataset = opened.load()
        cell = [name for name in dataset if dataset[name].dims[:6] == dataset["status"].dims]
        drives = [0.0, 0.25, 0.5, 1.0]
        parts = [dataset.assign({name: dataset[name] - drive for name in plots.values()}) for drive in drives]
        whole = xr.concat(parts, xr.IndexVariable("input_scale", drives), data_vars=cell)
        whole = whole.transpose(*dataset["status"].dims[:4], "input_scale", ...).assign_attrs(dataset.attrs)
        for plot in plots:
            with self.subTest(plot.__name__):
                figure, one = plot(whole), plot(whole, input_scale=[0.5])
                rows = [text.get_text() for axes in figure.axes for text in axes.texts if "drive" in text.get_text()]
                self.assertEqual(len(rows), 3)
                self.assertEqual((rows[0], rows[-1]), ("ginibre, drive = 0", "ginibre, drive = 1"))
                self.assertIn("3 of 4 values of input scale", figure.description.note)
                self.assertNotIn("At input scale", figure.description.note)
                self.assertEqual(sum(isinstance(axes, PlainAxes) for axes in one.axes), 1)
                if plot is not gradsweep.plot_triangle:
                    curves = [next(line for line in axes.lines if line.get_label() == CURVE).get_ydata() for axes in figure.axes[:3]]
                    self.assertGreater(np.min(np.abs(np.diff(curves, axis=0))), 0.05)

    def test_failed_cells_are_called_failed(self) -> None:
        make(self.path, **{**ONE, "ensembles": ("ginibre", "orthogonal")}, replicas=2, lags=(1, 2, 4))
        with h5py.File(self.path, "r+") as file:
            file["status"][:, 1] = 2
            file["log_jacobian_norm"][:, 1] = np.nan
        for status, words in ((2, "failed"), (0, "nothing finished yet")):
            with h5py.File(self.path, "r+") as file:
                file["status"][:, 1] = status
            with gradsweep.open(self.path) as dataset:
                for plot in (gradsweep.plot_decay, gradsweep.plot_rate):
                    texts = [text.get_text() for axes in plot(dataset).axes for text in axes.texts]
                    self.assertIn(words, texts)

    def test_what_is_no_picture_is_a_sentence(self) -> None:
        make(self.path, **ONE, replicas=2, lags=(1,))
        with gradsweep.open(self.path) as dataset:
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "a single lag is no curve"):
                gradsweep.plot_decay(dataset)
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "one cell a network, no plane: the report's tables"):
                gradsweep.plot_phase(dataset)
        self.change("status", 2)
        with gradsweep.open(self.path) as dataset, self.assertRaisesRegex(gradsweep.NothingToDraw, "all cells of the selection failed"):
            gradsweep.plot_phase(dataset)

    def test_unfinished(self) -> None:
        """Of two sizes one is finished, and of two activations one: the others are in no legend; a panel without is not empty."""
        make(self.path, activations=("identity", "tanh"), ensembles=("ginibre",), hidden_sizes=(4, 8), replicas=2,
             radii=(0.6, 0.8), gammas=(1.0,), lags=(1, 2, 4, 8))  # fmt: skip
        with h5py.File(self.path, "r+") as file:
            file["status"][0] = 0
            file["status"][:, :, 0] = 0
        with gradsweep.open(self.path) as dataset:
            figures = [plot(dataset) for plot in (gradsweep.plot_decay, gradsweep.plot_half_life, gradsweep.plot_growth, gradsweep.plot_rate)]
        for figure in figures:
            found = " ".join(shown_labels(figure))
            self.assertNotRegex(found, "identity|d\\$ = 4")
            self.assertRegex(found, "tanh|d\\$ = 8")
        texts = [text.get_text() for axes in figures[1].axes for text in axes.texts]
        self.assertEqual(texts.count("nothing finished yet"), 1)

    def test_axis_of_critical_points(self) -> None:
        """Points that differ by rounding are one place, with plain numbers beside it."""
        make(self.path, activations=("identity",), ensembles=("orthogonal",), hidden_sizes=(4, 8), replicas=2, radii=(0.8, 1.25),
             gammas=(1.0,), lags=(1, 8))  # fmt: skip
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_critical(dataset)
        FigureCanvasAgg(figure).draw()
        axes = figure.axes[0]
        low, high = axes.get_ylim()
        self.assertGreaterEqual(high - low, 0.0099)
        self.assertEqual(axes.yaxis.get_offset_text().get_text(), "")
        self.assertTrue(all(0.9 < float(label.get_text()) < 1.1 for label in axes.get_yticklabels() if label.get_text()))

    def test_ticks_of_scores(self) -> None:
        """One scale for all columns, linear to 3 standard errors and logarithmic beyond; its ticks are the known ones, none overlaps
        another, and minus is a minus sign."""
        make(self.path, **PLANE, radii=(0.8, 1.5, 2.0, 3.0), gammas=(1.0,), lags=(1, 8))
        draws = np.random.default_rng(3).standard_normal((1, 1, 2, 3, 4, 1))
        self.change("weight_spectral_radius", 1.0)
        self.add("entropy_rate", 0.5 + 1e-3 * draws)
        self.add("kaplan_yorke_dimension", 2.0 + 0.1 * draws)
        self.add("lyapunov_exponent", -0.5 * (1.0 + np.arange(4)) + 1e-3 * draws[..., np.newaxis], "index")
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_scores(dataset)
        FigureCanvasAgg(figure).draw()
        limits = {axes.get_ylim() for axes in figure.axes}
        self.assertEqual(len(limits), 1)
        (low, high), axes = limits.pop(), figure.axes[0]
        self.assertEqual(axes.get_yscale(), "symlog")
        shown = [label for label in axes.get_yticklabels() if label.get_text() and low <= label.get_position()[1] <= high]
        self.assertGreater(len(shown), 3)
        values = {"−1000", "−300", "−100", "−30", "−10", "−3", "0", "3", "10", "30", "100", "300", "1000"}
        self.assertLessEqual({label.get_text() for label in shown}, values)
        self.assertLessEqual({"−3", "0", "3"}, {label.get_text() for label in shown})
        self.assert_apart(figure, shown)

    def test_ticks_of_neighbours_are_apart(self) -> None:
        """Of panels that stand side by side, where the ends of an axis are ticks, or nearly."""
        for radii in ((0.5, 1.0, 1.5), tuple(0.1 * step for step in range(3, 16))):
            with self.subTest(radii[0]):
                make(self.path, **PLANE, radii=radii, gammas=(0.5, 1.0), lags=(1, 8))
                with gradsweep.open(self.path) as dataset, gradsweep.style():
                    self.assert_neighbours_apart(gradsweep.plot_phase(dataset))

    def assert_neighbours_apart(self, figure: Figure) -> None:
        FigureCanvasAgg(figure).draw()
        shown = []
        for axes in figure.axes[:2]:
            left, right = axes.get_xlim()
            shown += [label for label in axes.get_xticklabels() if label.get_text() and left - 1e-9 <= label.get_position()[0] <= right + 1e-9]
        self.assertGreater(len(shown), 4)
        self.assert_apart(figure, shown)

    def test_ticks_of_couplings_are_apart(self) -> None:
        """On a logarithmic axis they are couplings, however these are spread."""
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=(4,), replicas=2,
             radii=(0.5, 0.9, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0, 6.0, 11.0, 20.0), gammas=(1.0,), lags=(1, 8))  # fmt: skip
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_phase(dataset)
        FigureCanvasAgg(figure).draw()
        shown = [label for label in figure.axes[0].get_xticklabels() if label.get_text()]
        self.assertGreater(len(shown), 3)
        self.assertLessEqual({label.get_text() for label in shown}, {"0.5", "0.9", "1.1", "1.2", "1.35", "1.5", "2", "3", "6", "11", "20"})
        self.assert_apart(figure, shown)

    def assert_apart(self, figure: Figure, labels: list) -> None:
        boxes = [label.get_window_extent(figure.canvas.get_renderer()) for label in labels]
        for place, box in enumerate(boxes):
            for other in boxes[:place]:
                self.assertFalse(box.overlaps(other), [label.get_text() for label in labels])


if __name__ == "__main__":
    unittest.main()
