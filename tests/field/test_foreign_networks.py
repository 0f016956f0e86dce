"""Network files as other programs write them: MATLAB, Octave, Julia and netCDF are read as they are meant; what cannot be
read is named, with what helps."""

import io
import json
import os
import pickle
import re
import struct
import zipfile
from pathlib import Path

import numpy as np

import support
from support import CommandTest, gradsweep, h5py

SWEEP = """\
weights: {{ensemble: {{kind: file, path: {path}{content}}}}}
model: {{warmup: 0, steps: 20}}
grid: {{hidden_size: 4, spectral_radius: native, gamma: 1, lag: [1, 4, 16]}}
"""
generator = np.random.default_rng(2013)
# Nothing symmetric: no transpose goes unseen. Multiples of 1/64, which any of the types below holds.
NETWORK = {name: generator.integers(-60, 60, size) / 64
           for name, size in (("W", (4, 4)), ("w_in", (4, 3)), ("b", 4), ("x0", 4), ("inputs", (20, 3)), ("error", 4))}


def matlab(file, name, values, kind=None, **attributes):
    """As MATLAB's save -v7.3 does it: at least two dimensions, the axes in reverse."""
    values = np.asarray(values)
    values = values.reshape(-1, 1) if values.ndim == 1 else values
    file[name] = values.T
    file[name].attrs["MATLAB_class"] = np.bytes_(kind or {"float64": "double", "float32": "single"}[values.dtype.name])
    for key, value in attributes.items():
        file[name].attrs[key] = value


def octave(file, name, values, kind="matrix"):
    """As Octave's save -hdf5 does it."""
    values = np.asarray(values)
    group = file.create_group(name)
    group.attrs["OCTAVE_NEW_FORMAT"] = np.uint8(1)
    group["type"] = np.bytes_(kind)
    group["value"] = (values.reshape(-1, 1) if values.ndim == 1 else values).T


class ForeignNetworks(CommandTest):
    def write(self, name="net.h5", **arrays):
        with h5py.File(self.path(name), "w") as file:
            for key, values in arrays.items():
                file[key] = values

    def plan(self, name="net.h5", content=""):
        """`plan` reads network files as `run` does, and starts no MPI."""
        return gradsweep("plan", self.sweep(SWEEP.format(path=name, content=content)))

    def refuse(self, *patterns, name="net.h5"):
        ended = self.plan(name)
        self.assert_error(ended, 2, *[re.escape(name) + ": .*" + pattern for pattern in patterns])
        self.assertNotIn("No such file", ended.stderr)

    def content(self):
        """The fingerprints of NETWORK, from the effective sweep of a run of a plain file."""
        self.write("plain.h5", **NETWORK)
        out = self.run_sweep(self.sweep(SWEEP.format(path="plain.h5", content="")), "plain.out.h5")
        with h5py.File(out) as file:
            return ", content: " + re.search(r"content: (\{[^}]*\})", file.attrs["sweep"])[1]

    def test_what_other_programs_mean(self):
        """The same numbers at the same places, whoever wrote them, known by their fingerprints."""
        content = self.content()

        def each(write, **how):
            def make(file):
                for name, values in NETWORK.items():
                    write(file, name, values, **how)
            return make

        def packed(file):
            for name, values in NETWORK.items():
                file[name] = np.round((values - 2) * 64).astype(np.int16)
                file[name].attrs.update(scale_factor=[1 / 64], add_offset=2.0, _FillValue=np.int16(-32767),
                                        missing_value=np.int16([999, -999]), valid_range=np.int16([-300, 300]))

        def unsigned(file):
            for name, values in NETWORK.items():
                file[name] = (values * 64 + 100).astype(np.uint8).view(np.int8)
                file[name].attrs.update(_Unsigned="true", scale_factor=1 / 64, add_offset=-100 / 64, _FillValue=np.int8(-1))

        def filtered(file, name, values, **how):
            file.create_dataset(name, data=values, chunks=tuple(min(size, 3) for size in values.shape), **how)

        def row(file, name, values, **how):
            matlab(file, name, values.reshape(1, -1) if values.ndim == 1 else values, **how)

        cases = {
            "plain": each(lambda file, name, values: file.__setitem__(name, values)),
            "MATLAB": each(matlab),
            "MATLAB, rows": each(row),
            "MATLAB, single": each(lambda file, name, values: matlab(file, name, np.float32(values))),
            "vectors as rows": each(lambda file, name, values: file.__setitem__(name, np.atleast_2d(values))),
            "vectors as columns": each(lambda file, name, values: file.__setitem__(
                name, values if values.ndim == 2 else values[:, None])),
            "Octave": each(octave),
            "Octave, float": each(lambda file, name, values: octave(file, name, np.float32(values), "float matrix")),
            "big-endian single": each(lambda file, name, values: file.__setitem__(name, values.astype(">f4"))),
            "half": each(lambda file, name, values: file.__setitem__(name, values.astype("<f2"))),
            "packed": packed,
            "packed, unsigned": unsigned,
            "deflate, shuffle, fletcher32": each(filtered, compression="gzip", shuffle=True, fletcher32=True),
            "szip": each(filtered, compression="szip", compression_opts=("nn", 2)) if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP) else None,
        }
        for name, make in cases.items():
            if make is None:
                continue
            with self.subTest(name), h5py.File(self.path("net.h5"), "w") as file:
                make(file)
                file.flush()
                ended = self.plan(content=content)
                self.assertEqual(ended.returncode, 0, ended.stderr)
        for mark in (b"HDF5-based Julia Data Format, version 0.1.1\0", b"Julia data file (HDF5), version 0.1.3\0"):
            with h5py.File(self.path("net.h5"), "w", userblock_size=512) as file:
                each(lambda file, name, values: file.__setitem__(name, values.T))(file)
            with open(self.path("net.h5"), "r+b") as file:
                file.write(mark)
            ended = self.plan(content=content)
            self.assertEqual(ended.returncode, 0, ended.stderr)
        # The check sees a transpose.
        self.write(**{**NETWORK, "W": NETWORK["W"].T})
        self.assert_error(self.plan(content=content), 2, "W is not the one that content names")

    def test_a_matlab_file_runs_as_it_is_meant(self):
        self.write("plain.h5", **NETWORK)
        with h5py.File(self.path("net.h5"), "w", userblock_size=512) as file:
            for name, values in NETWORK.items():
                matlab(file, name, values)
        with open(self.path("net.h5"), "r+b") as file:
            file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
        outs = [self.run_sweep(self.sweep(SWEEP.format(path=name + ".h5", content="")), name + ".out.h5")
                for name in ("plain", "net")]
        norms = []
        for out in outs:
            with h5py.File(out) as file:
                norms.append((file["log_jacobian_norm"][...].tobytes(), file.attrs["sweep_hash"]))
        self.assertEqual(norms[0], norms[1])

    def test_integers_and_logical_values_of_matlab(self):
        for kind, dtype in (("int8", np.int8), ("uint16", np.uint16), ("int64", np.int64), ("logical", np.uint8)):
            with h5py.File(self.path("net.h5"), "w") as file:
                matlab(file, "W", np.triu(np.ones((4, 4), dtype)), kind)
            ended = self.plan()
            self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_what_is_no_matrix_of_numbers_is_named(self):
        def sparse(file):
            group = file.create_group("W")
            group["data"], group["ir"], group["jc"] = np.ones(2), np.uint64([0, 1]), np.uint64([0, 1, 2])
            group.attrs.update(MATLAB_class=np.bytes_("double"), MATLAB_sparse=np.uint64(2))

        def struct_of_matlab(file):
            file.create_group("W").attrs["MATLAB_class"] = np.bytes_("struct")

        def complex_of_matlab(file):
            file["W"] = np.ones((4, 4), [("real", float), ("imag", float)])
            file["W"].attrs["MATLAB_class"] = np.bytes_("double")

        def cell(file):
            file.create_dataset("W", (4, 4), h5py.ref_dtype, data=np.full((4, 4), file.ref))
            file["W"].attrs["MATLAB_class"] = np.bytes_("cell")

        def empty_in_octave(file):
            octave(file, "W", np.int64([0, 0]))
            file["W"].attrs["OCTAVE_EMPTY_MATRIX"] = np.uint8(1)

        def with_attribute(values=NETWORK["W"], **attributes):
            def make(file):
                file["W"] = values
                file["W"].attrs.update(attributes)
            return make

        def holes(file):
            file.create_dataset("W", data=NETWORK["W"], fillvalue=9.969209968386869e36)[1, 2] = 9.969209968386869e36

        broken = NETWORK["W"].copy()
        broken[1, 2] = 7
        ragged = np.empty(4, object)
        ragged[:] = [np.ones(n) for n in range(4)]
        cases = [
            (sparse, r"W is a sparse matrix of MATLAB; save full\(W\)"),
            (struct_of_matlab, "W is a struct of MATLAB"),
            (complex_of_matlab, "W holds complex numbers"),
            (cell, "W is a cell of MATLAB"),
            (lambda file: matlab(file, "W", np.uint32([[3707764736, 2, 1, 1]]), "dlarray", MATLAB_object_decode=3),
             "W is a dlarray of MATLAB; save a matrix of numbers"),
            (lambda file: matlab(file, "W", np.uint16([[65, 66]]), "char"), "W holds text"),
            (lambda file: matlab(file, "W", np.uint64([0, 0]), "double", MATLAB_empty=np.uint8(1)), "W is empty, .. in MATLAB"),
            (empty_in_octave, "W is empty, .. in Octave"),
            (lambda file: octave(file, "W", np.ones(4), "diagonal matrix"), "W is a 'diagonal matrix' of Octave"),
            (lambda file: octave(file, "W", np.ones(4), "complex matrix"), "W is a 'complex matrix' of Octave"),
            (with_attribute(broken, missing_value=7.0), r"W\[1, 2\] is 7, by missing_value a missing value"),
            (with_attribute(broken, missing_value=[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -9.0, 7.0]), r"W\[1, 2\] is 7, by missing_value"),
            (with_attribute(broken, missing_value=[-1.0] * 9), "W: its attribute missing_value is no number"),
            (with_attribute(np.float32(broken), _FillValue=np.float32(7), scale_factor=2.0), r"W\[1, 2\] is 7, by _FillValue"),
            (with_attribute(broken, valid_max=1.0), r"W\[1, 2\] is 7, outside the valid range -inf to 1"),
            (holes, r"W\[1, 2\] is 9.96921e\+36, by netCDF's fill value"),
            (with_attribute(scale_factor="0.5"), "W: its attribute scale_factor is no number"),
            (with_attribute(add_offset=[1.0, 2.0]), "W: its attribute add_offset is 2 numbers instead of one"),
            (with_attribute(np.ones((1, 4, 4))), "W has 3 dimensions instead of 2: it is 1 x 4 x 4"),
            (with_attribute(h5py.Empty("f8")), "W is empty; leave it out"),
            (with_attribute(np.zeros((4, 4), "V8")), "W holds opaque bytes"),
            (lambda file: file.create_dataset("W", data=ragged, dtype=h5py.vlen_dtype(float)), "W holds lists"),
            (lambda file: file.create_dataset("net/W", data=NETWORK["W"]),
             r"it holds no dataset W \[d, d\]; it holds net; the one at /net/W has to lie at /W"),
            (lambda file: file.create_dataset("weights", data=NETWORK["W"]),
             r"it holds no dataset W \[d, d\]; it holds weights"),
            (lambda file: None, r"it holds no dataset W \[d, d\]; it is empty"),
            (lambda file: file.__setitem__("W", h5py.SoftLink("/nowhere")), "W, a link to /nowhere, cannot be opened"),
            (lambda file: file.__setitem__("W", h5py.ExternalLink("other.h5", "W")), "W is a link into another file"),
        ]
        for make, pattern in cases:
            with self.subTest(pattern):
                with h5py.File(self.path("net.h5"), "w") as file:
                    make(file)
                self.refuse(pattern)

    def test_a_dimension_of_netcdf_is_no_array(self):
        """netCDF makes a dataset without values for a dimension that has no variable."""
        with h5py.File(self.path("net.h5"), "w") as file:
            file["W"] = NETWORK["W"]
            file.create_dataset("b", (4,), "f4").make_scale("This is a netCDF dimension but not a netCDF variable.         4")
        ended = self.plan()
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_axes_in_reverse_show(self):
        self.write(**{name: values.T for name, values in NETWORK.items()})
        self.refuse(r"w_in has d = 3, but W has d = 4: their shapes are \[3, 4\] and \[4, 4\]; programs that keep arrays "
                    "column by column .* write the transposes")

    def test_filters_that_are_missing(self):
        with h5py.File(self.path("net.h5"), "w") as file:
            file.create_dataset("W", data=np.eye(64), compression="lzf")
        self.refuse(r"W: it is compressed with lzf \(filter 32000\), which this HDF5 library does not have; save it")
        for number, name in ((32001, "blosc"), (32015, "zstd"), (307, "bzip2"), (31999, "")):
            if h5py.h5z.filter_avail(number):
                continue
            with h5py.File(self.path("net.h5"), "w") as file:
                properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                properties.set_chunk((4, 4))
                properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL)
                dataset = h5py.h5d.create(file.id, b"W", h5py.h5t.IEEE_F64LE, h5py.h5s.create_simple((4, 4)), properties)
                dataset.write_direct_chunk((0, 0), b"packed", 0)
            self.refuse(rf"W: it is compressed with {name} ?\(filter {number}\)")

    def test_chunks_that_lzf_left_alone_are_read(self):
        """Noise cannot be compressed; HDF5 then skips the filter, and needs none to read."""
        noise = np.random.default_rng(1).integers(0, 256, 4 * 4 * 8, np.uint8).view(np.float64).reshape(4, 4)
        noise[~np.isfinite(noise)] = 1
        with h5py.File(self.path("net.h5"), "w") as file:
            file.create_dataset("W", data=noise, compression="lzf")
            self.assertEqual(file["W"].id.get_chunk_info(0).filter_mask, 1)
        ended = self.plan()
        self.assertEqual(ended.returncode, 0, ended.stderr)

    def test_damaged_chunks(self):
        with h5py.File(self.path("net.h5"), "w") as file:
            file.create_dataset("W", data=NETWORK["W"], chunks=(4, 4), fletcher32=True)
            place = file["W"].id.get_chunk_info(0).byte_offset
        with open(self.path("net.h5"), "r+b") as file:
            file.seek(place + 5)
            file.write(b"\xAA")
        self.refuse("W: reading failed: .*checksum")

    def test_files_of_other_kinds(self):
        def archive(**members):
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w") as file:
                for name, contents in members.items():
                    file.writestr(name.replace("__", "/").replace("_", "."), contents)
            return stream.getvalue()

        array, several = io.BytesIO(), io.BytesIO()
        np.save(array, NETWORK["W"])
        np.savez(several, W=NETWORK["W"])
        header = json.dumps({"weight_hh_l0": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}}).encode()
        cases = [
            (array.getvalue(), r"it is a NumPy array \(.npy\); write it with h5py"),
            (several.getvalue(), "it is a NumPy archive"),
            (archive(checkpoint__data_pkl=b"\x80\2}."), "it is a PyTorch checkpoint; analysis/export_torch.py"),
            (archive(metadata_json=b"{}", model_weights_h5=b""), "it is a Keras file"),
            (archive(readme_txt=b""), "it is a zip archive"),
            (b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(128), "it is a MATLAB file of version 5 to 7; .*-v7.3"),
            (b"CDF\x01" + bytes(40), "it is a classic netCDF file; nccopy -k nc4"),
            (b"CDF\x02" + bytes(40), "it is a classic netCDF file"),
            (b"CDF\x05" + bytes(40), "it is a classic netCDF file"),
            (struct.pack("<Q", len(header)) + header + bytes(4), "it is a safetensors file; analysis/export_torch.py"),
            (pickle.dumps({"W": [1.0]}), "it is a pickle"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "it is a Git LFS pointer, .*git lfs pull"),
            (b"\x1f\x8b\x08\0\0", "it is compressed with gzip"),
            (b"<!DOCTYPE html><html>", "it is a web page"),
            (b"# Created by Octave 7.3.0\n# name: W\n", "it is a text file of Octave; in Octave: save -hdf5"),
            (b"0.5 0.25\n", "it is a text file"),
            (bytes(4096), "it begins with zeros"),
        ]
        for contents, pattern in cases:
            with self.subTest(pattern):
                Path(self.path("net.h5")).write_bytes(contents)
                self.refuse("not an HDF5 file: " + pattern)
        os.mkdir(self.path("store.h5"))
        Path(self.path("store.h5/.zgroup")).write_text("{}")
        self.refuse(r"it is a folder \(a Zarr store\)", name="store.h5")


if __name__ == "__main__":
    support.main()
