"""The report's figures of the later measures, on a results file made by NumPy with datasets of known values: what is
drawn is what is in the file, and gaps (pending, failed, NaN, -inf, absent datasets) leave gaps.

The pictures are built, not written, where only their content counts: writing is the slow part.
"""

from __future__ import annotations

import os
import sys
import tempfile
import unittest

import h5py
import matplotlib.pyplot as plt
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import report  # noqa: E402
from gradsweep.plots.cells import Cell  # noqa: E402
from gradsweep.plots.chain import chain_pictures  # noqa: E402
from gradsweep.plots.gradient import contributions_picture, triangle_picture  # noqa: E402
from gradsweep.plots.plane import _condition_codes, cancellation_picture, conditions_map_picture  # noqa: E402
from gradsweep.data.results import Results  # noqa: E402
from gradsweep.plots.spectra import _log_eigenvalues, expansion_picture, singular_pictures  # noqa: E402
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
            file[name] = values
        for name in ("eigenvalue_re", "eigenvalue_im"):
            file[name] = rng.uniform(0.5, 1.0, (*file["weight_norm"].shape, D))


class TheoryTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.addCleanup(plt.close, "all")
        self.path = os.path.join(directory.name, "theory.h5")
        make(self.path, **GRID)
        add_measures(self.path)

    def make_smaller(self) -> None:
        """One activation and one ensemble, for tests that draw everything."""
        make(self.path, **{**GRID, "activations": ("identity",), "ensembles": ("nonnormal",), "lags": (1, 2, 3)})
        add_measures(self.path)

    def pictures(self) -> dict[str, object]:
        """All figures of the later measures by name, built but not written."""
        with Results(self.path) as results:
            pictures = [
                *chain_pictures(results, False),
                contributions_picture(results, False),
                triangle_picture(results, False),
                cancellation_picture(results, False),
                conditions_map_picture(results, False),
                *singular_pictures(results, False),
                expansion_picture(results),
            ]
        return {picture.name: picture for picture in pictures if picture is not None}

    def change(self, name: str, index: object, value: object) -> None:
        with h5py.File(self.path, "r+") as file:
            file[name][index] = value

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
        self.assertEqual(report.main([self.path, "-o", page]), 0)
        figures = os.path.join(os.path.dirname(self.path), "theory-figures")
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
        axes = self.pictures()["triangle"].figure.axes[0]  # identity, ginibre, the first chosen cell
        with Results(self.path) as results:
            name = axes.get_title()
            radius, gamma = (float(part.split("=")[1].split(",")[0]) for part in name.split("$\\")[1:])
            place = (0, 0, 0, 0, list(results.radii).index(radius), list(results.gammas).index(gamma))
            values, whole = results.file["log_contribution_map"][place], results.file["log_step_gradient_norm"][place]
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
        mesh = self.pictures()["triangle"].figure.axes[0].collections[0]
        self.assertEqual(mesh.get_array().size, len(STEPS) * len(LAGS))

    def test_conditions_over_the_plane(self) -> None:
        """Codes equal a count of their own, cell by cell; the replica that grows most counts."""
        with Results(self.path) as results:
            file = results.file
            for ensemble in range(2):
                codes = _condition_codes(results, 1, ensemble, 0)
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
        with Results(self.path) as results:
            self.assertFalse(_condition_codes(results, 1, 0, 0).any())

    def test_eigenvalues_of_the_scaled_weights(self) -> None:
        with Results(self.path) as results:
            found = _log_eigenvalues(results, Cell(0, 1, 0, 2, 0), 1)
            modulus = np.abs(results.file["eigenvalue_re"][1, 0, 1] + 1j * results.file["eigenvalue_im"][1, 0, 1])
            expected = np.log(0.7 * 1.2 / results.file["weight_spectral_radius"][1, 0, 1] * modulus)
        np.testing.assert_allclose(found, expected, rtol=1e-13)  # a few roundings

    def test_points_of_the_expansion(self) -> None:
        """Every number of the file is a point, residuals of 0 and NaN are counted instead."""
        self.change("expansion_residual", (0, 0, 0, 0, 0, 0, 0), 0.0)
        self.change("expansion_residual", (0, 1, 0, 1, 0, 0, slice(0, 2)), np.nan)
        picture = self.pictures()["expansion"]
        points = np.concatenate([np.asarray(group.get_offsets()) for group in picture.figure.axes[0].collections])
        self.assertEqual(len(points), 2 * 2 * 9 * len(LAGS) - 3)
        with h5py.File(self.path) as file:
            scaled = file["eigenbasis_condition"][0, 1, 0, 0, 2, 1] * LAGS[3]
            residual = file["expansion_residual"][0, 1, 0, 0, 2, 1, 3]
        self.assertTrue(np.any(np.all(points == [scaled, residual], axis=1)))
        self.assertIn("1 distances that are exactly 0", picture.note)
        self.assertIn("2 that have no number", picture.note)

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
                picture.figure.draw_without_rendering()


if __name__ == "__main__":
    unittest.main()
