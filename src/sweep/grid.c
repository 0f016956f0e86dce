#include "sweep/grid.h"

#include <inttypes.h>
#include <string.h>

_Static_assert(AXIS_ANCHOR == CELL_AXES - 3 && AXIS_SPECTRAL_RADIUS == CELL_AXES - 2 && AXIS_GAMMA == CELL_AXES - 1,
               "chains have the anchors, and couplings are those of the last two axes of cells");

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

/* ---- chains ---- */

/* Cells that differ in rho and gamma alone, and those that differ in the anchor, too. */
static uint64_t couplings_length(const struct sweep *sweep)
{
    return (uint64_t)sweep->spectral_radius_count * (uint64_t)sweep->gamma_count;
}

static uint64_t anchors_length(const struct sweep *sweep)
{
    return (uint64_t)axes_length(sweep, AXIS_ANCHOR);
}

uint64_t grid_chain_count(const struct sweep *sweep)
{
    return grid_plane_size(sweep) / (couplings_length(sweep) * anchors_length(sweep)) *
           (uint64_t)sweep->couplings.count;
}

/* Cells and chains run over the same outer axes, and these over those of the couplings. */
struct plane_cell grid_plane_cell(const struct sweep *sweep, uint64_t place)
{
    const uint64_t length = couplings_length(sweep), anchors = anchors_length(sweep), outer = place / length / anchors;
    return (struct plane_cell){ .chain = outer * (uint64_t)sweep->couplings.count +
                                         (uint64_t)sweep->couplings.numbers[place % length],
                                .anchor = (long)(place / length % anchors),
                                .gamma = sweep->gammas[place % (uint64_t)sweep->gamma_count] };
}

uint64_t grid_chain_of(const struct sweep *sweep, const struct cell *cell)
{
    return grid_plane_cell(sweep, number_of(sweep, CELLS, cell) % grid_plane_size(sweep)).chain;
}

double grid_chain_coupling(const struct sweep *sweep, uint64_t chain)
{
    return sweep->couplings.distinct[chain % (uint64_t)sweep->couplings.count];
}

struct drive_scales grid_chain_drive(const struct sweep *sweep, uint64_t chain)
{
    const uint64_t outer = chain / (uint64_t)sweep->couplings.count;
    /* In the first plane: alike in all. */
    const struct cell cell = place_of(sweep, CELLS, outer * anchors_length(sweep) * couplings_length(sweep));
    return (struct drive_scales){ axes_value(sweep, AXIS_INPUT_SCALE, cell.at[AXIS_INPUT_SCALE]).real,
                                  axes_value(sweep, AXIS_BIAS_SCALE, cell.at[AXIS_BIAS_SCALE]).real };
}

/* Cells of the plane whose chains have lower numbers. */
static uint64_t cells_before(const struct sweep *sweep, uint64_t chain)
{
    const uint64_t count = (uint64_t)sweep->couplings.count;
    return (chain / count * couplings_length(sweep) + (uint64_t)sweep->couplings.before[chain % count]) *
           anchors_length(sweep);
}

uint64_t grid_cells_of_chains(const struct sweep *sweep, uint64_t first, uint64_t count)
{
    return cells_before(sweep, first + count) - cells_before(sweep, first);
}

uint64_t grid_plane_rows(const struct sweep *sweep)
{
    return grid_plane_size(sweep) / (uint64_t)sweep->gamma_count;
}

/* How many of the ascending numbers[length] are below a limit. */
static uint64_t count_below(const long *numbers, long length, uint64_t limit)
{
    long below = 0, end = length;
    while (below < end) {
        const long middle = below + (end - below) / 2;
        if ((uint64_t)numbers[middle] < limit)
            below = middle + 1;
        else
            end = middle;
    }
    return (uint64_t)below;
}

uint64_t grid_row_of_chains(const struct sweep *sweep, uint64_t row, uint64_t first, uint64_t count,
                            uint64_t *first_in_row)
{
    const uint64_t radii = (uint64_t)sweep->spectral_radius_count, gammas = (uint64_t)sweep->gamma_count;
    const uint64_t outer = row / radii / anchors_length(sweep);
    const uint64_t before = outer * (uint64_t)sweep->couplings.count; /* chains of earlier outer places */
    const long *numbers = sweep->couplings.numbers + row % radii * gammas;
    const uint64_t from = first > before ? first - before : 0;
    const uint64_t to = first + count > before ? first + count - before : 0;
    const uint64_t begin = count_below(numbers, sweep->gamma_count, from);
    const uint64_t end = count_below(numbers, sweep->gamma_count, to);
    *first_in_row = row * gammas + begin;
    return end - begin;
}

/* ---- descriptions ---- */

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
