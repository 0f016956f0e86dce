"""Batches of sequences and folders of checkpoints of PyTorch against its autograd, from the export to the results.

Called as test_sequences.py PATH_OF_gradsweep MPIEXEC; ends with 77 where there is no torch."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

try:
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; jobs/install.sh --with-torch installs it")
    sys.exit(77)

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "command"), str(TESTS.parent / "analysis")]

import numpy as np

import command
import export_torch
import gradsweep
import yaml
from command import CommandTest, h5py, read

SIZE, INPUTS, STEPS, SEQUENCES = 64, 2, 50, 16
# Two programs that add the same terms in another order, fifty steps of a network at its edge long: what is promised.
TOLERANCE = 1e-10


def trained(steps=30):
    """An nn.RNN some steps into learning to add two marked numbers."""
    torch.manual_seed(7)
    rnn, readout = torch.nn.RNN(INPUTS, SIZE, dtype=torch.float64), torch.nn.Linear(SIZE, 1, dtype=torch.float64)
    optimiser = torch.optim.Adam([*rnn.parameters(), *readout.parameters()], 3e-3)
    inputs = batch()
    for _ in range(steps):
        loss = ((readout(rnn(inputs)[1][0])[:, 0] - (inputs[..., 0] * inputs[..., 1]).sum(0)) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return rnn, readout


def batch():
    """[T, R, 2]: numbers, and marks of two of them."""
    generator = torch.Generator().manual_seed(11)
    inputs = torch.zeros(STEPS, SEQUENCES, INPUTS, dtype=torch.float64)
    inputs[..., 0] = torch.rand(STEPS, SEQUENCES, generator=generator, dtype=torch.float64)
    for sequence in range(SEQUENCES):
        inputs[torch.randperm(STEPS, generator=generator)[:2], sequence, 1] = 1
    return inputs


class Autograd:
    """What PyTorch finds for one sequence [T, m], from h_0 [d], with a loss of each hidden state."""

    def __init__(self, rnn, inputs, hidden, loss):
        weights = rnn.weight_hh_l0.detach().clone()
        self.copies = [weights.clone().requires_grad_(True) for _ in range(STEPS)]  # one W a step: C_k apart
        drive = inputs @ rnn.weight_ih_l0.detach().T + (rnn.bias_ih_l0 + rnn.bias_hh_l0).detach()
        self.states, losses = [], []
        for step in range(STEPS):
            state = self.copies[step] @ hidden + drive[step]
            self.states.append(state.requires_grad_(True))
            hidden = torch.tanh(state)
            losses.append(loss(state, hidden))
        self.errors = torch.autograd.grad(losses[-1], self.states, retain_graph=True)
        self.parts = torch.autograd.grad(losses[-1], self.copies, retain_graph=True)
        self.totals = torch.autograd.grad(sum(losses), self.copies)

    def expected(self, lags):
        norms = np.array([part.norm().item() for part in self.parts])
        with np.errstate(divide="ignore"):  # of h_0 = 0 the first contribution is exactly 0
            log_norms = np.log(norms)
        whole = sum(self.parts).norm().item()
        return {
            "log_initial_error_norm": np.log(self.errors[-1].norm().item()),
            "log_error_norm": np.log([self.errors[STEPS - 1 - lag].norm().item() for lag in lags[:-1]]),
            "log_contribution": log_norms[[STEPS - 1 - lag for lag in lags[:-1]]],
            "log_gradient_norm": np.log(whole), "cancellation": whole / norms.sum(),
            "log_total_gradient_norm": np.log(sum(self.totals).norm().item()),
        }


class Sequences(CommandTest):
    def run_exported(self, sweep):
        path = self.sweep(yaml.safe_dump(sweep))
        results = read(self.run_sweep(path, "out.h5"))
        self.assertEqual(command.gradsweep("check", self.path("out.h5")).returncode, 0)
        return results

    def compare(self, results, replica, autograd, left_out=()):
        lags = results["lag"].tolist()
        self.assertEqual(lags[-1], STEPS)  # back to x_0, of which the states here know nothing
        for name, values in autograd.expected(lags).items():
            if name in left_out:
                continue
            found = results[name][0, 0, 0, replica, 0, 0]
            found = found[:-1] if found.ndim else found
            np.testing.assert_allclose(found, values, rtol=0, atol=TOLERANCE, err_msg=f"{name}, sequence {replica}")

    def test_a_batch_with_the_loss_of_the_network(self):
        """Both layouts of the batch; the error of a loss of the last hidden state and a target."""
        (rnn, readout), inputs = trained(), batch()
        hidden = 0.5 * torch.rand(SEQUENCES, SIZE, dtype=torch.float64)
        targets = (inputs[..., 0] * inputs[..., 1]).sum(0)
        loss = lambda last, target: (readout(last)[0] - target) ** 2  # noqa: E731
        sweep = gradsweep.from_torch(rnn, inputs, loss, self.path("network.h5"), hidden[None], targets=targets)
        other = gradsweep.from_torch(rnn, inputs.transpose(0, 1), loss, self.path("other.h5"), hidden, targets=targets,
                                     batch_first=True)
        self.assertEqual((sweep["weights"]["replicas"], other["weights"]["replicas"]), (SEQUENCES, SEQUENCES))
        with h5py.File(self.path("network.h5")) as one, h5py.File(self.path("other.h5")) as two:
            self.assertEqual(one["inputs"].shape, (SEQUENCES, STEPS, INPUTS))
            self.assertEqual((one["x0"].shape, one["error"].shape), ((SEQUENCES, SIZE),) * 2)
            for name in one:
                np.testing.assert_array_equal(one[name], two[name], name)
        results = self.run_exported(sweep)
        self.assertTrue(np.isnan(results["log_total_gradient_norm"]).all())  # there is no loss at other steps
        for name in ("weight_spectral_radius", "weight_norm"):
            self.assertEqual(len(set(results[name].ravel())), 1, name)
        self.assertEqual(len(set(results["log_gradient_norm"].ravel())), SEQUENCES)
        for replica in range(SEQUENCES):
            of_one = Autograd(rnn, inputs[:, replica], hidden[replica], lambda _, h: loss(h, targets[replica]))
            self.compare(results, replica, of_one, ("log_total_gradient_norm",))

    def test_a_batch_with_the_loss_of_the_sweep(self):
        (rnn, _), inputs = trained(), batch()
        sweep = gradsweep.from_torch(rnn, inputs, path=self.path("network.h5"))
        results = self.run_exported(sweep)
        for replica in (0, 7, SEQUENCES - 1):
            self.compare(results, replica,
                         Autograd(rnn, inputs[:, replica], torch.zeros(SIZE, dtype=torch.float64),
                                  lambda state, _: 0.5 * (state ** 2).sum()))

    def export(self, *arguments):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(export_torch.main([str(argument) for argument in arguments]), 0)
        return out.getvalue()

    def test_a_folder_of_checkpoints(self):
        """Ten of them in one call, each an ensemble; targets make the error."""
        folder, inputs = Path(self.path("checkpoints")), batch()[:, :3]
        folder.mkdir()
        networks = {}
        for number in (1, 2, 3, 5, 8, 9, 10, 11, 20, 100):
            torch.manual_seed(number)
            networks[f"step{number}"] = torch.nn.RNN(INPUTS, SIZE, dtype=torch.float64)
            torch.save(networks[f"step{number}"].state_dict(), folder / f"step{number}.pt")
        np.save(self.path("inputs.npy"), inputs.transpose(0, 1))
        targets = np.random.default_rng(1).normal(size=(3, SIZE)) / 8
        np.save(self.path("targets.npy"), targets)
        text = self.export(folder, "-o", self.path("networks"), "--inputs", self.path("inputs.npy"), "--batch-first",
                           "--targets", self.path("targets.npy"))
        sweep = self.sweep(text.replace("{log2: 32}", f"[1, 7, {STEPS}]") + "measure: gradient\n")
        results = read(self.run_sweep(sweep, "out.h5"))
        self.assertEqual([name.decode() for name in results["ensemble"]], list(networks))  # natural order
        for place, rnn in enumerate(networks.values()):
            for replica in range(3):
                target = torch.tensor(targets[replica])
                of_one = Autograd(rnn, inputs[:, replica], torch.zeros(SIZE, dtype=torch.float64),
                                  lambda _, hidden: 0.5 * ((hidden - target) ** 2).sum())
                found = {name: values[:, place:place + 1] if values.ndim >= 6 else values
                         for name, values in results.items()}
                self.compare(found, replica, of_one, ("log_total_gradient_norm",))


class Training(CommandTest):
    def test_the_sweep_of_checkpoints(self):
        """jobs/training.py and jobs/sweeps/training.yaml, shortened."""
        done = subprocess.run([sys.executable, TESTS.parent / "jobs" / "training.py", "-o", self.path("training"), "--steps",
                               "12"], capture_output=True, text=True, timeout=command.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        names = [f"step{number:04}" for number in (0, 1, 2, 5, 10, 12)]
        self.assertEqual(sorted(path.stem for path in Path(self.path("training")).iterdir()), names)
        sweep = TESTS.parent / "jobs" / "sweeps" / "training.yaml"
        pattern = f"weights.ensemble={{kind: file, path: '{self.path('training')}/*.h5'}}"
        results = read(self.run_sweep(sweep, "training.h5", "--set", pattern, "--set", "grid.lag=[1, 5, 20]", "--set",
                                      "measure=[gradient, summary]"))
        self.assertEqual([name.decode() for name in results["ensemble"]], names)
        self.assertTrue((results["status"] == command.DONE).all())
        self.assertFalse(np.isnan(results["participation_ratio"]).any())


if __name__ == "__main__":
    command.main()
