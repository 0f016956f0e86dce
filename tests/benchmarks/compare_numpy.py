"""The program against a straightforward vectorised NumPy script, on the same cells and one core.

usage: compare_numpy.py GRADSWEEP [REPEATS]

The script does what one would write first and well: chains of one W side by side, batched products, the norms by SVD,
and for identity the powers of W once for the whole (rho, gamma) plane. Both draw the same networks, and their norms are
compared. Program and script run alternately on one core; medians of the repeats are printed as a table. The program's
time is that of the whole command, with the start of MPI and the results file; the last column leaves out what a sweep
of one cell takes. The script's time leaves out the start of Python."""
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
os.sched_setaffinity(0, [max(os.sched_getaffinity(0))])

import pathlib
import statistics
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import draws
import program
import theory

REPLICAS = {16: 400, 64: 60, 256: 6}
ACTIVATIONS = ["identity", "tanh", "relu"]
SEED, WARMUP = 5, 100
LAGS = [1, 2, 4, 8, 16, 32, 64]
RADII, GAMMAS = [0.6, 0.8, 1.0, 1.2], [0.25, 0.5, 0.75, 1.0]


def sweep_of(size, activation, replicas, radii=RADII, gammas=GAMMAS, lags=LAGS):
    return {"seed": SEED, "weights": {"ensemble": ["ginibre"], "replicas": replicas},
            "model": {"activation": [activation], "warmup": WARMUP},
            "grid": {"hidden_size": [size], "spectral_radius": radii, "gamma": gammas, "lag": lags}}


def norms_of_products(unit, slopes):
    """ln ||J_l|| of all chains; slopes[i] is the diagonal [chains, d] of step T - i, without gain and gamma."""
    product = np.broadcast_to(np.eye(len(unit)), (len(slopes[0]), *unit.shape))
    log_norms = []
    for lag in range(1, LAGS[-1] + 1):
        product = (product @ unit) * slopes[lag - 1][:, None, :]
        if lag in LAGS:
            log_norms.append(np.log(np.linalg.norm(product, 2, axis=(1, 2))))
    return np.array(log_norms)  # [lag, chain]


def run_numpy(size, activation, replicas):
    """ln ||J_l||, [replica, rho gamma, lag]."""
    gain, gamma = (plane.ravel() for plane in np.meshgrid(RADII, GAMMAS, indexing="ij"))
    phi, slope, supremum = theory.ACTIVATIONS[activation]
    results = []
    for replica in range(replicas):
        network = draws.Network(SEED, "ginibre", (), size, replica)
        drawn = draws.weights(network)
        unit = drawn / np.abs(np.linalg.eigvals(drawn)).max()
        np.linalg.norm(drawn, 2)  # for the bound
        if activation == "identity":
            slopes = [np.ones((1, size))] * LAGS[-1]
        else:
            x, slopes = np.tile(network.normal("initial_state", size), (len(gain), 1)), []
            for t in range(WARMUP + LAGS[-1]):
                if t >= WARMUP:
                    slopes.insert(0, slope(x) / supremum)
                x = gain[:, None] * ((gamma[:, None] / supremum * phi(x)) @ unit.T)
        results.append((norms_of_products(unit, slopes) + np.outer(LAGS, np.log(gain * gamma))).T)
    return np.array(results)


def seconds(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def main():
    gradsweep, repeats = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    start = statistics.median(
        seconds(program.run, gradsweep, sweep_of(1, "identity", 1, [1.0], [1.0], [1]))[0] for _ in range(repeats + 3))
    print(f"A sweep of one cell takes {start:.2f} s.\n")
    print("| d | activation | cells | NumPy, s | gradsweep, s | ratio | without start |")
    print("|---|---|---|---|---|---|---|")
    for size, replicas in REPLICAS.items():
        for activation in ACTIVATIONS:
            times = {"numpy": [], "gradsweep": []}
            for _ in range(repeats):
                taken, plain = seconds(run_numpy, size, activation, replicas)
                times["numpy"].append(taken)
                taken, results = seconds(program.run, gradsweep, sweep_of(size, activation, replicas))
                times["gradsweep"].append(taken)
            found = results["log_jacobian_norm"].reshape(plain.shape)
            # tanh is chaotic at rho gamma = 1.2, here and there; relu, whose direction does not depend on rho or gamma,
            # in many a network at all of them
            same = np.abs(found - plain) < 1e-8
            if activation != "relu" and same.mean() < 0.95:
                sys.exit(f"not the same numbers: d={size}, {activation}: {same.mean():.0%} agree")
            ours, theirs = statistics.median(times["gradsweep"]), statistics.median(times["numpy"])
            print(f"| {size} | {activation} | {replicas * len(RADII) * len(GAMMAS)} | {theirs:.2f} | {ours:.2f} "
                  f"| {theirs / ours:.1f} | {theirs / max(ours - start, 1e-3):.1f} |", flush=True)


if __name__ == "__main__":
    main()
