/* A weight matrix, and its application to blocks of columns: the one primitive of the simulator.
 *
 * Local matrices multiply by a kernel of our own with fixed order: every element of the result is one chain of fused
 * multiply-adds over ascending k, ((0 + a_i0 x_0) + a_i1 x_1) + ..., so that its bits are those of a scalar fma loop at
 * any block width and position, on AVX-512, AVX2 and plain builds alike. */
#ifndef GRADSWEEP_LINALG_MATRIX_H
#define GRADSWEEP_LINALG_MATRIX_H

#include "linalg/block.h"
#include "linalg/process_grid.h"

#include <stdbool.h>
#include <stdint.h>

struct matrix;

/* Packs a square matrix, values[dimension * dimension] column-major, for matrix_apply and, where `transposed` is asked
 * for, matrix_apply_transposed. It holds room to pack columns: one thread at a time may apply it. Copies; the caller
 * keeps `values`. Release with matrix_destroy. Not collective. Errors: STATUS_MEMORY. */
CHECKED enum status matrix_create(long dimension, const double *values, bool transposed, struct matrix **matrix);
void matrix_destroy(struct matrix *matrix);
SCOPED_HANDLE(matrix, matrix_destroy)

/* Fills values[rows * columns], column-major without gaps, with the part of a matrix that begins at (first_row,
 * first_column). Not collective, and asked for no more than its rows and columns (process_grid_row_range) of each
 * rank. */
typedef enum status matrix_fill(void *context, long first_row, long rows, long first_column, long columns,
                                double *values);

/* The same on a team: every rank holds some rows of A and of A^T (process_grid_row_range), packed, 1/size of each.
 * Blocks of columns are whole on every rank: matrix_apply multiplies by this rank's rows and gathers the others', so
 * that the bits are those of one rank. `grid` NULL is a rank alone. `fill` is not called again later. Collective within
 * the team, and agreed. Errors: STATUS_MEMORY, and what `fill` returns. */
CHECKED enum status matrix_create_on_grid(const struct process_grid *grid, long dimension, matrix_fill *fill,
                                          void *context, bool transposed, struct matrix **matrix);

long matrix_dimension(const struct matrix *matrix);
const struct process_grid *matrix_grid(const struct matrix *matrix); /* NULL: one rank */

/* y := A x and y := A^T x, both [dimension, columns]; y must not overlap x. Collective within the team of the matrix,
 * with the same x on every rank; not collective on one rank. Errors: STATUS_PARALLEL.
 * The transposed form needs a matrix created with `transposed`. */
CHECKED enum status matrix_apply(const struct matrix *matrix, const struct block *x, struct block *y);
CHECKED enum status matrix_apply_transposed(const struct matrix *matrix, const struct block *x, struct block *y);

/* y := A x diag(factors) + added 1^T in one pass, for matrices where matrix_is_small: factors[columns], added[stride of
 * y], padded with zeros, NULL: none. The bits are those of matrix_apply, a product and a sum. Whether all elements of y
 * are seen to be within 2^-255 .. 2^257 in magnitude; where they are not, 0 or not finite may be among them. Not
 * collective. */
bool matrix_apply_affine(const struct matrix *matrix, const struct block *x, const double *factors, const double *added,
                         struct block *y);

/* Whether a rank alone has it, and it is so small that columns are not packed. */
bool matrix_is_small(const struct matrix *matrix);

/* *part := the rows and columns units[count] of A, ascending; *scaled := A diag(factors[dimension]); and *square := A^2
 * / 2^*exponent with its largest |element| within 2^-200 .. 2^200 or 0, as far as it is finite: 2 d^3 flops. All on A's
 * grid, with the bits of one rank, and for matrix_apply and matrix_apply_transposed. Released with matrix_destroy.
 * Collective within the team of the matrix, and agreed. Errors: STATUS_MEMORY, STATUS_PARALLEL. */
CHECKED enum status matrix_create_part(const struct matrix *matrix, long count, const long *units,
                                       struct matrix **part);
CHECKED enum status matrix_create_scaled(const struct matrix *matrix, const double *factors, struct matrix **scaled);
CHECKED enum status matrix_create_square(const struct matrix *matrix, int64_t *exponent, struct matrix **square);

#endif
