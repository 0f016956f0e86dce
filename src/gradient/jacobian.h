/* Spectral norms of Jacobian products J_l = S_T S_{T-1} ... S_{T-l+1}, by two methods over one interface.
 *
 * Both work with J_l^T, whose steps are "apply W^T, then scale the rows": one product for explicit blocks, one vector
 * for Lanczos. Each lag starts anew from a random vector: the last lag's singular vector would save a few iterations,
 * and the residual that makes a given start safe (linalg/lanczos.c) costs as many. None of these functions is
 * collective.
 *
 * Normalised products: gain and gamma are left out (W_unit and phi'/sup|phi'| only), so that
 * ln ||J_l|| = l (ln gain + ln gamma) + result. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_H
#define GRADSWEEP_GRADIENT_JACOBIAN_H

#include "base/phases.h"
#include "base/status.h"
#include "gradient/measure.h"
#include "model/trajectory.h"
#include "model/weights.h"

#include <stdbool.h>
#include <stdint.h>

/* What runs along with every long computation of this floor. */
struct gradient_context {
    bool (*stop_requested)(void);     /* may be NULL */
    double flops;                     /* floating-point operations so far; added to */
    struct phases *phases;            /* of the caller's; may be NULL */
    double measure_seconds[MEASURES]; /* of the functions of each; added to */
};

/* An earlier chain of a problem whose derivatives at the last so many steps are those of a chain to the bit: products
 * over them are one. They are fewer than the largest lag, or the two chains were one. */
struct jacobian_twin {
    long chain, steps; /* 0 steps: there is none */
};

struct jacobian_problem {
    struct weights *weights;
    const struct trajectory *trajectory; /* NULL: identity, the step Jacobian is W itself, and chains must be 1 */
    long steps;                          /* T */
    long first_chain;                    /* the trajectory's chains first_chain .. first_chain + chains - 1 */
    long chains;
    const long *members;               /* [chains]: those of the trajectory's in their stead; NULL: these */
    const struct jacobian_twin *twins; /* [chains]: of these, where members are given; NULL: none is known. The implicit
                                        * method finds one product once */
    const long *lags;                  /* ascending, the last at most the trajectory's window and T */
    long lag_count;
    double tolerance;     /* of ln ||J_l||, absolute */
    bool may_truncate;    /* whole products need not keep directions that are, but for a chance of 1e-8, worth no more
                           * than half of the tolerance */
    bool may_take_powers; /* the implicit method: equal steps one after the other may be taken as a power, which is
                           * right to a tenth of the tolerance but for a chance of 1e-8 (gradient/jacobian_powers.h) */
    bool are_close;       /* the largest singular values: by the explicit method they come from a full SVD at once */
};

/* log_norms[chains * lag_count] := normalised ln ||J_l||_2, log_frobenius (may be NULL) likewise the Frobenius norms,
 * outcomes[chains]. Explicit: whole products J_l^T, 2 d^3 flops a step, then their largest singular value: by Lanczos,
 * or for small networks on a rank alone, which lie in the lanes of vectors (linalg/lanes.h), from Gram matrices.
 * Errors: STATUS_MEMORY, STATUS_STOPPED, STATUS_NUMERICAL. */
CHECKED enum status jacobian_norms_explicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                            double *log_norms, double *log_frobenius, enum jacobian_outcome *outcomes);

/* The same by Lanczos through the factors, never forming J_l: 4 l d^2 flops an iteration. A chain whose singular values
 * lie too close for it falls back to the explicit method; fell_back[chains] says so. Not for untied weights, whose W
 * would be drawn again in every iteration: STATUS_INTERNAL. */
CHECKED enum status jacobian_norms_implicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                            double *log_norms, enum jacobian_outcome *outcomes, bool *fell_back);

/* The same for one chain, log_norms[lag_count] and log_frobenius[lag_count] (may be NULL), of which numbers lie further
 * apart than doubles reach: each row of J_l^T with a power of two of its own. Some ten times as slow as the explicit
 * method; for a rank alone. */
CHECKED enum status jacobian_norms_wide(const struct jacobian_problem *problem, struct gradient_context *context,
                                        long chain, double *log_norms, double *log_frobenius,
                                        enum jacobian_outcome *outcome);

/* log_norms[lag_count]: running sums over lags of ln ||W_unit,t||_2 for t = T, T-1, ..., the bound of untied weights.
 * Each norm is found to tolerance / (largest lag), so that the sums keep the tolerance. Errors as above. */
CHECKED enum status jacobian_step_weight_norms(const struct jacobian_problem *problem, struct gradient_context *context,
                                               double *log_norms);

#endif
