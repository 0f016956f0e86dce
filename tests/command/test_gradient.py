"""Gradients and contribution maps from sweep file to results file."""
# ctest: LABELS quick

import math

import numpy as np

import command
from command import CommandTest, gradsweep, read


class Gradients(CommandTest):
    SWEEP = """\
weights: {ensemble: [ginibre, symmetric], replicas: 2}
model:
  activation: [identity, tanh, relu]
  input: {kind: sine, size: 2}
  bias: {kind: gaussian, scale: 0.1}
  loss: {kind: cross_entropy, classes: 4}
  warmup: 20
grid: {hidden_size: [1, 12], spectral_radius: [0.6, 1.2], gamma: [0.5, 1], lag: [1, 2, 3, 30]}
measure: [gradient, {contribution_map: {steps: 6}}]
"""
    STEPS = 6

    def test_the_last_row_of_the_map_is_the_gradient(self):
        data = read(self.run_sweep(self.sweep(self.SWEEP), "out.h5"))
        self.assertTrue((data["status"] == command.DONE).all())
        np.testing.assert_array_equal(data["step"], np.arange(45, 51))
        cells = data["status"].shape
        self.assertEqual(data["log_step_gradient_norm"].shape, cells + (self.STEPS,))
        self.assertEqual(data["log_contribution_map"].shape, cells + (self.STEPS, 4))
        np.testing.assert_array_equal(data["log_step_gradient_norm"][..., -1], data["log_gradient_norm"])
        np.testing.assert_array_equal(data["log_contribution_map"][..., -1, :], data["log_contribution"])
        self.assertFalse(np.isnan(data["log_total_gradient_norm"]).any())
        self.assertEqual(gradsweep("check", self.path("out.h5")).returncode, 0)

    def test_bits_do_not_depend_on_ranks(self):
        sweep = self.sweep(self.SWEEP)
        reference = self.run_sweep(sweep, "one.h5")
        for ranks in (2, 3):
            self.assert_same_results(self.run_sweep(sweep, f"{ranks}.h5", ranks=ranks), reference)

    def test_stopped_and_resumed(self):
        """One damaged cell is computed anew, alone, to the same bits."""
        sweep = self.sweep(self.SWEEP)
        reference = self.run_sweep(sweep, "reference.h5")
        path = self.run_sweep(sweep, "damaged.h5")
        with command.h5py.File(path, "r+") as file:
            file["log_contribution_map"][1, 0, 1, 0, 1, 1, 2, 0] = 7.0
            file["log_gradient_norm"][2, 1, 1, 1, 0, 0] = math.nan
        self.run_sweep(sweep, "damaged.h5", "--resume")
        ours, theirs = read(path), read(reference)
        for name in theirs:
            if name not in command.MAY_DIFFER:
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)

    def test_one_unit_by_hand(self):
        """For identity and d = 1, x_t = (W gamma)^t x_0: all logarithms are known."""
        text = """\
weights: {ensemble: ginibre}
model: {activation: identity, loss: squared, warmup: 0, steps: 9}
grid: {hidden_size: 1, spectral_radius: 0.9, gamma: 0.8, lag: [1, 4, 8, 9]}
measure: [gradient]
"""
        data = read(self.run_sweep(self.sweep(text), "out.h5"))
        growth = 0.72  # |W| gamma: e_l = growth^l x_9
        errors = data["log_error_norm"].ravel() - data["log_initial_error_norm"].ravel()
        np.testing.assert_allclose(errors, np.array([1, 4, 8, 9]) * math.log(growth), rtol=1e-13)
        # C_k = growth^(9-k) x_9 gamma x_(k-1), all of one size: nothing cancels, and they are nine.
        contributions = data["log_contribution"].ravel()
        self.assertTrue(np.isnan(contributions[3]))
        np.testing.assert_allclose(contributions[:3], contributions[0], rtol=1e-13)
        np.testing.assert_allclose(data["log_gradient_norm"].ravel(), contributions[0] + math.log(9), rtol=1e-13)
        np.testing.assert_allclose(data["cancellation"], 1, rtol=1e-13)


if __name__ == "__main__":
    command.main()
