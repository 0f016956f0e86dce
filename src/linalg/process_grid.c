#include "linalg/process_grid.h"

#include "linalg/block.h"
#include "linalg/kernel.h"
#include "linalg/scalapack.h"

#include <assert.h>
#include <limits.h>

enum {
    /* Of the rate of two ranks that do not speak to each other, blocks of 32, 64, 128, 256 reach 0.87, 0.89, 0.80, 0.73
     * on a grid of 1 x 2 (benchmark_grid 2048); smaller ones are dealt more evenly. */
    BLOCK_SIZE = 64,
    LARGEST_DIMENSION = INT_MAX / 256 /* counts of what ranks exchange, up to 128 columns at a time, are ints */
};

/* ---- making ---- */

/* BLACS ignores what MPI returns: where an error went unseen numbers would be wrong, so it ends the job. */
static enum status make_contexts(struct process_grid *grid)
{
    MPI_Comm communicator;
    const int size = grid->team->size;
    TRY(world_check(MPI_Comm_dup(grid->team->communicator, &communicator), "making a process grid"));
    TRY(world_check(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_ARE_FATAL), "making a process grid"));
    const int handle = Csys2blacs_handle(communicator);
    grid->context = grid->row_context = grid->column_context = handle;
    Cblacs_gridinit(&grid->context, "Row", grid->rows, grid->columns);
    Cblacs_gridinit(&grid->row_context, "Row", size, 1);
    Cblacs_gridinit(&grid->column_context, "Row", 1, size);
    Cfree_blacs_system_handle(handle);
    return world_check(MPI_Comm_free(&communicator), "making a process grid");
}

enum status process_grid_create_shaped(const struct team *team, int rows, int columns, long block_size,
                                       struct process_grid *grid)
{
    assert(rows * columns == team->size && block_size > 0);
    *grid = (struct process_grid){ .team = team,
                                   .rows = rows,
                                   .columns = columns,
                                   .row = team->rank / columns,
                                   .column = team->rank % columns,
                                   .block_size = block_size,
                                   .threads = team->cores };
    TRY(make_contexts(grid));
    int found_rows, found_columns, row, column;
    Cblacs_gridinfo(grid->context, &found_rows, &found_columns, &row, &column);
    if (row != grid->row || column != grid->column)
        return status_fail(STATUS_PARALLEL, "BLACS places rank %d at [%d, %d] of a %d x %d grid, not at [%d, %d]",
                           team->rank, row, column, rows, columns, grid->row, grid->column);
    return STATUS_OK;
}

/* Near a square the ranks send least; of what is not square the wide shape is the faster one (1 x 2 0.89, 2 x 1 0.75 of
 * the rate as above). */
int process_grid_rows(int team_size)
{
    int rows = 1;
    for (int i = 1; i * i <= team_size; i++)
        rows = team_size % i == 0 ? i : rows;
    return rows;
}

enum status process_grid_create(const struct team *team, struct process_grid *grid)
{
    const int rows = process_grid_rows(team->size);
    return process_grid_create_shaped(team, rows, team->size / rows, BLOCK_SIZE, grid);
}

void process_grid_destroy(struct process_grid *grid)
{
    if (grid->team == NULL)
        return;
    Cblacs_gridexit(grid->context);
    Cblacs_gridexit(grid->row_context);
    Cblacs_gridexit(grid->column_context);
    *grid = (struct process_grid){ 0 };
}

/* ---- who holds what ---- */

long process_grid_rows_per_rank(const struct process_grid *grid, long dimension)
{
    const long panels = (dimension + KERNEL_PANEL_ROWS - 1) / KERNEL_PANEL_ROWS, size = grid->team->size;
    return (panels + size - 1) / size * KERNEL_PANEL_ROWS;
}

void process_grid_row_range(const struct process_grid *grid, long dimension, int team_rank, long *first, long *count)
{
    const long rows = grid == NULL ? dimension : process_grid_rows_per_rank(grid, dimension), begin = team_rank * rows;
    *first = begin < dimension ? begin : dimension;
    *count = dimension - *first < rows ? dimension - *first : rows;
}

/* Of `dimension` rows or columns, those that place `place` of `places` holds. */
static long local_count(long dimension, long block_size, int place, int places)
{
    const long blocks = dimension / block_size, rest = dimension % block_size;
    const long mine = blocks / places + (place < blocks % places ? 1 : 0);
    return mine * block_size + (place == blocks % places ? rest : 0);
}

static long global_number(long local, long block_size, int place, int places)
{
    return (local / block_size * places + place) * block_size + local % block_size;
}

long process_grid_local_rows(const struct process_grid *grid, long dimension)
{
    return local_count(dimension, grid->block_size, grid->row, grid->rows);
}

long process_grid_local_columns(const struct process_grid *grid, long dimension)
{
    return local_count(dimension, grid->block_size, grid->column, grid->columns);
}

long process_grid_global_row(const struct process_grid *grid, long local_row)
{
    return global_number(local_row, grid->block_size, grid->row, grid->rows);
}

long process_grid_global_column(const struct process_grid *grid, long local_column)
{
    return global_number(local_column, grid->block_size, grid->column, grid->columns);
}

void process_grid_describe(const struct process_grid *grid, long dimension, long local_stride, int *descriptor)
{
    const int block = (int)grid->block_size, order = (int)dimension;
    const int entries[SCALAPACK_DESCRIPTOR] = {
        1, grid->context, order, order, block, block, 0, 0, local_stride > 0 ? (int)local_stride : 1
    };
    for (int i = 0; i < SCALAPACK_DESCRIPTOR; i++)
        descriptor[i] = entries[i];
}

/* The rank at [0, 0] holds the most; all come to the same answer. */
enum status process_grid_check(const struct process_grid *grid, long dimension)
{
    const int ranks = grid == NULL ? 1 : grid->team->size;
    if (dimension < 1 || dimension > LARGEST_DIMENSION)
        return status_fail(STATUS_MEMORY, "a hidden size of %ld is outside 1..%d, whatever the number of ranks",
                           dimension, LARGEST_DIMENSION);
    if (grid == NULL)
        return STATUS_OK;
    const long rows = block_stride(local_count(dimension, grid->block_size, 0, grid->rows));
    const long columns = local_count(dimension, grid->block_size, 0, grid->columns);
    if (rows <= INT_MAX / columns)
        return STATUS_OK;
    const double needed = (double)dimension * (double)dimension / INT_MAX;
    return status_fail(STATUS_MEMORY,
                       "a hidden size of %ld on %d ranks gives one rank %ld x %ld elements of each matrix, more than "
                       "ScaLAPACK can count (%d); use %.0f ranks or more",
                       dimension, ranks, rows, columns, INT_MAX, needed * 1.1 + 1);
}
