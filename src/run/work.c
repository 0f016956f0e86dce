#include "run/work.h"

#include "base/memory.h"
#include "gradient/batch_run.h"

#include <math.h>
#include <string.h>

void work_destroy(struct work *work)
{
    memory_free(work->cells);
    memory_free(work->gammas);
    memory_free(work->end_of);
    memory_free(work->parts);
    memory_free(work->couplings);
    memory_free(work->drives);
    memory_free(work->outcomes);
    memory_free(work->methods);
    store_free_results(&work->chains);
    store_free_results(&work->results);
    *work = (struct work){ 0 };
}

/* Room for so many cells of the unit's networks. */
static enum status allocate(const struct sweep *sweep, const struct unit *unit, uint64_t cells, struct work *work)
{
    const uint64_t chains = unit->chain_count * (uint64_t)unit->weight_count;
    TRY(store_allocate_results(sweep, 0, cells, &work->results));
    TRY(memory_allocate(&work->cells, cells, "cells of a unit"));
    TRY(memory_allocate(&work->gammas, cells, "gammas of a unit"));
    TRY(memory_allocate(&work->end_of, cells, "chains of a unit"));
    TRY(memory_allocate(&work->parts, unit->weight_count, "networks of a unit"));
    TRY(memory_allocate(&work->couplings, chains, "chains of a unit"));
    TRY(memory_allocate(&work->drives, chains, "chains of a unit"));
    work->part_count = unit->weight_count;
    const uint64_t ends = chains * (uint64_t)axes_length(sweep, AXIS_ANCHOR);
    TRY(memory_allocate(&work->outcomes, ends, "outcomes of a unit"));
    return memory_allocate(&work->methods, ends, "methods of a unit");
}

/* Fills what is known of the needed cells; in the places of their chains, the number of network, anchor and chain in C
 * order. is_needed[networks][chain_count] := 1 for the chains that any of them has. */
static void collect_cells(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed, struct work *work,
                          long *is_needed)
{
    const long chains = (long)unit->chain_count, anchors = axes_length(sweep, AXIS_ANCHOR);
    const uint64_t start = grid_cell_number(sweep, &unit->place), plane = grid_plane_size(sweep);
    for (uint64_t row = 0, seen = 0; row < grid_plane_rows(sweep); row++) {
        uint64_t first, count = unit_cells_in_row(sweep, unit, row, &first);
        for (uint64_t number = first; number < first + count; number++) {
            if (!needed[seen++])
                continue;
            const struct plane_cell cell = grid_plane_cell(sweep, (number - start) % plane);
            const long network = (long)((number - start) / plane), chain = (long)(cell.chain - unit->first_chain);
            is_needed[network * chains + chain] = 1;
            work->cells[work->count] = number;
            work->gammas[work->count] = cell.gamma;
            work->end_of[work->count++] = (network * anchors + cell.anchor) * chains + chain;
            work->parts[network].count++;
        }
    }
}

/* Numbers the chains of each network that are needed, in ascending order, and leaves out the others;
 * drives[chain_count] are those of any network. Returns how many ends all of them have. */
static long close_up_chains(const struct sweep *sweep, const struct unit *unit, const struct drive_scales *drives,
                            struct work *work, long *numbers)
{
    const long chains = (long)unit->chain_count, anchors = axes_length(sweep, AXIS_ANCHOR);
    long all = 0;
    uint64_t cell = 0;
    for (long network = 0; network < work->part_count; network++, numbers += chains) {
        struct work_part *part = &work->parts[network];
        part->first = cell;
        part->first_end = all * anchors;
        part->couplings = work->couplings + all;
        part->drives = work->drives + all;
        for (long chain = 0; chain < chains; chain++) {
            if (numbers[chain] == 0)
                continue;
            part->couplings[part->chain_count] = grid_chain_coupling(sweep, unit->first_chain + (uint64_t)chain);
            part->drives[part->chain_count] = drives[chain];
            numbers[chain] = part->chain_count++;
        }
        for (; cell < part->first + part->count; cell++) {
            const long anchor = work->end_of[cell] / chains % anchors, chain = numbers[work->end_of[cell] % chains];
            work->end_of[cell] = part->first_end + anchor * part->chain_count + chain;
        }
        all += part->chain_count;
    }
    return all * anchors;
}

enum status work_create(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed, struct work *work)
{
    SCOPED(work) made = { 0 };
    SCOPED_MEMORY long *numbers = NULL;
    SCOPED_MEMORY struct drive_scales *drives = NULL;
    uint64_t count = 0;
    for (uint64_t i = 0; i < unit->cell_count; i++)
        count += needed[i] != 0;
    TRY(memory_allocate(&numbers, unit->chain_count * (uint64_t)unit->weight_count, "chains of a unit"));
    TRY(memory_allocate(&drives, unit->chain_count, "chains of a unit"));
    TRY(allocate(sweep, unit, count, &made));
    collect_cells(sweep, unit, needed, &made, numbers);
    for (uint64_t chain = 0; chain < unit->chain_count; chain++)
        drives[chain] = grid_chain_drive(sweep, unit->first_chain + chain);
    const long ends = close_up_chains(sweep, unit, drives, &made, numbers);
    TRY(store_allocate_results(sweep, 0, (uint64_t)ends, &made.chains));
    *work = scope_keep(&made);
    return STATUS_OK;
}

/* The values of a cell in dataset `number`, those of its chain. */
static void copy_values(const struct work *work, const struct dataset_rule *rule, size_t number, size_t bytes,
                        uint64_t cell)
{
    const size_t end = (size_t)work->end_of[cell];
    char *values = (char *)work->results.values[number] + cell * bytes;
    memcpy(values, (const char *)work->chains.values[number] + end * bytes, bytes);
    for (size_t i = 0; rule->gamma_factor && i < bytes / sizeof(double); i++)
        ((double *)values)[i] += log(work->gammas[cell]);
}

static void copy_chains(const struct work *work, const struct work_part *part, const struct sweep *sweep)
{
    const struct dataset_rule *rule;
    for (size_t number = 0; (rule = measure_dataset_at(sweep->measures, number)); number++) {
        const size_t bytes = store_bytes_per_cell(sweep, rule);
        for (uint64_t i = 0; work->chains.values[number] && i < part->count; i++)
            copy_values(work, rule, number, bytes, part->first + i);
    }
}

/* values[datasets] := where the arrays of the chains begin for a part. */
static void find_values(const struct work *work, const struct work_part *part, const struct sweep *sweep, void **values)
{
    for (size_t number = 0; number < measure_dataset_count(sweep->measures); number++) {
        char *all = work->chains.values[number];
        const size_t bytes = store_bytes_per_cell(sweep, measure_dataset_at(sweep->measures, number));
        values[number] = all ? all + (size_t)part->first_end * bytes : NULL;
    }
}

enum status work_compute(struct work *work, const struct work_part *part, const struct sweep *sweep,
                         struct weights *weights, struct weight_spectrum spectrum, const struct activation *activation,
                         struct gradient_context *context)
{
    SCOPED_MEMORY void **values = NULL;
    TRY(memory_allocate(&values, measure_dataset_count(sweep->measures), "datasets of a unit"));
    find_values(work, part, sweep, values);
    const struct batch batch = { .weights = weights,
                                 .spectrum = spectrum,
                                 .native = sweep->native,
                                 .model = &sweep->model,
                                 .activation = activation,
                                 .count = part->chain_count,
                                 .couplings = part->couplings,
                                 .drives = part->drives,
                                 .anchors = sweep->anchors,
                                 .anchor_count = sweep->has_anchors ? sweep->anchor_count : 0,
                                 .lags = sweep->lags,
                                 .lag_count = sweep->lag_count,
                                 .tolerance = sweep->tolerance,
                                 .measures = sweep->measures,
                                 .options = sweep->options };
    const struct batch_results results = { .values = values,
                                           .outcomes = work->outcomes + part->first_end,
                                           .methods = work->methods + part->first_end };
    TRY(batch_measure(&batch, context, &results));
    copy_chains(work, part, sweep);
    return STATUS_OK;
}

uint64_t work_mark(struct work *work, const struct work_part *part, const struct sweep *sweep,
                   enum failure_reason failure, int team_size, double cell_seconds, double predicted_seconds)
{
    uint64_t failed = 0;
    for (uint64_t i = part->first; i < part->first + part->count; i++) {
        const long end = work->end_of[i];
        uint8_t reason =
            failure != FAILURE_NONE ? (uint8_t)failure : failure_of_measures(sweep->measures, work->outcomes[end].of);
        work->results.status[i] = reason == FAILURE_NONE ? STORE_DONE : STORE_FAILED;
        work->results.failure_reason[i] = reason;
        if (failure == FAILURE_NONE)
            work->results.method[i] = (uint8_t)work->methods[end];
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
