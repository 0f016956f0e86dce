/* States that may vanish or explode: a column of mantissas times one power of two; private to model/.
 *
 * x = 2^exponent * mantissas, with exponent 0 while the largest |x_i| lies within 2^-332 .. 2^332, about 1e-100 ..
 * 1e100. Below that every activation is its linear part at 0 to the last bit, so that mantissas need no power of two at
 * all. Scaling by powers of two is exact. Not collective. */
#ifndef GRADSWEEP_MODEL_SCALED_STATE_H
#define GRADSWEEP_MODEL_SCALED_STATE_H

#include "linalg/block.h"
#include "model/activation.h"

#include <stdbool.h>
#include <stdint.h>

/* values[count] := sigma(x) / 2^(returned exponent), sigma = (gamma / sup|phi'|) phi. */
int64_t scaled_state_activate(const struct activation *activation, double gamma, long count, const double *mantissas,
                              int64_t exponent, double *values);

/* The same for columns side by side whose exponents are 0, and stay so: `values` has the shape of `states`. One long
 * loop costs a small network a third of what many short ones do. */
void scaled_states_activate(const struct activation *activation, double gamma, const struct block *states,
                            struct block *values);

/* derivatives[count] := phi'(x) / sup|phi'| / exp(shift), and returns the shift: 0 unless all of them are below 1e-200
 * and one is not zero; then the largest becomes 1 / sup|phi'|. *may_be_wide := whether scaled_state_spread is to look,
 * for it finds SPREAD_NEAR elsewhere. */
double scaled_state_derivative(const struct activation *activation, long count, const double *mantissas,
                               int64_t exponent, double *derivatives, bool *may_be_wide);

/* Both of the above for columns side by side whose exponents are 0: `values` has the shape of `states`,
 * derivatives[columns][stride], the padding zero, shifts[columns] and may_be_wide[columns]. Whether it was seen that
 * all of the derivatives are finite and none is zero; it is not looked for where the activation is piecewise linear. */
bool scaled_states_differentiate(const struct activation *activation, double gamma, const struct block *states,
                                 struct block *values, double *derivatives, double *shifts, bool *may_be_wide);

/* How far the derivatives of a column lie apart. */
enum derivative_spread {
    SPREAD_NEAR,   /* doubles hold them all */
    SPREAD_WIDE,   /* some are below 2^-900 of the others, and not zero */
    SPREAD_BEYOND, /* of some not even the logarithm can be held */
};

/* For derivatives and shift as scaled_state_derivative gave them. Where they are wide, wide[count] times
 * 2^exponents[count] := phi'(x) / sup|phi'| / exp(shift), none of them flushed; both may be NULL, to ask alone. */
enum derivative_spread scaled_state_spread(const struct activation *activation, long count, const double *mantissas,
                                           int64_t exponent, const double *derivatives, double shift, double *wide,
                                           int64_t *exponents);

/* mantissas := gain * mantissas + drive / 2^exponent, `drive` NULL where there is none; returns the new exponent,
 * changed where the sum needs it. An element that is not finite stays. */
int64_t scaled_state_advance(double gain, const double *drive, long count, double *mantissas, int64_t exponent);

/* The same for columns side by side whose exponents are 0: gains[columns], the drive of them all, padded with zeros to
 * the stride. Whether all of them stay 0; else exponents[columns] := the new ones. */
bool scaled_states_advance(const double *gains, const double *drive, struct block *states, int64_t *exponents);

/* Brings a column back into the form above; returns its new exponent. A column of zeros gets exponent 0; one with an
 * element that is not finite is left alone. */
int64_t scaled_state_normalise(long count, double *mantissas, int64_t exponent);

/* The same for columns side by side. are_moderate: no element is outside of 2^-255 .. 2^257 in magnitude. *are_lost :=
 * whether an element is not finite. Returns whether the exponents of all are 0; false where some are not finite. */
bool scaled_states_normalise(struct block *states, bool are_moderate, int64_t *exponents, bool *are_lost);

#endif
