# ctest: LABELS quick
"""gradsweep help sweep: what it tells is what the program knows and writes. (That every row of its tables is compared with a
second computation is the matter of tests/reference, which reads them.)"""

import json

import command
from command import CommandTest, gradsweep, h5py

SWEEP = """\
weights: {{ensemble: ginibre}}
model: {{activation: identity, warmup: 8}}
grid: {{hidden_size: 3, spectral_radius: 1, gamma: 1, lag: [1, 2]}}
measure: [{measures}]
"""


class HelpTest(CommandTest):
    def told(self, *key):
        ended = gradsweep("help", "sweep", *key, "--json")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return {entry["path"]: entry for entry in json.loads(ended.stdout)["keys"]}

    def test_datasets_are_those_of_a_file(self):
        measures = self.told("measure")["measure"]["choices"]
        sweep = self.sweep(SWEEP.format(measures=", ".join(measure["name"] for measure in measures)))
        self.run_sweep(sweep, "out.h5")
        told = {dataset["name"]: dataset for measure in measures for dataset in measure["datasets"]}
        with h5py.File(self.path("out.h5")) as file:
            for name, dataset in told.items():
                found = file[name]
                self.assertEqual(found.dtype.name, dataset["type"], name)
                self.assertEqual(found.attrs["units"], dataset["units"], name)
                self.assertEqual(found.attrs["long_name"], dataset["long_name"], name)
                dimensions = [scale.name.lstrip("/") for scale in (file[found.dims[i][0].name] for i in range(found.ndim))]
                self.assertEqual(dimensions[-len(dataset["along"]):] if dataset["along"] else [], dataset["along"], name)
                self.assertEqual(dimensions[0], {"cell": "activation", "weight": "ensemble"}[dataset["of"]], name)

    def test_people_are_told_the_same(self):
        ended = gradsweep("help", "sweep")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        for path, entry in self.told().items():
            self.assertIn(f"{path}: {entry['help']}\n", ended.stdout)
            for choice in entry.get("choices", []):
                self.assertIn(choice["name"], ended.stdout)
                for parameter in choice.get("parameters", []):
                    self.assertIn(f"{parameter['name']}: {parameter['help']}", ended.stdout)

    def test_axes_and_required_keys(self):
        keys = self.told()
        self.assertEqual({path for path, entry in keys.items() if entry["is_required"]},
                         {"grid.hidden_size", "grid.spectral_radius", "grid.gamma", "grid.lag"})
        self.assertLess({"weights.ensemble", "weights.replicas", "model.activation", "grid.gamma"},
                        {path for path, entry in keys.items() if entry["is_axis"]})
        self.assertEqual(set(self.told("grid")), {path for path in keys if path.startswith("grid.")})
        self.assertEqual(set(self.told("lyapunov")) | set(self.told("measure.lyapunov")), {"measure"})
        self.assertEqual(set(self.told("model.input.scale")), {"model.input"})
        self.assertEqual(set(self.told("gaussian")), {"model.input", "model.bias", "model.initial_state"})
        self.assertEqual([*self.told("sparse"), *self.told("relu")], ["weights.ensemble", "model.activation"])

    def test_what_there_is_no_help_on(self):
        self.assert_error(gradsweep("help", "sweep", "grid.gama"), 2, 'no key "grid.gama"; did you mean "grid.gamma"')
        for nothing in ("model.input.foo", "grid.gamma.ginibre", "grid.gammatanh"):
            self.assert_error(gradsweep("help", "sweep", nothing), 2, f'no key "{nothing}"')
        self.assert_error(gradsweep("help", "swep"), 2, "there is help on 'sweep'")
        self.assertEqual(gradsweep("help").returncode, 0)


if __name__ == "__main__":
    command.main()
