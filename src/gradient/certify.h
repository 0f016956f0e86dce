/* Proven verdicts on the bound ||J_l||_2 <= (gamma ||W||_2)^l. Not collective.
 *
 * What is proven. W_unit and the derivatives D_i (phi'/sup|phi'|, with their log_shift) are arrays of doubles, taken as
 * they stand; gain and gamma are positive doubles. With exact real arithmetic on these numbers
 *     W = gain W_unit,   J_l = prod_i gamma W exp(log_shift_i) diag(D_i),   bound = (gamma ||W||_2)^l
 * (untied: prod_i gamma ||W_i||_2). Gain and gamma stand l times on both sides and cancel: the statement is about
 *     R_l = ||prod_i W_unit exp(log_shift_i) diag(D_i)||_2 / ||W_unit||_2^l,
 * BOUND_HOLDS says that R_l < 1 is proven, BOUND_VIOLATED that R_l > 1 is. What the logarithms in the results file, or
 * the rounding of the trajectory that gave the D_i, have to do with a network in exact arithmetic is not its matter. */
#ifndef GRADSWEEP_GRADIENT_CERTIFY_H
#define GRADSWEEP_GRADIENT_CERTIFY_H

#include "gradient/bound.h"
#include "gradient/jacobian.h"

/* verdicts[chains * lag_count] (enum bound_verdict): proven ones, BOUND_WITHIN_ROUNDING where no proof is found, and
 * BOUND_NOT_COMPUTED where log_norms is NaN. `log_norms` as the functions of jacobian.h give them and
 * `log_bounds`[lag_count], the sums of ln ||W_unit,t||_2 over the lags, only say where a proof is worth trying: where
 * they differ by more than certify_resolution and the tolerance. Chains with another outcome than JACOBIAN_FOUND are
 * left out. At most 2 d^3 flops for each step up to the first one that decides the chain (often none), and 4/3 d^3 for
 * deciding. Errors: STATUS_MEMORY, STATUS_STOPPED. */
CHECKED enum status certify_bounds(const struct jacobian_problem *problem, struct gradient_context *context,
                                   const double *log_norms, const double *log_bounds,
                                   const enum jacobian_outcome *outcomes, uint8_t *verdicts);

/* The distance of ln ||J_l|| from its bound above which the proofs succeed: the rounding errors of a product, relative
 * to the bound, and of a Cholesky decomposition, all in the worst case. */
double certify_resolution(double lag, long hidden_size);

#endif
