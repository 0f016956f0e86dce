#!/usr/bin/env python3
"""Trains a small nn.RNN on the adding problem (Hochreiter and Schmidhuber 1997: two channels, random numbers and marks of
two of them, whose sum is asked for at the end), and exports its checkpoints for jobs/sweeps/training.yaml:

    jobs/training.py -o FOLDER [--steps N] [--seed N]

At 0 and at about three moments a decade of training FOLDER gets a network file, step0000.h5 ..., with the weights and 16
test sequences, each with the error of the squared loss of the network's answer. Needs torch (jobs/install.sh --with-torch).
"""

import argparse
import sys
from pathlib import Path

try:
    import torch
except ImportError:
    sys.exit("jobs/training.py: it needs torch (jobs/install.sh --with-torch)")
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "analysis"))
import gradsweep  # noqa: E402

SIZE, LENGTH, BATCH, TESTED = 64, 50, 64, 16


def adding_problem(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """inputs [LENGTH, count, 2] and targets [count]."""
    inputs = torch.zeros(LENGTH, count, 2)
    inputs[..., 0] = torch.rand(LENGTH, count, generator=generator)
    first = torch.randint(0, LENGTH // 2, (count,), generator=generator)
    second = torch.randint(LENGTH // 2, LENGTH, (count,), generator=generator)
    inputs[first, torch.arange(count), 1] = 1
    inputs[second, torch.arange(count), 1] = 1
    return inputs, (inputs[..., 0] * inputs[..., 1]).sum(0)


def export(rnn: torch.nn.RNN, readout: torch.nn.Linear, path: Path, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    """The error of each sequence: of 0.5 (answer - target)^2 by the last pre-activation."""
    gradsweep.from_torch(rnn, inputs, lambda hidden, target: 0.5 * (readout(hidden)[0] - target) ** 2, path, targets=targets)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains an nn.RNN on the adding problem and exports its checkpoints.")
    parser.add_argument("-o", "--output", metavar="FOLDER", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000, help="of training (default: 1000)")
    parser.add_argument("--seed", type=int, default=2013)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    rnn, readout = torch.nn.RNN(2, SIZE), torch.nn.Linear(SIZE, 1)
    test_inputs, test_targets = adding_problem(TESTED, torch.Generator().manual_seed(options.seed + 1))
    parameters = [*rnn.parameters(), *readout.parameters()]
    optimiser = torch.optim.Adam(parameters, 1e-3)
    moments = {0, options.steps} | {base * 10**decade for decade in range(7) for base in (1, 2, 5)}
    for step in range(options.steps + 1):
        if step in moments:
            export(rnn, readout, options.output / f"step{step:04}.h5", test_inputs, test_targets)
        inputs, targets = adding_problem(BATCH, generator)
        loss = ((readout(rnn(inputs)[1][0])[:, 0] - targets) ** 2).mean()
        if step in moments:
            print(f"step {step}: mean squared error {loss.item():.4f}", flush=True)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()


if __name__ == "__main__":
    main()
