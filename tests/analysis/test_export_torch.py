"""PyTorch's networks in gradsweep: the same states, Jacobians and gradients as autograd's; every form in which PyTorch
saves them; and clear refusals. What a file may hold without PyTorch is tested in tests/field/test_foreign_checkpoints.py.

Called as test_export_torch.py PATH_OF_gradsweep MPIEXEC PATH_OF_print_network; ends with 77 where there is no torch."""

import contextlib
import io
import pickle
import subprocess
import sys
from pathlib import Path

try:
    import torch
except ImportError as missing:
    print(f"SKIPPED: {missing}; jobs/install.sh --with-torch installs it")
    sys.exit(77)

TESTS = Path(__file__).resolve().parents[1]
EXPORT = TESTS.parent / "analysis" / "export_torch.py"
sys.path[:0] = [str(TESTS / "command"), str(EXPORT.parent)]

import numpy as np
import torch.nn.utils.prune

import command
import export_torch
import gradsweep
from command import CommandTest, h5py, read

PRINT_NETWORK = None
SIZE, INPUTS, STEPS = 50, 3, 40
LAGS = [1, 2, 3, 5, 8, 13, 21, 34, 40]
# Two programs that add the same terms in another order, forty contracting steps long: what is promised.
TOLERANCE = 1e-10


class TorchTest(CommandTest):
    def export(self, *arguments):
        """In this process, since torch takes seconds to load; returncode, stdout and stderr."""
        out, error = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
            code = export_torch.main([*arguments, "-o", self.path("network.h5")])
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), error.getvalue())

    def save(self, contents, name="network.pt"):
        torch.save(contents, self.path(name))
        return self.path(name)

    def array(self, values, name):
        np.save(self.path(name), values)
        return self.path(name)


class Reference:
    """A network of PyTorch, and what autograd finds for it."""

    def __init__(self, nonlinearity, bias=True):
        torch.manual_seed(2013)
        self.activation = torch.tanh if nonlinearity == "tanh" else torch.relu
        self.rnn = torch.nn.RNN(INPUTS, SIZE, nonlinearity=nonlinearity, bias=bias, dtype=torch.float64)
        with torch.no_grad():  # radius near 0.9; by its own law PyTorch draws one near 0.6
            self.rnn.weight_hh_l0.normal_(0, 0.9 / SIZE ** 0.5)
        self.inputs = torch.randn(STEPS, INPUTS, dtype=torch.float64)
        self.hidden = 0.9 * torch.rand(SIZE, dtype=torch.float64)
        self.initial = torch.atanh(self.hidden) if nonlinearity == "tanh" else self.hidden
        self.bias = self.rnn.bias_ih_l0 + self.rnn.bias_hh_l0 if bias else torch.zeros(SIZE, dtype=torch.float64)

    def step(self, state, step):
        """x_step of x_(step-1)."""
        return (self.rnn.weight_hh_l0 @ self.activation(state) + self.rnn.weight_ih_l0 @ self.inputs[step - 1] +
                self.bias)

    def states(self):
        found = [self.initial]
        for step in range(1, STEPS + 1):
            found.append(self.step(found[-1], step))
        return found

    def check_states(self, states):
        """Those of torch.nn.RNN itself, which gives sigma of them."""
        hidden, _ = self.rnn(self.inputs[:, None], self.hidden[None, None])
        distance = (hidden[:, 0] - self.activation(torch.stack(states[1:]))).abs().max()
        assert distance < 1e-13, distance

    def log_jacobian_norm(self, states, lag):
        def last_state(state):
            for step in range(STEPS - lag + 1, STEPS + 1):
                state = self.step(state, step)
            return state

        jacobian = torch.autograd.functional.jacobian(last_state, states[STEPS - lag].detach())
        return torch.log(torch.linalg.matrix_norm(jacobian, 2)).item()

    def gradient(self, loss):
        return torch.autograd.grad(loss, self.rnn.weight_hh_l0, retain_graph=True)[0].numpy()


class Autograd(TorchTest):
    """In double precision, with inputs, biases and an initial state."""

    def export_reference(self, reference, nonlinearity):
        ended = self.export(self.save(reference.rnn.state_dict()), "--nonlinearity", nonlinearity,
                            "--inputs", self.array(reference.inputs.numpy(), "inputs.npy"),
                            "--initial-state", self.array(reference.hidden.numpy(), "h0.npy"))
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return self.sweep(ended.stdout)

    def print_network(self, sweep):
        """States, d eps_T/dW, gradient of the total loss."""
        done = subprocess.run([PRINT_NETWORK, sweep], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        numbers = np.loadtxt(io.StringIO(done.stdout))
        return np.split(numbers, [STEPS, STEPS + SIZE])

    def compare(self, what, found, expected, relative_to=1.0):
        error = np.abs(np.asarray(found) - np.asarray(expected)).max() / relative_to
        print(f"{what}: worst error {error:.2g}")
        self.assertLess(error, TOLERANCE, what)

    def check_network(self, nonlinearity, bias=True):
        reference = Reference(nonlinearity, bias)
        sweep = self.export_reference(reference, nonlinearity)
        states = reference.states()
        reference.check_states(states)
        found, last, total = self.print_network(sweep)
        self.compare(f"{nonlinearity}: x_t", found, torch.stack(states[1:]).detach())

        losses = [0.5 * (state ** 2).sum() for state in states[1:]]
        gradients = {"d eps_T/dW": (last, reference.gradient(losses[-1])),
                     "total gradient": (total, reference.gradient(sum(losses)))}
        for name, (ours, theirs) in gradients.items():
            self.compare(f"{nonlinearity}: {name}, relative to its largest", ours, theirs, np.abs(theirs).max())

        data = read(self.run_sweep(sweep, "out.h5", "--set", f"grid.lag={LAGS}", "--set", "measure=[gradient]"))
        self.assertTrue((data["status"] == command.DONE).all())
        self.compare(f"{nonlinearity}: ln ||J_l||_2", data["log_jacobian_norm"].ravel(),
                     [reference.log_jacobian_norm(states, lag) for lag in LAGS])
        for name, dataset in (("d eps_T/dW", "log_gradient_norm"), ("total gradient", "log_total_gradient_norm")):
            self.compare(f"{nonlinearity}: ln || {name} ||_F", data[dataset].ravel(),
                         np.log(np.linalg.norm(gradients[name][1])))
        return reference, sweep, states

    def test_tanh(self):
        reference, sweep, states = self.check_network("tanh")
        # Of a loss on top of torch.nn.RNN's own output, carried into the network as its error e_0.
        readout = torch.randn(SIZE, dtype=torch.float64)
        hidden, _ = reference.rnn(reference.inputs[:, None], reference.hidden[None, None])
        expected = reference.gradient(readout @ hidden[-1, 0])
        slope = 1 - torch.tanh(states[-1].detach()) ** 2
        with h5py.File(self.path("network.h5"), "a") as file:
            file["error"] = (readout * slope).numpy()
        _, found, _ = self.print_network(sweep)
        self.compare("tanh: gradient of torch.nn.RNN with a readout", found, expected, np.abs(expected).max())

    def test_relu(self):
        self.check_network("relu")

    def test_without_biases(self):
        self.check_network("tanh", bias=False)

    def test_the_transposed_network_fails(self):
        """The comparison sees the order of the indices."""
        reference = Reference("tanh")
        sweep = self.export_reference(reference, "tanh")
        with h5py.File(self.path("network.h5"), "a") as file:
            file["W"][...] = file["W"][...].T
        found, _, _ = self.print_network(sweep)
        self.assertGreater(np.abs(found - torch.stack(reference.states()[1:]).detach().numpy()).max(), 0.1)


class Export(TorchTest):
    def test_checkpoints(self):
        """The same file from a state_dict, a nested one, one with a prefix, and in single precision."""
        rnn = torch.nn.RNN(2, 4)
        state = rnn.state_dict()
        prefixed = {f"encoder.rnn.{name}": tensor for name, tensor in state.items()}
        prefixed["decoder.weight"] = torch.ones(3, 4)
        contents = []
        for checkpoint in (state, {"epoch": 3, "model_state_dict": prefixed}, {"state_dict": dict(state)}):
            ended = self.export(self.save(checkpoint))
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            with h5py.File(self.path("network.h5")) as file:
                self.assertTrue((file["W"][...] == state["weight_hh_l0"].double().numpy()).all())
                bias = state["bias_ih_l0"].double() + state["bias_hh_l0"].double()
                self.assertTrue((file["b"][...] == bias.numpy()).all())
                contents.append({name: values[...].tobytes() for name, values in file.items()})
        self.assertEqual(sorted(contents[0]), ["W", "b", "w_in", "x0"])
        self.assertTrue(all(other == contents[0] for other in contents))
        self.run_sweep(self.sweep(ended.stdout), "out.h5", "--set", "model.input={kind: gaussian, size: 2}")

    def test_arrays(self):
        """Inputs as .npy, .npz and .pt; h_0 as PyTorch shapes it."""
        checkpoint = self.save(torch.nn.RNN(2, 4).state_dict())
        inputs = np.arange(10, dtype=np.float32).reshape(5, 2)
        np.savez(self.path("several.npz"), other=np.ones(3), inputs=inputs)
        np.savez(self.path("one.npz"), sequence=inputs)
        self.save(torch.tensor(inputs), "inputs.pt")
        self.save(torch.full((1, 1, 4), 0.5), "h0.pt")
        for name in (self.array(inputs, "inputs.npy"), self.path("several.npz"), self.path("one.npz"),
                     self.path("inputs.pt")):
            ended = self.export(checkpoint, "--inputs", name, "--initial-state", self.path("h0.pt"))
            self.assertEqual((ended.returncode, ended.stderr), (0, ""))
            with h5py.File(self.path("network.h5")) as file:
                self.assertTrue((file["inputs"][...] == inputs).all())
                self.assertTrue((file["x0"][...] == np.arctanh(0.5)).all())

    def find_weights(self, path, *arguments):
        """W as it is exported, and the sweep that is printed."""
        ended = self.export(path, *arguments)
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        with h5py.File(self.path("network.h5")) as file:
            return file["W"][...], ended.stdout

    def test_every_way_to_save(self):
        """The same W, to the bit, from every format; modules say themselves that they are relu."""

        class Model(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.cell, self.readout = torch.nn.RNNCell(2, 4, nonlinearity="relu"), torch.nn.Linear(4, 2)

            def forward(self, given, hidden):
                return self.cell(given, hidden)

        def pickled(contents, path):
            with open(path, "wb") as file:
                pickle.dump(contents, file)

        model, rnn = Model(), torch.nn.RNN(2, 4, nonlinearity="relu")
        optimizer = torch.optim.Adam(model.parameters())
        model(torch.ones(1, 2), torch.zeros(1, 4)).sum().backward()
        optimizer.step()
        training = {"epoch": 3, "loss": torch.tensor(0.5), "best": np.float64(0.25), "optimizer": optimizer.state_dict(),
                    "history": [{"net": {f"module._orig_mod.{name}": tensor for name, tensor in model.state_dict().items()}}]}
        legacy = {"_use_new_zipfile_serialization": False}
        ways = [
            (rnn, torch.save, {}, True), (rnn, torch.save, legacy, True), (rnn.state_dict(), torch.save, legacy, False),
            (rnn.state_dict(), pickled, {}, False), (torch.jit.script(rnn), torch.jit.save, {}, True),
            (torch.jit.trace(rnn, torch.zeros(3, 1, 2)), torch.jit.save, {}, False), (training, torch.save, {}, False),
            (training, torch.save, legacy, False), (rnn.state_dict(), torch.save, {"pickle_protocol": 4}, False),
        ]
        for number, (contents, save, options, says_relu) in enumerate(ways):
            with self.subTest(number):
                save(contents, self.path("network.pt"), **options)
                found, sweep = self.find_weights(self.path("network.pt"))
                expected = model.cell.weight_hh if contents is training else rnn.weight_hh_l0
                self.assertTrue((found == expected.detach().double().numpy()).all())
                self.assertIn("activation: relu" if says_relu else "activation: tanh", sweep)
                self.assertEqual("# tanh is assumed" in sweep, not says_relu)

    def test_strides_and_precisions(self):
        state = torch.nn.RNN(2, 4, dtype=torch.float64).state_dict()
        state["weight_hh_l0"] = torch.randn(9, 9, dtype=torch.float64).t()[2:6, 3:7]
        found, _ = self.find_weights(self.save(state))
        self.assertTrue((found == state["weight_hh_l0"].numpy()).all())
        for dtype in (torch.float16, torch.bfloat16, torch.float32):
            rnn = torch.nn.RNN(2, 4, dtype=dtype)
            found, _ = self.find_weights(self.save(rnn.state_dict()))
            self.assertTrue((found == rnn.weight_hh_l0.detach().double().numpy()).all())

    def test_parametrised_networks(self):
        """The W of torch itself in evaluation. It computes in single precision, we in double: a few roundings of values
        below 1, 1e-6 at most."""
        utils = torch.nn.utils
        ways = [
            (utils.parametrizations.spectral_norm, {}), (utils.spectral_norm, {}), (utils.weight_norm, {}),
            (utils.weight_norm, {"dim": 1}), (utils.weight_norm, {"dim": None}),
            (utils.prune.random_unstructured, {"amount": 0.5}),
        ]
        for number, (parametrize, options) in enumerate(ways):
            for name in ("weight_hh", "weight_ih"):
                cell = torch.nn.RNNCell(3, 4)
                parametrize(cell, name, **options)
                for _ in range(20):
                    cell(torch.ones(1, 3), torch.ones(1, 4))
                cell.eval()
                cell(torch.ones(1, 3), torch.ones(1, 4))
                with self.subTest((number, name)):
                    found, sweep = self.find_weights(self.save(cell.state_dict()))
                    with h5py.File(self.path("network.h5")) as file:
                        found = file["W" if name == "weight_hh" else "w_in"][...]
                    np.testing.assert_allclose(found, getattr(cell, name).detach().double().numpy(), atol=1e-6)
                    self.assertIn(f"# {name} = ", sweep)
        orthogonal = utils.parametrizations.orthogonal(torch.nn.RNNCell(3, 4), "weight_hh")
        ended = self.export(self.save(orthogonal.state_dict()))
        self.assertIn("torch.nn.utils.parametrize.remove_parametrizations(module, 'weight_hh')", ended.stderr)

    def test_refusals(self):
        rnn = torch.nn.RNN(2, 4).state_dict()
        broken = {name: tensor.clone() for name, tensor in rnn.items()}
        broken["weight_hh_l0"][1, 2] = float("nan")
        Path(self.path("text.pt")).write_text("no checkpoint")
        networks = [
            (torch.nn.LSTM(2, 4).state_dict(), "16 x 4: an LSTM; gradsweep knows nn.RNN"),
            (torch.nn.GRU(2, 4).state_dict(), "12 x 4: a GRU"),
            (torch.nn.RNN(2, 4, num_layers=2).state_dict(), "several stacked layers"),
            (torch.nn.RNN(2, 4, bidirectional=True).state_dict(), "a bidirectional network"),
            (torch.nn.GRUCell(2, 4), "12 x 4: a GRU"),
            (torch.nn.Linear(2, 4).state_dict(), "no weight_hh_l0 or weight_hh, so no nn.RNN or nn.RNNCell; it holds weight, bias"),
            ({"epoch": 3}, "it holds no tensors; what it holds: epoch"),
            ([1, 2], "it holds no tensors; what it holds: a list"),
            ({f"{part}.{name}": tensor + number for number, part in enumerate("ab") for name, tensor in rnn.items()},
             "choose one with --prefix: a., b."),
            ({name: tensor for name, tensor in rnn.items() if name != "weight_ih_l0"}, "weight_ih_l0 is missing"),
            ({**rnn, "bias_hh_l0": torch.ones(5)}, "bias_hh_l0 is 5 where 4 is wanted"),
            ({**rnn, "weight_hh_l0": torch.ones(4, 5)}, "weight_hh_l0 is 4 x 5 where 5 x 5 is wanted"),
            ({**rnn, "weight_hh_l0": torch.ones(4, 4, dtype=torch.complex64)}, "holds complex64, not real numbers"),
            (broken, "weight_hh_l0[1, 2] is nan"),
        ]
        cases = [([self.save(contents, f"{number}.pt")], text) for number, (contents, text) in enumerate(networks)]
        checkpoint = self.save(rnn)
        np.savez(self.path("several.npz"), a=np.ones(3), b=np.ones(3))
        cases += [
            ([self.path("nowhere.pt")], "No such file"),
            ([self.path("text.pt")], "it is a text file"),
            ([checkpoint, "--inputs", self.path("nowhere.npy")], "No such file"),
            ([checkpoint, "--inputs", self.path("text.pt")], "it is a text file"),
            ([checkpoint, "--inputs", self.path("several.npz")], "no inputs among its arrays: a, b"),
            ([checkpoint, "--inputs", self.array(np.ones((5, 3)), "3.npy")], "inputs is 5 x 3 where any x 2 is wanted"),
            ([checkpoint, "--inputs", self.array(np.ones((5, 7, 3)), "b3.npy")], "inputs is 7 x 5 x 3 where any x any x 2"),
            ([checkpoint, "--targets", self.array(np.ones(4), "t.npy")], "targets are those of a sequence"),
            ([checkpoint, "--inputs", self.array(np.ones((5, 7, 2)), "b.npy"), "--targets", self.path("t.npy")],
             "targets is 4 where 7 x 4 is wanted"),
            ([checkpoint, "--inputs", self.path("b.npy"), "--initial-state", self.array(np.zeros((6, 4)), "h6.npy")],
             "h0 is 6 x 4 where 7 x 4 is wanted"),
            ([checkpoint, "--inputs", self.array(np.array(["a"]), "s.npy")], "not real numbers"),
            ([checkpoint, "--initial-state", self.array(np.ones(4), "1.npy")], "h0 reaches 1; no x_0 has such a tanh"),
            ([checkpoint, "--nonlinearity", "relu", "--initial-state", self.array(-np.ones(4), "m.npy")],
             "h0 falls to -1"),
            ([checkpoint, "--initial-state", self.array(np.ones(3), "h.npy")], "h0 is 3 where 4 is wanted"),
        ]
        for arguments, text in cases:
            with self.subTest(text):
                ended = self.export(*arguments)
                self.assertEqual((ended.returncode, ended.stdout), (1, ""), ended.stderr)
                self.assertEqual(ended.stderr.count("\n"), 1, ended.stderr)
                self.assertIn(text, ended.stderr)
                self.assertFalse(Path(self.path("network.h5")).exists())

    def test_the_script_itself(self):
        for arguments, code in (([self.path("nowhere.pt"), "-o", self.path("network.h5")], 1), ([], 2)):
            ended = subprocess.run([sys.executable, EXPORT, *arguments], capture_output=True, text=True)
            self.assertEqual(ended.returncode, code, ended.stderr)
            self.assertNotIn("Traceback", ended.stderr)


class FromTorch(TorchTest):
    """gradsweep.from_torch: networks in memory."""

    def from_torch(self, *arguments, **options):
        return gradsweep.from_torch(*arguments, path=self.path("network.h5"), **options)

    def read_network(self):
        with h5py.File(self.path("network.h5")) as file:
            return {name: values[...] for name, values in file.items()}

    def test_norms_and_gradient_of_a_loss(self):
        """Those of autograd, with the loss on the network's own output; in single precision its error is right to that."""
        for nonlinearity in ("tanh", "relu"):
            reference = Reference(nonlinearity)
            readout = torch.randn(SIZE, dtype=torch.float64)
            sweep = self.from_torch(reference.rnn, reference.inputs, lambda hidden: (readout @ hidden) ** 2,
                                    initial_state=reference.hidden)
            found = gradsweep.run(sweep, self.path("out.h5"), command=command.GRADSWEEP, overwrite=True)
            self.addCleanup(found.close)
            states = reference.states()
            norms = found["log_jacobian_norm"].squeeze().sel(lag=LAGS)
            expected = [reference.log_jacobian_norm(states, lag) for lag in LAGS]
            np.testing.assert_allclose(norms, expected, atol=TOLERANCE)
            hidden, _ = reference.rnn(reference.inputs[:, None], reference.hidden[None, None])
            gradient = reference.gradient((readout @ hidden[-1, 0]) ** 2)
            self.assertAlmostEqual(found["log_gradient_norm"].item(), np.log(np.linalg.norm(gradient)), delta=TOLERANCE)
            single = reference.rnn.float()
            exact = self.read_network()["error"]
            self.from_torch(single, reference.inputs, lambda hidden: (readout.float() @ hidden) ** 2,
                            initial_state=reference.hidden)
            np.testing.assert_allclose(self.read_network()["error"], exact, atol=1e-4 * np.abs(exact).max())

    def test_the_same_file_as_from_a_checkpoint(self):
        cell = torch.nn.utils.parametrizations.spectral_norm(torch.nn.RNNCell(2, 4), "weight_hh").eval()
        inputs = torch.randn(5, 1, 2)
        sweep = self.from_torch(cell, inputs)
        found = self.read_network()
        self.assertEqual(sorted(found), ["W", "b", "inputs", "w_in", "x0"])
        self.assertEqual(sweep["grid"]["lag"], {"start": 1, "stop": 5, "step": 1})
        np.testing.assert_array_equal(found["W"], cell.weight_hh.detach().double().numpy())
        np.testing.assert_array_equal(found["inputs"], inputs[:, 0].double().numpy())
        plain = torch.nn.RNN(2, 4, bias=False)
        self.from_torch(plain, inputs[:, 0].numpy(), initial_state=torch.full((1, 1, 4), 0.5))
        found = self.read_network()
        self.assertTrue((found["b"] == 0.0).all() and (found["x0"] == np.arctanh(0.5)).all())

    def test_refusals(self):
        rnn, inputs = torch.nn.RNN(2, 4), torch.ones(5, 2)
        for call, text in (
            (lambda: self.from_torch(torch.nn.LSTM(2, 4), inputs), "LSTM: gradsweep knows nn.RNN"),
            (lambda: self.from_torch(torch.nn.RNN(2, 4, num_layers=2), inputs), "one layer and one direction"),
            (lambda: self.from_torch(torch.nn.RNN(2, 4, bidirectional=True), inputs), "one layer and one direction"),
            (lambda: self.from_torch(rnn, torch.ones(5, 3)), "inputs is 5 x 3 where any x 2 is wanted"),
            (lambda: self.from_torch(rnn, torch.ones(5, 7, 3)), "inputs is 7 x 5 x 3 where any x any x 2 is wanted"),
            (lambda: self.from_torch(rnn, torch.ones(5, 7, 2), lambda hidden, target: hidden @ target,
                                     targets=torch.ones(6, 4)), "targets: 6 of them for 7 sequences"),
            (lambda: self.from_torch(rnn, inputs, lambda hidden: hidden), "the loss must give a scalar tensor"),
            (lambda: self.from_torch(rnn, inputs, lambda hidden: 1.0), "the loss must give a scalar tensor"),
            (lambda: self.from_torch(rnn, inputs, initial_state=torch.ones(4)), "no x_0 has such a tanh"),
        ):
            with self.assertRaisesRegex(gradsweep.ExportError, text):
                call()


if __name__ == "__main__":
    PRINT_NETWORK = sys.argv.pop(3)
    command.main()
