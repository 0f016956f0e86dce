"""gradsweep.run: the command from Python, with sweeps as dictionaries and as files.

Called as test_running.py PATH_OF_gradsweep MPIEXEC."""

import ctypes.util
import json
import os
import sys
import unittest.mock
import warnings
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "command"), str(TESTS.parent / "analysis")]

import h5py
import numpy as np

import command
import gradsweep
from command import CommandTest
from gradsweep.data.inputs import inputs_of

SWEEP = {
    "name": "from-python",
    "model": {"activation": ["identity", "tanh"]},
    "weights": {"ensemble": "orthogonal", "replicas": 2},
    "grid": {"hidden_size": np.array([4]), "spectral_radius": [0.5, 1.5], "gamma": np.float64(1.0), "lag": [1, 2]},
}


class Running(CommandTest):
    def run_sweep_of(self, sweep, **options):
        dataset = gradsweep.run(sweep, self.path("out.h5"), command=command.GRADSWEEP, **options)
        self.addCleanup(dataset.close)
        return dataset

    def test_a_dictionary(self):
        """The numbers are the sweep's; a second call opens what is there, another sweep only with overwrite."""
        dataset = self.run_sweep_of(SWEEP)
        norms = dataset["log_jacobian_norm"].sel(activation="identity", spectral_radius=1.5, gamma=1.0).values
        np.testing.assert_allclose(norms.reshape(2, 2), np.log(1.5) * np.array([[1, 2], [1, 2]]), rtol=1e-12)
        self.assertEqual(dataset.attrs["title"], "from-python")
        again = self.run_sweep_of(SWEEP)
        np.testing.assert_array_equal(again["cell_seconds"].values, dataset["cell_seconds"].values)
        other = {**SWEEP, "seed": 7}
        with self.assertRaisesRegex(gradsweep.RunError, "seed"):
            self.run_sweep_of(other)
        self.assertIn("seed: 7", self.run_sweep_of(other, overwrite=True).attrs["sweep"])

    def tearDown(self):
        self.assertEqual([name for name in os.listdir(".") if name.startswith(".sweep-")], [])

    def test_a_file_on_two_ranks(self):
        Path(self.path("sweep.yaml")).write_text(json.dumps(SWEEP, default=lambda value: value.tolist()))
        os.environ.update({"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})
        dataset = self.run_sweep_of(self.path("sweep.yaml"), ranks=2, launcher=command.MPIEXEC)
        self.assertEqual(dataset.gradsweep.runs()[0]["ranks"], 2)

    def test_inputs_of_a_file(self):
        """Those of the network file, below the chain of the one network, while its fingerprint is that of the results."""
        random = np.random.default_rng(3)
        arrays = {"W": random.normal(size=(4, 4)), "w_in": random.normal(size=(4, 2)), "inputs": random.normal(size=(12, 2))}
        with h5py.File(self.path("net.h5"), "w") as file:
            for name, values in arrays.items():
                file[name] = values
        dataset = self.run_sweep_of({
            "weights": {"ensemble": {"kind": "file", "path": os.path.abspath(self.path("net.h5"))}},
            "model": {"activation": "tanh", "steps": 12}, "measure": "step_bound",
            "grid": {"hidden_size": 4, "spectral_radius": "native", "gamma": 1, "lag": {"start": 1, "stop": 9, "step": 1}},
        })  # fmt: skip
        np.testing.assert_array_equal(inputs_of(dataset, "file"), arrays["inputs"])
        figure = gradsweep.plot_chain(dataset)
        self.assertIn("Below: the inputs", figure.description.caption)
        for component, line in zip(arrays["inputs"].T, figure.axes[-1].lines):
            lags = line.get_xdata()
            self.assertEqual(lags.tolist(), list(range(10)))
            np.testing.assert_array_equal(line.get_ydata(), [component[12 - lag - 1] for lag in lags])  # i_t is row t - 1
        with unittest.mock.patch.dict(sys.modules, {"xxhash": None}):  # by the library itself, where it is found
            if ctypes.util.find_library("xxhash"):
                np.testing.assert_array_equal(inputs_of(dataset, "file"), arrays["inputs"])
        with h5py.File(self.path("net.h5"), "r+") as file:
            file["inputs"][3, 1] += 1e-9
        self.assertRaisesRegex(gradsweep.NothingToDraw, "not those of the results", inputs_of, dataset, "file")
        os.remove(self.path("net.h5"))
        figure = gradsweep.plot_chain(dataset)
        self.assertIn("which is not there any more", figure.description.caption)
        self.assertEqual(len(figure.axes), 1)

    def test_inputs_that_are_reckoned(self):
        """One unit whose weight hardly matters has the state x_t = w_in i_t up to kappa, and of ln |J_l| each step adds
        ln(kappa sech^2 x_(T-l)): the states that the program went through are as the sine that is reckoned, and as the
        normals that are drawn again, of each replica and kind of weights."""
        kappa = 1e-9
        sweep = {"seed": 2**63 + 5, "weights": {"ensemble": ["orthogonal", {"kind": "nonnormal", "departure": 0.3}], "replicas": 2},
                 "model": {"input": {"kind": "sine", "period": 7, "scale": 0.5}}, "measure": "step_bound",
                 "grid": {"hidden_size": 1, "spectral_radius": kappa, "gamma": 1, "lag": {"start": 1, "stop": 20, "step": 1}}}  # fmt: skip
        hashes = [None] if ctypes.util.find_library("xxhash") else []
        for model in ({"kind": "sine", "period": 7, "scale": 0.5}, {"kind": "gaussian", "scale": 0.5}):
            dataset = self.run_sweep_of({**sweep, "model": {"input": model}}, overwrite=True)
            for place, replica in np.ndindex(2, 2):
                norms = dataset["log_jacobian_norm"].isel(ensemble=place, replica=replica).values.ravel()
                gains = np.diff(norms, prepend=0.0) - np.log(kappa)
                states = np.arccosh(np.exp(-0.5 * np.minimum(gains, 0.0)))  # |x_(T-l)|; 1e-7 at a zero, where rounding has its root
                for module in (sys.modules.get("xxhash"), *hashes):  # None: by the library itself, where it is found
                    with unittest.mock.patch.dict(sys.modules, {"xxhash": module} if module is None else {}):
                        inputs = np.abs(inputs_of(dataset, ["orthogonal", "nonnormal"][place], replica)[-1 - np.arange(1, 21), 0])
                    self.assertGreater(states.max(), 0.0)
                    np.testing.assert_allclose(states * inputs.max(), inputs * states.max(), atol=1e-5)
        figure = gradsweep.plot_chain(dataset, ensemble="nonnormal")
        self.assertIn("Below: the inputs", figure.description.caption)
        dataset = self.run_sweep_of({**sweep, "model": {}}, overwrite=True)
        self.assertEqual(inputs_of(dataset, "orthogonal").size, 0)

    def test_mistakes(self):
        """What the command says of a sweep is the error; cells that failed are a warning, with their results."""
        with self.assertRaisesRegex(gradsweep.RunError, "relux"):
            self.run_sweep_of({**SWEEP, "model": {"activation": "relux"}})
        with self.assertRaisesRegex(gradsweep.RunError, "no command nowhere/gradsweep"):
            gradsweep.run(SWEEP, self.path("none.h5"), command="nowhere/gradsweep")
        with self.assertRaisesRegex(TypeError, "a sweep cannot hold"):
            self.run_sweep_of({**SWEEP, "seed": object()})
        sparse = {"kind": "sparse", "density": 0.05}  # of spectral radius 0 at d = 4
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            dataset = self.run_sweep_of({**SWEEP, "weights": {"ensemble": sparse}})
        self.assertEqual(len(caught), 1)
        self.assertTrue((dataset["status"].values == command.FAILED).all())
        self.assertTrue(np.isnan(dataset.gradsweep.growth().values).all())


if __name__ == "__main__":
    command.main()
