#!/usr/bin/env python3
"""Turns a PyTorch nn.RNN checkpoint, and a sequence of inputs, into a network file for gradsweep:

    export_torch.py CHECKPOINT.pt -o NETWORK.h5 [--inputs FILE] [--initial-state FILE] [--nonlinearity tanh|relu]
                                                [--prefix NAME.]

CHECKPOINT.pt is a state_dict (torch.save(rnn.state_dict(), ...)), or a dictionary that holds one, of one layer, one
direction, tanh or relu. FILE is .npy, .npz or .pt; inputs are one sequence [T, m], the initial state is h_0 [d].

The mapping. PyTorch computes

    h_t = sigma(W_ih i_t + b_ih + W_hh h_(t-1) + b_hh),

gradsweep the pre-activations x_t, of which h_t = sigma(x_t) is a function:

    x_t = W sigma(x_(t-1)) + w_in i_t + b,   W = weight_hh_l0, w_in = weight_ih_l0, b = bias_ih_l0 + bias_hh_l0,
    sigma(x_0) = h_0: for tanh x_0 = artanh(h_0), for relu x_0 = h_0; without --initial-state h_0 = 0 and x_0 = 0.

Row i of W and w_in belongs to the output i in both. Single precision becomes double precision exactly. The Jacobians
that gradsweep measures are those of pre-activations, dx_T/dx_(T-l); the gradient d eps/dW is that by weight_hh_l0.
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

try:
    import h5py
    import numpy as np
    import torch
except ImportError as error:
    if __name__ != "__main__":
        raise
    sys.exit(f"export_torch.py: {error}. It needs torch, h5py and numpy (Debian: python3-torch python3-h5py "
             "python3-numpy, and then /usr/bin/python3)")

NESTED = ("state_dict", "model_state_dict", "model")  # where checkpoints keep a state_dict
BIASES = ("bias_ih_l0", "bias_hh_l0")


class ExportError(Exception):
    """What is wrong with a file, said once."""


def load_torch(path: str) -> object:
    """Tensors and containers of them; nothing that would run code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ExportError(f"{path}: {error.strerror}") from error
    except Exception as error:  # torch raises whatever its reading of the file happens to meet
        raise ExportError(f"{path}: torch cannot load it as tensors alone ({first_line(error)}); save "
                          "rnn.state_dict(), not the module") from error


def first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


def state_dict_of(checkpoint: object, path: str) -> dict:
    """The first dictionary of tensors, from outside to inside."""
    found = checkpoint
    while isinstance(found, dict) and not any(isinstance(value, torch.Tensor) for value in found.values()):
        inner = [found[name] for name in NESTED if isinstance(found.get(name), dict)]
        if not inner:
            break
        found = inner[0]
    if not isinstance(found, dict) or not any(isinstance(value, torch.Tensor) for value in found.values()):
        raise ExportError(f"{path}: it holds no state_dict (looked for tensors, and in {', '.join(NESTED)})")
    return found


def find_prefix(state: dict, path: str) -> str:
    """What stands before the names of the one recurrent layer, such as "rnn."."""
    suffix = "weight_hh_l0"
    prefixes = [name[:-len(suffix)] for name in state if name.endswith(suffix)]
    if len(prefixes) == 1:
        return prefixes[0]
    if prefixes:
        raise ExportError(f"{path}: several recurrent layers; choose one with --prefix: {', '.join(prefixes)}")
    names = ", ".join(list(state)[:8]) + (", ..." if len(state) > 8 else "")
    raise ExportError(f"{path}: no {suffix}, so no nn.RNN; it holds {names}")


def refuse_other_networks(state: dict, prefix: str, path: str) -> None:
    """Layers, directions, projections and gates that the equation above does not have."""
    names = {name[len(prefix):] for name in state if name.startswith(prefix)}
    if any(re.fullmatch(r"weight_hh_l[1-9]\d*", name) for name in names):
        raise ExportError(f"{path}: several stacked layers; gradsweep knows one")
    if "weight_hh_l0_reverse" in names:
        raise ExportError(f"{path}: a bidirectional network; gradsweep knows one direction")
    if "weight_hr_l0" in names:
        raise ExportError(f"{path}: a network with projections (proj_size); gradsweep has none")
    shape = tuple(state[prefix + "weight_hh_l0"].shape)
    gates = {4: "an LSTM", 3: "a GRU"}.get(shape[0] // shape[1]) if len(shape) == 2 and shape[1] else None
    if gates and shape[0] % shape[1] == 0:
        raise ExportError(f"{path}: weight_hh_l0 is {shape[0]} x {shape[1]}: {gates}; gradsweep knows nn.RNN")


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


def to_numpy(tensor: object, name: str, path: str) -> np.ndarray:
    if not isinstance(tensor, torch.Tensor):
        raise ExportError(f"{path}: {name} is no tensor")
    tensor = tensor.detach()
    return (tensor.double() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy()


def read_network(path: str, prefix: str | None) -> dict[str, np.ndarray]:
    """W, w_in and b of the checkpoint."""
    state = state_dict_of(load_torch(path), path)
    prefix = find_prefix(state, path) if prefix is None else prefix

    def get(name: str, *shape: int) -> np.ndarray:
        if prefix + name not in state:
            raise ExportError(f"{path}: {prefix + name} is missing")
        return require(to_numpy(state[prefix + name], prefix + name, path), prefix + name, shape, path)

    if prefix + "weight_hh_l0" in state:
        refuse_other_networks(state, prefix, path)
    weights = get("weight_hh_l0", -1, -1)
    size = weights.shape[1]
    weights = get("weight_hh_l0", size, size)
    has_bias = any(prefix + name in state for name in BIASES)
    bias = sum(get(name, size) for name in BIASES) if has_bias else np.zeros(size)
    return {"W": weights, "w_in": get("weight_ih_l0", size, -1), "b": bias}


def read_array(path: str, name: str) -> np.ndarray:
    """The one array of a .npy, .npz or .pt file, or that of this name among several."""
    try:
        loaded = load_torch(path) if path.endswith((".pt", ".pth")) else np.load(path, allow_pickle=False)
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


def sweep_text(path: str, arrays: dict[str, np.ndarray], nonlinearity: str) -> str:
    """A sweep of the network as it is, over the whole sequence."""
    quoted = path.replace("\\", "\\\\").replace('"', '\\"')
    steps = len(arrays["inputs"]) if "inputs" in arrays else 64
    longest = 1 << (steps.bit_length() - 1)
    return (f'weights: {{ensemble: {{kind: file, path: "{quoted}"}}}}\n'
            f"model: {{activation: {nonlinearity}, steps: {steps}}}\n"
            f"grid: {{hidden_size: {len(arrays['W'])}, spectral_radius: native, gamma: 1, lag: {{log2: {longest}}}}}\n")


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="export_torch.py",
                                     description="Turns a PyTorch nn.RNN checkpoint into a network file of gradsweep.",
                                     epilog="The mapping of conventions stands at the beginning of this script.")
    parser.add_argument("checkpoint", metavar="CHECKPOINT.pt", help="a state_dict, or a dictionary that holds one")
    parser.add_argument("-o", "--output", metavar="NETWORK.h5", required=True, help="the network file to write")
    parser.add_argument("--inputs", metavar="FILE", help="one sequence [T, m]: .npy, .npz or .pt")
    parser.add_argument("--initial-state", metavar="FILE", help="h_0 [d]: .npy, .npz or .pt (default: zeros)")
    parser.add_argument("--nonlinearity", choices=("tanh", "relu"), default="tanh",
                        help="that of the nn.RNN; a state_dict does not say (default: tanh)")
    parser.add_argument("--prefix", help="what stands before weight_hh_l0, such as 'encoder.rnn.' (default: found)")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    options = parse_arguments(arguments)
    try:
        arrays = read_network(options.checkpoint, options.prefix)
        size, input_size = arrays["w_in"].shape
        if options.inputs is not None:
            arrays["inputs"] = read_inputs(options.inputs, input_size)
        arrays["x0"] = initial_state(options.initial_state, size, options.nonlinearity)
        write_network(options.output, arrays, os.path.basename(options.checkpoint), options.nonlinearity)
    except ExportError as error:
        print(f"export_torch.py: {error}", file=sys.stderr)
        return 1
    print(sweep_text(os.path.abspath(options.output), arrays, options.nonlinearity), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
