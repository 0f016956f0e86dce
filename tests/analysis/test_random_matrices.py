"""Exponents beside the mean field: spectra, against coupling and hidden size, in standard errors; and weights as random matrices."""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
sys.path.insert(0, str(ANALYSIS))
import gradsweep  # noqa: E402
from gradsweep.data.scores import finite_size  # noqa: E402
from gradsweep.plots.curves import CURVE  # noqa: E402
from gradsweep.report.scores import scores_table  # noqa: E402
from make_results import make  # noqa: E402

GAMMAS, REPLICAS, CORRECTION, SPREAD = (1.5, 2.0, 3.0), 3, 2.0, 0.01


def attach(path: str, name: str, dims: tuple[str, ...], values: np.ndarray) -> None:
    """A dataset on CELL, or on WEIGHT where it is of eigenvalues, and more dimensions."""
    with h5py.File(path, "r+") as file:
        if "index" not in file:
            file["index"] = np.arange(values.shape[-1])
            file["index"].make_scale("index")
        base = file["weight_norm" if name.startswith("eigenvalue") else "status"]
        own = [dimension[0].name.lstrip("/") for dimension in base.dims]
        file[name] = np.broadcast_to(values, (*base.shape, *values.shape[len(base.shape):]))
        for position, dimension in enumerate([*own, *dims]):
            file[name].dims[position].attach_scale(file[dimension])


class MadeUp(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "made.h5")


class Exponents(MadeUp):
    """Lyapunov spectra made up, of sizes 3 and 4 side by side."""

    RADII, SIZES = (0.5, 1.0, 2.0, 4.0), (3, 4)

    def setUp(self) -> None:
        super().setUp()
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=self.SIZES, replicas=REPLICAS,
             radii=self.RADII, gammas=(1.0,), lags=(1,))  # fmt: skip
        cell = (1, 1, len(self.SIZES), REPLICAS, len(self.RADII), 1)
        values = -np.sort(np.random.default_rng(3).uniform(-1.0, 1.0, (*cell, 4)), axis=-1)[..., ::-1]
        values[:, :, 0, ..., 3] = np.nan
        attach(self.path, "lyapunov_exponent", ("index",), values)
        for factor, name in ((2.0, "entropy_rate"), (3.0, "kaplan_yorke_dimension")):
            attach(self.path, name, (), factor * values[..., 0])

    def change(self, name: str, index: object, value: object) -> None:
        with h5py.File(self.path, "r+") as file:
            file[name][index] = value

    def test_spectra(self) -> None:
        """Means over the finished replicas at (i - 1/2)/d, at the weakest, a middle and the strongest coupling; exact
        zeros are marked; beside them the mean field, which below the onset is the law of the circle."""
        self.change("status", (0, 0, 0, 0, 0, 0), 0)
        self.change("lyapunov_exponent", (0, 0, 1, slice(None), 0, 0, 3), -np.inf)
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_exponents(dataset)
            values = dataset["lyapunov_exponent"].values[0, 0, ..., 0, :]  # [size, replica, radius, index]
            gain = 0.5 / dataset["weight_spectral_radius"].values[0, 1].mean()
        self.assertEqual([axes.get_title() for axes in figure.axes], [f"ρ = {radius}, γ = 1" for radius in ("0.5", "2", "4")])
        for axes, radius in zip(figure.axes, (0, 2, 3)):
            _, small, large, *marks, predicted = axes.lines
            expected = values[0, 1:, radius] if radius == 0 else values[0, :, radius]
            np.testing.assert_allclose(small.get_xydata(), np.c_[[1 / 6, 3 / 6, 5 / 6], expected.mean(axis=0)[:3]], rtol=1e-12)
            np.testing.assert_allclose(large.get_xdata(), [0.125, 0.375, 0.625, 0.875])
            finite = 3 if radius == 0 else 4
            np.testing.assert_allclose(large.get_ydata()[:finite], values[1, :, radius, :finite].mean(axis=0), rtol=1e-12)
            self.assertEqual([mark.get_xdata()[0] for mark in marks], [0.875] if radius == 0 else [])
            if radius == 0:
                u, exponent = predicted.get_data()
                np.testing.assert_allclose(exponent, np.log(gain) + 0.5 * np.log(1.0 - u), rtol=1e-12)
        self.assertIn("exactly 0", figure.description.caption)

    def test_against_the_coupling(self) -> None:
        """Three panels of means over the replicas; the mean field crosses 0 where W's own radius is 1 or later."""
        self.change("kaplan_yorke_dimension", (0, 0, 1), np.nan)  # not all exponents were asked for
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_chaos(dataset)
            values = dataset["lyapunov_exponent"].values[0, 0, ..., 0, 0].mean(axis=1)  # [size, radius]
        for axes, factor in zip(figure.axes, (1.0, 2.0, 3.0)):
            curves = [line for line in axes.lines if line.get_label() == CURVE]
            self.assertEqual(len(curves), 1 if factor == 3.0 else 2)
            for size, line in enumerate(curves):
                x, y = line.get_data()
                np.testing.assert_array_equal(x, self.RADII)
                scale = factor / (1 if factor == 1.0 else self.SIZES[size])
                np.testing.assert_allclose(y, scale * values[size], rtol=1e-12)
        kappa, largest = figure.axes[0].lines[-1].get_data()
        np.testing.assert_allclose(largest[kappa < 1.0], np.minimum(np.log(kappa[kappa < 1.0]), 0.0), atol=1e-12)
        self.assertGreater(largest[-1], 0.2)

    def test_no_mean_of_the_calmest(self) -> None:
        """Where the exponents that were asked for do not suffice in one replica, the others are no sample of all."""
        self.change("entropy_rate", (0, 0, 0, 0, 3, 0), np.nan)
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_chaos(dataset)
        for axes, known in zip(figure.axes, (4, 3, 4)):
            small = next(line for line in axes.lines if line.get_label() == CURVE)
            self.assertEqual(np.isfinite(small.get_ydata()).sum(), known)

    def test_too_little(self) -> None:
        for name, what in (("plot_exponents", "lyapunov"), ("plot_chaos", "three couplings")):
            with self.subTest(name), gradsweep.open(self.path) as dataset:
                fewer = dataset.isel(spectral_radius=[0, 1]) if name == "plot_chaos" else dataset.drop_vars("lyapunov_exponent")
                with self.assertRaisesRegex(gradsweep.NothingToDraw, what):
                    getattr(gradsweep, name)(fewer)


class Convergence(MadeUp):
    """Largest exponents that lie c/d below the mean field, the replicas a little apart."""

    SIZES = (4, 8, 16)

    def setUp(self) -> None:
        super().setUp()
        make(self.path, activations=("tanh",), ensembles=("ginibre",), hidden_sizes=self.SIZES, replicas=REPLICAS, radii=None,
             gammas=GAMMAS, lags=(1,))  # fmt: skip
        self.limits = np.array([gradsweep.theory.largest_exponent("tanh", gamma) for gamma in GAMMAS])
        self.largest = (self.limits - CORRECTION / np.array(self.SIZES)[:, None, None]
                        + SPREAD * np.array([-1.0, 0.0, 1.0])[:, None])  # [size, replica, gamma]  # fmt: skip
        values = np.full((1, 1, len(self.SIZES), REPLICAS, 1, len(GAMMAS), max(self.SIZES)), -9.0)
        values[0, 0, :, :, 0, :, 0] = self.largest
        attach(self.path, "lyapunov_exponent", ("index",), values)
        for name in ("entropy_rate", "kaplan_yorke_dimension"):
            attach(self.path, name, (), np.full((1,) * 6, np.nan))

    def test_correction_is_found(self) -> None:
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_convergence(dataset)
        self.assertEqual(len(figure.axes), len(GAMMAS))
        for axes, limit, found in zip(figure.axes, self.limits, self.largest.mean(axis=1).T):
            points, = (line for line in axes.lines if line.get_marker() == "o")
            np.testing.assert_allclose(points.get_xydata(), np.c_[1.0 / np.array(self.SIZES), found], rtol=1e-12)
            self.assertIn("$c$ = 2", [text.get_text() for text in axes.texts])
            self.assertTrue(any(np.allclose(line.get_ydata(), limit) for line in axes.lines))
        self.assertIn("Dashed", figure.description.caption)

    def test_scattered_size_does_not_decide(self) -> None:
        """The smallest size is moved by as much as its replicas scatter, 30 times more than those of the others: weighed alike, it
        has 16/21 of the fit. And by hand: off = -c/d with c = 2, 3 and errors 1, 2 at d = 1, 2."""
        moved = 0.3
        with h5py.File(self.path, "r+") as file:
            file["lyapunov_exponent"][0, 0, 0, :, 0, :, 0] += moved + 30 * SPREAD * np.array([-1.0, 0.0, 1.0])[:, None]
        with gradsweep.open(self.path) as dataset:
            found = dataset.gradsweep.scores().isel(activation=0, ensemble=0, spectral_radius=0).sel(quantity="largest_exponent")
            figure = gradsweep.plot_convergence(dataset)
        correction = found["correction"].transpose("hidden_size", "gamma")
        weights = np.array([1 / 31**2, 1.0, 1.0]) / np.array(self.SIZES) ** 2
        expected = CORRECTION - moved * self.SIZES[0] * weights[0] / weights.sum()
        np.testing.assert_allclose(correction, np.broadcast_to(-expected / np.array(self.SIZES)[:, None], correction.shape), rtol=1e-9)
        self.assertLess(abs(expected - CORRECTION), 0.01)
        for axes in figure.axes:
            self.assertIn("$c$ = 2", [text.get_text() for text in axes.texts])
        by_hand = finite_size(np.array([-2.0, -1.5]), np.array([1.0, 2.0]), np.array([1.0, 0.5]), 0)
        np.testing.assert_allclose(by_hand, (2.0 + 3.0 / 16) / (1.0 + 1.0 / 16))
        # Errors that are not known make all alike; those below rounding are as good as each other.
        for error in ((1.0, np.nan), (0.0, 1e-15)):
            alike = finite_size(np.array([-2.0, -1.5]), np.array(error), np.array([1.0, 0.5]), 0)
            np.testing.assert_allclose(alike, (2.0 + 3.0 / 4) / (1.0 + 1.0 / 4))

    def test_scores_are_standard_errors(self) -> None:
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_scores(dataset)
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "three replicas"):
                gradsweep.plot_scores(dataset.isel(replica=[0, 1]))
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "three hidden sizes"):
                gradsweep.plot_convergence(dataset.isel(hidden_size=[0, 1]))
        lines = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
        for line, d in zip(lines, self.SIZES, strict=True):
            np.testing.assert_allclose(line.get_xdata(), GAMMAS)
            np.testing.assert_allclose(line.get_ydata(), -CORRECTION / d / (SPREAD / np.sqrt(3.0)), rtol=1e-9)

    def test_no_score_of_the_calmest(self) -> None:
        with h5py.File(self.path, "r+") as file:
            file["entropy_rate"][0, 0, :2] = 0.5
            file["entropy_rate"][0, 0, 0, 1] = np.nan  # of the first size one replica has none
        with gradsweep.open(self.path) as dataset:
            count = dataset.gradsweep.scores()["count"].sel(quantity="entropy_rate").isel(gamma=0).squeeze()
        np.testing.assert_array_equal(count, [0, REPLICAS, 0])

    def test_scores_in_numbers(self) -> None:
        with gradsweep.open(self.path) as dataset:
            found = dataset.gradsweep.scores().isel(activation=0, ensemble=0, spectral_radius=0)
            two_sizes = dataset.isel(hidden_size=[0, 1]).gradsweep.scores()
            two_replicas = dataset.isel(replica=[0, 1]).gradsweep.scores()
            table = scores_table(dataset)
        off, error = -CORRECTION / np.array(self.SIZES)[:, None], SPREAD / np.sqrt(3.0)
        largest = found.sel(quantity="largest_exponent").transpose("hidden_size", "gamma")
        for name, expected in (("mean", self.limits + off), ("error", error), ("theory", self.limits), ("score", off / error),
                               ("correction", off), ("count", REPLICAS)):  # fmt: skip
            np.testing.assert_allclose(largest[name], np.broadcast_to(expected, largest[name].shape), rtol=1e-9)
        np.testing.assert_allclose(largest["corrected_score"], 0.0, atol=1e-9)
        self.assertTrue(largest["is_limit"].all())
        # What was not measured has a theory, and nothing else.
        rest = found.sel(quantity=["entropy_rate", "kaplan_yorke_dimension"])
        summary = gradsweep.theory.summarize_spectrum("tanh", GAMMAS[-1])
        np.testing.assert_allclose(rest["theory"].isel(gamma=-1, hidden_size=0), [summary.entropy_rate, summary.kaplan_yorke_dimension])
        self.assertTrue(np.isnan(rest["mean"]).all() and np.isnan(rest["score"]).all() and not rest["count"].any())
        # Two sizes have no correction, two replicas no standard error.
        self.assertTrue(np.isnan(two_sizes["correction"]).all() and np.isfinite(two_sizes["score"][0]).all())
        self.assertTrue(np.isnan(two_replicas["error"]).all() and np.isnan(two_replicas["score"]).all())
        self.assertEqual(table.count("<td>∞</td>"), len(GAMMAS) * len(self.SIZES))
        self.assertIn(f"<td>{off[0, 0] / error:.3g}</td><td>{off[0, 0]:.2g}</td>".replace("-", "−"), table)


class ExactTheory(MadeUp):
    """Independent Gaussian factors: Newman's numbers at every d, from which nothing is to be corrected."""

    def test_newman(self) -> None:
        gamma, spread, sizes = 1.5, np.array([-0.01, 0.0, 0.01]), (2, 3, 4)
        make(self.path, activations=("identity",), ensembles=("untied",), hidden_sizes=sizes, replicas=3, radii=None,
             gammas=(gamma,), lags=(1,))  # fmt: skip
        values = np.full((1, 1, 3, 3, 1, 1, 4), np.nan)
        for size, d in enumerate(sizes):
            values[0, 0, size, :, 0, 0, :d] = gradsweep.theory.newman_exponents(d, gamma) + spread[:, None]
        attach(self.path, "lyapunov_exponent", ("index",), values)
        for name in ("entropy_rate", "kaplan_yorke_dimension"):
            attach(self.path, name, (), np.full((1,) * 6, 1.0))
        with gradsweep.open(self.path) as dataset:
            found, table = dataset.gradsweep.scores().squeeze(), scores_table(dataset)
        largest = found.sel(quantity="largest_exponent")
        np.testing.assert_allclose(largest["theory"], [gradsweep.theory.newman_exponents(d, gamma)[0] for d in sizes])
        np.testing.assert_allclose(largest["score"], 0.0, atol=1e-9)
        self.assertFalse(found["is_limit"].any() or np.isfinite(found["correction"]).any())
        self.assertEqual((table.count("<td>exact</td>"), table.count("<td>∞</td>")), (9, 0))
        # By hand at d = 2: (ln 2 + psi(1) - ln 2)/2 and (ln 2 + psi(1/2) - ln 2)/2, and ln gamma.
        first, second = -0.2886078324507664 + np.log(gamma), -0.9817550130108351 + np.log(gamma)
        expected = [first, first / 2.0, (1.0 + first / -second) / 2.0]
        np.testing.assert_allclose(found["theory"].isel(hidden_size=0), expected, rtol=1e-9)


class Matrices(MadeUp):
    D, LAGS, MANY = 48, (1, 2), 8

    def setUp(self) -> None:
        super().setUp()
        make(self.path, activations=("identity",), ensembles=("ginibre",), hidden_sizes=(self.D,), replicas=self.MANY, radii=None,
             gammas=(0.5,), lags=self.LAGS)  # fmt: skip
        drawn = np.random.default_rng(8).standard_normal((self.MANY, self.D, self.D)) / np.sqrt(self.D)
        self.eigenvalues = np.linalg.eigvals(drawn)
        for part, name in ((self.eigenvalues.real, "eigenvalue_re"), (self.eigenvalues.imag, "eigenvalue_im")):
            attach(self.path, name, ("index",), part[None, None])
        values = [np.log(np.linalg.svd(np.linalg.matrix_power(0.5 * drawn, lag), compute_uv=False)) for lag in self.LAGS]
        attach(self.path, "log_singular_value", ("lag", "index"), np.stack(values, axis=1)[None, None, None, :, None, None])

    def test_eigenvalues(self) -> None:
        with gradsweep.open(self.path) as dataset:
            axes = gradsweep.plot_eigenvalues(dataset).axes[0]
        x, y = axes.lines[0].get_data()
        np.testing.assert_array_equal(x + 1j * y, self.eigenvalues.ravel())
        self.assertEqual(axes.patches[0].radius, 1.0)

    def test_singular_values_have_their_law(self) -> None:
        """Of all replicas, without what gamma is: 384 values in 14 bins have a standard error of some 0.05 each."""
        with gradsweep.open(self.path) as dataset:
            figure = gradsweep.plot_singular_law(dataset)
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "identity"):
                gradsweep.plot_singular_law(dataset.isel(activation=[]))
        for axes in figure.axes:
            height, edges, _ = axes.patches[0].get_data()
            position, density = axes.lines[0].get_data()
            self.assertGreater((height * np.diff(edges)).sum(), 0.98)
            expected = np.interp(0.5 * (edges[1:] + edges[:-1]), position, density)
            self.assertLess(np.abs(height - expected).mean(), 0.1)
            self.assertGreater(density.max(), 0.5)


if __name__ == "__main__":
    unittest.main()
