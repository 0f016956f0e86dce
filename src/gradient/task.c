#include "gradient/task.h"

#include "gradient/measure.h"

#include <math.h>

static size_t values_per_cell(const struct batch *batch, const struct dataset_rule *rule)
{
    return measure_values_per_cell(rule, batch->lag_count, &batch->options);
}

void *batch_values(const struct batch *batch, const struct batch_results *results, long cell, const char *dataset)
{
    size_t number;
    if (!measure_dataset_find(batch->measures, dataset, &number) || results->values[number] == NULL)
        return NULL;
    const struct dataset_rule *rule = measure_dataset_at(batch->measures, number);
    return (char *)results->values[number] + (size_t)cell * values_per_cell(batch, rule) * measure_value_size(rule);
}

enum jacobian_outcome batch_first_failure(const struct cell_outcomes *outcomes)
{
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (outcomes->of[id] != JACOBIAN_FOUND)
            return outcomes->of[id];
    return JACOBIAN_FOUND;
}

void batch_erase_measure(const struct batch *batch, const struct batch_results *results, long cell,
                         enum measure_id measure)
{
    size_t count = measure_dataset_count(batch->measures);
    for (size_t number = 0; number < count; number++) {
        const struct dataset_rule *rule = measure_dataset_at(batch->measures, number);
        if (results->values[number] == NULL || measure_of_dataset(batch->measures, number) != measure)
            continue;
        size_t width = values_per_cell(batch, rule), first = (size_t)cell * width;
        for (size_t i = first; i < first + width; i++)
            if (rule->type == TYPE_UINT8)
                ((uint8_t *)results->values[number])[i] = 255;
            else
                ((double *)results->values[number])[i] = NAN;
    }
}

double *task_values(const struct measure_task *task, const char *dataset)
{
    return batch_values(task->batch, task->results, task->first_cell, dataset);
}

void task_fail(const struct measure_task *task, long chain, enum jacobian_outcome outcome)
{
    task->results->outcomes[task->first_cell + chain].of[task->measure] = outcome;
}

double task_log_scale(const struct measure_task *task, long chain, double lag)
{
    return lag * (log(task->chains[chain].gain) + log(task->chains[chain].gamma));
}
