/* Lags of chains that Lanczos through the factors has given up on, and what is then done about them. Private to
 * gradient/. */
#ifndef GRADSWEEP_GRADIENT_JACOBIAN_GAPS_H
#define GRADSWEEP_GRADIENT_JACOBIAN_GAPS_H

#include "gradient/jacobian.h"

/* For each lag of each chain, [chains][lag_count], whether Lanczos has given up on it. */
struct jacobian_gaps {
    long lag_count;
    bool *unresolved;
};

static inline bool *jacobian_gaps_of(const struct jacobian_gaps *gaps, long chain)
{
    return gaps->unresolved + chain * gaps->lag_count;
}

/* The lag position from which on a chain with unresolved[lag_count] is not served any more; lag_count for none. Not
 * collective. */
long jacobian_gaps_leaving(const struct jacobian_problem *problem, const bool *unresolved);

/* log_norms[chains * lag_count], the norms of one chain at the lags that lack them, by the explicit method: the short
 * ones where singular values lie close, and all from where it left. *outcome is changed where none is found. Collective
 * within the team of the weights. Errors: as jacobian_norms_explicit. */
CHECKED enum status jacobian_gaps_fill(const struct jacobian_problem *problem, struct gradient_context *context,
                                       long chain, const bool *unresolved, double *log_norms,
                                       enum jacobian_outcome *outcome);

#endif
