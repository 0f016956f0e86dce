/* Whole d x d matrices that algorithms build up: Jacobian products J_l^T and sums of contributions, several side by
 * side. On one rank they are d * count columns of one block; on a team each is spread over its process grid,
 * block-cyclic, and multiplied by PDGEMM. Vectors that go in and come out are whole on every rank of the team.
 *
 * Functions are collective within the team where they say so; with a grid that is NULL (one rank) none is. */
#ifndef GRADSWEEP_LINALG_MATRIX_STACK_H
#define GRADSWEEP_LINALG_MATRIX_STACK_H

#include "linalg/block.h"
#include "linalg/matrix.h"
#include "linalg/process_grid.h"

struct matrix_stack {
    const struct process_grid *grid; /* NULL: this rank alone */
    long dimension;
    long count;
    /* What this rank holds. One rank: [d, d * count]. On a grid: [local rows, local columns * count]. */
    struct block part;
    /* On a grid: room for the rows of vectors that stand beside its rows and its columns. */
    struct block beside_rows, beside_columns;
};

/* Makes `count` zeroed matrices; release with matrix_stack_destroy. Collective, and agreed. Errors: STATUS_MEMORY. */
CHECKED enum status matrix_stack_create(const struct process_grid *grid, long dimension, long count,
                                        struct matrix_stack *stack);
void matrix_stack_destroy(struct matrix_stack *stack); /* not collective */
SCOPED_VALUE(matrix_stack, matrix_stack_destroy)

/* Every matrix := I. Not collective. */
void matrix_stack_set_identity(struct matrix_stack *stack);

/* As block_balance for each matrix: the same power of two on all ranks. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status matrix_stack_balance(struct matrix_stack *stack, int64_t *exponents);

/* Matrix i := diag(diagonals[i]) matrix i, then balanced likewise; in one pass where this rank is alone. Diagonals are
 * padded as columns of blocks, whole on every rank. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status matrix_stack_scale_rows_balanced(struct matrix_stack *stack, const double *const *diagonals,
                                                     int64_t *exponents);

/* to_i := A^T from_i for each matrix, A the weight matrix on the same grid; `to` must be another one of equal shape.
 * Collective. Errors: STATUS_MEMORY (agreed), STATUS_PARALLEL. */
CHECKED enum status matrix_stack_apply_transposed(const struct matrix *matrix, const struct matrix_stack *from,
                                                  struct matrix_stack *to);

/* y := M x or M^T x, M matrix `number`; x and y of `dimension` doubles, 64-byte aligned, whole on every rank, and y the
 * same bits on all. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status matrix_stack_multiply(const struct matrix_stack *stack, long number, bool transposed,
                                          const double *x, double *y);

/* *norm := ||M||_F of matrix `number`. Collective. Errors: STATUS_PARALLEL. */
CHECKED enum status matrix_stack_norm(const struct matrix_stack *stack, long number, double *norm);

/* Matrix `number` := factor * itself + sum_{i < count} left_i right_i^T, of columns 0 .. count-1 of two blocks
 * [dimension, ...] that are whole on every rank: 2 d^2 count flops by dgemm, without communication. Not collective. */
void matrix_stack_add_outer(struct matrix_stack *stack, long number, double factor, const struct block *left,
                            const struct block *right, long count);

/* A copy of matrix `number` as plain values[d * d], column-major, by a rank that is alone. */
void matrix_stack_copy_values(const struct matrix_stack *stack, long number, double *values);

#endif
