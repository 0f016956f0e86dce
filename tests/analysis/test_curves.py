"""Curves: means over the replicas with their bands, and those that lie on each other, in every figure that has curves."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import gradsweep  # noqa: E402
from gradsweep.data.quantities import mean_interval  # noqa: E402
from gradsweep.plots.curves import CURVE, draw_mean, mean_words, part_coinciding  # noqa: E402
from gradsweep.plots.figure import Panels  # noqa: E402
from make_results import make  # noqa: E402

# Figures of curves, with the datasets that they need beside those of every file.
BY_ACTIVATION = {
    "plot_rate": {},
    "plot_contributions": {"log_initial_error_norm": (), "log_error_norm": ("lag",), "log_contribution": ("lag",)},
    "plot_cancellation": {"cancellation": ()},
}
BY_SIZE = {
    "plot_decay": {},
    "plot_half_life": {},
    "plot_chaos": {"lyapunov_exponent": ("index",), "entropy_rate": (), "kaplan_yorke_dimension": ()},
    "plot_scores": {"lyapunov_exponent": ("index",), "entropy_rate": (), "kaplan_yorke_dimension": ()},
}
WITHIN_A_CELL = {
    "plot_chain": {"log_step_bound": ("lag",), "log_step_norm_max": ("lag",)},
    "plot_spectrum": {"log_singular_value": ("lag", "index")},
}


def dashes(axes: object) -> list[tuple]:
    return [line._unscaled_dash_pattern for line in axes.lines if line.get_label() == CURVE]


class Curves(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "out.h5")

    def test_coinciding_curves_take_turns(self) -> None:
        """The identity with orthogonal weights has one curve for all sizes: dashes of each in the gaps of the others, which the
        caption says; those of ginibre are apart, and solid."""
        make(self.path, activations=("identity",), ensembles=("ginibre", "orthogonal"), hidden_sizes=(2, 3, 9), replicas=1,
             radii=(1.25,), gammas=(1.0,), lags=(1, 4, 8, 16))  # fmt: skip
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_decay(dataset)
        for axes, expected in zip(figure.axes, ([(0, None)] * 3, [(0.0, (3.0, 6.0)), (3.0, (3.0, 6.0)), (6.0, (3.0, 6.0))])):
            curves = [line for line in axes.lines if line.get_label() == "_curve"]
            apart = np.ptp([line.get_ydata() for line in curves], axis=0).max()
            self.assertEqual(apart > 0.5, expected[0][1] is None)
            self.assertEqual([line._unscaled_dash_pattern for line in curves], expected)
        self.assertIn("take turns", figure.description.caption)

    def test_in_every_figure(self) -> None:
        """Two curves of equal numbers take turns, and the caption says so; made to differ in one of them, they are solid."""
        for axis, figures in ((0, BY_ACTIVATION), (2, BY_SIZE)):
            for name, datasets in figures.items():
                for differ in (False, True):
                    with self.subTest(name, differ=differ):
                        self.assert_turns(name, datasets, axis, differ)

    def assert_turns(self, name: str, datasets: dict[str, tuple], axis: int, differ: bool) -> None:
        sizes = (4, 4 + 4 * (axis == 2))[: 1 + (axis == 2)]
        make(self.path, activations=("tanh", "relu")[: 2 - (axis == 2)], ensembles=("ginibre",), hidden_sizes=sizes, replicas=3,
             radii=(0.6, 0.8, 0.9), gammas=(1.0,), lags=(1, 2, 4, 8))  # fmt: skip
        with h5py.File(self.path, "r+") as file:
            file["index"] = np.arange(4)
            file["index"].make_scale("index")
            cell = [dimension[0].name.lstrip("/") for dimension in file["status"].dims]
            for dataset, further in datasets.items():
                dims = [*cell, *further]
                shape = [len(file[dim]) for dim in dims]
                values = -np.random.default_rng(1).uniform(0.1, 1.0, shape)
                file[dataset] = np.exp(values) if dataset == "cancellation" else np.sort(values)[..., ::-1] if further else values
                for position, dim in enumerate(dims):
                    file[dataset].dims[position].attach_scale(file[dim])
            file["weight_spectral_radius"][...] = 1.0
            for dataset in ("log_jacobian_norm", "log_norm_bound", *datasets):
                values = np.moveaxis(file[dataset][...], axis, 0)
                values[-1] = values[0]
                # Quantities over d are equal where they go with it; those that differ do by more than noise.
                values[-1] *= sizes[-1] / sizes[0] if dataset in ("entropy_rate", "kaplan_yorke_dimension") else 1.0
                values[-1] = values[-1] * 2.0 + 0.3 if differ else values[-1]
                file[dataset][...] = np.moveaxis(values, 0, axis)
        with gradsweep.open(self.path) as dataset:
            figure = getattr(gradsweep, name)(dataset)
        found = [pattern for axes in figure.axes for pattern in dashes(axes)]
        self.assertGreater(len(found), 1)
        self.assertEqual("take turns" in figure.description.caption, not differ, found)

    def test_within_a_cell(self) -> None:
        """Links of the chain that are all one, singular values that are the same at all lags."""
        for name, datasets in WITHIN_A_CELL.items():
            with self.subTest(name):
                make(self.path, activations=("identity",), ensembles=("orthogonal",), hidden_sizes=(4,), replicas=1, radii=(1.2,),
                     gammas=(1.0,), lags=(1, 2, 4))  # fmt: skip
                with h5py.File(self.path, "r+") as file:
                    file["index"] = np.arange(4)
                    file["index"].make_scale("index")
                    cell = [dimension[0].name.lstrip("/") for dimension in file["status"].dims]
                    for dataset, further in datasets.items():
                        lags = 1.0 if dataset == "log_step_norm_max" else np.array([1.0, 2.0, 4.0])
                        values = np.log(1.2) * np.broadcast_to(lags, (3,))
                        values = values[:, np.newaxis] if "index" in further else values
                        file[dataset] = np.broadcast_to(values, [len(file[dim]) for dim in (*cell, *further)])
                        for position, dim in enumerate((*cell, *further)):
                            file[dataset].dims[position].attach_scale(file[dim])
                with gradsweep.open(self.path) as dataset:
                    figure = getattr(gradsweep, name)(dataset)
                self.assertGreater(len(set(dashes(figure.axes[0]))), 2)
                self.assertIn("take turns", figure.description.caption)

    def test_near_is_on_the_scale_of_the_axes(self) -> None:
        """A factor of two is seen on a logarithmic axis, and not beside much larger values on a linear one; other points of
        the same line are the same curve; a curve that ends early is another."""
        x = np.arange(1.0, 9.0)
        e = np.exp(x)
        cases = (("log", (x, 2.0 * e), False), ("linear", (x, e + 1.0), True), ("linear", (x[::2], e[::2]), False),
                 ("log", (x[:4], e[:4]), False), ("log", (x[[0, 3, 7]], e[[0, 3, 7]]), True))  # fmt: skip
        for scale, other, expected in cases:
            with self.subTest(scale, points=len(other[0])):
                panels = Panels(1, 1)
                axes = panels.grid[0, 0]
                axes.plot(x, e, label=CURVE)
                axes.plot(*other, label=CURVE)
                axes.set_yscale(scale)
                self.assertEqual(bool(part_coinciding(panels)), expected)

    def test_bands(self) -> None:
        """Of three replicas the confidence interval, of two themselves, of one none; a point of a few has none either."""
        values = np.array([[0.0, 1.0, -np.inf], [1.0, 3.0, -np.inf], [2.0, np.nan, -np.inf]])
        for replicas, words in ((3, "95% confidence interval"), (2, "from one to the other"), (1, "one replica")):
            with self.subTest(replicas):
                axes = Panels(1, 1).grid[0, 0]
                mean = draw_mean(axes, np.arange(3.0), values[:replicas], {"color": "k"})
                np.testing.assert_array_equal(mean, [[0, 1, -np.inf], [0.5, 2, -np.inf], [1, 2, -np.inf]][replicas - 1])
                self.assertIn(words, mean_words(replicas))
                if replicas == 1:
                    self.assertEqual(len(axes.collections), 0)
                    continue
                drawn = np.concatenate([path.vertices for path in axes.collections[0].get_paths()])
                at = drawn[drawn[:, 0] == 0.0, 1]
                expected = (0.0, 1.0) if replicas == 2 else [float(end[0]) for end in mean_interval(values[:, :1])]
                np.testing.assert_allclose((at.min(), at.max()), expected)
                self.assertEqual(1.0 in drawn[:, 0], replicas == 2)
                self.assertEqual([line.get_marker() for line in axes.lines if line.get_ydata()[0] == 0.03], ["v"])


if __name__ == "__main__":
    unittest.main()
