"""Arrays of a network file: sequences that a network runs on, initial states, and the errors of their last states."""

from __future__ import annotations

import numpy as np

class ExportError(Exception):
    """What is wrong with a file, said once."""


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


def state_of_hidden(hidden: np.ndarray, nonlinearity: str, path: str) -> np.ndarray:
    """x_0 with sigma(x_0) = h_0; `path` is what to name where there is none."""
    if nonlinearity == "tanh" and not (np.abs(hidden) < 1).all():
        raise ExportError(f"{path}: h0 reaches {np.abs(hidden).max():g}; no x_0 has such a tanh")
    if nonlinearity == "relu" and not (hidden >= 0).all():
        raise ExportError(f"{path}: h0 falls to {hidden.min():g}; no x_0 has such a relu")
    return np.arctanh(hidden) if nonlinearity == "tanh" else hidden


def sequences(inputs: np.ndarray, batch_first: bool, size: int, path: str) -> np.ndarray:
    """inputs [T, m], or [R, T, m] of R sequences; from [T, m], [T, R, m], or [R, T, m] where batch_first. A batch of one is
    one sequence, wherever its axis is. `path` is what to name where they do not fit."""
    if inputs.ndim == 3 and 1 in inputs.shape[:2]:
        inputs = inputs[:, 0] if inputs.shape[1] == 1 else inputs[0]
    elif inputs.ndim == 3 and not batch_first:
        inputs = inputs.swapaxes(0, 1)
    return require(inputs, "inputs", (-1,) * (inputs.ndim - 1 if inputs.ndim == 3 else 1) + (size,), path)


def initial_states(hidden: np.ndarray | None, inputs: np.ndarray, size: int, nonlinearity: str, path: str) -> np.ndarray:
    """x_0 with sigma(x_0) = h_0, [d], or [R, d] where each of R sequences has its own; from [d], [R, d], or PyTorch's [1,
    R, d] of one layer. Zeros where there is none."""
    if hidden is None:
        return np.zeros(size)
    count = len(inputs) if inputs.ndim == 3 else 1
    while hidden.ndim > 1 and len(hidden) == 1:
        hidden = hidden[0]
    shape = (count, size) if hidden.ndim == 2 and count > 1 else (size,)
    return state_of_hidden(require(hidden, "h0", shape, path), nonlinearity, path)


def activate(states: np.ndarray, nonlinearity: str) -> np.ndarray:
    """h = sigma(x)."""
    return np.tanh(states) if nonlinearity == "tanh" else np.maximum(states, 0.0)


def last_hidden(arrays: dict[str, np.ndarray], nonlinearity: str) -> np.ndarray:
    """h_T in double precision, [d], or [R, d] of R sequences."""
    hidden = activate(arrays["x0"], nonlinearity)
    for given in np.moveaxis(arrays["inputs"], -2, 0):
        hidden = activate(hidden @ arrays["W"].T + given @ arrays["w_in"].T + arrays["b"], nonlinearity)
    return hidden


def slopes(hidden: np.ndarray, nonlinearity: str) -> np.ndarray:
    """sigma'(x) of h = sigma(x); 0 at the kink of relu."""
    return 1.0 - hidden**2 if nonlinearity == "tanh" else (hidden > 0.0).astype(float)


def squared_errors(arrays: dict[str, np.ndarray], targets: np.ndarray, nonlinearity: str, path: str) -> np.ndarray:
    """d/dx_T of 0.5 ||h_T - target||^2, [d], or [R, d] of R sequences, each with a target of its own."""
    if "inputs" not in arrays:
        raise ExportError(f"{path}: targets are those of a sequence; give its inputs, too")
    hidden = last_hidden(arrays, nonlinearity)
    if hidden.ndim == 1 and targets.ndim == 2 and len(targets) == 1:
        targets = targets[0]
    return (hidden - require(targets, "targets", hidden.shape, path)) * slopes(hidden, nonlinearity)
