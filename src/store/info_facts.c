#include "store/info_facts.h"

#include "base/json.h"
#include "base/memory.h"
#include "store/lock.h"
#include "store/resume.h"
#include "sweep/grid.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 1 << 20 };

static double moment(const char *row, const char *key)
{
    char text[64];
    struct tm parts = { 0 };
    json_find_text(row, key, text, sizeof text);
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    return end == NULL ? NAN : (double)timegm(&parts);
}

double info_facts_elapsed(const char *row, bool is_running)
{
    const double end = moment(row, "end");
    return (isnan(end) && is_running ? (double)time(NULL) : end) - moment(row, "start");
}

static enum status count_reasons(const struct results_file *file, struct info_facts *facts)
{
    const uint64_t cells = grid_cell_count(file->layout.sweep);
    SCOPED_MEMORY uint8_t *statuses = NULL, *codes = NULL;
    TRY(memory_allocate(&statuses, BLOCK, "statuses"));
    TRY(memory_allocate(&codes, BLOCK, "failure reasons"));
    for (uint64_t first = 0, count; first < cells; first += count) {
        count = cells - first < BLOCK ? cells - first : BLOCK;
        TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
        TRY(results_file_read(file, HEAD_FAILURE_REASON, first, count, codes));
        for (uint64_t i = 0; i < count; i++)
            facts->reasons[codes[i]] += statuses[i] == STORE_FAILED;
    }
    return STATUS_OK;
}

/* The times of finished cells by hidden size, on which they depend most. */
struct times {
    double seconds; /* of all finished ones */
    uint64_t finished, pending;
};

static enum status collect_times(const struct results_file *file, long sizes, struct times times[])
{
    const struct sweep *sweep = file->layout.sweep;
    const uint64_t cells = grid_cell_count(sweep);
    const size_t seconds_at = layout_tail_at(&file->layout, TAIL_CELL_SECONDS);
    uint64_t inner = 1;
    for (enum sweep_axis axis = AXIS_HIDDEN_SIZE + 1; axis < AXIS_LAG; axis++)
        inner *= (uint64_t)axes_length(sweep, axis);
    SCOPED_MEMORY uint8_t *statuses = NULL;
    SCOPED_MEMORY double *seconds = NULL;
    TRY(memory_allocate(&statuses, BLOCK, "statuses"));
    TRY(memory_allocate(&seconds, BLOCK, "times of cells"));
    for (uint64_t first = 0, count; first < cells; first += count) {
        count = cells - first < BLOCK ? cells - first : BLOCK;
        TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
        TRY(results_file_read(file, seconds_at, first, count, seconds));
        for (uint64_t i = 0; i < count; i++) {
            struct times *of_size = &times[(first + i) / inner % (uint64_t)sizes];
            of_size->pending += statuses[i] == STORE_PENDING;
            if (statuses[i] == STORE_PENDING || !isfinite(seconds[i]))
                continue;
            of_size->finished++;
            of_size->seconds += seconds[i];
        }
    }
    return STATUS_OK;
}

/* Seconds of a cell of that size: measured, or that of the nearest size measured with operations that go with d^2. */
static double seconds_of_size(const struct sweep *sweep, long sizes, const struct times times[], long size)
{
    long nearest = -1;
    for (long other = 0; other < sizes; other++)
        if (times[other].finished > 0 && (nearest < 0 || labs(other - size) < labs(nearest - size)))
            nearest = other;
    if (nearest < 0)
        return NAN;
    const double ratio = (double)axes_value(sweep, AXIS_HIDDEN_SIZE, size).integer /
                         (double)axes_value(sweep, AXIS_HIDDEN_SIZE, nearest).integer;
    return times[nearest].seconds / (double)times[nearest].finished * ratio * ratio;
}

static enum status foresee(const struct results_file *file, const char *row, struct info_facts *facts)
{
    const struct sweep *sweep = file->layout.sweep;
    const long sizes = axes_length(sweep, AXIS_HIDDEN_SIZE);
    SCOPED_MEMORY struct times *times = NULL;
    TRY(memory_allocate(&times, sizes, "times by hidden size"));
    TRY(collect_times(file, sizes, times));
    double work = 0.0;
    uint64_t pending = 0;
    for (long size = 0; size < sizes; size++) {
        pending += times[size].pending;
        if (times[size].pending > 0)
            work += (double)times[size].pending * seconds_of_size(sweep, sizes, times, size);
    }
    /* A shard has its own share of what is pending. */
    if (pending > 0)
        facts->seconds_to_go = work * (double)facts->tally.pending / (double)pending / json_find_number(row, "ranks");
    return STATUS_OK;
}

/* Damaged rows are counted with the others, so that nothing is missed. */
static enum status find_last_run(const struct results_file *file, char row[PROVENANCE_CHARACTERS + 1],
                                 struct info_facts *facts)
{
    enum row_state state = ROW_FREE;
    row[0] = '\0';
    for (facts->runs = PROVENANCE_RUNS; facts->runs > 0; facts->runs--) {
        TRY(provenance_rows_read(file, facts->runs - 1, row, &state));
        if (state != ROW_FREE)
            break;
    }
    if (state != ROW_INTACT)
        row[0] = '\0';
    return STATUS_OK;
}

static const char *way_on(const struct results_file *file, const struct info_facts *facts)
{
    if (facts->tally.pending == 0 || facts->is_running)
        return NULL;
    return file->layout.version == FORMAT_VERSION
               ? "gradsweep run ... --resume goes on"
               : "gradsweep extend (merge, of shards) makes a file of today's version, which goes on";
}

enum status info_facts_collect(const struct results_file *file, struct info_facts *facts)
{
    char row[PROVENANCE_CHARACTERS + 1];
    *facts = (struct info_facts){ .cells_per_second = NAN, .seconds_to_go = NAN };
    TRY(resume_count(file, &facts->tally));
    if (facts->tally.failed > 0)
        TRY(count_reasons(file, facts));
    facts->is_running = lock_is_held(file->path);
    facts->way_on = way_on(file, facts);
    TRY(find_last_run(file, row, facts));
    const double finished = (double)(facts->tally.done + facts->tally.failed) - json_find_number(row, "cells_before");
    const double elapsed = info_facts_elapsed(row, facts->is_running);
    if (finished > 0.0 && isfinite(elapsed))
        facts->cells_per_second = finished / fmax(elapsed, 1.0); /* times are whole seconds */
    if (facts->tally.pending > 0 && facts->is_running)
        return foresee(file, row, facts);
    /* From counts and provenance alone, which are sealed: what somebody changed in a finished file is not to show. */
    facts->seconds_to_go = facts->tally.pending == 0 ? 0.0 : (double)facts->tally.pending / facts->cells_per_second;
    return STATUS_OK;
}
