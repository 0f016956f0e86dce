"""gradsweep.open and what follows from a dataset: lazy, right where cells are missing, on any axes, and equal to counts and
formulas of the test's own."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import tracemalloc
import unittest
from collections.abc import Callable

import h5py
import numpy as np
import xarray as xr

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import gradsweep  # noqa: E402
from gradsweep import theory  # noqa: E402
from gradsweep.data.selection import reduce_axes  # noqa: E402
from gradsweep.data.summary import summarize  # noqa: E402
from make_results import make  # noqa: E402

CELL = ("activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma")
RADII, LAGS = (0.5, 1.0, 1.5, 2.0), (1, 2, 4, 8)


class DatasetCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "results.h5")

    def make(self, **changes: object) -> None:
        grid = {"activations": ("identity", "tanh"), "ensembles": ("ginibre",), "hidden_sizes": (4,), "replicas": 3,
                "radii": RADII, "gammas": (0.5, 1.0), "lags": LAGS}  # fmt: skip
        make(self.path, **{**grid, **changes})

    def open(self) -> xr.Dataset:
        dataset = gradsweep.open(self.path)
        self.addCleanup(dataset.close)
        return dataset

    def change(self, name: str, index: object, value: object) -> None:
        with h5py.File(self.path, "r+") as file:
            file[name][index] = value


class Opening(DatasetCase):
    def test_contents(self) -> None:
        """All datasets with their dimensions and attributes, and the values of h5py under any indices."""
        self.make()
        dataset = self.open()
        self.assertEqual(dataset["status"].dims, CELL)
        self.assertEqual(dataset["log_jacobian_norm"].dims, (*CELL, "lag"))
        self.assertEqual(dataset["weight_norm"].dims, CELL[1:4])
        self.assertEqual(dataset["status"].dtype, np.uint8)
        self.assertEqual(dataset["log_jacobian_norm"].attrs, {"long_name": "log jacobian norm", "units": "1"})
        self.assertEqual((dataset.attrs["title"], dataset.attrs["format_version"]), ("synthetic", 2))
        self.assertEqual(list(dataset["activation"].values), ["identity", "tanh"])
        self.assertEqual(dataset.gradsweep.runs()[0]["host"], "node01")
        with h5py.File(self.path, "r", locking=False) as file:
            expected = file["log_jacobian_norm"][...]
        for index in (
            {"lag": -1}, {"replica": [2, 0]}, {"spectral_radius": slice(3, 0, -2), "activation": 1}, {"gamma": [1]},
            {"replica": [0, 2], "lag": [3, 1]}, {"hidden_size": 0, "ensemble": 0, "replica": slice(1, None)},
        ):  # fmt: skip
            whole = xr.DataArray(expected, dims=(*CELL, "lag")).isel(index)
            np.testing.assert_array_equal(dataset["log_jacobian_norm"].isel(index).values, whole.values, str(index))
        self.assertEqual(dataset.sel(activation="tanh", gamma=1.0)["growth_rate"].shape, (1, 1, 3, 4))

    def test_pending_cells_are_nan(self) -> None:
        """Also where a file, damaged and resumed, still has their old numbers; failed ones keep what was measured."""
        self.make()
        self.change("status", (0, 0, 0, 1, 2, 0), 0)
        self.change("status", (1, 0, 0, 0, 0, 0), 2)
        dataset = self.open()
        missing = np.argwhere(np.isnan(dataset["log_jacobian_norm"].values).any(axis=-1))
        self.assertEqual(missing.tolist(), [[0, 0, 0, 1, 2, 0]])
        self.assertTrue(np.isnan(dataset["growth_rate"].isel(replica=1, spectral_radius=2, gamma=0)[0, 0, 0].item()))
        self.assertEqual(int(np.isnan(dataset["growth_rate"].isel(replica=[1, 2]).values).sum()), 1)

    def make_sparse(self, axes: dict[str, object], *names: str) -> None:
        """A file of these axes of which nothing is written but what a test writes: all zeros."""
        with h5py.File(self.path, "w") as file:
            for name, values in axes.items():
                file[name] = values
                file[name].make_scale(name)
            for name in ("status", "growth_rate", "log_jacobian_norm", "log_norm_bound", "bound_check", *names):
                dims = CELL if name in ("status", "growth_rate", *names) else (*CELL, "lag")
                kind = "f8" if "log" in name or "rate" in name else "u1"
                made = file.create_dataset(name, [len(axes[dim]) for dim in dims], kind)
                for position, dim in enumerate(dims):
                    made.dims[position].attach_scale(file[dim])
            file.attrs.update(format_version=2, sweep="")

    def peak(self, act: Callable[[], object]) -> int:
        """By how many bytes the memory grows at most while `act` is done."""
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        act()
        return tracemalloc.get_traced_memory()[1] - before

    def test_reads_what_is_asked_for(self) -> None:
        """A file of 300 MiB, of which nothing is written: opening it takes little more than its axes, and a part of it 1.2
        times that part."""
        count = 300 * 2**20 // (8 * len(RADII) * len(LAGS))
        self.make_sparse({"activation": ["tanh"], "ensemble": ["ginibre"], "hidden_size": [4], "replica": np.zeros(count),
                          "spectral_radius": RADII, "gamma": [1.0], "lag": LAGS})  # fmt: skip
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        dataset = self.open()
        norms = dataset["log_jacobian_norm"]
        self.assertGreater(norms.nbytes, 299 * 2**20)
        self.assertLess(tracemalloc.get_traced_memory()[1], 20 * 8 * count)  # an index of the axis takes some of its sizes
        parts = []
        grown = self.peak(lambda: parts.append(norms.isel(spectral_radius=1, lag=3).values))
        self.assertTrue(np.isnan(parts[0]).all())  # all pending
        self.assertLess(grown, 1.2 * parts[0].nbytes + 1e5)
        chosen = gradsweep.select(dataset, spectral_radius=[0.5, 1.5], lag=[2, 8])["log_jacobian_norm"]
        grown = self.peak(lambda: parts.append(chosen.values))
        self.assertLess(grown, 1.2 * parts[1].nbytes + 1e5)

    def test_counts_in_memory_that_does_not_grow(self) -> None:
        """Of 204,800 cells, all done, summary and critical points take the memory of a few pieces, not that of a tensor
        (16 MB) or of all rates (1.6 MB) and what comes of them."""
        plane = np.linspace(0.5, 1.5, 40)
        self.make_sparse({"activation": ["tanh", "relu"], "ensemble": ["a", "b"], "hidden_size": [4, 8], "replica": np.arange(16),
                          "spectral_radius": plane, "gamma": plane, "lag": np.arange(1, 11)},
                         "vanishing_guaranteed", "spectral_condition")  # fmt: skip
        self.change("status", ..., 1)
        self.change("growth_rate", ..., np.log(np.outer(plane, plane)))
        dataset = self.open()
        summarize(dataset.isel(activation=[0], ensemble=[0], hidden_size=[0], replica=[0]))  # what is loaded and kept at first
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        piece = 8 * 20_000
        self.assertLess(self.peak(lambda: summarize(dataset, 20_000)), 12 * piece)
        rates = 8 * 16 * plane.size**2  # of one network
        self.assertLess(self.peak(lambda: dataset.gradsweep.critical("coupling", resamples=10)), 8 * rates)

    def test_foreign_datasets_do_no_harm(self) -> None:
        self.make()
        with h5py.File(self.path, "r+") as file:
            file["notes"] = np.arange(3)
            file["log_mine"] = np.zeros(file["status"].shape)
            file.create_group("mine")
        self.assertNotIn("notes", self.open())

    def test_damage_is_told(self) -> None:
        """Wherever HDF5's own structures have lost their signature, the file opens or is told to be damaged."""
        self.make()
        with open(self.path, "rb") as file:
            whole = file.read()
        told = 0
        for signature in (b"OHDR", b"FRHP", b"BTHD", b"GCOL"):
            places = [found.start() for found in re.finditer(signature, whole)]
            self.assertTrue(places, signature)
            for place in places:
                with self.subTest(signature=signature, place=place):
                    with open(self.path, "wb") as file:
                        file.write(whole[:place] + b"lost" + whole[place + 4 :])
                    try:
                        gradsweep.open(self.path).close()
                    except gradsweep.ResultsError as error:
                        self.assertIn(self.path, str(error))
                        told += 1
        self.assertGreater(told, 0)

    def test_selection(self) -> None:
        self.make()
        dataset = self.open()
        part = gradsweep.select(dataset, activation="tanh", spectral_radius=[1.5, 0.5 + 1e-12], gamma=slice(0.4, 0.6))
        self.assertEqual(part["status"].shape, (1, 1, 1, 3, 2, 1))
        self.assertEqual(part["spectral_radius"].values.tolist(), [1.5, 0.5])
        for selection, text in (
            ({"activation": "relu"}, "activation has no value 'relu'; it has identity, tanh"),
            ({"gamma": 0.7}, "gamma has no value 0.7; it has 0.5, 1.0"),
            ({"colour": 1}, "there is no axis 'colour'; the axes are activation, ensemble"),
            ({"activation": slice("a", "b")}, "needs an axis of numbers"),
        ):
            with self.assertRaisesRegex(ValueError, text):
                gradsweep.select(dataset, **selection)

    def test_axes_that_a_figure_cannot_lay_out(self) -> None:
        """One value of each: the radius next to 1, the weakest drive, the last anchor; said where there was a choice."""
        axes = {"activation": ["tanh"], "input_scale": [0.1, 2.0], "bias_scale": [0.5], "anchor": [10, 20, 30],
                "spectral_radius": [0.5, 0.9, 1.5], "gamma": [1.0, 3.0]}  # fmt: skip
        dataset = xr.Dataset({"status": (list(axes), np.ones([len(values) for values in axes.values()], "u1"))}, axes)
        reduced, chosen = reduce_axes(dataset, ("gamma",))
        self.assertEqual(chosen, {"input_scale": 0.1, "anchor": 30, "spectral_radius": 0.9})
        self.assertEqual(reduced["status"].dims, ("activation", "gamma"))


class OverAnchors(unittest.TestCase):
    """Statistics over the anchors of numbers made here, against formulas written out."""

    def dataset(self, values: np.ndarray, anchors: list[int]) -> xr.Dataset:
        """`values` [replica, anchor, lag] of ln ||J_l||, lags 1 and 4."""
        axes = {"replica": np.arange(len(values)), "anchor": anchors, "lag": [1, 4]}
        status = np.ones(values.shape[:2], "u1")
        return xr.Dataset({"status": (("replica", "anchor"), status), "log_jacobian_norm": (tuple(axes), values)}, axes)

    def test_mean_spread_and_autocorrelation(self) -> None:
        count = 12
        values = np.random.default_rng(3).normal(size=(2, count, 2)).cumsum(axis=1)  # which are remembered
        dataset = self.dataset(values, list(range(50, 50 + 7 * count, 7)))
        found = dataset.gradsweep.over_anchors()
        self.assertEqual(found["mean"].dims, ("replica", "lag"))
        self.assertEqual(found["shift"].values.tolist(), [0, 7, 14, 21, 28, 35, 42])
        for replica, lag in np.ndindex(2, 2):
            series = values[replica, :, lag] / (1, 4)[lag]
            one = found.isel(replica=replica, lag=lag)
            deviation = series - series.mean()
            expected = np.correlate(deviation, deviation, "full")[count - 1 :] / (deviation**2).sum()
            np.testing.assert_allclose(one["autocorrelation"], expected[:7], rtol=0, atol=1e-14)
            positive = [value for at, value in enumerate(expected[:7]) if np.all(expected[: at + 1] > 0)]
            effective = count / (1 + 2 * sum(positive[1:]))
            for name, value in {"count": count, "mean": series.mean(), "spread": series.std(ddof=1),
                                "effective_count": effective, "error": series.std(ddof=1) / np.sqrt(effective)}.items():  # fmt: skip
                np.testing.assert_allclose(one[name], value, rtol=1e-13, err_msg=name)
        self.assertTrue(np.any(found["effective_count"] < count / 2))

    def test_alternating_and_constant(self) -> None:
        """What changes its sign each time is no more than n values; what does not change has nothing to remember."""
        values = np.stack([np.tile([1.0, -1.0], 4), np.full(8, -0.25)])[..., np.newaxis] * (1, 4)
        found = self.dataset(values, list(range(8))).gradsweep.over_anchors().isel(lag=1)
        np.testing.assert_allclose(found["autocorrelation"][0], [1, -7 / 8, 6 / 8, -5 / 8, 4 / 8], rtol=1e-15)
        self.assertTrue(np.isnan(found["autocorrelation"][1]).all())
        self.assertEqual(found["effective_count"].values.tolist(), [8, 8])
        np.testing.assert_allclose(found["error"], [np.sqrt(8 / 7) / np.sqrt(8), 0], rtol=1e-15)

    def test_what_is_no_number_does_not_count(self) -> None:
        values = np.array([[[1.0], [-np.inf], [4.0], [3.0]], [[2.0], [np.nan], [np.nan], [np.nan]]]) * (1, 1)
        dataset = self.dataset(values, [10, 20, 30, 40])
        dataset["status"][0, 2] = 0  # pending
        found = dataset.gradsweep.over_anchors("log_jacobian_norm").isel(lag=0)
        self.assertEqual(found["count"].values.tolist(), [2, 1])
        self.assertEqual(found["mean"].values.tolist(), [2.0, 2.0])
        np.testing.assert_allclose(found["spread"], [np.sqrt(2), np.nan])
        self.assertEqual(found["autocorrelation"][0].values.tolist(), [1, 0, 0])  # of -1, 1 three anchors apart

    def test_refusals(self) -> None:
        dataset = self.dataset(np.zeros((1, 4, 2)), [10, 20, 30, 50])
        with self.assertRaisesRegex(ValueError, "not equally far apart"):
            dataset.gradsweep.over_anchors()
        self.assertEqual(dataset.isel(anchor=slice(3)).gradsweep.over_anchors()["count"][0, 0], 3)
        for one in (dataset.isel(anchor=[0]), dataset.isel(anchor=0)):
            with self.assertRaisesRegex(gradsweep.NothingToDraw, "one final time"):
                one.gradsweep.over_anchors()


class Quantities(DatasetCase):
    def test_half_life(self) -> None:
        """ln 1/2 = -0.693 between lags: interpolated in ln l, before lag 1 in l; after a rise; where J_l is 0; not reached; pending."""
        self.make()
        curves = {
            0: ([-1.0, -2.0, -3.0, -4.0], np.log(2)),
            1: ([0.5, 1.0, 0.0, -2.0], 4 * 2 ** (np.log(2) / 2)),
            2: ([-2.0, -0.1, -0.2, -np.inf], 8.0),
            3: ([-1.0, -2.0, -3.0, 0.0], np.nan),
        }
        for position, (norms, _) in curves.items():
            self.change("log_jacobian_norm", (1, 0, 0, 0, position, 1), norms)
        self.change("status", (1, 0, 0, 1, 0, 1), 0)
        found = self.open().gradsweep.half_life()
        self.assertEqual((found.dims, found.attrs["units"]), (CELL, "step"))
        expected = [value for _, value in curves.values()]
        np.testing.assert_allclose(found.values[1, 0, 0, 0, :, 1], expected, rtol=1e-14)
        self.assertTrue(np.isnan(found.values[1, 0, 0, 1, 0, 1]))
        one = self.open().sel(activation="tanh", gamma=1.0).gradsweep.half_life()
        np.testing.assert_array_equal(one.values, found.values[1, ..., 1])

    def test_growth_and_slack(self) -> None:
        self.make()
        self.change("status", (0, 0, 0, 0, 0, 0), 2)
        dataset = self.open()
        norms, bound = (dataset[name].values for name in ("log_jacobian_norm", "log_norm_bound"))
        norms[0, 0, 0, 0, 0, 0] = np.nan
        np.testing.assert_array_equal(dataset.gradsweep.growth().values, norms / np.array(LAGS))
        np.testing.assert_array_equal(dataset.gradsweep.slack().values, bound - norms)
        self.assertGreater(np.nanmin(dataset.gradsweep.slack()), -1e-10)

    def set_rates(self, rates: np.ndarray) -> None:
        """growth_rate of tanh at gamma 1, [replica, spectral_radius]."""
        self.change("growth_rate", (1, 0, 0, slice(None), slice(None), 1), rates)

    def test_critical(self) -> None:
        """Interpolated zero of the mean; the interval is that of a bootstrap of the test's own, within its sampling error."""
        self.make(replicas=6)
        offsets = np.array([-0.3, -0.1, 0.0, 0.05, 0.1, 0.25])
        rates = np.array([-1.0, -0.4, 0.6, 1.0]) + offsets[:, np.newaxis]
        self.set_rates(rates)
        found = self.open().gradsweep.critical("spectral_radius").sel(activation="tanh", gamma=1.0)
        self.assertEqual(found["verdict"].item(), "one")
        self.assertAlmostEqual(found["critical"].item(), 1.2, delta=1e-12)
        random = np.random.default_rng(7)
        means = rates[random.integers(0, 6, (4000, 6))].mean(axis=1)
        crossing = 1.0 + 0.5 * means[:, 1] / (means[:, 1] - means[:, 2])
        for name, share in (("low", 0.025), ("high", 0.975)):
            # The quantile of 1000 resamples scatters by about 5% of the interval.
            width = np.ptp(np.quantile(crossing, [0.025, 0.975]))
            self.assertAlmostEqual(found[name].item(), np.quantile(crossing, share), delta=0.15 * width)
        narrow = self.open().gradsweep.critical("spectral_radius", ci=0.5).sel(activation="tanh", gamma=1.0)
        self.assertLess((narrow["high"] - narrow["low"]).item(), 0.5 * (found["high"] - found["low"]).item())

    def test_where_there_is_no_single_crossing(self) -> None:
        self.make()
        for rates, verdict, crossings in (
            ([-1.0, -0.5, -0.2, -np.inf], "vanishes everywhere", 0),
            ([0.1, 0.5, 0.2, 0.3], "explodes everywhere", 0),
            ([-1.0, 0.5, -0.2, 0.3], "several crossings", 3),
            ([-1.0, 1e-12, -1e-12, 0.3], "one", 1),  # rounding is no growth
            ([-np.inf, -np.inf, 0.2, 0.3], "one", 1),
        ):
            self.set_rates(np.broadcast_to(rates, (3, 4)))
            with gradsweep.open(self.path) as dataset:
                found = dataset.gradsweep.critical("spectral_radius").sel(activation="tanh", gamma=1.0).load()
            self.assertEqual((found["verdict"].item(), found["crossings"].item()), (verdict, crossings))
            self.assertEqual(np.isnan(found["critical"].item()), verdict != "one")
            self.assertEqual(np.isnan(found["low"].item()), verdict != "one")
        self.change("status", (1, 0, 0, slice(None), 2, 1), 0)
        found = self.open().gradsweep.critical("spectral_radius").sel(activation="tanh", gamma=1.0)
        self.assertEqual(found["verdict"].item(), "nothing finished")

    def test_along_the_coupling(self) -> None:
        """kappa = rho gamma: (0.5, 1), (1, .5) are one point, the mean of both."""
        self.make(replicas=1)
        kappa = np.outer(RADII, (0.5, 1.0))
        self.change("growth_rate", (1, 0, 0, 0), kappa - 1.3 + np.array([0.01, -0.01]))
        found = self.open().gradsweep.critical("coupling").sel(activation="tanh")
        self.assertAlmostEqual(found["critical"].item(), 1.0 + 0.5 * 0.3 / (0.3 + 0.19), delta=1e-12)  # -0.3 at 1, 0.19 at 1.5
        self.assertTrue(np.isnan(found["low"].item()))  # one replica has no interval
        np.testing.assert_allclose(self.open().gradsweep.coupling().values, kappa)
        with self.assertRaisesRegex(ValueError, "there is no axis 'foo'"):
            self.open().gradsweep.critical("foo")

    def test_native_has_no_axis_of_radii(self) -> None:
        self.make(radii=None)
        with self.assertRaisesRegex(ValueError, "as drawn"):
            self.open().gradsweep.critical("spectral_radius")


class Theory(DatasetCase):
    def test_beside_the_cells(self) -> None:
        """At the gain of W as drawn, and where states vanish or the activation is linear at the coupling itself."""
        self.make(ensembles=("ginibre", "orthogonal", "nonnormal", "untied"))
        dataset = self.open()
        found = dataset.gradsweep.theory()
        drawn = dataset["weight_spectral_radius"].isel(ensemble=0, hidden_size=0).mean().item()
        tanh = found.sel(activation="tanh", ensemble="ginibre", hidden_size=4, spectral_radius=2.0, gamma=1.0)
        self.assertAlmostEqual(tanh["gain"].item(), 2.0 / drawn, delta=1e-12)
        self.assertAlmostEqual(tanh["largest_exponent"].item(), theory.largest_exponent("tanh", 2.0 / drawn), delta=1e-9)
        q = theory.state_variance("tanh", 2.0 / drawn)
        self.assertAlmostEqual(tanh["state_variance"].item(), q, delta=1e-9)
        self.assertAlmostEqual(tanh["chi"].item(), theory.chi("tanh", 2.0 / drawn, q), delta=1e-9)
        identity = found.sel(activation="identity", ensemble="ginibre", hidden_size=4, gamma=0.5)
        np.testing.assert_allclose(identity["largest_exponent"], np.log(0.5 * np.array(RADII)), rtol=1e-12)
        vanishing = found.sel(activation="tanh", ensemble="orthogonal", hidden_size=4, spectral_radius=0.5)
        np.testing.assert_allclose(vanishing["largest_exponent"], np.log([0.25, 0.5]), rtol=1e-12)
        untied = found.sel(activation="tanh", ensemble="untied", hidden_size=4, spectral_radius=1.5, gamma=1.0)
        self.assertAlmostEqual(untied["gain"].item(), 1.5, delta=1e-12)
        self.assertTrue(np.isnan(found.sel(ensemble="nonnormal")["chi"]).all())
        self.assertTrue(np.all(found["critical_coupling"].sel(ensemble=["ginibre", "orthogonal"]).round(6) == 1.0))

    def test_with_drive(self) -> None:
        self.make(ensembles=("orthogonal",), input_scales=(0.2, 1.0))
        found = self.open().gradsweep.theory().sel(activation="tanh", ensemble="orthogonal", hidden_size=4)
        for scale in (0.2, 1.0):
            edge = theory.critical_coupling("tanh", scale**2)
            self.assertAlmostEqual(found["critical_coupling"].sel(input_scale=scale).item(), edge, delta=1e-6)
            exponent = found["largest_exponent"].sel(input_scale=scale, spectral_radius=1.5, gamma=1.0).item()
            self.assertAlmostEqual(exponent, theory.largest_exponent("tanh", 1.5, scale**2), delta=1e-9)


if __name__ == "__main__":
    unittest.main()
