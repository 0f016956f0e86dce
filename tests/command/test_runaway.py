"""States that run away far beyond what doubles hold, e^1300 and more: relu and leaky_relu are homogeneous, so that their
Jacobians are those of the same trajectory kept at length 1; smooth activations are finite there."""

import command
import h5py
import numpy as np
from command import DONE, CommandTest, read

D, GAMMA, WARMUP, LAGS = 8, 20.0, 400, [1, 50]
SLOPES = {"relu": 0.0, "leaky_relu": 0.01}  # below 0
SMOOTH = ["elu", "gelu", "silu"]
TOLERANCE = 1e-10  # that of the sweep; LAGS[-1] d u, the rounding of both computations, is 1e-13


def log_norms(w, x, slope):
    derivatives = []
    for _ in range(WARMUP + LAGS[-1]):
        derivatives.append(GAMMA * np.where(x > 0, 1.0, slope))
        x = w @ (derivatives[-1] * x)
        x = x / np.linalg.norm(x)
    for lag in LAGS:
        product, scale = np.eye(D), 0.0
        for derivative in derivatives[-lag:]:
            product = (w * derivative) @ product
            size = np.linalg.norm(product)
            product, scale = product / size, scale + np.log(size)
        yield scale + np.log(np.linalg.norm(product, 2))


class Runaway(CommandTest):
    def test_homogeneous_activations(self):
        chance = np.random.default_rng(2013)
        w, x = chance.standard_normal((D, D)) / np.sqrt(D), chance.standard_normal(D)
        with h5py.File(self.path("network.h5"), "w") as file:
            file["W"], file["x0"] = w, x
        text = self.sweep("weights: {ensemble: [{kind: file, path: network.h5}]}\n"
                          f"model: {{activation: [{', '.join([*SLOPES, *SMOOTH])}], warmup: {WARMUP}}}\n"
                          f"grid: {{hidden_size: {D}, spectral_radius: native, gamma: {GAMMA}, lag: {LAGS}}}\n")
        results = read(self.run_sweep(text, "out.h5"))
        self.assertEqual(set(results["status"].ravel()), {DONE})
        found = results["log_jacobian_norm"].reshape(-1, len(LAGS))
        self.assertTrue(np.all(np.isfinite(found)))
        for number, slope in enumerate(SLOPES.values()):
            np.testing.assert_allclose(found[number], list(log_norms(w, x, slope)), rtol=0, atol=TOLERANCE)


if __name__ == "__main__":
    command.main()
