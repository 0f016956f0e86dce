/* Process grids: how a team's ranks stand side by side for ScaLAPACK. One grid a team, made once and exited at the end:
 * every BLACS grid holds communicators, of which MPI has only so many. */
#ifndef GRADSWEEP_LINALG_PROCESS_GRID_H
#define GRADSWEEP_LINALG_PROCESS_GRID_H

#include "base/scope.h"
#include "parallel/team.h"

struct process_grid {
    const struct team *team;
    int rows, columns;  /* of the grid: rows * columns = team->size */
    int row, column;    /* of this rank */
    long block_size;    /* of the block-cyclic distribution, both ways */
    int context;        /* BLACS: rows x columns, row-major */
    int row_context;    /* BLACS: team->size x 1 */
    int column_context; /* BLACS: 1 x team->size */
    int threads;        /* of this rank while it works in this grid: the cores it has for itself (team.h) */
};

/* How many rows the grid of a team has in the shape that multiplies fastest: rows <= columns, as square as the size
 * allows. Not collective. */
int process_grid_rows(int team_size);

/* Makes the grid of a team: that shape, the default block size. Collective within the team. Release with
 * process_grid_destroy. Errors: STATUS_PARALLEL. */
CHECKED enum status process_grid_create(const struct team *team, struct process_grid *grid);

/* The same with a shape and a block size of one's own; rows * columns must be the team's size. */
CHECKED enum status process_grid_create_shaped(const struct team *team, int rows, int columns, long block_size,
                                               struct process_grid *grid);
void process_grid_destroy(struct process_grid *grid); /* collective within the team */
SCOPED_VALUE(process_grid, process_grid_destroy)

/* The rows first .. first+count-1 of a d x d matrix that a rank of the team holds for the fixed-order kernel:
 * contiguous, in whole kernel panels; count may be 0. Not collective. */
void process_grid_row_range(const struct process_grid *grid, long dimension, int team_rank, long *first, long *count);

/* How many of them the first ranks hold; the ranks after these hold fewer, or none. Not collective. */
long process_grid_rows_per_rank(const struct process_grid *grid, long dimension);

/* Rows and columns of a block-cyclic d x d matrix that this rank holds, and the number in the matrix of a local row or
 * column. Not collective. */
long process_grid_local_rows(const struct process_grid *grid, long dimension);
long process_grid_local_columns(const struct process_grid *grid, long dimension);
long process_grid_global_row(const struct process_grid *grid, long local_row);
long process_grid_global_column(const struct process_grid *grid, long local_column);

/* ScaLAPACK's descriptor[9] of a block-cyclic d x d matrix whose local columns are local_stride apart. Not collective.
 */
void process_grid_describe(const struct process_grid *grid, long dimension, long local_stride, int *descriptor);

/* Whether d x d fits the grid: ScaLAPACK's local indices have 32 bits. Not collective; `grid` NULL is a rank alone. The
 * same answer on all ranks. Errors: STATUS_MEMORY with d, the ranks and how many would do. */
CHECKED enum status process_grid_check(const struct process_grid *grid, long dimension);

#endif
