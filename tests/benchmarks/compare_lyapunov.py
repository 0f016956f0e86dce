"""All Lyapunov exponents by the program and by a PyTorch script, as published codes find them.

usage: compare_lyapunov.py GRADSWEEP [--sizes D,D,...] [--repeats N]

The script carries orthonormal frames of all networks of a size side by side: one batched product W (D Q) and one batched QR
decomposition each step, on one core. The program does the same networks on one core: tanh, driven strongly enough that the
last bit is not amplified, so that the sums of exponents can be compared. CPU time for a step of one network, medians of
runs that alternate, as a table in Markdown. What the program takes for a window of two steps is left out: its start, drawing
W, its norm and radius, the results file; so is the drawing of the networks for the script."""
import argparse
import os
import pathlib
import resource
import statistics
import sys
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.pop("OPENBLAS_CORETYPE", None)  # the script takes the best BLAS kernels that this processor has
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))
import draws
import program

SEED, GAIN, TRANSIENT = 11, 1.2, 20
MODEL = {"activation": ["tanh"], "warmup": 50, "input": {"kind": "gaussian", "size": 4, "scale": 1.0},
         "bias": {"kind": "zero"}, "initial_state": {"kind": "gaussian", "scale": 1.0}}
# d: networks, and steps of the window
SIZES = {16: (64, 1000), 32: (32, 600), 64: (16, 300), 128: (6, 200), 256: (3, 100), 512: (1, 80)}


def sweep(size, networks, transient, steps, model_steps):
    return {"seed": SEED, "weights": {"ensemble": ["ginibre"], "replicas": networks},
            "model": {**MODEL, "steps": model_steps},
            "grid": {"hidden_size": [size], "spectral_radius": "native", "gamma": [GAIN], "lag": [1]},
            "measure": ["jacobian_norm", {"lyapunov": {"transient": transient, "steps": steps}}]}


def run_program(gradsweep, *shape):
    """CPU seconds, and the sums of exponents."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    results = program.run(gradsweep, sweep(*shape))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
            results["lyapunov_exponent"].sum(axis=-1).ravel())


def draw(size, networks, steps):
    """W, x_0 and w_in i_t of all networks."""
    drawn = [draws.Network(SEED, "ginibre", (), size, replica) for replica in range(networks)]
    arrays = ([draws.weights(network) for network in drawn],
              [draws.initial_state(network, MODEL["initial_state"]) for network in drawn],
              [draws.drives(network, MODEL, steps) for network in drawn])
    return [torch.as_tensor(np.array(values)) for values in arrays]


def run_script(matrices, states, drives, transient, steps):
    """CPU seconds, and the sums of exponents over the last steps."""
    begin = time.process_time()
    x, sums = states, 0.0
    last = drives.shape[1]
    frames = torch.linalg.qr(torch.randn_like(matrices))[0]
    for t in range(last):
        slopes = GAIN * (1 - torch.tanh(x) ** 2)
        x = (matrices @ (GAIN * torch.tanh(x))[..., None])[..., 0] + drives[:, t]
        if t < last - transient - steps:
            continue
        frames, triangles = torch.linalg.qr(matrices @ (slopes[..., None] * frames))
        if t >= last - steps:
            sums = sums + torch.log(torch.abs(torch.diagonal(triangles, dim1=-2, dim2=-1)))
    return time.process_time() - begin, (sums.sum(axis=-1) / steps).numpy()


def compare(gradsweep, size, repeats):
    networks, steps = SIZES[size]
    last = MODEL["warmup"] + TRANSIENT + steps
    drawn = draw(size, networks, last)
    ours, theirs = [], []
    for _ in range(repeats):
        seconds, found = run_program(gradsweep, size, networks, TRANSIENT, steps, last)
        ours.append(seconds - run_program(gradsweep, size, networks, 0, 2, last)[0])
        seconds, expected = run_script(*drawn, TRANSIENT, steps)
        theirs.append(seconds)
        if np.abs(found - expected).max() > 1e-6 * size:  # the script loses digits where units saturate
            sys.exit(f"not the same numbers at d = {size}: {np.abs(found - expected).max():.1g} apart")
    each = networks * (TRANSIENT + steps)
    times = statistics.median(b / a for a, b in zip(ours, theirs))
    print(f"| {size} | {networks} | {1e6 * statistics.median(ours) / each:.3g} | {1e6 * statistics.median(theirs) / each:.3g} "
          f"| {times:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gradsweep")
    parser.add_argument("--sizes", default="16,64,256,512")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"PyTorch {torch.__version__}, load {os.getloadavg()[0]:.1f}\n\n"
          "| d | networks | gradsweep, us a step | PyTorch, us | times |\n|---|---|---|---|---|")
    for size in map(int, options.sizes.split(",")):
        compare(options.gradsweep, size, options.repeats)


if __name__ == "__main__":
    main()
