"""The recurrent networks in a checkpoint: found at any depth, under any name, in whatever form their parameters are kept."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .pickles import FormatError, Mapping, Opaque, Tensor

# Containers inside a module that was saved whole; they are no part of a parameter's name.
INSIDE_MODULES = ("_parameters", "_buffers", "_modules")
NONLINEARITIES = {"tanh": "tanh", "relu": "relu", "RNN_TANH": "tanh", "RNN_RELU": "relu"}
RECURRENT = re.compile(
    r"(?P<prefix>(?:.*\.)?)weight_hh(?P<layer>_l(?P<number>\d+))?(?P<reverse>_reverse)?"
    r"(?P<form>_orig|_g|_v|_raw|\.original\d*)?"
)
PARAMETRIZE = "torch.nn.utils.parametrize.remove_parametrizations(module, '{name}')"
NAMES_SHOWN = 8


@dataclass
class Network:
    """A recurrent layer: `prefix` stands before its parameters' names, `suffix` ("_l0", or "" of a cell) behind them."""

    prefix: str
    suffix: str
    layers: set[int] = field(default_factory=set)
    is_bidirectional: bool = False

    @property
    def name(self) -> str:
        return self.prefix or "(no prefix)"


class Checkpoint:
    """All tensors of a checkpoint by their full names, and what it says about nonlinearities."""

    def __init__(self, contents: Any) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.nonlinearities: dict[str, str] = {}  # name of the place -> tanh or relu
        self.top = describe_top(contents)
        for name, value in _walk(contents):
            if isinstance(value, Tensor):
                self.tensors.setdefault(name, value)
            elif name.rpartition(".")[2] in ("nonlinearity", "mode") and value in NONLINEARITIES:
                self.nonlinearities[name.rpartition(".")[0]] = NONLINEARITIES[value]

    def networks(self) -> list[Network]:
        found: dict[tuple[str, str], Network] = {}
        for name in self.tensors:
            match = RECURRENT.fullmatch(name)
            if match is None:
                continue
            suffix = "" if match["layer"] is None else "_l0"
            prefix = re.sub(r"(^|\.)parametrizations\.$", r"\1", match["prefix"])
            network = found.setdefault((prefix, suffix), Network(prefix, suffix))
            network.layers.add(int(match["number"] or 0))
            network.is_bidirectional |= match["reverse"] is not None
        return list(found.values())

    def nonlinearity(self, network: Network) -> str | None:
        """What the module itself says; else the only one that the checkpoint speaks of; else None."""
        own = self.nonlinearities.get(network.prefix.rstrip("."))
        everywhere = set(self.nonlinearities.values())
        return own or (everywhere.pop() if len(everywhere) == 1 else None)

    def parameter(self, network: Network, name: str) -> tuple[np.ndarray | None, str]:
        """The parameter as the network uses it, in double precision where it is computed, and how it was found ("" as it
        is); None where there is none. FormatError: one that the checkpoint does not determine, with what helps."""
        full = network.prefix + name + network.suffix
        inner = f"{network.prefix}parametrizations.{name}{network.suffix}."
        parts = {key[len(full) :]: key for key in self.tensors if key.startswith(full + "_")}
        parts = {part: key for part, key in parts.items() if part in ("_orig", "_mask", "_g", "_v", "_u", "_raw")}
        originals = {key[len(inner) :]: key for key in self.tensors if key.startswith(inner)}
        if originals:
            return self._parametrized(full, inner, originals)
        if parts:
            return self._hooked(full, parts)
        return (self.array(full), "") if full in self.tensors else (None, "")

    def array(self, name: str) -> np.ndarray:
        try:
            return self.tensors[name].array()
        except FormatError as error:
            raise FormatError(f"{name} {error}") from error

    def _hooked(self, full: str, parts: dict[str, str]) -> tuple[np.ndarray, str]:
        """Parametrised by a hook before each call: prune, weight_norm and spectral_norm of torch.nn.utils."""
        short = full.rpartition(".")[2]
        kinds = set(parts)
        if kinds == {"_orig", "_mask"}:
            product = self._double(full + "_orig") * _fitting(self._double(full + "_mask"), full)
            return product, f"{short}_orig * {short}_mask (pruned)"
        if kinds == {"_g", "_v"}:
            return self._weight_norm(full + "_g", full + "_v"), f"{short}_g {short}_v/|{short}_v| (weight_norm)"
        if kinds == {"_orig", "_u", "_v"}:
            call = f"torch.nn.utils.remove_spectral_norm(module, '{short}')"
            weights = self._spectral_norm(full + "_orig", full + "_u", full + "_v", call)
            return weights, f"{short}_orig/(u^T {short}_orig v) (spectral_norm, as in evaluation)"
        calls = {
            "_mask": f"torch.nn.utils.prune.remove(module, '{short}')",
            "_g": f"torch.nn.utils.remove_weight_norm(module, '{short}')",
            "_u": f"torch.nn.utils.remove_spectral_norm(module, '{short}')",
            "_raw": f"register {short} as a parameter again (a wrapper with dropout of weights)",
        }
        helps = [call for part, call in calls.items() if part in kinds] or ["make it a plain parameter again"]
        raise FormatError(
            f"{full} is kept as {', '.join(sorted(parts.values()))}, which does not determine it; before saving, "
            f"{' and '.join(helps)}"
        )

    def _parametrized(self, full: str, inner: str, originals: dict[str, str]) -> tuple[np.ndarray, str]:
        """By torch.nn.utils.parametrize."""
        short = full.rpartition(".")[2]
        if set(originals) == {"original0", "original1"}:
            weights = self._weight_norm(inner + "original0", inner + "original1")
            return weights, f"original0 original1/|original1| of {short} (weight_norm)"
        if set(originals) == {"original", "0._u", "0._v"}:
            call = PARAMETRIZE.format(name=short)
            weights = self._spectral_norm(inner + "original", inner + "0._u", inner + "0._v", call)
            return weights, f"original/(u^T original v) of {short} (spectral_norm, as in evaluation)"
        kind = "orthogonal, it seems, " if set(originals) == {"original", "0.base"} else ""
        raise FormatError(
            f"{full} is parametrised ({kind}by {', '.join(sorted(originals.values()))}), and the file does not say by "
            f"which map; before saving: {PARAMETRIZE.format(name=short)}"
        )

    def _double(self, name: str) -> np.ndarray:
        values = self.array(name)
        if values.dtype.kind not in "fiu":
            raise FormatError(f"{name} holds {values.dtype}, not real numbers")
        return values.astype(np.float64)

    def _weight_norm(self, scale_name: str, direction_name: str) -> np.ndarray:
        """g v/||v||, with one norm for each row, each column or all, as the shape of g says (torch's argument dim)."""
        scale, direction = self._double(scale_name), self._double(direction_name)
        if scale.ndim == 0:
            return scale * direction / np.linalg.norm(direction)
        others = tuple(axis for axis in range(direction.ndim) if scale.ndim == direction.ndim and scale.shape[axis] == 1)
        fits = scale.ndim == direction.ndim and all(
            size in (1, full) for size, full in zip(scale.shape, direction.shape)
        )
        if not fits or len(others) < direction.ndim - 1:
            raise FormatError(
                f"{scale_name} {_shape(scale)} and {direction_name} {_shape(direction)} are no weight_norm that is known"
            )
        kept = [axis for axis in range(direction.ndim) if scale.shape[axis] != 1] or [0]
        norm = np.sqrt((direction**2).sum(axis=tuple(a for a in range(direction.ndim) if a != kept[0]), keepdims=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            return scale * direction / norm

    def _spectral_norm(self, name: str, left_name: str, right_name: str, call: str) -> np.ndarray:
        """W/(u^T W v), with u and v near the largest singular value's vectors after some steps in training. That they
        are, and which is which, shows in the value: with the axes exchanged (torch's argument dim) it would be less."""
        weights, left, right = self._double(name), self._double(left_name), self._double(right_name)
        if weights.ndim != 2 or left.shape != weights.shape[:1] or right.shape != weights.shape[1:]:
            raise FormatError(f"{name} {_shape(weights)}, {left_name} and {right_name} do not fit each other")
        norm = left @ weights @ right
        exchanged = right @ weights @ left if len(left) == len(right) else 0.0
        if not norm > 0 or norm < abs(exchanged) * (1 - 1e-6):
            raise FormatError(
                f"{name} has a spectral_norm whose vectors {left_name} and {right_name} are not those of its largest "
                f"singular value (it never ran in training, or has dim=1); run it once, and before saving: {call}"
            )
        return weights / norm


def _fitting(mask: np.ndarray, name: str) -> np.ndarray:
    if not np.isin(mask, (0, 1)).all():
        raise FormatError(f"{name}_mask holds other values than 0 and 1")
    return mask


def _shape(array: np.ndarray) -> str:
    return "[" + ", ".join(map(str, array.shape)) + "]"


def _children(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping) or type(value) is dict:
        yield from dict.items(value)
    elif isinstance(value, (list, tuple)):
        yield from enumerate(value)
    elif isinstance(value, Opaque):
        states = value.state if isinstance(value.state, tuple) else (value.state,)
        for state in states:
            yield from _children(state)
        yield from value.entries
        yield from enumerate(value.arguments)


def _walk(contents: Any) -> Iterator[tuple[str, Any]]:
    """Everything in it with its full name, outer before inner; each container once, under its first name."""
    waiting, seen, kept = [("", contents)], set(), []
    while waiting:
        name, value = waiting.pop()
        yield name, value
        if not isinstance(value, (dict, list, tuple, Opaque)) or id(value) in seen:
            continue
        seen.add(id(value))
        kept.append(value)  # or its number would be free for another
        inner = []
        for key, child in _children(value):
            if isinstance(value, (Mapping, dict, Opaque)) and key in INSIDE_MODULES:
                inner.append((name, child))
            elif isinstance(key, (str, int)):
                inner.append((f"{name}.{key}" if name else str(key), child))
        waiting.extend(reversed(inner))


def shown_names(names: Iterable[Any]) -> str:
    """The first of them, in one line."""
    shown = [" ".join(str(name).split()) for name in itertools.islice(names, NAMES_SHOWN + 1)]
    return ", ".join(shown[:NAMES_SHOWN]) + (", ..." if len(shown) > NAMES_SHOWN else "") or "nothing"


def describe_top(contents: Any) -> str:
    """The outermost names, or what it is instead of a dictionary."""
    if isinstance(contents, dict):
        return shown_names(contents)
    if isinstance(contents, Opaque):
        return f"an object of the class {contents.kind or 'unknown'}"
    return f"a {type(contents).__name__}"


def choose_network(checkpoint: Checkpoint, prefix: str | None) -> Network:
    """The one there is, or that of the prefix, whole or its last parts, with or without the dot at its end."""
    networks = checkpoint.networks()
    if not networks and not checkpoint.tensors:
        raise FormatError(f"it holds no tensors; what it holds: {checkpoint.top}")
    if not networks:
        names = shown_names(checkpoint.tensors)
        raise FormatError(f"no weight_hh_l0 or weight_hh, so no nn.RNN or nn.RNNCell; it holds {names}")
    listed = ", ".join(network.name for network in networks)
    if prefix is not None:
        wanted = prefix if prefix.endswith(".") or not prefix else prefix + "."
        exact = [network for network in networks if network.prefix == wanted]
        ending = [network for network in networks if wanted and network.prefix.endswith("." + wanted)]
        if not exact and not ending:
            raise FormatError(f"no recurrent layer {wanted}; it has {listed}")
        networks = exact or ending
    if len(networks) > 1 and not _are_same(checkpoint, networks):
        raise FormatError(f"several recurrent layers; choose one with --prefix: {listed}")
    return networks[0]


def _are_same(checkpoint: Checkpoint, networks: list[Network]) -> bool:
    """Copies of one network, such as a module and its state_dict."""
    contents = []
    for network in networks:
        found = []
        for name in ("weight_hh", "weight_ih", "bias_ih", "bias_hh"):
            try:
                values = checkpoint.parameter(network, name)[0]
            except FormatError:  # to be said of the one that is chosen
                return False
            found.append(None if values is None else (values.shape, values.astype(np.float64).tobytes()))
        contents.append((network.suffix, tuple(sorted(network.layers)), network.is_bidirectional, tuple(found)))
    return len(set(contents)) == 1
