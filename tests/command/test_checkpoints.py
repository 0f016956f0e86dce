"""Paths of network files that are patterns: an ensemble a file, in natural order, labelled by the files' names."""

import os

import h5py
import numpy as np

import command
from command import CommandTest, gradsweep, read

SWEEP = """\
weights:
  ensemble: {ensemble}
grid: {{hidden_size: 4, spectral_radius: native, gamma: 1, lag: [1, 2]}}
"""
PATTERN = "{kind: file, path: checkpoints/*.h5}"


class Checkpoints(CommandTest):
    def network(self, path, seed):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with h5py.File(self.path(path), "w") as file:
            file["W"] = np.random.default_rng(seed).normal(size=(4, 4))

    def networks(self, *numbers):
        for number in numbers:
            self.network(f"checkpoints/step{number}.h5", number)

    def write(self, ensemble=PATTERN, name="sweep.yaml"):
        return self.sweep(SWEEP.format(ensemble=ensemble), name)

    def test_a_pattern_is_the_list_of_its_files(self):
        self.networks(100, 9, 10, 1)
        (self.folder / "checkpoints" / "notes.txt").write_text("no network")
        path = self.run_sweep(self.write(f"[ginibre, {PATTERN}, orthogonal]"), "pattern.h5")
        names = ["step1", "step9", "step10", "step100"]
        self.assertEqual([name.decode() for name in read(path)["ensemble"]], ["ginibre", *names, "orthogonal"])
        listed = ", ".join(f"{{kind: file, path: checkpoints/{name}.h5, label: {name}}}" for name in names)
        self.assert_same_results(self.run_sweep(self.write(f"[ginibre, {listed}, orthogonal]"), "listed.h5", ranks=2), path)
        self.assertEqual(gradsweep("check", path).returncode, 0)

    def test_more_checkpoints_extend_the_file(self):
        self.networks(1, 10)
        old = self.run_sweep(self.write(), "old.h5")
        self.networks(2)
        ended = gradsweep("extend", self.write(), old, "-o", self.path("new.h5"))
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertIn("2 of 3 cells taken", ended.stderr)
        self.assert_same_results(self.run_sweep(self.write(), "new.h5", "--resume"), self.run_sweep(self.write(), "f.h5"))

    def test_wildcards_elsewhere(self):
        """In the folder of the sweep file, which are none, and in the very name of a file; other folders; absolute paths."""
        self.networks(1, 2)
        self.network("a[b]*/checkpoints/step[3].h5", 3)
        self.network("a[b]*/checkpoints/step4.h5", 4)
        deep = self.path("a[b]*/sweep.yaml")
        for ensemble, expected in ((PATTERN, ["step4", "step[3]"]), ("{kind: file, path: 'checkpoints/step[3].h5'}", ["file"]),
                                   ("{kind: file, path: '../checkpoints/step?.h5'}", ["step1", "step2"]),
                                   (f"{{kind: file, path: '{self.path('checkpoints')}/step[2-9].h5'}}", ["step2"])):
            with self.subTest(ensemble=ensemble):
                with open(deep, "w") as file:
                    file.write(SWEEP.format(ensemble=ensemble))
                names = read(self.run_sweep(deep, "out.h5", "--overwrite"))["ensemble"]
                self.assertEqual([name.decode() for name in names], expected)

    def test_what_is_wrong_is_one_line(self):
        self.networks(1, 2)
        self.network("others/step2.h5", 2)
        with open(self.path("checkpoints/text.h5"), "w") as file:
            file.write("no network")
        for ensemble, place, pattern in (
                ("{kind: file, path: nowhere/*.h5}", "32", r"no file is called nowhere/\*\.h5"),
                ("{kind: file, path: '*/step2.h5'}", "32",
                 r'two files of the pattern are called "step2".*: .*checkpoints/step2\.h5 and .*others/step2\.h5'),
                ("[{kind: file, path: others/step2.h5, label: step2}, {kind: file, path: 'checkpoints/s*.h5'}]", r"\d+",
                 r'two entries are called "step2"'),
                ("{kind: file, path: 'checkpoints/*.h5', label: x}", r"\d+", "label belongs to one file"),
                (PATTERN, "32", r".*checkpoints/text\.h5: not an HDF5 file")):
            with self.subTest(ensemble=ensemble):
                ended = gradsweep("plan", self.write(ensemble))
                self.assert_error(ended, 2, rf"sweep\.yaml:2:{place}: error: weights\.ensemble: {pattern}")
                self.assertEqual(ended.stderr.count("error:"), 2, ended.stderr)  # and how many mistakes there are
                self.assertIn("^", ended.stderr)


if __name__ == "__main__":
    command.main()
