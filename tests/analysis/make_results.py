"""Makes a small results file (format version 2) from a computation of its own in NumPy, independent of the C program:
`make_results.py OUT.h5` writes the file that the report's tests read, and `make(path, ...)` its variants.

Jacobian products are formed explicitly, with one normalisation a step so that nothing under- or overflows; ||.||_2 is
an SVD. Good for d of some tens.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import h5py
import numpy as np

WARMUP = 20
REAL_AXES = ("spectral_radius", "gamma", "input_scale")
FLAG_MEANINGS = {
    "status": "pending done failed",
    "failure_reason": "none not_finite no_convergence zero_spectral_radius no_spectrum out_of_memory",
    "method": "explicit implicit closed_form",
    "bound_check": "not_computed holds within_rounding violated",
    "vanishing_guaranteed": "no yes",
    "spectral_condition": "no yes",
}


def draw_weights(kind: str, d: int, rng: np.random.Generator) -> np.ndarray:
    """W [d, d] as drawn: ginibre, orthogonal, nonnormal (departure 2) or chain."""
    g = rng.standard_normal((d, d)) / np.sqrt(d)
    if kind == "orthogonal":
        q, r = np.linalg.qr(g)
        return q * np.sign(np.diag(r))
    if kind == "nonnormal":
        q, _ = np.linalg.qr(g)
        t = 2.0 * np.triu(rng.standard_normal((d, d)), 1) / np.sqrt(d) + np.diag(rng.uniform(-1, 1, d))
        return q @ t @ q.T
    if kind == "chain":
        return np.diag(np.ones(d - 1), 1)
    return g  # ginibre, and one step of untied


def derivative(activation: str, x: np.ndarray) -> np.ndarray:
    return np.ones_like(x) if activation == "identity" else 1.0 - np.tanh(x) ** 2


def step_jacobians(
    activation: str, gamma: float, weights: Sequence[np.ndarray], x: np.ndarray, drive: np.ndarray
) -> list[np.ndarray]:
    """S_t = W_t diag(sigma'(x_{t-1})) along the trajectory x_t = W_t sigma(x_{t-1}) + drive_t."""
    steps = []
    for w, given in zip(weights, drive):
        steps.append(w * (gamma * derivative(activation, x)))
        x = w @ (gamma * (x if activation == "identity" else np.tanh(x))) + given
        if activation == "identity":
            x /= np.linalg.norm(x) or 1.0
    return steps


def log_norms(steps: Sequence[np.ndarray], lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln ||J_l||_2 and ln ||J_l||_F for the lags, J_l = S_T ... S_{T-l+1}."""
    product, log_scale = np.eye(len(steps[0])), 0.0
    spectral, frobenius = np.full(len(lags), -np.inf), np.full(len(lags), -np.inf)
    for l in range(1, int(lags[-1]) + 1):
        product = product @ steps[-l]
        norm = np.linalg.norm(product)
        if norm == 0.0:
            break
        product /= norm
        log_scale += np.log(norm)
        for position in np.flatnonzero(lags == l):
            spectral[position] = log_scale + np.log(np.linalg.norm(product, 2))
            frobenius[position] = log_scale
    return spectral, frobenius


def slope(lags: np.ndarray, values: np.ndarray) -> float:
    if len(lags) == 1:
        return float(values[0] / lags[0])
    tail = slice(len(lags) - max(2, -(-len(lags) // 2)), None)
    if np.any(np.isneginf(values[tail])):
        return -np.inf
    return float(np.polyfit(lags[tail], values[tail], 1)[0])


def _create(
    file: h5py.File, name: str, shape: Sequence[int], dtype: str, dims: Sequence[str], units: str = "1"
) -> None:
    fill = (
        np.nan if dtype == "f8" else np.iinfo(dtype).max if name not in ("status", "failure_reason", "team_size") else 0
    )
    dataset = file.create_dataset(name, shape, dtype, data=np.full(shape, fill, dtype))
    dataset.attrs["long_name"] = name.replace("_", " ")
    dataset.attrs["units"] = units
    if dtype == "f8":
        dataset.attrs["_FillValue"] = np.float64(np.nan)
    if name in FLAG_MEANINGS:
        meanings = FLAG_MEANINGS[name]
        first = 1 if name == "method" else 0
        dataset.attrs["flag_meanings"] = meanings
        dataset.attrs["flag_values"] = np.arange(first, first + len(meanings.split()), dtype="u1")
    for position, dim in enumerate(dims):
        dataset.dims[position].attach_scale(file[dim])


def create(path: str, axes: dict[str, Sequence], frobenius: bool) -> h5py.File:
    """The empty file: coordinates, datasets and attributes, everything pending."""
    file = h5py.File(path, "w", libver=("earliest", "v108"), track_order=True)
    for name, values in axes.items():
        if name in ("activation", "ensemble"):
            file.create_dataset(name, data=list(values), dtype=h5py.string_dtype("utf-8"))
        else:
            file.create_dataset(name, data=np.asarray(values, "f8" if name in REAL_AXES else "i8"))
        file[name].make_scale(name)
    shape = tuple(len(values) for values in axes.values())
    cell, weight, names = shape[:-1], shape[1:4], list(axes)
    for name, dtype in (
        ("status", "u1"),
        ("failure_reason", "u1"),
        ("method", "u1"),
        ("team_size", "u2"),
        ("checksum", "u4"),
        ("vanishing_guaranteed", "u1"),
        ("spectral_condition", "u1"),
        ("growth_rate", "f8"),
    ):
        _create(file, name, cell, dtype, names[:-1])
    for name in ("cell_seconds", "predicted_seconds"):
        _create(file, name, cell, "f8", names[:-1], "s")
    for name in ("log_jacobian_norm", "log_norm_bound", *(["log_frobenius_norm"] if frobenius else [])):
        _create(file, name, shape, "f8", names)
    _create(file, "bound_check", shape, "u1", names)
    for name in ("weight_spectral_radius", "weight_norm"):
        _create(file, name, weight, "f8", names[1:4])
    runs = file.create_group("runs", track_order=True)
    runs["run"], runs["character"] = np.arange(64), np.arange(1024)
    runs["run"].make_scale("run")
    runs["character"].make_scale("character")
    return file


def write_root(file: h5py.File, title: str, sweep: str) -> None:
    rows = np.zeros((64, 1024), "S1")
    run = {
        "start": "2013-06-16T12:00:00Z",
        "end": "2013-06-16T12:00:07Z",
        "host": "node01",
        "ranks": 2,
        "version": "0.1.0",
        "exit_code": 0,
    }
    text = json.dumps(run).encode()
    rows[0, : len(text)] = np.frombuffer(text, "S1")
    runs = file["runs"]
    runs.create_dataset("provenance", data=rows)
    runs["provenance"].dims[0].attach_scale(runs["run"])
    runs["provenance"].dims[1].attach_scale(runs["character"])
    file.attrs.update(
        title=title,
        Conventions="CF-1.10",
        format_version=np.int64(2),
        sweep=sweep,
        sweep_hash="0123456789abcdef0123456789abcdef",
        git_revision="b991cad",
        methods="NumPy",
    )


def make(
    path: str,
    *,
    activations: Sequence[str] = ("identity", "tanh"),
    ensembles: Sequence[str] = ("ginibre", "orthogonal"),
    hidden_sizes: Sequence[int] = (8, 16),
    replicas: int = 2,
    radii: Sequence[float] | None = (0.5, 0.75, 1.0, 1.25, 1.5),
    gammas: Sequence[float] = (0.5, 0.75, 1.0),
    lags: Sequence[int] = (1, 2, 4, 8, 16, 32),
    input_scales: Sequence[float] | None = None,
    anchors: Sequence[int] | None = None,
    frobenius: bool = True,
    done_fraction: float = 1.0,
    failed: Sequence[int] = (),
    title: str = "synthetic",
    seed: int = 2013,
) -> None:
    """Writes a results file. `radii` None is `native`; `input_scales` and `anchors`, final times, make one more axis of CELL each; cells beyond
    `done_fraction` of the file stay pending; the cell numbers in `failed` are marked as not finite."""
    axes = {
        "activation": activations,
        "ensemble": ensembles,
        "hidden_size": hidden_sizes,
        "replica": range(replicas),
        **({} if input_scales is None else {"input_scale": input_scales}),
        **({} if anchors is None else {"anchor": anchors}),
        "spectral_radius": [np.nan] if radii is None else radii,
        "gamma": gammas,
        "lag": lags,
    }
    lag = np.asarray(lags)
    with create(path, axes, frobenius) as file:
        write_root(file, title, sweep_text(title, seed, axes))
        data = {name: file[name][...] for name in file if name != "runs" and file[name].ndim >= 3}
        networks = {
            key: _network(key, ensembles, hidden_sizes, seed, int(lag[-1]) + (anchors[-1] - anchors[0] if anchors else 0))
            for key in np.ndindex(*data["weight_norm"].shape)
        }
        for key, (weights, _, radius, norm) in networks.items():
            data["weight_spectral_radius"][key], data["weight_norm"][key] = radius, norm
        count = data["status"].size
        for number in range(count):
            cell = np.unravel_index(number, data["status"].shape)
            if number in failed:
                data["status"][cell], data["failure_reason"][cell] = 2, 1
            elif number < done_fraction * count:
                _fill_cell(data, cell, axes, lag, networks[tuple(cell[1:4])])
        for name, values in data.items():
            file[name][...] = values


def sweep_text(title: str, seed: int, axes: dict[str, Sequence]) -> str:
    """What the analysis reads of a sweep."""
    kinds = [{"kind": name, "label": name} for name in axes["ensemble"]]
    drive = {"kind": "gaussian", "size": 8} if "input_scale" in axes else {"kind": "none"}
    model = {"activation": list(axes["activation"]), "input": drive, "bias": {"kind": "zero"}}
    model["initial_state"] = {"kind": "gaussian", "scale": 1}
    return json.dumps({"name": title, "seed": seed, "weights": {"ensemble": kinds}, "model": model})


def _network(
    key: tuple[int, ...], ensembles: Sequence[str], hidden_sizes: Sequence[int], seed: int, longest: int
) -> tuple:
    """(weights of every step, x_0, rho as drawn, ||W|| as drawn) of one WEIGHT."""
    kind, d = ensembles[key[0]], hidden_sizes[key[1]]
    rng = np.random.default_rng([seed, *key])
    steps = WARMUP + longest
    if kind == "untied":
        return [draw_weights(kind, d, rng) for _ in range(steps)], rng.standard_normal(d), np.nan, np.nan
    w = draw_weights(kind, d, rng)
    exact = kind == "orthogonal"
    radius = 1.0 if exact else 0.0 if kind == "chain" else float(np.max(np.abs(np.linalg.eigvals(w))))
    return [w] * steps, rng.standard_normal(d), radius, 1.0 if exact else float(np.linalg.norm(w, 2))


def _fill_cell(
    data: dict[str, np.ndarray], cell: tuple, axes: dict[str, Sequence], lag: np.ndarray, network: tuple
) -> None:
    weights, x0, radius, norm = network
    asked, gamma = axes["spectral_radius"][cell[-2]], axes["gamma"][cell[-1]]
    if "anchor" in axes:  # the last is the end
        weights = weights[: len(weights) - (axes["anchor"][-1] - axes["anchor"][cell[-3]])]
    tied = not np.isnan(norm)
    scale = 1.0 if np.isnan(asked) else asked / radius if tied else asked
    strength = axes["input_scale"][cell[4]] if "input_scale" in axes else 0.0
    drive = strength * np.random.default_rng(cell[3]).standard_normal((len(weights), len(x0)))
    steps = step_jacobians(axes["activation"][cell[0]], gamma, [scale * w for w in weights], x0, drive)
    spectral, frobenius = log_norms(steps, lag)
    if tied:
        bound = lag * np.log(gamma * scale * norm)
    else:
        step_norms = np.cumsum([np.log(gamma * scale * np.linalg.norm(w, 2)) for w in reversed(weights)])
        bound = step_norms[lag - 1]
    slack = bound - spectral
    data["status"][cell], data["failure_reason"][cell], data["method"][cell], data["team_size"][cell] = 1, 0, 1, 1
    data["log_jacobian_norm"][cell], data["log_norm_bound"][cell] = spectral, bound
    data["bound_check"][cell] = np.where(slack > 1e-10, 1, np.where(slack < -1e-10, 3, 2))
    data["growth_rate"][cell] = slope(lag, spectral)
    if tied:
        data["vanishing_guaranteed"][cell] = gamma * scale * norm < 1 - 1e-12
        data["spectral_condition"][cell] = gamma * scale * radius < 1 - 1e-12
    if "log_frobenius_norm" in data:
        data["log_frobenius_norm"][cell] = frobenius
    data["cell_seconds"][cell] = data["predicted_seconds"][cell] = 1e-3
    data["checksum"][cell] = 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make_results.py OUT.h5")
    make(
        sys.argv[1],
        ensembles=("ginibre", "orthogonal", "nonnormal"),
        hidden_sizes=(8, 16, 32),
        replicas=4,
        radii=np.round(np.linspace(0.5, 1.5, 11), 12),
        gammas=(0.25, 0.5, 0.75, 1.0),
        lags=(1, 2, 4, 8, 16, 32, 64),
        failed=(7, 8, 200),
        title="synthetic demo",
    )
