/* Whole matrices spread over a process grid, block-cyclic: row i of the matrix is row block i / block_size, the blocks
 * dealt to the grid's rows in turn; columns likewise. */
#include "base/memory.h"
#include "linalg/lapack.h"
#include "linalg/matrix_internal.h"
#include "linalg/matrix_stack_internal.h"
#include "linalg/scalapack.h"
#include "linalg/spectrum.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <string.h>

/* ---- the PBLAS's own blocks ---- */

enum { PBLAS_BLOCK = 256 };

/* The library's own answers 32: PDGEMM then multiplies narrow panels, far below dgemm's rate, and sends eight times as
 * many messages. This one
 * precedes it where the program shows it: the command does, as will a program that defines one of its own; the library
 * hides it (exports.map). It stands here, beside the call of PDGEMM, so that no linker leaves it out. */
__attribute__((visibility("default"))) int pilaenv_(const int *context, const char *precision, size_t length)
{
    (void)context;
    (void)precision;
    (void)length;
    return PBLAS_BLOCK;
}

/* ---- rows and columns of whole vectors ---- */

/* The blocks of rows (or of columns) that this rank holds: `count` of them from `local` on in its part, `global` in the
 * matrix. */
struct run {
    long local, global, count;
};

static bool next_run(long block_size, int place, int places, long dimension, struct run *run)
{
    if (run->count > 0)
        *run = (struct run){ run->local + run->count, run->global + block_size * places, 0 };
    else
        *run = (struct run){ 0, block_size * place, 0 };
    if (run->global >= dimension)
        return false;
    run->count = dimension - run->global < block_size ? dimension - run->global : block_size;
    return true;
}

static bool next_rows(const struct matrix_stack *stack, struct run *run)
{
    const struct process_grid *grid = stack->grid;
    return next_run(grid->block_size, grid->row, grid->rows, stack->dimension, run);
}

static bool next_columns(const struct matrix_stack *stack, struct run *run)
{
    const struct process_grid *grid = stack->grid;
    return next_run(grid->block_size, grid->column, grid->columns, stack->dimension, run);
}

typedef bool next_function(const struct matrix_stack *stack, struct run *run);

static void pick(const struct matrix_stack *stack, next_function *next, const double *whole, double *part)
{
    struct run run = { 0 };
    while (next(stack, &run))
        memcpy(part + run.local, whole + run.global, (size_t)run.count * sizeof *part);
}

static void put(const struct matrix_stack *stack, next_function *next, const double *part, double *whole)
{
    struct run run = { 0 };
    while (next(stack, &run))
        memcpy(whole + run.global, part + run.local, (size_t)run.count * sizeof *part);
}

void matrix_stack_grid_pick_rows(const struct matrix_stack *stack, const struct block *left, const struct block *right,
                                 long first, long count)
{
    for (long i = 0; i < count; i++) {
        pick(stack, next_rows, block_column(left, first + i), block_column(&stack->beside_rows, i));
        pick(stack, next_columns, block_column(right, first + i), block_column(&stack->beside_columns, i));
    }
}

void matrix_stack_grid_scale_rows(struct matrix_stack *stack, const double *const *diagonals)
{
    const double *diagonal = block_column(&stack->beside_rows, 0);
    for (long number = 0; number < stack->count; number++) {
        const struct block part = matrix_stack_part(stack, number);
        pick(stack, next_rows, diagonals[number], block_column(&stack->beside_rows, 0));
        for (long column = 0; column < part.columns; column++) {
            struct block one = block_view(&part, column, 1);
            block_scale_rows(&one, &diagonal);
        }
    }
}

void matrix_stack_grid_set_identity(struct matrix_stack *stack)
{
    for (long number = 0; number < stack->count; number++) {
        const struct block part = matrix_stack_part(stack, number);
        for (long column = 0; column < part.columns; column++)
            for (long row = 0; row < part.rows; row++)
                if (process_grid_global_row(stack->grid, row) == process_grid_global_column(stack->grid, column))
                    block_column(&part, column)[row] = 1.0;
    }
}

/* ---- products ---- */

/* What this rank's part adds to each element; the sums over the team are whole on all of them. */
enum status matrix_stack_grid_multiply(const struct matrix_stack *stack, long number, bool transposed, const double *x,
                                       double *y)
{
    const struct block part = matrix_stack_part(stack, number);
    const int rows = (int)part.rows, columns = (int)part.columns, stride = part.stride > 0 ? (int)part.stride : 1,
              increment = 1;
    const double one = 1.0, zero = 0.0;
    double *beside_rows = block_column(&stack->beside_rows, 0),
           *beside_columns = block_column(&stack->beside_columns, 0);
    double *from = transposed ? beside_rows : beside_columns, *to = transposed ? beside_columns : beside_rows;
    pick(stack, transposed ? next_rows : next_columns, x, from);
    memset(y, 0, (size_t)stack->dimension * sizeof *y);
    if (rows > 0 && columns > 0) {
        spectrum_set_blas_threads(stack->grid->threads);
        dgemv_(transposed ? "T" : "N", &rows, &columns, &one, part.values, &stride, from, &increment, &zero, to,
               &increment);
        spectrum_set_blas_threads(1);
        put(stack, transposed ? next_columns : next_rows, to, y);
    }
    return team_sum(stack->grid->team, stack->dimension, y);
}

enum status matrix_stack_grid_apply_transposed(const struct matrix *matrix, const struct matrix_stack *from,
                                               struct matrix_stack *to)
{
    const struct cyclic *cyclic;
    TRY(matrix_cyclic_transposed(matrix, &cyclic));
    const int order = (int)from->dimension, begin = 1;
    const double one = 1.0, zero = 0.0;
    int descriptor[SCALAPACK_DESCRIPTOR];
    process_grid_describe(from->grid, from->dimension, from->part.stride, descriptor);
    spectrum_set_blas_threads(from->grid->threads);
    for (long number = 0; number < from->count; number++) {
        const struct block x = matrix_stack_part(from, number), y = matrix_stack_part(to, number);
        pdgemm_("N", "N", &order, &order, &order, &one, cyclic->values, &begin, &begin, cyclic->descriptor, x.values,
                &begin, &begin, descriptor, &zero, y.values, &begin, &begin, descriptor, 1, 1);
    }
    spectrum_set_blas_threads(1);
    return STATUS_OK;
}

/* ---- the weight matrix, block-cyclic ---- */

enum { REDISTRIBUTED_BYTES = 1 << 20 }; /* at a time: PDGEMR2D's buffers overflow beyond 2^31 bytes, and are not ours */

/* Columns of A^T that are redistributed together. */
static long panel_width(const struct process_grid *grid, long dimension)
{
    const long rows = process_grid_rows_per_rank(grid, dimension);
    const long width = REDISTRIBUTED_BYTES / (long)sizeof(double) / rows;
    return width < 1 ? 1 : width < dimension ? width : dimension;
}

static void redistribute(const struct matrix *matrix, double *panel, struct cyclic *cyclic)
{
    const struct process_grid *grid = matrix->grid;
    const long d = matrix->dimension, width = panel_width(grid, d), rows = matrix->transposed_rows.rows;
    const int order = (int)d, begin = 1, row_block = (int)process_grid_rows_per_rank(grid, d),
              stride = rows > 0 ? (int)rows : 1;
    for (long first = 0; first < d; first += width) {
        const int columns = d - first < width ? (int)(d - first) : (int)width, place = (int)first + 1;
        const int descriptor[SCALAPACK_DESCRIPTOR] = { 1,         grid->row_context, order, columns,
                                                       row_block, columns,           0,     0,
                                                       stride };
        panels_get(&matrix->transposed_rows, first, columns, panel, stride);
        pdgemr2d_(&order, &columns, panel, &begin, &begin, descriptor, cyclic->values, &begin, &place,
                  cyclic->descriptor, &grid->row_context);
    }
}

enum status matrix_cyclic_transposed(const struct matrix *matrix, const struct cyclic **cyclic)
{
    const struct process_grid *grid = matrix->grid;
    const long d = matrix->dimension, local_rows = process_grid_local_rows(grid, d);
    assert(matrix->transposed);
    *cyclic = matrix->cyclic;
    if (matrix->cyclic->values != NULL)
        return STATUS_OK;
    SCOPED_MEMORY double *values = NULL, *panel = NULL;
    enum status status = memory_allocate(&values, block_stride(local_rows) * process_grid_local_columns(grid, d),
                                         "a weight matrix on a process grid");
    if (status == STATUS_OK)
        status =
            memory_allocate(&panel, matrix->transposed_rows.rows * panel_width(grid, d), "columns of a weight matrix");
    TRY(team_agree(grid->team, status));
    process_grid_describe(grid, d, block_stride(local_rows), matrix->cyclic->descriptor);
    matrix->cyclic->values = scope_keep(&values);
    redistribute(matrix, panel, matrix->cyclic);
    return STATUS_OK;
}
