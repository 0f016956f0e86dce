"""Checkpoints as people have them, written here byte by byte: read without torch, without running anything of theirs; what
holds no recurrent network is named, with what helps. (What torch itself writes: tests/analysis/test_export_torch.py.)"""

import contextlib
import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np

import support
from support import CommandTest, h5py

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))
import export_torch

NUMBERS = np.random.default_rng(2013).integers(-60, 60, 64) / 64


class Global:
    """Something that a pickle names, "module name"; called where there are arguments."""

    def __init__(self, name, *arguments, state=None):
        self.name, self.arguments, self.state = name, arguments, state


class Pickle:
    """Writes pickles of protocol 2, as torch does, with names that need not exist; the tensors' storages beside them."""

    def __init__(self):
        self.storages = []

    def write(self, value):
        return b"\x80\x02" + self.part(value) + b"."

    def part(self, value):
        if value is None or isinstance(value, bool):
            return {None: b"N", True: b"\x88", False: b"\x89"}[value]
        if isinstance(value, int):
            return b"J" + struct.pack("<i", value)
        if isinstance(value, np.ndarray):
            return self.tensor(value)
        if isinstance(value, Global):
            module, name = value.name.split()
            text = f"c{module}\n{name}\n".encode()
            if value.arguments or value.state is not None:
                text += self.part(tuple(value.arguments)) + b"R"
            return text + (b"" if value.state is None else self.part(value.state) + b"b")
        if isinstance(value, dict):
            return b"}(" + b"".join(self.part(key) + self.part(item) for key, item in value.items()) + b"u"
        if isinstance(value, list):
            return b"](" + b"".join(map(self.part, value)) + b"e"
        if isinstance(value, tuple):
            return b"(" + b"".join(map(self.part, value)) + b"t"
        if isinstance(value, str):
            return b"X" + struct.pack("<I", len(value.encode())) + value.encode()
        if isinstance(value, float):
            return b"G" + struct.pack(">d", value)
        raise TypeError(value)

    def tensor(self, array):
        key = str(len(self.storages))
        self.storages.append(array.tobytes())
        kind = {"float64": "DoubleStorage", "float32": "FloatStorage"}[array.dtype.name]
        storage = self.part(("storage", Global("torch " + kind), key, "cpu", array.size)) + b"Q"
        rest = (0, array.shape, tuple(step // array.itemsize for step in array.strides), False,
                Global("collections OrderedDict", state={}))
        return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"".join(map(self.part, rest)) + b"tR"


def rnn(d=4, m=3, prefix="", suffix="_l0"):
    return {f"{prefix}weight_ih{suffix}": np.float32(NUMBERS[: d * m].reshape(d, m)),
            f"{prefix}weight_hh{suffix}": np.float32(NUMBERS[: d * d].reshape(d, d)),
            f"{prefix}bias_ih{suffix}": np.float32(NUMBERS[:d]), f"{prefix}bias_hh{suffix}": np.float32(NUMBERS[d : 2 * d])}


def parametrised(**parts):
    return {**{name: values for name, values in rnn().items() if name != "weight_hh_l0"}, **parts}


def safetensors(tensors):
    header, content = {"__metadata__": {"format": "pt"}}, b""
    for name, values in tensors.items():
        header[name] = {"dtype": "F32", "shape": values.shape, "data_offsets": [len(content), len(content) + values.nbytes]}
        content += values.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


W = NUMBERS[:16].reshape(4, 4)


class ForeignCheckpoints(CommandTest):
    def zipped(self, contents, leave_out=()):
        writer, stream = Pickle(), io.BytesIO()
        content = writer.write(contents)
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("checkpoint/data.pkl", content)
            for key, values in enumerate(writer.storages):
                if key not in leave_out:
                    archive.writestr(f"checkpoint/data/{key}", values)
            archive.writestr("checkpoint/version", "3\n")
        return stream.getvalue()

    def export(self, content, *arguments):
        Path(self.path("network.pt")).write_bytes(content)
        return self.export_file("network.pt", *arguments)

    def export_file(self, name, *arguments):
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = export_torch.main([self.path(name), "-o", self.path("network.h5"), *arguments])
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), error.getvalue())

    def check(self, content, *arguments, weights=W):
        ended = self.export(content, *arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        with h5py.File(self.path("network.h5")) as file:
            np.testing.assert_allclose(file["W"][...], weights, rtol=1e-15)
            self.assertTrue((file["w_in"][...] == NUMBERS[:12].reshape(4, 3)).all())
            self.assertTrue((file["b"][...] == NUMBERS[:4] + NUMBERS[4:8]).all())
        return ended.stdout

    def refuse(self, ended, *texts):
        self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended.stderr)
        self.assertEqual(ended.stderr.count("\n"), 1, ended.stderr)
        for text in texts:
            self.assertIn(text, ended.stderr)
        self.assertFalse(os.path.exists(self.path("network.h5")))

    def test_networks_at_any_depth(self):
        optimizer = {"state": {0: {"step": 3.0, "exp_avg": np.ones((4, 4))}}, "param_groups": [{"lr": 0.001, "betas": (0.9, 0.99)}]}
        cases = [
            {"epoch": 3, "model_state_dict": rnn(prefix="rnn."), "optimizer_state_dict": optimizer},
            {"loss": np.ones(1), "model_state_dict": rnn(prefix="rnn.")},
            {"net": rnn(prefix="rnn."), "epoch": 3},
            {"a": [{"b": ({"c": rnn(prefix="module._orig_mod.encoder.")},)}]},
            rnn(prefix="cell.", suffix=""),
            {"hyper_parameters": {"lr": 0.1}, "state_dict": rnn(prefix="model.rnn."), "callbacks": {"best": Global("torch device", "cpu")}},
            {"args": Global("argparse Namespace", state={"seed": 1}), "model": rnn()},
            Global("models.mine Net", state={"_modules": Global("collections OrderedDict", [["rnn", Global(
                "torch.nn.modules.rnn RNN", state={"_parameters": rnn()})]])}),
        ]
        for number, contents in enumerate(cases):
            with self.subTest(number):
                self.assertIn("# tanh is assumed", self.check(self.zipped(contents)))
        self.check(safetensors(rnn(prefix="rnn.")))

    def test_the_nonlinearity_that_the_file_holds(self):
        module = Global("torch.nn.modules.rnn RNN", state={"mode": "RNN_RELU", "_parameters": rnn()})
        for contents in (module, {"hyper_parameters": {"nonlinearity": "relu"}, "state_dict": rnn()}):
            self.assertIn("activation: relu", self.check(self.zipped(contents)))
        os.remove(self.path("network.h5"))
        self.refuse(self.export(self.zipped(module), "--nonlinearity", "tanh"), "has nonlinearity relu, not tanh")

    def test_several_networks(self):
        other = {name: values + 1 for name, values in rnn().items()}
        content = self.zipped({"encoder": {"rnn": rnn()}, "decoder": {"rnn": other}})
        self.refuse(self.export(content), "choose one with --prefix: encoder.rnn., decoder.rnn.")
        self.refuse(self.export(content, "--prefix", "rnn."), "choose one with --prefix")
        self.refuse(self.export(content, "--prefix", "head"), "no recurrent layer head.; it has encoder.rnn., decoder.rnn.")
        self.check(content, "--prefix", "encoder.rnn.")
        self.check(content, "--prefix", "encoder.rnn")
        self.check(self.zipped({"last": rnn(), "best": rnn()}))  # twice the same

    def test_parametrised_networks(self):
        scale, direction = NUMBERS[20:24].reshape(4, 1) + 1, NUMBERS[30:46].reshape(4, 4)
        unit = direction / np.sqrt((direction**2).sum(axis=1, keepdims=True))
        mask = (NUMBERS[16:32].reshape(4, 4) > 0).astype(float)
        left, values, right = np.linalg.svd(W)
        inner = "parametrizations.weight_hh_l0."
        cases = [
            (parametrised(weight_hh_l0_orig=W, weight_hh_l0_mask=mask), W * mask, "(pruned)"),
            (parametrised(weight_hh_l0_g=scale, weight_hh_l0_v=direction), scale * unit, "(weight_norm)"),
            (parametrised(**{inner + "original0": scale, inner + "original1": direction}), scale * unit, "(weight_norm)"),
            (parametrised(weight_hh_l0_orig=W, weight_hh_l0_u=left[:, 0].copy(), weight_hh_l0_v=right[0]), W / values[0],
             "(spectral_norm"),
            (parametrised(**{inner + "original": W, inner + "0._u": left[:, 0].copy(), inner + "0._v": right[0]}),
             W / values[0], "(spectral_norm"),
        ]
        for contents, weights, note in cases:
            with self.subTest(note):
                ended = self.export(self.zipped(contents))
                self.assertEqual(ended.returncode, 0, ended.stderr)
                self.assertIn(note, ended.stdout)
                with h5py.File(self.path("network.h5")) as file:  # a few roundings of values near 1
                    np.testing.assert_allclose(file["W"][...], weights, atol=1e-14)
                os.remove(self.path("network.h5"))
        undetermined = [
            (parametrised(**{inner + "original": W, inner + "0.base": W}), "torch.nn.utils.parametrize.remove_parametrizations"),
            (parametrised(weight_hh_l0_orig=W, weight_hh_l0_u=left[:, 1].copy(), weight_hh_l0_v=right[0]),
             "torch.nn.utils.remove_spectral_norm(module, 'weight_hh_l0')"),
            (parametrised(weight_hh_l0_orig=W), "make it a plain parameter again"),
            (parametrised(weight_hh_l0_raw=W), "a wrapper with dropout of weights"),
        ]
        for contents, call in undetermined:
            self.refuse(self.export(self.zipped(contents)), "weight_hh_l0", call)

    def test_other_networks(self):
        cases = [
            ({**rnn(), "weight_hh_l0": np.ones((16, 4))}, "16 x 4: an LSTM; gradsweep knows nn.RNN"),
            ({**rnn(suffix=""), "weight_hh": np.ones((12, 4))}, "12 x 4: a GRU"),
            ({**rnn(), **rnn(suffix="_l1")}, "several stacked layers"),
            ({**rnn(), **rnn(suffix="_l0_reverse")}, "a bidirectional network"),
            ({"fc.weight": np.ones((2, 2))}, "no weight_hh_l0 or weight_hh, so no nn.RNN or nn.RNNCell; it holds fc.weight"),
            ({"epoch": 3}, "it holds no tensors; what it holds: epoch"),
            (Global("sklearn.pipeline Pipeline", state={}), "an object of the class sklearn.pipeline.Pipeline"),
        ]
        for contents, text in cases:
            with self.subTest(text):
                self.refuse(self.export(self.zipped(contents)), text)

    def test_nothing_of_a_file_is_run(self):
        """Any callable named in a pickle would be called by Python's own reader, with any arguments."""
        mark = self.path("mark")
        calls = [("posix system", f"touch {mark}"), ("os system", f"touch {mark}"), ("builtins eval", f"open({mark!r}, 'w')"),
                 ("builtins exec", f"open({mark!r}, 'w')"), ("io open", mark, "w"), ("builtins getattr", "", "join"),
                 ("pathlib Path.touch", mark), ("torch._utils system", mark), ("gradsweep.networks.pickles open", mark, "w")]
        for name, *arguments in calls:
            self.check(self.zipped({"first": Global(name, *arguments), "net": rnn()}))
            self.check(self.zipped({"net": rnn(), "last": Global("builtins map", Global(name), list(arguments))}))
        self.assertFalse(os.path.exists(mark))
        # Nor does a file change what reads the next one: not a class, not a function.
        for name in ("collections OrderedDict", "torch Size", "torch._utils _rebuild_tensor_v2", "any thing"):
            for attribute in ("_function", "__new__", "__setstate__"):
                setting = b"(N}" + Pickle().part(attribute) + Pickle().part("x") + b"stb."
                content = b"\x80\x02c" + name.replace(" ", "\n").encode() + b"\n" + setting
                self.assertEqual(self.export(content).returncode, 1)
        self.check(self.zipped(rnn()))

    def test_damaged_files(self):
        whole = self.zipped(rnn())
        cases = [
            (whole[: len(whole) // 2], "a damaged zip archive"),
            (self.zipped(rnn(), leave_out=[1]), "weight_hh_l0 cannot be read"),
            (safetensors(rnn())[:-40], "is cut off"),
            (struct.pack("<Q", 40) + b'{"a": 3' + bytes(40), "a safetensors file with a damaged header"),
            (b"\x80\x02}q", "its pickle is damaged"),
            (b"\x80\x02" + b"](" * 3 + b".", "its pickle is damaged"),
            (self.zipped({**rnn(), "weight_hh_l0": np.full((4, 4), np.nan)}), "weight_hh_l0[0, 0] is nan"),
        ]
        for content, text in cases:
            with self.subTest(text):
                self.refuse(self.export(content), text)
        random = np.random.default_rng(5)
        for _ in range(300):  # never a traceback, whatever byte is wrong
            damaged = bytearray(whole)
            damaged[random.integers(len(damaged))] ^= 1 << random.integers(8)
            ended = self.export(bytes(damaged))
            self.assertIn(ended.returncode, (0, 1))

    def test_files_of_other_kinds(self):
        keras, array = io.BytesIO(), io.BytesIO()
        with h5py.File(keras, "w") as file:
            file["model_weights/simple_rnn/recurrent_kernel"] = W
        np.save(array, W)
        archive, several = io.BytesIO(), io.BytesIO()
        np.savez(archive, W=W)
        with zipfile.ZipFile(several, "w") as file:
            file.writestr("readme.txt", "")
        cases = [
            (keras.getvalue(), "it is an HDF5 file", "W = recurrent_kernel.T"),
            (array.getvalue(), "it is a NumPy array"),
            (archive.getvalue(), "it is a NumPy archive"),
            (several.getvalue(), "no data.pkl; it holds readme.txt"),
            (pickle.dumps({"W": [1.0]}), "it holds no tensors; what it holds: W"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "a Git LFS pointer", "git lfs pull"),
            (b'{"metadata": {}, "weight_map": {}}', "the index of a checkpoint in several files"),
            (b"<!DOCTYPE html>", "a web page"),
            (b"\x1f\x8b\x08\0", "compressed with gzip"),
            (b"", "it is empty"),
            (bytes(1000), "it begins with zeros"),
            (b"\x01\x02\x03", "it is no checkpoint"),
        ]
        for content, *texts in cases:
            with self.subTest(texts[0]):
                self.refuse(self.export(content), *texts)
        os.mkdir(self.path("folder"))
        self.refuse(self.export_file("folder"), "it is a folder")
        Path(self.path("folder/.metadata")).write_bytes(b"")
        self.refuse(self.export_file("folder"), "dcp_to_torch_save")
        self.refuse(self.export_file("nowhere.pt"), "No such file")


if __name__ == "__main__":
    support.main()
