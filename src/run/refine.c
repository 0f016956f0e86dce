#include "run/refine.h"

#include "base/memory.h"
#include "store/first_look.h"
#include "store/results_file.h"
#include "sweep/grid.h"
#include "sweep/number.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Values between two neighbours in one round. */
enum { MOST_BETWEEN = 3, LINE = 512, BLOCK = 1 << 16 };

static const char first_line[] = "# proposed by gradsweep refine\n";

/* Means over replicas and anchors, the samples of what is asked, by place on the axis and, in the order of the cells,
 * on the others: [groups, length]. */
struct means {
    const struct sweep *sweep;
    enum sweep_axis axis;
    uint64_t groups, length;
    double *sums, *counts;
};

static void means_free(struct means *means)
{
    memory_free(means->sums);
    memory_free(means->counts);
    *means = (struct means){ 0 };
}
SCOPED_VALUE(means, means_free)

static bool is_of_group(const struct means *means, enum sweep_axis axis)
{
    return axis != means->axis && axis != AXIS_REPLICA && axis != AXIS_ANCHOR;
}

static uint64_t group_of(const struct means *means, const struct cell *cell)
{
    uint64_t group = 0;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        if (is_of_group(means, axis))
            group = group * (uint64_t)axes_length(means->sweep, axis) + (uint64_t)cell->at[axis];
    return group;
}

static enum status means_create(const struct sweep *sweep, enum sweep_axis axis, struct means *means)
{
    const uint64_t length = (uint64_t)axes_length(sweep, axis);
    *means = (struct means){ .sweep = sweep, .axis = axis, .length = length };
    means->groups = 1;
    for (enum sweep_axis other = 0; other < CELL_AXES; other++)
        if (is_of_group(means, other))
            means->groups *= (uint64_t)axes_length(sweep, other);
    TRY(memory_allocate(&means->sums, means->groups * length, "means over replicas"));
    return memory_allocate(&means->counts, means->groups * length, "means over replicas");
}

/* Of cells first .. first + count - 1, of which `values` has `stride` each. */
static void means_add(struct means *means, uint64_t first, uint64_t count, uint64_t stride, const uint8_t *statuses,
                      const double *values)
{
    for (uint64_t i = 0; i < count; i++) {
        const struct cell cell = grid_cell_at(means->sweep, first + i);
        const uint64_t place = group_of(means, &cell) * means->length + (uint64_t)cell.at[means->axis];
        if (statuses[i] != STORE_DONE || isnan(values[i * stride]))
            continue;
        means->sums[place] += values[i * stride];
        means->counts[place]++;
    }
}

static enum status read_means(const struct results_file *file, size_t number, struct means *means)
{
    const uint64_t cells = grid_cell_count(means->sweep);
    const uint64_t stride = layout_elements_per_cell(&file->layout, &file->layout.datasets[number]);
    const uint64_t most = stride < BLOCK ? BLOCK / stride : 1;
    SCOPED_MEMORY uint8_t *statuses = NULL;
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&statuses, most, "statuses"));
    TRY(memory_allocate(&values, most * stride, "values of cells"));
    for (uint64_t first = 0, count; first < cells; first += count) {
        count = cells - first < most ? cells - first : most;
        TRY(results_file_read(file, HEAD_STATUS, first, count, statuses));
        TRY(results_file_read(file, number, first * stride, count * stride, values));
        means_add(means, first, count, stride, statuses, values);
    }
    return STATUS_OK;
}

/* ---- crossings ---- */

/* The values that are proposed, ascending and distinct once they are sorted. */
struct proposal {
    double *values; /* the axis first */
    size_t count, capacity;
    uint64_t crossings;
};

static void proposal_free(struct proposal *proposal)
{
    memory_free(proposal->values);
    *proposal = (struct proposal){ 0 };
}
SCOPED_VALUE(proposal, proposal_free)

static double axis_value(const struct means *means, uint64_t i)
{
    return axes_value(means->sweep, means->axis, (long)i).real;
}

static enum status proposal_add(struct proposal *proposal, double value)
{
    if (proposal->count == proposal->capacity) {
        SCOPED_MEMORY double *larger = NULL;
        const size_t capacity = 2 * proposal->capacity + 16;
        TRY(memory_allocate(&larger, capacity, "values of an axis"));
        if (proposal->count > 0)
            memcpy(larger, proposal->values, proposal->count * sizeof *larger);
        memory_free(proposal->values);
        proposal->values = scope_keep(&larger);
        proposal->capacity = capacity;
    }
    proposal->values[proposal->count++] = value;
    return STATUS_OK;
}

/* "activation=tanh, ensemble=ginibre, ...": where on the other axes. */
static void describe_group(const struct means *means, uint64_t group, char text[LINE])
{
    long at[CELL_AXES] = { 0 };
    char number[AXIS_NUMBER_TEXT];
    const char *separator = "";
    size_t used = 0;
    for (int axis = CELL_AXES - 1; axis >= 0; axis--)
        if (is_of_group(means, (enum sweep_axis)axis)) {
            const uint64_t length = (uint64_t)axes_length(means->sweep, (enum sweep_axis)axis);
            at[axis] = (long)(group % length);
            group /= length;
        }
    text[0] = '\0';
    for (enum sweep_axis axis = 0; axis < CELL_AXES && used < LINE; axis++)
        if (is_of_group(means, axis) && axes_has(means->sweep, axis)) {
            used += (size_t)snprintf(text + used, LINE - used, "%s%s=%s", separator, axes_rule(axis)->name,
                                     axes_text(means->sweep, axis, at[axis], number));
            separator = ", ";
        }
}

/* Between two values of the axis whose means have different signs. */
static enum status refine_between(const struct means *means, const struct refine_options *options, uint64_t group,
                                  const uint64_t at[2], const double mean[2], struct proposal *proposal, FILE *out)
{
    char where[LINE];
    const double low = axis_value(means, at[0]), high = axis_value(means, at[1]), apart = high - low;
    const double share = isinf(mean[0]) || isinf(mean[1]) ? 0.5 : mean[0] / (mean[0] - mean[1]);
    const double parts = fmin(ceil(apart / options->width * (1 - 1e-9)), MOST_BETWEEN + 1);
    describe_group(means, group, where);
    fprintf(out, "%s: %s %s zero between %s = %.12g and %.12g, near %.6g\n", where, options->quantity,
            mean[0] < 0 ? "rises through" : "falls through", options->axis, low, high, low + share * apart);
    proposal->crossings++;
    for (double part = 1; part < parts; part++)
        TRY(proposal_add(proposal, number_round(low + part / parts * apart)));
    return STATUS_OK;
}

static enum status find_crossings(const struct means *means, const struct refine_options *options,
                                  struct proposal *proposal, FILE *out)
{
    for (uint64_t group = 0; group < means->groups; group++) {
        uint64_t at[2] = { 0, 0 };
        double mean[2] = { NAN, NAN };
        for (uint64_t i = 0; i < means->length; i++) {
            const uint64_t place = group * means->length + i;
            if (means->counts[place] == 0)
                continue;
            at[0] = at[1], mean[0] = mean[1];
            at[1] = i, mean[1] = means->sums[place] / means->counts[place];
            if (!isnan(mean[0]) && !isnan(mean[1]) && (mean[0] < 0) != (mean[1] < 0))
                TRY(refine_between(means, options, group, at, mean, proposal, out));
        }
    }
    return STATUS_OK;
}

static int compare_values(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* All values of the axis, old and new. */
static enum status propose(const struct means *means, const struct refine_options *options, struct proposal *proposal,
                           FILE *out)
{
    size_t distinct = 0;
    TRY(find_crossings(means, options, proposal, out));
    for (uint64_t i = 0; i < means->length; i++)
        TRY(proposal_add(proposal, axis_value(means, i)));
    qsort(proposal->values, proposal->count, sizeof *proposal->values, compare_values);
    for (size_t i = 0; i < proposal->count; i++)
        if (i == 0 || proposal->values[i] > proposal->values[distinct - 1])
            proposal->values[distinct++] = proposal->values[i];
    proposal->count = distinct;
    return STATUS_OK;
}

/* ---- the file ---- */

/* A file that is there must be one that was proposed earlier. */
static enum status require_ours(const char *output)
{
    char line[sizeof first_line] = "";
    FILE *file = fopen(output, "r");
    if (file == NULL)
        return errno == ENOENT ? STATUS_OK
                               : status_fail(STATUS_REFUSED, "%s: cannot be opened: %s", output, strerror(errno));
    const bool is_ours = fgets(line, sizeof line, file) != NULL && strcmp(line, first_line) == 0;
    fclose(file);
    return is_ours ? STATUS_OK
                   : status_fail(STATUS_REFUSED,
                                 "%s: it exists, and was not written by gradsweep refine; give another "
                                 "name, or remove it",
                                 output);
}

static enum status fail_writing(const char *path)
{
    const enum status status = status_fail(STATUS_IO, "%s: cannot be written: %s", path, strerror(errno));
    unlink(path);
    return status;
}

/* The sweep with the proposed values, whole or not at all. */
static enum status write_sweep(const struct sweep *sweep, enum sweep_axis axis, struct proposal *proposal,
                               const char *output)
{
    struct sweep finer = *sweep;
    SCOPED_MEMORY char *temporary = NULL;
    const size_t size = strlen(output) + sizeof ".tmp";
    axes_set_reals(&finer, axis, (long)proposal->count, proposal->values);
    TRY(memory_allocate(&temporary, size, "the name of a file"));
    snprintf(temporary, size, "%s.tmp", output);
    FILE *file = fopen(temporary, "w");
    if (file == NULL)
        return status_fail(STATUS_IO, "%s: cannot be written: %s", temporary, strerror(errno));
    fputs(first_line, file);
    sweep_write(&finer, file);
    const bool is_broken = ferror(file);
    if (fclose(file) != 0 || is_broken || rename(temporary, output) != 0)
        return fail_writing(temporary);
    return STATUS_OK;
}

/* ---- what is asked ---- */

static bool may_be_refined(enum sweep_axis axis)
{
    return axes_rule(axis)->type == AXIS_OF_REALS && !axes_rule(axis)->is_fixed;
}

static enum status find_axis(const char *name, enum sweep_axis *axis)
{
    char names[LINE] = "";
    for (*axis = 0; *axis < CELL_AXES; (*axis)++) {
        if (!may_be_refined(*axis))
            continue;
        if (strcmp(axes_rule(*axis)->name, name) == 0)
            return STATUS_OK;
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", names[0] ? ", " : "",
                 axes_rule(*axis)->name);
    }
    return status_fail(STATUS_USAGE, "no axis that can be refined is called %s; those are %s", name, names);
}

static enum status require_axis(const struct sweep *sweep, enum sweep_axis axis)
{
    if (axes_has(sweep, axis) && !isnan(axes_value(sweep, axis, 0).real))
        return STATUS_OK;
    return status_fail(STATUS_USAGE, "there is no axis %s to refine: its sweep has %s", axes_rule(axis)->name,
                       axes_has(sweep, axis) ? "native" : "a single number there");
}

static enum status find_quantity(const struct results_file *file, const char *name, size_t *number)
{
    size_t measured = 0;
    *number = results_file_find(file, name);
    if (*number == file->layout.count)
        return status_fail(STATUS_USAGE, "it has no %s: the sweep did not ask for the measure that writes it", name);
    const struct sweep *sweep = file->layout.sweep;
    const struct dataset_rule *rule =
        measure_dataset_find(sweep->measures, name, &measured) ? measure_dataset_at(sweep->measures, measured) : NULL;
    if (rule == NULL || rule->owner != OF_CELL || rule->type != TYPE_FLOAT64 ||
        (rule->along[0] != ALONG_NOTHING && rule->along[0] != ALONG_INDEX) || rule->along[1] != ALONG_NOTHING)
        return status_fail(STATUS_USAGE, "%s is not one number a cell, as growth_rate and lyapunov_exponent are", name);
    return STATUS_OK;
}

static enum status refine_file(const struct results_file *file, const struct refine_options *options,
                               enum sweep_axis axis, const char *output, FILE *out)
{
    SCOPED(means) means = { 0 };
    SCOPED(proposal) proposal = { 0 };
    size_t number;
    TRY(find_quantity(file, options->quantity, &number));
    if (!shard_is_whole(&file->shard))
        return status_fail(STATUS_REFUSED, "it is shard %ld/%ld; merge the shards first", file->shard.number,
                           file->shard.count);
    TRY(means_create(file->layout.sweep, axis, &means));
    TRY(read_means(file, number, &means));
    TRY(propose(&means, options, &proposal, out));
    const uint64_t added = proposal.count - means.length;
    if (proposal.crossings == 0)
        fprintf(out, "no crossing: %s has one sign along %s wherever it is known\n", options->quantity, options->axis);
    else if (added == 0)
        fprintf(out, "nothing to add: every crossing is known to %g\n", options->width);
    else
        fprintf(out, "%llu values added to %s, which has %zu\n", (unsigned long long)added, options->axis,
                proposal.count);
    return write_sweep(file->layout.sweep, axis, &proposal, output);
}

enum status refine_axis(const char *path, const struct refine_options *options, const char *output, FILE *out)
{
    SCOPED(sweep) *sweep = NULL;
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    enum sweep_axis axis;
    if (!(options->width > 0) || isinf(options->width))
        return status_fail(STATUS_USAGE, "the width must be a number above 0");
    TRY(find_axis(options->axis, &axis));
    TRY(require_ours(output));
    TRY(first_look(path));
    TRY(results_file_read_sweep(path, &sweep));
    TRY(status_prefix(require_axis(sweep, axis), "%s", path));
    TRY(results_file_open(path, sweep, NULL, &file));
    TRY(status_prefix(refine_file(&file, options, axis, output, out), "%s", path));
    return results_file_close(&file);
}
