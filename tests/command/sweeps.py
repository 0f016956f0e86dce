"""Sweeps that several tests run."""

# All ensembles that can be rescaled, all activations, everything random switched on. Of sparse matrices of so few
# entries some are nilpotent by chance: their cells fail, and the run ends with 1.
EVERYTHING = """\
name: everything
weights:
  ensemble:
    - ginibre
    - uniform
    - {kind: sparse, density: 0.1}
    - orthogonal
    - symmetric
    - antisymmetric
    - {kind: elliptic, tau: 0.5, label: elliptic+}
    - {kind: elliptic, tau: -0.5, label: elliptic-}
    - cycle
    - {kind: nonnormal, departure: 1.0}
    - untied
  replicas: 2
model:
  activation: [identity, tanh, sigmoid, relu, leaky_relu, softsign, erf, hard_tanh, sin, gelu, silu, elu]
  input: {kind: gaussian, size: 2, scale: 0.5}
  bias: {kind: gaussian, scale: 0.3}
  warmup: 20
grid:
  hidden_size: [3, 8, 13]
  spectral_radius: [0.7, 1.3]
  gamma: [0.5, 1.0]
  lag: {log2: 16}
measure: [jacobian_norm, frobenius_norm]
"""

# Large enough that norms are found without forming products, too.
METHODS = """\
name: methods
weights:
  ensemble: [ginibre, orthogonal, {kind: nonnormal, departure: 2}]
  replicas: 2
model: {activation: [identity, tanh, relu], warmup: 20}
grid: {hidden_size: [5, 64, 96], spectral_radius: [0.8, 1.2], gamma: [0.6, 1], lag: {log2: 64}}
"""

# W as drawn, nilpotent ones among them.
NATIVE = """\
name: native
weights:
  ensemble:
    - ginibre
    - antisymmetric
    - untied
    - {kind: sparse, density: 0.1}
    - {kind: chain, coupling: 0.5}
    - {kind: chain, coupling: -2, label: chain-}
  replicas: 2
model: {activation: [identity, tanh, relu], warmup: 20}
grid: {hidden_size: [1, 5, 8], spectral_radius: native, gamma: [0.6, 1], lag: {log2: 16}}
measure: [frobenius_norm]
"""

# One cell.
SMALLEST = """\
grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: 1}
"""
