"""Figures of the literature: small versions of the sweeps in jobs/sweeps/literature, against the numbers their comments name.

usage: literature.py GRADSWEEP

Standard deviations are those measured with 12 to 20 replicas at these sizes, half as much again for what that leaves open;
four of them, over the root of the number of replicas here, are allowed."""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from scipy import special

import program

SWEEPS = pathlib.Path(__file__).resolve().parents[2] / "jobs/sweeps/literature"


class Check:
    def __init__(self, gradsweep):
        self.gradsweep, self.wrong = gradsweep, 0

    def run(self, name, *settings):
        """All datasets of a sweep with some keys set."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder, "out.h5")
            options = [word for setting in settings for word in ("--set", setting)]
            done = subprocess.run([self.gradsweep, "run", SWEEPS / f"{name}.yaml", "-o", out, "--progress", "none", *options],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                raise SystemExit(f"{name}: gradsweep run ended with {done.returncode}:\n{done.stderr}")
            return program.read(out)

    def near(self, what, found, expected, tolerance):
        found, expected, tolerance = np.broadcast_arrays(found, expected, tolerance)
        wrong = not np.all(np.abs(found - expected) <= tolerance)
        self.wrong += wrong
        shown = ", ".join(f"{a:.5g} ({b:.5g} +- {c:.2g})" for a, b, c in zip(found.flat, expected.flat, tolerance.flat))
        print(f"{'WRONG ' if wrong else ''}{what}: {shown}")


def newman(check):
    """Mean and variance of every exponent are known exactly; 10 of them."""
    sizes, replicas, steps = (2, 8), 8, 1000
    found = check.run("newman1986", f"grid.hidden_size={list(sizes)}")["lyapunov_exponent"][0, 0, :, :, 0, 0]
    for values, d in zip(found, sizes):
        half = (d - np.arange(d)) / 2
        expected = 0.5 * (np.log(2) + special.psi(half) - np.log(d))
        error = np.sqrt(special.polygamma(1, half) / (4 * steps * replicas))
        check.near(f"Newman, d = {d}", values[:, :d].mean(axis=0), expected, 4 * error)
        if d == 2:
            check.near("the numbers of the comments", expected, [-0.2886, -0.9818], 5e-5)


def fuss_catalan(check):
    """Norms lie below the edge by 2% to 4% at d = 128; so much is allowed besides the scatter."""
    found = check.run("fuss-catalan", "grid.hidden_size=[128]", "weights.replicas=4")
    norms = np.exp(found["log_jacobian_norm"][0, :, 0, :, 0, 0])  # [ensemble, replica, lag]
    squares = np.exp(2 * found["log_singular_value"][0, :, 0, :, 0, 0])  # [ensemble, replica, lag, index]
    lags = np.arange(1, 5)
    edges = np.sqrt((lags + 1.0) ** (lags + 1) / lags**lags)
    check.near("the numbers of the comments", edges, [2, 2.598, 3.079, 3.494], 5e-4)
    for ensemble, kind in enumerate(("powers", "products")):
        deviation = 1.5 * np.array([0.033, 0.064, 0.130, 0.214]) / 2  # of the mean of 4
        check.near(f"edges of {kind}", norms[ensemble].mean(axis=0), edges, 4 * deviation + 0.04 * edges)
        deviation = 1.5 * np.array([0.045, 0.170, 0.415, 0.801]) / 2
        second = (squares[ensemble]**2).mean(axis=-1).mean(axis=0)
        check.near(f"second moments of {kind}", second, [2, 3, 4, 5], 4 * deviation)


def engelken(check):
    """At d = 64 the largest exponent lies below that of infinite size by .042, entropy rate and dimension by .0046 and
    .029 an index, as measured; half of that is allowed besides the scatter."""
    d = 64
    found = check.run("engelken2020", f"grid.hidden_size=[{d}]", "grid.gamma=[3]", "weights.replicas=8",
                      "measure=[{lyapunov: {transient: 200, steps: 200}}]")
    rows = (("largest exponent", found["lyapunov_exponent"][..., 0], 0.31025, 0.042, 0.0204),
            ("entropy rate an index", found["entropy_rate"] / d, 0.025196, 0.0046, 0.0027),
            ("dimension an index", found["kaplan_yorke_dimension"] / d, 0.2877, 0.029, 0.0181))
    for what, values, limit, below, deviation in rows:
        check.near(f"{what}, g = 3", values.mean(), limit - below, 0.5 * below + 4 * 1.5 * deviation / np.sqrt(8))


def molgedey(check):
    """Undriven networks are chaotic where driven ones are at their edge: exponent 0, within finite size (c/d, c up to 2)
    and scatter; and below the edge of the stronger drive gradients vanish."""
    found = check.run("molgedey1992", "grid.hidden_size=[256]", "grid.gamma=[1.55,1.856]", "grid.lag=1", "weights.replicas=4",
                      "model.input.scale=[0,0.5,1]", "measure=[{lyapunov: {count: 1, transient: 200, steps: 400}}]")
    exponent = found["lyapunov_exponent"][0, 0, 0, ..., 0].mean(axis=0).squeeze()  # [input_scale, gamma]
    tolerance = 2 / 256 + 4 * 1.5 * 0.0067 / 2
    check.near("exponents at their edges", [exponent[1, 0], exponent[2, 1]], 0, tolerance)
    check.near("below the edge", exponent[2, 0], -0.123, tolerance)
    check.near("without drive, in chaos", exponent[0], [0.0547, 0.1186], 2 / 256 + 4 * 1.5 * 0.0102 / 2)


def schoenholz(check):
    """The same with a bias, which stands still: exponents of single networks scatter more."""
    found = check.run("schoenholz2017", "weights.ensemble=ginibre", "weights.replicas=4", "grid.gamma=[1.327,1.856]", "grid.lag=1",
                      "model.bias.scale=[0.223606797749979,1]", "measure=[{lyapunov: {count: 1, transient: 100, steps: 200}}]")
    exponent = found["lyapunov_exponent"][0, 0, 0, ..., 0].mean(axis=0).squeeze()  # [bias_scale, gamma]
    check.near("exponents at the edges of bias", [exponent[0, 0], exponent[1, 1]], 0, 2 / 256 + 4 * 1.5 * 0.0155 / 2)
    check.near("beyond the edge", exponent[0, 1], 0.107, 2 / 256 + 4 * 1.5 * 0.0134 / 2)
    check.near("before it", exponent[1, 0], -0.162, 2 / 256 + 4 * 1.5 * 0.0442 / 2)


def main():
    check = Check(sys.argv[1])
    for part in (newman, fuss_catalan, engelken, molgedey, schoenholz):
        part(check)
    sys.exit(f"{check.wrong} wrong" if check.wrong else 0)


if __name__ == "__main__":
    main()
