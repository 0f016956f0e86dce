/* The table of activations, a row each: ACTIVATION(name, sup |phi'|, what else activation.h tells of it). The functions
 * NAME_value, NAME_derivative and NAME_log_derivative, of one number, are in one of the headers that
 * activation_loops.h includes. No include guard: it is included where a row becomes something.
 *
 * Suprema that are not evident:
 *   erf   phi'(0) = 2/sqrt(pi)
 *   gelu  phi'' = p(x) (2 - x^2) vanishes at x = sqrt 2: (1 + erf 1)/2 + exp(-1)/sqrt(pi)
 *   silu  phi'' vanishes where x tanh(x/2) = 2, at x = 2.39935728052...; the value there, to 40 digits, rounded
 * The test of the table finds each of them again. */

ACTIVATION(identity, 1, .slope_at_zero = { 1, 1 }, .slope_at_infinity = { 1, 1 }, .vanishes_at_zero = true,
           .is_piecewise_linear = true, .is_identity = true)
ACTIVATION(tanh, 1, .slope_at_zero = { 1, 1 }, .linear_within = 0x1p-27, .vanishes_at_zero = true,
           .needs_no_clamps = true)
ACTIVATION(sigmoid, 0.25, .slope_at_zero = { 0.25, 0.25 }, .needs_no_clamps = true)
ACTIVATION(relu, 1, .slope_at_zero = { 0, 1 }, .slope_at_infinity = { 0, 1 }, .vanishes_at_zero = true,
           .is_flat_somewhere = true, .is_piecewise_linear = true)
ACTIVATION(leaky_relu, 1, .slope_at_zero = { ACTIVATION_LEAK, 1 }, .slope_at_infinity = { ACTIVATION_LEAK, 1 },
           .vanishes_at_zero = true, .is_piecewise_linear = true)
ACTIVATION(softsign, 1, .slope_at_zero = { 1, 1 }, .linear_within = 0x1p-54, .vanishes_at_zero = true)
ACTIVATION(erf, 1.1283791670955126, .slope_at_zero = { 1.1283791670955126, 1.1283791670955126 },
           .linear_within = 0x1p-27, .vanishes_at_zero = true)
ACTIVATION(hard_tanh, 1, .slope_at_zero = { 1, 1 }, .linear_within = 0x1p-1, .vanishes_at_zero = true,
           .is_flat_somewhere = true, .is_piecewise_linear = true)
ACTIVATION(sin, 1, .slope_at_zero = { 1, 1 }, .linear_within = 0x1p-27, .vanishes_at_zero = true,
           .beyond = &sine_beyond)
ACTIVATION(gelu, 1.1289041451851548, .slope_at_zero = { 0.5, 0.5 }, .slope_at_infinity = { 0, 1 },
           .vanishes_at_zero = true)
ACTIVATION(silu, 1.0998393201288669, .slope_at_zero = { 0.5, 0.5 }, .slope_at_infinity = { 0, 1 },
           .vanishes_at_zero = true)
ACTIVATION(elu, 1, .slope_at_zero = { 1, 1 }, .slope_at_infinity = { 0, 1 }, .vanishes_at_zero = true)
