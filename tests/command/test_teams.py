"""Networks on teams of ranks: the same numbers as on one rank, whatever the size of the team; stops and failures inside
teams."""
# ctest: PROCESSORS 3

import re
import subprocess
import time
from pathlib import Path

import numpy as np

import command
from command import CommandTest, gradsweep, read

# Products, sums of contributions and vectors, below and above the size from which teams work. What it takes is messages: as
# many as there are steps.
MIXED = """
name: mixed
seed: 7
weights: {ensemble: [ginibre, {kind: sparse, density: 0.3}, symmetric, untied]}
model:
  activation: [identity, tanh, relu]
  warmup: 6
  input: {kind: gaussian, size: 2, scale: 0.1}
grid: {hidden_size: [24, 65], spectral_radius: 1.1, gamma: [0.5, 1], lag: {log2: 8}}
measure: [frobenius_norm, step_bound]
numerics: {distribute_from: 48}
"""
# Untied weights have no gradient by W. At two anchors, and of two strengths of the bias.
GRADIENTS = """
name: gradients
seed: 8
weights: {ensemble: [ginibre, elliptic]}
model: {activation: [tanh, sin], warmup: 10, bias: {kind: gaussian, scale: [0.1, 0.4]}, anchors: {count: 2, spacing: 3}}
grid: {hidden_size: [1, 63, 64], spectral_radius: 1.1, gamma: [1], lag: [1, 2, 7]}
measure: [gradient, {contribution_map: {steps: 4}}]
numerics: {distribute_from: 1}
"""
# The leading exponents; the frame is decomposed by rows, or in blocks where there are more than 32 columns.
LEADING = """
name: leading
seed: 10
weights: {ensemble: [ginibre, untied]}
model: {activation: [tanh, relu], warmup: 10, bias: {kind: gaussian, scale: 0.1}}
grid: {hidden_size: [75], spectral_radius: [0.9, 1.6], gamma: 1, lag: 1}
measure: [{lyapunov: {count: COUNT, transient: 4, steps: 12, two_sided: true}}]
numerics: {distribute_from: 64}
"""
# Few lags of larger networks: the implicit method, which moves vectors alone.
IMPLICIT = """
name: implicit
seed: 9
weights: {ensemble: [ginibre, uniform]}
model: {activation: [tanh, hard_tanh], warmup: 30}
grid: {hidden_size: [64, 257, 300], spectral_radius: [0.9, 1.2], gamma: 1, lag: [1, 4, 8]}
measure: [step_bound]
numerics: {distribute_from: 200}
"""
# Few units, each on both ranks.
LONG = """
name: long
weights: {ensemble: ginibre, replicas: 8}
model: {activation: tanh, warmup: 10}
grid: {hidden_size: [320], spectral_radius: [1, 1.1], gamma: [0.9, 1], lag: {log2: 64}}
measure: [frobenius_norm]
numerics: {distribute_from: 320}
"""
# A minute or more of one unit.
EXPONENTS = """
name: exponents
model: {activation: tanh, warmup: 10}
grid: {hidden_size: 256, spectral_radius: 1.5, gamma: 1, lag: 1}
measure: [{lyapunov: {steps: 40000}}]
"""
# Symmetric: its radius is its norm, which takes no powers of W.
MEMORY = """
name: memory
weights: {{ensemble: symmetric}}
model: {{activation: tanh, warmup: 1}}
grid: {{hidden_size: [{hidden_sizes}], spectral_radius: native, gamma: [1], lag: [1]}}
measure: [frobenius_norm]
numerics: {{distribute_from: {distribute_from}}}
"""
TEAM_OF = {1: 1, 2: 2, 3: 3, 4: 4, 6: 4}  # ranks of the run -> ranks of a team
CLOSE = 1e-9  # the promise for process grids, of logarithms; `cancellation` is a number below 1


class TeamTest(CommandTest):
    def compare(self, path, reference, is_team):
        """Bits of the cells that one rank computed, 1e-9 of those that a team did."""
        ours, theirs = read(path), read(reference)
        status = theirs["status"]
        np.testing.assert_array_equal(ours["status"], status)
        self.assertTrue((status == command.DONE).all())
        compared = 0
        for name, values in theirs.items():
            if name in command.MAY_DIFFER | {"checksum"} or values.shape[:status.ndim] != status.shape:
                continue
            compared += 1
            alone, team = values[:, :, ~is_team], values[:, :, is_team]
            np.testing.assert_array_equal(ours[name][:, :, ~is_team], alone, err_msg=name)
            if values.dtype.kind == "f":
                np.testing.assert_allclose(ours[name][:, :, is_team], team, rtol=0, atol=CLOSE, err_msg=name)
            else:
                np.testing.assert_array_equal(ours[name][:, :, is_team], team, err_msg=name)
        self.assertGreater(compared, 8)  # status, method, what is said of bounds, and what was measured
        np.testing.assert_array_equal(ours["weight_norm"], theirs["weight_norm"])
        np.testing.assert_array_equal(ours["weight_spectral_radius"], theirs["weight_spectral_radius"])
        return ours

    def check_ranks(self, text, distribute_from, ranks):
        sweep = self.sweep(text)
        reference = self.undisturbed(sweep)
        is_team = read(reference)["hidden_size"] >= distribute_from
        for count in ranks:
            with self.subTest(ranks=count):
                path = self.run_sweep(sweep, f"{count}.h5", ranks=count)
                data = self.compare(path, reference, is_team)
                self.assertTrue((data["team_size"][:, :, is_team] == TEAM_OF[count]).all())
                self.assertTrue((data["team_size"][:, :, ~is_team] == 1).all())
                checked = gradsweep("check", path)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def check_implicit_norms(self, ranks, tcp=False):
        sweep = self.sweep(IMPLICIT)
        reference = self.undisturbed(sweep)
        self.assertTrue((read(reference)["method"][:, :, 1:] == command.IMPLICIT).all())
        path = self.run_sweep(sweep, f"{ranks}.h5", ranks=ranks, tcp=tcp)
        self.assert_same_results(path, reference)
        self.assertTrue((read(path)["team_size"][:, :, 1:] == TEAM_OF[ranks]).all())


class SameNumbers(TeamTest):
    def test_products_and_vectors(self):
        self.check_ranks(MIXED, 48, (2, 3))

    def test_gradients(self):
        self.check_ranks(GRADIENTS, 1, (3,))

    def test_implicit_norms_have_the_bits_of_one_rank(self):
        self.check_implicit_norms(3, tcp=True)

    def test_leading_exponents_have_the_bits_of_one_rank(self):
        for count in (5, 40):
            sweep = self.sweep(LEADING.replace("COUNT", str(count)))
            ours = read(self.run_sweep(sweep, f"{count}.h5", ranks=2))
            theirs = read(self.run_sweep(sweep, f"{count}-alone.h5"))
            self.assertTrue((ours["team_size"] == 2).all() and (ours["status"] == command.DONE).all())
            self.assertTrue(np.isfinite(ours["lyapunov_exponent"][0, ..., :count]).all())
            for name in ("lyapunov_exponent", "lyapunov_exponent_error", "two_sided_residual", "finite_exponents"):
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)


class Endings(CommandTest):
    def test_a_stop_reaches_all_ranks_of_a_team(self):
        sweep = self.sweep(LONG)
        path = self.path("stopped.h5")
        with command.Run(sweep, "-o", path, "--progress", "none", ranks=3, write_seconds=0.05) as run:
            run.wait_for_cells(path, 1 / 32)
            start = time.monotonic()
            code, text = run.stop()
            self.assertEqual(code, 75, text)
            self.assertLess(time.monotonic() - start, 30 if not command.is_sanitized() else 60)
            self.assertRegex(text, "stopped by SIGUSR1 with [0-9]+ cells pending")

    def test_a_long_unit_of_exponents_stops(self):
        """One cell that takes minutes, which is dropped."""
        sweep = self.sweep(EXPONENTS)
        path = self.path("stopped.h5")
        with command.Run(sweep, "-o", path, "--progress", "none") as run:
            until = time.monotonic() + command.TIMEOUT
            while run.process.poll() is None and time.monotonic() < until and not Path(path).exists():
                time.sleep(0.01)
            time.sleep(2)  # it has begun
            start = time.monotonic()
            code, text = run.stop()
            self.assertEqual(code, 75, text)
            self.assertLess(time.monotonic() - start, 15 if not command.is_sanitized() else 60)
            self.assertRegex(text, "stopped by SIGUSR1 with 1 cells? pending")

    def largest_address_space(self, sweep):
        """kB that a rank of two takes at most while it runs a sweep."""
        largest = 0
        with command.Run(sweep, "-o", self.path("small.h5"), "--progress", "none", ranks=2) as run:
            while run.process.poll() is None:
                for pid in run.ranks():
                    try:
                        status = Path(f"/proc/{pid}/status").read_text()
                    except OSError:
                        continue
                    largest = max([largest] + [int(size) for size in re.findall(r"VmPeak:\s+(\d+)", status)])
                time.sleep(0.01)
            self.assertEqual(run.end()[0], 0)
        return largest

    def test_a_rank_without_memory_fails_its_cells_and_nobody_waits(self):
        """One of two ranks may allocate 40 MB beside what a small network needs, for which the BLAS has its buffer; a large
        network's W alone takes each of them 36, and several arrays of its size."""
        if command.is_sanitized():
            self.skipTest("the sanitizer reserves all of the address space")
        large = MEMORY.format(hidden_sizes="16, 3000", distribute_from=3000)
        small = MEMORY.format(hidden_sizes="16", distribute_from=16)
        limit = self.largest_address_space(self.sweep(small, "small.yaml")) + 40000
        sweep, path = self.sweep(large), self.path("memory.h5")
        run = [command.GRADSWEEP, "run", sweep, "-o", path, "--progress", "none"]
        limited = ["sh", "-c", f'ulimit -v {limit}; exec "$@"', "sh"] + run
        ended = subprocess.run(command.launcher_of(1) + run + [":", "-n", "1"] + limited,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=command.TIMEOUT)
        self.assertEqual(ended.returncode, 1, ended.stderr)
        self.assertRegex(ended.stderr, "rank 1: .*cannot allocate")
        np.testing.assert_array_equal(read(path)["status"].ravel(), [command.DONE, command.FAILED])
        self.assertIn("out_of_memory", gradsweep("info", path).stdout)


class Refusals(CommandTest):
    def test_measures_that_need_one_rank(self):
        for measure in ("expansion", "singular_values"):
            sweep = self.sweep(IMPLICIT.replace("step_bound", measure).replace("[tanh, hard_tanh]", "[identity]"))
            ended = gradsweep("run", sweep, "-o", self.path("never.h5"), ranks=2)
            self.assertEqual(ended.returncode, 2)
            self.assertIn("distribute_from", ended.stderr)
            self.assertIn(measure, ended.stderr)


if __name__ == "__main__":
    command.main()
