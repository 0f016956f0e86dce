"""Every figure of every committed sweep, and its report: a figure or a clear sentence. Sizes are small, all else is as it stands.

Called as test_every_sweep.py PATH_OF_gradsweep MPIEXEC."""

import contextlib
import io
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "command"), str(ROOT / "analysis")]

import h5py
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

import command
import gradsweep
from command import CommandTest
from gradsweep.commands import main

SWEEPS = sorted([*ROOT.glob("jobs/templates/*.yaml"), *ROOT.glob("jobs/sweeps/*.yaml")])
PLOTS = [name for name in gradsweep.__all__ if name.startswith("plot_")]
SMALL = ("grid.hidden_size=[4,6]", "weights.replicas=2", "model.warmup=20")


class EverySweep(CommandTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, command, "TIMEOUT", command.TIMEOUT)
        command.TIMEOUT = max(600, command.TIMEOUT)

    def test_figures_and_report(self):
        self.assertGreater(len(SWEEPS), 10)
        drawn = set()
        for path in SWEEPS:
            with self.subTest(path.stem):
                sweep, settings = self.sweep(path.read_text(), path.name), SMALL
                if "kind: file" in path.read_text():
                    settings = ()
                    with h5py.File(self.path("network.h5"), "w") as file:
                        random = np.random.default_rng(1)
                        file["W"], file["w_in"] = random.standard_normal((32, 32)) / 6, random.standard_normal((32, 2))
                        file["inputs"] = random.standard_normal((64, 2))
                if path.stem == "phase-diagram":
                    settings += ("grid.spectral_radius=[0.5,1,1.5]", "grid.gamma=[0.5,1]", "grid.lag={log2: 16}")
                options = [word for setting in settings for word in ("--set", setting)]
                results = self.run_sweep(sweep, f"{path.stem}.h5", *options)
                drawn |= self.draw_all(results)
                with contextlib.redirect_stdout(io.StringIO()):
                    self.assertEqual(main.run("report", [results, "-o", self.path("report.html")]), 0)
                self.assertGreater(os.path.getsize(self.path("report.html")), 1e6)
        self.assertEqual(drawn, set(PLOTS))

    def run_sweep(self, sweep, name, *options):
        """Failed cells (sparse W of radius 0 at such sizes) are among what is drawn."""
        ended = command.gradsweep("run", sweep, "-o", self.path(name), "--progress", "none", *options)
        self.assertIn(ended.returncode, (0, 1), ended.stderr)
        self.assertTrue(os.path.exists(self.path(name)), ended.stderr)
        return self.path(name)

    def draw_all(self, results):
        found = set()
        with gradsweep.open(results) as dataset:
            for name in PLOTS:
                try:
                    figure = getattr(gradsweep, name)(dataset)
                except gradsweep.NothingToDraw as reason:
                    self.assertRegex(str(reason), r"(\w+\W+){4}", name)
                    continue
                FigureCanvasAgg(figure).draw()
                self.assertGreater(len(figure.description.caption), 60, name)
                found.add(name)
        return found


if __name__ == "__main__":
    command.main()
