#include "linalg/row_gather.h"

#include "base/memory.h"

#include <assert.h>
#include <string.h>

static int rank_count(const struct row_gather *gather)
{
    return gather->grid == NULL ? 1 : gather->grid->team->size;
}

enum status row_gather_create(const struct process_grid *grid, long dimension, long most_columns,
                              struct row_gather *gather)
{
    SCOPED(row_gather) made = { .grid = grid, .dimension = dimension, .most_columns = most_columns };
    process_grid_row_range(grid, dimension, grid == NULL ? 0 : grid->team->rank, &made.first, &made.rows);
    TRY(memory_allocate(&made.buffer, block_stride(dimension) * most_columns, "rows of all ranks"));
    TRY(memory_allocate(&made.counts, rank_count(&made), "shares of a block"));
    TRY(memory_allocate(&made.offsets, rank_count(&made), "shares of a block"));
    *gather = scope_keep(&made);
    return STATUS_OK;
}

void row_gather_destroy(struct row_gather *gather)
{
    memory_free(gather->buffer);
    memory_free(gather->counts);
    memory_free(gather->offsets);
    *gather = (struct row_gather){ 0 };
}

double *row_gather_own(const struct row_gather *gather, long columns)
{
    return gather->buffer + gather->first * columns;
}

long row_gather_stride(const struct row_gather *gather)
{
    return block_stride(gather->rows);
}

static void copy_out(const struct row_gather *gather, struct block *whole)
{
    for (int rank = 0; rank < rank_count(gather); rank++) {
        long first, rows;
        process_grid_row_range(gather->grid, gather->dimension, rank, &first, &rows);
        const long stride = block_stride(rows);
        const double *part = gather->buffer + first * whole->columns;
        for (long j = 0; rows > 0 && j < whole->columns; j++)
            memcpy(block_column(whole, j) + first, part + j * stride, (size_t)rows * sizeof *part);
    }
    block_clear_padding(whole);
}

enum status row_gather_run(const struct row_gather *gather, struct block *whole)
{
    assert(whole->rows == gather->dimension && whole->columns <= gather->most_columns);
    for (int rank = 0; rank < rank_count(gather); rank++) {
        long first, rows;
        process_grid_row_range(gather->grid, gather->dimension, rank, &first, &rows);
        gather->offsets[rank] = (int)(first * whole->columns);
        gather->counts[rank] = (int)(block_stride(rows) * whole->columns);
    }
    if (gather->grid != NULL)
        TRY(world_check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, gather->buffer, gather->counts,
                                       gather->offsets, MPI_DOUBLE, gather->grid->team->communicator),
                        "gathering rows of a block"));
    copy_out(gather, whole);
    return STATUS_OK;
}
