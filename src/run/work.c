#include "run/work.h"

#include "base/memory.h"
#include "gradient/batch_run.h"

void work_destroy(struct work *work)
{
    memory_free(work->cells);
    memory_free(work->spectral_radii);
    memory_free(work->gammas);
    memory_free(work->outcomes);
    memory_free(work->methods);
    store_free_results(&work->results);
    *work = (struct work){ 0 };
}

enum status work_create(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed, struct work *work)
{
    SCOPED(work) made = { 0 };
    uint64_t count = 0;
    for (uint64_t i = 0; i < unit->cell_count; i++)
        count += needed[i] != 0;
    TRY(store_allocate_results(sweep, 0, count, &made.results));
    TRY(memory_allocate(&made.cells, count, "cells of a unit"));
    TRY(memory_allocate(&made.spectral_radii, count, "radii of a unit"));
    TRY(memory_allocate(&made.gammas, count, "gammas of a unit"));
    TRY(memory_allocate(&made.outcomes, count, "outcomes of a unit"));
    TRY(memory_allocate(&made.methods, count, "methods of a unit"));
    for (uint64_t i = 0; i < unit->cell_count; i++) {
        if (!needed[i])
            continue;
        const struct cell cell = grid_cell_at(sweep, unit->first_cell + i);
        made.cells[made.count] = unit->first_cell + i;
        made.spectral_radii[made.count] = grid_spectral_radius(sweep, &cell);
        made.gammas[made.count] = grid_gamma(sweep, &cell);
        made.count++;
    }
    *work = scope_keep(&made);
    return STATUS_OK;
}

enum status work_compute(struct work *work, const struct sweep *sweep, struct weights *weights,
                         struct weight_spectrum spectrum, const struct activation *activation,
                         struct gradient_context *context)
{
    struct batch batch = { .weights = weights,
                           .spectrum = spectrum,
                           .native = sweep->native,
                           .model = &sweep->model,
                           .activation = activation,
                           .count = (long)work->count,
                           .spectral_radii = work->spectral_radii,
                           .gammas = work->gammas,
                           .lags = sweep->lags,
                           .lag_count = sweep->lag_count,
                           .tolerance = sweep->tolerance,
                           .measures = sweep->measures,
                           .options = sweep->options };
    struct batch_results results = { .values = work->results.values,
                                     .outcomes = work->outcomes,
                                     .methods = work->methods };
    enum status status = batch_measure(&batch, context, &results);
    for (long cell = 0; status != STATUS_OK && cell < batch.count; cell++)
        for (int number = 0; number < MEASURES; number++)
            batch_erase_measure(&batch, &results, cell, number);
    return status;
}

uint64_t work_mark(struct work *work, const struct sweep *sweep, enum failure_reason failure, int team_size,
                   double cell_seconds, double predicted_seconds)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < work->count; i++) {
        uint8_t reason =
            failure != FAILURE_NONE ? (uint8_t)failure : failure_of_measures(sweep->measures, work->outcomes[i].of);
        work->results.status[i] = reason == FAILURE_NONE ? STORE_DONE : STORE_FAILED;
        work->results.failure_reason[i] = reason;
        if (failure == FAILURE_NONE)
            work->results.method[i] = (uint8_t)work->methods[i];
        work->results.team_size[i] = (uint16_t)team_size;
        work->results.cell_seconds[i] = cell_seconds;
        work->results.predicted_seconds[i] = predicted_seconds;
        failed += reason != FAILURE_NONE;
    }
    return failed;
}

/* The results of work cells start .. start+count-1, which are neighbours in the grid; `values` is the place for its
 * pointers. */
static struct cell_results run_of(const struct work *work, const struct sweep *sweep, uint64_t start, uint64_t count,
                                  void **values)
{
    struct cell_results run = work->results;
    size_t datasets = measure_dataset_count(sweep->measures);
    run.first = work->cells[start];
    run.count = count;
    run.values = values;
    for (size_t number = 0; number < datasets; number++) {
        const struct dataset_rule *rule = measure_dataset_at(sweep->measures, number);
        char *all = work->results.values[number];
        values[number] = all ? all + start * store_bytes_per_cell(sweep, rule) : NULL;
    }
    run.status += start;
    run.failure_reason += start;
    run.method += start;
    run.team_size += start;
    run.cell_seconds += start;
    run.predicted_seconds += start;
    return run;
}

enum status work_write(const struct work *work, const struct sweep *sweep, struct store *store)
{
    SCOPED_MEMORY void **values = NULL;
    TRY(memory_allocate(&values, measure_dataset_count(sweep->measures), "datasets of a unit"));
    for (uint64_t start = 0, end; start < work->count; start = end) {
        end = start + 1;
        while (end < work->count && work->cells[end] == work->cells[end - 1] + 1)
            end++;
        struct cell_results run = run_of(work, sweep, start, end - start, values);
        TRY(store_write_cells(store, &run));
    }
    return STATUS_OK;
}
