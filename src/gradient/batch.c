#include "gradient/batch.h"

#include <math.h>

bool batch_is_untied(const struct batch *batch)
{
    return weights_ensemble(batch->weights)->kind->is_fresh_at_every_step;
}

double batch_log_unit_norm(const struct batch *batch)
{
    return log(batch->native ? batch->spectrum.norm : batch->spectrum.norm / batch->spectrum.radius);
}

double batch_log_step_bound(const struct batch *batch, long chain)
{
    return log(batch->couplings[chain]) + batch_log_unit_norm(batch);
}

/* ---- values ---- */

void *batch_values_at(const struct batch *batch, const struct batch_results *results, long chain, size_t number)
{
    const struct dataset_rule *rule = measure_dataset_at(batch->measures, number);
    const size_t width = measure_values_per_cell(rule, batch->lag_count, &batch->options);
    char *values = results->values[number];
    return values ? values + (size_t)chain * width * measure_value_size(rule) : NULL;
}

void batch_erase_measure(const struct batch *batch, const struct batch_results *results, long chain, int measure)
{
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(batch->measures, number)); number++) {
        void *values = batch_values_at(batch, results, chain, number);
        if (values == NULL || measure_of_dataset(batch->measures, number) != measure)
            continue;
        const size_t width = measure_values_per_cell(rule, batch->lag_count, &batch->options);
        measure_fill_pending(rule, values, 0, width);
    }
}
