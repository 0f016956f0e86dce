/* The orthogonal factor of a matrix that a team holds together. */
#ifndef GRADSWEEP_LINALG_ORTHOGONAL_GRID_H
#define GRADSWEEP_LINALG_ORTHOGONAL_GRID_H

#include "linalg/matrix.h"

/* As spectrum_orthogonalise, of the matrix that `fill` gives in blocks: Q of its QR decomposition with the diagonal of
 * R made positive. rows[count * d] and columns[d * count], column-major, receive the rows and the columns of Q that
 * this rank holds (process_grid_row_range); columns may be NULL, on all ranks. The bits of Q change with the grid.
 * Collective within the team, and agreed. Errors: STATUS_MEMORY, STATUS_NUMERICAL, and what `fill` returns. */
CHECKED enum status orthogonal_grid_factor(const struct process_grid *grid, long dimension, matrix_fill *fill,
                                           void *context, double *rows, double *columns);

#endif
