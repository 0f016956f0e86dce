/* CPU time of a batch of chains, whose results stay unread. */
#ifndef GRADSWEEP_BENCHMARKS_BATCH_TIME_H
#define GRADSWEEP_BENCHMARKS_BATCH_TIME_H

#include "benchmarks/cpu_time.h"
#include "gradient/batch_run.h"

#include <assert.h>

/* Room for any dataset of norms and gradients. */
enum { TIMED_CHAINS = 16, TIMED_LAGS = 16, TIMED_DATASETS = 32 };

/* Into *seconds. The batch has at most TIMED_CHAINS chains and TIMED_LAGS lags, and no measure with more than a value a
 * lag. */
static inline enum status time_batch(const struct batch *batch, double *seconds)
{
    static double room[TIMED_DATASETS][TIMED_CHAINS * TIMED_LAGS];
    void *values[TIMED_DATASETS];
    struct chain_outcomes outcomes[TIMED_CHAINS];
    enum jacobian_method methods[TIMED_CHAINS];
    struct gradient_context context = { 0 };
    struct batch_results results = { values, outcomes, methods };
    assert(batch->count <= TIMED_CHAINS && batch->lag_count <= TIMED_LAGS);
    for (size_t i = 0; i < TIMED_DATASETS; i++)
        values[i] = room[i];
    const double start = cpu_seconds();
    const enum status status = batch_measure(batch, &context, &results);
    *seconds = cpu_seconds() - start;
    return status;
}

#endif
