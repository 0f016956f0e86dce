#!/usr/bin/env python3
"""Reads a file made by the C program with h5py, with xarray by both netCDF engines, and with ncdump.

    read_results.py PATH_OF_make_results_file
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

try:
    import xarray as xr
except ImportError:
    xr = None

MAKER = None
AXES = ["activation", "ensemble", "hidden_size", "replica", "spectral_radius", "gamma"]
SHAPE = (2, 2, 2, 2, 3, 2)
LAGS = 3
CELLS = int(np.prod(SHAPE))
PENDING = 10
MEASURED = {  # name: (place in the table of measures, values a cell)
    "log_jacobian_norm": (0, LAGS),
    "log_norm_bound": (1, LAGS),
    "bound_check": (2, LAGS),
    "vanishing_guaranteed": (3, 1),
    "spectral_condition": (4, 1),
    "growth_rate": (5, 1),
    "log_frobenius_norm": (8, LAGS),
}


def expected(name):
    """The formula of store_fixture.h; NaN or 255 where pending."""
    number, values = MEASURED[name]
    cell = np.arange(CELLS)[:, None]
    i = np.arange(values)[None, :]
    if name in ("bound_check", "vanishing_guaranteed", "spectral_condition"):
        result = ((cell + number + i) % 3).astype(np.uint8)
        result[CELLS - PENDING:] = 255
    else:
        result = cell * 1000.0 + number * 100.0 + i + 0.25
        result[CELLS - PENDING:] = np.nan
    return result.reshape(SHAPE + ((values,) if values > 1 else ()))


class ReadResults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = str(Path(cls.folder.name) / "made.h5")
        subprocess.run([MAKER, cls.path], check=True, stdin=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_h5py_reads_what_was_written(self):
        with h5py.File(self.path) as file:
            for name in MEASURED:
                np.testing.assert_array_equal(file[name][...], expected(name), err_msg=name)
            status = np.where(np.arange(CELLS) % 11 == 3, 2, 1)
            status[CELLS - PENDING:] = 0
            np.testing.assert_array_equal(file["status"][...].ravel(), status)
            np.testing.assert_array_equal(file["method"][...].ravel()[-PENDING - 1:], [2] + [255] * PENDING)
            np.testing.assert_array_equal(file["weight_norm"][...].ravel(), 2.0 + np.arange(8))
            self.assertEqual([text.decode() for text in file["ensemble"]], ["ginibre", "orthogonal"])
            row = b"".join(file["runs/provenance"][0].tolist()).decode()
            self.assertEqual(json.loads(row), {"host": "somewhere"})

    def test_layout(self):
        with h5py.File(self.path) as file:
            self.assertEqual(int(file.attrs["format_version"]), 2)
            self.assertEqual(file.attrs["Conventions"], "CF-1.10")
            for name in ("title", "sweep", "sweep_hash", "git_revision", "methods"):
                self.assertIsInstance(file.attrs[name], str, name)
            self.assertNotIn("index", file)  # no dataset of this sweep has that dimension
            datasets = {name: item for name, item in file.items() if name != "runs"}
            datasets.update({f"runs/{name}": item for name, item in file["runs"].items()})
            self.assertEqual(set(file["runs"]), {"run", "character", "provenance", "provenance_checksum"})
            for name, dataset in datasets.items():
                self.assertIsNone(dataset.chunks, name)
                self.assertIsNotNone(dataset.id.get_offset() if name not in ("activation", "ensemble") else 0, name)
                self.assertIn("units", dataset.attrs, name)
                self.assertTrue(dataset.attrs["long_name"], name)
                if h5py.h5ds.is_scale(dataset.id):
                    self.assertNotIn("_FillValue", dataset.attrs, name)
                    continue
                for dimension in dataset.dims:
                    self.assertEqual(len(dimension), 1, name)
                if dataset.dtype == np.float64:
                    self.assertEqual(dataset.attrs["_FillValue"].dtype, dataset.dtype, name)
                else:
                    self.assertNotIn("_FillValue", dataset.attrs, name)
                if dataset.dtype == np.uint8:
                    self.assertEqual(len(dataset.attrs["flag_values"]), len(dataset.attrs["flag_meanings"].split()), name)
                    self.assertEqual(dataset.attrs["flag_values"].dtype, np.uint8, name)
            for name in AXES + ["lag", "runs/run", "runs/character"]:
                self.assertTrue(h5py.h5ds.is_scale(file[name].id), name)
            self.assertEqual(file["hidden_size"].dtype, np.int64)
            self.assertEqual(file["team_size"].dtype, np.uint16)
            self.assertEqual(file["checksum"].dtype, np.uint32)

    def check_xarray(self, engine):
        with xr.open_dataset(self.path, engine=engine) as data:
            self.assertEqual(list(data["log_jacobian_norm"].dims), AXES + ["lag"])
            self.assertFalse([name for name in data.sizes if name.startswith("phony")])
            for name in MEASURED:
                want = expected(name).astype(float)
                want[want == 255] = np.nan if name in data and data[name].dtype.kind == "f" else 255
                np.testing.assert_array_equal(data[name].values.astype(float), want, err_msg=name)
            self.assertEqual(data["activation"].values.tolist(), ["identity", "tanh"])
            self.assertEqual(data["gamma"].values.tolist(), [0.25, 0.5])
            chosen = data["growth_rate"].sel(activation="tanh", ensemble="ginibre", hidden_size=6, replica=1, gamma=0.5)
            np.testing.assert_array_equal(chosen.values, expected("growth_rate")[1, 0, 1, 1, :, 1])
            self.assertNotIn("provenance", data)
        with xr.open_dataset(self.path, engine=engine, group="runs") as runs:
            self.assertEqual(runs["provenance"].dims[0], "run")

    @unittest.skipIf(xr is None, "no xarray")
    def test_xarray_with_h5netcdf(self):
        self.check_xarray("h5netcdf")

    @unittest.skipIf(xr is None, "no xarray")
    def test_xarray_with_netcdf4(self):
        self.check_xarray("netcdf4")

    @unittest.skipIf(shutil.which("ncdump") is None, "no ncdump")
    def test_ncdump_names_every_dimension(self):
        header = subprocess.run(["ncdump", "-h", self.path], check=True, capture_output=True, text=True).stdout
        self.assertNotIn("phony", header)
        for name in AXES + ["lag", "run", "character"]:
            self.assertIn(f"{name} = ", header)
        self.assertIn("ubyte status(" + ", ".join(AXES) + ")", header)
        whole = subprocess.run(["ncdump", self.path], check=True, capture_output=True, text=True).stdout
        self.assertIn('activation = "identity", "tanh"', whole)


if __name__ == "__main__":
    MAKER = sys.argv.pop(1)
    unittest.main()
