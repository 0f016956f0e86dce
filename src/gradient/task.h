/* What a measure is given: cells of one network and activation, side by side, with their trajectory.
 * Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_TASK_H
#define GRADSWEEP_GRADIENT_TASK_H

#include "gradient/batch.h"

struct measure_task {
    const struct batch *batch;
    enum measure_id measure; /* the one that is called */
    struct gradient_context *context;
    const struct batch_results *results;
    long first_cell; /* the batch's cells first_cell .. first_cell + count - 1 are the chains 0 .. count - 1 */
    long count;
    const struct chain *chains;          /* [count] */
    const struct trajectory *trajectory; /* of these chains, identity too; with states over all T steps where a
                                          * requested measure's row says so, else over the largest lag */
};

/* The values of this task's first cell in a dataset: `values a cell` further for each next one. NULL where the dataset
 * was not asked for. */
double *task_values(const struct measure_task *task, const char *dataset);

/* ln ||W_unit||_2, which a full decomposition found right to rounding, and ln ||W||_2 of a cell's swept W, as they
 * stand in the bound; NaN for untied weights. Where norm and radius are one number by construction their quotient is
 * exactly 1. */
double batch_log_unit_norm(const struct batch *batch);
double batch_log_weight_norm(const struct batch *batch, long cell);

/* Marks this measure as failed in a cell of the task; its results there are erased when the batch is done. */
void task_fail(const struct measure_task *task, long chain, enum jacobian_outcome outcome);

/* l (ln gain + ln gamma) of a chain at one lag: what normalised products leave out. */
double task_log_scale(const struct measure_task *task, long chain, double lag);

#endif
