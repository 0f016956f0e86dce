"""Turns a recurrent network of PyTorch, and sequences of inputs, into a network file for gradsweep:

    export_torch.py CHECKPOINT -o NETWORK.h5 [--inputs FILE [--batch-first]] [--targets FILE] [--initial-state FILE]
                                             [--nonlinearity tanh|relu] [--prefix NAME.]
    export_torch.py FOLDER -o FOLDER ...     every checkpoint of a folder, each into a network file of its name

CHECKPOINT is what torch.save or safetensors wrote: a state_dict, a dictionary that holds one at any depth, a module, a
TorchScript archive. In it stands one nn.RNN or nn.RNNCell of one layer and one direction, with tanh or relu. It is read
without torch, and nothing in it is run. Pruned networks and those with weight_norm or spectral_norm get the W that they
use in evaluation, computed in double precision. FILE is .npy, .npz or .pt. Inputs are one sequence [T, m], or R of them
as nn.RNN takes them: [T, R, m], with --batch-first [R, T, m]; replica r of a sweep then has sequence r, and W is the same
for all. The initial state is h_0, [d] for all or [R, d]. Targets [d], or [R, d], make the file's `error`, the gradient of
0.5 ||h_T - target||^2 by the pre-activation, d eps_T/dx_T = (h_T - target) sigma'(x_T), which a sweep carries back as e_0
(of any other loss: gradsweep.from_torch).

The mapping. PyTorch computes

    h_t = sigma(W_ih i_t + b_ih + W_hh h_(t-1) + b_hh),

gradsweep the pre-activations x_t, of which h_t = sigma(x_t) is a function:

    x_t = W sigma(x_(t-1)) + w_in i_t + b,   W = weight_hh, w_in = weight_ih, b = bias_ih + bias_hh (nn.RNN: ..._l0),
    sigma(x_0) = h_0: for tanh x_0 = artanh(h_0), for relu x_0 = h_0; without --initial-state h_0 = 0 and x_0 = 0.

Row i of W and w_in belongs to the output i in both. Single precision becomes double precision exactly. The Jacobians
that gradsweep measures are those of pre-activations, dx_T/dx_(T-l); the gradient d eps/dW is that by weight_hh.
At the kink of relu gradsweep's derivative is 0: with h_0 = 0, dx_1/dx_0 is 0.

Networks without biases get b = 0. Without --inputs the sweep's own `model.input` drives the network through w_in.
The network is run as it is by `spectral_radius: native` and `gamma: 1`; a sweep that does so is printed.

Exit codes: 0 done; 1 a file that cannot be read, or holds no such network; 2 wrong use.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import zipfile
from collections.abc import Callable

import h5py
import numpy as np

from ..whole import write_whole
from .arrays import ExportError, initial_states, require, sequences, squared_errors
from .checkpoint import load_checkpoint
from .pickles import FormatError, Tensor
from .recurrent import Checkpoint, Network, choose_network

BIASES = ("bias_ih", "bias_hh")


def load(path: str) -> object:
    try:
        return load_checkpoint(path)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except FormatError as error:
        raise ExportError(f"{path}: {error}") from error


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def refuse_other_networks(checkpoint: Checkpoint, network: Network) -> None:
    """Layers, directions and projections that the equation above does not have."""
    if network.layers != {0}:
        raise FormatError("several stacked layers; gradsweep knows one: in the second, the inputs are another's states")
    if network.is_bidirectional:
        raise FormatError("a bidirectional network; gradsweep knows one direction")
    if network.prefix + "weight_hr" + network.suffix in checkpoint.tensors:
        raise FormatError("a network with projections (proj_size); gradsweep has none")


def refuse_gates(name: str, shape: tuple[int, ...]) -> None:
    """A network with gates has several weights one below the other."""
    gates = {4: "an LSTM", 3: "a GRU"}.get(shape[0] // shape[1]) if len(shape) == 2 and shape[1] else None
    if gates and shape[0] % shape[1] == 0:
        raise FormatError(f"{name} is {shape[0]} x {shape[1]}: {gates}; gradsweep knows nn.RNN and nn.RNNCell, whose step "
                          "is x_t = W sigma(x_(t-1)) + w_in i_t + b, without gates")


def to_numpy(value: object, name: str, path: str) -> np.ndarray:
    if not isinstance(value, Tensor):
        raise ExportError(f"{path}: {name} is no tensor")
    try:
        return value.array()
    except FormatError as error:
        raise ExportError(f"{path}: {name} {error}") from error


def choose_nonlinearity(checkpoint: Checkpoint, network: Network, asked: str | None) -> tuple[str, str]:
    """tanh or relu, and why where nobody said so."""
    found = checkpoint.nonlinearity(network)
    own = checkpoint.nonlinearities.get(network.prefix.rstrip("."))
    if asked and own and asked != own:
        raise FormatError(f"the module {network.name} has nonlinearity {own}, not {asked}")
    if asked or found:
        return asked or found, ""
    return "tanh", "tanh is assumed: a state_dict does not say; --nonlinearity relu takes the other"


def read_network(path: str, prefix: str | None, nonlinearity: str | None
                 ) -> tuple[dict[str, np.ndarray], str, list[str]]:
    """W, w_in and b of the checkpoint, the nonlinearity, and notes on how they were found."""
    checkpoint = Checkpoint(load(path))
    notes = []
    try:
        network = choose_network(checkpoint, prefix)
        refuse_other_networks(checkpoint, network)
        activation, note = choose_nonlinearity(checkpoint, network, nonlinearity)
        notes += [note] if note else []

        def find(name: str) -> np.ndarray | None:
            values, how = checkpoint.parameter(network, name)
            if how:
                notes.append(f"{name}{network.suffix} = {how}")
            return values

        recurrent, size = find("weight_hh"), 0
        if recurrent is not None:
            refuse_gates("weight_hh" + network.suffix, recurrent.shape)
            size = recurrent.shape[-1] if recurrent.ndim else 0

        def get(values: np.ndarray | None, name: str, *shape: int) -> np.ndarray:
            full = network.prefix + name + network.suffix
            if values is None:
                raise FormatError(f"{full} is missing")
            return require(values, full, shape, path)

        weights = get(recurrent, "weight_hh", size, size)
        input_weights = get(find("weight_ih"), "weight_ih", size, -1)
        biases = {name: find(name) for name in BIASES}
        bias = np.zeros(size)
        if any(values is not None for values in biases.values()):
            bias = sum(get(values, name, size) for name, values in biases.items())
    except FormatError as error:
        raise ExportError(f"{path}: {error}") from error
    return {"W": weights, "w_in": input_weights, "b": bias}, activation, notes


def read_array(path: str, name: str) -> np.ndarray:
    """The one array of a .npy, .npz or .pt file, or that of this name among several."""
    try:
        is_array = path.endswith((".npy", ".npz"))
        loaded = np.load(path, allow_pickle=False) if is_array else load(path)
    except OSError as error:
        raise ExportError(f"{path}: {error.strerror or error}") from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path}: it is no .npy, .npz or .pt file ({first_line(error)})") from error
    if isinstance(loaded, (np.lib.npyio.NpzFile, dict)):
        names = list(loaded)
        if name not in names and len(names) != 1:
            raise ExportError(f"{path}: no {name} among its arrays: {', '.join(map(str, names))}")
        loaded = loaded[name if name in names else names[0]]
    return loaded if isinstance(loaded, np.ndarray) else to_numpy(loaded, name, path)


def write_network(path: str, arrays: dict[str, np.ndarray], origin: str, nonlinearity: str) -> None:
    """The file appears whole or not at all."""

    def write(temporary: str) -> None:
        with h5py.File(temporary, "w") as file:
            for name, values in arrays.items():
                file[name] = values
            file.attrs["source"] = origin
            file.attrs["nonlinearity"] = nonlinearity

    try:
        write_whole(path, write)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {first_line(error)}") from error


DENSE_STEPS = 512  # up to which every lag is measured
STEPS_ALONE = 64  # of a network without inputs
MEASURES = "[jacobian_norm, step_bound, gradient]"


def quoted(text: str) -> str:
    """In the double quotes of YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sweep_of_norms(path: str, arrays: dict[str, np.ndarray], nonlinearity: str, notes: list[str]) -> str:
    """A sweep of the network as it is, over the whole sequence; the notes as comments."""
    lags = doubling(step_count(arrays))
    return comments(notes) + sweep_body(path, arrays, nonlinearity, lags)


def sweep_of_all(path: str, arrays: dict[str, np.ndarray], nonlinearity: str, notes: list[str]) -> str:
    """The same with a name, every lag of a short sequence, and the measures that the figures of one network need."""
    steps = step_count(arrays)
    lags = f"{{start: 1, stop: {steps - 1}, step: 1}}" if 1 < steps <= DENSE_STEPS else doubling(steps)
    name = os.path.dirname(path) if "*" in path else os.path.splitext(path)[0]
    return (f"{comments(notes)}name: {quoted(os.path.basename(name))}\n{sweep_body(path, arrays, nonlinearity, lags)}"
            f"measure: {MEASURES}    # norms and bounds, their chain, contributing steps\n")


def doubling(steps: int) -> str:
    """Lags 1, 2, 4, ... up to so many."""
    return f"{{log2: {1 << (steps.bit_length() - 1)}}}"


def comments(notes: list[str]) -> str:
    return "".join(f"# {' '.join(note.split())}\n" for note in notes)


def sweep_body(path: str, arrays: dict[str, np.ndarray], nonlinearity: str, lags: str) -> str:
    replicas = f", replicas: {len(arrays['inputs'])}" if "inputs" in arrays and arrays["inputs"].ndim == 3 else ""
    return (f"weights: {{ensemble: {{kind: file, path: {quoted(path)}}}{replicas}}}\n"
            f"model: {{activation: {nonlinearity}, steps: {step_count(arrays)}}}\n"
            f"grid: {{hidden_size: {len(arrays['W'])}, spectral_radius: native, gamma: 1, lag: {lags}}}\n")


def step_count(arrays: dict[str, np.ndarray]) -> int:
    return arrays["inputs"].shape[-2] if "inputs" in arrays else STEPS_ALONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="what torch.save or safetensors wrote: a state_dict, or anything that holds one; or a folder of them")
    parser.add_argument("-o", "--output", metavar="NETWORK.h5", required=True,
                        help="the network file to write; of a folder, the folder of network files")
    parser.add_argument("--inputs", metavar="FILE",
                        help="one sequence [T, m], or a batch [T, R, m] of R: .npy, .npz or .pt")
    parser.add_argument("--batch-first", action="store_true", help="batches of inputs are [R, T, m]")
    parser.add_argument("--targets", metavar="FILE",
                        help="of h_T, [d] or [R, d]: the error of 0.5 ||h_T - target||^2 is carried back")
    parser.add_argument("--initial-state", metavar="FILE", help="h_0 [d] or [R, d]: .npy, .npz or .pt (default: zeros)")
    parser.add_argument("--nonlinearity", choices=("tanh", "relu"),
                        help="that of the nn.RNN (default: what the checkpoint says; a state_dict does not: tanh)")
    parser.add_argument("--prefix", help="what stands before weight_hh, such as 'encoder.rnn.', where there are several")


def export(checkpoint: str, output: str, options: argparse.Namespace) -> tuple[dict[str, np.ndarray], str, list[str]]:
    """Writes one network file; its arrays, the nonlinearity, and notes on how they were found."""
    arrays, nonlinearity, notes = read_network(checkpoint, options.prefix, options.nonlinearity)
    size, input_size = arrays["w_in"].shape
    if options.inputs is not None:
        inputs = read_array(options.inputs, "inputs")
        arrays["inputs"] = sequences(inputs, options.batch_first, input_size, options.inputs)
    hidden = None if options.initial_state is None else read_array(options.initial_state, "h0")
    arrays["x0"] = initial_states(hidden, arrays.get("inputs", np.empty((0, input_size))), size, nonlinearity,
                                  options.initial_state or checkpoint)
    if options.targets is not None:
        arrays["error"] = squared_errors(arrays, read_array(options.targets, "targets"), nonlinearity, options.targets)
    write_network(output, arrays, os.path.basename(checkpoint), nonlinearity)
    return arrays, nonlinearity, notes


CHECKPOINTS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors")


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Numbers in a name by their values: step9 before step10, as gradsweep orders the files of a pattern."""
    return [(0, int(part), part) if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def checkpoints_in(folder: str) -> list[str]:
    return sorted((name for name in os.listdir(folder) if name.endswith(CHECKPOINTS)), key=natural_order)


def export_folder(folder: str, output: str, options: argparse.Namespace) -> tuple[str, dict[str, np.ndarray], str, list[str]]:
    """Every checkpoint of a folder; the pattern of their network files, and of the first what export() gives."""
    names = checkpoints_in(folder)
    stems = [os.path.splitext(name)[0] for name in names]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice is not None:
        raise ExportError(f"{folder}: two checkpoints are called {twice}, and would become one network file")
    try:
        os.makedirs(output, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{output}: {error.strerror or error}") from error
    exported = [export(os.path.join(folder, name), os.path.join(output, f"{stem}.h5"), options)
                for name, stem in zip(names, stems)]
    first, nonlinearity, notes = exported[0]
    for name, (arrays, activation, _) in zip(names, exported):
        if arrays["W"].shape != first["W"].shape or activation != nonlinearity:
            raise ExportError(f"{os.path.join(folder, name)}: {len(arrays['W'])} units of {activation}, but {names[0]} has "
                              f"{len(first['W'])} of {nonlinearity}: they do not fit into one sweep")
    return os.path.join(os.path.abspath(output), "*.h5"), first, nonlinearity, notes


def convert(options: argparse.Namespace, program: str, describe: Callable[..., str]) -> int:
    """Writes the network file and prints what `describe` makes of it, a sweep; what goes wrong is told on stderr as
    `program: ...`. Returns the exit code."""
    try:
        if os.path.isdir(options.checkpoint) and checkpoints_in(options.checkpoint):
            found = export_folder(options.checkpoint, options.output, options)
        else:
            found = os.path.abspath(options.output), *export(options.checkpoint, options.output, options)
    except ExportError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    print(describe(*found), end="")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="export_torch.py",
                                     description="Turns a recurrent network of PyTorch into a network file of gradsweep.",
                                     epilog="The mapping of conventions stands at the beginning of gradsweep/networks/export.py.")
    add_arguments(parser)
    return convert(parser.parse_args(arguments), "export_torch.py", sweep_of_norms)
