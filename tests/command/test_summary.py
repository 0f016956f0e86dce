"""The measure `summary` against NumPy: half-lives, peaks, participation ratios and conditions out of the other datasets."""

import numpy as np

import command
from command import CommandTest, gradsweep, read

DATASETS = ("half_life", "peak_lag", "log_peak_norm", "participation_ratio", "log_condition")
# Vanishing, transient growth, explosion, exact zeros (chain), saturated units; dense lags and sparse ones.
SWEEP = """\
weights: {ensemble: [ginibre, {kind: nonnormal, departure: 4}, {kind: chain, coupling: 0.8}], replicas: 2}
model: {activation: [identity, tanh, relu], warmup: 12}
grid: {hidden_size: [1, 6], spectral_radius: native, gamma: [0.2, 0.9, 1.4], lag: [1, 2, 3, 4, 8, 16, 40]}
measure: [gradient, singular_values, summary]
"""


def half_life(lags, norms):
    """The smallest lag beyond which the curve through (0, 0) and the measured points is below ln 1/2."""
    above = [i for i, norm in enumerate(norms) if norm >= np.log(0.5)]
    if above and above[-1] == len(lags) - 1:
        return np.nan
    if not above:
        return float(lags[0]) if np.isneginf(norms[0]) else np.interp(np.log(2), [0, -norms[0]], [0, lags[0]])
    i = above[-1]
    if np.isneginf(norms[i + 1]):
        return float(lags[i + 1])
    return np.exp(np.interp(np.log(2), [-norms[i], -norms[i + 1]], np.log(lags[i:i + 2])))


def participation(log_values):
    values = np.exp(log_values[~np.isnan(log_values)].astype(np.longdouble))
    return float(values.sum()**2 / (values**2).sum()) if values.any() else np.nan


def log_condition(log_values):
    finite = log_values[np.isfinite(log_values)]
    return finite.max() - finite.min() if len(finite) else np.nan


class Summary(CommandTest):
    def test_all_of_it_against_numpy(self):
        results = read(self.undisturbed(self.sweep(SWEEP)))
        lags = results["lag"]
        self.assertTrue((results["status"] == command.DONE).all())
        norms, contributions = results["log_jacobian_norm"], results["log_contribution"]
        expected = {
            "half_life": np.apply_along_axis(lambda values: half_life(lags, values), -1, norms),
            "peak_lag": lags[norms.argmax(axis=-1)], "log_peak_norm": norms.max(axis=-1),
            "participation_ratio": np.apply_along_axis(participation, -1, contributions),
            "log_condition": np.apply_along_axis(log_condition, -1, results["log_singular_value"])}
        for name, values in expected.items():
            np.testing.assert_allclose(results[name], values, rtol=1e-12, atol=1e-12, err_msg=name)
        # All kinds of cells are there: reached early, between lags, at an exact zero, never; and transient growth.
        life = results["half_life"]
        self.assertTrue((life < 1).any() and (life > 8).any() and np.isin(life, [1.0, 8.0]).any() and np.isnan(life).any())
        self.assertTrue(((results["peak_lag"] > 1) & ~np.isnan(life)).any())
        self.assertTrue((results["log_condition"] == 0).any() and np.isnan(results["log_condition"]).any())
        ratio = results["participation_ratio"][~np.isnan(results["participation_ratio"])]
        self.assertTrue(1 <= ratio.min() < 2 and 6 < ratio.max() <= len(lags) * (1 + 1e-12))  # sums of squares round

    def test_what_is_not_measured_is_nan_and_the_rest_the_same(self):
        whole = read(self.undisturbed(self.sweep(SWEEP)))
        alone = self.run_sweep(self.sweep(SWEEP.replace("gradient, singular_values, ", ""), "alone.yaml"), "alone.h5")
        results = read(alone)
        for name in ("half_life", "peak_lag", "log_peak_norm"):
            np.testing.assert_array_equal(results[name], whole[name], name)
        for name in ("participation_ratio", "log_condition"):
            self.assertTrue(np.isnan(results[name]).all(), name)
        self.assertEqual(gradsweep("check", alone).returncode, 0)

    def test_the_check_and_the_attributes(self):
        path = self.undisturbed(self.sweep(SWEEP))
        ended = gradsweep("check", path)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        for rule in ("half_life, peak_lag and log_peak_norm are those of the norms",
                     "participation_ratio is that of the contributions", "log_condition is that of the singular values"):
            self.assertRegex(ended.stdout, rule)
        with command.h5py.File(path) as file:
            self.assertEqual([file[name].attrs["units"] for name in DATASETS], ["step", "step", "1", "1", "1"])
            for name in DATASETS:
                self.assertGreater(len(file[name].attrs["long_name"]), 40)  # formula, and where it is NaN

    def test_ranks(self):
        sweep = self.sweep(SWEEP)
        self.assert_same_results(self.run_sweep(sweep, "two.h5", ranks=2), self.undisturbed(sweep))


if __name__ == "__main__":
    command.main()
