#include "store/check.h"

#include "base/memory.h"
#include "gradient/bound.h"
#include "store/inspect.h"
#include "store/resume.h"

#include <math.h>
#include <string.h>

/* Places of the datasets that the rules need, in the table of measures; -1 where not measured. */
struct columns {
    long norms, bounds, verdicts, vanishing, spectral, growth, frobenius;
};

struct stream {
    const struct results_file *file;
    struct columns columns;
    struct cell_results results;
    uint32_t *checksums;
    uint64_t weight; /* whose radius and norm are in `radius` and `norm` */
    double radius, norm;
};

static long find_column(const struct sweep *sweep, const char *name)
{
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (strcmp(rule->name, name) == 0)
            return (long)i;
    return -1;
}

static struct columns find_columns(const struct sweep *sweep)
{
    return (struct columns){
        .norms = find_column(sweep, "log_jacobian_norm"),
        .bounds = find_column(sweep, "log_norm_bound"),
        .verdicts = find_column(sweep, "bound_check"),
        .vanishing = find_column(sweep, "vanishing_guaranteed"),
        .spectral = find_column(sweep, "spectral_condition"),
        .growth = find_column(sweep, "growth_rate"),
        .frobenius = find_column(sweep, "log_frobenius_norm"),
    };
}

static enum status read_weight(const struct results_file *file, uint64_t weight, double *radius, double *norm)
{
    const struct sweep *sweep = file->layout.sweep;
    const long radius_at = find_column(sweep, "weight_spectral_radius"), norm_at = find_column(sweep, "weight_norm");
    TRY(results_file_read(file, layout_measured_at((size_t)radius_at), weight, 1, radius));
    return results_file_read(file, layout_measured_at((size_t)norm_at), weight, 1, norm);
}

/* Cell first + i of the block that was read. */
static enum status view_cell(struct stream *stream, uint64_t i, struct checked_cell *cell)
{
    const struct sweep *sweep = stream->file->layout.sweep;
    const struct cell_results *results = &stream->results;
    const struct columns *columns = &stream->columns;
    const uint64_t lags = (uint64_t)sweep->lag_count;
    const struct cell position = grid_cell_at(sweep, results->first + i);
    const uint64_t weight = grid_weight_number(sweep, &position);
    if (weight != stream->weight)
        TRY(read_weight(stream->file, weight, &stream->radius, &stream->norm));
    stream->weight = weight;
    *cell = (struct checked_cell){
        .sweep = sweep,
        .position = position,
        .weight_radius = stream->radius,
        .weight_norm = stream->norm,
        .log_norms = (const double *)results->values[columns->norms] + i * lags,
        .log_bounds = (const double *)results->values[columns->bounds] + i * lags,
        .verdicts = (const uint8_t *)results->values[columns->verdicts] + i * lags,
        .vanishing_guaranteed = ((const uint8_t *)results->values[columns->vanishing])[i],
        .spectral_condition = ((const uint8_t *)results->values[columns->spectral])[i],
        .growth_rate = ((const double *)results->values[columns->growth])[i],
    };
    if (columns->frobenius >= 0)
        cell->log_frobenius_norms = (const double *)results->values[columns->frobenius] + i * lags;
    return STATUS_OK;
}

/* Whether growth was foretold by a condition; at 1 itself nothing is. */
static void count_agreement(struct check_agreement *agreement, double log_condition, double growth_rate)
{
    const double too_close = 1e-9;
    if (isnan(log_condition) || fabs(log_condition) < too_close)
        return;
    agreement->cells++;
    agreement->agreeing += (log_condition > 0) == (growth_rate > 0);
}

static void count_cell(const struct checked_cell *cell, struct check_summary *summary)
{
    for (long i = 0; i < cell->sweep->lag_count; i++)
        if (cell->verdicts[i] < CHECK_VERDICTS)
            summary->verdicts[cell->verdicts[i]]++;
    struct check_activation *counts = &summary->activations[cell->position.activation];
    count_agreement(&counts->by_radius, check_log_radius_condition(cell), cell->growth_rate);
    count_agreement(&counts->by_norm, check_log_norm_condition(cell), cell->growth_rate);
}

static void remember_wrong(struct check_summary *summary, uint64_t cell, enum check_rule rule)
{
    if (summary->wrong_cells < CHECK_EXAMPLES)
        summary->examples[summary->wrong_cells] = (struct check_example){ cell, rule };
    summary->wrong_cells++;
}

static enum status check_one(struct stream *stream, uint64_t i, struct check_summary *summary)
{
    const struct cell_results *results = &stream->results;
    const uint64_t number = results->first + i;
    if (results->status[i] == STORE_PENDING) {
        summary->tally.pending++;
        return STATUS_OK;
    }
    bool intact = resume_is_intact(stream->file, results, i, stream->checksums[i]);
    if (!check_count(&summary->rules[CHECK_CHECKSUM], intact)) {
        remember_wrong(summary, number, CHECK_CHECKSUM);
        return STATUS_OK;
    }
    if (results->status[i] == STORE_FAILED) {
        summary->tally.failed++;
        if (results->failure_reason[i] < FAILURE_COUNT)
            summary->failures[results->failure_reason[i]]++;
        return STATUS_OK;
    }
    summary->tally.done++;
    struct checked_cell cell;
    enum check_rule broken = CHECK_VALUES;
    TRY(view_cell(stream, i, &cell));
    if (!check_cell(&cell, summary->rules, &broken))
        remember_wrong(summary, number, broken);
    count_cell(&cell, summary);
    return STATUS_OK;
}

static enum status check_weights(const struct results_file *file, struct check_summary *summary)
{
    const double allowed = 1e-9; /* relative: radius and norm are found by different algorithms */
    const uint64_t weights = grid_weight_count(file->layout.sweep);
    for (uint64_t i = 0; i < weights; i++) {
        double radius = NAN, norm = NAN;
        TRY(read_weight(file, i, &radius, &norm));
        if (isnan(radius) || isnan(norm))
            continue;
        check_count_margin(&summary->rules[CHECK_RADIUS], norm * (1 + allowed) - radius);
    }
    return STATUS_OK;
}

static enum status check_blocks(struct stream *stream, uint64_t block, struct check_summary *summary)
{
    const uint64_t cells = grid_cell_count(stream->file->layout.sweep);
    for (uint64_t first = 0; first < cells; first += block) {
        stream->results.first = first;
        stream->results.count = cells - first < block ? cells - first : block;
        TRY(results_file_read_cells(stream->file, &stream->results, stream->checksums));
        for (uint64_t i = 0; i < stream->results.count; i++)
            TRY(check_one(stream, i, summary));
    }
    return check_weights(stream->file, summary);
}

enum status check_results_file(const struct results_file *file, struct check_summary *summary)
{
    const struct sweep *sweep = file->layout.sweep;
    const uint64_t cells = grid_cell_count(sweep), most = results_file_block(sweep);
    const uint64_t block = most < cells ? most : cells;
    struct stream stream = { .file = file, .columns = find_columns(sweep), .weight = UINT64_MAX };
    *summary = (struct check_summary){ 0 };
    check_tally_reset(summary->rules);
    enum status status = STATUS_OK;
    TRY_OR(done, memory_allocate(&summary->activations, sweep->activation_count, "counts by activation"));
    TRY_OR(done, store_allocate_results(sweep, 0, block, &stream.results));
    TRY_OR(done, memory_allocate(&stream.checksums, block, "checksums"));
    TRY_OR(done, check_blocks(&stream, block, summary));
done:
    memory_free(stream.checksums);
    store_free_results(sweep, &stream.results);
    return status;
}

/* All that is amiss, in one line; STATUS_OK if nothing is. */
static enum status verdict(const char *path, const struct check_summary *summary)
{
    uint64_t wrong_values = 0;
    for (int rule = 0; rule < CHECK_RULE_COUNT; rule++)
        wrong_values += summary->rules[rule].wrong;
    if (wrong_values == 0 && summary->tally.pending == 0 && summary->tally.failed == 0)
        return STATUS_OK;
    return status_fail(STATUS_CHECK_FOUND, "%s: %llu cells pending, %llu failed, %llu wrong", path,
                       (unsigned long long)summary->tally.pending, (unsigned long long)summary->tally.failed,
                       (unsigned long long)(summary->wrong_cells + summary->rules[CHECK_RADIUS].wrong));
}

static enum status check_sweep_file(const char *path, const struct sweep *sweep, FILE *out)
{
    struct results_file file;
    struct check_summary summary = { 0 };
    enum status status = results_file_open(path, sweep, NULL, &file);
    if (status == STATUS_OK)
        status = check_results_file(&file, &summary);
    enum status closed = results_file_close(&file);
    if (status == STATUS_OK)
        status = closed;
    if (status == STATUS_OK) {
        check_print(path, sweep, &summary, out);
        status = verdict(path, &summary);
    }
    memory_free(summary.activations);
    return status;
}

enum status store_check(const char *path, FILE *out)
{
    struct sweep *sweep;
    TRY(results_file_read_sweep(path, &sweep));
    enum status status = check_sweep_file(path, sweep, out);
    sweep_close(sweep);
    return status;
}
