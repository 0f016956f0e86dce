"""gradsweep.run: the command from Python, with sweeps as dictionaries and as files.

Called as test_running.py PATH_OF_gradsweep MPIEXEC."""

import json
import os
import sys
import warnings
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "command"), str(TESTS.parent / "analysis")]

import numpy as np

import command
import gradsweep
from command import CommandTest

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
