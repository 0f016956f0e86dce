#include "gradient/task.h"

#include "gradient/measure.h"

#include <math.h>
#include <string.h>

static long values_per_cell(const struct batch *batch, enum dataset_shape shape)
{
    long steps = batch->options.contribution_map_steps, index = batch->options.index_size;
    switch (shape) {
    case SHAPE_CELL_LAG:
        return batch->lag_count;
    case SHAPE_CELL_STEP:
        return steps;
    case SHAPE_CELL_STEP_LAG:
        return steps * batch->lag_count;
    case SHAPE_CELL_INDEX:
        return index;
    case SHAPE_CELL_LAG_INDEX:
        return batch->lag_count * index;
    case SHAPE_CELL:
    case SHAPE_WEIGHT:
    case SHAPE_WEIGHT_INDEX:
        break;
    }
    return 1;
}

static size_t element_size(const struct dataset_rule *rule)
{
    return rule->type == TYPE_UINT8 ? sizeof(uint8_t) : sizeof(double);
}

void *batch_values(const struct batch *batch, const struct batch_results *results, long cell, const char *dataset)
{
    size_t count = measure_dataset_count(batch->measures);
    for (size_t number = 0; number < count; number++) {
        const struct dataset_rule *rule = measure_dataset_at(batch->measures, number);
        if (strcmp(rule->name, dataset) == 0 && results->values[number])
            return (char *)results->values[number] +
                   (size_t)(cell * values_per_cell(batch, rule->shape)) * element_size(rule);
    }
    return NULL;
}

void batch_erase_cell(const struct batch *batch, const struct batch_results *results, long cell)
{
    size_t count = measure_dataset_count(batch->measures);
    for (size_t number = 0; number < count; number++) {
        const struct dataset_rule *rule = measure_dataset_at(batch->measures, number);
        if (results->values[number] == NULL)
            continue;
        long width = values_per_cell(batch, rule->shape);
        for (long i = cell * width; i < (cell + 1) * width; i++)
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

uint8_t *task_flags(const struct measure_task *task, const char *dataset)
{
    return batch_values(task->batch, task->results, task->first_cell, dataset);
}

void task_fail(const struct measure_task *task, long chain, enum jacobian_outcome outcome)
{
    task->results->outcomes[task->first_cell + chain] = outcome;
}

double task_log_scale(const struct measure_task *task, long chain, double lag)
{
    return lag * (log(task->chains[chain].gain) + log(task->chains[chain].gamma));
}
