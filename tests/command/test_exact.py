"""What theory knows exactly, read from results files."""

import math

import numpy as np

import command
from command import CommandTest, gradsweep, read

LAGS = 2 ** np.arange(11)

def silu_slope(x):
    sigmoid = 1 / (1 + math.exp(-x))
    return sigmoid * (1 + x * (1 - sigmoid))


# Where the second derivatives vanish: of gelu at sqrt 2; of silu where x tanh(x/2) = 2, at x = 2.39935728052...
GELU_SUP = 0.5 * (1 + math.erf(1)) + math.sqrt(2) * math.exp(-1) / math.sqrt(2 * math.pi)
SILU_SUP = silu_slope(2.39935728052)
# sigma'(0) / sup |sigma'| of activations with sigma(0) = 0; leaky_relu and relu by the rule for kinks.
SLOPE_AT_ZERO = {"identity": 1.0, "tanh": 1.0, "softsign": 1.0, "erf": 1.0, "hard_tanh": 1.0, "sin": 1.0, "elu": 1.0,
                 "leaky_relu": 0.01, "gelu": 0.5 / GELU_SUP, "silu": 0.5 / SILU_SUP, "relu": 0.0}


def log(values):
    """ln 0 = -inf is a result."""
    with np.errstate(divide="ignore"):
        return np.log(values)


class Bounds(CommandTest):
    """Where the bound is an equality, rounding lies on either side: neither `violated` nor `holds`."""

    SWEEP = """\
weights: {ensemble: [orthogonal, symmetric, cycle, ginibre], replicas: 16}
model: {activation: identity}
grid:
  hidden_size: [1, 2, 5, 16, 33]
  spectral_radius: {start: 0.25, stop: 2, num: 8}
  gamma: {start: 0.2, stop: 1.6, num: 8}
  lag: {log2: 1024}
"""

    def check_verdicts(self, *options):
        data = read(self.run_sweep(self.sweep(self.SWEEP), "out.h5", *options))
        verdicts = data["bound_check"][0]
        self.assertGreaterEqual(data["status"].size, 20000)
        self.assertTrue((data["status"] == command.DONE).all())
        self.assertTrue((verdicts[:3] == command.WITHIN_ROUNDING).all(), "a normal W")
        ginibre = verdicts[3]
        self.assertTrue((ginibre[..., 0] == command.WITHIN_ROUNDING).all(), "at lag 1")
        self.assertFalse((ginibre == command.VIOLATED).any())
        # One dimension is normal; beyond, ||W^2|| < ||W||^2 by far more than rounding.
        self.assertTrue((ginibre[0] == command.WITHIN_ROUNDING).all())
        self.assertTrue((ginibre[1:, ..., 1:] == command.HOLDS).all())
        self.assertEqual(gradsweep("check", self.path("out.h5")).returncode, 0)
        return data

    def test_closed_forms(self):
        data = self.check_verdicts()
        self.assertTrue((data["method"][0, :3] == command.CLOSED_FORM).all())

    def test_products(self):
        """Frobenius norms need the products themselves, whose errors are real."""
        data = self.check_verdicts("--set", "measure=frobenius_norm")
        self.assertTrue((data["method"] == command.EXPLICIT).all())
        distance = np.abs(data["log_norm_bound"] - data["log_jacobian_norm"])[0, :3]
        self.assertGreater(distance.max(), 0)
        self.assertLess(distance.max(), 1e-10)


class Exact(CommandTest):
    def test_normal_weights(self):
        """||W^l|| = rho^l. The tolerance is that of the sweep."""
        sweep = self.sweep("""\
weights: {ensemble: [orthogonal, cycle, symmetric, antisymmetric, {kind: nonnormal, departure: 0}]}
model: {activation: identity}
grid: {hidden_size: [2, 7, 40], spectral_radius: [0.3, 1, 1.9], gamma: [0.25, 1], lag: {log2: 1024}}
measure: frobenius_norm
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        want = log(np.outer(data["spectral_radius"], data["gamma"]))[..., None] * LAGS
        np.testing.assert_allclose(data["log_jacobian_norm"][0], np.broadcast_to(want, (5, 3, 1, 3, 2, 11)),
                                   rtol=0, atol=1e-10)
        # All singular values of an orthogonal W are equal.
        spread = (data["log_frobenius_norm"] - data["log_jacobian_norm"])[0, :2]
        want = 0.5 * np.log(data["hidden_size"])[None, :, None, None, None, None]
        np.testing.assert_allclose(spread, np.broadcast_to(want, spread.shape), rtol=0, atol=1e-10)

    def test_chain(self):
        """||(a N)^l|| = a^l while l < d, then exactly 0."""
        sweep = self.sweep("""\
weights: {ensemble: [{kind: chain, coupling: 0.5}, {kind: chain, coupling: -3, label: other}]}
model: {activation: identity}
grid: {hidden_size: [1, 4, 9], spectral_radius: native, gamma: [0.5, 2], lag: {start: 1, stop: 12, step: 1}}
""")
        for options in ([], ["--set", "measure=frobenius_norm"]):
            with self.subTest(options):
                data = read(self.run_sweep(sweep, "out.h5", "--overwrite", *options))
                coupling = np.array([0.5, 3.0]).reshape(2, 1, 1, 1, 1, 1)
                lags, gamma = np.arange(1, 13), data["gamma"][:, None]
                per_step = np.broadcast_to(log(coupling * gamma), (2, 3, 1, 1, 2, 1))
                ends = lags >= data["hidden_size"].reshape(3, 1, 1, 1, 1)
                want = np.where(ends, -np.inf, per_step * lags)
                norms = data["log_jacobian_norm"][0]
                np.testing.assert_array_equal(np.isneginf(norms), np.isneginf(want))
                finite = np.isfinite(want)
                np.testing.assert_allclose(norms[finite], want[finite], rtol=0, atol=1e-10)
                self.assertTrue((data["status"] == command.DONE).all())
                # d = 1 is W = 0: then the bound is 0 as well.
                verdicts = data["bound_check"][0]
                self.assertTrue((verdicts[:, 1:][np.isneginf(want[:, 1:])] == command.HOLDS).all())
                self.assertTrue((verdicts[:, 0] == command.WITHIN_ROUNDING).all())
                self.assertTrue((verdicts[finite] == command.WITHIN_ROUNDING).all())
                self.assertTrue(np.isneginf(data["growth_rate"]).all())
                self.assertTrue((data["weight_spectral_radius"] == 0).all())
                self.assertTrue((data["spectral_condition"] == 1).all())
                self.assertEqual(gradsweep("check", self.path("out.h5")).returncode, 0)

    def test_slopes_at_zero(self):
        """At the fixed point x = 0 every step Jacobian is sigma'(0) W, whatever the activation. The sizes take both
        ways of finding norms."""
        sweep = self.sweep(f"""\
weights: {{ensemble: [orthogonal, cycle, ginibre, {{kind: nonnormal, departure: 1}}], replicas: 2}}
model: {{activation: [{", ".join(SLOPE_AT_ZERO)}], initial_state: zero, warmup: 3}}
grid: {{hidden_size: [1, 6, 80], spectral_radius: [0.4, 1.25], gamma: [0.5, 1.5], lag: [1, 2, 16, 33]}}
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        self.assertEqual(set(np.unique(data["method"])), {command.EXPLICIT, command.IMPLICIT, command.CLOSED_FORM})
        slopes = log([SLOPE_AT_ZERO[name.decode()] for name in data["activation"]])
        norms = data["log_jacobian_norm"]
        want = norms[0] + slopes.reshape(-1, 1, 1, 1, 1, 1, 1) * data["lag"]
        # Twice the tolerance of the sweep, for both sides are computed.
        np.testing.assert_allclose(norms, want, rtol=0, atol=2e-10)
        self.assertTrue(np.isneginf(norms[list(SLOPE_AT_ZERO).index("relu")]).all())
        self.assertFalse((data["bound_check"] == command.VIOLATED).any())

    def test_one_dimension(self):
        """A number is normal, and its norm is its modulus, in whatever law and for whatever activation."""
        sweep = self.sweep("""\
weights: {ensemble: [ginibre, uniform, orthogonal, symmetric, elliptic, cycle, nonnormal, {kind: sparse, density: 1}]}
model:
  activation: [identity, tanh, sigmoid, relu, leaky_relu, softsign, erf, hard_tanh, sin, gelu, silu, elu]
grid: {hidden_size: 1, spectral_radius: [0.5, 1, 1.5], gamma: [0.7, 1.2], lag: {log2: 64}}
measure: frobenius_norm
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        self.assertTrue((data["status"] == command.DONE).all())
        want = log(np.outer(data["spectral_radius"], data["gamma"]))[..., None] * data["lag"]
        norms = data["log_jacobian_norm"]
        np.testing.assert_allclose(norms[0], np.broadcast_to(want, norms[0].shape), rtol=0, atol=1e-10)
        np.testing.assert_allclose(data["log_frobenius_norm"], norms, rtol=0, atol=1e-10)
        self.assertTrue((norms <= data["log_norm_bound"] + 1e-10).all())
        np.testing.assert_array_equal(data["vanishing_guaranteed"], data["spectral_condition"])


class Conditions(CommandTest):
    def test_exactly_one_is_not_below_one(self):
        sweep = self.sweep("""\
weights: {ensemble: [orthogonal, cycle, symmetric]}
model: {activation: [identity, tanh]}
grid: {hidden_size: [3, 20], spectral_radius: [0.1, 0.4, 0.5, 0.7, 0.8, 1], gamma: [1, 1.25, 2, 2.5, 10], lag: [1, 2]}
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        # In whole numbers, so that 0.8 * 1.25 is 1.
        product = np.outer(np.rint(data["spectral_radius"] * 100), np.rint(data["gamma"] * 100))
        self.assertGreaterEqual(np.count_nonzero(product == 10000), 5)
        for name in ("vanishing_guaranteed", "spectral_condition"):
            np.testing.assert_array_equal(data[name], np.broadcast_to(product < 10000, data[name].shape), err_msg=name)

    def test_two_conditions(self):
        """gamma ||W|| < 1 means that gradients vanish; gamma rho(W) < 1, which is weaker, does not."""
        sweep = self.sweep("""\
weights: {ensemble: [ginibre, untied, {kind: nonnormal, departure: 8}], replicas: 3}
model: {activation: [identity, tanh, relu]}
grid:
  hidden_size: [8, 64]
  spectral_radius: {start: 0.1, stop: 1.3, num: 13}
  gamma: [0.75, 1]
  lag: [1, 2, 3, 5, 8, 16, 32]
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        guaranteed, spectral = data["vanishing_guaranteed"], data["spectral_condition"]
        growth, norms = data["growth_rate"], data["log_jacobian_norm"]
        for flags in (guaranteed, spectral):
            self.assertTrue((flags[:, 1] == 255).all(), "untied weights have no spectrum")
            self.assertEqual(set(np.unique(flags[:, [0, 2]])), {0, 1})
        self.assertTrue((growth[guaranteed == 1] < 0).all())
        self.assertTrue((norms[guaranteed == 1] < 0).all())
        self.assertTrue((spectral[guaranteed == 1] == 1).all())

        # Of ginibre at d = 64 the norm is about twice the radius.
        gain = np.outer(data["spectral_radius"], data["gamma"])
        band = np.broadcast_to((gain > 0.6) & (gain < 0.99), guaranteed[0, 0, 1].shape)
        self.assertTrue((guaranteed[0, 0, 1][band] == 0).all())
        self.assertTrue((spectral[0, 0, 1][band] == 1).all())
        self.assertTrue((norms[0, 0, 1][band][:, 0] > 0).all(), "no growth over one step")
        # identity: strongly non-normal weights carry gradients far up before they vanish.
        only_spectral = (spectral[0, 2] == 1) & (guaranteed[0, 2] == 0)
        self.assertGreater(norms[0, 2][only_spectral].max(), np.log(8.0))

    def test_growth_rate(self):
        """The least-squares slope over the last half of the lags, by another program."""
        sweep = self.sweep("""\
weights: {ensemble: [ginibre, untied]}
model: {activation: [identity, tanh]}
grid: {hidden_size: 6, spectral_radius: [0.5, 1.2], gamma: 1, lag: [1, 2, 3, 7, 12, 30, 31]}
""")
        data = read(self.run_sweep(sweep, "out.h5"))
        for cell in np.ndindex(data["growth_rate"].shape):
            slope = np.polyfit(data["lag"][3:], data["log_jacobian_norm"][cell][3:], 1)[0]
            self.assertAlmostEqual(data["growth_rate"][cell], slope, delta=1e-11)  # polyfit's own rounding
        data = read(self.run_sweep(sweep, "out.h5", "--overwrite", "--set", "grid.lag=5"))
        np.testing.assert_allclose(data["growth_rate"], data["log_jacobian_norm"][..., 0] / 5, rtol=1e-15)


if __name__ == "__main__":
    command.main()
