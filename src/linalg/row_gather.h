/* Brings together on every rank of a team the rows that each has computed of a block of columns. */
#ifndef GRADSWEEP_LINALG_ROW_GATHER_H
#define GRADSWEEP_LINALG_ROW_GATHER_H

#include "linalg/block.h"
#include "linalg/process_grid.h"

struct row_gather {
    const struct process_grid *grid; /* NULL: a rank alone, which has all rows */
    long dimension;
    long most_columns;
    long first, rows; /* this rank's, as process_grid_row_range */
    double *buffer;   /* the ranks' parts one after the other, each [padded rows, columns] */
    int *counts, *offsets;
};

/* Makes room for blocks [dimension, at most most_columns]. Release with row_gather_destroy. Not collective. Errors:
 * STATUS_MEMORY. */
CHECKED enum status row_gather_create(const struct process_grid *grid, long dimension, long most_columns,
                                      struct row_gather *gather);
void row_gather_destroy(struct row_gather *gather);
SCOPED_VALUE(row_gather, row_gather_destroy)

/* Where this rank puts its rows of a block of so many columns: column-major, 64-byte aligned, row_gather_stride doubles
 * from one column to the next. What stood there is lost with the next row_gather_run. Not collective. */
double *row_gather_own(const struct row_gather *gather, long columns);
long row_gather_stride(const struct row_gather *gather);

/* Fills `whole` [dimension, columns] with the rows of all ranks, zeros below. Collective within the team. Errors:
 * STATUS_PARALLEL. */
CHECKED enum status row_gather_run(const struct row_gather *gather, struct block *whole);

#endif
