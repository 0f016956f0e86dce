#include "store/resume.h"

#include "base/memory.h"
#include "sweep/grid.h"

enum { STATUS_BLOCK = 1 << 20 }; /* cells whose status is read at once */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

bool resume_is_intact(const struct results_file *file, const struct cell_results *results, uint64_t i,
                      const struct cell_checksums *checksums)
{
    return results_file_cell_is_intact(file, results, i, checksums) &&
           results_file_runtime_is_intact(file, results, i, checksums);
}

/* Whether any of the cells was ever finished: else their results need not be read. */
static enum status any_finished(const struct results_file *file, uint64_t first, uint64_t count, uint8_t *statuses,
                                bool *any)
{
    TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
    *any = false;
    for (uint64_t i = 0; i < count; i++)
        *any = *any || statuses[i] != STORE_PENDING;
    return STATUS_OK;
}

/* results: room for `count` cells and more. */
static enum status judge_block(const struct results_file *file, struct cell_results *results,
                               struct cell_checksums *checksums, bool retry_failed, uint8_t *needed)
{
    bool any = false;
    TRY(any_finished(file, results->first, results->count, results->status, &any));
    if (any)
        TRY(results_file_read_cells(file, results, checksums));
    for (uint64_t i = 0; i < results->count; i++)
        needed[i] = !any || !resume_is_intact(file, results, i, checksums) ||
                    (retry_failed && results->status[i] == STORE_FAILED);
    return STATUS_OK;
}

enum status resume_cells_needed(const struct results_file *file, uint64_t first, uint64_t count, bool retry_failed,
                                uint8_t *needed)
{
    const struct sweep *sweep = file->layout.sweep;
    const uint64_t block = smaller(results_file_block(sweep), count);
    SCOPED(cell_results) results = { 0 };
    SCOPED(cell_checksums) checksums = { 0 };
    TRY(store_allocate_results(sweep, first, block, &results));
    TRY(cell_checksums_allocate(block, &checksums));
    for (uint64_t done = 0; done < count; done += results.count) {
        results.first = first + done;
        results.count = smaller(block, count - done);
        TRY(judge_block(file, &results, &checksums, retry_failed, needed + done));
    }
    return STATUS_OK;
}

enum status resume_count(const struct results_file *file, struct store_tally *tally)
{
    const uint64_t cells = grid_cell_count(file->layout.sweep);
    const uint64_t block = smaller(STATUS_BLOCK, cells);
    SCOPED_MEMORY uint8_t *statuses = NULL;
    *tally = (struct store_tally){ 0 };
    TRY(memory_allocate(&statuses, block, "statuses"));
    for (uint64_t first = 0, count; first < cells; first += count) {
        count = smaller(block, cells - first);
        TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
        for (uint64_t i = 0; i < count; i++) {
            tally->done += statuses[i] == STORE_DONE;
            tally->failed += statuses[i] == STORE_FAILED;
        }
    }
    const uint64_t finished = tally->done + tally->failed;
    tally->pending = file->own_cells - smaller(finished, file->own_cells);
    return STATUS_OK;
}

/* What is wanted beside the pending cells was finished, and is not intact. */
static enum status count_damaged_in_block(const struct results_file *file, uint64_t first, uint64_t count,
                                          uint8_t *cells, uint64_t *damaged)
{
    TRY(resume_cells_needed(file, first, count, false, cells));
    for (uint64_t i = 0; i < count; i++)
        *damaged += cells[i];
    TRY(results_file_read(file, HEAD_STATUS, first, count, cells));
    for (uint64_t i = 0; i < count; i++)
        *damaged -= cells[i] == STORE_PENDING;
    return STATUS_OK;
}

enum status resume_count_damaged(const struct results_file *file, uint64_t first, uint64_t count, uint64_t *damaged)
{
    const uint64_t block = smaller(results_file_block(file->layout.sweep), count);
    SCOPED_MEMORY uint8_t *cells = NULL;
    *damaged = 0;
    if (count == 0)
        return STATUS_OK;
    TRY(memory_allocate(&cells, block, "cells to verify"));
    for (uint64_t done = 0; done < count; done += block)
        TRY(count_damaged_in_block(file, first + done, smaller(block, count - done), cells, damaged));
    return STATUS_OK;
}
