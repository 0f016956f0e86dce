/* The theory's bound ||J_l||_2 <= (gamma ||W||_2)^l, its verdicts, and the two conditions (Pascanu, Mikolov and Bengio,
 * ICML 2013, section 2.1). Logarithms throughout. Not collective. */
#ifndef GRADSWEEP_GRADIENT_BOUND_H
#define GRADSWEEP_GRADIENT_BOUND_H

#include <stdint.h>

enum bound_verdict { BOUND_NOT_COMPUTED, BOUND_HOLDS, BOUND_WITHIN_ROUNDING, BOUND_VIOLATED };

/* By how much ln ||J_l|| - ln bound may be wrong: tolerance + l (log_norm_error + c d u), u = 2^-53; the argument for c
 * is in bound.c. log_norm_error is that of ln ||W||_2. */
double bound_uncertainty(double tolerance, double lag, double log_norm_error, long hidden_size);

/* With delta = log_bound - log_norm: holds where delta > uncertainty, violated where delta < -uncertainty, else within
 * rounding. -inf below a finite bound holds; -inf against -inf is an equality. A NaN gives not_computed. */
enum bound_verdict bound_check(double log_norm, double log_bound, double uncertainty);

/* 1 where exp(log_value) < 1 beyond its error, 0 elsewhere; 255 for NaN. For both conditions: ln(gamma ||W||_2) and
 * ln(gamma rho(W)). Equality is not below 1. */
uint8_t bound_condition_below_one(double log_value, double error);

/* Least-squares slope of log_norms against lags over the last ceil(n/2) lags (at least two); one lag: log_norm / lag.
 * -inf where any of them is; NaN where any is NaN. Nats per step. */
double bound_growth_rate(const long *lags, const double *log_norms, long lag_count);

#endif
