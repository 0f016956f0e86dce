#include "gradient/task.h"

#include <math.h>

void *task_values(const struct measure_task *task, size_t place)
{
    const size_t number = measure_first_dataset(task->batch->measures, task->measure) + place;
    return batch_values_at(task->batch, task->results, task->first_chain, number);
}

enum jacobian_outcome task_norm_outcome(const struct measure_task *task, long chain)
{
    return task->norms->outcomes[chain_norms_of(task->norms, chain)];
}

static double swept(const struct measure_task *task, const double *normalised, long chain, long i)
{
    const struct batch *batch = task->batch;
    return normalised[chain_norms_of(task->norms, chain) * batch->lag_count + i] +
           task_log_scale(task, chain, (double)batch->lags[i]);
}

double task_log_norm(const struct measure_task *task, long chain, long i)
{
    return swept(task, task->norms->log_norms, chain, i);
}

double task_log_frobenius(const struct measure_task *task, long chain, long i)
{
    return swept(task, task->norms->log_frobenius, chain, i);
}

uint8_t task_proven_verdict(const struct measure_task *task, long chain, long i)
{
    return task->norms->verdicts[chain_norms_of(task->norms, chain) * task->batch->lag_count + i];
}

void task_fail(const struct measure_task *task, long chain, enum jacobian_outcome outcome)
{
    task->results->outcomes[task->first_chain + chain].of[task->measure] = outcome;
}

double task_log_scale(const struct measure_task *task, long chain, double lag)
{
    return lag * log(task->batch->couplings[task->first_chain + chain]);
}
