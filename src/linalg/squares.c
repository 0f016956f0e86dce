#include "linalg/squares.h"

#include "linalg/lapack.h"
#include "linalg/spectrum.h"
#include "linalg/squares_internal.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Of a sum of outer products, so many are picked out at a time on a grid: dgemm runs at its full rate. */
enum { OUTER_COLUMNS = 128 };

static const struct team *team_of(const struct squares *squares)
{
    return squares->grid == NULL ? NULL : squares->grid->team;
}

/* ---- making and releasing ---- */

static enum status allocate(struct squares *squares)
{
    const struct process_grid *grid = squares->grid;
    const long d = squares->dimension;
    if (grid == NULL)
        return block_create(d, d * squares->count, &squares->part);
    const long rows = process_grid_local_rows(grid, d), columns = process_grid_local_columns(grid, d);
    TRY(block_create(rows, columns * squares->count, &squares->part));
    TRY(block_create(rows, OUTER_COLUMNS, &squares->beside_rows));
    return block_create(columns, OUTER_COLUMNS, &squares->beside_columns);
}

enum status squares_create(const struct process_grid *grid, long dimension, long count, struct squares *squares)
{
    SCOPED(squares) made = { .grid = grid, .dimension = dimension, .count = count };
    TRY(process_grid_check(grid, dimension));
    TRY(team_agree(team_of(&made), allocate(&made)));
    *squares = scope_keep(&made);
    return STATUS_OK;
}

void squares_destroy(struct squares *squares)
{
    block_destroy(&squares->part);
    block_destroy(&squares->beside_rows);
    block_destroy(&squares->beside_columns);
    *squares = (struct squares){ 0 };
}

struct block squares_part(const struct squares *squares, long number)
{
    assert(number >= 0 && number < squares->count);
    const long columns = squares->part.columns / squares->count;
    return block_view(&squares->part, number * columns, columns);
}

/* ---- what needs no other rank ---- */

void squares_set_identity(struct squares *squares)
{
    const long d = squares->dimension;
    memset(squares->part.values, 0,
           (size_t)(squares->part.stride * squares->part.columns) * sizeof *squares->part.values);
    if (squares->grid != NULL) {
        squares_grid_set_identity(squares);
        return;
    }
    for (long column = 0; column < squares->part.columns; column++)
        block_column(&squares->part, column)[column % d] = 1.0;
}

void squares_scale_rows(struct squares *squares, const double *const *diagonals)
{
    if (squares->grid != NULL) {
        squares_grid_scale_rows(squares, diagonals);
        return;
    }
    for (long column = 0; column < squares->part.columns; column++) {
        struct block one = block_view(&squares->part, column, 1);
        block_scale_rows(&one, &diagonals[column / squares->dimension]);
    }
}

void squares_add_outer(struct squares *squares, long number, double factor, const struct block *left,
                       const struct block *right, long count)
{
    const struct block sum = squares_part(squares, number);
    const int rows = (int)sum.rows, columns = (int)sum.columns, stride = sum.stride > 0 ? (int)sum.stride : 1;
    const double one = 1.0;
    assert(left->rows == squares->dimension && right->rows == squares->dimension);
    if (squares->grid == NULL) {
        const int left_stride = (int)left->stride, right_stride = (int)right->stride, inner = (int)count;
        dgemm_("N", "T", &rows, &columns, &inner, &one, left->values, &left_stride, right->values, &right_stride,
               &factor, sum.values, &stride, 1, 1);
        return;
    }
    const int left_stride = squares->beside_rows.stride > 0 ? (int)squares->beside_rows.stride : 1,
              right_stride = squares->beside_columns.stride > 0 ? (int)squares->beside_columns.stride : 1;
    spectrum_set_blas_threads(squares->grid->threads);
    for (long first = 0; first < count || first == 0; first += OUTER_COLUMNS) {
        const int inner = count - first < OUTER_COLUMNS ? (int)(count - first) : OUTER_COLUMNS;
        squares_grid_pick_rows(squares, left, right, first, inner);
        dgemm_("N", "T", &rows, &columns, &inner, &one, squares->beside_rows.values, &left_stride,
               squares->beside_columns.values, &right_stride, first == 0 ? &factor : &one, sum.values, &stride, 1, 1);
    }
    spectrum_set_blas_threads(1);
}

void squares_copy_values(const struct squares *squares, long number, double *values)
{
    assert(squares->grid == NULL);
    const struct block part = squares_part(squares, number);
    for (long column = 0; column < part.columns; column++)
        memcpy(values + column * part.rows, block_column(&part, column), (size_t)part.rows * sizeof *values);
}

/* ---- what the ranks of a team do together ---- */

enum status squares_balance(struct squares *squares, int64_t *exponents)
{
    for (long number = 0; number < squares->count; number++) {
        struct block part = squares_part(squares, number);
        double largest = block_largest_magnitude(part.values, part.stride * part.columns);
        TRY(team_largest(team_of(squares), 1, &largest));
        block_balance_for(&part, largest, &exponents[number]);
    }
    return STATUS_OK;
}

enum status squares_apply_transposed(const struct matrix *matrix, const struct squares *from, struct squares *to)
{
    assert(from->dimension == to->dimension && from->count == to->count && from->grid == to->grid);
    assert(from->grid == matrix_grid(matrix));
    return from->grid == NULL ? matrix_apply_transposed(matrix, &from->part, &to->part)
                              : squares_grid_apply_transposed(matrix, from, to);
}

enum status squares_multiply(const struct squares *squares, long number, bool transposed, const double *x, double *y)
{
    if (squares->grid != NULL)
        return squares_grid_multiply(squares, number, transposed, x, y);
    const struct block matrix = squares_part(squares, number);
    const int order = (int)matrix.rows, stride = (int)matrix.stride, increment = 1;
    const double one = 1.0, zero = 0.0;
    dgemv_(transposed ? "T" : "N", &order, &order, &one, matrix.values, &stride, x, &increment, &zero, y, &increment);
    return STATUS_OK;
}

enum status squares_norm(const struct squares *squares, long number, double *norm)
{
    const struct block part = squares_part(squares, number);
    double sum = 0.0;
    for (long column = 0; column < part.columns; column++) {
        const struct block one = block_view(&part, column, 1);
        double column_norm;
        block_column_norms(&one, &column_norm);
        sum += column_norm * column_norm;
    }
    TRY(team_sum(team_of(squares), 1, &sum));
    *norm = sqrt(sum);
    return STATUS_OK;
}
