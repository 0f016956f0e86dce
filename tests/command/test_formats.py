# ctest: LABELS field
"""The results file as others see, copy and damage it: version 1 and its conversion, compressed copies, what xarray makes of
it, and what is noticed when anything beside the cells' numbers has changed."""

import gzip
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path
from unittest import mock

import numpy as np

import command
from command import CELL, DONE, FAILED, PENDING, CommandTest, gradsweep, h5py, read

try:
    import xarray
except ImportError:
    xarray = None

VERSION_1 = Path(__file__).resolve().parents[1] / "version_1"  # made by the last program that wrote it
SMALL = """\
name: small
weights: {ensemble: [ginibre, symmetric], replicas: 2}
model: {activation: [identity, tanh], warmup: 3}
grid: {hidden_size: [2, 3], spectral_radius: [0.5, 1], gamma: [0.5, 1], lag: [1, 2, 4]}
measure: [frobenius_norm, gradient, expansion, singular_values]
"""


class FormatTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        cls.folder_of_all = Path(command.tempfile.mkdtemp(prefix="gradsweep-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder_of_all)
        cls.small = str(cls.folder_of_all / "small.yaml")
        Path(cls.small).write_text(SMALL)
        cls.whole = str(cls.folder_of_all / "whole.h5")
        ended = gradsweep("run", cls.small, "-o", cls.whole, "--progress", "none")
        assert ended.returncode == 0, ended.stderr

    def copy(self, name="copy.h5", original=None):
        return shutil.copy(original or self.whole, self.path(name))

    def check(self, path, exit_code, *patterns):
        ended = gradsweep("check", path)
        self.assertEqual(ended.returncode, exit_code, ended.stdout + ended.stderr)
        for pattern in patterns:
            self.assertRegex(ended.stdout + ended.stderr, pattern)


class Version1(FormatTest):
    def setUp(self):
        super().setUp()
        for packed in VERSION_1.glob("*.h5.gz"):
            Path(self.path(packed.stem)).write_bytes(gzip.decompress(packed.read_bytes()))
        self.old, self.shards = self.path("partial.h5"), [self.path(f"shard_{i}_of_2.h5") for i in (1, 2)]
        self.old_sweep = str(VERSION_1 / "sweep.yaml")

    def data(self, path):
        with h5py.File(path) as file:
            return {name: file[name][...] for name in file if isinstance(file[name], h5py.Dataset)}

    def assert_kept(self, new, old):
        """All that is finished in the old data is in the new, to the bit; and the WEIGHT values of finished cells."""
        finished = old["status"] != PENDING
        self.assertTrue(finished.any())
        for name, values in old.items():
            if name in new and values.shape[:6] == old["status"].shape:
                self.assertEqual(new[name][finished].tobytes(), values[finished].tobytes(), name)
        for name in ("weight_norm", "weight_spectral_radius", "eigenvalue_re", "eigenvalue_im"):
            known = ~np.isnan(old[name])
            np.testing.assert_array_equal(new[name][known], old[name][known], err_msg=name)

    def test_is_checked_and_told(self):
        self.check(self.old, 3, r"cells: 36 done, 8 failed, 52 pending, 0 damaged", "52 cells pending, 8 failed, 0 wrong$")
        told = gradsweep("info", self.old)
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        way_on = "nobody computes it now: gradsweep extend (merge, of shards) makes a file of today's version, which goes on"
        self.assertIn(f"36 cells done (37.5%), 8 failed, 52 pending\n  {way_on}\n  failed: zero_spectral_radius 8\nruns: 1", told.stdout)
        self.assertIn(way_on, gradsweep("watch", "--once", self.old).stdout)
        for shard in self.shards:
            self.check(shard, 3, r"shard ./2: 48 of 96 cells", " 0 pending, 0 damaged")
        with h5py.File(self.old, "r+") as file:
            file["gamma"][1] = 1.25
        self.check(self.old, 3, "coordinate gamma is not that of the sweep: its value number 1")

    def test_resume_names_the_conversion(self):
        before = Path(self.old).read_bytes()
        self.assert_error(gradsweep("run", self.old_sweep, "-o", self.old, "--resume"), 2,
                          rf"format version 1, .*: gradsweep extend {re.escape(self.old_sweep)} {self.old} -o NEW\.h5\n")
        self.assertEqual(Path(self.old).read_bytes(), before)
        self.assert_error(gradsweep("run", self.old_sweep, "-o", self.shards[0], "--shard", "1/2", "--resume"), 2,
                          "format version 1, .*gradsweep merge NEW.h5")

    def test_conversion_keeps_all_and_is_resumed(self):
        new = self.path("new.h5")
        ended = gradsweep("extend", self.old_sweep, self.old, "-o", new)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("44 of 96 cells taken", ended.stderr)
        self.assert_kept(self.data(new), self.data(self.old))
        self.assertIn("352bb97", read(new)["provenance"][0].tobytes().decode())
        self.check(new, 3, "36 done, 8 failed, 52 pending, 0 damaged")
        seconds = self.data(new)["cell_seconds"]
        self.run_sweep(self.old_sweep, "new.h5", "--resume", exit_code=1)
        data = self.data(new)
        np.testing.assert_array_equal(data["cell_seconds"][~np.isnan(seconds)], seconds[~np.isnan(seconds)])
        self.assertEqual((np.count_nonzero(data["status"] == DONE), np.count_nonzero(data["status"] == FAILED)), (72, 24))
        self.check(new, 3, "72 done, 24 failed, 0 pending, 0 damaged", "0 wrong$")

    def test_parts_of_what_is_known_of_weights_are_not_taken(self):
        """Version 1 has no checksum of them: a radius, or an eigenvalue, that a lost page took is computed again."""
        whole = read(self.merge_shards("whole.h5"))
        norms = self.data(self.shards[0])["weight_norm"]
        first, second = [tuple(place) for place in np.argwhere(~np.isnan(norms))[:2]]
        with h5py.File(self.shards[0], "r+") as file:
            file["weight_spectral_radius"][first] = np.nan
            file["eigenvalue_im"][second + (0,)] = np.nan
        for shard in self.shards[1:]:
            with h5py.File(shard, "r+") as file:
                for name in ("weight_spectral_radius", "weight_norm", "eigenvalue_re", "eigenvalue_im"):
                    for place in (first, second):
                        file[name][place] = np.nan
        merged = self.merge_shards("merged.h5", exit_code=75)
        self.run_sweep(self.old_sweep, "merged.h5", "--resume", exit_code=1)
        for name in ("weight_spectral_radius", "weight_norm", "eigenvalue_re", "eigenvalue_im", "weight_checksum"):
            np.testing.assert_array_equal(read(merged)[name], whole[name], err_msg=name)

    def merge_shards(self, name, exit_code=1):
        ended = gradsweep("merge", self.path(name), *self.shards)
        self.assertEqual(ended.returncode, exit_code, ended.stderr)
        return self.path(name)

    def test_shards_are_merged_also_with_those_of_the_present_version(self):
        merged = self.path("merged.h5")
        ended = gradsweep("merge", merged, *self.shards)
        self.assertEqual(ended.returncode, 1, ended.stderr)  # cells that failed
        for shard in self.shards:
            self.assert_kept(self.data(merged), self.data(shard))
        self.check(merged, 3, "72 done, 24 failed, 0 pending, 0 damaged", "0 wrong$")
        # The old shards are right to the bit with these kernels alone; where the BLAS has no such, W has other last digits.
        second = self.path("second.h5")
        with mock.patch.dict(os.environ, OPENBLAS_CORETYPE="Haswell"):
            has_their_kernels = ", kernels Haswell" in gradsweep("--version").stdout
            ended = gradsweep("run", self.old_sweep, "-o", second, "--shard", "2/2", "--progress", "none")
        self.assertEqual(ended.returncode, 1, ended.stderr)
        # Which cells are a shard's follows from what they cost, of which more is known today: some are in both, others in none.
        theirs = self.data(self.shards[0])["status"] != PENDING
        with h5py.File(second, "r+") as file:
            status = file["status"][...]
            new = np.count_nonzero(status[~theirs])
            self.assertGreater(new, 0)
            status[theirs] = PENDING
            file["status"][...] = status
        mixed = self.path("mixed.h5")
        ended = gradsweep("merge", mixed, self.shards[0], second)
        if not has_their_kernels and "were they computed by different builds or on different CPUs" in ended.stderr:
            self.assertEqual((ended.returncode, os.path.exists(mixed)), (1, False))
            return
        pending = 96 - np.count_nonzero(theirs) - new
        self.assertEqual(ended.returncode, 75 if pending else 1, ended.stderr)
        self.assertEqual(np.count_nonzero(read(mixed)["status"] == PENDING), pending)
        self.run_sweep(self.old_sweep, "mixed.h5", "--resume", exit_code=1)
        self.check(mixed, 3, "72 done, 24 failed, 0 pending, 0 damaged", "0 wrong$")


class Copies(FormatTest):
    def repack(self, original, name, *options):
        subprocess.run(["h5repack", *options, original, self.path(name)], check=True, capture_output=True)
        return self.path(name)

    @unittest.skipIf(shutil.which("h5repack") is None, "no h5repack")
    def test_a_compressed_file_is_complete_or_says_how_to_unpack_it(self):
        packed = self.repack(self.whole, "packed.h5", "-f", "GZIP=4")
        with h5py.File(packed) as file:
            self.assertEqual(file["log_jacobian_norm"].compression, "gzip")
        before = Path(packed).read_bytes()
        self.check(packed, 0)
        self.assertEqual(gradsweep("info", packed).returncode, 0)
        for ranks in (None, 2):
            ended = gradsweep("run", self.small, "-o", packed, "--resume", "--progress", "none", ranks=ranks)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertIn("a compressed copy of finished results", ended.stderr)
        self.assertEqual(Path(packed).read_bytes(), before)
        self.assertEqual(gradsweep("extend", self.small, packed, "-o", self.path("longer.h5"),
                                   "--set", "weights.replicas=3").returncode, 0)
        partial = self.copy("partial.h5")
        with h5py.File(partial, "r+") as file:
            file["status"][0, 0, 0, 0, 0, 0] = PENDING
        packed = self.repack(partial, "partial_packed.h5", "-f", "GZIP=4")
        self.assert_error(gradsweep("run", self.small, "-o", packed, "--resume"), 2,
                          rf"a compressed copy, .*h5repack -f NONE -l CONTI {packed} NEW\.h5")
        unpacked = self.repack(packed, "unpacked.h5", "-f", "NONE", "-l", "CONTI")
        self.run_sweep(self.small, "unpacked.h5", "--resume")
        self.check(unpacked, 0)
        self.assert_same_results(unpacked, self.whole)
        damaged = self.copy("damaged.h5")
        with h5py.File(damaged, "r+") as file:
            file["weight_norm"][0, 0, 0] *= 1 + 1e-13
        packed = self.repack(damaged, "damaged_packed.h5", "-f", "GZIP=4")
        self.assertEqual(gradsweep("run", self.small, "-o", packed, "--resume").returncode, 2)

    @unittest.skipIf(shutil.which("nccopy") is None, "no nccopy")
    def test_a_copy_by_netcdf_is_read(self):
        for kind in ("nc4", "netCDF-4"):
            copy = self.path("copy.nc")
            subprocess.run(["nccopy", "-k", kind, self.whole, copy], check=True, capture_output=True)
            with h5py.File(copy) as file:
                self.assertIn("_NCProperties", file.attrs)
            self.check(copy, 0)
            told = gradsweep("info", copy)
            self.assertEqual((told.returncode, told.stderr), (0, ""))
            extended = self.path(f"{kind}.h5")
            ended = gradsweep("extend", self.small, copy, "-o", extended)
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assert_same_results(extended, self.whole)


@unittest.skipIf(xarray is None, "no xarray")
class Frames(FormatTest):
    def test_the_root_group_is_a_table_and_flags_stay_whole_numbers(self):
        for engine in ("h5netcdf", "netcdf4"):
            with xarray.open_dataset(self.whole, engine=engine) as data:
                self.assertEqual(set(data.sizes), set(CELL + ["lag", "index"]))
                cells = data["status"].size
                frame = data.to_dataframe()
                self.assertEqual(len(frame), cells * data.sizes["lag"] * data.sizes["index"])
                self.assertEqual(len(data.isel(lag=-1, index=0).to_dataframe()), cells)
                doubled = data.drop_vars(["activation", "ensemble"]) * 2
                np.testing.assert_array_equal(doubled["growth_rate"].values, 2 * data["growth_rate"].values)
                for name in ("status", "method", "failure_reason", "bound_check", "vanishing_guaranteed"):
                    self.assertEqual(data[name].dtype, np.uint8, name)
                    self.assertNotIn("_FillValue", data[name].encoding, name)
            with xarray.open_dataset(self.whole, engine=engine, group="runs") as runs:
                self.assertEqual(set(runs.data_vars), {"provenance", "provenance_checksum"})


def changed(name, place, change):
    def apply(file):
        values = file[name][...]
        values[place] = change(values[place])
        file[name][...] = values
    return apply


def renamed(name, place, text):
    def apply(file):
        values = file[name].asstr()[...]
        values[place] = text
        file[name][...] = values
    return apply


def with_attribute(object_name, key, value):
    return lambda file: file[object_name].attrs.__setitem__(key, value)


def without_scale(file):
    file["status"].dims[2].detach_scale(file["hidden_size"])


CELL_0 = (0,) * 6
# what is changed -> (how, what check says, whether --resume mends it)
CHANGES = {
    "a gamma": (changed("gamma", 1, lambda value: value + 1e-15), "coordinate gamma is not that of the sweep", False),
    "a hidden size": (changed("hidden_size", 0, lambda value: value + 1), "coordinate hidden_size is not", False),
    "a lag": (changed("lag", 2, lambda value: 8), "coordinate lag is not that", False),
    "an activation": (renamed("activation", 1, "relu"), "coordinate activation is not that", False),
    "an ensemble": (renamed("ensemble", 0, "other"), "coordinate ensemble is not that", False),
    "a number of a run": (changed("runs/run", 3, lambda value: 7), "coordinate runs/run is not that", False),
    "the title": (with_attribute("/", "title", "larger"), "attributes are not as they were written", False),
    "units": (with_attribute("cell_seconds", "units", "h"), "attributes are not as they were written", False),
    "a fill value": (with_attribute("growth_rate", "_FillValue", np.float64(0)), "attributes are not as", False),
    "a checksum of attributes": (with_attribute("/", "attributes_checksum", np.uint32(1)), "attributes are not as", False),
    "a note": (with_attribute("log_norm_bound", "note", "looks good"), "log_norm_bound has an attribute that is not", False),
    "a dataset more": (lambda file: file.create_dataset("extra", data=[1, 2]), "extra is no dataset of the program's", False),
    "a group more": (lambda file: file.create_group("runs/more"), "runs/more is no dataset of the program's", False),
    "a scale less": (without_scale, "status: its dimension 2 has not the scale hidden_size", False),
    "a weight norm": (changed("weight_norm", (0, 1, 1), lambda value: value * (1 + 1e-13)), "1 faults? of weights", True),
    "a radius lost": (changed("weight_spectral_radius", (1, 0, 0), lambda value: np.nan), "faults of weights", True),
    "an eigenvalue": (changed("eigenvalue_im", (0, 1, 0, 2), lambda value: value + 1e-16), "faults? of weights", True),
    "a checksum of weights": (changed("weight_checksum", (0, 0, 0), lambda value: 0), "faults of weights", True),
    "a team size": (changed("team_size", CELL_0, lambda value: 2), "1 damaged", True),
    "a time": (changed("predicted_seconds", CELL_0, lambda value: value * 2), "1 damaged", True),
    "a row of provenance": (changed("runs/provenance", (0, 5), lambda value: b"x"), "faults of coordinates, attributes or",
                            True),
}


class Seals(FormatTest):
    def test_whatever_changes_is_noticed(self):
        for what, (change, said, is_mended) in CHANGES.items():
            with self.subTest(what):
                path = self.copy()
                with h5py.File(path, "r+") as file:
                    change(file)
                self.check(path, 3, said)
                self.assertEqual(gradsweep("info", path).returncode, 0 if is_mended else 1)
                if what in ("a gamma", "an activation", "units", "a scale less"):
                    self.refuse_and_rescue(path)

    def refuse_and_rescue(self, path):
        before = Path(path).read_bytes()
        self.assert_error(gradsweep("run", self.small, "-o", path, "--resume", "--progress", "none"), 2,
                          r"left untouched; gradsweep extend \(of shards: merge\) saves what is finished")
        self.assertEqual(Path(path).read_bytes(), before)
        rescued = self.path("rescued.h5")
        ended = gradsweep("extend", self.small, path, "-o", rescued)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertRegex(ended.stderr, "warning: .*damaged, or changed by another program")
        self.assert_same_results(rescued, self.whole)
        Path(rescued).unlink()

    def test_resume_mends_what_can_be_computed_again(self):
        path = self.copy()
        with h5py.File(path, "r+") as file:
            for change, _, is_mended in CHANGES.values():
                if is_mended:
                    change(file)
        self.run_sweep(self.small, "copy.h5", "--resume", ranks=2)
        self.check(path, 0)
        self.assert_same_results(path, self.whole)

    def test_what_only_netcdf_adds_is_no_fault(self):
        path = self.copy()
        with h5py.File(path, "r+") as file:
            file.attrs["history"], file.attrs["NCO"] = "ncks -L 4", "netCDF Operators"
            file["lag"].attrs["_Netcdf4Dimid"] = np.int32(6)
        self.check(path, 0)

    def test_merge_takes_no_damaged_weights(self):
        shards = [self.path(f"{number}.h5") for number in (1, 2)]
        for number, shard in enumerate(shards, 1):
            ended = gradsweep("run", self.small, "-o", shard, "--shard", f"{number}/2", "--progress", "none")
            self.assertEqual(ended.returncode, 0, ended.stderr)
        with h5py.File(shards[0], "r+") as file:
            norms = file["weight_norm"][...]
            norms[~np.isnan(norms)] *= 1 + 1e-13
            damaged = np.count_nonzero(~np.isnan(norms))
            file["weight_norm"][...] = norms
        merged = self.path("merged.h5")
        ended = gradsweep("merge", merged, *shards)
        self.assertRegex(ended.stderr, rf"what it knows of {damaged} weights is damaged and left out")
        norms, right = read(merged)["weight_norm"], read(self.whole)["weight_norm"]
        self.assertTrue(np.all((norms == right) | np.isnan(norms)))
        if np.isnan(norms).any():
            self.assertEqual(ended.returncode, 75, ended.stderr)
        self.run_sweep(self.small, "merged.h5", "--resume")
        self.check(merged, 0)
        self.assert_same_results(merged, self.whole)

    def test_fill_of_a_checksum_verifies_nothing(self):
        """Zeros where a WEIGHT and its checksum were, as a lost page leaves them, are damage."""
        path = self.copy()
        with h5py.File(path, "r+") as file:
            for name in ("weight_norm", "weight_spectral_radius", "eigenvalue_re", "eigenvalue_im", "weight_checksum"):
                file[name][0, 0, 0] = 0
            file["runs/provenance_checksum"][...] = 0
        self.check(path, 3, "faults of weights", "faults of coordinates, attributes or provenance")
        self.run_sweep(self.small, "copy.h5", "--resume")
        self.check(path, 0)


class BesideARun(FormatTest):
    def test_nothing_of_a_healthy_run_looks_damaged(self):
        """Cells, weights and provenance are being written while they are checked; failed cells are computed again."""
        text = SMALL.replace("replicas: 2", "replicas: 40").replace("[2, 3]", "[12, 16]")
        sweep, path, checks = self.sweep(text), self.path("out.h5"), 0
        with command.Run(sweep, "-o", path, "--progress", "none", ranks=2, write_seconds=0.002) as run:
            run.wait_for_cells(path, 0.01)
            while run.process.poll() is None:
                ended = gradsweep("check", path)
                self.assertIn(ended.returncode, (0, 3), ended.stderr)
                self.assertIn(" 0 damaged\n", ended.stdout)
                self.assertNotIn("wrong cells", ended.stdout)
                self.assertNotIn("faults", ended.stderr)
                checks += 1
            self.assertEqual(run.end()[0], 0)
        self.assertGreater(checks, 0)


class Looks(FormatTest):
    """Where HDF5 itself crashes on a file or does not come to an end, the command says so, and ends within 15 s."""

    def run_with(self, how, *arguments):
        environment, before = command.with_library(command.tool("crashing_hdf5.so"))
        environment["CRASH"] = how
        began = time.monotonic()
        ended = subprocess.run(before + command.command_line(*arguments), env=environment, stdin=subprocess.DEVNULL,
                               capture_output=True, text=True, timeout=command.TIMEOUT)
        return ended, time.monotonic() - began

    def test_every_command_says_so(self):
        path, new = self.copy(), self.path("new.h5")
        before = Path(path).read_bytes()
        for code, arguments in ((1, ["check", path]), (1, ["info", path]), (2, ["merge", new, path]),
                                (2, ["extend", self.small, path, "-o", new]),
                                (2, ["run", self.small, "-o", path, "--resume"]),
                                (2, ["run", self.small, "-o", path, "--overwrite"])):
            with self.subTest(arguments[0]):
                ended, _ = self.run_with("segv", *arguments)
                self.assert_error(ended, code, rf"{path}: HDF5 itself fails on this file \(signal 11, Segmentation fault\)")
        self.assert_error(self.run_with("abort", "info", path)[0], 1, r"itself fails on this file \(signal 6, Aborted\)")
        self.assertEqual(Path(path).read_bytes(), before)
        self.assertFalse(Path(new).exists())

    def test_what_the_analysis_reads_alone(self):
        """A command of the analysis is kept from a file that it would read, and not by one that it would replace."""
        path = self.copy()
        self.assert_error(self.run_with("segv", "plot", "phase", path)[0], 1, rf"{path}: HDF5 itself fails on this file")
        part = shutil.copy(path, self.path("part.nc"))
        for option in ("-o", "--output"):
            ended, _ = self.run_with("segv", "export", self.path("missing.h5"), option, part)
            self.assertNotIn("HDF5 itself fails", ended.stderr)
            self.assertIn("missing.h5", ended.stderr)

    def test_a_lock_that_was_left_behind_is_not_waited_for(self):
        """Beside a run what looks damaged is looked at again and again; a file full of damage is not, for ever."""
        path = self.copy()
        Path(path + ".lock").write_text("{}\n")
        with h5py.File(path, "r+") as file:
            file["weight_norm"][...] = 2 * file["weight_norm"][...]
            file["growth_rate"][...] = 1
        began = time.monotonic()
        self.check(path, 3, "8 faults of weights")
        self.assertLess(time.monotonic() - began, 15)

    def test_what_does_not_end_is_ended(self):
        ended, seconds = self.run_with("loop", "check", self.copy())
        self.assert_error(ended, 1, "HDF5 itself fails on this file: reading its structure does not end")
        self.assertLess(seconds, 15)


if __name__ == "__main__":
    command.main()
