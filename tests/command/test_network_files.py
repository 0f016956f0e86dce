"""Networks in HDF5 files: what theory knows of two of them, bad files, and results that belong to contents."""

import math
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

import command
from command import CommandTest, gradsweep, h5py, read

SWEEP = """\
weights: {{ensemble: {{kind: file, path: {path}}}, replicas: {replicas}}}
model: {{activation: {activation}, warmup: 0, steps: {steps}}}
grid: {{hidden_size: {size}, spectral_radius: {radius}, gamma: 1, lag: {lags}}}
measure: {measure}
"""


def write(path, **arrays):
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path


class NetworkFiles(CommandTest):
    def file_sweep(self, path, size, lags, activation="tanh", steps="auto", radius="native", replicas=1,
                   measure="jacobian_norm", name="sweep.yaml"):
        return self.sweep(SWEEP.format(path=path, size=size, lags=lags, activation=activation, steps=steps,
                                       radius=radius, replicas=replicas, measure=measure), name)

    def random_network(self, name, d=5, m=2, steps=20, **changes):
        generator = np.random.default_rng(2013)
        arrays = {"W": generator.normal(size=(d, d)) / math.sqrt(d), "w_in": generator.normal(size=(d, m)),
                  "b": generator.normal(size=d), "x0": generator.normal(size=d),
                  "inputs": generator.normal(size=(steps, m))}
        arrays.update(changes)
        return write(self.path(name), **{key: value for key, value in arrays.items() if value is not None})


class Theory(NetworkFiles):
    def explosive(self):
        """W^2 = 0, and yet J^2 = 2J at the fixed point x*."""
        weights = np.array([[8.0, 8.0], [-8.0, -8.0]])
        fixed = np.array([0, math.atanh(0.5)])
        return write(self.path("explosive.h5"), W=weights, b=fixed - weights @ np.tanh(fixed), x0=fixed)

    def test_a_network_without_spectral_radius_explodes(self):
        self.explosive()
        data = read(self.run_sweep(self.file_sweep("explosive.h5", 2, "{log2: 16}"), "out.h5"))
        lags = data["lag"]
        exact = (lags - 1) * math.log(2) + 0.5 * math.log(200)
        error = np.abs(data["log_jacobian_norm"].ravel() - exact)
        print("explosive: worst error of ln ||J_l||_2 to lag 16:", error.max())
        # The state leaves the point by u 2^t, and ln ||J_l|| follows within a few of that: 2^16 u = 1.5e-11 at first.
        self.assertLess(error.max(), 1e-9)
        self.assertEqual(data["spectral_condition"].ravel()[0], 1)
        self.assertEqual(data["vanishing_guaranteed"].ravel()[0], 0)
        self.assertEqual(data["weight_spectral_radius"].ravel()[0], 0)
        self.assertAlmostEqual(data["weight_norm"].ravel()[0], 16, delta=1e-14 * 16)

    def test_it_cannot_be_rescaled(self):
        self.explosive()
        out = self.run_sweep(self.file_sweep("explosive.h5", 2, "[1, 2]", radius=1), "out.h5", exit_code=1)
        self.assertEqual(read(out)["status"].ravel()[0], command.FAILED)

    def test_contributions_that_cancel(self):
        """d = 1, identity, w = 2, x_t = 2 x_(t-1) - 4 from x_0 = 1: x_1 = -2, x_2 = -8. The contributions to
        d eps_2/dw, e_0 x_1 and 2 e_0 x_0, are 16 and -16."""
        write(self.path("cancel.h5"), W=[[2.0]], b=[-4.0], x0=[1.0])
        sweep = self.file_sweep("cancel.h5", 1, "[1, 2]", "identity", steps=2, measure="gradient")
        data = {name: values.ravel() for name, values in read(self.run_sweep(sweep, "out.h5")).items()}
        self.assertEqual(data["cancellation"][0], 0)
        self.assertEqual(data["log_gradient_norm"][0], -math.inf)
        self.assertEqual(data["spectral_condition"][0], 0)
        expected = {"log_jacobian_norm": [math.log(2), math.log(4)], "log_initial_error_norm": [math.log(8)],
                    "log_error_norm": [math.log(16), math.log(32)], "log_contribution": [math.log(16), math.nan],
                    # eps_1 adds x_1 x_0 = -2
                    "log_total_gradient_norm": [math.log(2)]}
        for name, values in expected.items():
            np.testing.assert_allclose(data[name], values, rtol=1e-15, err_msg=name)

    def test_a_given_error_is_carried_back(self):
        network = self.random_network("network.h5", error=[3.0, 0, -4.0, 0, 0])
        sweep = self.file_sweep("network.h5", 5, "[1, 2, 3]", steps=20, measure="gradient")
        data = {name: values.ravel() for name, values in read(self.run_sweep(sweep, "out.h5")).items()}
        with h5py.File(network) as file:
            arrays = {name: values[...] for name, values in file.items()}
        states = [arrays["x0"]]
        for given in arrays["inputs"]:
            states.append(arrays["W"] @ np.tanh(states[-1]) + arrays["w_in"] @ given + arrays["b"])
        carried, errors = arrays["error"], []
        for x in states[-2::-1][:3]:
            carried = carried @ (arrays["W"] * (1 - np.tanh(x) ** 2))
            errors.append(math.log(np.linalg.norm(carried)))
        self.assertAlmostEqual(data["log_initial_error_norm"][0], math.log(5), delta=1e-15)
        # Twenty steps of a contracting or neutral map add up some twenty roundings.
        np.testing.assert_allclose(data["log_error_norm"], errors, atol=1e-13)
        self.assertTrue(np.isfinite(data["log_gradient_norm"]).all())
        self.assertTrue(np.isnan(data["log_total_gradient_norm"]).all())


class Contents(NetworkFiles):
    def test_results_belong_to_contents(self):
        """Not to paths, folders, ranks or types of numbers: any copy resumes, and gives the same bits."""
        self.random_network("network.h5", b=None, W=np.arange(25).reshape(5, 5) / 16 - 0.5)
        sweep = self.file_sweep("network.h5", 5, "[1, 2, 4]", "[tanh, relu]", steps=20, radius="[0.5, 1.5]",
                                replicas=2, measure="[gradient]")
        options = ["--set", "model.bias=gaussian"]
        alone = self.run_sweep(sweep, "alone.h5", *options)
        ranks = self.run_sweep(sweep, "ranks.h5", *options, ranks=3)
        self.assert_same_results(ranks, alone)
        data = read(alone)
        self.assertTrue((data["status"] == command.DONE).all())
        self.assertTrue((data["weight_norm"] == data["weight_norm"].ravel()[0]).all(), "replicas share W")
        self.assertFalse((data["log_error_norm"][0, 0, 0, 0] == data["log_error_norm"][0, 0, 0, 1]).any(),
                         "replicas differ in the bias drawn")
        # The effective text in another folder, beside nothing.
        os.mkdir(self.path("else"))
        with h5py.File(alone) as file:
            self.sweep(file.attrs["sweep"], "else/effective.yaml")
            self.assertIn(f'path: "{self.path("network.h5")}"', file.attrs["sweep"])
        ended = subprocess.run([command.GRADSWEEP, "run", "effective.yaml", "-o", alone, "--resume"],
                               cwd=self.path("else"), capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        # A moved copy, single cells of which are computed from the new place.
        shutil.move(self.path("network.h5"), self.path("else/moved.h5"))
        moved = ["--set", "weights.ensemble={kind: file, path: else/moved.h5}"]
        self.run_sweep(sweep, "alone.h5", *options, *moved, "--resume")
        for name in ("check", "info"):
            self.assertEqual(gradsweep(name, alone).returncode, 0, "needs no network file")

    def test_other_contents_are_another_sweep(self):
        self.random_network("network.h5")
        sweep = self.file_sweep("network.h5", 5, "[1, 2]", steps=20)
        out = self.run_sweep(sweep, "out.h5")
        self.random_network("network.h5", b=np.ones(5))
        ended = gradsweep("run", sweep, "-o", out, "--resume")
        self.assert_error(ended, 2, "weights.ensemble: the file has")
        with h5py.File(out) as file:
            effective = self.sweep(file.attrs["sweep"], "effective.yaml")
        self.assert_error(gradsweep("plan", effective), 2, "b is not the one that content names")
        write(self.path("network.h5"), W=np.eye(5))
        self.assertIn("b is not there, but content names it", gradsweep("plan", effective).stderr)

    def test_types_and_layouts(self):
        """Numbers of any type and layout are one network."""
        weights = np.arange(9).reshape(3, 3) - 4
        results = []
        for dtype, options in ((float, {}), (np.int8, {}), (">f4", {}), (float, {"compression": "gzip"}),
                               (float, {"chunks": (1, 2), "maxshape": (None, 3)})):
            with h5py.File(self.path("network.h5"), "w") as file:
                file.create_dataset("W", data=weights.astype(dtype), **options)
            out = self.run_sweep(self.file_sweep("network.h5", 3, "[1, 2]"), "out.h5", "--overwrite")
            with h5py.File(out) as file:
                results.append((file.attrs["sweep_hash"], file["log_jacobian_norm"][...].tobytes()))
        self.assertEqual(len(set(results)), 1)

    def test_inputs_from_a_file(self):
        """The same network, its inputs in the ensemble's file or in one of their own; longer inputs are cut."""
        self.random_network("whole.h5", steps=50)
        with h5py.File(self.path("whole.h5")) as file:
            arrays = {name: values[...] for name, values in file.items()}
        write(self.path("bare.h5"), **{name: arrays[name] for name in ("W", "b", "x0")})
        write(self.path("inputs.h5"), w_in=arrays["w_in"], inputs=arrays["inputs"][:30])
        whole = self.run_sweep(self.file_sweep("whole.h5", 5, "[1, 2, 4]", steps=30), "whole.out.h5")
        separate = ["--set", "model.input={kind: file, path: inputs.h5}"]
        sweep = self.file_sweep("bare.h5", 5, "[1, 2, 4]", steps=30)
        bare = self.run_sweep(sweep, "bare.out.h5", *separate)
        silent = self.run_sweep(sweep, "silent.out.h5")
        norms = [read(path)["log_jacobian_norm"].tobytes() for path in (whole, bare, silent)]
        self.assertEqual(norms[0], norms[1])
        self.assertNotEqual(norms[0], norms[2])
        ranks = self.run_sweep(sweep, "ranks.out.h5", *separate, ranks=3)
        self.assert_same_results(ranks, bare)
        # Without w_in it is drawn, for every hidden size of any ensemble.
        write(self.path("inputs.h5"), inputs=arrays["inputs"][:30])
        self.run_sweep(self.sweep("model: {input: {kind: file, path: inputs.h5}, steps: 30}\n"
                                  "grid: {hidden_size: [3, 4], spectral_radius: 1, gamma: 1, lag: 4}\n", "drawn.yaml"),
                       "drawn.h5")


class Refusals(NetworkFiles):
    def refuse(self, sweep, *patterns, options=()):
        """By `plan`, which reads a sweep as `run` does, and does not start MPI."""
        ended = gradsweep("plan", sweep, *options)
        self.assert_error(ended, 2, *patterns)
        self.assertEqual(ended.stderr.count("error: "), len(patterns) + 1, ended.stderr)  # and the count of them

    def test_each_mistake_is_one_line_at_the_path(self):
        place = r"sweep\.yaml:1:40: error: weights\.ensemble: .*network\.h5: "
        cases = [
            ({"W": None}, r"it holds no dataset W \[d, d\]"),
            ({"W": np.ones((5, 4))}, "W is not square: 5 x 4"),
            ({"W": np.ones(5)}, "W has 1 dimension instead of 2"),
            ({"W": 3.0}, "W has 0 dimensions instead of 2"),
            ({"W": np.ones((0, 0))}, r"W \[d, d\]: dimension 0 has size 0"),
            ({"W": "text"}, "W holds text"),
            ({"W": np.full((5, 5), b"1.0")}, "W holds text"),
            ({"W": np.ones((5, 5), complex)}, "W holds complex numbers"),
            ({"W": np.ones((5, 5), bool)}, "W holds named values"),
            ({"W": np.diag([1, 1, math.nan, 1, 1])}, r"W\[2, 2\] is nan"),
            ({"b": [0, 0, 0, -math.inf, 0]}, r"b\[3\] is -inf"),
            ({"b": np.ones(4)}, "b has d = 4, but W has d = 5"),
            ({"x0": np.ones((5, 2))}, r"x0 has d = 2, but W has d = 5: their shapes are \[5, 2\] and \[5, 5\]"),
            ({"x0": np.ones(6)}, "x0 has d = 6, but W has d = 5"),
            ({"error": np.ones(1)}, "error has d = 1, but W has d = 5"),
            ({"w_in": np.ones((2, 2))}, "w_in has d = 2, but W has d = 5"),
            ({"w_in": np.ones((5, 3))}, "inputs has m = 2, but w_in has m = 3"),
            ({"inputs": np.ones((19, 2))}, "inputs has 19 steps, the sweep runs 20"),
            ({"inputs": np.full((20, 2), math.nan)}, r"inputs\[0, 0\] is nan"),
        ]
        for changes, pattern in cases:
            with self.subTest(pattern):
                self.random_network("network.h5", **changes)
                self.refuse(self.file_sweep("network.h5", 5, "[1, 2]", steps=20), place + pattern)

    def test_all_mistakes_of_a_file_at_once(self):
        self.random_network("network.h5", W=np.ones((4, 4)), b=[math.nan] * 4, steps=3)
        self.refuse(self.file_sweep("network.h5", "[3, 4]", "[1, 2]", steps=20), r"b\[0\] is nan",
                    "W has d = 4, so grid.hidden_size must be 4 alone, not 3, 4", "w_in has d = 5, but W has d = 4",
                    "x0 has d = 5, but W has d = 4", "inputs has 3 steps")

    def test_files_that_cannot_be_read(self):
        whole = Path(self.random_network("whole.h5")).read_bytes()
        place = r"sweep\.yaml:1:40: error: weights\.ensemble: .*network\.h5: "
        network = self.path("network.h5")
        sweep = self.file_sweep("network.h5", 5, "[1, 2]", steps=20)
        self.refuse(sweep, place + "No such file or directory")
        for contents, reason in ((b"", "the file is empty"),
                                 (b"W = 1", "not an HDF5 file: it is a text file"),
                                 (b"\0W = 1", "cannot open the file as HDF5: .*file signature not found"),
                                 (whole[:len(whole) // 2], "cannot open the file as HDF5: .*truncated file")):
            Path(network).write_bytes(contents)
            self.refuse(sweep, place + reason)
        os.remove(network)
        os.mkdir(network)
        self.refuse(sweep, place + "it is a folder")
        os.rmdir(network)
        os.mkfifo(network)
        self.refuse(sweep, place + "it is no regular file")
        os.remove(network)
        with h5py.File(network, "w") as file:
            file.create_group("W")
            file["b"] = h5py.SoftLink("/nowhere")
        self.refuse(sweep, place + "W is a group, not a dataset", place + "b, a link to /nowhere, cannot be opened")

    def test_damaged_files_are_never_a_crash(self):
        """Every byte of the metadata may be wrong: refused with a message, or harmless."""
        whole = bytearray(Path(self.random_network("whole.h5")).read_bytes())
        sweep = self.file_sweep("network.h5", 5, "[1, 2]", steps=20)
        generator = np.random.default_rng(1)
        for place in generator.choice(min(len(whole), 3000), 40, replace=False):
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            Path(self.path("network.h5")).write_bytes(damaged)
            ended = gradsweep("plan", sweep)
            self.assertIn(ended.returncode, (0, 2), f"byte {place}: {ended.stderr}")

    def test_inputs_and_sizes_that_do_not_fit(self):
        self.random_network("network.h5")
        with h5py.File(self.path("network.h5"), "a") as file:
            del file["inputs"]
        write(self.path("inputs.h5"), inputs=np.ones((20, 3)), w_in=np.ones((5, 3)))
        sweep = self.file_sweep("network.h5", 5, "[1, 2]", steps=20)
        self.refuse(sweep, "w_in has m = 2, but model.input has m = 3",
                    options=["--set", "model.input={kind: gaussian, size: 3}"])
        self.refuse(sweep, "w_in has m = 2, but model.input has m = 3",
                    options=["--set", "model.input={kind: file, path: inputs.h5}"])
        grid = "grid: {hidden_size: [4, 5], spectral_radius: 1, gamma: 1, lag: 4}\n"
        model = "model: {input: {kind: file, path: %s}, steps: %d}\n"
        self.refuse(self.sweep(model % ("inputs.h5", 20) + grid), "w_in has d = 5, but grid.hidden_size has 4")
        self.refuse(self.sweep(model % ("inputs.h5", 21) + grid), "w_in has d = 5", "inputs has 20 steps")
        self.refuse(self.sweep(model % ("network.h5", 20) + grid), "it holds no dataset inputs",
                    "w_in has d = 5, but grid.hidden_size has 4")

    def test_a_launcher_is_told_once(self):
        sweep = self.file_sweep("nowhere.h5", 5, "[1, 2]")
        ended = gradsweep("run", sweep, "-o", self.path("out.h5"), ranks=3)
        self.assert_error(ended, 2, "No such file or directory")
        self.assertEqual(os.listdir(self.folder), ["sweep.yaml"])


if __name__ == "__main__":
    command.main()
