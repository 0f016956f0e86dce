"""What cannot be had is refused before work starts, or told where it is partial; and NaN is counted apart from numbers."""

import math
import re
from pathlib import Path

import numpy as np

import command
from command import CommandTest, gradsweep, h5py, read

SWEEP = """\
weights: {{ensemble: {ensemble}}}
model: {{activation: {activation}, warmup: {warmup}}}
grid: {{hidden_size: 4, spectral_radius: native, gamma: 1, lag: {lag}}}
measure: {measure}
"""
GIVEN = "{kind: file, path: given.h5, label: given}"
FREE = "{kind: file, path: free.h5, label: free}"


class AbsencesTest(CommandTest):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(2013)
        for name, arrays in (("given", {"error": [3.0, 0, -4.0, 0]}), ("free", {})):
            with h5py.File(self.path(name + ".h5"), "w") as file:
                for key, values in {"W": generator.normal(size=(4, 4)) / 2, **arrays}.items():
                    file[key] = values

    def write(self, ensemble="ginibre", measure="gradient", lag="[1, 2, 4]", warmup=8, activation="tanh"):
        return self.sweep(SWEEP.format(**{key: value for key, value in locals().items() if key != "self"}))

    def assert_told(self, sweep, *patterns, name="out.h5"):
        """By run and by plan alike: these warnings, one line each, and no others."""
        planned = gradsweep("plan", sweep)
        ran = gradsweep("run", sweep, "-o", self.path(name), "--progress", "none")
        for ended in planned, ran:
            self.assertEqual(ended.returncode, 0, ended.stderr)
            warnings = re.findall("warning: (.*NaN.*)", ended.stderr)
            self.assertEqual(len(warnings), len(patterns), ended.stderr)
            for warning, pattern in zip(warnings, patterns):
                self.assertRegex(warning, pattern)

    def counts(self, name="out.h5", exit_code=0):
        """Dataset -> (numbers, NaN, missing, unexpected), as the check counts them."""
        ended = gradsweep("check", self.path(name))
        self.assertEqual(ended.returncode, exit_code, ended.stdout + ended.stderr)
        rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)\b", ended.stdout, re.MULTILINE)
        return {row[0]: tuple(int(number) for number in row[1:]) for row in rows}, ended.stdout


class Refused(AbsencesTest):
    def assert_refused(self, sweep, column, *patterns):
        for arguments in ("plan", sweep), ("run", sweep, "-o", self.path("out.h5")):
            self.assert_error(gradsweep(*arguments), 2, rf"sweep\.yaml:4:{column}: error: measure: ", *patterns)
        self.assertFalse(Path(self.path("out.h5")).exists())

    def test_a_map_of_losses_that_are_not_there(self):
        for ensemble in GIVEN, f"[ginibre, {FREE}, {GIVEN}]":
            self.assert_refused(self.write(ensemble, "[gradient, {contribution_map: {steps: 2}}]"), 22,
                                'log_contribution_map would be NaN throughout for the ensemble "given": ', r"\^~~~")
        self.assertEqual(gradsweep("plan", self.write(f"[ginibre, {FREE}]", "contribution_map")).returncode, 0)

    def test_a_map_at_lags_that_no_step_has(self):
        self.assert_refused(self.write(measure="contribution_map", lag="4", warmup=0), 10, "throughout at lag 4",
                            "raise model.warmup")
        self.assertEqual(gradsweep("plan", self.write(measure="contribution_map", lag=4, warmup=1)).returncode, 0)

    def test_all_mistakes_in_one_go(self):
        ended = gradsweep("plan", self.write(GIVEN, "[contribution_map, expansion]"))
        self.assert_error(ended, 2, "contribution_map would be NaN", "expansion is measured for identity alone",
                          "2 mistakes")


class Told(AbsencesTest):
    def test_nothing_of_what_is_whole(self):
        measures = "[gradient, {contribution_map: {steps: 2}}, singular_values]"
        self.assert_told(self.write(f"[ginibre, {FREE}]", measures))
        counts, text = self.counts()
        self.assertTrue(all(row[0] > 0 and row[1:] == (0, 0, 0) for row in counts.values()), text)

    def test_the_total_of_losses_that_are_not_there(self):
        self.assert_told(self.write(f"[ginibre, {FREE}, {GIVEN}]"),
                         '^log_total_gradient_norm will be NaN for the ensemble "given": its network file gives')
        counts, text = self.counts()
        self.assertEqual(counts["log_total_gradient_norm"], (2, 1, 0, 0), text)
        self.assertEqual(counts["log_gradient_norm"], (3, 0, 0, 0))
        self.assertRegex(text, r"no loss at others \(1\)")
        self.assertEqual(np.isnan(read(self.path("out.h5"))["log_total_gradient_norm"].ravel()).tolist(),
                         [False, False, True])

    def test_lags_and_times_that_no_step_has(self):
        self.assert_told(self.write(measure="[gradient, {contribution_map: {steps: 2}}]", warmup=0),
                         "^log_contribution, log_contribution_map will be NaN at lag 4: ")
        counts, _ = self.counts()
        self.assertEqual(counts["log_contribution"], (2, 1, 0, 0))
        self.assertEqual(counts["log_contribution_map"], (4, 2, 0, 0))
        self.assert_told(self.write(measure="{contribution_map: {steps: 5}}", warmup=1),
                         r"^log_contribution_map will be NaN at lag 1 \(t = 1\.\.1\), 2 \(t = 1\.\.2\), "
                         r"4 \(t = 1\.\.4\): ", name="early.h5")
        counts, _ = self.counts("early.h5")
        self.assertEqual(counts["log_contribution_map"], (15 - 7, 7, 0, 0))

    def test_the_expansion_of_others(self):
        self.assert_told(self.write(measure="expansion", activation="[tanh, identity, relu]"),
                         "^log_expansion_norm, .*eigenbasis_condition will be NaN for activation tanh, relu: ")
        counts, _ = self.counts()
        self.assertEqual(counts["expansion_residual"], (3, 6, 0, 0))
        self.assertEqual(counts["eigenvalue_re"], (4, 0, 0, 0))


class Found(AbsencesTest):
    def test_values_that_only_the_run_can_know(self):
        with h5py.File(self.path("zero.h5"), "w") as file:
            file["W"] = np.zeros((4, 4))
        ended = gradsweep("run", self.write("{kind: file, path: zero.h5}", "[gradient, expansion, singular_values]",
                                            activation="identity"), "-o", self.path("out.h5"), "--progress", "none")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        counts, text = self.counts()
        self.assertEqual(counts["cancellation"], (0, 1, 0, 0), text)
        self.assertEqual(counts["expansion_residual"], (0, 3, 0, 0), text)
        self.assertEqual(counts["log_expansion_norm"], (3, 0, 0, 0), text)
        self.assertRegex(text, r"all contributions are 0 \(1\)")
        data = read(self.path("out.h5"))
        self.assertTrue((data["log_singular_value"] == -math.inf).all())
        self.assertTrue((data["log_expansion_norm"] == -math.inf).all())

    def test_a_number_that_was_lost(self):
        """Of a W, which the rules of its cells used to forgive."""
        self.run_sweep(self.write(), "out.h5")
        with h5py.File(self.path("out.h5"), "r+") as file:
            file["weight_norm"][...] = math.nan
        counts, text = self.counts(exit_code=3)
        self.assertEqual(counts["weight_norm"], (0, 0, 1, 0), text)

    def test_whatever_makes_nan_is_a_failure(self):
        """States, derivatives and gains at the ends of the range of double precision."""
        with h5py.File(self.path("far.h5"), "w") as file:
            file["W"] = [[0.5, 0.1, 0, 0], [0.1, 0.5, 0, 0], [0, 0, 0.1, 0], [0, 0, 0.2, 0.1]]
            file["b"] = [1e308, -1e308, 1, 0]
        measures = "[frobenius_norm, step_bound, gradient, {contribution_map: {steps: 2}}, singular_values]"
        far = self.write("{kind: file, path: far.h5}", measures, activation="[tanh, sigmoid, erf, silu, elu]")
        texts = [Path(far).read_text(),
                 SWEEP.format(ensemble="ginibre", warmup="8, input: {kind: gaussian, size: 2, scale: 1.0e+300}",
                              activation="[sigmoid, silu, elu, gelu]", lag="[1, 2]", measure=measures),
                 SWEEP.format(ensemble="ginibre", warmup=2, activation="[tanh, sigmoid, silu]", lag="[1, 5]",
                              measure=measures).replace(
                     "native, gamma: 1", "[1.0e-200, 1.0e+200], gamma: [1.0e-100, 1.0e+100]")]
        for number, text in enumerate(texts):
            with self.subTest(sweep=text):
                name = f"{number}.h5"
                ended = gradsweep("run", self.sweep(text), "-o", self.path(name), "--progress", "none")
                self.assertIn(ended.returncode, (0, 1), ended.stderr)
                checked = gradsweep("check", self.path(name)).stdout
                rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+) +(\d+)\b", checked, re.MULTILINE)
                self.assertGreater(len(rows), 10, checked)
                self.assertEqual({row[3:] for row in rows}, {("0", "0")}, checked)


if __name__ == "__main__":
    command.main()
