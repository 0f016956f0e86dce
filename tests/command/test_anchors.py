"""Anchors: several final times along one trajectory, each with the bits of a run that ends there."""

import json
import math
import re

import h5py
import numpy as np

import command
from command import CommandTest, gradsweep, read

SWEEP = """\
weights: {ensemble: [ginibre, orthogonal, untied], replicas: 2}
model: {activation: [identity, tanh, relu], input: {kind: gaussian, scale: 0.5}, warmup: 4, anchors: {count: 4, spacing: 3}}
grid: {hidden_size: [3, 40], spectral_radius: [0.7, 1.3], gamma: [0.5, 1], lag: [1, 2, 7]}
measure: [frobenius_norm, step_bound, summary]
"""
TIED = SWEEP.replace(", untied", "").replace("[frobenius_norm",
                                             "[{contribution_map: {steps: 3}}, frobenius_norm, gradient, expansion, singular_values")
WINDOWS = SWEEP.replace("[frobenius_norm, step_bound, summary]", "[{lyapunov: {transient: 5, steps: 40, two_sided: true}}]")
WINDOWS = WINDOWS.replace("replicas: 2", "replicas: 1")
COSTLY = """\
model: {{activation: {activation}, input: {{kind: gaussian, scale: 0.5}}, warmup: 200, anchors: {{count: 64, spacing: 8}}}}
grid: {{hidden_size: 64, spectral_radius: [0.8, 1.1, 1.4], gamma: 1, lag: {{log2: 64}}}}
measure: {measure}
"""
FIRST = {SWEEP: 4 + 7, TIED: 4 + 7, WINDOWS: 4 + 5 + 40}  # warm-up, and the largest lag or the window


class Anchors(CommandTest):
    def test_each_has_the_bits_of_a_run_that_ends_there(self):
        for text, first in FIRST.items():
            anchors = [first, first + 3, first + 6, first + 9]
            sweep = self.sweep(text)
            path = self.run_sweep(sweep, "anchors.h5", "--overwrite")
            whole = read(path)
            self.assertEqual(whole["anchor"].tolist(), anchors)
            with h5py.File(path) as file:
                self.assertEqual([scale[0].name for scale in file["status"].dims],
                                 ["/activation", "/ensemble", "/hidden_size", "/replica", "/anchor", "/spectral_radius", "/gamma"])
            self.assertEqual(gradsweep("check", path).returncode, 0)
            self.assertTrue(np.all(whole["status"] == 1))
            for place in (0, 1, 3):
                alone = read(self.run_sweep(sweep, "alone.h5", "--overwrite", "--set", "model.anchors=1", "--set",
                                            f"model.steps={anchors[place]}"))
                if "step" in alone:  # counted from each anchor where there are several
                    np.testing.assert_array_equal(whole["step"] + anchors[place], alone["step"])
                for name in alone.keys() - command.MAY_DIFFER - {"checksum", "weight_checksum", "step"}:
                    part = whole[name]
                    if part.shape[:7] == whole["status"].shape:
                        part = part[:, :, :, :, place]
                    np.testing.assert_array_equal(part, alone[name], f"{name} at {anchors[place]}")

    def test_ranks_shards_and_extension(self):
        sweep = self.sweep(TIED)
        whole = self.undisturbed(sweep)
        self.assert_same_results(self.run_sweep(sweep, "three.h5", ranks=3), whole)
        shards = [self.run_sweep(sweep, f"{i}.h5", "--shard", f"{i}/2", ranks=ranks) for i, ranks in ((1, 2), (2, 5))]
        self.assertEqual(gradsweep("merge", self.path("merged.h5"), *shards).returncode, 0)
        self.assert_same_results(self.path("merged.h5"), whole)
        for name, change in (("fewer", "model.anchors={count: 2, spacing: 3}"), ("one", "model.anchors=1")):
            small = self.run_sweep(sweep, f"{name}.h5", "--set", change)
            ended = gradsweep("extend", sweep, small, "-o", self.path(f"{name}+.h5"))
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assert_same_results(self.run_sweep(sweep, f"{name}+.h5", "--resume"), whole)

    def test_the_plan_counts_the_trajectory_once_and_what_each_anchor_adds(self):
        """In operations, which are counted while they are done. Of identity one product serves all anchors. Within 30%,
        since iterations are not known beforehand; a trajectory an anchor would be 41% more, a product each 52 times."""
        for activation, measure in (("identity", "jacobian_norm"), ("tanh", "gradient")):
            sweep = self.sweep(COSTLY.format(activation=activation, measure=measure))
            planned = float(re.search(r"operations +(\S+)", gradsweep("plan", sweep).stdout)[1])
            ended = gradsweep("run", sweep, "-o", self.path(f"{activation}.h5"), "--progress", "json")
            last = json.loads(re.findall(r'\{"cells.*', ended.stderr)[-1])
            done = last["gflops"] * last["elapsed_seconds"] * 1e9
            self.assertLess(abs(math.log(planned / done)), math.log(1.3), (activation, planned, done))

    def test_what_does_not_fit_is_refused(self):
        window = ("warmup: 4,", "steps: 53,", r"model\.anchors: 4 anchors 3 steps apart, with a measure's window of 45 before the first, "
                                              r"need model\.steps of 54 or more, not 53")
        for text, old, new, pattern in (
                (WINDOWS, *window),
                (TIED, "warmup: 4,", "steps: 15,", r"model\.anchors: 4 anchors 3 steps apart, with lags up to 7 before the first, need "
                                             r"model\.steps of 16 or more, not 15"),
                (TIED, "count: 4", "count: 0", r"model\.anchors\.count: expected an integer"),
                (TIED, "spacing: 3", "spacing: 0.5", r"model\.anchors\.spacing: expected an integer"),
                (TIED, "{steps: 3}", "{steps: 12}", r"measure\.contribution_map\.steps: 12 times are more than the 11 steps of the "
                                                  r"trajectory to the first anchor")):
            with self.subTest(new=new):
                ended = gradsweep("plan", self.sweep(text.replace(old, new)))
                self.assert_error(ended, 2, rf"sweep\.yaml:[24]:\d+: error: {pattern}")
                self.assertIn("^", ended.stderr)


if __name__ == "__main__":
    command.main()
