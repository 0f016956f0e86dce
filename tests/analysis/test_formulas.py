"""The formulas of gradsweep.theory against known numbers: published ones, closed forms, and measurements made with other
programs. Each test says which, and where its tolerance comes from."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest

import numpy as np
from scipy.integrate import quad
from scipy.special import erf

ANALYSIS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "analysis")
sys.path.insert(0, ANALYSIS)

from gradsweep import theory  # noqa: E402

VARIANCES = np.array([1e-12, 1e-3, 0.1, 1.0, 30.0, 1e4, 1e12])


def normal(x: float, variance: float = 1.0) -> float:
    return np.exp(-0.5 * x * x / variance) / np.sqrt(2 * np.pi * variance)


class Activations(unittest.TestCase):
    def test_values_and_slopes(self) -> None:
        """Suprema of phi' are 1, and slopes are the differences of values, in all twelve. Central differences of step h
        are right to h^2 and 1e-16/h; kinks at 0 and +-1 are left out."""
        self.assertEqual(len(theory.ACTIVATIONS), 12)
        x = np.linspace(-6.0, 6.0, 24001) + 1.3e-5
        for name, activation in theory.ACTIVATIONS.items():
            with self.subTest(name):
                difference = np.abs(activation.value(x + 1e-5) - activation.value(x - 1e-5)) / 2e-5
                smooth = (np.abs(x) > 1e-4) & (np.abs(np.abs(x) - 1.0) > 1e-4)
                np.testing.assert_allclose(difference[smooth], activation.slope(x)[smooth], atol=1e-9)
                self.assertAlmostEqual(activation.slope(x).max(), 1.0, delta=1e-3)  # 5e-4 apart, softsign has a kink
                self.assertLessEqual(activation.slope(x).max(), 1.0 + 1e-15)
        for name, slope in (("erf", 2 / np.sqrt(np.pi)), ("gelu", 1.1289041451851548), ("silu", 1.0998393201288669)):
            self.assertAlmostEqual(theory.find_activation(name).largest_slope, slope, delta=1e-15)

    def test_slopes_far_out_do_not_cancel(self) -> None:
        self.assertAlmostEqual(theory.find_activation("tanh").log_slope(400.0), -800 + 2 * np.log(2), delta=1e-12)
        self.assertAlmostEqual(theory.find_activation("sigmoid").log_slope(800.0), -800 - np.log(0.25), delta=1e-12)
        self.assertAlmostEqual(theory.find_activation("erf").log_slope(30.0), -900, delta=1e-12)

    def test_unknown_name(self) -> None:
        with self.assertRaisesRegex(ValueError, "unknown activation 'swish'; known: identity, tanh"):
            theory.state_variance("swish", 1.0)


class GaussianAverages(unittest.TestCase):
    def check(self, average: theory.Average, expected: np.ndarray) -> None:
        """Right to 1e-10, and the stated error covers the difference; 1e-14 for what both roundings add."""
        np.testing.assert_allclose(average.value, expected, rtol=1e-10)
        self.assertTrue(np.all(np.abs(average.value - expected) <= average.error + 1e-14 * np.abs(expected)))

    def test_closed_forms(self) -> None:
        """erf (Williams 1997), sin, relu, hard_tanh, leaky_relu."""
        q = VARIANCES
        self.check(theory.mean_square("erf", q), np.arctan(2 * q / np.sqrt(1 + 4 * q)) / 2)  # (2/pi) arctan / (4/pi)
        self.check(theory.mean_square_slope("erf", q), 1 / np.sqrt(1 + 4 * q))
        self.check(theory.mean_square("sin", q), -np.expm1(-2 * q) / 2)
        self.check(theory.mean_square_slope("sin", q), (1 + np.exp(-2 * q)) / 2)
        self.check(theory.mean_square("relu", q), q / 2)
        self.check(theory.mean_square_slope("relu", q), np.full(len(q), 0.5))
        self.check(theory.mean_square("leaky_relu", q), q * 0.50005)
        self.check(theory.mean_square("identity", q), q)
        self.check(theory.mean_square_slope("hard_tanh", q), erf(1 / np.sqrt(2 * q)))

    def test_stated_error_covers_what_the_rule_cannot_resolve(self) -> None:
        """E cos(k x) = exp(-k^2 q/2): at k = 15 the panels are too wide for ten digits, and the error says so."""
        for frequency in (10.0, 15.0, 20.0):
            average = theory.gaussian_average("tanh", lambda x: np.cos(frequency * x), np.array([1.0, 30.0]))
            difference = np.abs(average.value - np.exp(-0.5 * frequency**2 * np.array([1.0, 30.0])))
            self.assertTrue(np.all(difference <= average.error))

    def test_all_activations_by_adaptive_quadrature(self) -> None:
        for name, activation in theory.ACTIVATIONS.items():
            for variance in (0.04, 2.0):
                with self.subTest(name, variance=variance):
                    reach = 12 * np.sqrt(variance)
                    points = [point for point in (-1.0, 0.0, 1.0) if abs(point) < reach]
                    expected = quad(
                        lambda x: activation.value(x) ** 2 * normal(x, variance), -reach, reach, points=points,
                        epsabs=1e-13, epsrel=1e-12, limit=300,
                    )[0]  # fmt: skip
                    np.testing.assert_allclose(theory.mean_square(name, variance).value, expected, rtol=1e-10)


class MeanField(unittest.TestCase):
    def test_tanh_without_drive(self) -> None:
        """q and 0.5 ln chi of the published spectra at g = 1.5 and 3, to the five digits printed."""
        for coupling, variance, exponent in ((1.5, 0.79335, 0.06522), (3.0, 6.30539, 0.31025)):
            found = theory.state_variance("tanh", coupling)
            self.assertAlmostEqual(found, variance, delta=5.1e-6)
            self.assertAlmostEqual(theory.largest_exponent("tanh", coupling), exponent, delta=5.1e-6)
            self.assertAlmostEqual(0.5 * np.log(theory.chi("tanh", coupling, found)), exponent, delta=5.1e-6)
        self.assertEqual(theory.state_variance("tanh", 0.9), 0.0)
        self.assertAlmostEqual(theory.largest_exponent("tanh", 0.9), np.log(0.9), delta=1e-10)

    def test_fixed_points_are_fixed(self) -> None:
        """One step of the map gives q back, to 1e-9; inf grows and 0 shrinks."""
        for name in theory.ACTIVATIONS:
            for coupling, drive, bias in ((0.7, 0.3, 0.0), (1.2, 0.0, 0.0), (1.3, 0.0, 0.2), (2.5, 0.1, 0.1)):
                with self.subTest(name, coupling=coupling):
                    q = theory.state_variance(name, coupling, drive, bias)
                    probe = {0.0: 1e-12, np.inf: 1e12}.get(q, q)
                    image = coupling**2 * float(theory.mean_square(name, probe).value) + drive + bias
                    if q == 0.0:
                        self.assertLessEqual(image, probe * (1 + 1e-9))
                    elif np.isinf(q):
                        self.assertGreater(image, probe)
                    else:
                        self.assertAlmostEqual(image / q, 1.0, delta=1e-9)

    def test_edges(self) -> None:
        """kappa_c at s_in^2 + s_b^2 = 0, .04, .25, 1 (Molgedey, Schuchhardt and Schuster 1992 for tanh), to the digits
        printed; drive and bias count alike."""
        table = {
            "tanh": (1.0, 1.304, 1.550, 1.856),
            "sigmoid": (2.537, 2.539, 2.545, 2.566),
            "relu": (2**0.5,) * 4,
        }
        for name, edges in table.items():
            for added, edge in zip((0.0, 0.04, 0.25, 1.0), edges):
                with self.subTest(name, added=added):
                    self.assertAlmostEqual(theory.critical_coupling(name, added), edge, delta=6e-4)
                    split = theory.critical_coupling(name, 0.25 * added, 0.75 * added)
                    self.assertAlmostEqual(split, theory.critical_coupling(name, added), delta=1e-6)

    def test_order_to_chaos(self) -> None:
        """Poole et al. 2016: sigma_b^2 = .05 gives sigma_w^2 = 1.76."""
        self.assertAlmostEqual(theory.critical_coupling("tanh", bias_variance=0.05) ** 2, 1.76, delta=5e-3)

    def test_phase_that_depends_on_the_start(self) -> None:
        """gelu and silu: large states run away above 1.597 and 1.555, zero is stable to 2.258 and 2.200; elu: onset 1,
        runaway sqrt 2."""
        for name, large, small in (("gelu", 1.597, 2.258), ("silu", 1.555, 2.200)):
            self.assertAlmostEqual(theory.critical_coupling(name, start=1e12), large, delta=6e-4)
            self.assertAlmostEqual(theory.critical_coupling(name, start=1e-12), small, delta=6e-4)
            middle = 0.5 * (large + small)
            self.assertEqual(theory.state_variance(name, middle, start=1e-12), 0.0)
            self.assertEqual(theory.state_variance(name, middle, start=1e12), np.inf)
        self.assertAlmostEqual(theory.critical_coupling("elu"), 1.0, delta=1e-6)
        self.assertTrue(np.isfinite(theory.state_variance("elu", 1.41)))
        self.assertEqual(theory.state_variance("elu", 1.42), np.inf)

    def test_few_inputs(self) -> None:
        """Against a map of one's own, and for many channels the limit. Three standard errors."""
        found, error = theory.exponent_with_few_inputs("tanh", 1.5, 0.5, 1)
        random = np.random.default_rng(1)
        z, weights = np.polynomial.hermite_e.hermegauss(80)
        weights = weights / weights.sum()
        variance, total = np.ones(300), []
        for step in range(600):
            tanh = np.tanh(np.sqrt(variance)[:, np.newaxis] * z)
            if step >= 100:
                total.append(0.5 * np.log(1.5**2 * ((1 - tanh**2) ** 2) @ weights))
            variance = 1.5**2 * (tanh**2 @ weights) + 0.25 * random.chisquare(1, 300)
        own = np.mean(total, axis=0)
        own_error = own.std(ddof=1) / np.sqrt(len(own))
        self.assertLess(abs(found - own.mean()), 3 * np.hypot(error, own_error))
        many, error = theory.exponent_with_few_inputs("tanh", 1.5, 0.5, 10**6)
        self.assertAlmostEqual(many, theory.largest_exponent("tanh", 1.5, 0.25), delta=3 * error + 1e-4)  # interpolation

    def test_onset(self) -> None:
        """(2/3)(g - 1)^2, up to terms of third order."""
        for distance in (0.01, 0.003):
            ratio = theory.largest_exponent("tanh", 1 + distance) / theory.onset_exponent(1 + distance)
            self.assertAlmostEqual(ratio, 1.0, delta=4 * distance)

    def test_critical_slowing(self) -> None:
        """The one-dimensional network x_t = tanh(x_(t-1)), up to terms (ln T)/T."""
        x, slopes = 1.0, []
        for _ in range(20000):
            slopes.append(np.log1p(-np.tanh(x) ** 2))
            x = np.tanh(x)
        for lag in (100, 10000, 19000):
            expected = float(np.sum(slopes[-lag:]))
            self.assertAlmostEqual(float(theory.critical_slowing(lag, 20000)) / expected, 1.0, delta=5e-3)


class Spectra(unittest.TestCase):
    def test_summaries(self) -> None:
        """g = 1.5 and 3: the numbers of the theory to all digits printed, and beside the published spectra of N = 4096
        (largest exponent, fraction above 0, entropy rate, Kaplan-Yorke dimension), within finite size: c/N of single
        exponents, c about 1 and 3, and 1% of the others."""
        table = (
            (1.5, (0.0843, 0.002795, 0.1658), (0.06495, 0.0840, 0.002773, 0.1651), 1),
            (3.0, (0.1529, 0.025196, 0.2877), (0.30958, 0.1526, 0.02511, 0.2872), 3),
        )
        for coupling, expected, published, correction in table:
            found = theory.summarize_spectrum("tanh", coupling)
            for value, digits, unit in zip(found[1:4], expected, (1e-4, 1e-6, 1e-4)):
                self.assertAlmostEqual(value, digits, delta=0.51 * unit)
            self.assertAlmostEqual(found.largest_exponent - correction / 4096, published[0], delta=1e-4)
            for value, number in zip(found[1:4], published[1:]):
                self.assertAlmostEqual(value / number, 1.0, delta=0.01)
            self.assertEqual(found.finite_fraction, 1.0)

    def test_at_the_edge(self) -> None:
        """g = 1, where the largest exponent is 0 but for rounding, of either sign: nothing is above 0, and nothing fails."""
        for coupling in (1.0 - 1e-15, 1.0, 1.0 + 1e-15, 1.0 + 1e-9):
            found = theory.summarize_spectrum("tanh", coupling)
            for value in found[1:4]:
                self.assertTrue(0.0 <= value < 1e-6, f"{coupling!r}: {found}")

    def test_finite_size(self) -> None:
        """g = 3, measured: d = 256 (8 seeds) .2987 +- .0054, d = 1000 (3 seeds) .3068 +- .0032: theory less 3/d, within
        two of those errors."""
        exponent = theory.largest_exponent("tanh", 3.0)
        self.assertAlmostEqual(exponent - 3 / 256, 0.2987, delta=2 * 0.0054)
        self.assertAlmostEqual(exponent - 3 / 1000, 0.3068, delta=2 * 0.0032)
        self.assertAlmostEqual(theory.summarize_spectrum("tanh", 3.0).entropy_rate, 0.0238, delta=2 * 0.0008)

    def test_sums(self) -> None:
        """The closed form of the partial sum is the integral of the exponents, and the whole is the determinant's:
        ln kappa - 1/2 + E ln |phi'| (orthogonal: without -1/2)."""
        nodes, weights = np.polynomial.legendre.leggauss(24)
        for ensemble, offset in (("ginibre", -0.5), ("orthogonal", 0.0)):
            for name in ("tanh", "softsign", "gelu", "sin"):
                with self.subTest(name, ensemble=ensemble):
                    activation = theory.find_activation(name)
                    end = theory.parametric_spectrum(name, 1.4, 0.8, np.array([1.0]), ensemble)
                    u, share = 0.5 * end.index[0] * (1 + nodes), 0.5 * end.index[0] * weights
                    integral = share @ theory.lyapunov_exponents(name, 1.4, 0.8, u, ensemble)
                    self.assertAlmostEqual(integral, end.partial_sum[0], delta=1e-7)  # smooth: 24 nodes are plenty
                    whole = theory.parametric_spectrum(name, 1.4, 0.8, np.array([600.0]), ensemble)
                    log_slope = theory.gaussian_average(name, activation.log_slope, 0.8, with_spikes=True)
                    expected = np.log(1.4) + offset + float(log_slope.value)
                    tolerance = 1e-3 if activation.flat_points else 1e-6  # u tends to 1 like w^(-1/2) there
                    self.assertAlmostEqual(whole.partial_sum[0], expected, delta=tolerance)

    def test_relu(self) -> None:
        """exp(2 lambda) = g^2 (p - u), orthogonal (p - u)/(1 - u); the identity is p = 1: the general form gives both."""
        u = np.array([0.01, 0.2, 0.45, 0.6, 0.99])
        for name, active in (("relu", 0.5), ("identity", 1.0)):
            for ensemble in ("ginibre", "orthogonal"):
                with self.subTest(name, ensemble=ensemble):
                    found = theory.lyapunov_exponents(name, 1.3, 2.0, u, ensemble)
                    np.testing.assert_allclose(found, theory.relu_exponents(1.3, u, active, ensemble), atol=1e-9)
        # The weights of the nodes are summed in an order that the CPU chooses: 2^-53 times their number of some hundreds.
        self.assertAlmostEqual(theory.finite_fraction("relu", 1.0), 0.5, delta=1e-13)
        self.assertAlmostEqual(theory.finite_fraction("hard_tanh", 2.0), erf(0.5), delta=1e-12)
        # States that run away: gelu is relu then, of slope 1/sup phi'.
        summary = theory.summarize_spectrum("gelu", 2.0, start=1e12)
        slope = theory.find_activation("gelu").largest_slope
        self.assertAlmostEqual(summary.largest_exponent, np.log(2 / slope) - 0.5 * np.log(2), delta=1e-10)
        self.assertAlmostEqual(summary.finite_fraction, 0.5, delta=1e-12)

    def test_against_a_network(self) -> None:
        """The exponents of one network, d = 120, by QR along its trajectory, ginibre and orthogonal: the upper nine tenths
        within .1, for q of a finite network fluctuates by 1/sqrt(d). Without the factor 1 - u orthogonal W would be off by
        .35 at the middle."""
        d = 120
        u = (np.arange(d) + 0.5) / d
        for ensemble in ("ginibre", "orthogonal"):
            random = np.random.default_rng(3)
            weights = random.standard_normal((d, d)) / np.sqrt(d)
            weights = 2.0 * (np.linalg.qr(weights)[0] if ensemble == "orthogonal" else weights)
            x, basis, total, steps = random.standard_normal(d), np.eye(d), np.zeros(d), 200
            for step in range(-60, steps):
                slope = 1 - np.tanh(x) ** 2
                x = weights @ np.tanh(x)
                basis, r = np.linalg.qr(weights @ (slope[:, np.newaxis] * basis))
                total += np.log(np.abs(np.diag(r))) if step >= 0 else 0.0
            expected = theory.lyapunov_exponents("tanh", 2.0, theory.state_variance("tanh", 2.0), u, ensemble)
            upper = slice(0, int(0.9 * d))
            np.testing.assert_allclose(total[upper] / steps, expected[upper], atol=0.1, err_msg=ensemble)


class Products(unittest.TestCase):
    def test_newman(self) -> None:
        """d = 1: E ln|z| = -(gamma + ln 2)/2 and variance pi^2/8; large d: the quarter-circle law; a product of 3 x 3
        matrices: exponents within three of the theory's standard errors."""
        self.assertAlmostEqual(theory.newman_exponents(1)[0], -0.5 * (np.euler_gamma + np.log(2)), delta=1e-14)
        self.assertAlmostEqual(theory.newman_variance(1, 1)[0], np.pi**2 / 8, delta=1e-14)
        u = (np.arange(1, 1001) - 0.5) / 1000
        np.testing.assert_allclose(theory.newman_exponents(1000, 1.5), theory.relu_exponents(1.5, u, 1.0), atol=0.3)
        np.testing.assert_allclose(  # 1/d of the largest, more where few are left below
            theory.newman_exponents(1000, 1.5)[:900], theory.relu_exponents(1.5, u, 1.0)[:900], atol=1e-2
        )
        random, d, lag = np.random.default_rng(2), 3, 4000
        basis, total = np.eye(d), np.zeros(d)
        for _ in range(lag):
            basis, r = np.linalg.qr(random.standard_normal((d, d)) / np.sqrt(d) * 0.8 @ basis)
            total += np.log(np.abs(np.diag(r)))
        deviations = (total / lag - theory.newman_exponents(d, 0.8)) / np.sqrt(theory.newman_variance(d, lag))
        self.assertLess(np.abs(deviations).max(), 3.0)

    def test_fixed_vector(self) -> None:
        """ln ||J_l v|| is a sum of l independent terms 0.5 ln(chi^2_d sigma^2): mean and variance of 4000 of them within
        three standard errors (of the variance: sqrt(2/n), twice that for its tails)."""
        d, lag, gain, count = 5, 3, 1.2, 4000
        norms = np.random.default_rng(4).chisquare(d, (count, lag)) * gain**2 / d
        logarithms = 0.5 * np.log(norms).sum(axis=1)
        mean, variance = theory.log_vector_growth(d, lag, gain)
        self.assertLess(abs(logarithms.mean() - mean), 3 * np.sqrt(variance / count))
        self.assertLess(abs(logarithms.var() / variance - 1), 6 * np.sqrt(2 / count))

    def test_frobenius_moments(self) -> None:
        """Independent factors d^(l+1) sigma^(2l); powers of one matrix d^3 + 2 d, d^4 + 10 d^2 + 4 d; relu (g^2/2)^l d.
        Means of 40000 small matrices within four of their standard errors."""
        d, gain, count = 4, 1.1, 40000
        random = np.random.default_rng(5)
        w = random.standard_normal((3, count, d, d)) * gain / np.sqrt(d)
        products = {
            "independent, l = 3": (w[0] @ w[1] @ w[2], np.exp(theory.log_frobenius_moment(d, 3, gain))),
            "relu, l = 2": (
                w[0] @ ((random.standard_normal((count, d)) > 0)[:, :, np.newaxis] * w[1])
                * (random.standard_normal((count, d)) > 0)[:, np.newaxis, :],
                np.exp(theory.log_frobenius_moment(d, 2, gain, 0.5)),
            ),
            "W^2": (w[0] @ w[0], theory.power_frobenius_moment(d, 2, gain)),
            "W^3": (w[0] @ w[0] @ w[0], theory.power_frobenius_moment(d, 3, gain)),
        }  # fmt: skip
        for name, (matrices, expected) in products.items():
            with self.subTest(name):
                squares = (matrices**2).sum(axis=(1, 2))
                self.assertLess(abs(squares.mean() - expected), 4 * squares.std() / np.sqrt(count))

    def test_edges_of_powers(self) -> None:
        """||W^l||_2 at d = 2000, measured: 1.993, 2.605, 3.481 at l = 1, 2, 4 beside 2, 2.598, 3.494: the theory's to the
        digits printed, and 1% from the measured."""
        for lag, edge, measured in ((1, 2.0, 1.993), (2, 2.598, 2.605), (4, 3.494, 3.481)):
            found = float(np.exp(theory.log_power_norm(lag)))
            self.assertAlmostEqual(found, edge, delta=6e-4)
            self.assertAlmostEqual(found / measured, 1.0, delta=0.01)
            self.assertAlmostEqual(theory.power_bound_slack(lag), np.log(2.0**lag / edge), delta=2e-4)
        self.assertAlmostEqual(theory.log_power_norm(2, 0.5), np.log(2.598 / 4), delta=2e-4)

    def test_fuss_catalan(self) -> None:
        """Moments 2 and 3 of powers l = 2, 3, 4: 3, 12; 4, 22; 5, 35; the density has them, and is that of Marchenko and
        Pastur at l = 1. The integral runs over t with x = edge sin(t)^2: smooth at the edge; the density's singularity
        x^(-l/(l + 1)) at 0 takes x = y^(l + 1) besides."""
        for lag, second, third in ((2, 3, 12), (3, 4, 22), (4, 5, 35)):
            self.assertEqual(theory.fuss_catalan_moment(lag, 2), second)
            self.assertEqual(theory.fuss_catalan_moment(lag, 3), third)
        y, weights = np.polynomial.legendre.leggauss(400)
        y, weights = 0.5 * (1 - np.cos(0.5 * np.pi * (y + 1))), weights * 0.25 * np.pi * np.sin(0.5 * np.pi * (y + 1))
        for lag in (1, 2, 3, 4):
            edge = float(theory.fuss_catalan_edge(lag))
            x, jacobian = edge * y ** (lag + 1), edge * (lag + 1) * y**lag
            density = theory.fuss_catalan_density(lag, x)
            for order in range(4):
                moment = np.sum(weights * jacobian * density * x**order)
                self.assertAlmostEqual(moment / theory.fuss_catalan_moment(lag, order), 1.0, delta=1e-8)
        x = np.array([-1.0, 0.0, 0.1, 1.0, 3.9, 4.0, 5.0])
        expected = np.where((x > 0) & (x < 4), np.sqrt(np.abs(x * (4 - x))) / (2 * np.pi * np.where(x, x, 1)), 0.0)
        np.testing.assert_allclose(theory.fuss_catalan_density(1, x), expected, rtol=1e-10)

    def test_isometry(self) -> None:
        """tanh, g = 1.1, l = 4: measured .1949 (orthogonal) and 4.32 (ginibre), which finite size keeps 3% above the
        theory; and l - 1 + 1 of the identity with ginibre W: the second Fuss-Catalan moment."""
        q = theory.state_variance("tanh", 1.1)
        self.assertAlmostEqual(theory.isometry("tanh", q, 4, "orthogonal") / 0.1949, 1.0, delta=0.04)
        self.assertAlmostEqual(theory.isometry("tanh", q, 4) / 4.32, 1.0, delta=0.04)
        self.assertAlmostEqual(theory.isometry("identity", 1.0, 3), theory.fuss_catalan_moment(3, 2) - 1, delta=1e-12)
        self.assertAlmostEqual(theory.isometry("identity", 1.0, 3, "orthogonal"), 0.0, delta=1e-12)

    def test_refusals(self) -> None:
        for call in (
            lambda: theory.isometry("tanh", 1.0, 1, "symmetric"),
            lambda: theory.lyapunov_exponents("tanh", 1.0, 1.0, np.array([0.5]), "elliptic"),
            lambda: theory.power_frobenius_moment(4, 5),
            lambda: theory.state_variance("tanh", -1.0),
        ):
            self.assertRaises(ValueError, call)


class Import(unittest.TestCase):
    def test_needs_no_more_than_numpy_and_scipy(self) -> None:
        code = "import sys; import gradsweep.theory; sys.exit(' '.join({'h5py', 'xarray', 'matplotlib'} & set(sys.modules)))"
        ended = subprocess.run([sys.executable, "-c", code], cwd=ANALYSIS, capture_output=True, text=True)
        self.assertEqual(ended.stderr.strip(), "")


if __name__ == "__main__":
    unittest.main()
