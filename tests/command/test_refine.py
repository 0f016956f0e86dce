"""gradsweep refine: the values of an axis around a crossing, as a sweep that extend accepts; repeated, it closes in."""

import math
import os
import subprocess
from pathlib import Path

import numpy as np

import command
from command import CommandTest, gradsweep, read

# For the identity ||J_l|| of a normal W is (rho gamma)^l: the growth rate is ln(rho gamma) exactly.
EXACT = """\
weights: {ensemble: [orthogonal, symmetric], replicas: 2}
model: {activation: [identity, tanh]}
grid: {hidden_size: 5, spectral_radius: [0.3, 0.9, 1.7, 3], gamma: [0.83, 0.97], lag: [1, 2, 4, 8]}
"""
# A strongly driven tanh does not explode as early as the undriven one.
DRIVEN = """\
weights: {ensemble: ginibre, replicas: 3}
model: {activation: tanh, input: {kind: gaussian, scale: [0.1, 2]}, bias: {kind: gaussian, scale: 0.2}, warmup: 50, anchors: {count: 2, spacing: 8}}
grid: {hidden_size: 24, spectral_radius: [1, 2, 3], gamma: 1, lag: [8, 16, 32, 64]}
"""
# Of a rotation the exponents are ln(rho gamma) exactly for the identity; drive keeps tanh from chaos beyond that.
EXPONENTS = """\
weights: {ensemble: orthogonal, replicas: 2}
model: {activation: [identity, tanh], input: {kind: gaussian, scale: 0.5}}
grid: {hidden_size: 16, spectral_radius: [0.8, 1.6, 2.4], gamma: 0.97, lag: 1}
measure: [{lyapunov: {count: 1, transient: 50, steps: 300}}]
"""


class Refine(CommandTest):
    def refine(self, path, name="finer.yaml", *options, exit_code=0):
        ended = gradsweep("refine", path, "-o", self.path(name), *options)
        self.assertEqual(ended.returncode, exit_code, ended.stdout + ended.stderr)
        return ended

    def go_on(self, old, name, sweep="finer.yaml"):
        """The file of the finer sweep, extended and run."""
        ended = gradsweep("extend", self.path(sweep), old, "-o", self.path(name))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        return self.run_sweep(self.path(sweep), name, "--resume")

    def means(self, results, quantity="growth_rate"):
        return results[quantity].mean(axis=3)

    def test_it_closes_in_on_what_is_known(self):
        path = self.run_sweep(self.sweep(EXACT), "0.h5")
        width, count = 0.8, 4
        for number in range(1, 6):
            ended = self.refine(path, f"{number}.yaml", "--width", "0.002")
            self.assertRegex(ended.stdout, "activation=identity, ensemble=orthogonal, hidden_size=5, gamma=0.97: growth_rate rises "
                                           r"through zero between spectral_radius = \S+ and \S+, near ")
            path = self.go_on(path, f"{number}.h5", f"{number}.yaml")
            results = read(path)
            values = results["spectral_radius"]
            width /= 4
            for gamma, edge in ((0, 1 / 0.83), (1, 1 / 0.97)):
                rates = self.means(results)[0, 0, 0, :, gamma]
                np.testing.assert_allclose(rates, np.log(values * results["gamma"][gamma]), rtol=0, atol=1e-9)
                at = np.searchsorted(values, edge, "right")
                self.assertTrue(values[at] - values[at - 1] <= max(width, 0.002) * (1 + 1e-9), (values, edge))
            self.assertGreater(len(values), count)  # tanh has crossings of its own, or has them here
            count = len(values)
        ended = self.refine(path, "6.yaml", "--width", "0.5")
        self.assertIn("nothing to add: every crossing is known to 0.5", ended.stdout)
        self.assert_same_results(self.go_on(path, "same.h5", "6.yaml"), path)

    def test_each_point_of_the_other_axes_has_its_crossing(self):
        """Along the radius for each input scale; values between two that have one sign everywhere stay as they are.
        Replicas and anchors are samples of one mean."""
        path = self.run_sweep(self.sweep(DRIVEN), "0.h5")
        before = self.means(read(path))[0, 0, 0].mean(axis=1)  # [input_scale, spectral_radius, gamma]
        signs = before[:, :, 0] < 0
        crossed = [i for i in range(2) if (signs[:, i] != signs[:, i + 1]).any()]
        self.assertTrue(crossed)
        ended = self.refine(path, "finer.yaml", "--axis", "spectral_radius", "--quantity", "growth_rate", "--width", "0.3")
        self.assertEqual(ended.stdout.count("input_scale="), (signs[:, :-1] != signs[:, 1:]).sum())
        expected = sorted([1, 2, 3] + [1 + i + part / 4 for i in crossed for part in (1, 2, 3)])
        path = self.go_on(path, "1.h5")
        self.assertEqual(read(path)["spectral_radius"].tolist(), expected)

    def test_pending_and_failed_cells_say_nothing(self):
        sweep = self.sweep(EXACT)
        path = self.run_sweep(sweep, "0.h5")
        with command.h5py.File(path, "r+") as file:
            file["status"][:, :, :, :, 1:3] = 0
        ended = self.refine(path, "finer.yaml", "--width", "1")
        self.assertIn("between spectral_radius = 0.3 and 3, near", ended.stdout)
        self.go_on(path, "1.h5")
        self.assertEqual(read(self.path("1.h5"))["spectral_radius"].tolist(), [0.3, 0.9, 1.2, 1.7, 2.1, 3])

    def test_input_scale(self):
        sweep = self.sweep(DRIVEN.replace("scale: [0.1, 2]", "scale: [0, 0.5, 9]").replace("[1, 2, 3]", "4"))
        path = self.run_sweep(sweep, "0.h5")
        rates = self.means(read(path))[0, 0, 0, :, :, 0, 0].mean(axis=1)
        self.assertTrue(rates[0] > 0 > rates[2], rates)
        at = 0 if rates[1] < 0 else 1
        ended = self.refine(path, "finer.yaml", "--axis", "input_scale", "--width", "0.2")
        self.assertIn("falls through zero between input_scale", ended.stdout)
        low, high = [0, 0.5, 9][at:at + 2]
        between = min(math.ceil((high - low) / 0.2), 4)
        values = read(self.go_on(path, "1.h5"))["input_scale"]
        np.testing.assert_allclose(values, sorted([0, 0.5, 9] + [low + (high - low) * k / between for k in range(1, between)]),
                                   rtol=1e-11)

    def test_the_loop_of_the_jobs(self):
        """The lines of exponents to 0.01 in four rounds, with at most a quarter of the cells of a uniform grid. Stopped
        after a round and started again, with ranks; the sweep beside the results is theirs."""
        sweep, results, width = self.sweep(EXPONENTS), self.path("loop.h5"), 0.01
        loop = Path(__file__).resolve().parents[2] / "jobs" / "refine.sh"
        environment = {**os.environ, "GRADSWEEP": command.GRADSWEEP, "RUN": " ".join(command.launcher_of(2))}
        options = ["--quantity", "lyapunov_exponent", "--width", str(width)]
        for rounds, last in ((1, "values added"), (4, "nothing to add: every crossing is known to 0.01")):
            done = subprocess.run([loop, sweep, results, "--rounds", str(rounds), *options], env=environment,
                                  capture_output=True, text=True, timeout=command.TIMEOUT)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(last, done.stdout.splitlines()[-1])
        found = read(results)
        values, exponents = found["spectral_radius"], found["lyapunov_exponent"].mean(axis=3)[:, 0, 0, :, 0, 0]
        np.testing.assert_allclose(exponents[0], np.log(0.97 * values), rtol=0, atol=1e-12)  # 300 steps' rounding is below
        uniform = (values[-1] - values[0]) / width + 1
        self.assertLessEqual(len(values), uniform / 4)
        for of_one, low, high in ((exponents[0], 1 / 0.97, 1 / 0.97), (exponents[1], 1.1, 2.3)):
            crossed = [i for i in range(len(values) - 1) if (of_one[i] < 0) != (of_one[i + 1] < 0)]
            self.assertTrue(crossed)
            for i in crossed:
                self.assertLessEqual(values[i + 1] - values[i], width + 1e-12)
                self.assertTrue(values[i] <= high and values[i + 1] >= low, values[i:i + 2])
        self.assert_same_results(self.run_sweep(self.path("loop.refined.yaml"), "fresh.h5"), results)

    def test_no_crossing(self):
        path = self.run_sweep(self.sweep(EXACT.replace("[0.3, 0.9, 1.7, 3]", "[0.3, 0.4]")), "0.h5")
        self.assertIn("no crossing: growth_rate has one sign", self.refine(path).stdout)
        self.assert_same_results(self.go_on(path, "1.h5"), path)

    def test_wrong_use(self):
        path = self.run_sweep(self.sweep(EXACT), "0.h5")
        (self.folder / "mine.yaml").write_text("mine")
        for options, pattern in ((["--axis", "lag"], "no axis that can be refined is called lag; those are input_scale, bias_scale,"),
                                 (["--axis", "input_scale"], r"0\.h5: there is no axis input_scale to refine: its sweep has a single number there"),
                                 (["--quantity", "lyapunov_exponent"], r"0\.h5: it has no lyapunov_exponent"),
                                 *[(["--quantity", name], name + " is not one number a cell") for name in
                                   ("log_jacobian_norm", "weight_norm", "vanishing_guaranteed", "status")],
                                 (["--width", "-1"], "--width takes a number above 0"),
                                 (["-o", self.path("mine.yaml")], r"mine\.yaml: it exists, and was not written by gradsweep refine")):
            with self.subTest(options=options):
                ended = gradsweep("refine", path, "-o", self.path("finer.yaml"), *options)
                self.assert_error(ended, 2, pattern)
        self.assertEqual((self.folder / "mine.yaml").read_text(), "mine")
        self.assertFalse((self.folder / "finer.yaml").exists())
        native = self.run_sweep(self.sweep("grid: {hidden_size: 2, spectral_radius: native, gamma: 1, lag: 1}\n"), "native.h5")
        self.assert_error(gradsweep("refine", native, "-o", self.path("finer.yaml")), 2, "native.h5: .*: its sweep has native")
        ended = gradsweep("refine", self.path("nowhere.h5"), "-o", self.path("finer.yaml"))
        self.assertEqual(ended.returncode, 1 if "not" in ended.stderr else 2, ended.stderr)


if __name__ == "__main__":
    command.main()
