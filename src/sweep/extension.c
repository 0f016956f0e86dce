#include "sweep/extension.h"

#include "base/memory.h"
#include "sweep/document.h"
#include "sweep/schema.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_AXIS = 200 };
/* The last format_version with other phases of sine inputs. */
enum { LAST_WITH_OTHER_SINES = 1 };

static bool may_grow(const struct key_rule *rule)
{
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        if (rule == schema_of_axis(axis) && axes_rule(axis)->parameter == NULL)
            return !axes_rule(axis)->is_fixed;
    return false;
}

static enum status refuse_missing(enum sweep_axis axis, const struct sweep *large, const struct sweep *small, long i)
{
    char value[AXIS_ENTRY_TEXT], path[SCHEMA_PATH];
    SCOPED_MEMORY char *asked = NULL;
    axes_describe(small, axis, i, value);
    const struct axis_rule *rule = axes_rule(axis);
    const bool is_single = rule->single_key && !axes_has(large, axis) && !axes_has(small, axis);
    const struct key_rule *key = is_single ? schema_find(NULL, rule->single_key) : schema_of_axis(axis);
    const char *parameter = rule->parameter;
    schema_path(key, path);
    TRY(effective_value(large, key, &asked));
    return status_fail(STATUS_REFUSED, "%s%s%s: the file has %s, the sweep asks for %.*s%s; an axis may only grow",
                       path, parameter ? "." : "", parameter ? parameter : "", value, SHOWN_AXIS, asked,
                       strlen(asked) > SHOWN_AXIS ? "..." : "");
}

static enum status place_axis(struct extension *extension, enum sweep_axis axis)
{
    const long length = axes_length(extension->small, axis);
    TRY(memory_allocate(&extension->positions[axis], length, "places on an axis"));
    for (long i = 0; i < length; i++) {
        extension->positions[axis][i] = axes_find(extension->small, axis, i, extension->large);
        if (extension->positions[axis][i] < 0)
            return refuse_missing(axis, extension->large, extension->small, i);
    }
    return STATUS_OK;
}

/* A parameter that gives an axis its values is compared like every axis, value by value; the rest of its key as it
 * stands. */
static void leave_out_axes(struct sweep *sweep)
{
    for (enum sweep_axis axis = 0; axis < SWEEP_AXES; axis++)
        axes_leave_out(sweep, axis);
}

enum status extension_open(const struct sweep *large, const struct sweep *small, struct extension *extension)
{
    SCOPED(extension) opened = { .large = large, .small = small };
    TRY(effective_require_same(large, small, may_grow, leave_out_axes));
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        TRY(place_axis(&opened, axis));
    *extension = scope_keep(&opened);
    return STATUS_OK;
}

void extension_close(struct extension *extension)
{
    for (int axis = 0; axis < CELL_AXES; axis++)
        memory_free(extension->positions[axis]);
    *extension = (struct extension){ 0 };
}

static struct cell place(const struct extension *extension, struct cell cell)
{
    for (int axis = 0; axis < CELL_AXES; axis++)
        cell.at[axis] = extension->positions[axis][cell.at[axis]];
    return cell;
}

uint64_t extension_cell(const struct extension *extension, uint64_t number)
{
    const struct cell cell = place(extension, grid_cell_at(extension->small, number));
    return grid_cell_number(extension->large, &cell);
}

uint64_t extension_weight(const struct extension *extension, uint64_t number)
{
    const struct cell cell = place(extension, grid_weight_at(extension->small, number));
    return grid_weight_number(extension->large, &cell);
}

enum status extension_require_same_inputs(const struct sweep *sweep, int64_t format_version)
{
    const struct model *model = &sweep->model;
    if (format_version > LAST_WITH_OTHER_SINES || model->input != INPUT_SINE || model->input_size < 2)
        return STATUS_OK;
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (sweep->ensembles[i].source.fingerprints[NETWORK_INPUTS][0] == '\0')
            return status_fail(
                STATUS_REFUSED,
                "its sine inputs of %ld components stand j/%ld of a turn apart, as in all files of "
                "format_version %d, and now stand j/%ld: its cells belong to other inputs; run the sweep "
                "anew",
                model->input_size, model->input_size, LAST_WITH_OTHER_SINES, 2 * model->input_size);
    return STATUS_OK;
}
