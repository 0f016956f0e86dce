"""Network files with several sequences: replica r has sequence r and one W, however the grid is computed."""

import h5py
import numpy as np

import command
from command import CommandTest, gradsweep, read

SIZE, INPUTS, STEPS, SEQUENCES = 6, 2, 14, 5
SWEEP = """\
weights:
  ensemble: {{kind: file, path: {path}}}
  replicas: {replicas}
model: {{activation: [identity, tanh], steps: 14}}
grid: {{hidden_size: 6, spectral_radius: [0.8, 1.2], gamma: [0.5, 1], lag: [1, 2, 7]}}
measure: [frobenius_norm, step_bound, gradient, expansion, singular_values]
"""


class SequencesOfAFile(CommandTest):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(3)
        self.arrays = {"W": generator.normal(size=(SIZE, SIZE)), "w_in": generator.normal(size=(SIZE, INPUTS)),
                       "b": generator.normal(size=SIZE), "x0": generator.normal(size=(SEQUENCES, SIZE)),
                       "inputs": generator.normal(size=(SEQUENCES, STEPS, INPUTS)),
                       "error": generator.normal(size=(SEQUENCES, SIZE))}

    def network(self, name="network.h5", **changes):
        with h5py.File(self.path(name), "w") as file:
            for key, values in {**self.arrays, **changes}.items():
                if values is not None:
                    file[key] = values
        return name

    def write(self, replicas, path="network.h5", name="sweep.yaml"):
        return self.sweep(SWEEP.format(path=path, replicas=replicas), name)

    def test_each_replica_has_its_sequence(self):
        """The bits of a file of that sequence alone; arrays of one sequence are those of all."""
        self.network()
        self.network("one.h5", error=None, x0=self.arrays["x0"][0])
        for path, of_all in (("network.h5", ()), ("one.h5", ("x0", "error"))):
            whole = read(self.run_sweep(self.write(SEQUENCES, path), "whole.h5", "--overwrite"))
            for number in range(SEQUENCES):
                alone = {name: self.arrays[name][number] for name in ("x0", "inputs", "error")}
                if of_all:
                    alone.update(x0=self.arrays["x0"][0], error=None)
                self.network("alone.h5", **alone)
                results = read(self.run_sweep(self.write(1, "alone.h5", "alone.yaml"), f"{number}.h5", "--overwrite"))
                for name in results.keys() - command.MAY_DIFFER - {"checksum", "weight_checksum", "replica"}:
                    part = whole[name]
                    if part.ndim >= 6:
                        part = part[:, :, :, number:number + 1]
                    elif name.startswith(("weight_", "eigenvalue_")):
                        part = part[:, :, number:number + 1]
                    np.testing.assert_array_equal(part, results[name], f"{name}, sequence {number} of {path}")
            norms = whole["log_jacobian_norm"][1]
            self.assertEqual(len({norms[:, :, number].tobytes() for number in range(SEQUENCES)}), SEQUENCES)

    def test_ranks_shards_extension_and_resume(self):
        self.network()
        sweep = self.write(SEQUENCES)
        whole = self.undisturbed(sweep)
        self.assert_same_results(self.run_sweep(sweep, "three.h5", ranks=3), whole)
        shards = [self.run_sweep(sweep, f"{i}.h5", "--shard", f"{i}/3") for i in (1, 2, 3)]
        self.assertEqual(gradsweep("merge", self.path("merged.h5"), *shards).returncode, 0)
        self.assert_same_results(self.path("merged.h5"), whole)
        small = self.run_sweep(sweep, "small.h5", "--set", "weights.replicas=2")
        self.assertEqual(gradsweep("extend", sweep, small, "-o", self.path("grown.h5")).returncode, 0)
        self.assert_same_results(self.run_sweep(sweep, "grown.h5", "--resume"), whole)
        with h5py.File(self.path("grown.h5"), "r+") as file:
            file["weight_norm"][0, 0, 3] += 1  # damaged
            file["log_error_norm"][1, 0, 0, 4, 0, 0, 0] += 1
        self.run_sweep(sweep, "grown.h5", "--resume")
        for name, values in read(whole).items():
            if name not in command.MAY_DIFFER:
                np.testing.assert_array_equal(read(self.path("grown.h5"))[name], values, name)
        self.assertEqual(gradsweep("check", whole).returncode, 0)

    def test_a_column_is_a_number_a_sequence_where_there_is_one_unit(self):
        """[R, 1] beside W [1, 1]; beside a larger W it is one vector of d = R."""
        few = {"W": [[0.8]], "w_in": [[1, -2]], "b": [0.1], "inputs": self.arrays["inputs"]}
        columns = {name: self.arrays[name][:, :1] for name in ("x0", "error")}
        self.network("unit.h5", **few, **columns)
        text = SWEEP.replace("hidden_size: 6", "hidden_size: 1")
        whole = read(self.run_sweep(self.sweep(text.format(path="unit.h5", replicas=SEQUENCES)), "whole.h5"))
        for number in (0, 4):
            self.network("alone.h5", **{**few, "inputs": few["inputs"][number]},
                         **{name: values[number] for name, values in columns.items()})
            alone = read(self.run_sweep(self.sweep(text.format(path="alone.h5", replicas=1)), f"{number}.h5"))
            for name in ("log_error_norm", "log_contribution", "log_jacobian_norm"):
                np.testing.assert_array_equal(whole[name][:, :, :, number:number + 1], alone[name], f"{name}, sequence {number}")
        self.network("column.h5", x0=self.arrays["x0"][0][:, np.newaxis], error=None)
        self.network("vector.h5", x0=self.arrays["x0"][0], error=None)
        of_both = [read(self.run_sweep(self.write(2, f"{name}.h5"), f"of_{name}.h5"))["log_error_norm"] for name in ("column", "vector")]
        np.testing.assert_array_equal(*of_both)

    def test_inputs_of_the_model(self):
        """R sequences in the file of `input: file`: those of the replicas, whose networks are drawn."""
        with h5py.File(self.path("inputs.h5"), "w") as file:
            file["inputs"] = self.arrays["inputs"]
        with h5py.File(self.path("one.h5"), "w") as file:
            file["inputs"] = self.arrays["inputs"][2]
        text = SWEEP.format(path="-", replicas=SEQUENCES).replace("{kind: file, path: -}", "ginibre")
        results = []
        for name in ("inputs.h5", "one.h5"):
            sweep = self.sweep(text.replace("steps: 14", f"steps: 14, input: {{kind: file, path: {name}}}"))
            results.append(read(self.run_sweep(sweep, "of_" + name))["log_error_norm"])
        np.testing.assert_array_equal(results[0][:, :, :, 2], results[1][:, :, :, 2])
        self.assertFalse((results[0][1, :, :, 3] == results[1][1, :, :, 3]).any())

    def test_what_does_not_fit_is_refused(self):
        self.network()
        ended = gradsweep("plan", self.write(SEQUENCES + 1))
        self.assert_error(ended, 2, r"sweep\.yaml:3:13: error: weights\.replicas: 6 replicas, but x0 of .*network\.h5 has R = 5 ")
        self.assertIn("^", ended.stderr)
        for changes, pattern in (
                ({"error": np.ones((4, SIZE))}, r"x0 has R = 5 sequences, but error has R = 4"),
                ({"inputs": np.ones((SEQUENCES, STEPS - 1, INPUTS))}, r"inputs has 13 steps, the sweep runs 14"),
                ({"inputs": np.ones((SEQUENCES, STEPS, 3))}, r"inputs has m = 3, but w_in has m = 2"),
                ({"x0": np.ones((SEQUENCES, SIZE + 1))}, r"x0 has d = 7, but W has d = 6"),
                ({"b": np.ones((SEQUENCES, SIZE))}, r"b has 2 dimensions instead of 1: it is 5 x 6"),
                ({"inputs": np.ones((1, SEQUENCES, STEPS, INPUTS))},
                 r"inputs has 4 dimensions instead of 2, or one more for several sequences: it is 1 x 5 x 14 x 2"),
                ({"inputs": np.full((SEQUENCES, STEPS, INPUTS), np.nan)}, r"inputs\[0, 0, 0\] is nan")):
            with self.subTest(pattern=pattern):
                self.network(**changes)
                ended = gradsweep("plan", self.write(SEQUENCES))
                self.assert_error(ended, 2, r"sweep\.yaml:2:\d+: error: weights\.ensemble: .*network\.h5: " + pattern)
                self.assertIn("^", ended.stderr)


if __name__ == "__main__":
    command.main()
