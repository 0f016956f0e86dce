/* Numeric axes: a number, a list, {start, stop, num, scale}, {start, stop, step} or {log2: N}. */
#include "sweep/reader.h"

#include "sweep/keys.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct axis {
    struct reader *reader;
    const struct yaml_node *node;
    const char *path;
    const struct number_range *range;
    double *values;
    long count;
};

struct listed_value {
    double value;
    long position;
};

/* Equal values keep their order in the file, so that the later one is the repeated one. */
static int compare_listed(const void *left, const void *right)
{
    const struct listed_value *a = left, *b = right;
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

static enum status note_repeated(struct axis *axis, const struct listed_value *listed, long count)
{
    for (long i = 1; i < count; i++)
        if (listed[i].value == listed[i - 1].value) {
            const struct yaml_node *item = axis->node->items[listed[i].position];
            TRY(mistakes_add(axis->reader->mistakes, &item->place, "%s: %.17g is repeated", axis->path,
                             listed[i].value));
        }
    return STATUS_OK;
}

static enum status too_long(struct axis *axis)
{
    return mistakes_add(axis->reader->mistakes, &axis->node->place, "%s: an axis holds at most %d values", axis->path,
                        AXIS_MAX_VALUES);
}

static enum status read_list(struct axis *axis)
{
    const struct yaml_node *node = axis->node;
    struct mistakes *mistakes = axis->reader->mistakes;
    if (node->count == 0) {
        char expected[NUMBER_RANGE_TEXT];
        number_describe_range(axis->range, expected);
        return mistakes_add(mistakes, &node->place, "%s: the list is empty; it takes %s, once or more", axis->path,
                            expected);
    }
    if (node->count > AXIS_MAX_VALUES)
        return too_long(axis);
    struct listed_value *listed = NULL;
    TRY(arena_allocate(axis->reader->scratch, &listed, node->count));
    long good = 0;
    for (long i = 0; i < node->count; i++) {
        bool is_good = false;
        double value = 0;
        TRY(reader_number(axis->reader, node->items[i], axis->path, axis->range, &value, &is_good));
        if (is_good)
            listed[good++] = (struct listed_value){ .value = value, .position = i };
    }
    qsort(listed, (size_t)good, sizeof *listed, compare_listed);
    TRY(note_repeated(axis, listed, good));
    TRY(arena_allocate(axis->reader->scratch, &axis->values, node->count));
    for (long i = 0; i < good; i++)
        axis->values[i] = listed[i].value;
    axis->count = good;
    return STATUS_OK;
}

static enum status read_entry(struct axis *axis, const char *key, const struct number_range *range, double *value,
                              bool *is_good)
{
    char path[128];
    snprintf(path, sizeof path, "%s.%s", axis->path, key);
    long number = yaml_find(axis->node, key);
    if (number >= 0)
        return reader_number(axis->reader, axis->node->items[number], path, range, value, is_good);
    *is_good = false;
    return mistakes_add(axis->reader->mistakes, &axis->node->place,
                        "%s: %s is missing; an axis is a value, a list or {start, stop, num}", axis->path, key);
}

/* Computed values were in range at both ends; what is left to go wrong is a fraction where integers are asked for, and
 * steps too small for 12 digits. */
static enum status check_computed(struct axis *axis)
{
    for (long i = 0; i < axis->count; i++) {
        bool is_repeated = i > 0 && axis->values[i] <= axis->values[i - 1];
        if (is_repeated)
            return mistakes_add(axis->reader->mistakes, &axis->node->place,
                                "%s: value %ld of the axis, %.12g, is repeated (values have 12 digits)", axis->path,
                                i + 1, axis->values[i]);
        if (!number_is_within(axis->range, axis->values[i])) {
            char expected[NUMBER_RANGE_TEXT];
            number_describe_range(axis->range, expected);
            return mistakes_add(axis->reader->mistakes, &axis->node->place,
                                "%s: expected %s, but value %ld of the axis is %.12g", axis->path, expected, i + 1,
                                axis->values[i]);
        }
    }
    return STATUS_OK;
}

static enum status read_scale(struct axis *axis, bool *is_log)
{
    char path[128];
    snprintf(path, sizeof path, "%s.scale", axis->path);
    long number = yaml_find(axis->node, "scale");
    *is_log = false;
    if (number < 0)
        return STATUS_OK;
    const struct yaml_node *scale = axis->node->items[number];
    *is_log = scale->kind == YAML_SCALAR && strcmp(scale->text, "log") == 0;
    if (*is_log || (scale->kind == YAML_SCALAR && strcmp(scale->text, "linear") == 0))
        return STATUS_OK;
    return reader_expected(axis->reader, scale, path, "linear or log");
}

/* num values from start to stop, both included. */
static enum status read_spaced(struct axis *axis)
{
    static const struct number_range num_range = { .lowest = 1, .highest = AXIS_MAX_VALUES, .is_integer = true };
    double start = 0, stop = 0, num = 0;
    bool has_start = false, has_stop = false, has_num = false, is_log = false;
    TRY(read_entry(axis, "start", axis->range, &start, &has_start));
    TRY(read_entry(axis, "stop", axis->range, &stop, &has_stop));
    TRY(read_entry(axis, "num", &num_range, &num, &has_num));
    TRY(read_scale(axis, &is_log));
    if (!has_start || !has_stop || !has_num)
        return STATUS_OK;
    if (num == 1 && start != stop)
        return mistakes_add(axis->reader->mistakes, &axis->node->place,
                            "%s: both ends are included, so num is at least 2", axis->path);
    double low = fmin(start, stop), high = fmax(start, stop);
    if (is_log && low == 0)
        return mistakes_add(axis->reader->mistakes, &axis->node->place,
                            "%s: a logarithmic axis cannot begin at 0; begin above it, or list the values", axis->path);
    TRY(arena_allocate(axis->reader->scratch, &axis->values, num));
    axis->count = (long)num;
    for (long i = 0; i < axis->count; i++) {
        double share = num > 1 ? (double)i / (num - 1) : 0;
        double value = is_log ? exp(log(low) + share * (log(high) - log(low))) : low + share * (high - low);
        axis->values[i] = number_round(value);
    }
    axis->values[axis->count - 1] = high; /* the ends are given, not computed */
    axis->values[0] = low;
    return check_computed(axis);
}

/* start, start + step, ... up to stop, integers. */
static enum status read_stepped(struct axis *axis)
{
    const struct number_range step_range = { .lowest = 1, .highest = axis->range->highest, .is_integer = true };
    double start = 0, stop = 0, step = 0;
    bool has_start = false, has_stop = false, has_step = false;
    if (!axis->range->is_integer)
        return mistakes_add(axis->reader->mistakes, &axis->node->place,
                            "%s: step is for integer axes; say {start, stop, num} instead", axis->path);
    TRY(read_entry(axis, "start", axis->range, &start, &has_start));
    TRY(read_entry(axis, "stop", axis->range, &stop, &has_stop));
    TRY(read_entry(axis, "step", &step_range, &step, &has_step));
    if (!has_start || !has_stop || !has_step)
        return STATUS_OK;
    if (start > stop)
        return mistakes_add(axis->reader->mistakes, &axis->node->place,
                            "%s: empty, since start %.15g exceeds stop %.15g", axis->path, start, stop);
    double count = floor((stop - start) / step) + 1;
    if (count > AXIS_MAX_VALUES)
        return too_long(axis);
    TRY(arena_allocate(axis->reader->scratch, &axis->values, count));
    axis->count = (long)count;
    for (long i = 0; i < axis->count; i++)
        axis->values[i] = start + (double)i * step;
    return STATUS_OK;
}

static enum status read_powers(struct axis *axis)
{
    double last = 0;
    bool is_good = false;
    TRY(read_entry(axis, "log2", axis->range, &last, &is_good));
    if (!is_good)
        return STATUS_OK;
    int exponent = ilogb(last);
    if (ldexp(1, exponent) != last)
        return mistakes_add(axis->reader->mistakes, &axis->node->items[yaml_find(axis->node, "log2")]->place,
                            "%s.log2: %.15g is not a power of two; the nearest are %.15g and %.15g", axis->path, last,
                            ldexp(1, exponent), ldexp(1, exponent + 1));
    TRY(arena_allocate(axis->reader->scratch, &axis->values, exponent + 1));
    axis->count = exponent + 1;
    for (long i = 0; i < axis->count; i++)
        axis->values[i] = ldexp(1, (int)i);
    return STATUS_OK;
}

static enum status read_mapping(struct axis *axis, bool takes_powers)
{
    static const char *const spaced_keys[] = { "start", "stop", "num", "scale", "log2" };
    static const char *const stepped_keys[] = { "start", "stop", "step" };
    static const char *const power_keys[] = { "log2" };
    if (takes_powers && yaml_find(axis->node, "log2") >= 0) {
        TRY(keys_check(axis->reader, axis->node, axis->path, 1, power_keys));
        return read_powers(axis);
    }
    if (yaml_find(axis->node, "step") >= 0) {
        TRY(keys_check(axis->reader, axis->node, axis->path, 3, stepped_keys));
        return read_stepped(axis);
    }
    TRY(keys_check(axis->reader, axis->node, axis->path, takes_powers ? 5 : 4, spaced_keys));
    return read_spaced(axis);
}

enum status reader_axis(struct reader *reader, const struct yaml_node *node, const char *path,
                        const struct number_range *range, bool takes_powers, double **values, long *count)
{
    struct axis axis = { .reader = reader, .node = node, .path = path, .range = range };
    size_t mistakes_before = reader->mistakes->count;
    if (node->kind == YAML_SEQUENCE) {
        TRY(read_list(&axis));
    } else if (node->kind == YAML_MAPPING) {
        TRY(read_mapping(&axis, takes_powers));
    } else {
        bool is_good = false;
        TRY(arena_allocate(reader->scratch, &axis.values, 1));
        TRY(reader_number(reader, node, path, range, axis.values, &is_good));
        axis.count = 1;
    }
    *values = axis.values;
    *count = reader->mistakes->count == mistakes_before ? axis.count : 0;
    return STATUS_OK;
}
