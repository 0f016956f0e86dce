"""What a network is drawn from: Philox streams, the laws of the ensembles, inputs, bias and initial state.

Written from the laws alone, with NumPy's own Philox4x64-10, so that the program's numbers have a second source. An
array is drawn from the stream keyed by (seed, XXH3-64 of "kind{parameters} d=.. replica=.. role=.."); its element i is
number i mod 4 of the block with counter (i div 4, step, 0, 0)."""
import dataclasses
import math

import numpy as np
import xxhash


@dataclasses.dataclass(frozen=True)
class Network:
    """Whose arrays are drawn: an entry of the ensemble axis, a hidden size and a replica."""
    seed: int
    kind: str
    parameters: tuple  # of (name, value)
    size: int
    replica: int

    def _bits(self, role, step, count):
        inside = ",".join(f"{name}={value:.17g}" for name, value in self.parameters)
        kind = f"{self.kind}{{{inside}}}" if inside else self.kind
        text = f"{kind} d={self.size} replica={self.replica} role={role}"
        # NumPy counts up before it draws, hence the - 1
        counter = ((step << 64) - 1) % (1 << 256)
        words = [counter >> 64 * i & (1 << 64) - 1 for i in range(4)]
        key = np.array([self.seed, xxhash.xxh3_64_intdigest(text)], dtype=np.uint64)
        generator = np.random.Philox(counter=np.array(words, dtype=np.uint64), key=key)
        return generator.random_raw(count)

    def uniform(self, role, count, step=0):
        return ((self._bits(role, step, count) >> np.uint64(12)).astype(float) + 0.5) / 2.0**52

    def normal(self, role, count, step=0):
        """Box-Muller on neighbouring pairs."""
        pairs = self.uniform(role, count + count % 2, step).reshape(-1, 2)
        complex_normals = np.sqrt(-2 * np.log(pairs[:, 0])) * np.exp(2j * np.pi * pairs[:, 1])
        return complex_normals.view(float)[:count]

    def matrix(self, role, step=0):
        """Standard normals, row by row."""
        return self.normal(role, self.size**2, step).reshape(self.size, self.size)


def haar(gaussian):
    """The orthogonal factor with a positive diagonal of R."""
    q, r = np.linalg.qr(gaussian)
    return q * np.sign(np.diag(r))


def schur_factor(network, departure):
    """Rotations with scaling [[a, b], [-b, a]] on the diagonal, eigenvalues a +- i b uniform on the unit disc; for an
    odd size a last one uniform on [-1, 1]; normals of variance departure^2/d above the blocks."""
    d = network.size
    uniform = network.uniform("weights/eigenvalues", d)
    factor = np.triu(departure / math.sqrt(d) * network.matrix("weights/departure"), 1)
    for k in range(0, d - 1, 2):
        eigenvalue = math.sqrt(uniform[k]) * np.exp(1j * np.pi * uniform[k + 1])
        factor[k:k + 2, k:k + 2] = [[eigenvalue.real, eigenvalue.imag], [-eigenvalue.imag, eigenvalue.real]]
    if d % 2:
        factor[-1, -1] = 2 * uniform[-1] - 1
    return factor


def weights(network, step=0):
    """W as drawn, W[i, j] from x_j to x_i."""
    d, kind, parameter = network.size, network.kind, dict(network.parameters)
    if kind == "ginibre":
        return network.matrix("weights") / math.sqrt(d)
    if kind == "untied":
        return network.matrix("weights", step) / math.sqrt(d)
    if kind == "uniform":
        return math.sqrt(3 / d) * (2 * network.uniform("weights", d * d).reshape(d, d) - 1)
    if kind == "sparse":
        present = network.uniform("weights/pattern", d * d).reshape(d, d) < parameter["density"]
        return np.where(present, network.matrix("weights") / math.sqrt(parameter["density"] * d), 0)
    if kind == "orthogonal":
        return haar(network.matrix("weights"))
    if kind in ("symmetric", "antisymmetric"):
        g = network.matrix("weights") / math.sqrt(d)
        return (g + g.T if kind == "symmetric" else g - g.T) / math.sqrt(8)
    if kind == "elliptic":
        # the angle whose doubled sine is tau makes corr(W_ij, W_ji) = tau at unit variance
        g, tau = network.matrix("weights") / math.sqrt(d), parameter["tau"]
        angle = math.asin(tau) / 2
        return (math.cos(angle) * g + math.sin(angle) * g.T) / (1 + abs(tau))
    if kind == "cycle":
        return np.roll(np.eye(d), 1, axis=1)
    if kind == "chain":
        return parameter["coupling"] * np.eye(d, k=1)
    if kind == "nonnormal":
        basis = haar(network.matrix("weights/basis"))
        return basis @ schur_factor(network, parameter["departure"]) @ basis.T
    raise ValueError(f"no such ensemble: {kind}")


def initial_state(network, law):
    if law["kind"] == "zero":
        return np.zeros(network.size)
    return law["scale"] * network.normal("initial_state", network.size)


def drives(network, model, steps):
    """w_in i_t + b for t = 1 .. steps, as rows."""
    d, law = network.size, model["input"]
    bias = np.zeros(d)
    if model["bias"]["kind"] == "gaussian":
        bias = model["bias"]["scale"] * network.normal("bias", d)
    if law["kind"] == "none":
        return np.tile(bias, (steps, 1))
    m = law["size"]
    if law["kind"] == "gaussian":
        inputs = np.array([network.normal("inputs", m, step=t) for t in range(1, steps + 1)])
    else:
        # as longdouble: 2 pi t / period loses its last digits otherwise
        t, j = np.arange(1, steps + 1, dtype=np.longdouble)[:, None], np.arange(m, dtype=np.longdouble)
        two_pi = 2 * np.longdouble("3.14159265358979323846264338327950288")
        inputs = np.sin(two_pi * (t / np.longdouble(law["period"]) + j / (2 * m))).astype(float)
    input_weights = network.normal("input_weights", d * m).reshape(d, m) / math.sqrt(m)
    return law["scale"] * inputs @ input_weights.T + bias
