/* The norms of the Jacobian products of chains that stand side by side, with what comes with them: what every measure
 * of a task finds ready. Private to gradient/. */
#ifndef GRADSWEEP_GRADIENT_CHAIN_NORMS_H
#define GRADSWEEP_GRADIENT_CHAIN_NORMS_H

#include "gradient/batch.h"
#include "gradient/jacobian.h"

/* Normalised as in gradient/jacobian.h: functions of W_unit and of the derivatives of the window alone. Chains whose
 * windows are equal to the bit, as where states have vanished, or where relu's keep their direction, therefore have one
 * product and its norms, which are found once; where only the last steps are, products over them are one. One product
 * serves all chains of identity; in closed form, where the bound says all, there is none. */
struct chain_norms {
    enum jacobian_method method;
    long chains;                     /* that differ */
    long *members;                   /* [chains]: the first of the trajectory's of each kind; NULL for identity */
    long *kinds;                     /* [of the trajectory]: whose norms are a chain's; likewise */
    struct jacobian_twin *twins;     /* [chains]: the one of them with most of its last steps; likewise */
    double *log_norms;               /* [chains][lag_count] */
    double *log_frobenius;           /* likewise; NULL unless a measure needs products */
    uint8_t *verdicts;               /* likewise, proven ones; NULL unless they are asked for */
    enum jacobian_outcome *outcomes; /* [chains] */
    bool *fell_back;                 /* [chains]: to the explicit method */
};

/* Finds them for `chains` chains of a trajectory (NULL: for identity), where needed with proven verdicts against
 * log_unit_bounds[lag_count], the bounds, normalised likewise (NaN: not known). What cannot be found is an outcome. Its
 * owner's to destroy, also where this fails. Collective within the team of the weights. Errors: STATUS_MEMORY,
 * STATUS_STOPPED, STATUS_NUMERICAL, STATUS_IO. */
CHECKED enum status chain_norms_find(const struct batch *batch, struct gradient_context *context,
                                     enum jacobian_method method, const struct trajectory *trajectory, long chains,
                                     const double *log_unit_bounds, struct chain_norms *norms);
void chain_norms_destroy(struct chain_norms *norms);

/* Whose norms are those of chain `chain` of a task. */
static inline long chain_norms_of(const struct chain_norms *norms, long chain)
{
    return norms->kinds ? norms->kinds[chain] : 0;
}
SCOPED_VALUE(chain_norms, chain_norms_destroy)

/* What one measure, or the search for norms, cannot have is its own failure, in all of outcomes[count]; other errors
 * are the batch's. Collective within the team, and agreed. */
CHECKED enum status chain_norms_accept_failure(const struct batch *batch, enum status status,
                                               enum jacobian_outcome *outcomes, long count);

/* The chains of a trajectory (NULL: the one of identity) as a problem. */
struct jacobian_problem chain_norms_problem(const struct batch *batch, const struct trajectory *trajectory,
                                            long chains);

#endif
