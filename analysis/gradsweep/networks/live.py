"""A network of PyTorch that is in memory, and the sequences it runs on, as a network file; needs torch."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import ExportError, initial_states, last_hidden, require, sequences, slopes, squared_errors
from .export import refuse_gates, write_network


def from_torch(
    rnn: Any,
    inputs: Any,
    loss: Callable[..., Any] | None = None,
    path: str | os.PathLike = "network.h5",
    initial_state: Any = None,
    *,
    targets: Any = None,
    batch_first: bool | None = None,
) -> dict[str, Any]:
    """Writes the network file of an nn.RNN or nn.RNNCell (one layer, one direction) and gives a sweep of it for run().

    `inputs`: one sequence, tensor or array [T, m], or a batch of R of them, [T, R, m], or [R, T, m] where `batch_first`
    (default: what the nn.RNN says of itself; a batch of one is one sequence). Of a batch replica r of the sweep has
    sequence r, and W is the same for all.

    `loss`: a function of the last hidden state h_T of one sequence, a tensor [d], that gives a scalar tensor; with
    `targets`, one for each sequence, a function of h_T and the sequence's target; without a function, targets [d] of
    each stand for 0.5 ||h_T - target||^2. The file's `error` is its gradient by the pre-activation, d loss/dx_T = (d
    loss/dh_T) sigma'(x_T), which the sweep carries back as e_0. Without both the sweep's own loss is used, 0.5 ||x_T||^2.

    `initial_state` h_0: [d] for all, or [R, d], or as PyTorch has it, [1, R, d]; zeros without. The mapping of
    conventions: x_t is the pre-activation, h_t = sigma(x_t) (gradsweep.networks.export). Weights are taken as the network
    uses them, parametrisations included; states are computed in double precision, the loss in the network's.

    ExportError: a network, sequence or loss that gradsweep does not know, or shapes that do not fit.
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
    is_first = bool(getattr(rnn, "batch_first", False)) if batch_first is None else batch_first
    arrays["inputs"] = sequences(_array(inputs, "inputs"), is_first, arrays["w_in"].shape[1], name)
    hidden = None if initial_state is None else _array(initial_state, "initial_state")
    arrays["x0"] = initial_states(hidden, arrays["inputs"], size, nonlinearity, name)
    if loss is not None or targets is not None:
        own = getattr(rnn, "weight_hh" + suffix)
        arrays["error"] = _errors(arrays, nonlinearity, loss, targets, own)
    write_network(path, arrays, name, nonlinearity)
    steps = arrays["inputs"].shape[-2]
    replicas = {"replicas": len(arrays["inputs"])} if arrays["inputs"].ndim == 3 else {}
    return {
        "name": os.path.splitext(os.path.basename(path))[0],
        "weights": {"ensemble": {"kind": "file", "path": path}, **replicas},
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


def _errors(
    arrays: dict[str, np.ndarray], nonlinearity: str, loss: Callable[..., Any] | None, targets: Any, own: Any
) -> np.ndarray:
    """d loss/dx_T, [d], or [R, d] of R sequences; `own` is a parameter of the network, whose type the loss is given."""
    if loss is None:
        return squared_errors(arrays, _array(targets, "targets"), nonlinearity, "targets")
    last = last_hidden(arrays, nonlinearity)
    if last.ndim == 1:
        pairs = [(last, targets)]
    elif targets is not None and len(targets) != len(last):
        raise ExportError(f"targets: {len(targets)} of them for {len(last)} sequences")
    else:
        pairs = list(zip(last, [None] * len(last) if targets is None else targets))
    found = np.array([_gradient(hidden, target, loss, targets is not None, own) for hidden, target in pairs])
    return (found if last.ndim == 2 else found[0]) * slopes(last, nonlinearity)


def _gradient(hidden: np.ndarray, target: Any, loss: Callable[..., Any], has_target: bool, own: Any) -> np.ndarray:
    """d loss/dh_T of one sequence, [d]."""
    last = own.new_tensor(hidden, requires_grad=True)
    value = loss(last, target) if has_target else loss(last)
    if not hasattr(value, "backward") or value.numel() != 1:
        raise ExportError("the loss must give a scalar tensor, computed from the last hidden state")
    value.backward()
    if last.grad is None:
        raise ExportError("the loss does not depend on the last hidden state")
    return last.grad.cpu().double().numpy()
