/* Activations. sigma(x) = gamma phi(x) / sup|phi'|, so that the derivative bound sup|sigma'| IS the swept gamma.
 * Not collective. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_H
#define GRADSWEEP_MODEL_ACTIVATION_H

#include <stdbool.h>
#include <stddef.h>

struct activation_beyond;

/* A row of activation_table.h. */
struct activation {
    const char *name;
    double derivative_supremum; /* sup_x |phi'(x)| */
    double slope_at_zero[2];    /* phi'(0-) = phi'(0), and phi'(0+): phi's linear part for a vanishing state */
    double
        slope_at_infinity[2]; /* phi'(-inf), phi'(+inf): its asymptote for a state beyond the range; 0 where bounded */
    double linear_within;   /* up to that |x|, phi' / sup|phi'| as computed is its value at 0, to the bit, and |phi(x)|
                               at most |phi'(0) x|; 0: nowhere */
    bool vanishes_at_zero;  /* phi(0) = 0 */
    bool is_flat_somewhere; /* phi' = 0 on an interval; else it is 0 nowhere far from 0, however small */
    bool is_piecewise_linear; /* phi' has some values, 0 among them or not, and none of them is tiny */
    bool is_identity;
    bool needs_no_clamps; /* as computed, values and derivatives at infinity are those of the largest doubles, and no
                             derivative is above its supremum */
    const struct activation_beyond *beyond; /* private to activation.c; NULL: none */
};

/* All activations, in the order of the table. */
size_t activation_count(void);
const struct activation *activation_at(size_t number);

/* By name; NULL if there is none. */
const struct activation *activation_find(const char *name);

/* Element by element, in vectors: results[count] of x[count], which must not overlap. A result's bits depend on its x
 * alone, not on the place, the count or the instruction set. Within six units in the last place (of the larger of two
 * terms next to a zero of phi' where they cancel, gelu's and silu's). Infinite x stand for the largest doubles, and NaN
 * gives NaN. */

/* factor phi(x) */
void activation_values(const struct activation *activation, long count, const double *x, double factor,
                       double *restrict results);

/* phi'(x) / sup|phi'|, never above 1 in magnitude; computed without cancellation (1 - tanh^2 as written is 0 beyond
 * |x| = 19, the truth is 4 exp(-2|x|)); 0 at kinks, and 0.01 there for leaky_relu. Where it underflows, its zero keeps
 * the sign of the truth. */
void activation_derivatives(const struct activation *activation, long count, const double *x, double *restrict results);

/* Both at once, each with the bits above: what they have in common, as tanh's exponential, is computed once. */
void activation_values_and_derivatives(const struct activation *activation, long count, const double *x, double factor,
                                       double *restrict values, double *restrict derivatives);

/* ln |phi'(x)|, right where phi' itself underflows; -inf where phi' = 0. The error is relative to the larger of it
 * and 1. */
void activation_log_derivatives(const struct activation *activation, long count, const double *x,
                                double *restrict results);

#endif
