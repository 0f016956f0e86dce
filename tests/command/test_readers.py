"""What other programs see: of a results file xarray, ncdump and h5py; of the command its tables and its progress."""

import json
import re
import shutil
import subprocess
import unittest
from datetime import datetime

import numpy as np

import command
import sweeps
from command import CELL, CommandTest, gradsweep, h5py, read

try:
    import xarray
except ImportError:
    xarray = None

FLAGS = {  # dataset: (values, meanings)
    "status": ([0, 1, 2], "pending done failed"),
    "method": ([1, 2, 3], "explicit implicit closed_form"),
    "bound_check": ([0, 1, 2, 3], "not_computed holds within_rounding violated"),
}
ATTRIBUTES = ["title", "Conventions", "format_version", "sweep", "sweep_hash", "git_revision", "methods",
              "coordinates_checksum", "attributes_checksum"]


class Files(CommandTest):
    @classmethod
    def setUpClass(cls):
        """A run of two, on two ranks and on one, with failed cells."""
        cls.folder_of_all = command.tempfile.mkdtemp(prefix="gradsweep-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder_of_all)
        cls.out, sweep = cls.folder_of_all + "/out.h5", cls.folder_of_all + "/sweep.yaml"
        with open(sweep, "w") as file:
            file.write(sweeps.EVERYTHING)
        cls.run_of_two = gradsweep("run", sweep, "-o", cls.out, "--progress", "json", ranks=2)
        assert cls.run_of_two.returncode == 1, cls.run_of_two.stderr
        assert gradsweep("run", sweep, "-o", cls.out, "--resume", "--progress", "json").returncode == 1
        cls.data = read(cls.out)

    def check_xarray(self, engine):
        with xarray.open_dataset(self.out, engine=engine) as data:
            self.assertEqual(data["log_jacobian_norm"].dims, tuple(CELL + ["lag"]))
            self.assertEqual([name for name in data.sizes if name.startswith("phony")], [])
            self.assertEqual(set(data.coords), set(CELL + ["lag"]))
            self.assertEqual(data["ensemble"].values.tolist()[6:8], ["elliptic+", "elliptic-"])
            for name in ("log_jacobian_norm", "log_norm_bound", "log_frobenius_norm", "growth_rate", "weight_norm"):
                np.testing.assert_array_equal(data[name].values, self.data[name], err_msg=name)
            np.testing.assert_array_equal(data["status"].values, self.data["status"])
            failed = data["status"].values == command.FAILED
            self.assertTrue(failed.any())
            self.assertTrue(np.isnan(data["growth_rate"].values[failed]).all())
            chosen = data["growth_rate"].sel(activation="gelu", ensemble="untied", hidden_size=13, replica=1, gamma=1.0)
            np.testing.assert_array_equal(chosen.values, self.data["growth_rate"][9, 10, 2, 1, :, 1])
            for name, (values, meanings) in FLAGS.items():
                self.assertEqual(list(data[name].attrs["flag_values"]), values, name)
                self.assertEqual(data[name].attrs["flag_meanings"], meanings, name)

    @unittest.skipIf(xarray is None, "no xarray")
    def test_xarray_with_h5netcdf(self):
        self.check_xarray("h5netcdf")

    @unittest.skipIf(xarray is None, "no xarray")
    def test_xarray_with_netcdf4(self):
        self.check_xarray("netcdf4")

    def test_ncdump(self):
        if shutil.which("ncdump") is None:
            self.skipTest("no ncdump")
        header = subprocess.run(["ncdump", "-h", self.out], check=True, capture_output=True, text=True).stdout
        for name, size in zip(CELL + ["lag", "run"], (12, 11, 3, 2, 2, 2, 5, 64)):
            self.assertIn(f"\t{name} = {size} ;", header)
        self.assertIn("character = ", header)
        self.assertNotIn("phony", header)
        self.assertIn("double log_jacobian_norm(" + ", ".join(CELL + ["lag"]) + ")", header)
        self.assertIn("ubyte status(" + ", ".join(CELL) + ")", header)
        self.assertIn('status:flag_meanings = "pending done failed"', header)
        self.assertIn(':title = "everything"', header)

    def test_root_attributes(self):
        with h5py.File(self.out) as file:
            self.assertEqual(sorted(file.attrs), sorted(ATTRIBUTES))
            self.assertEqual(file.attrs["title"], "everything")
            self.assertEqual(file.attrs["Conventions"], "CF-1.10")
            self.assertEqual(file.attrs["format_version"], 2)
            for name in ("sweep_hash", "git_revision", "methods"):
                self.assertTrue(file.attrs[name], name)
            text = file.attrs["sweep"]
        # The text with effective values is a sweep file itself, of the same hash.
        again = self.run_sweep(self.sweep(text), "again.h5", exit_code=1)
        with h5py.File(again) as file, h5py.File(self.out) as first:
            self.assertEqual(file.attrs["sweep_hash"], first.attrs["sweep_hash"])
            self.assertEqual(file.attrs["sweep"], text)
        self.assert_same_results(again, self.out)

    def test_provenance(self):
        rows = [b"".join(row).rstrip(b"\0").decode() for row in self.data["provenance"].astype("S1")]
        self.assertEqual([bool(row) for row in rows], [True, True] + [False] * 62)
        runs = [json.loads(row) for row in rows[:2]]
        self.assertEqual([run["ranks"] for run in runs], [2, 1])
        for run in runs:
            self.assertEqual(run["exit_code"], 1)
            for name in ("host", "cpu", "version", "compiler", "mpi", "hdf5", "kernel", "git_revision"):
                self.assertTrue(run[name], name)
            start, end = (datetime.strptime(run[name], "%Y-%m-%dT%H:%M:%SZ") for name in ("start", "end"))
            self.assertLessEqual(start, end)

    def test_progress_as_json(self):
        lines = [json.loads(line) for line in self.run_of_two.stderr.splitlines() if line.startswith("{")]
        self.assertGreaterEqual(len(lines), 1)
        last, status = lines[-1], self.data["status"]
        self.assertEqual(last["cells"], status.size)
        self.assertEqual(last["done"], np.count_nonzero(status == command.DONE))
        self.assertEqual(last["failed"], np.count_nonzero(status == command.FAILED))
        for name in ("gflops", "elapsed_seconds", "remaining_seconds"):
            self.assertGreaterEqual(last[name], 0, name)
        self.assertEqual(self.run_of_two.stdout, "")

    def test_failed_cells_are_told(self):
        failed = np.count_nonzero(self.data["status"] == command.FAILED)
        self.assertRegex(self.run_of_two.stderr, rf"out\.h5: {failed} cells failed; gradsweep info .* lists the reason")
        told = gradsweep("info", self.out)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertRegex(told.stdout, rf"failed: zero_spectral_radius {failed}\b")
        self.assertRegex(told.stdout, r"hidden_size +3 +3, 8, 13\b")
        checked = gradsweep("check", self.out)
        self.assertEqual(checked.returncode, 3)
        self.assertRegex(checked.stdout, rf"\b{failed} failed, 0 pending, 0 damaged")
        self.assertRegex(checked.stderr, rf"out\.h5: 0 cells pending, {failed} failed, 0 wrong")
        # They are those of sparse W without a cycle among its entries: rho = 0.
        zero = (self.data["weight_spectral_radius"] == 0)[None, ..., None, None]
        has_failed = self.data["status"] == command.FAILED
        np.testing.assert_array_equal(has_failed, np.broadcast_to(zero, has_failed.shape))


class Tables(CommandTest):
    def plan(self, *arguments):
        """What is told, by name; and (ranks, seconds, efficiency in percent) for each number of ranks."""
        ended = gradsweep("plan", *arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        told = dict(re.findall(r"^(\w[\w ]*?) {2,}(.+)$", ended.stdout, re.MULTILINE))
        rows = re.findall(r"^ +(\d+) +([\d.e+-]+) +([\d.]+)%$", ended.stdout, re.MULTILINE)
        return told, [(int(ranks), float(seconds), float(efficiency)) for ranks, seconds, efficiency in rows]

    def test_plans_of_the_sweeps_that_come_along(self):
        folder = command.Path(__file__).resolve().parents[2] / "jobs" / "sweeps"
        for name, cells in (("quickstart", 2 * 2 * 3 * 4 * 11 * 4), ("phase-diagram", 12 * 9 * 7 * 32 * 41 * 16)):
            with self.subTest(name):
                told, rows = self.plan(folder / f"{name}.yaml", "--ranks", "1,2,1024")
                self.assertEqual(told["sweep"], name)
                self.assertEqual(told["cells"], str(cells))
                for what in ("weight matrices", "units of work", "operations", "memory per rank", "results file"):
                    self.assertIn(what, told)
                self.assertEqual([row[0] for row in rows], [1, 2, 1024])
                seconds, efficiencies = [row[1] for row in rows], [row[2] for row in rows]
                self.assertTrue(seconds[0] > seconds[1] > seconds[2] > 0)
                self.assertTrue(all(0 < efficiency <= 100 for efficiency in efficiencies))
                for ranks, time, efficiency in rows:  # printed with few digits
                    self.assertAlmostEqual(time * ranks * efficiency / 100 / seconds[0], 1, delta=0.03)

    def test_predicted_size(self):
        path = self.run_sweep(self.sweep(sweeps.EVERYTHING), "out.h5", exit_code=1)
        told, _ = self.plan(self.path("sweep.yaml"))
        number, unit = told["results file"].split()
        predicted = float(number) * {"B": 1, "kB": 1e3, "MB": 1e6}[unit]
        self.assertAlmostEqual(predicted / command.os.path.getsize(path), 1, delta=0.1)

    def test_help_and_version(self):
        ended = gradsweep("--help")
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        for name in ("run", "plan", "check", "info"):
            self.assertRegex(ended.stdout, rf"\n  {name} ")
            self.assertIn(f"Usage: gradsweep {name}", gradsweep(name, "--help").stdout)
        self.assertRegex(gradsweep("--version").stdout, r"^gradsweep \d+\.\d+\.\d+\nrevision .+\ncompiler .+\nMPI .+\nHDF5 .+\nBLAS .+\nkernel .+\n$")


class EdgesOfGrids(CommandTest):
    def test_one_cell(self):
        for ranks in (None, 5):  # more ranks than units
            path = self.run_sweep(self.sweep(sweeps.SMALLEST), f"{ranks}.h5", ranks=ranks)
            data = read(path)
            self.assertEqual(data["status"].tolist(), [[[[[[command.DONE]]]]]])
            self.assertEqual(data["log_jacobian_norm"].shape, (1,) * 7)
            self.assertEqual(gradsweep("check", path).returncode, 0)
        self.assert_same_results(self.path("5.h5"), self.path("None.h5"))

    def test_resume_of_nothing_and_of_all(self):
        sweep = self.sweep(sweeps.METHODS)
        path = self.run_sweep(sweep, "out.h5", "--resume", ranks=2)
        before = read(path)
        self.run_sweep(sweep, "out.h5", "--resume", ranks=3)
        after = read(path)
        for name in before:
            if not name.startswith("provenance"):
                np.testing.assert_array_equal(before[name], after[name], err_msg=name)


if __name__ == "__main__":
    command.main()
