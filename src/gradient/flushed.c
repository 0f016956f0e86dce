#include "gradient/flushed.h"

#include <math.h>

/* Below these, relative to the largest of its step, a derivative may count as 0 (model/scaled_state.c): 2^-(2^40), and
 * 2^-900 on a grid, where units have no powers of two of their own. */
static const double LOG_LEFT_OUT = -0x1p40 * M_LN2, LOG_LEFT_OUT_ON_GRID = -900.0 * M_LN2;

/* The largest and smallest exponents of a state that is not scaled, 1e100, twice: of a state and of what it gives. */
static const double LOG_STATES = 2.0 * 231.0;

/* What was left out of a product is at most the bound on all of it times what was left out of one factor; of an error
 * or a contribution, that times the states it comes from. A value e^40 above that has it beyond its last bit. */
static double least_certain(const struct measure_task *task, long chain)
{
    const struct batch *batch = task->batch;
    const double margin = 40.0, exponent = (double)task->trajectory->final_exponents[chain];
    const long last = batch->lag_count - 1;
    const double bound = task->bounds->log_bounds[last] + task_log_scale(task, chain, (double)batch->lags[last]);
    return (weights_grid(batch->weights) ? LOG_LEFT_OUT_ON_GRID : LOG_LEFT_OUT) + fmax(bound, 0.0) +
           2.0 * fmax(exponent, 0.0) * M_LN2 + LOG_STATES + margin;
}

/* Whether any number of a measure in a chain is below `least`. */
static bool has_below(const struct measure_task *task, long chain, int measure, double least)
{
    const struct batch *batch = task->batch;
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(batch->measures, number)); number++) {
        const double *values = task->results->values[number];
        if (values == NULL || rule->type != TYPE_FLOAT64 || measure_of_dataset(batch->measures, number) != measure)
            continue;
        const size_t width = measure_values_per_cell(rule, batch->lag_count, &batch->options);
        for (size_t i = (size_t)chain * width; i < ((size_t)chain + 1) * width; i++)
            if (values[i] < least)
                return true;
    }
    return false;
}

void flushed_fail(struct measure_task *task)
{
    if (task->batch->activation->is_identity)
        return;
    for (long chain = 0; chain < task->count; chain++) {
        if (!trajectory_is_beyond(task->trajectory, chain))
            continue;
        const double least = least_certain(task, chain);
        for (task->measure = 0; task->measure < MEASURES; task->measure++)
            if (task->batch->measures & 1u << task->measure &&
                has_below(task, task->first_chain + chain, task->measure, least))
                task_fail(task, chain, JACOBIAN_OUT_OF_RANGE);
    }
}
