"""Colours of figures for those who see them otherwise: what a legend tells apart stays apart with the three colour deficiencies
(simulated after Machado, Oliveira and Fernandes 2009, complete) and in grey, by colour or by something else.

A difference of 10 in CIELAB is seen at a glance; 2.3 is just noticeable."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import unittest

import matplotlib
import numpy as np
from matplotlib.colors import to_rgb

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "analysis")]

import gradsweep  # noqa: E402
from gradsweep.plots.growth import OBSERVATION_COLOURS  # noqa: E402
from gradsweep.plots.style import CATEGORICAL, DIVERGING, line_style, shades  # noqa: E402
from make_results import make  # noqa: E402

SEEN = 10.0
# Of linear RGB, rows to what is seen.
SIMULATIONS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: object, simulation: str) -> np.ndarray:
    """CIELAB of a colour as it is seen."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(SIMULATIONS[simulation]) @ linear, 0.0, 1.0)
    xyz = TO_XYZ @ seen / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def apart(one: object, other: object, simulation: str) -> float:
    return float(np.linalg.norm(lab(one, simulation) - lab(other, simulation)))


class Colours(unittest.TestCase):
    def test_the_simulation_tells_colours_apart(self) -> None:
        """Red and green of one lightness, which deuteranopes confuse, are far apart for others."""
        red, green = "#C85A5A", "#6E8A3C"
        self.assertLess(apart(red, green, "deuteranopia"), 0.5 * apart(red, green, "tritanopia"))
        self.assertLess(apart("#FF0000", "#959595", "grey"), 60)
        self.assertAlmostEqual(float(lab("#FFFFFF", "protanopia")[0]), 100.0, delta=0.5)

    def test_lines(self) -> None:
        """Each by its colour, for all deficiencies; in grey by marker or dashes."""
        for first, second in itertools.combinations(range(6), 2):
            for simulation in ("protanopia", "deuteranopia", "tritanopia"):
                self.assertGreater(apart(CATEGORICAL[first], CATEGORICAL[second], simulation), SEEN, (first, second, simulation))
            one, other = line_style(first), line_style(second)
            self.assertNotEqual((one["marker"], one["linestyle"]), (other["marker"], other["linestyle"]))

    def test_orders(self) -> None:
        """Sizes and lags: lightness goes one way, whoever looks."""
        for simulation in SIMULATIONS:
            lightness = [lab(shade, simulation)[0] for shade in shades(6)]
            self.assertTrue(np.all(np.diff(lightness) < -4.0), simulation)

    def test_what_was_observed(self) -> None:
        for simulation in SIMULATIONS:
            for one, other in itertools.combinations(OBSERVATION_COLOURS.values(), 2):
                self.assertGreater(apart(one, other, simulation), SEEN, (one, other, simulation))

    def test_vanishing_and_exploding(self) -> None:
        """Blue and red for all deficiencies; in grey a dot in each cell that explodes, and in no other."""
        scale = matplotlib.colormaps[DIVERGING]
        for share in (0.1, 0.25, 0.5):
            for simulation in ("protanopia", "deuteranopia", "tritanopia"):
                self.assertGreater(apart(scale(0.5 - share)[:3], scale(0.5 + share)[:3], simulation), SEEN, (share, simulation))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "out.h5")
            make(path, activations=("identity",), ensembles=("orthogonal",), hidden_sizes=(4,), replicas=2, radii=(0.5, 1.0, 2.0),
                 gammas=(0.6, 1.2), lags=(1, 4))  # fmt: skip
            with gradsweep.open(path) as dataset:
                figure = gradsweep.plot_phase(dataset)
        dots = [line for line in figure.axes[0].lines if line.get_marker() == "."]
        self.assertEqual({tuple(point) for point in dots[0].get_xydata()}, {(1.0, 1.2), (2.0, 0.6), (2.0, 1.2)})
        self.assertIn("explodes", [text.get_text() for text in figure.legends[0].get_texts()])


if __name__ == "__main__":
    unittest.main()
