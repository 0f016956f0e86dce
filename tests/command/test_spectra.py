"""Eigenvalues, expansions and singular values, asked for in sweep files and read from results files."""

import shutil

import numpy as np

import command
from command import CommandTest, gradsweep, h5py, read

SWEEP = """\
weights: {ensemble: [ginibre, cycle, orthogonal, {kind: nonnormal, departure: 1}], replicas: 2}
model: {activation: [identity, tanh]}
grid: {hidden_size: [3, 8], spectral_radius: [0.5, 1.5], gamma: [0.5, 1], lag: {log2: 64}}
measure: [expansion, singular_values]
"""
UNIT_ROUNDOFF = 2.0 ** -53


class Spectra(CommandTest):
    def setUp(self):
        super().setUp()
        self.text = self.sweep(SWEEP)

    def test_eigenvalues(self):
        """By descending modulus, the largest of which is the radius; pairs beside each other, +im first."""
        data = read(self.run_sweep(self.text, "out.h5"))
        self.assertTrue((data["status"] == command.DONE).all())
        values = data["eigenvalue_re"] + 1j * data["eigenvalue_im"]
        self.assertTrue(np.isnan(values[:, 0, :, 3:]).all(), "beyond the hidden size")
        for ensemble, size, replica in np.ndindex(values.shape[:3]):
            d = data["hidden_size"][size]
            own = values[ensemble, size, replica, :d]
            self.assertFalse(np.isnan(own).any())
            moduli = np.abs(own)
            self.assertTrue((np.diff(moduli) <= 4 * UNIT_ROUNDOFF * moduli[0]).all())
            # The radius comes from another call of the same routine: d u of W's norm, for these conditions.
            self.assertLess(abs(moduli[0] - data["weight_spectral_radius"][ensemble, size, replica]), 1e-13)
            first = np.flatnonzero(own.imag > 0)
            self.assertTrue((own[first + 1] == own[first].conj()).all())
            self.assertEqual(2 * len(first), np.count_nonzero(own.imag))
            if ensemble == 1:  # the cycle: the roots of unity
                self.assertLess(np.abs(own ** d - 1).max(), 1e-13)
            if ensemble == 2:
                self.assertLess(np.abs(moduli - 1).max(), 1e-14)

    def test_expansions(self):
        """The sum is the error to cond u d l; tanh has none."""
        data = read(self.run_sweep(self.text, "out.h5"))
        residual, condition = data["expansion_residual"], data["eigenbasis_condition"]
        d = data["hidden_size"][:, None, None, None, None]
        allowed = 4 * UNIT_ROUNDOFF * condition[..., None] * d * (data["lag"] + 1)
        self.assertTrue((residual[0] <= allowed[0]).all())
        self.assertTrue((condition[0] >= 1 - 1e-14).all())
        self.assertLess(np.abs(condition[0, 1:3] - 1).max(), 1e-12, "normal weights")
        for name in ("expansion_residual", "log_expansion_norm", "log_expansion_coefficient", "eigenbasis_condition"):
            self.assertTrue(np.isnan(data[name][1]).all(), name)

    def test_singular_values(self):
        """Descending; the largest is the norm; their number is the hidden size."""
        data = read(self.run_sweep(self.text, "out.h5"))
        values = data["log_singular_value"]
        self.assertTrue(np.isnan(values[:, :, 0, ..., 3:]).all())
        self.assertFalse(np.isnan(values[:, :, 1]).any())
        self.assertTrue((np.diff(values[:, :, 1], axis=-1) <= 0).all())
        self.assertLess(np.abs(values[..., 0] - data["log_jacobian_norm"]).max(), 1e-10)

    def test_same_on_any_ranks(self):
        alone = self.run_sweep(self.text, "alone.h5")
        self.assert_same_results(self.run_sweep(self.text, "three.h5", ranks=3), alone)

    def test_missing_eigenvalues_are_found_again(self):
        whole = self.run_sweep(self.text, "whole.h5")
        damaged = self.path("damaged.h5")
        shutil.copyfile(whole, damaged)
        with h5py.File(damaged, "r+") as file:
            file["eigenvalue_re"][0, 1, 1] = np.nan
            file["eigenvalue_im"][2, 0, 0] = np.nan
            file["status"][0, 0] = command.PENDING
        self.run_sweep(self.text, "damaged.h5", "--resume")
        self.assert_same_results(damaged, whole)

    def test_defective_weights(self):
        """A single superdiagonal has one eigenvalue, 0, and one eigenvector: told by the condition, in a run that ends
        well."""
        data = read(self.run_sweep(self.text, "out.h5", "--set", "weights.ensemble=chain", "--set",
                                   "grid.spectral_radius=native"))
        self.assertTrue((data["status"] == command.DONE).all())
        self.assertTrue((data["eigenbasis_condition"][0] * UNIT_ROUNDOFF > 1).all())
        self.assertTrue(np.isnan(data["expansion_residual"]).all())
        self.assertTrue((np.abs(data["eigenvalue_re"][:, 1]) < 1e-100).all())
        finite = np.isfinite(data["log_singular_value"][0, 0, 1, 0, 0, 0]).sum(axis=-1)
        self.assertEqual(list(finite), [max(0, 8 - lag) for lag in data["lag"]])

    def test_refusals(self):
        cases = [
            ("model.activation=tanh", "4:11: error: measure: expansion .* identity"),
            ("weights.ensemble=untied", '4:11: error: measure: expansion .* "untied" draws'),
            ("numerics.distribute_from=8", "4:11: error: measure: expansion .*distribute_from.* 9 or more"),
            ("numerics.distribute_from=8", "4:22: error: measure: singular_values .*distribute_from.* 9 or more"),
        ]
        for override, pattern in cases:
            ended = gradsweep("run", self.text, "-o", self.path("out.h5"), "--set", override)
            self.assert_error(ended, 2, pattern)


if __name__ == "__main__":
    command.main()
