/* Matrices made from packed ones, some columns at a time, whole on every rank of a team. */
#include "linalg/matrix_internal.h"

#include <math.h>

enum { COLUMNS = MATRIX_COLUMNS_AT_ONCE };

static const struct team *team_of(const struct matrix *matrix)
{
    return matrix->grid == NULL ? NULL : matrix->grid->team;
}

static long first_row(const struct matrix *matrix)
{
    return matrix->grid == NULL ? 0 : matrix->gather.first;
}

/* columns := those of A from `first` on. */
static enum status get_columns(const struct matrix *matrix, long first, struct block *columns)
{
    if (matrix->grid == NULL) {
        panels_get(&matrix->rows, first, columns->columns, columns->values, columns->stride);
        return STATUS_OK;
    }
    panels_get(&matrix->rows, first, columns->columns, row_gather_own(&matrix->gather, columns->columns),
               row_gather_stride(&matrix->gather));
    return row_gather_run(&matrix->gather, columns);
}

/* Those columns of A := columns, as far as this rank holds them: some of its rows, and rows of A^T. */
static void put_columns(const struct block *columns, long first, struct matrix *matrix)
{
    const long own = first_row(matrix), rows = matrix->rows.rows, end = first + columns->columns;
    const long begin_own = first > own ? first : own, end_own = end < own + rows ? end : own + rows;
    if (rows > 0)
        panels_set(&matrix->rows, 0, rows, first, columns->columns, columns->values + own, 1, columns->stride);
    if (begin_own < end_own)
        panels_set(&matrix->transposed_rows, begin_own - own, end_own - begin_own, 0, matrix->dimension,
                   columns->values + (begin_own - first) * columns->stride, columns->stride, 1);
}

static void scale_panels(struct panels *panels, int exponent)
{
    struct block values = {
        .rows = panels->rows, .columns = panels->depth, .stride = block_stride(panels->rows), .values = panels->values
    };
    block_scale_by_power_of_two(&values, exponent);
}

/* Two blocks of columns, and a matrix to be made on the same grid. */
struct making {
    struct block from, to;
    struct matrix *made;
};

static void making_end(struct making *making)
{
    block_destroy(&making->from);
    block_destroy(&making->to);
    matrix_destroy(making->made);
}
SCOPED_VALUE(making, making_end)

/* `making` is its owner's to end, also where this fails. */
static enum status making_allocate(const struct matrix *matrix, long dimension, struct making *making)
{
    const long d = matrix->dimension, width = d < COLUMNS ? d : COLUMNS;
    TRY(block_create(d, width, &making->from));
    TRY(block_create(dimension, width, &making->to));
    return matrix_allocate(matrix->grid, dimension, true, &making->made);
}

enum status matrix_create_part(const struct matrix *matrix, long count, const long *units, struct matrix **part)
{
    const long d = matrix->dimension;
    SCOPED(making) making = { 0 };
    *part = NULL;
    TRY(team_agree(team_of(matrix), making_allocate(matrix, count, &making)));
    for (long first = 0, made = 0; first < d; first += COLUMNS) {
        struct block from = block_view(&making.from, 0, d - first < COLUMNS ? d - first : COLUMNS);
        long columns = 0;
        TRY(get_columns(matrix, first, &from));
        for (; made + columns < count && units[made + columns] < first + COLUMNS; columns++)
            for (long i = 0; i < count; i++)
                block_column(&making.to, columns)[i] = block_column(&from, units[made + columns] - first)[units[i]];
        const struct block to = block_view(&making.to, 0, columns);
        put_columns(&to, made, making.made);
        made += columns;
    }
    *part = scope_keep(&making.made);
    return STATUS_OK;
}

enum status matrix_create_scaled(const struct matrix *matrix, const double *factors, struct matrix **scaled)
{
    const long d = matrix->dimension;
    SCOPED(making) making = { 0 };
    *scaled = NULL;
    TRY(team_agree(team_of(matrix), making_allocate(matrix, d, &making)));
    for (long first = 0; first < d; first += COLUMNS) {
        struct block columns = block_view(&making.from, 0, d - first < COLUMNS ? d - first : COLUMNS);
        TRY(get_columns(matrix, first, &columns));
        block_scale_columns(&columns, factors + first);
        put_columns(&columns, first, making.made);
    }
    *scaled = scope_keep(&making.made);
    return STATUS_OK;
}

enum status matrix_create_square(const struct matrix *matrix, int64_t *exponent, struct matrix **square)
{
    const long d = matrix->dimension;
    double largest = 0.0;
    SCOPED(making) making = { 0 };
    *square = NULL;
    TRY(team_agree(team_of(matrix), making_allocate(matrix, d, &making)));
    for (long first = 0; first < d; first += COLUMNS) {
        const long width = d - first < COLUMNS ? d - first : COLUMNS;
        struct block from = block_view(&making.from, 0, width), to = block_view(&making.to, 0, width);
        TRY(get_columns(matrix, first, &from));
        TRY(matrix_apply(matrix, &from, &to));
        const double of_these = block_largest_magnitude(to.values, to.stride * to.columns);
        largest = fmax(largest, of_these);
        put_columns(&to, first, making.made);
    }
    *exponent = block_balance_exponent(largest);
    if (*exponent != 0) {
        scale_panels(&making.made->rows, -(int)*exponent);
        scale_panels(&making.made->transposed_rows, -(int)*exponent);
    }
    *square = scope_keep(&making.made);
    return STATUS_OK;
}
