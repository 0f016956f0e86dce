/* What a measure is given: chains of one network and activation, side by side, with their trajectory and norms.
 * Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_TASK_H
#define GRADSWEEP_GRADIENT_TASK_H

#include "gradient/batch.h"
#include "gradient/chain_norms.h"

/* The bounds on products of W_unit alone, normalised like norms, and how the search for them ended. */
struct unit_bounds {
    double *log_bounds; /* [lag_count]; NaN where they were not found */
    enum jacobian_outcome outcome;
};

struct measure_task {
    const struct batch *batch;
    int measure; /* the number of the one that is called */
    struct gradient_context *context;
    const struct batch_results *results;
    long first_chain; /* the batch's chains first_chain .. first_chain + count - 1 are the chains 0 .. count - 1 here */
    long count;
    const struct chain_norms *norms;
    const struct unit_bounds *bounds;
    /* For measures whose row needs it, and for all of them but with identity; else NULL. */
    const struct chain *chains;          /* [count] */
    const struct trajectory *trajectory; /* of these chains, identity too; with states over all T steps where a
                                          * requested measure's row says so, else over the largest lag */
};

/* The values of the task's first chain in dataset `place` of the measure's own row: `values a cell` further for each
 * next one. Doubles or flags, as the row says. */
void *task_values(const struct measure_task *task, size_t place);

/* How the norms of a chain ended; ln ||J_l||_2 and, with NEEDS_PRODUCTS, ln ||J_l||_F at lags[i]. In closed
 * form there are none. */
enum jacobian_outcome task_norm_outcome(const struct measure_task *task, long chain);
double task_log_norm(const struct measure_task *task, long chain, long i);
double task_log_frobenius(const struct measure_task *task, long chain, long i);

/* The proven verdict there (gradient/bound.h), where sweeps ask for proofs. */
uint8_t task_proven_verdict(const struct measure_task *task, long chain, long i);

/* Marks this measure as failed in a chain of the task; its results there are erased when the batch is done. */
void task_fail(const struct measure_task *task, long chain, enum jacobian_outcome outcome);

/* l ln kappa of a chain at one lag: what normalised products leave out. */
double task_log_scale(const struct measure_task *task, long chain, double lag);

#endif
