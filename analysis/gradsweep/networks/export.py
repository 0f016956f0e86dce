"""Turns a recurrent network of PyTorch, and a sequence of inputs, into a network file for gradsweep:

    export_torch.py CHECKPOINT -o NETWORK.h5 [--inputs FILE] [--initial-state FILE] [--nonlinearity tanh|relu]
                                             [--prefix NAME.]

CHECKPOINT is what torch.save or safetensors wrote: a state_dict, a dictionary that holds one at any depth, a module, a
TorchScript archive. In it stands one nn.RNN or nn.RNNCell of one layer and one direction, with tanh or relu. It is read
without torch, and nothing in it is run. Pruned networks and those with weight_norm or spectral_norm get the W that they
use in evaluation, computed in double precision. FILE is .npy, .npz or .pt; inputs are one sequence [T, m], the initial
state is h_0 [d].

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
import sys
import zipfile

import h5py
import numpy as np

from .checkpoint import load_checkpoint
from .pickles import FormatError, Tensor
from .recurrent import Checkpoint, Network, choose_network

BIASES = ("bias_ih", "bias_hh")


class ExportError(Exception):
    """What is wrong with a file, said once."""


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


def require(array: np.ndarray, name: str, shape: tuple, path: str) -> np.ndarray:
    """Real, finite, in double precision, of that shape; -1 stands for any size."""
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise ExportError(f"{path}: {name} holds {array.dtype}, not real numbers")
    fits = array.ndim == len(shape) and all(size in (-1, found) for size, found in zip(shape, array.shape))
    if not fits or array.size == 0:
        wanted = " x ".join("any" if size == -1 else str(size) for size in shape)
        found = " x ".join(map(str, array.shape)) or "a scalar"
        raise ExportError(f"{path}: {name} is {found} where {wanted} is wanted")
    if not np.isfinite(array).all():
        place = [int(index) for index in np.argwhere(~np.isfinite(array))[0]]
        raise ExportError(f"{path}: {name}{place} is {array[tuple(place)]}")
    return array.astype(np.float64)


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


def read_inputs(path: str, size: int) -> np.ndarray:
    """One sequence [T, m]."""
    inputs = read_array(path, "inputs")
    if inputs.ndim == 3:
        raise ExportError(f"{path}: inputs is a batch of sequences; save one of them, [T, m]")
    return require(inputs, "inputs", (-1, size), path)


def initial_state(path: str | None, size: int, nonlinearity: str) -> np.ndarray:
    """x_0 with sigma(x_0) = h_0; PyTorch's own h_0 [layers, batch, d] and [layers, d] of one layer will do."""
    if path is None:
        return np.zeros(size)
    hidden = read_array(path, "h0")
    hidden = require(hidden[(0,) * (hidden.ndim - 1)] if hidden.shape[:-1] in ((1,), (1, 1)) else hidden, "h0",
                     (size,), path)
    return state_of_hidden(hidden, nonlinearity, path)


def state_of_hidden(hidden: np.ndarray, nonlinearity: str, path: str) -> np.ndarray:
    """x_0 [d] with sigma(x_0) = h_0; `path` is what to name where there is none."""
    if nonlinearity == "tanh" and not (np.abs(hidden) < 1).all():
        raise ExportError(f"{path}: h0 reaches {np.abs(hidden).max():g}; no x_0 has such a tanh")
    if nonlinearity == "relu" and not (hidden >= 0).all():
        raise ExportError(f"{path}: h0 falls to {hidden.min():g}; no x_0 has such a relu")
    return np.arctanh(hidden) if nonlinearity == "tanh" else hidden


def write_network(path: str, arrays: dict[str, np.ndarray], origin: str, nonlinearity: str) -> None:
    """The file appears whole or not at all."""
    temporary = f"{path}.tmp"
    try:
        with h5py.File(temporary, "w") as file:
            for name, values in arrays.items():
                file[name] = values
            file.attrs["source"] = origin
            file.attrs["nonlinearity"] = nonlinearity
        os.replace(temporary, path)
    except OSError as error:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise ExportError(f"{path}: cannot be written: {first_line(error)}") from error


def sweep_text(path: str, arrays: dict[str, np.ndarray], nonlinearity: str, notes: list[str]) -> str:
    """A sweep of the network as it is, over the whole sequence; the notes as comments."""
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    steps = len(arrays["inputs"]) if "inputs" in arrays else 64
    longest = 1 << (steps.bit_length() - 1)
    comments = "".join(f"# {' '.join(note.split())}\n" for note in notes)
    return (f'{comments}weights: {{ensemble: {{kind: file, path: "{quoted}"}}}}\n'
            f"model: {{activation: {nonlinearity}, steps: {steps}}}\n"
            f"grid: {{hidden_size: {len(arrays['W'])}, spectral_radius: native, gamma: 1, lag: {{log2: {longest}}}}}\n")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT",
                        help="what torch.save or safetensors wrote: a state_dict, or anything that holds one")
    parser.add_argument("-o", "--output", metavar="NETWORK.h5", required=True, help="the network file to write")
    parser.add_argument("--inputs", metavar="FILE", help="one sequence [T, m]: .npy, .npz or .pt")
    parser.add_argument("--initial-state", metavar="FILE", help="h_0 [d]: .npy, .npz or .pt (default: zeros)")
    parser.add_argument("--nonlinearity", choices=("tanh", "relu"),
                        help="that of the nn.RNN (default: what the checkpoint says; a state_dict does not: tanh)")
    parser.add_argument("--prefix", help="what stands before weight_hh, such as 'encoder.rnn.', where there are several")


def convert(options: argparse.Namespace, program: str) -> int:
    """Writes the network file and prints a sweep of it; what goes wrong is told on stderr as `program: ...`. Returns the
    exit code."""
    try:
        arrays, nonlinearity, notes = read_network(options.checkpoint, options.prefix, options.nonlinearity)
        size, input_size = arrays["w_in"].shape
        if options.inputs is not None:
            arrays["inputs"] = read_inputs(options.inputs, input_size)
        arrays["x0"] = initial_state(options.initial_state, size, nonlinearity)
        write_network(options.output, arrays, os.path.basename(options.checkpoint), nonlinearity)
    except ExportError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 1
    print(sweep_text(os.path.abspath(options.output), arrays, nonlinearity, notes), end="")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="export_torch.py",
                                     description="Turns a recurrent network of PyTorch into a network file of gradsweep.",
                                     epilog="The mapping of conventions stands at the beginning of gradsweep/networks/export.py.")
    add_arguments(parser)
    return convert(parser.parse_args(arguments), "export_torch.py")
