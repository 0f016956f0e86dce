#include "store/cells.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

uint64_t store_values_per_cell(const struct sweep *sweep, const struct dataset_rule *rule)
{
    return measure_values_per_cell(rule, sweep->lag_count, &sweep->options);
}

size_t store_bytes_per_cell(const struct sweep *sweep, const struct dataset_rule *rule)
{
    return store_values_per_cell(sweep, rule) * measure_value_size(rule);
}

static enum status allocate_values(const struct sweep *sweep, const struct dataset_rule *rule, uint64_t cells,
                                   void **values)
{
    const uint64_t count = cells * store_values_per_cell(sweep, rule);
    if (count == 0)
        return STATUS_OK;
    TRY(memory_allocate_bytes(values, count, measure_value_size(rule), rule->name));
    measure_fill_pending(rule, *values, 0, count);
    return STATUS_OK;
}

static enum status allocate_all(const struct sweep *sweep, uint64_t count, struct cell_results *results)
{
    results->dataset_count = measure_dataset_count(sweep->measures);
    TRY(memory_allocate(&results->values, results->dataset_count, "results"));
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        TRY(allocate_values(sweep, rule, count, &results->values[i]));
    TRY(memory_allocate(&results->status, count, "results"));
    TRY(memory_allocate(&results->failure_reason, count, "results"));
    TRY(memory_allocate(&results->method, count, "results"));
    TRY(memory_allocate(&results->team_size, count, "results"));
    TRY(memory_allocate(&results->cell_seconds, count, "results"));
    TRY(memory_allocate(&results->predicted_seconds, count, "results"));
    memset(results->method, UINT8_MAX, count);
    for (uint64_t i = 0; i < count; i++)
        results->cell_seconds[i] = results->predicted_seconds[i] = NAN;
    return STATUS_OK;
}

enum status store_allocate_results(const struct sweep *sweep, uint64_t first, uint64_t count,
                                   struct cell_results *results)
{
    SCOPED(cell_results) made = { .first = first, .count = count };
    TRY(allocate_all(sweep, count, &made));
    *results = scope_keep(&made);
    return STATUS_OK;
}

void store_free_results(struct cell_results *results)
{
    for (size_t i = 0; results->values && i < results->dataset_count; i++)
        memory_free(results->values[i]);
    memory_free(results->values);
    memory_free(results->status);
    memory_free(results->failure_reason);
    memory_free(results->method);
    memory_free(results->team_size);
    memory_free(results->cell_seconds);
    memory_free(results->predicted_seconds);
    *results = (struct cell_results){ 0 };
}
