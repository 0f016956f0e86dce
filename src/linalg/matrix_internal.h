/* What a weight matrix is made of, for matrix*.c and matrix_stack*.c alone. */
#ifndef GRADSWEEP_LINALG_MATRIX_INTERNAL_H
#define GRADSWEEP_LINALG_MATRIX_INTERNAL_H

#include "linalg/matrix.h"
#include "linalg/panels.h"
#include "linalg/row_gather.h"

/* A^T block-cyclic over the process grid, for PDGEMM. */
struct cyclic {
    double *values; /* [local rows, local columns], NULL before it is first asked for */
    int descriptor[9];
};

struct matrix {
    long dimension;
    const struct process_grid *grid; /* NULL: one rank */
    bool transposed;
    struct panels rows;            /* of A that this rank holds: all, or process_grid_row_range */
    struct panels transposed_rows; /* of A^T likewise, where `transposed` */
    double *scratch;               /* for panels_multiply */
    struct row_gather gather;      /* on a grid */
    struct cyclic *cyclic;         /* on a grid, where `transposed` */
};

enum { MATRIX_COLUMNS_AT_ONCE = 128 }; /* of a block, between two meetings of the ranks: enough for the full rate */

/* Room for a matrix of zeros; `made` is its owner's to release with matrix_destroy, also where this fails. Not
 * collective. Errors: STATUS_MEMORY. */
CHECKED enum status matrix_allocate(const struct process_grid *grid, long dimension, bool transposed,
                                    struct matrix **made);

/* *cyclic := A^T block-cyclic over the matrix's grid; made with the first call, and kept. The matrix was created with
 * `transposed`. Collective within the team, and agreed. Errors: STATUS_MEMORY. */
CHECKED enum status matrix_cyclic_transposed(const struct matrix *matrix, const struct cyclic **cyclic);

#endif
