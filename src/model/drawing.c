#include "model/drawing.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct drawing {
    struct network_key key;
    long step;
    double radius;
    /* Of laws that need the whole of W: its rows and columns first .. first + count - 1. A rank alone has all in
     * `rows`.
     */
    long first, count;
    double *rows;    /* [count, d] */
    double *columns; /* [d, count] */
};

static enum status allocate_shares(const struct process_grid *grid, struct drawing *drawing)
{
    const long d = drawing->key.hidden_size;
    process_grid_row_range(grid, d, grid == NULL ? 0 : grid->team->rank, &drawing->first, &drawing->count);
    TRY(memory_allocate(&drawing->rows, drawing->count * d, "rows of a weight matrix"));
    return grid == NULL ? STATUS_OK
                        : memory_allocate(&drawing->columns, d * drawing->count, "columns of a weight matrix");
}

/* What one rank alone can see of a failure; `made` is its owner's to close, also then. A file is read through by one
 * rank of the team. */
static enum status prepare(const struct process_grid *grid, const struct network_key *key, long step,
                           struct drawing **made)
{
    TRY(memory_allocate(made, 1, "a weight matrix"));
    **made = (struct drawing){ .key = *key, .step = step, .radius = NAN };
    if (key->ensemble->kind->draw_part == NULL)
        return allocate_shares(grid, *made);
    return grid == NULL || grid->team->rank == 0 ? ensemble_verify(key) : STATUS_OK;
}

static enum status draw_shares(const struct process_grid *grid, struct drawing *drawing)
{
    const struct network_key *key = &drawing->key;
    const struct ensemble_kind *kind = key->ensemble->kind;
    if (kind->draw_part != NULL)
        return STATUS_OK;
    if (grid == NULL)
        return kind->draw(key, drawing->rows, &drawing->radius);
    if (kind->draw_on_grid == NULL)
        return status_fail(STATUS_INTERNAL, "%s weights cannot be drawn by several ranks", kind->name);
    return kind->draw_on_grid(grid, key, drawing->rows, drawing->columns, &drawing->radius);
}

enum status drawing_open(const struct process_grid *grid, const struct network_key *key, long step,
                         struct drawing **drawing)
{
    SCOPED(drawing) *made = NULL;
    *drawing = NULL;
    TRY(team_agree(grid == NULL ? NULL : grid->team, prepare(grid, key, step, &made)));
    TRY(draw_shares(grid, made));
    *drawing = scope_keep(&made);
    return STATUS_OK;
}

void drawing_close(struct drawing *drawing)
{
    if (drawing == NULL)
        return;
    memory_free(drawing->rows);
    memory_free(drawing->columns);
    memory_free(drawing);
}

enum status drawing_fill(void *context, long first_row, long rows, long first_column, long columns, double *values)
{
    const struct drawing *drawing = context;
    const struct ensemble_kind *kind = drawing->key.ensemble->kind;
    const struct matrix_part part = {
        .first_row = first_row, .rows = rows, .first_column = first_column, .columns = columns
    };
    if (kind->draw_part != NULL)
        return kind->draw_part(&drawing->key, drawing->step, &part, values);
    const long d = drawing->key.hidden_size, row = first_row - drawing->first, column = first_column - drawing->first;
    const bool in_rows = row >= 0 && row + rows <= drawing->count;
    assert(in_rows || (drawing->columns != NULL && column >= 0 && column + columns <= drawing->count));
    const double *from =
        in_rows ? drawing->rows + first_column * drawing->count + row : drawing->columns + column * d + first_row;
    for (long j = 0; j < columns; j++)
        memcpy(values + j * rows, from + j * (in_rows ? drawing->count : d), (size_t)rows * sizeof *values);
    return STATUS_OK;
}

double drawing_radius(const struct drawing *drawing)
{
    return drawing->radius;
}
