"""Shards of a sweep, merged, and files extended to longer axes: to the bit what one run gives."""

import os
import re
import shutil

import numpy as np

import command
from command import DONE, FAILED, CommandTest, crc32c, gradsweep, h5py, read

# Every shape of dataset (by cell, lag, step, index, and by weight), cells that fail, and units of both kinds.
SWEEP = """\
name: shards
weights: {ensemble: [ginibre, orthogonal, {kind: sparse, density: 0.1}], replicas: 2}
model: {activation: [identity, tanh], input: {kind: gaussian, size: 2}, warmup: 10}
grid: {hidden_size: [4, 9], spectral_radius: [0.7, 1.3], gamma: [0.3, 0.5, 0.7, 0.9, 1.1], lag: {log2: 16}}
measure: [frobenius_norm, gradient, {contribution_map: {steps: 4}}, expansion, singular_values,
          {lyapunov: {transient: 3, steps: 21, two_sided: true}}]
"""
# Enough work to be interrupted, on every axis that there is.
LONG = """\
weights: {ensemble: [ginibre, uniform, orthogonal], replicas: 4}
model:
  activation: [tanh, relu]
  input: {kind: gaussian, scale: [0.3, 1]}
  bias: {kind: gaussian, scale: [0.1, 0.5]}
  warmup: 50
  anchors: {count: 2, spacing: 8}
grid: {hidden_size: [24, 48], spectral_radius: 1.2, gamma: [0.4, 0.8], lag: {log2: 64}}
measure: [frobenius_norm, singular_values]
"""


class ShardTest(CommandTest):
    def run_shards(self, sweep, count, ranks=(None,), exit_codes=(0,)):
        """All shards, on numbers of ranks that take turns; their paths."""
        paths = [self.path(f"{number}-of-{count}.h5") for number in range(1, count + 1)]
        for number, path in enumerate(paths):
            ended = gradsweep("run", sweep, "-o", path, "--shard", f"{number + 1}/{count}", "--progress", "none",
                              ranks=ranks[number % len(ranks)])
            self.assertIn(ended.returncode, exit_codes, ended.stderr)
        return paths

    def merge(self, name, shards, exit_code=0):
        """The path of the merged file, and what was said."""
        ended = gradsweep("merge", self.path(name), *shards)
        self.assertEqual(ended.returncode, exit_code, ended.stderr)
        return self.path(name), ended.stderr

    def refuse(self, exit_code, arguments, *patterns):
        before = sorted(os.listdir(self.folder))
        self.assert_error(gradsweep(*arguments), exit_code, *patterns)
        self.assertEqual(sorted(os.listdir(self.folder)), before)


class Merge(ShardTest):
    def test_shards_of_any_ranks_make_the_whole(self):
        sweep = self.sweep(SWEEP)
        reference = self.undisturbed(sweep, exit_code=1)
        shards = self.run_shards(sweep, 4, ranks=(1, 2, 3, 5), exit_codes=(0, 1))
        merged, _ = self.merge("merged.h5", reversed(shards), exit_code=1)
        self.assert_same_results(merged, reference)
        rows = [row.tobytes().rstrip(b"\0").decode() for row in read(merged)["provenance"]]
        self.assertEqual([re.search(r'"shard": "(./4)"', row)[1] for row in rows if row],
                         ["4/4", "3/4", "2/4", "1/4"])
        self.check_parts(shards, reference)

    def check_parts(self, shards, reference):
        """Each cell in one shard, and nothing but its own cells counted or taking space."""
        whole = read(reference)["status"]
        parts = [read(shard)["status"] for shard in shards]
        np.testing.assert_array_equal(sum(parts), whole)
        self.assertTrue(((np.array(parts) > 0).sum(axis=0) == 1).all())
        for number, (shard, part) in enumerate(zip(shards, parts), 1):
            failed = np.count_nonzero(part == FAILED)
            checked = gradsweep("check", shard)
            self.assertEqual(checked.returncode, 3 if failed else 0, checked.stdout + checked.stderr)
            self.assertIn(f"shard {number}/4: {np.count_nonzero(part)} of {whole.size} cells\n", checked.stdout)
            self.assertIn(f"{np.count_nonzero(part == DONE)} done, {failed} failed, 0 pending, 0 damaged",
                          checked.stdout)
            self.assertNotRegex(checked.stdout, r"wrong cells: [1-9]")
            told = gradsweep("info", shard).stdout
            self.assertRegex(told, rf"{failed} failed, 0 pending")
            with h5py.File(shard) as file:
                self.assertEqual(file.attrs["shard"], f"{number}/4")

    def test_a_shard_takes_the_space_of_its_own_cells(self):
        text = SWEEP.replace("[0.3, 0.5, 0.7, 0.9, 1.1]", "{start: 0.1, stop: 1, num: 400}").replace("log2: 16", "log2: 4")
        sweep = self.sweep(text.replace("input: {kind: gaussian, size: 2}, warmup: 10", "warmup: 1"))
        ended = gradsweep("run", sweep, "-o", self.path("1.h5"), "--shard", "1/20", "--progress", "none")
        self.assertIn(ended.returncode, (0, 1), ended.stderr)
        state = os.stat(self.path("1.h5"))
        with h5py.File(self.path("1.h5")) as file:
            share = file.attrs["shard_cells"] / file["status"].size
        self.assertLess(share, 0.08)
        # Pages at both ends of each piece; 64 rows of provenance of 4096 bytes.
        self.assertLess(512 * state.st_blocks - (64 << 12), 0.5 * state.st_size)

    def test_what_is_missing_is_pending_and_resumed(self):
        sweep = self.sweep(SWEEP)
        reference = self.undisturbed(sweep, exit_code=1)
        shards = self.run_shards(sweep, 4, exit_codes=(0, 1))
        cells = [np.count_nonzero(read(shard)["status"]) for shard in shards]
        with h5py.File(shards[0], "r+") as file:  # a damaged cell
            cell = np.unravel_index(np.flatnonzero(file["status"][...])[3], file["status"].shape)
            file["log_jacobian_norm"][cell + (0,)] = 1.5
        merged, told = self.merge("merged.h5", [shards[0], shards[2], shards[2]], exit_code=75)
        pending = sum(cells) - cells[0] - cells[2] + 1
        self.assertIn(f"{pending} of {sum(cells)} cells pending; no file of shard 2/4, 4/4", told)
        self.assertIn(f"shard 1/4 lacks 1 of its {cells[0]} cells, 1 of them damaged", told)
        self.assertEqual(np.count_nonzero(read(merged)["status"] == 0), pending)
        self.assertEqual(read(merged)["status"][cell], 0)
        self.assertTrue(np.isnan(read(merged)["log_jacobian_norm"][cell]).all())
        self.run_sweep(sweep, "merged.h5", "--resume", exit_code=1, ranks=2)
        self.assert_same_results(merged, reference)

    def test_a_shard_may_come_twice(self):
        sweep = self.sweep(LONG.replace("log2: 64", "log2: 4"))
        reference = self.undisturbed(sweep)
        first, second = self.run_shards(sweep, 2)
        copy = self.path("copy.h5")
        shutil.copy(first, copy)
        merged, _ = self.merge("merged.h5", [copy, first, second])
        self.assert_same_results(merged, reference)

    def test_conflicts(self):
        sweep = self.sweep(SWEEP)
        first, second = self.run_shards(sweep, 2, exit_codes=(0, 1))
        other, weights = self.path("other.h5"), self.path("weights.h5")
        shutil.copy(first, other)
        shutil.copy(first, weights)
        with h5py.File(weights, "r+") as file:
            norms = file["weight_norm"][...]
            weight = np.argwhere(~np.isnan(norms[0]))[0]
            norms[0][tuple(weight)] *= 1 + 4e-15
            file["weight_norm"][...] = norms
            self.seal_weight(file, (0, *weight))
        self.refuse(1, ["merge", self.path("merged.h5"), second, first, weights],
                    rf"and {re.escape(weights)} contradict each other in the weights \(ensemble=ginibre, "
                    rf"hidden_size={(4, 9)[weight[0]]}, replica={weight[1]}\)", "nothing was made")
        self.forge(other)
        self.refuse(1, ["merge", self.path("merged.h5"), second, first, other],
                    rf"{re.escape(first)} and {re.escape(other)} contradict each other in cell \d+ \(activation=")

    def seal_weight(self, file, weight):
        """Makes the checksum of a WEIGHT right."""
        number = int(np.ravel_multi_index(weight, file["weight_norm"].shape))
        values = b"".join(file[name][weight].tobytes() for name in
                          ("weight_spectral_radius", "weight_norm", "eigenvalue_re", "eigenvalue_im"))
        text = file.attrs["sweep_hash"].encode() + number.to_bytes(8, "little") + values
        file["weight_checksum"][weight] = crc32c(text)

    def forge(self, path):
        """Changes a value of the first done cell, and its checksum so that it is right again."""
        with h5py.File(path, "r+") as file:
            number = np.flatnonzero(file["status"][...] == DONE)[0]
            cell = np.unravel_index(number, file["status"].shape)
            file["growth_rate"][cell] += 1e-9
            text = file.attrs["sweep_hash"].encode() + int(number).to_bytes(8, "little")
            order = ["log_jacobian_norm", "log_norm_bound", "bound_check", "vanishing_guaranteed", "spectral_condition",
                     "growth_rate"]
            # Measured datasets in the order of the file, then what is said of the cell.
            created = []
            file.id.links.iterate(lambda name: created.append(name.decode()), idx_type=h5py.h5.INDEX_CRT_ORDER)
            names = [name for name in created if name != "runs" and file[name].ndim >= 6 and name not in
                     ("status", "failure_reason", "method", "team_size", "checksum", "cell_seconds",
                      "predicted_seconds", "runtime_checksum")]
            self.assertEqual(names[:len(order)], order)
            for name in names:
                text += file[name][cell].tobytes()
            text += bytes([file["status"][cell], file["failure_reason"][cell], file["method"][cell]])
            file["checksum"][cell] = crc32c(text)

    def test_refusals(self):
        sweep = self.sweep(LONG.replace("log2: 64", "log2: 4"))
        whole = self.undisturbed(sweep)
        first, second = self.run_shards(sweep, 2)
        third = self.run_shards(sweep, 3)[2]
        other = self.path("other.h5")
        gradsweep("run", sweep, "-o", other, "--shard", "2/2", "--set", "grid.gamma=[0.5,1]", "--progress", "none")
        text = self.sweep("no HDF5", "text.h5")
        out = self.path("out.h5")
        for files, patterns in (
                ([first, whole], [re.escape(whole) + ": it is a whole results file, not a shard"]),
                ([first, third], ["shard 3/3", "they do not belong together"]),
                ([first, other], [re.escape(other) + " belongs to another sweep than", r"grid\.gamma: the file has"]),
                ([text], [re.escape(text) + ": cannot open the file as HDF5"]),
                ([self.path("none.h5")], ["No such file"]),
                ([str(self.folder)], ["it is a directory"])):
            with self.subTest(files=files):
                self.refuse(2, ["merge", out] + files, *patterns)
        self.refuse(2, ["merge", first, second], "it exists")
        self.refuse(2, ["merge", self.path("none/out.h5"), first], "none cannot be used")
        self.refuse(2, ["merge", out], "no shards given")
        self.refuse(2, ["merge"], "no files given")
        for shard in ("0/2", "3/2", "1", "1/0", "-1/2", "1/2x", "a/b"):
            self.refuse(2, ["run", sweep, "-o", out, "--shard", shard], rf"--shard '{shard}': expected I/N")
        for options, found, asked in ((["--shard", "2/2"], "shard 1/2", "shard 2/2"),
                                      (["--shard", "1/3"], "shard 1/2", "shard 1/3"),
                                      ([], "shard 1/2", "a whole results file")):
            self.refuse(2, ["run", sweep, "-o", first, "--resume"] + options,
                        f"the file is {found}, and {asked} is asked for")
        self.refuse(2, ["run", sweep, "-o", whole, "--resume", "--shard", "1/2"],
                    "the file is a whole results file, and shard 1/2 is asked for")
        self.refuse(2, ["extend", sweep, first, "-o", out], "it is shard 1/2; merge the shards first")


class Extend(ShardTest):
    AXES = {"weights.ensemble": "[uniform, orthogonal, ginibre, {kind: sparse, density: 0.1}]", "weights.replicas": "3",
            "model.activation": "[relu, tanh, identity]", "grid.hidden_size": "[3, 4, 9, 11]",
            "grid.spectral_radius": "[0.5, 0.7, 1, 1.3]", "grid.gamma": "[0.1, 0.3, 0.4, 0.5, 0.7, 0.9, 1.1, 1.2]"}
    # Two at a time, which are no neighbours in a cell's number, so that neither makes up for what the other does wrong.
    PAIRS = (("weights.ensemble", "grid.gamma"), ("model.activation", "weights.replicas"),
             ("grid.hidden_size", "grid.spectral_radius"))

    def options(self, changes):
        return [option for key, value in changes.items() for option in ("--set", f"{key}={value}")]

    def test_each_axis_and_all_of_them(self):
        sweep = self.sweep(SWEEP.replace("identity, tanh", "tanh, identity"))
        old = self.run_sweep(sweep, "old.h5", exit_code=1)
        with h5py.File(old) as file:
            finished = np.count_nonzero(file["status"][...])
        for number, axes in enumerate((*self.PAIRS, self.AXES)):
            with self.subTest(axes=list(axes)):
                options = self.options({key: self.AXES[key] for key in axes})
                new = self.path(f"new{number}.h5")
                ended = gradsweep("extend", sweep, old, "-o", new, *options)
                self.assertEqual(ended.returncode, 0, ended.stderr)
                data = read(new)
                self.assertEqual(np.count_nonzero(data["status"]), finished)
                self.assertIn(f"{finished} of {data['status'].size} cells taken", ended.stderr)
                checked = gradsweep("check", new)
                self.assertIn(" 0 damaged", checked.stdout)
                self.assertNotIn("wrong cells:", checked.stdout)
                seconds = data["cell_seconds"]
                self.run_sweep(sweep, f"new{number}.h5", "--resume", *options, exit_code=1)
                kept = ~np.isnan(seconds)
                np.testing.assert_array_equal(read(new)["cell_seconds"][kept], seconds[kept])  # not computed again
                reference = self.run_sweep(sweep, f"fresh{number}.h5", *options, exit_code=1)
                self.assert_same_results(new, reference)

    def test_refusals_name_the_key_and_both_values(self):
        sweep = self.sweep(re.sub(r",\s*{lyapunov.*}", "", SWEEP))  # which may not be certified
        old = self.run_sweep(sweep, "old.h5", exit_code=1)
        for key, value, was, asked in (
                ("grid.lag", "[1, 2]", r"\[1, 2, 4, 8, 16\]", r"\[1, 2\]"), ("model.steps", "50", "26", "50"),
                ("model.warmup", "20", "10", "20"), ("seed", "5", "2013", "5"),
                ("model.input", "none", "gaussian", "none"), ("model.bias", "{kind: gaussian, scale: 1}", "zero", "gaussian"),
                ("model.initial_state", "zero", "gaussian", "zero"), ("model.loss", "linear", "squared", "linear"),
                ("measure", "[gradient]", "frobenius_norm", "gradient"),
                ("measure", "[frobenius_norm, gradient, {contribution_map: {steps: 5}}, expansion, singular_values]",
                 "steps: 4", "steps: 5"),
                ("numerics.tolerance", "1e-9", "1.0e-10", "1.0e-09"), ("numerics.certify", "true", "false", "true"),
                ("numerics.distribute_from", "5000", "4096", "5000"),
                ("grid.spectral_radius", "native", "0.7", "native"), ("grid.spectral_radius", "[0.7, 1]", "1.3", "1"),
                ("grid.gamma", "[0.3, 0.5, 0.7, 0.9, 1.100001]", "1.1", "1.100001"), ("grid.hidden_size", "[4, 8]", "9", "8"),
                ("weights.replicas", "1", "2", "1"), ("model.activation", "[identity, relu]", "tanh", "relu"),
                ("weights.ensemble", "[ginibre, orthogonal, {kind: sparse, density: 0.2}]", "density: 0.1", "density: 0.2"),
                ("weights.ensemble", "[ginibre, orthogonal, {kind: sparse, density: 0.1, label: x}]", "label: sparse",
                 'label: "x"')):
            with self.subTest(key=key, value=value):
                self.refuse(2, ["extend", sweep, old, "-o", self.path("new.h5"), "--set", f"{key}={value}"],
                            rf"old\.h5: {re.escape(key)}: the file has .*({was}).*, the sweep asks for .*({asked})")
        self.refuse(2, ["extend", sweep, old, "-o", old], "it exists")
        self.refuse(2, ["extend", sweep, self.path("none.h5"), "-o", self.path("new.h5")], "No such file")
        self.refuse(2, ["extend", sweep, old], "no file to be made given")
        self.refuse(2, ["extend", sweep, "-o", self.path("new.h5")], "no results file to extend given")
        self.refuse(2, ["extend", sweep, old, old, "-o", self.path("new.h5")], "a second results file")

    def test_partly_done_and_damaged_files(self):
        sweep = self.sweep(SWEEP)
        old = self.run_sweep(sweep, "old.h5", exit_code=1)
        with h5py.File(old, "r+") as file:
            file["status"][0] = 0  # pending: all of identity
            file["log_error_norm"][1, 0, 0, 0, 0, 0, 0] += 1  # damaged: a cell of tanh
            kept = np.count_nonzero(file["status"][...]) - 1
        ended = gradsweep("extend", sweep, old, "-o", self.path("new.h5"), "--set", "weights.replicas=3")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("1 damaged cells are left out", ended.stderr)
        self.assertEqual(np.count_nonzero(read(self.path("new.h5"))["status"]), kept)
        self.run_sweep(sweep, "new.h5", "--resume", "--set", "weights.replicas=3", exit_code=1)
        reference = self.run_sweep(sweep, "fresh.h5", "--set", "weights.replicas=3", exit_code=1)
        self.assert_same_results(self.path("new.h5"), reference)


if __name__ == "__main__":
    command.main()
