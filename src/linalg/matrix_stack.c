#include "linalg/matrix_stack.h"

#include "linalg/lapack.h"
#include "linalg/matrix_stack_internal.h"
#include "linalg/spectrum.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Of a sum of outer products, so many are picked out at a time on a grid: dgemm runs at its full rate. */
enum { OUTER_COLUMNS = 128 };

static const struct team *team_of(const struct matrix_stack *stack)
{
    return stack->grid == NULL ? NULL : stack->grid->team;
}

/* ---- making and releasing ---- */

static enum status allocate(struct matrix_stack *stack)
{
    const struct process_grid *grid = stack->grid;
    const long d = stack->dimension;
    if (grid == NULL)
        return block_create(d, d * stack->count, &stack->part);
    const long rows = process_grid_local_rows(grid, d), columns = process_grid_local_columns(grid, d);
    TRY(block_create(rows, columns * stack->count, &stack->part));
    TRY(block_create(rows, OUTER_COLUMNS, &stack->beside_rows));
    return block_create(columns, OUTER_COLUMNS, &stack->beside_columns);
}

enum status matrix_stack_create(const struct process_grid *grid, long dimension, long count, struct matrix_stack *stack)
{
    SCOPED(matrix_stack) made = { .grid = grid, .dimension = dimension, .count = count };
    TRY(process_grid_check(grid, dimension));
    TRY(team_agree(team_of(&made), allocate(&made)));
    *stack = scope_keep(&made);
    return STATUS_OK;
}

void matrix_stack_destroy(struct matrix_stack *stack)
{
    block_destroy(&stack->part);
    block_destroy(&stack->beside_rows);
    block_destroy(&stack->beside_columns);
    *stack = (struct matrix_stack){ 0 };
}

struct block matrix_stack_part(const struct matrix_stack *stack, long number)
{
    assert(number >= 0 && number < stack->count);
    const long columns = stack->part.columns / stack->count;
    return block_view(&stack->part, number * columns, columns);
}

/* ---- what needs no other rank ---- */

void matrix_stack_set_identity(struct matrix_stack *stack)
{
    const long d = stack->dimension;
    memset(stack->part.values, 0, (size_t)(stack->part.stride * stack->part.columns) * sizeof *stack->part.values);
    if (stack->grid != NULL) {
        matrix_stack_grid_set_identity(stack);
        return;
    }
    for (long column = 0; column < stack->part.columns; column++)
        block_column(&stack->part, column)[column % d] = 1.0;
}

void matrix_stack_add_outer(struct matrix_stack *stack, long number, double factor, const struct block *left,
                            const struct block *right, long count)
{
    const struct block sum = matrix_stack_part(stack, number);
    const int rows = (int)sum.rows, columns = (int)sum.columns, stride = sum.stride > 0 ? (int)sum.stride : 1;
    const double one = 1.0;
    assert(left->rows == stack->dimension && right->rows == stack->dimension);
    if (stack->grid == NULL) {
        const int left_stride = (int)left->stride, right_stride = (int)right->stride, inner = (int)count;
        dgemm_("N", "T", &rows, &columns, &inner, &one, left->values, &left_stride, right->values, &right_stride,
               &factor, sum.values, &stride, 1, 1);
        return;
    }
    const int left_stride = stack->beside_rows.stride > 0 ? (int)stack->beside_rows.stride : 1,
              right_stride = stack->beside_columns.stride > 0 ? (int)stack->beside_columns.stride : 1;
    spectrum_set_blas_threads(stack->grid->threads);
    for (long first = 0; first < count || first == 0; first += OUTER_COLUMNS) {
        const int inner = count - first < OUTER_COLUMNS ? (int)(count - first) : OUTER_COLUMNS;
        matrix_stack_grid_pick_rows(stack, left, right, first, inner);
        dgemm_("N", "T", &rows, &columns, &inner, &one, stack->beside_rows.values, &left_stride,
               stack->beside_columns.values, &right_stride, first == 0 ? &factor : &one, sum.values, &stride, 1, 1);
    }
    spectrum_set_blas_threads(1);
}

void matrix_stack_copy_values(const struct matrix_stack *stack, long number, double *values)
{
    assert(stack->grid == NULL);
    const struct block part = matrix_stack_part(stack, number);
    for (long column = 0; column < part.columns; column++)
        memcpy(values + column * part.rows, block_column(&part, column), (size_t)part.rows * sizeof *values);
}

/* ---- what the ranks of a team do together ---- */

enum status matrix_stack_balance(struct matrix_stack *stack, int64_t *exponents)
{
    for (long number = 0; number < stack->count; number++) {
        struct block part = matrix_stack_part(stack, number);
        double largest = block_largest_magnitude(part.values, part.stride * part.columns);
        TRY(team_largest(team_of(stack), 1, &largest));
        block_balance_for(&part, largest, &exponents[number]);
    }
    return STATUS_OK;
}

enum status matrix_stack_scale_rows_balanced(struct matrix_stack *stack, const double *const *diagonals,
                                             int64_t *exponents)
{
    if (stack->grid != NULL) {
        matrix_stack_grid_scale_rows(stack, diagonals);
        return matrix_stack_balance(stack, exponents);
    }
    for (long number = 0; number < stack->count; number++) {
        struct block part = matrix_stack_part(stack, number);
        block_balance_for(&part, block_scale_rows_alike(&part, diagonals[number]), &exponents[number]);
    }
    return STATUS_OK;
}

enum status matrix_stack_apply_transposed(const struct matrix *matrix, const struct matrix_stack *from,
                                          struct matrix_stack *to)
{
    assert(from->dimension == to->dimension && from->count == to->count && from->grid == to->grid);
    assert(from->grid == matrix_grid(matrix));
    return from->grid == NULL ? matrix_apply_transposed(matrix, &from->part, &to->part)
                              : matrix_stack_grid_apply_transposed(matrix, from, to);
}

enum status matrix_stack_multiply(const struct matrix_stack *stack, long number, bool transposed, const double *x,
                                  double *y)
{
    if (stack->grid != NULL)
        return matrix_stack_grid_multiply(stack, number, transposed, x, y);
    const struct block matrix = matrix_stack_part(stack, number);
    const int order = (int)matrix.rows, stride = (int)matrix.stride, increment = 1;
    const double one = 1.0, zero = 0.0;
    dgemv_(transposed ? "T" : "N", &order, &order, &one, matrix.values, &stride, x, &increment, &zero, y, &increment);
    return STATUS_OK;
}

enum status matrix_stack_norm(const struct matrix_stack *stack, long number, double *norm)
{
    const struct block part = matrix_stack_part(stack, number);
    double sum = 0.0;
    for (long column = 0; column < part.columns; column++) {
        const struct block one = block_view(&part, column, 1);
        double column_norm;
        block_column_norms(&one, &column_norm);
        sum += column_norm * column_norm;
    }
    TRY(team_sum(team_of(stack), 1, &sum));
    *norm = sqrt(sum);
    return STATUS_OK;
}
