/* What exponents.c and exponents_factors.c share. */
#ifndef GRADSWEEP_GRADIENT_EXPONENTS_INTERNAL_H
#define GRADSWEEP_GRADIENT_EXPONENTS_INTERNAL_H

#include "gradient/exponents.h"
#include "linalg/frame.h"

struct exponent_run {
    const struct exponent_problem *problem;
    struct gradient_context *context;
    double *log_determinant;
    long hidden_size;
    bool is_untied, is_on_grid, is_balanced;
    int *row_exponents, *column_exponents; /* W = 2^rows B 2^columns */
    int *offsets;                          /* their sums */
    double *transposed;                    /* W by rows, for frames that need it, */
    long transposed_step;                  /* of this step; 0: none yet */
    /* Powers of two: 2^columns, 2^-columns, 2^rows, 2^-rows. */
    double *column_up, *column_down, *row_up, *row_down;
    double *scale, *size; /* [FRAME_MOST][aligned d] of factors of chains side by side */
    double *logs;         /* [FRAME_MOST][count] */
    double *room;         /* of frames side by side */
    struct block vectors; /* [d, count] */
};

/* The step whose W stands in the factor at a place of the window. Not collective. */
long exponents_weight_step(const struct exponent_run *run, long lag_index);

/* Into how many parts the derivatives there are cut. Not collective. */
long exponents_parts_at(const struct exponent_run *run, long lag_index, long chain);

/* Takes in a factor, its logarithms to run->logs. Collective within the team of the weights, as those below, with the
 * errors of frame_advance and of drawing weights. */
CHECKED enum status exponents_take(struct exponent_run *run, struct frame *frame, const struct frame_factor *factor);

/* The factor at lag_index of a chain, whose scales are in a place; of derivatives in parts the first. */
CHECKED enum status exponents_set_forward(struct exponent_run *run, const struct frame *frame, long lag_index,
                                          long chain, int place, struct frame_factor *factor);

/* Takes in another part of the derivatives at lag_index, a factor by itself. */
CHECKED enum status exponents_take_part(struct exponent_run *run, struct frame *frame, long lag_index, long chain,
                                        long part, int place);

/* Takes in B^T of the factor at lag_index, with the derivatives of the one before it (none before the first); and
 * before all of them diag(slopes) alone, in those coordinates. */
CHECKED enum status exponents_backward(struct exponent_run *run, struct frame *frame, long lag_index, long chain);
CHECKED enum status exponents_first_backward(struct exponent_run *run, struct frame *frame, long chain);

#endif
