/* What a frame is made of, for frame.c, frame_rows.c and frame_together.c alone. Not collective. */
#ifndef GRADSWEEP_LINALG_FRAME_INTERNAL_H
#define GRADSWEEP_LINALG_FRAME_INTERNAL_H

#include "linalg/frame.h"
#include "linalg/householder.h"
#include "linalg/panels.h"
#include "linalg/reflections.h"

#include <stdint.h>

struct frame {
    long dimension, columns;
    bool is_implicit; /* Q = P^T H_1 H_2 ... H_d, P the order of the rows */
    bool is_by_rows;  /* Q's rows in that order, in `packed` */
    bool is_small;
    struct block vectors, product, scaled; /* explicit: `vectors` is Q, or a product with it; */
    struct block kept;                     /* then this is Q */
    long carried, factors;                 /* since the last decomposition; of it */
    struct block next, sorted;             /* implicit: the next factor, transposed, and what is decomposed */
    struct reflections *reflections;       /* not of small frames, which have the following */
    double *packed;                        /* [d, columns], row-major, padded */
    struct reflectors reflectors;
    struct panels transposed; /* by rows: Q^T, times the scales of a factor's columns; */
    double *row_product;      /* and the factor's product with it, as `packed` */
    long *order, *next_order;
    int *exponents;
    double *diagonal; /* of R */
    uint64_t *keys;   /* of rows, while they are sorted */
};

/* Before a decomposition: frame->next_order and exponents, and how many factors it has. */
void frame_find_order(struct frame *frame, const double *row_size);
void frame_follow_carried(struct frame *frame);

/* The next order becomes that of the frame. */
void frame_take_order(struct frame *frame);

/* log_diagonal[columns] := ln |frame->diagonal|. */
void frame_take_logarithms(const struct frame *frame, double *log_diagonal);

/* Explicit: product := A diag(column_scale) vectors. Collective within the team of the matrix. */
CHECKED enum status frame_multiply(struct frame *frame, const struct frame_factor *factor);

/* ---- by rows (frame_rows.c) ---- */

CHECKED enum status frame_rows_create(struct frame *frame);

/* packed := the rows of `vectors` in next_order. */
void frame_rows_take_vectors(struct frame *frame, const struct block *vectors);

/* vectors := Q. */
void frame_rows_put_vectors(const struct frame *frame, struct block *vectors);

/* packed := F Q, its rows in next_order. */
void frame_rows_multiply(struct frame *frame, const struct frame_factor *factor);

/* packed := Q of its decomposition, and its order that of the frame. */
void frame_rows_decompose(struct frame *frame);

/* lanes[d][frame_lanes_stride(columns)][FRAME_LANES] := packed of `count` frames; lanes without one are like the first.
 * What stands behind the last row, up to three vectors, is overwritten. And back: packed := lanes, which are read so
 * far. */
void frame_rows_put_lanes(int count, struct frame *const *frames, double *lanes);
void frame_rows_take_lanes(int count, struct frame *const *frames, const double *lanes);

#endif
