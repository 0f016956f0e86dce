"""Scales of inputs and bias as axes: each point has the bits of a sweep of these scales alone, however the grid is
computed, and grows along each of them."""

import h5py
import numpy as np

import command
from command import CommandTest, gradsweep, read

INPUT_SCALES, BIAS_SCALES = [0, 0.25, 0.5, 1, 2], [0.1, 0.7]
AXES = ["--set", f"model.input.scale={INPUT_SCALES}", "--set", f"model.bias.scale={BIAS_SCALES}"]
CELL = ("activation", "ensemble", "hidden_size", "replica", "input_scale", "bias_scale", "spectral_radius", "gamma")
# Closed forms, products and vectors; every measure, states and all.
SWEEP = """\
weights: {ensemble: [ginibre, orthogonal], replicas: 2}
model:
  activation: [identity, tanh, relu]
  input: {kind: gaussian, size: 2, scale: 0.5}
  bias: {kind: gaussian, scale: 0.7}
  warmup: 10
grid: {hidden_size: [3, 40], spectral_radius: [0.7, 1.3], gamma: [0.5, 1], lag: [1, 2, 9]}
measure: [frobenius_norm, step_bound, gradient, expansion, {contribution_map: {steps: 3}}, singular_values, summary,
          {lyapunov: {transient: 2, steps: 10}}]
"""
# What all cells of a sweep share, and what says which sweep and which cell it is.
NOT_COMPARED = command.MAY_DIFFER | {"checksum", "weight_checksum", "input_scale", "bias_scale", "coupling"}


class Drive(CommandTest):
    def setUp(self):
        super().setUp()
        self.swept = self.sweep(SWEEP)

    def scales(self, inputs, biases):
        return ["--set", f"model.input.scale={inputs}", "--set", f"model.bias.scale={biases}"]

    def whole(self):
        """The grid of all scales, made once."""
        return self.undisturbed(self.sweep(SWEEP.replace("scale: 0.5", f"scale: {INPUT_SCALES}")
                                           .replace("scale: 0.7", f"scale: {BIAS_SCALES}"), "whole.yaml"))

    def test_each_scale_has_the_bits_of_a_sweep_of_it_alone(self):
        whole = read(self.whole())
        with h5py.File(self.whole()) as file:
            dimensions = tuple(dimension[0].name.lstrip("/") for dimension in file["status"].dims)
        self.assertEqual(dimensions, CELL)
        self.assertEqual(whole["input_scale"].tolist(), INPUT_SCALES)
        self.assertEqual(whole["bias_scale"].tolist(), BIAS_SCALES)
        different = set()
        for i, k in ((0, 0), (2, 1), (4, 0)):
            alone = read(self.run_sweep(self.swept, f"{i}{k}.h5", *self.scales(INPUT_SCALES[i], BIAS_SCALES[k])))
            self.assertNotIn("input_scale", alone)
            for name in alone.keys() - NOT_COMPARED:
                part = whole[name]
                if part.shape[:8] == whole["status"].shape:
                    part = part[:, :, :, :, i, k]
                np.testing.assert_array_equal(part, alone[name], f"{name} at {INPUT_SCALES[i]}, {BIAS_SCALES[k]}")
            different.add(alone["log_jacobian_norm"].tobytes())
        self.assertEqual(len(different), 3, "scales must matter")

    def test_ranks_and_shards_and_the_check(self):
        whole = self.whole()
        swept = self.path("whole.yaml")
        self.assert_same_results(self.run_sweep(swept, "three.h5", ranks=3), whole)
        shards = [self.run_sweep(swept, f"{i}.h5", "--shard", f"{i}/2", ranks=ranks) for i, ranks in ((1, 2), (2, 5))]
        self.assertEqual(gradsweep("merge", self.path("merged.h5"), *shards).returncode, 0)
        self.assert_same_results(self.path("merged.h5"), whole)
        for arguments in (["check", whole], ["info", whole], ["plan", swept]):
            ended = gradsweep(*arguments)
            self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertRegex(gradsweep("info", whole).stdout, r"input_scale +5 +0, 0\.25, 0\.5, 1, 2\n +bias_scale +2 +0\.1, 0\.7")
        self.assertRegex(gradsweep("plan", swept).stdout, r"cells +960\n")

    def test_the_axes_grow(self):
        """Each of them, and one out of a single number."""
        whole, swept = self.whole(), self.path("whole.yaml")
        for name, old in (("inputs", self.scales([0.25, 2], BIAS_SCALES)), ("biases", self.scales(INPUT_SCALES, [0.7])),
                          ("numbers", self.scales(0.5, 0.1))):
            with self.subTest(grows=name):
                small = self.run_sweep(self.swept, f"{name}.h5", *old)
                ended = gradsweep("extend", swept, small, "-o", self.path(f"{name}+.h5"))
                self.assertEqual(ended.returncode, 0, ended.stderr)
                with h5py.File(self.path(f"{name}+.h5")) as file:
                    done = np.count_nonzero(file["status"][...])
                self.assertEqual(done, read(small)["status"].size)
                self.assert_same_results(self.run_sweep(swept, f"{name}+.h5", "--resume"), whole)

    def refuse_extension(self, old, new, pattern):
        self.assert_error(gradsweep("extend", self.swept, old, "-o", self.path("new.h5"), *new), 2, pattern)

    def test_what_else_differs_is_refused(self):
        old = self.run_sweep(self.swept, "old.h5", *self.scales([0.5, 1], 0.7), "--set", "grid.hidden_size=3")
        size = ["--set", "grid.hidden_size=3"]
        self.refuse_extension(old, size + self.scales([0.5, 2], 0.7),
                              r"old\.h5: model\.input\.scale: the file has 1, the sweep asks for .*\[0\.5, 2\]")
        self.refuse_extension(old, size + self.scales([0.5, 1], 0.6),
                              r"old\.h5: model\.bias\.scale: the file has 0\.7, the sweep asks for .*0\.6")
        self.refuse_extension(old, size + self.scales([0.5, 1], 0.7) + ["--set", "model.input.size=3"],
                              r"old\.h5: model\.input: the file has .*size: 2, .*the sweep asks for .*size: 3,")
        self.refuse_extension(old, size + ["--set", "model.input={kind: sine, scale: [0.5, 1]}"],
                              r"old\.h5: model\.input: the file has .*gaussian.*the sweep asks for .*sine")

    def test_bad_scales(self):
        for scale, pattern in (("[0.5, -1]", r"model\.input\.scale: expected a number >= 0"),
                               ("[]", r"model\.input\.scale: the list is empty"),
                               ("[1, 0.5, 1]", r"model\.input\.scale: 1 is repeated"),
                               ("{start: 0, stop: 1}", r"model\.input\.scale: num is missing"),
                               ("{start: 0, stop: 1, num: 3, scale: log}",
                                r"model\.input\.scale: a logarithmic axis cannot begin at 0"),
                               ("{start: 0, stop: 1, step: 1}", r"model\.input\.scale: step is for integer axes")):
            with self.subTest(scale=scale):
                ended = gradsweep("plan", self.sweep(SWEEP.replace("scale: 0.5", f"scale: {scale}"), "bad.yaml"))
                self.assert_error(ended, 2, r"bad\.yaml:4:\d+: error: " + pattern)
                self.assertIn("^", ended.stderr)
        ended = gradsweep("plan", self.sweep(SWEEP.replace("warmup: 10", "initial_state: {kind: gaussian, scale: [1, 2]}")))
        self.assert_error(ended, 2, r"sweep\.yaml:6:\d+: error: model\.initial_state\.scale")


if __name__ == "__main__":
    command.main()
