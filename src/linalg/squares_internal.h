/* What squares.c does on a process grid (squares_grid.c). */
#ifndef GRADSWEEP_LINALG_SQUARES_INTERNAL_H
#define GRADSWEEP_LINALG_SQUARES_INTERNAL_H

#include "linalg/squares.h"

/* As the functions of squares.h; the first one multiplies all matrices of `from`. */
CHECKED enum status squares_grid_apply_transposed(const struct matrix *matrix, const struct squares *from,
                                                  struct squares *to);
CHECKED enum status squares_grid_multiply(const struct squares *squares, long number, bool transposed, const double *x,
                                          double *y);
void squares_grid_scale_rows(struct squares *squares, const double *const *diagonals);
void squares_grid_set_identity(struct squares *squares);

/* Rows of left and right that this rank needs of columns first .. first+count-1, for its part of the sum. */
void squares_grid_pick_rows(const struct squares *squares, const struct block *left, const struct block *right,
                            long first, long count);

/* This rank's share of matrix `number`. */
struct block squares_part(const struct squares *squares, long number);

#endif
