"""Cells whose spectral radius times gamma is one number are copies of one chain, whatever is measured; d eps/dW and its
contributions have gamma besides, as a factor."""

import gzip
import itertools
from pathlib import Path

import numpy as np

import command
from command import DONE, PENDING, CommandTest, gradsweep, h5py, read

BEFORE = Path(__file__).resolve().parents[1] / "before_coupling"  # made by the last program that wrote no `coupling`
RADII, GAMMAS = [0.3, 0.6, 1.2], [0.25, 0.5, 1.0]
WITH_GAMMA = {"log_contribution", "log_contribution_map", "log_gradient_norm", "log_total_gradient_norm",
              "log_step_gradient_norm"}
SWEEP = """\
weights: {ensemble: [ginibre, untied], replicas: 2}
model: {activation: [identity, tanh, relu], input: {kind: gaussian, size: 2, scale: 0.3}, bias: {kind: gaussian}}
grid: {hidden_size: [3, 18], spectral_radius: [0.3, 0.6, 1.2], gamma: [0.25, 0.5, 1], lag: [1, 3, 16]}
measure: [frobenius_norm, step_bound, singular_values]
"""


class Couplings(CommandTest):
    def require_copies(self, data):
        coupling = data["coupling"]
        np.testing.assert_array_equal(coupling, [[float(f"{radius * gamma:.12g}") for gamma in GAMMAS] for radius in RADII])
        self.assertEqual(len(np.unique(coupling)), 5)
        places, copies = list(itertools.product(range(len(RADII)), range(len(GAMMAS)))), 0
        for name, values in data.items():
            if values.shape[:6] != data["status"].shape or name in command.MAY_DIFFER | {"checksum"}:
                continue
            for a, b in itertools.combinations(places, 2):
                if coupling[a] != coupling[b]:
                    continue
                one, other = values[:, :, :, :, a[0], a[1]], values[:, :, :, :, b[0], b[1]]
                if name in WITH_GAMMA:  # one rounding of a logarithm of size 100 at most
                    with np.errstate(invalid="ignore"):
                        differences = other - one
                    self.assertTrue(np.isfinite(differences).any(), name)
                    np.testing.assert_allclose(differences[np.isfinite(differences)],
                                               np.log(GAMMAS[b[1]] / GAMMAS[a[1]]), atol=1e-13, err_msg=name)
                else:
                    self.assertEqual(one.tobytes(), other.tobytes(), name)
                copies += 1
        self.assertGreater(copies, 60)

    def test_cells_of_one_coupling_are_copies(self):
        sweep = self.sweep(SWEEP)
        self.require_copies(read(self.run_sweep(sweep, "out.h5")))
        tied = SWEEP.replace("[ginibre, untied]", "ginibre").replace("singular_values", "gradient, {contribution_map: {steps: 3}}")
        self.require_copies(read(self.run_sweep(self.sweep(tied, "tied.yaml"), "tied.h5")))

    def test_a_chain_is_computed_anew_for_the_cells_that_lack_it(self):
        """To the same bits, whichever cells of it are there: in units of one chain on resuming, extending and in shards."""
        sweep = self.sweep(SWEEP)
        whole = self.run_sweep(sweep, "whole.h5")
        partial = self.run_sweep(sweep, "partial.h5")
        with h5py.File(partial, "r+") as file:
            status = file["status"][...]
            status[..., ::2, 1:] = PENDING
            file["status"][...] = status
        self.run_sweep(sweep, "partial.h5", "--resume")
        self.assert_same_results(partial, whole)
        small = self.run_sweep(sweep, "small.h5", "--set", "grid.spectral_radius=[0.6]", "--set", "grid.gamma=[0.5]")
        longer = self.path("longer.h5")
        self.assertEqual(gradsweep("extend", sweep, small, "-o", longer).returncode, 0)
        self.run_sweep(sweep, "longer.h5", "--resume")
        self.assert_same_results(longer, whole)
        shards = [self.run_sweep(sweep, f"shard{i}.h5", "--shard", f"{i}/3") for i in (1, 2, 3)]
        merged = self.path("merged.h5")
        self.assertEqual(gradsweep("merge", merged, *shards).returncode, 0)
        self.assert_same_results(merged, whole)

    def test_a_changed_coupling_is_found(self):
        out = self.run_sweep(self.sweep(SWEEP), "out.h5", "--set", "weights.replicas=1")
        with h5py.File(out, "r+") as file:
            file["coupling"][1, 2] *= 1 + 1e-15
        ended = gradsweep("check", out)
        self.assertEqual(ended.returncode, 3)
        self.assertIn("coupling is not that of the sweep: its value number 5", ended.stdout)

    def test_plan_counts_chains(self):
        told = gradsweep("plan", self.sweep(SWEEP)).stdout
        self.assertRegex(told, r"\ncells +216\nchains +120\n")


class BeforeCoupling(CommandTest):
    def setUp(self):
        super().setUp()
        self.old, self.old_sweep = self.path("partial.h5"), str(BEFORE / "sweep.yaml")
        Path(self.old).write_bytes(gzip.decompress((BEFORE / "partial.h5.gz").read_bytes()))

    def require_close(self, path):
        """Rounding of logarithms of at most some hundred, and of trajectories that are not chaotic."""
        new, found = read(self.new), read(path)
        self.assertTrue((found["status"] == DONE).all())
        for name in new.keys() - command.MAY_DIFFER - {"checksum", "coupling", "weight_checksum"}:
            if new[name].dtype.kind == "f":
                np.testing.assert_allclose(found[name], new[name], atol=1e-12, rtol=0, err_msg=name)

    def test_is_read_and_gone_on_with(self):
        self.assertNotIn("coupling", read(self.old))
        ended = gradsweep("check", self.old)
        self.assertEqual(ended.returncode, 3)
        self.assertRegex(ended.stderr, "16 cells pending, 0 failed, 0 wrong$")
        self.assertEqual(gradsweep("info", self.old).returncode, 0)
        extended = self.path("extended.h5")
        ended = gradsweep("extend", self.old_sweep, self.old, "-o", extended)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("right to rounding, and not the same to the bit", ended.stderr)
        self.new = self.run_sweep(self.old_sweep, "new.h5")
        for path in (self.old, extended):
            self.run_sweep(self.old_sweep, path, "--resume")
            self.assertEqual(gradsweep("check", path).returncode, 0)
            self.require_close(path)
        self.assertIn("coupling", read(extended))


if __name__ == "__main__":
    command.main()
