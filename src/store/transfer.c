#include "store/transfer.h"

#include "base/log.h"
#include "base/memory.h"
#include "store/provenance_rows.h"
#include "store/resume.h"
#include "store/seal.h"
#include "store/weight_record.h"
#include "sweep/grid.h"

#include <math.h>
#include <string.h>

/* A block of the source's cells, and the same as the target keeps them. */
struct block {
    struct cell_results source, target;
    struct cell_checksums checksums, new_checksums;
    uint8_t *takes; /* [count] whether the cell is to be written */
};

static uint64_t target_cell(const struct transfer *transfer, uint64_t number)
{
    return transfer->extension ? extension_cell(transfer->extension, number) : number;
}

static uint64_t target_weight(const struct transfer *transfer, uint64_t number)
{
    return transfer->extension ? extension_weight(transfer->extension, number) : number;
}

enum status transfer_look_at(const struct results_file *source)
{
    struct seal_faults faults;
    if (!source->layout.has_coupling)
        log_warning(
            "%s: made before cells with the same product of spectral radius and gamma were copies of one chain; "
            "beside what is computed now its cells are right to rounding, and not the same to the bit",
            source->path);
    TRY(seal_verify(source, &faults));
    if (seal_judge(source->path, &faults, STATUS_FOREIGN_FILE) != STATUS_OK)
        log_warning("%s; cells are taken by their own checksums", status_message());
    return STATUS_OK;
}

/* ---- cells ---- */

static void block_close(struct block *block)
{
    store_free_results(&block->source);
    store_free_results(&block->target);
    cell_checksums_free(&block->checksums);
    cell_checksums_free(&block->new_checksums);
    memory_free(block->takes);
}
SCOPED_VALUE(block, block_close)

/* `block` is its owner's to close, also where this fails. */
static enum status block_open(const struct transfer *transfer, uint64_t cells, struct block *block)
{
    TRY(store_allocate_results(transfer->source->layout.sweep, 0, cells, &block->source));
    TRY(store_allocate_results(transfer->target->layout.sweep, 0, cells, &block->target));
    TRY(cell_checksums_allocate(cells, &block->checksums));
    TRY(cell_checksums_allocate(cells, &block->new_checksums));
    return memory_allocate(&block->takes, cells, "cells to take over");
}

/* The values of one cell: rows along `index`, which may be longer in the target, or the same number in both. */
static void copy_values(const struct transfer *transfer, const struct dataset_rule *rule, const char *source,
                        char *target)
{
    const struct sweep *from = transfer->source->layout.sweep, *to = transfer->target->layout.sweep;
    const size_t size = measure_value_size(rule);
    const uint64_t values = store_values_per_cell(from, rule);
    const bool has_index = dataset_is_along(rule, ALONG_INDEX);
    const uint64_t row = has_index ? transfer->source->layout.sizes[DIMENSION_INDEX] : values;
    const uint64_t rows = values / row, target_row = store_values_per_cell(to, rule) / rows;
    for (uint64_t i = 0; i < rows; i++) {
        memcpy(target + i * target_row * size, source + i * row * size, row * size);
        measure_fill_pending(rule, target, i * target_row + row, target_row - row);
    }
}

static void copy_cell(const struct transfer *transfer, struct block *block, uint64_t i)
{
    const struct sweep *from = transfer->source->layout.sweep, *to = transfer->target->layout.sweep;
    const struct dataset_rule *rule;
    struct cell_results *source = &block->source, *target = &block->target;
    for (size_t k = 0; (rule = measure_dataset_at(from->measures, k)); k++)
        if (source->values[k])
            copy_values(transfer, rule, (const char *)source->values[k] + i * store_bytes_per_cell(from, rule),
                        (char *)target->values[k] + i * store_bytes_per_cell(to, rule));
    target->status[i] = source->status[i];
    target->failure_reason[i] = source->failure_reason[i];
    target->method[i] = source->method[i];
    target->team_size[i] = source->team_size[i];
    target->cell_seconds[i] = source->cell_seconds[i];
    target->predicted_seconds[i] = source->predicted_seconds[i];
    target->first = target_cell(transfer, source->first + i) - i;
    results_file_seal_cell(transfer->target, target, i, &block->new_checksums);
}

/* What to do with a cell that is intact, beside what the target has in its place. */
static enum status judge_cell(const struct transfer *transfer, struct block *block, uint64_t i,
                              struct transfer_tally *tally, struct transfer_conflict *conflict)
{
    const uint64_t number = target_cell(transfer, block->source.first + i);
    uint8_t status = STORE_PENDING;
    uint32_t checksum = 0;
    TRY(results_file_read(transfer->target, HEAD_STATUS, number, 1, &status));
    TRY(results_file_read(transfer->target, HEAD_CHECKSUM, number, 1, &checksum));
    const bool is_better = block->source.status[i] == STORE_DONE && status != STORE_DONE;
    block->takes[i] = status == STORE_PENDING || is_better;
    tally->taken += block->takes[i];
    tally->known += !block->takes[i];
    if (block->takes[i] || (status == STORE_DONE && block->source.status[i] != STORE_DONE))
        return STATUS_OK;
    if (checksum != block->new_checksums.results[i])
        *conflict = (struct transfer_conflict){ .is_found = true, .number = number };
    return STATUS_OK;
}

/* Runs of cells that are neighbours in the target too, each at once. */
static enum status write_block(const struct transfer *transfer, struct block *block)
{
    const uint64_t first = block->source.first, count = block->source.count;
    for (uint64_t from = 0, end; from < count; from = end) {
        const uint64_t place = target_cell(transfer, first + from);
        for (end = from + 1; end < count && block->takes[end] == block->takes[from] &&
                             target_cell(transfer, first + end) == place + (end - from);)
            end++;
        if (!block->takes[from])
            continue;
        block->target.first = place - from;
        TRY(results_file_write_cells(transfer->target, &block->target, from, end - from, &block->new_checksums));
    }
    return STATUS_OK;
}

static enum status move_block(const struct transfer *transfer, struct block *block, struct transfer_tally *tally,
                              struct transfer_conflict *conflict)
{
    const struct results_file *source = transfer->source;
    bool any = false;
    TRY(results_file_read(source, HEAD_STATUS, block->source.first, block->source.count, block->source.status));
    for (uint64_t i = 0; i < block->source.count; i++)
        any = any || block->source.status[i] != STORE_PENDING;
    if (!any)
        return STATUS_OK;
    TRY(results_file_read_cells(source, &block->source, &block->checksums));
    for (uint64_t i = 0; i < block->source.count && !conflict->is_found; i++) {
        block->takes[i] = 0;
        if (block->source.status[i] == STORE_PENDING)
            continue;
        if (!resume_is_intact(source, &block->source, i, &block->checksums)) {
            tally->damaged++;
            continue;
        }
        copy_cell(transfer, block, i);
        TRY(judge_cell(transfer, block, i, tally, conflict));
    }
    return conflict->is_found ? STATUS_OK : write_block(transfer, block);
}

enum status transfer_cells(const struct transfer *transfer, struct transfer_tally *tally,
                           struct transfer_conflict *conflict)
{
    const struct sweep *from = transfer->source->layout.sweep, *to = transfer->target->layout.sweep;
    const uint64_t cells = grid_cell_count(from), fitting = results_file_block(from), smaller = results_file_block(to);
    uint64_t most = fitting < smaller ? fitting : smaller;
    SCOPED(block) block = { 0 };
    if (extension_require_same_inputs(from, transfer->source->layout.version) != STATUS_OK)
        return status_prefix(STATUS_REFUSED, "%s", transfer->source->path);
    most = most < cells ? most : cells;
    TRY(block_open(transfer, most, &block));
    for (uint64_t first = 0; first < cells && !conflict->is_found; first += most) {
        block.source.first = first;
        block.source.count = cells - first < most ? cells - first : most;
        TRY(move_block(transfer, &block, tally, conflict));
    }
    return STATUS_OK;
}

/* ---- weights ---- */

/* Both are written, so neither is NaN. */
static bool agree(double a, double b, double scale, bool is_of_team)
{
    const double team_tolerance = 1e-9; /* what norms of teams agree in with those of one rank */
    return a == b || (is_of_team && fabs(a - b) <= team_tolerance * scale);
}

/* Puts the values of one WEIGHT beside what the target has, which gets what it lacks. */
static bool join_values(const double *source, double *target, uint64_t count, bool is_of_team)
{
    double scale = 0.0;
    for (uint64_t i = 0; i < count; i++)
        scale = fmax(scale, fabs(source[i]));
    for (uint64_t i = 0; i < count; i++) {
        if (!isnan(source[i]) && !isnan(target[i]) && !agree(source[i], target[i], scale, is_of_team))
            return false;
        if (isnan(target[i]))
            target[i] = source[i];
    }
    return true;
}

static bool is_of_team(const struct sweep *sweep, uint64_t weight)
{
    const struct cell at = grid_weight_at(sweep, weight);
    return grid_hidden_size(sweep, &at) >= sweep->distribute_from;
}

/* A record of the source as the target keeps it: what is along `index` may be longer there. */
static void widen_record(const struct transfer *transfer, const double *source, double *target)
{
    const struct layout *from = &transfer->source->layout, *to = &transfer->target->layout;
    weight_record_clear(to, target);
    for (size_t i = 0; i < from->measured; i++) {
        const struct layout_dataset *dataset = &from->datasets[layout_measured_at(i)];
        uint64_t place, count, target_place, target_count;
        if (weight_record_find(from, dataset->name, &place, &count) &&
            weight_record_find(to, dataset->name, &target_place, &target_count))
            memcpy(target + target_place, source + place, count * sizeof *source);
    }
}

/* `values`: room for a record of the source and two of the target. */
static enum status move_weight(const struct transfer *transfer, uint64_t weight, double *values,
                               struct transfer_tally *tally, struct transfer_conflict *conflict)
{
    const struct layout *from = &transfer->source->layout, *to = &transfer->target->layout;
    const uint64_t place = target_weight(transfer, weight), length = weight_record_length(to);
    double *wide = values + weight_record_length(from), *kept = wide + length;
    enum weight_state state, kept_state;
    TRY(weight_record_read(transfer->source, weight, 1, values, &state));
    tally->damaged_weights += state == WEIGHT_DAMAGED;
    if (state != WEIGHT_INTACT)
        return STATUS_OK;
    widen_record(transfer, values, wide);
    TRY(weight_record_read(transfer->target, place, 1, kept, &kept_state));
    if (kept_state != WEIGHT_INTACT)
        weight_record_clear(to, kept);
    if (join_values(wide, kept, length, is_of_team(from->sweep, weight)))
        return weight_record_write(transfer->target, place, 1, kept);
    *conflict = (struct transfer_conflict){ .is_found = true, .is_weight = true, .number = place };
    return STATUS_OK;
}

enum status transfer_weights(const struct transfer *transfer, struct transfer_tally *tally,
                             struct transfer_conflict *conflict)
{
    const struct layout *from = &transfer->source->layout, *to = &transfer->target->layout;
    const uint64_t weights = grid_weight_count(from->sweep);
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, weight_record_length(from) + 2 * weight_record_length(to), "values of weights"));
    for (uint64_t weight = 0; weight < weights && !conflict->is_found; weight++)
        TRY(move_weight(transfer, weight, values, tally, conflict));
    return STATUS_OK;
}

/* ---- where a conflicting place came from ---- */

/* Both are intact, and the same wherever both have a value. Both are of one sweep, and so of one shape. */
static enum status is_same_weight(const struct results_file *file, const struct results_file *target, uint64_t weight,
                                  bool *is_same)
{
    const uint64_t length = weight_record_length(&target->layout);
    enum weight_state state, target_state;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, 2 * length, "values of weights"));
    TRY(weight_record_read(file, weight, 1, values, &state));
    TRY(weight_record_read(target, weight, 1, values + length, &target_state));
    *is_same = state == WEIGHT_INTACT && target_state == WEIGHT_INTACT &&
               join_values(values, values + length, length, is_of_team(target->layout.sweep, weight));
    return STATUS_OK;
}

enum status transfer_is_origin(const struct results_file *file, const struct results_file *target,
                               const struct transfer_conflict *conflict, bool *is_origin)
{
    const uint64_t number = conflict->number;
    uint8_t there = STORE_PENDING;
    uint32_t checksum_there = 0, checksum = 0;
    if (conflict->is_weight)
        return is_same_weight(file, target, number, is_origin);
    TRY(results_file_read(file, HEAD_STATUS, number, 1, &there));
    TRY(results_file_read(file, HEAD_CHECKSUM, number, 1, &checksum_there));
    TRY(results_file_read(target, HEAD_CHECKSUM, number, 1, &checksum));
    *is_origin = there != STORE_PENDING && checksum_there == checksum;
    return STATUS_OK;
}

/* ---- provenance ---- */

enum status transfer_provenance(const struct transfer *transfer)
{
    uint64_t next = 0;
    int64_t last = -1;
    char text[PROVENANCE_CHARACTERS + 1];
    enum row_state state;
    TRY(provenance_rows_find(transfer->target, &next, &last));
    for (uint64_t row = 0; row < PROVENANCE_RUNS && next < PROVENANCE_RUNS; row++) {
        TRY(provenance_rows_read(transfer->source, row, text, &state));
        if (state == ROW_INTACT)
            TRY(provenance_rows_write(transfer->target, next++, text));
    }
    return STATUS_OK;
}
