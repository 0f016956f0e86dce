#include "sweep/grid.h"

#include <inttypes.h>
#include <string.h>

enum numbered { CELLS, WEIGHTS, NETWORKS };

static bool has_axis(enum numbered what, enum sweep_axis axis)
{
    return what == CELLS || (what == WEIGHTS ? axes_rule(axis)->is_of_weight : axis <= AXIS_REPLICA);
}

/* In C order: the last axis runs fastest. */
static uint64_t number_of(const struct sweep *sweep, enum numbered what, const struct cell *cell)
{
    uint64_t number = 0;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        if (has_axis(what, axis))
            number = number * (uint64_t)axes_length(sweep, axis) + (uint64_t)cell->at[axis];
    return number;
}

static struct cell place_of(const struct sweep *sweep, enum numbered what, uint64_t number)
{
    struct cell cell = { 0 };
    for (int axis = CELL_AXES - 1; axis >= 0; axis--)
        if (has_axis(what, (enum sweep_axis)axis)) {
            const uint64_t length = (uint64_t)axes_length(sweep, (enum sweep_axis)axis);
            cell.at[axis] = (long)(number % length);
            number /= length;
        }
    return cell;
}

static uint64_t count_of(const struct sweep *sweep, enum numbered what)
{
    uint64_t count = 1;
    for (enum sweep_axis axis = 0; axis < CELL_AXES; axis++)
        if (has_axis(what, axis))
            count *= (uint64_t)axes_length(sweep, axis);
    return count;
}

uint64_t grid_cell_count(const struct sweep *sweep)
{
    return count_of(sweep, CELLS);
}

uint64_t grid_weight_count(const struct sweep *sweep)
{
    return count_of(sweep, WEIGHTS);
}

uint64_t grid_cell_number(const struct sweep *sweep, const struct cell *cell)
{
    return number_of(sweep, CELLS, cell);
}

struct cell grid_cell_at(const struct sweep *sweep, uint64_t number)
{
    return place_of(sweep, CELLS, number);
}

uint64_t grid_weight_number(const struct sweep *sweep, const struct cell *cell)
{
    return number_of(sweep, WEIGHTS, cell);
}

struct cell grid_weight_at(const struct sweep *sweep, uint64_t number)
{
    return place_of(sweep, WEIGHTS, number);
}

uint64_t grid_plane_size(const struct sweep *sweep)
{
    return count_of(sweep, CELLS) / count_of(sweep, NETWORKS);
}

/* Writes "(activation=tanh, ...)" behind what `text` begins with. */
static const char *append_place(const struct sweep *sweep, enum numbered what, const struct cell *cell,
                                char text[GRID_TEXT])
{
    char number[AXIS_NUMBER_TEXT];
    const char *separator = " (";
    size_t used = strlen(text);
    for (enum sweep_axis axis = 0; axis < CELL_AXES && used < GRID_TEXT; axis++)
        if (axes_has(sweep, axis) && has_axis(what, axis)) {
            used += (size_t)snprintf(text + used, GRID_TEXT - used, "%s%s=%s", separator, axes_rule(axis)->name,
                                     axes_text(sweep, axis, cell->at[axis], number));
            separator = ", ";
        }
    if (used < GRID_TEXT)
        snprintf(text + used, GRID_TEXT - used, ")");
    return text;
}

const char *grid_describe_cell(const struct sweep *sweep, uint64_t number, char text[GRID_TEXT])
{
    const struct cell cell = grid_cell_at(sweep, number);
    snprintf(text, GRID_TEXT, "cell %" PRIu64, number);
    return append_place(sweep, CELLS, &cell, text);
}

const char *grid_describe_weight(const struct sweep *sweep, uint64_t number, char text[GRID_TEXT])
{
    const struct cell cell = grid_weight_at(sweep, number);
    snprintf(text, GRID_TEXT, "the weights");
    return append_place(sweep, WEIGHTS, &cell, text);
}

const char *grid_describe_network(const struct sweep *sweep, const struct cell *cell, char text[GRID_TEXT])
{
    snprintf(text, GRID_TEXT, "network");
    return append_place(sweep, NETWORKS, cell, text);
}
