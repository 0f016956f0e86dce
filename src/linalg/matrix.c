#include "linalg/matrix.h"

#include "base/memory.h"
#include "linalg/matrix_internal.h"

#include <assert.h>

enum { ELEMENTS_AT_ONCE = 1 << 20 }; /* that `fill` is asked for */

/* ---- making and releasing ---- */

enum status matrix_allocate(const struct process_grid *grid, long d, bool transposed, struct matrix **made)
{
    TRY(memory_allocate(made, 1, "a matrix"));
    struct matrix *matrix = *made;
    *matrix = (struct matrix){ .dimension = d, .grid = grid, .transposed = transposed };
    const long scratch = panels_scratch_size(d);
    const int rank = grid == NULL ? 0 : grid->team->rank, threads = grid == NULL ? 1 : grid->threads;
    long first, rows;
    process_grid_row_range(grid, d, rank, &first, &rows);
    TRY(panels_create(rows, d, threads, &matrix->rows));
    if (transposed)
        TRY(panels_create(rows, d, threads, &matrix->transposed_rows));
    if (scratch > 0)
        TRY(memory_allocate(&matrix->scratch, scratch, "packed columns"));
    if (grid == NULL)
        return STATUS_OK;
    TRY(memory_allocate(&matrix->cyclic, 1, "a matrix"));
    return row_gather_create(grid, d, MATRIX_COLUMNS_AT_ONCE, &matrix->gather);
}

enum status matrix_create(long dimension, const double *values, bool transposed, struct matrix **matrix)
{
    SCOPED(matrix) *made = NULL;
    *matrix = NULL;
    TRY(matrix_allocate(NULL, dimension, transposed, &made));
    panels_set(&made->rows, 0, dimension, 0, dimension, values, 1, dimension);
    if (transposed)
        panels_set(&made->transposed_rows, 0, dimension, 0, dimension, values, dimension, 1);
    *matrix = scope_keep(&made);
    return STATUS_OK;
}

/* Some columns at a time, for the room that they take: this rank's rows of A, and its columns whole, which are its rows
 * of A^T. A rank alone asks once for what is both. */
static enum status fill_parts(struct matrix *matrix, matrix_fill *fill, void *context)
{
    const long d = matrix->dimension, width = ELEMENTS_AT_ONCE / d > 0 ? ELEMENTS_AT_ONCE / d : 1;
    const bool alone = matrix->grid == NULL;
    const long rows = matrix->rows.rows, first = alone ? 0 : matrix->gather.first;
    SCOPED_MEMORY double *piece = NULL;
    TRY(memory_allocate(&piece, d * width, "a piece of a weight matrix"));
    for (long k = 0; rows > 0 && k < d; k += width) {
        const long columns = d - k < width ? d - k : width;
        TRY(fill(context, first, rows, k, columns, piece));
        panels_set(&matrix->rows, 0, rows, k, columns, piece, 1, rows);
        if (alone && matrix->transposed)
            panels_set(&matrix->transposed_rows, k, columns, 0, d, piece, d, 1);
    }
    for (long i = 0; !alone && matrix->transposed && i < rows; i += width) {
        const long columns = rows - i < width ? rows - i : width;
        TRY(fill(context, 0, d, first + i, columns, piece));
        panels_set(&matrix->transposed_rows, i, columns, 0, d, piece, d, 1);
    }
    return STATUS_OK;
}

enum status matrix_create_on_grid(const struct process_grid *grid, long dimension, matrix_fill *fill, void *context,
                                  bool transposed, struct matrix **matrix)
{
    const struct team *team = grid == NULL ? NULL : grid->team;
    SCOPED(matrix) *made = NULL;
    *matrix = NULL;
    TRY(process_grid_check(grid, dimension));
    TRY(team_agree(team, matrix_allocate(grid, dimension, transposed, &made)));
    TRY(team_agree(team, fill_parts(made, fill, context)));
    *matrix = scope_keep(&made);
    return STATUS_OK;
}

void matrix_destroy(struct matrix *matrix)
{
    if (matrix == NULL)
        return;
    panels_destroy(&matrix->rows);
    panels_destroy(&matrix->transposed_rows);
    memory_free(matrix->scratch);
    row_gather_destroy(&matrix->gather);
    if (matrix->cyclic != NULL)
        memory_free(matrix->cyclic->values);
    memory_free(matrix->cyclic);
    memory_free(matrix);
}

long matrix_dimension(const struct matrix *matrix)
{
    return matrix->dimension;
}

const struct process_grid *matrix_grid(const struct matrix *matrix)
{
    return matrix->grid;
}

/* ---- multiplication ---- */

static enum status multiply(const struct matrix *matrix, const struct panels *panels, const struct block *x,
                            struct block *y)
{
    assert(x->rows == matrix->dimension && y->rows == matrix->dimension && x->columns == y->columns);
    if (matrix->grid == NULL) {
        panels_multiply(panels, x, matrix->scratch, y->values, y->stride);
        block_clear_padding(y);
        return STATUS_OK;
    }
    for (long first = 0; first < x->columns; first += MATRIX_COLUMNS_AT_ONCE) {
        const long columns = x->columns - first < MATRIX_COLUMNS_AT_ONCE ? x->columns - first : MATRIX_COLUMNS_AT_ONCE;
        const struct block from = block_view(x, first, columns);
        struct block to = block_view(y, first, columns);
        panels_multiply(panels, &from, matrix->scratch, row_gather_own(&matrix->gather, columns),
                        row_gather_stride(&matrix->gather));
        TRY(row_gather_run(&matrix->gather, &to));
    }
    return STATUS_OK;
}

enum status matrix_apply(const struct matrix *matrix, const struct block *x, struct block *y)
{
    return multiply(matrix, &matrix->rows, x, y);
}

enum status matrix_apply_transposed(const struct matrix *matrix, const struct block *x, struct block *y)
{
    assert(matrix->transposed);
    return multiply(matrix, &matrix->transposed_rows, x, y);
}

bool matrix_is_small(const struct matrix *matrix)
{
    return matrix->grid == NULL && matrix->scratch == NULL;
}

bool matrix_apply_affine(const struct matrix *matrix, const struct block *x, const double *factors, const double *added,
                         struct block *y)
{
    assert(matrix_is_small(matrix));
    assert(x->rows == matrix->dimension && y->rows == matrix->dimension && x->columns == y->columns);
    const bool is_moderate = panels_multiply_affine(&matrix->rows, x, factors, added, y->values);
    if (!is_moderate)
        block_clear_padding(y);
    return is_moderate;
}
