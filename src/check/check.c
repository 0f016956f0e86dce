#include "check/check.h"

#include "base/memory.h"
#include "check/apply.h"
#include "store/first_look.h"
#include "store/lock.h"
#include "store/provenance_rows.h"
#include "store/resume.h"
#include "store/weight_record.h"

#include <math.h>
#include <time.h>

struct stream {
    const struct results_file *file;
    struct check_applier *applier;
    size_t verdicts, growth; /* places of datasets in the table of measures */
    struct cell_results results;
    struct cell_checksums checksums;
    int *pauses;                     /* taken so far, before other looks */
    struct check_finished *finished; /* [weights] */
};

static void stream_close(struct stream *stream)
{
    cell_checksums_free(&stream->checksums);
    memory_free(stream->finished);
    store_free_results(&stream->results);
    check_applier_close(stream->applier);
}
SCOPED_VALUE(stream, stream_close)

/* Whether growth was foretold by a condition; at 1 itself nothing is. */
static void count_agreement(struct check_agreement *agreement, double log_condition, double growth_rate)
{
    const double too_close = 1e-9;
    if (isnan(log_condition) || fabs(log_condition) < too_close)
        return;
    agreement->cells++;
    agreement->agreeing += (log_condition > 0) == (growth_rate > 0);
}

/* What is only counted: verdicts, and whether the conditions foretold growth. */
static void count_cell(const struct stream *stream, const struct measured_cell *cell, long activation, uint64_t i,
                       struct check_summary *summary)
{
    const struct cell_results *results = &stream->results;
    const long lags = cell->lag_count;
    const uint8_t *verdicts = (const uint8_t *)results->values[stream->verdicts] + i * (uint64_t)lags;
    const double growth = ((const double *)results->values[stream->growth])[i];
    for (long lag = 0; lag < lags; lag++)
        if (verdicts[lag] < CHECK_VERDICTS)
            summary->verdicts[verdicts[lag]]++;
    struct check_activation *counts = &summary->activations[activation];
    count_agreement(&counts->by_radius, rule_log_radius_condition(cell), growth);
    count_agreement(&counts->by_norm, rule_log_norm_condition(cell), growth);
}

static void remember_wrong(struct check_summary *summary, uint64_t cell, size_t rule)
{
    if (summary->wrong_cells < CHECK_EXAMPLES)
        summary->examples[summary->wrong_cells] = (struct check_example){ cell, rule };
    summary->wrong_cells++;
}

/* Of cells, weights or rows. */
static bool count_checksum(struct rule_tally *tally, bool is_intact)
{
    rule_count(tally, is_intact);
    tally->cells++;
    tally->wrong_cells += !is_intact;
    return is_intact;
}

/* Nothing else is asked of a cell whose values are not all there, or are where none can be: it would only say so again.
 */
static bool cell_is_right(const struct stream *stream, const struct measured_cell *cell, uint64_t i, unsigned measured,
                          struct check_summary *summary, size_t *broken)
{
    *broken = CHECK_PRESENCE;
    return check_presence_of_cell(stream->applier, cell, &stream->results, i, measured, summary->presence,
                                  &summary->rules[CHECK_PRESENCE]) &&
           check_applier_cell_is_right(stream->applier, cell, &stream->results, i, measured, summary->rules, broken);
}

static enum status check_one(struct stream *stream, uint64_t i, struct check_summary *summary)
{
    const struct cell_results *results = &stream->results;
    const struct sweep *sweep = stream->file->layout.sweep;
    const uint64_t number = results->first + i;
    if (results->status[i] == STORE_PENDING) {
        summary->tally.pending++;
        return STATUS_OK;
    }
    bool intact = results_file_cell_is_intact(stream->file, results, i, &stream->checksums);
    if (!count_checksum(&summary->rules[CHECK_CHECKSUM], intact)) {
        remember_wrong(summary, number, CHECK_CHECKSUM);
        return STATUS_OK;
    }
    intact = results_file_runtime_is_intact(stream->file, results, i, &stream->checksums);
    if (!count_checksum(&summary->rules[CHECK_RUNTIME_CHECKSUM], intact))
        remember_wrong(summary, number, CHECK_RUNTIME_CHECKSUM);
    const bool has_failed = results->status[i] == STORE_FAILED;
    unsigned measured = sweep->measures;
    summary->tally.failed += has_failed;
    summary->tally.done += !has_failed;
    if (has_failed) {
        summary->failures[results->failure_reason[i]]++;
        measured = check_applier_measured(stream->applier, results, i);
    }
    if (measured == 0)
        return STATUS_OK;
    const struct cell position = grid_cell_at(sweep, number);
    size_t broken = 0;
    const uint64_t weight = grid_weight_number(sweep, &position);
    TRY(check_applier_read_weight(stream->applier, weight));
    const struct measured_cell cell = check_applier_cell(stream->applier, position);
    check_finish(&stream->finished[weight], &cell, measured);
    if (!cell_is_right(stream, &cell, i, measured, summary, &broken))
        remember_wrong(summary, number, broken);
    if (measured & 1u << measure_of_dataset(sweep->measures, stream->growth))
        count_cell(stream, &cell, position.at[AXIS_ACTIVATION], i, summary);
    return STATUS_OK;
}

/* Whether what looks damaged is to be read once more: a run may have been writing it. Such a run holds the lock; for
 * one whose lock was left behind nobody waits long. */
static bool wants_another_look(const struct stream *stream, int looks)
{
    enum { LOOKS = 3, LOOKS_BESIDE_A_RUN = 20, MOST_PAUSES = 50 };
    const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
    char owner[256];
    lock_describe(stream->file->path, owner, sizeof owner);
    if (owner[0] == '\0' || *stream->pauses >= MOST_PAUSES)
        return looks < LOOKS;
    nanosleep(&pause, NULL);
    (*stream->pauses)++;
    return looks < LOOKS_BESIDE_A_RUN;
}

static enum status check_weight(const struct stream *stream, uint64_t weight, double *record,
                                struct check_summary *summary)
{
    enum weight_state state = WEIGHT_DAMAGED;
    int looks = 0;
    do
        TRY(weight_record_read(stream->file, weight, 1, record, &state));
    while (state == WEIGHT_DAMAGED && wants_another_look(stream, ++looks));
    if (state != WEIGHT_PENDING)
        count_checksum(&summary->rules[CHECK_WEIGHT_CHECKSUM], state == WEIGHT_INTACT);
    TRY(check_applier_read_weight(stream->applier, weight));
    check_presence_of_weight(stream->applier, stream->file->layout.sweep, weight, &stream->finished[weight],
                             summary->presence, &summary->rules[CHECK_WEIGHT_PRESENCE]);
    check_applier_test_weight(stream->applier, summary->rules);
    return STATUS_OK;
}

static enum status check_weights(const struct stream *stream, struct check_summary *summary)
{
    const uint64_t weights = grid_weight_count(stream->file->layout.sweep);
    SCOPED_MEMORY double *record = NULL;
    TRY(memory_allocate(&record, weight_record_length(&stream->file->layout), "values of weights"));
    for (uint64_t i = 0; i < weights; i++)
        TRY(check_weight(stream, i, record, summary));
    return STATUS_OK;
}

static enum status check_provenance(const struct stream *stream, struct check_summary *summary)
{
    char text[PROVENANCE_CHARACTERS + 1];
    for (uint64_t row = 0; row < PROVENANCE_RUNS; row++) {
        enum row_state state = ROW_DAMAGED;
        int looks = 0;
        do
            TRY(provenance_rows_read(stream->file, row, text, &state));
        while (state == ROW_DAMAGED && wants_another_look(stream, ++looks));
        if (state != ROW_FREE)
            count_checksum(&summary->rules[CHECK_PROVENANCE_CHECKSUM], state == ROW_INTACT);
    }
    return STATUS_OK;
}

/* What is beside the numbers. */
static enum status check_seal(const struct stream *stream, struct check_summary *summary)
{
    const struct seal_faults *faults = &summary->seal;
    const struct sweep *sweep = stream->file->layout.sweep;
    TRY(seal_verify(stream->file, &summary->seal));
    for (int i = 0; i < DIMENSION_COUNT; i++)
        summary->rules[CHECK_COORDINATES].tested += stream->file->layout.sizes[i];
    if (stream->file->layout.has_coupling)
        summary->rules[CHECK_COORDINATES].tested +=
            (uint64_t)sweep->spectral_radius_count * (uint64_t)sweep->gamma_count;
    summary->rules[CHECK_COORDINATES].wrong = summary->rules[CHECK_COORDINATES].wrong_cells = faults->coordinates;
    summary->rules[CHECK_STRUCTURE].tested = stream->file->layout.count;
    summary->rules[CHECK_STRUCTURE].wrong = summary->rules[CHECK_STRUCTURE].wrong_cells = faults->structure;
    return STATUS_OK;
}

static bool is_block_intact(const struct stream *stream)
{
    for (uint64_t i = 0; i < stream->results.count; i++)
        if (stream->results.status[i] != STORE_PENDING &&
            !resume_is_intact(stream->file, &stream->results, i, &stream->checksums))
            return false;
    return true;
}

static enum status read_block(struct stream *stream)
{
    int looks = 0;
    do
        TRY(results_file_read_cells(stream->file, &stream->results, &stream->checksums));
    while (!is_block_intact(stream) && wants_another_look(stream, ++looks));
    return STATUS_OK;
}

static enum status check_blocks(struct stream *stream, uint64_t block, struct check_summary *summary)
{
    const uint64_t cells = grid_cell_count(stream->file->layout.sweep);
    for (uint64_t first = 0; first < cells; first += block) {
        stream->results.first = first;
        stream->results.count = cells - first < block ? cells - first : block;
        TRY(read_block(stream));
        for (uint64_t i = 0; i < stream->results.count; i++)
            TRY(check_one(stream, i, summary));
    }
    /* Of a shard's cells only its own are its to do; the others' places are empty. */
    const uint64_t others = cells - stream->file->own_cells, pending = summary->tally.pending;
    summary->tally.pending = pending > others ? pending - others : 0;
    TRY(check_weights(stream, summary));
    TRY(check_provenance(stream, summary));
    return check_seal(stream, summary);
}

static enum status find_counted(const struct sweep *sweep, struct stream *stream)
{
    if (measure_dataset_find(sweep->measures, "bound_check", &stream->verdicts) &&
        measure_dataset_find(sweep->measures, "growth_rate", &stream->growth))
        return STATUS_OK;
    return status_fail(STATUS_INTERNAL, "the table of measures has no verdicts and growth rates");
}

enum status check_results_file(const struct results_file *file, struct check_summary *summary)
{
    const struct sweep *sweep = file->layout.sweep;
    const uint64_t cells = grid_cell_count(sweep), most = results_file_block(sweep);
    const uint64_t block = most < cells ? most : cells;
    int pauses = 0;
    SCOPED(stream) stream = { .file = file, .pauses = &pauses };
    *summary = (struct check_summary){ 0 };
    TRY(find_counted(sweep, &stream));
    TRY(memory_allocate(&summary->rules, check_rule_count(), "counts by rule"));
    for (size_t rule = 0; rule < check_rule_count(); rule++)
        summary->rules[rule].worst_margin = INFINITY;
    TRY(memory_allocate(&summary->presence, measure_dataset_count(sweep->measures), "counts by dataset"));
    TRY(memory_allocate(&stream.finished, grid_weight_count(sweep), "counts by network"));
    TRY(memory_allocate(&summary->activations, sweep->activation_count, "counts by activation"));
    TRY(check_applier_open(file, &stream.applier));
    TRY(store_allocate_results(sweep, 0, block, &stream.results));
    TRY(cell_checksums_allocate(block, &stream.checksums));
    return check_blocks(&stream, block, summary);
}

void check_summary_free(struct check_summary *summary)
{
    memory_free(summary->rules);
    memory_free(summary->presence);
    memory_free(summary->activations);
    *summary = (struct check_summary){ 0 };
}

/* Weights that break any of their rules; one that breaks two counts twice. */
static uint64_t wrong_weights(const struct check_summary *summary)
{
    uint64_t wrong = 0;
    for (size_t rule = 0; rule < check_rule_count(); rule++)
        if (check_rule_at(rule)->is_for_weights)
            wrong += summary->rules[rule].wrong_cells;
    return wrong;
}

/* All that is amiss, in one line; STATUS_OK if nothing is. */
static enum status verdict(const char *path, const struct check_summary *summary)
{
    const unsigned long long pending = summary->tally.pending, failed = summary->tally.failed;
    const unsigned long long wrong = summary->wrong_cells, weights = wrong_weights(summary);
    const unsigned long long others =
        summary->rules[CHECK_PROVENANCE_CHECKSUM].wrong + summary->seal.coordinates + summary->seal.structure;
    if (pending == 0 && failed == 0 && wrong == 0 && weights == 0 && others == 0)
        return STATUS_OK;
    char of_weights[64] = "", of_others[96] = "";
    if (weights > 0)
        snprintf(of_weights, sizeof of_weights, ", and %llu faults of weights", weights);
    if (others > 0)
        snprintf(of_others, sizeof of_others, ", and %llu faults of coordinates, attributes or provenance", others);
    return status_fail(STATUS_CHECK_FOUND, "%s: %llu cells pending, %llu failed, %llu wrong%s%s", path, pending, failed,
                       wrong, of_weights, of_others);
}

static enum status check_sweep_file(const char *path, const struct sweep *sweep, FILE *out)
{
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    SCOPED(check_summary) summary = { 0 };
    TRY(results_file_open(path, sweep, NULL, &file));
    TRY(check_results_file(&file, &summary));
    check_print(&file, &summary, out);
    TRY(results_file_close(&file));
    return verdict(path, &summary);
}

enum status check_file(const char *path, FILE *out)
{
    SCOPED(sweep) *sweep = NULL;
    TRY(first_look(path));
    TRY(results_file_read_sweep(path, &sweep));
    return check_sweep_file(path, sweep, out);
}
