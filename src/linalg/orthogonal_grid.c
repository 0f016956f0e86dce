#include "linalg/orthogonal_grid.h"

#include "base/memory.h"
#include "linalg/scalapack.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <string.h>

/* PDGEMR2D's buffers overflow beyond 2^31 bytes, and are not ours: so much of a rank's share goes at a time. */
enum { ELEMENTS_AT_ONCE = 1 << 23 };

/* The matrix, block-cyclic, then Q in its place. */
struct factor {
    const struct process_grid *grid;
    long dimension;
    long local_rows, local_columns, stride;
    int descriptor[SCALAPACK_DESCRIPTOR];
    double *values; /* [stride, local_columns] */
    double *tau;    /* Householder factors of the local columns */
    double *signs;  /* [dimension]: of the diagonal of R */
    double *work;
    int work_length;
};

static void factor_close(struct factor *factor)
{
    memory_free(factor->values);
    memory_free(factor->tau);
    memory_free(factor->signs);
    memory_free(factor->work);
}
SCOPED_VALUE(factor, factor_close)

static long at_least_one(long count)
{
    return count > 0 ? count : 1;
}

static enum status check_info(int info, const char *routine)
{
    return info == 0 ? STATUS_OK
                     : status_fail(STATUS_INTERNAL, "ScaLAPACK's %s refuses its argument %d", routine, -info);
}

/* Both routines ask for the same room. */
static enum status allocate_work(struct factor *factor)
{
    const int order = (int)factor->dimension, begin = 1, query = -1;
    double optimum[2] = { 0 };
    int info = 0;
    pdgeqrf_(&order, &order, factor->values, &begin, &begin, factor->descriptor, factor->tau, &optimum[0], &query,
             &info);
    TRY(check_info(info, "pdgeqrf"));
    pdorgqr_(&order, &order, &order, factor->values, &begin, &begin, factor->descriptor, factor->tau, &optimum[1],
             &query, &info);
    TRY(check_info(info, "pdorgqr"));
    factor->work_length = (int)fmax(optimum[0], optimum[1]);
    return memory_allocate(&factor->work, factor->work_length, "QR workspace");
}

/* A block of the grid at a time, gapless as `fill` wants it. */
static enum status fill_blocks(struct factor *factor, matrix_fill *fill, void *context)
{
    const long size = factor->grid->block_size;
    SCOPED_MEMORY double *block = NULL;
    TRY(memory_allocate(&block, size * size, "a block of a matrix"));
    for (long column = 0; column < factor->local_columns; column += size)
        for (long row = 0; row < factor->local_rows; row += size) {
            const long rows = factor->local_rows - row < size ? factor->local_rows - row : size;
            const long columns = factor->local_columns - column < size ? factor->local_columns - column : size;
            TRY(fill(context, process_grid_global_row(factor->grid, row), rows,
                     process_grid_global_column(factor->grid, column), columns, block));
            for (long j = 0; j < columns; j++)
                memcpy(factor->values + (column + j) * factor->stride + row, block + j * rows,
                       (size_t)rows * sizeof *block);
        }
    return STATUS_OK;
}

static enum status check_finite(const struct factor *factor)
{
    for (long j = 0; j < factor->local_columns; j++)
        for (long i = 0; i < factor->local_rows; i++)
            if (!isfinite(factor->values[j * factor->stride + i]))
                return status_fail(
                    STATUS_NUMERICAL,
                    "QR decomposition: element [%ld, %ld] of the matrix is %g; finite elements are needed",
                    process_grid_global_row(factor->grid, i), process_grid_global_column(factor->grid, j),
                    factor->values[j * factor->stride + i]);
    return STATUS_OK;
}

static enum status open_local(struct factor *factor, matrix_fill *fill, void *context)
{
    TRY(memory_allocate(&factor->values, factor->stride * at_least_one(factor->local_columns),
                        "a matrix on a process grid"));
    TRY(memory_allocate(&factor->tau, at_least_one(factor->local_columns), "Householder factors"));
    TRY(memory_allocate(&factor->signs, factor->dimension, "signs of the diagonal of R"));
    TRY(fill_blocks(factor, fill, context));
    return check_finite(factor);
}

static enum status factor_open(const struct process_grid *grid, long dimension, matrix_fill *fill, void *context,
                               struct factor *factor)
{
    *factor = (struct factor){ .grid = grid,
                               .dimension = dimension,
                               .local_rows = process_grid_local_rows(grid, dimension),
                               .local_columns = process_grid_local_columns(grid, dimension) };
    factor->stride = block_stride(at_least_one(factor->local_rows));
    process_grid_describe(grid, dimension, factor->stride, factor->descriptor);
    TRY(team_agree(grid->team, open_local(factor, fill, context)));
    return team_agree(grid->team, allocate_work(factor));
}

/* Each rank knows the diagonal elements it holds; the sums over the team are all of them. */
static enum status collect_signs(struct factor *factor)
{
    const struct process_grid *grid = factor->grid;
    for (long j = 0; j < factor->local_columns; j++) {
        const long number = process_grid_global_column(grid, j), block = number / grid->block_size;
        const long i = block / grid->rows * grid->block_size + number % grid->block_size;
        if (block % grid->rows == grid->row)
            factor->signs[number] = copysign(1.0, factor->values[j * factor->stride + i]);
    }
    return team_sum(grid->team, factor->dimension, factor->signs);
}

/* An error is seen by all ranks alike: ScaLAPACK's checks compare what they were given. */
static enum status factor_run(struct factor *factor)
{
    const int order = (int)factor->dimension, begin = 1;
    int info = 0;
    pdgeqrf_(&order, &order, factor->values, &begin, &begin, factor->descriptor, factor->tau, factor->work,
             &factor->work_length, &info);
    TRY(check_info(info, "pdgeqrf"));
    TRY(collect_signs(factor));
    pdorgqr_(&order, &order, &order, factor->values, &begin, &begin, factor->descriptor, factor->tau, factor->work,
             &factor->work_length, &info);
    return check_info(info, "pdorgqr");
}

/* Rows of Q, each rank's below the other's: some columns at a time. */
static void hand_out_rows(const struct factor *factor, long count, double *rows)
{
    const struct process_grid *grid = factor->grid;
    const long d = factor->dimension, most = process_grid_rows_per_rank(grid, d);
    const long width = at_least_one(ELEMENTS_AT_ONCE / most);
    const int order = (int)d, begin = 1;
    for (long column = 0; column < d; column += width) {
        const int columns = d - column < width ? (int)(d - column) : (int)width, place = (int)column + 1;
        const int panel[SCALAPACK_DESCRIPTOR] = { 1, grid->row_context,       order, columns, (int)most, columns, 0,
                                                  0, (int)at_least_one(count) };
        pdgemr2d_(&order, &columns, factor->values, &begin, &place, factor->descriptor, rows + column * count, &begin,
                  &begin, panel, &grid->context);
    }
    for (long j = 0; j < d; j++)
        for (long i = 0; i < count; i++)
            rows[j * count + i] *= factor->signs[j];
}

/* Columns of Q, each rank's beside the other's: some rows at a time. */
static void hand_out_columns(const struct factor *factor, long first, long count, double *columns)
{
    const struct process_grid *grid = factor->grid;
    const long d = factor->dimension, most = process_grid_rows_per_rank(grid, d);
    const long height = at_least_one(ELEMENTS_AT_ONCE / most);
    const int order = (int)d, begin = 1;
    for (long row = 0; row < d; row += height) {
        const int rows = d - row < height ? (int)(d - row) : (int)height, place = (int)row + 1;
        const int panel[SCALAPACK_DESCRIPTOR] = { 1, grid->column_context, rows, order, rows, (int)most, 0, 0, order };
        pdgemr2d_(&rows, &order, factor->values, &place, &begin, factor->descriptor, columns + row, &begin, &begin,
                  panel, &grid->context);
    }
    for (long j = 0; j < count; j++)
        for (long i = 0; i < d; i++)
            columns[j * d + i] *= factor->signs[first + j];
}

enum status orthogonal_grid_factor(const struct process_grid *grid, long dimension, matrix_fill *fill, void *context,
                                   double *rows, double *columns)
{
    SCOPED(factor) factor = { 0 };
    long first, count;
    TRY(process_grid_check(grid, dimension));
    TRY(factor_open(grid, dimension, fill, context, &factor));
    spectrum_set_blas_threads(grid->threads);
    enum status status = factor_run(&factor);
    spectrum_set_blas_threads(1);
    TRY(status);
    process_grid_row_range(grid, dimension, grid->team->rank, &first, &count);
    hand_out_rows(&factor, count, rows);
    if (columns != NULL)
        hand_out_columns(&factor, first, count, columns);
    return STATUS_OK;
}
