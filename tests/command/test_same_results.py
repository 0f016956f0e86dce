"""The same bits on any number of ranks and over any transport, after damage, and whatever else a grid holds."""

import json
import re
import shutil

import numpy as np

import command
import sweeps
from command import CommandTest, gradsweep, h5py, read


class RanksTest(CommandTest):
    def check_ranks(self, text, exit_code, settings):
        """One rank without a launcher is the reference; `settings`: (ranks, over TCP)."""
        sweep = self.sweep(text)
        reference = self.undisturbed(sweep, exit_code)
        for ranks, tcp in settings:
            with self.subTest(ranks=ranks, tcp=tcp):
                path = self.run_sweep(sweep, f"{ranks}-{tcp}.h5", exit_code=exit_code, ranks=ranks, tcp=tcp)
                self.assert_same_results(path, reference)
        return reference


class SameResults(RanksTest):
    """On some numbers of ranks; test_same_bits.py takes them all."""

    def test_everything_in_shared_memory_and_over_tcp(self):
        data = read(self.check_ranks(sweeps.EVERYTHING, 1, ((5, False), (2, True))))
        self.assertEqual(sorted(np.unique(data["status"])), [command.DONE, command.FAILED])
        self.assertEqual(sorted(np.unique(data["method"])), [command.EXPLICIT, 255])

    def test_every_method(self):
        data = read(self.check_ranks(sweeps.METHODS, 0, ((3, False),)))
        self.assertEqual(sorted(np.unique(data["method"])), [command.EXPLICIT, command.IMPLICIT, command.CLOSED_FORM])
        self.assertTrue((data["status"] == command.DONE).all())

    def test_native_weights(self):
        data = read(self.check_ranks(sweeps.NATIVE, 0, ((2, False),)))
        self.assertTrue(np.isnan(data["spectral_radius"]).all())
        self.assertTrue((data["status"] == command.DONE).all())

    def test_another_seed_is_another_draw(self):
        sweep = self.sweep(sweeps.METHODS)
        first = read(self.undisturbed(sweep))
        second = read(self.run_sweep(sweep, "second.h5", "--set", "seed=1"))
        different = first["weight_norm"] != second["weight_norm"]
        self.assertTrue(different[0].all())  # ginibre
        self.assertFalse(different[1].any())  # orthogonal: 1

    def test_growing_axes_keep_every_number(self):
        sweep = self.sweep(sweeps.METHODS)
        small = read(self.undisturbed(sweep))
        grown = ["weights.ensemble=[cycle,ginibre,uniform,orthogonal,{kind: nonnormal, departure: 2}]",
                 "grid.spectral_radius=[0.3,0.8,1,1.2]", "grid.gamma=[0.6,0.7,1]", "grid.hidden_size=[5,6,64,96]",
                 "weights.replicas=3", "model.activation=[relu,identity,tanh]"]
        large = read(self.run_sweep(sweep, "large.h5", *[option for key in grown for option in ("--set", key)]))
        chosen = np.ix_([1, 2, 0], [1, 3, 4], [0, 2, 3], [0, 1], [1, 3], [0, 2])
        for name in ("log_jacobian_norm", "log_norm_bound", "bound_check", "growth_rate", "vanishing_guaranteed"):
            np.testing.assert_array_equal(large[name][chosen], small[name], err_msg=name)
        np.testing.assert_array_equal(large["weight_norm"][np.ix_([1, 3, 4], [0, 2, 3], [0, 1])], small["weight_norm"])


class Damage(CommandTest):
    def test_damaged_cells_are_found_and_computed_again(self):
        sweep = self.sweep(sweeps.EVERYTHING)
        reference = self.undisturbed(sweep, exit_code=1)
        path = self.path("damaged.h5")
        shutil.copy(reference, path)
        names = ["log_jacobian_norm", "log_norm_bound", "bound_check", "growth_rate", "log_frobenius_norm", "checksum",
                 "status"]
        random = np.random.default_rng(1)
        with h5py.File(path, "r+") as file:
            status = file["status"][...]
            cells = random.choice(np.flatnonzero(status == command.DONE), size=len(names), replace=False)
            for name, cell in zip(names, cells):
                values = file[name][...]
                value = values.reshape(status.size, -1)[cell, :1]
                value.view(np.uint8)[random.integers(value.nbytes)] ^= 1 << random.integers(1, 8)
                file[name][...] = values
            self.damage_weights(file, cells)
        self.assertNotEqual(command.same_bits(path), command.same_bits(reference))
        before = gradsweep("check", path)
        self.assertEqual(before.returncode, 3)
        self.assertRegex(before.stdout, r"\b7 damaged")
        for ranks in (2, None):
            copy = self.path(f"{ranks}.h5")
            shutil.copy(path, copy)
            ended = gradsweep("run", sweep, "-o", copy, "--resume", "--progress", "json", ranks=ranks)
            self.assertEqual(ended.returncode, 1, ended.stderr)
            self.assert_same_results(copy, reference)
            self.assertRegex(gradsweep("check", copy).stdout, r" 0 damaged")
            told = json.loads(re.findall(r"^{.*}$", ended.stderr, re.MULTILINE)[-1])
            self.assertEqual(told["done"], np.count_nonzero(read(copy)["status"] == command.DONE))
            self.assertEqual(told["done"] + told["failed"], told["cells"])

    def damage_weights(self, file, cells):
        """Half as much again for the norms of the networks of these cells: no checksum covers them, yet the bounds that are
        computed again must not come from them."""
        norms = file["weight_norm"][...]
        for cell in cells:
            norms[np.unravel_index(cell, file["status"].shape)[1:4]] *= 1.5
        file["weight_norm"][...] = norms


if __name__ == "__main__":
    command.main()
