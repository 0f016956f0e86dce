#include "run/work.h"

#include "base/memory.h"
#include "gradient/batch_run.h"

#include <math.h>
#include <string.h>

void work_destroy(struct work *work)
{
    memory_free(work->cells);
    memory_free(work->gammas);
    memory_free(work->chain_of);
    memory_free(work->couplings);
    memory_free(work->drives);
    memory_free(work->outcomes);
    memory_free(work->methods);
    store_free_results(&work->chains);
    store_free_results(&work->results);
    *work = (struct work){ 0 };
}

/* Room for so many cells of at most so many chains. */
static enum status allocate(const struct sweep *sweep, uint64_t cells, uint64_t chains, struct work *work)
{
    TRY(store_allocate_results(sweep, 0, cells, &work->results));
    TRY(memory_allocate(&work->cells, cells, "cells of a unit"));
    TRY(memory_allocate(&work->gammas, cells, "gammas of a unit"));
    TRY(memory_allocate(&work->chain_of, cells, "chains of a unit"));
    TRY(memory_allocate(&work->couplings, chains, "chains of a unit"));
    TRY(memory_allocate(&work->drives, chains, "chains of a unit"));
    const uint64_t ends = chains * (uint64_t)axes_length(sweep, AXIS_ANCHOR);
    TRY(memory_allocate(&work->outcomes, ends, "outcomes of a unit"));
    return memory_allocate(&work->methods, ends, "methods of a unit");
}

/* Fills what is known of the needed cells; numbers[chain_count] := 1 for the unit's chains that any of them has. */
static void collect_cells(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed, struct work *work,
                          long *numbers)
{
    for (uint64_t row = 0, seen = 0; row < grid_plane_rows(sweep); row++) {
        uint64_t first, count = unit_cells_in_row(sweep, unit, row, &first);
        for (uint64_t i = 0; i < count; i++) {
            if (!needed[seen++])
                continue;
            const struct cell cell = grid_cell_at(sweep, first + i);
            const long chain = (long)(grid_chain_of(sweep, &cell) - unit->first_chain);
            numbers[chain] = 1;
            work->cells[work->count] = first + i;
            work->gammas[work->count] = grid_gamma(sweep, &cell);
            work->chain_of[work->count++] = cell.at[AXIS_ANCHOR] * (long)unit->chain_count + chain;
        }
    }
}

/* Numbers the chains that are needed, in ascending order, and leaves out the others. */
static void close_up_chains(const struct sweep *sweep, const struct unit *unit, struct work *work, long *numbers)
{
    for (uint64_t chain = 0; chain < unit->chain_count; chain++) {
        if (numbers[chain] == 0)
            continue;
        work->couplings[work->chain_count] = grid_chain_coupling(sweep, unit->first_chain + chain);
        work->drives[work->chain_count] = grid_chain_drive(sweep, unit->first_chain + chain);
        numbers[chain] = work->chain_count++;
    }
    for (uint64_t i = 0; i < work->count; i++) {
        const long anchor = work->chain_of[i] / (long)unit->chain_count;
        const long chain = work->chain_of[i] % (long)unit->chain_count;
        work->chain_of[i] = anchor * work->chain_count + numbers[chain];
    }
}

enum status work_create(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed, struct work *work)
{
    SCOPED(work) made = { 0 };
    SCOPED_MEMORY long *numbers = NULL;
    uint64_t count = 0;
    for (uint64_t i = 0; i < unit->cell_count; i++)
        count += needed[i] != 0;
    TRY(memory_allocate(&numbers, unit->chain_count, "chains of a unit"));
    TRY(allocate(sweep, count, unit->chain_count, &made));
    collect_cells(sweep, unit, needed, &made, numbers);
    close_up_chains(sweep, unit, &made, numbers);
    const long ends = made.chain_count * axes_length(sweep, AXIS_ANCHOR);
    TRY(store_allocate_results(sweep, 0, (uint64_t)ends, &made.chains));
    *work = scope_keep(&made);
    return STATUS_OK;
}

/* The values of a cell, those of its chain. */
static void copy_values(const struct work *work, const struct sweep *sweep, size_t number, uint64_t cell)
{
    const struct dataset_rule *rule = measure_dataset_at(sweep->measures, number);
    const size_t bytes = store_bytes_per_cell(sweep, rule), chain = (size_t)work->chain_of[cell];
    char *values = (char *)work->results.values[number] + cell * bytes;
    memcpy(values, (const char *)work->chains.values[number] + chain * bytes, bytes);
    for (size_t i = 0; rule->gamma_factor && i < bytes / sizeof(double); i++)
        ((double *)values)[i] += log(work->gammas[cell]);
}

static void copy_chains(const struct work *work, const struct sweep *sweep)
{
    for (size_t number = 0; number < measure_dataset_count(sweep->measures); number++)
        for (uint64_t cell = 0; work->chains.values[number] && cell < work->count; cell++)
            copy_values(work, sweep, number, cell);
}

enum status work_compute(struct work *work, const struct sweep *sweep, struct weights *weights,
                         struct weight_spectrum spectrum, const struct activation *activation,
                         struct gradient_context *context)
{
    const struct batch batch = { .weights = weights,
                                 .spectrum = spectrum,
                                 .native = sweep->native,
                                 .model = &sweep->model,
                                 .activation = activation,
                                 .count = work->chain_count,
                                 .couplings = work->couplings,
                                 .drives = work->drives,
                                 .anchors = sweep->anchors,
                                 .anchor_count = sweep->has_anchors ? sweep->anchor_count : 0,
                                 .lags = sweep->lags,
                                 .lag_count = sweep->lag_count,
                                 .tolerance = sweep->tolerance,
                                 .measures = sweep->measures,
                                 .options = sweep->options };
    const struct batch_results results = { .values = work->chains.values,
                                           .outcomes = work->outcomes,
                                           .methods = work->methods };
    TRY(batch_measure(&batch, context, &results));
    copy_chains(work, sweep);
    return STATUS_OK;
}

uint64_t work_mark(struct work *work, const struct sweep *sweep, enum failure_reason failure, int team_size,
                   double cell_seconds, double predicted_seconds)
{
    uint64_t failed = 0;
    for (uint64_t i = 0; i < work->count; i++) {
        const long chain = work->chain_of[i];
        uint8_t reason =
            failure != FAILURE_NONE ? (uint8_t)failure : failure_of_measures(sweep->measures, work->outcomes[chain].of);
        work->results.status[i] = reason == FAILURE_NONE ? STORE_DONE : STORE_FAILED;
        work->results.failure_reason[i] = reason;
        if (failure == FAILURE_NONE)
            work->results.method[i] = (uint8_t)work->methods[chain];
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
