"""A network of PyTorch that is in memory, as a network file; needs torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .export import ExportError, refuse_gates, require, state_of_hidden, write_network


def from_torch(
    rnn: Any,
    inputs: Any,
    loss: Callable[[Any], Any] | None = None,
    path: str | os.PathLike = "network.h5",
    initial_state: Any = None,
) -> dict[str, Any]:
    """Writes the network file of an nn.RNN or nn.RNNCell (one layer, one direction) and gives a sweep of it for run().

    `inputs`: one sequence, tensor or array [T, m] (a batch of one will do). `loss`: a function of the last hidden state
    h_T, a tensor [d], that gives a scalar tensor; its gradient d loss/dx_T = (d loss/dh_T) sigma'(x_T) becomes the error
    that is carried back. Without it the sweep's own loss is used, 0.5 ||x_T||^2. `initial_state` h_0 [d], zeros without.
    The mapping of conventions: x_t is the pre-activation, h_t = sigma(x_t) (gradsweep.networks.export). Weights are taken
    as the network uses them, parametrisations included; states are computed in double precision, the loss in the network's.

    ExportError: a network or sequence that gradsweep does not know.
    """
    import torch

    path = os.path.abspath(os.fspath(path))
    name, suffix, nonlinearity = _describe(rnn, torch)
    weights = {short: _array(getattr(rnn, short + suffix), short + suffix) for short in ("weight_hh", "weight_ih")}
    refuse_gates("weight_hh" + suffix, weights["weight_hh"].shape)
    size = weights["weight_hh"].shape[-1]
    biases = [getattr(rnn, short + suffix, None) for short in ("bias_ih", "bias_hh")] if rnn.bias else []
    arrays = {
        "W": require(weights["weight_hh"], "weight_hh" + suffix, (size, size), name),
        "w_in": require(weights["weight_ih"], "weight_ih" + suffix, (size, -1), name),
        "b": sum((require(_array(bias, "bias"), "bias", (size,), name) for bias in biases), np.zeros(size)),
    }
    arrays["inputs"] = require(_sequence(inputs), "inputs", (-1, arrays["w_in"].shape[1]), name)
    hidden = np.zeros(size) if initial_state is None else _array(initial_state, "initial_state").reshape(-1)
    arrays["x0"] = state_of_hidden(require(hidden, "initial_state", (size,), name), nonlinearity, name)
    if loss is not None:
        own = getattr(rnn, "weight_hh" + suffix)
        arrays["error"] = _error(arrays, hidden, nonlinearity, loss, own.new_tensor)
    write_network(path, arrays, name, nonlinearity)
    steps = len(arrays["inputs"])
    return {
        "name": os.path.splitext(os.path.basename(path))[0],
        "weights": {"ensemble": {"kind": "file", "path": path}},
        "model": {"activation": nonlinearity, "steps": steps},
        "grid": {"hidden_size": size, "spectral_radius": "native", "gamma": 1,
                 "lag": {"start": 1, "stop": steps, "step": 1}},
        "measure": ["jacobian_norm", "step_bound", "gradient"],
    }  # fmt: skip


def _describe(rnn: Any, torch: Any) -> tuple[str, str, str]:
    """The class's name, what stands behind its parameters' names, and the nonlinearity."""
    name = type(rnn).__name__
    if not isinstance(rnn, (torch.nn.RNN, torch.nn.RNNCell)):
        raise ExportError(f"{name}: gradsweep knows nn.RNN and nn.RNNCell, whose step has no gates")
    if isinstance(rnn, torch.nn.RNNCell):
        return name, "", rnn.nonlinearity
    if rnn.num_layers != 1 or rnn.bidirectional or getattr(rnn, "proj_size", 0):
        raise ExportError(f"{name}: gradsweep knows one layer and one direction, without projections")
    return name, "_l0", rnn.nonlinearity


def _array(value: Any, name: str) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu().double().numpy()
    return np.asarray(value)


def _sequence(inputs: Any) -> np.ndarray:
    found = _array(inputs, "inputs")
    if found.ndim == 3 and 1 in found.shape[:2]:
        found = found[:, 0] if found.shape[1] == 1 else found[0]
    return found


def _error(
    arrays: dict[str, np.ndarray], hidden: np.ndarray, nonlinearity: str, loss: Callable[[Any], Any], new_tensor: Callable
) -> np.ndarray:
    """d loss/dx_T, [d]."""
    apply = np.tanh if nonlinearity == "tanh" else lambda x: np.maximum(x, 0.0)
    for given in arrays["inputs"]:
        state = arrays["W"] @ hidden + arrays["w_in"] @ given + arrays["b"]
        hidden = apply(state)
    last = new_tensor(hidden, requires_grad=True)
    value = loss(last)
    if not hasattr(value, "backward") or value.numel() != 1:
        raise ExportError("the loss must give a scalar tensor, computed from the last hidden state")
    value.backward()
    if last.grad is None:
        raise ExportError("the loss does not depend on the last hidden state")
    slope = 1.0 - hidden**2 if nonlinearity == "tanh" else (hidden > 0.0).astype(float)
    return last.grad.cpu().double().numpy() * slope
