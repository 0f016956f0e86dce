/* Matrices whose powers vanish because of their zeros alone. */
#ifndef GRADSWEEP_MODEL_NILPOTENT_H
#define GRADSWEEP_MODEL_NILPOTENT_H

#include "linalg/process_grid.h"

#include <stdbool.h>

/* True where the graph of W's entries has no cycle, so that rho(W) is exactly 0. Only the pattern can tell: repeated
 * squaring underflows, and eigenvalues of a Jordan block come out as u^(1/d) of rounding noise where LAPACK's
 * permutations do not uncover it. Conversely, a random matrix with a cycle has a positive radius with certainty, though
 * it may be small. rows[count * d], column-major: those of W that this rank holds (process_grid_row_range; `grid` NULL:
 * all). Collective within the team, and agreed. Errors: STATUS_MEMORY, STATUS_PARALLEL. */
CHECKED enum status nilpotent_by_pattern(const struct process_grid *grid, long hidden_size, const double *rows,
                                         bool *nilpotent);

#endif
