"""Derivatives of one step further apart than doubles reach: tanh at bias 400 gives e^-801 beside 1. Every measure is
right, or failed with that reason, and leaves the others their values. Against decimals of fifty digits, whose exponents
have room for all of it."""

import decimal
import math
import unittest
from decimal import Decimal

import command
import h5py
import numpy as np
from command import FAILED, CommandTest, gradsweep, read

decimal.getcontext().prec = 50
decimal.getcontext().Emin, decimal.getcontext().Emax = -10**15, 10**15

LAGS = [1, 2, 3, 4, 6]
STEPS = 8
MEASURES = ["jacobian_norm", "frobenius_norm", "step_bound", "gradient", "{contribution_map: {steps: 2}}",
            "singular_values"]


def tanh(x):
    e = (-2 * abs(x)).exp()
    return (1 - e) / (1 + e) * (1 if x >= 0 else -1)


def slope(x):
    e = (-2 * abs(x)).exp()
    return 4 * e / (1 + e) ** 2


def log(x):
    return float(x.ln()) if x else -math.inf


def product(a, b):
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def norm(values):
    return sum(x * x for x in values).sqrt()


def singular_values(a):
    """Of a 2 x 2 matrix: their squares have the sum and product that they must."""
    squares, determinant = sum(x * x for row in a for x in row), a[0][0] * a[1][1] - a[0][1] * a[1][0]
    rest = max(squares * squares - 4 * determinant * determinant, Decimal(0))
    largest = ((squares + rest.sqrt()) / 2).sqrt()
    return [largest, abs(determinant) / largest if largest else largest]


class Truth:
    """A network of two units with tanh and squared loss."""

    def __init__(self, w, bias, x):
        w = [[Decimal(float(a)) for a in row] for row in w]
        states = [[Decimal(float(a)) for a in x]]
        for _ in range(STEPS):
            values = [tanh(a) for a in states[-1]]
            states.append([sum(a * b for a, b in zip(row, values)) + Decimal(float(c)) for row, c in zip(w, bias)])
        self.values = [[tanh(a) for a in state] for state in states]
        self.steps = [[[a * slope(b) for a, b in zip(row, state)] for row in w] for state in states]
        self.states = states
        jacobian = [[Decimal(1), Decimal(0)], [Decimal(0), Decimal(1)]]
        self.products = []
        for lag in range(1, STEPS + 1):
            jacobian = product(jacobian, self.steps[STEPS - lag])
            self.products.append(jacobian)

    def error(self, step, lag):
        error = [self.states[step]]
        for i in range(lag):
            error = product(error, self.steps[step - 1 - i])
        return error[0]

    def contribution(self, step, lag):
        return log(norm(self.error(step, lag)) * norm(self.values[step - lag - 1])) if lag < step else math.nan


class FarApart(CommandTest):
    def network(self, w, bias, x=(0.3, 0.2)):
        with h5py.File(self.path("net.h5"), "w") as file:
            file["W"], file["b"], file["x0"] = np.array(w, float), np.array(bias, float), np.array(x, float)
        text = ("weights: {ensemble: [{kind: file, path: net.h5}]}\n"
                f"model: {{activation: [tanh], warmup: {STEPS - LAGS[-1]}}}\n"
                f"grid: {{hidden_size: [2], spectral_radius: native, gamma: [1.0], lag: {LAGS}}}\n"
                f"measure: [{', '.join(MEASURES)}]\n")
        return self.sweep(text), Truth(w, bias, x)

    def assert_close(self, found, expected, what):
        np.testing.assert_allclose(found.ravel(), np.ravel(expected), rtol=0, atol=1e-9, err_msg=what)

    def assert_right(self, results, truth, without=()):
        expected = {
            "log_jacobian_norm": [log(singular_values(truth.products[lag - 1])[0]) for lag in LAGS],
            "log_frobenius_norm": [log(norm(sum(truth.products[lag - 1], []))) for lag in LAGS],
            "log_step_bound": [sum(log(singular_values(truth.steps[STEPS - 1 - i])[0]) for i in range(lag))
                               for lag in LAGS],
            "log_initial_error_norm": [log(norm(truth.states[STEPS]))],
            "log_error_norm": [log(norm(truth.error(STEPS, lag))) for lag in LAGS],
            "log_contribution": [truth.contribution(STEPS, lag) for lag in LAGS],
            "log_contribution_map": [[truth.contribution(step, lag) for lag in LAGS] for step in (STEPS - 1, STEPS)],
            "log_singular_value": [[log(s) for s in singular_values(truth.products[lag - 1])] for lag in LAGS],
        }
        for name in expected.keys() - set(without):
            self.assert_close(results[name], expected[name], name)

    def test_two_units_that_take_turns(self):
        """J_2 = diag(s_1 s_2), one of the two e^-800: ln ||J_2|| = -801.0, where one scale for all gave -inf."""
        sweep, truth = self.network([[0, 1], [1, 0]], [400, 0])
        path = self.run_sweep(sweep, "out.h5")
        results = read(path)
        self.assertAlmostEqual(results["log_jacobian_norm"].ravel()[1], -801.0, delta=0.05)
        self.assert_right(results, truth)
        checked = gradsweep("check", path)
        self.assertEqual(checked.returncode, 0, checked.stdout)

    def test_dense_weights(self):
        """Singular values of such a product are not held beside each other: these fail, and nothing else does."""
        sweep, truth = self.network([[0.7, 0.4], [0.3, -0.6]], [500, 0.1])
        path = self.run_sweep(sweep, "out.h5", exit_code=1)
        results = read(path)
        self.assertEqual(results["status"].ravel()[0], FAILED)
        with h5py.File(path) as file:
            flags = file["failure_reason"].attrs
            names = dict(zip(flags["flag_values"], flags["flag_meanings"].split()))
        self.assertEqual(names[results["failure_reason"].ravel()[0]], "singular_values_range")
        self.assertTrue(np.all(np.isnan(results["log_singular_value"])))
        self.assert_right(results, truth, without=["log_singular_value"])
        checked = gradsweep("check", path)
        self.assertEqual(checked.returncode, 3)
        self.assertIn("failed: singular_values_range 1", checked.stdout)
        self.assertIn("1 failed, 0 wrong", checked.stderr)
        self.assertIn("failed: singular_values_range 1", gradsweep("info", path).stdout)
        again = gradsweep("run", sweep, "-o", path, "--resume", "--retry-failed", "--progress", "none")
        self.assertEqual(again.returncode, 1)
        self.assertIn("singular_values_range in 1 of 1 cells", again.stderr)
        self.assert_right(read(path), truth, without=["log_singular_value"])

    def test_the_only_way_leads_through_what_is_tiny(self):
        """Columns of W that are zero leave the tiny derivative alone: ||S|| = e^-1200, and J_2 = 0 exactly."""
        sweep, truth = self.network([[0, 0], [1, 0]], [600, 0])
        results = read(self.run_sweep(sweep, "out.h5"))
        self.assert_right(results, truth)
        self.assertAlmostEqual(results["log_step_bound"].ravel()[0], 2 * math.log(2) - 1200, delta=1e-9)
        self.assertEqual(results["log_jacobian_norm"].ravel()[1], -math.inf)

    def test_beyond_logarithms(self):
        """At bias 1e308 not even ln tanh' is a double: the norms, which are as small, fail with that reason."""
        sweep, _ = self.network([[0, 1], [1, 0]], [1e308, 0])
        path = self.run_sweep(sweep, "out.h5", exit_code=1)
        self.assertIn("failed: jacobian_norm_range 1", gradsweep("info", path).stdout)


if __name__ == "__main__":
    command.main()
