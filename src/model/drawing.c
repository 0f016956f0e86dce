#include "model/drawing.h"

#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct drawing {
    const struct ensemble *ensemble;
    uint64_t seed;
    long hidden_size;
    long replica;
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
    const long d = drawing->hidden_size;
    process_grid_row_range(grid, d, grid == NULL ? 0 : grid->team->rank, &drawing->first, &drawing->count);
    TRY(memory_allocate(&drawing->rows, drawing->count * d, "rows of a weight matrix"));
    return grid == NULL ? STATUS_OK
                        : memory_allocate(&drawing->columns, d * drawing->count, "columns of a weight matrix");
}

/* What one rank alone can see of a failure. A file is read through by one rank of the team. */
static enum status prepare(const struct process_grid *grid, struct drawing *drawing)
{
    const struct ensemble_kind *kind = drawing->ensemble->kind;
    if (kind->draw_part == NULL)
        return allocate_shares(grid, drawing);
    return grid == NULL || grid->team->rank == 0 ? ensemble_verify(drawing->ensemble, drawing->hidden_size) : STATUS_OK;
}

static enum status draw_shares(const struct process_grid *grid, struct drawing *drawing)
{
    const struct ensemble_kind *kind = drawing->ensemble->kind;
    if (kind->draw_part != NULL)
        return STATUS_OK;
    if (grid == NULL)
        return kind->draw(drawing->ensemble, drawing->seed, drawing->hidden_size, drawing->replica, drawing->rows,
                          &drawing->radius);
    if (kind->draw_on_grid == NULL)
        return status_fail(STATUS_INTERNAL, "%s weights cannot be drawn by several ranks", kind->name);
    return kind->draw_on_grid(grid, drawing->ensemble, drawing->seed, drawing->hidden_size, drawing->replica,
                              drawing->rows, drawing->columns, &drawing->radius);
}

enum status drawing_open(const struct process_grid *grid, const struct ensemble *ensemble, uint64_t seed,
                         long hidden_size, long replica, long step, struct drawing **drawing)
{
    struct drawing *made = NULL;
    *drawing = NULL;
    enum status status = memory_allocate(&made, 1, "a weight matrix");
    if (status == STATUS_OK) {
        *made = (struct drawing){ .ensemble = ensemble,
                                  .seed = seed,
                                  .hidden_size = hidden_size,
                                  .replica = replica,
                                  .step = step,
                                  .radius = NAN };
        status = prepare(grid, made);
    }
    TRY_OR(failed, team_agree(grid == NULL ? NULL : grid->team, status));
    TRY_OR(failed, draw_shares(grid, made));
    *drawing = made;
    return STATUS_OK;
failed:
    drawing_close(made);
    return status;
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
    const struct ensemble *ensemble = drawing->ensemble;
    const struct matrix_part part = {
        .first_row = first_row, .rows = rows, .first_column = first_column, .columns = columns
    };
    if (ensemble->kind->draw_part != NULL)
        return ensemble->kind->draw_part(ensemble, drawing->seed, drawing->hidden_size, drawing->replica, drawing->step,
                                         &part, values);
    const long row = first_row - drawing->first, column = first_column - drawing->first;
    const bool in_rows = row >= 0 && row + rows <= drawing->count;
    assert(in_rows || (drawing->columns != NULL && column >= 0 && column + columns <= drawing->count));
    const double *from = in_rows ? drawing->rows + first_column * drawing->count + row
                                 : drawing->columns + column * drawing->hidden_size + first_row;
    for (long j = 0; j < columns; j++)
        memcpy(values + j * rows, from + j * (in_rows ? drawing->count : drawing->hidden_size),
               (size_t)rows * sizeof *values);
    return STATUS_OK;
}

double drawing_radius(const struct drawing *drawing)
{
    return drawing->radius;
}
