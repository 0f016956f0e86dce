"""Every figure of every committed sweep, and its report: a figure or a clear sentence. Sizes are small, all else is as it stands.

Called as test_every_sweep.py PATH_OF_gradsweep MPIEXEC."""

import contextlib
import io
import os
import re
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

SWEEPS = sorted([*ROOT.glob("jobs/templates/*.yaml"), *ROOT.glob("jobs/sweeps/**/*.yaml")])
PLOTS = [name for name in gradsweep.__all__ if name.startswith("plot_")]
SMALL = ("grid.hidden_size=[4,6]", "weights.replicas=2")
SETTINGS = {  # where these are not what makes a sweep small
    "torch": (),
    "training": ("grid.hidden_size=16", "weights.replicas=2"),
    "phase-diagram": (*SMALL, "model.warmup=20", "grid.spectral_radius=[0.5,1,1.5]", "grid.gamma=[0.5,1]", "grid.lag={log2: 16}"),
    "newman1986": ("weights.replicas=2",),
    "lyapunov": (*SMALL, "weights.replicas=3"),  # as many as a standard error needs
    "drive": (*SMALL, "model.anchors={count: 6, spacing: 20}"),  # no committed sweep has any
}


class EverySweep(CommandTest):
    def test_figures_and_report(self):
        self.assertGreater(len(SWEEPS), 20)
        drawn = set()
        for path in SWEEPS:
            with self.subTest(path.stem):
                name = f"{path.parent.name}-{path.stem}"
                sweep = self.sweep(self.shorter(path.read_text()), f"{name}.yaml")
                options = [word for setting in SETTINGS.get(path.stem, SMALL) for word in ("--set", setting)]
                results = self.run_sweep(sweep, f"{name}.h5", *options)
                drawn |= self.draw_all(results)
                with contextlib.redirect_stdout(io.StringIO()):
                    self.assertEqual(main.run("report", [results, "-o", self.path("report.html")]), 0)
                self.assertGreater(os.path.getsize(self.path("report.html")), 1e6)
        self.assertEqual(drawn, set(PLOTS))

    def shorter(self, text):
        """Fewer steps, no more exponents than small networks have, and networks that are not trained where it reads any."""
        if "kind: file" in text:
            text = text.replace("../../results/training/", self.path("trained"))
            self.write_network("network.h5", 32, (64, 2))
            for moment in range(2):
                self.write_network(f"trained{moment}.h5", 16, (2, 50, 2))
        text = re.sub(r"warmup: \d+", "warmup: 20", text)
        return re.sub(r"count: \d+", "count: 2", re.sub(r"transient: \d+, steps: \d+", "transient: 50, steps: 100", text))

    def write_network(self, name, size, inputs):
        random = np.random.default_rng(1)
        with h5py.File(self.path(name), "w") as file:
            file["W"], file["w_in"] = random.standard_normal((size, size)) / np.sqrt(size), random.standard_normal((size, 2))
            file["inputs"] = random.standard_normal(inputs)

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
