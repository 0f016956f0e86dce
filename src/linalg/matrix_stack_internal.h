/* What matrix_stack.c does on a process grid (matrix_stack_grid.c). */
#ifndef GRADSWEEP_LINALG_MATRIX_STACK_INTERNAL_H
#define GRADSWEEP_LINALG_MATRIX_STACK_INTERNAL_H

#include "linalg/matrix_stack.h"

/* As the functions of stack.h; the first one multiplies all matrices of `from`. */
CHECKED enum status matrix_stack_grid_apply_transposed(const struct matrix *matrix, const struct matrix_stack *from,
                                                       struct matrix_stack *to);
CHECKED enum status matrix_stack_grid_multiply(const struct matrix_stack *stack, long number, bool transposed,
                                               const double *x, double *y);
void matrix_stack_grid_scale_rows(struct matrix_stack *stack, const double *const *diagonals);
void matrix_stack_grid_set_identity(struct matrix_stack *stack);

/* Rows of left and right that this rank needs of columns first .. first+count-1, for its part of the sum. */
void matrix_stack_grid_pick_rows(const struct matrix_stack *stack, const struct block *left, const struct block *right,
                                 long first, long count);

/* This rank's share of matrix `number`. */
struct block matrix_stack_part(const struct matrix_stack *stack, long number);

#endif
