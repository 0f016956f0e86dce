"""A run that another kind of CPU goes on with, as far as the BLAS is concerned: last bits may differ, and nothing is damaged."""

# ctest: LABELS "campaign"

import os
import platform
import re
from unittest import mock

import support
from support import CommandTest, Run, gradsweep

SWEEP = """\
weights: {ensemble: [ginibre, orthogonal], replicas: 12}
model: {activation: [tanh, relu], warmup: 100}
grid: {hidden_size: [48, 64], spectral_radius: [0.8, 1.2], gamma: [0.6, 1.0], lag: {log2: 64}}
"""


class Kernels(CommandTest):
    def with_kernels(self, name):
        return mock.patch.dict(os.environ, OPENBLAS_CORETYPE=name)

    def kernels_of(self, sweep, name):
        """Which the BLAS has taken, as the file tells."""
        with self.with_kernels(name):
            path = self.run_sweep(sweep, f"{name}.h5", "--set", "grid.hidden_size=2", "--set", "model.warmup=1")
        return re.search(r"kernels (\w+)", gradsweep("info", path).stdout)[1]

    def test_resumed_with_others(self):
        sweep, path = self.sweep(SWEEP), self.path("out.h5")
        if platform.machine() != "x86_64" or ", kernels " not in gradsweep("--version").stdout:
            self.skipTest("this BLAS does not tell which kernels it has")
        first, second = (self.kernels_of(sweep, name) for name in ("Prescott", "Nehalem"))
        if first == second:
            self.skipTest("this BLAS has one kind of kernels")
        with self.with_kernels("Prescott"), Run(sweep, "-o", path, "--progress", "none", write_seconds=0.02) as run:
            run.wait_for_cells(path, 0.2)
            self.assertEqual(run.stop()[0], 75)
        with self.with_kernels("Nehalem"):
            ended = gradsweep("run", sweep, "-o", path, "--resume", "--progress", "none")
            self.assertEqual(ended.returncode, 0, ended.stderr)
            warnings = re.findall("warning: .*", ended.stderr)
            self.assertEqual(len(warnings), 1, ended.stderr)
            self.assertRegex(warnings[0], rf"another CPU or build \(blas: .*kernels {first}, now .*kernels {second}\); .*"
                                          "may differ in its last bits")
            self.assertEqual(gradsweep("check", path).returncode, 0)
            ended = gradsweep("run", sweep, "-o", path, "--resume", "--progress", "none")
            self.assertEqual(ended.returncode, 0, ended.stderr)
            self.assertNotIn("warning", ended.stderr)


if __name__ == "__main__":
    support.main()
