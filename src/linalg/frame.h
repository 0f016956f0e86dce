/* Orthonormal frames carried along a product of square factors ... F_2 F_1: the discrete QR method for Lyapunov
 * exponents (Benettin, Galgani, Giorgilli and Strelcyn, Meccanica 15, 1980), Q_t R_t = F_t Q_{t-1}.
 *
 * A factor is diag(row_scale) A diag(column_scale). Its rows are sorted by descending size before each decomposition:
 * Householder's transformations are then as accurate in each row as that row is small (Cox and Higham, BIT 38, 1998),
 * and every R_ii keeps its digits however far apart the scales lie. In the order of the state, R_ii below 1e-16 of the
 * largest row is noise: the lower exponents of saturated networks come out wrong by several per step.
 *
 * Several ways to one result, chosen by shape alone: small and thin frames by a decomposition vectorised over columns
 * (linalg/householder.h), those of up to 32 rows side by side in the lanes of vectors (linalg/frame_lanes.h); others in
 * blocks (linalg/reflections.h). A whole frame (as many columns as rows) on one rank is formed by rows where it is
 * small, as they are sorted and decomposed (frame_rows.c), and else never: Q_t = P^T H_1 H_2 ..., and the reflections
 * are applied to the next factor from the right. To others the factor is applied by the fixed-order kernel: on a team
 * all ranks hold all of the frame and decompose it alike, so that the bits are those of one rank.
 *
 * Frames that are formed may take several factors before they are decomposed, where the columns stay far from
 * dependent: the sizes of rows then say how much of R_ii rounding has blurred (frame_spread), and a decomposition that
 * has lost too much is undone (frame_take_back).
 *
 * Shapes alone decide what is called, and all of it runs in a fixed order: bits depend on nothing but the factors, on
 * every instruction set. */
#ifndef GRADSWEEP_LINALG_FRAME_H
#define GRADSWEEP_LINALG_FRAME_H

#include "linalg/block.h"
#include "linalg/cost.h"
#include "linalg/matrix.h"

#include <stdbool.h>

struct frame;

/* A factor of a product. */
struct frame_factor {
    const struct matrix *matrix; /* A, packed; NULL: the identity */
    const double *rows;          /* A (its transpose where `transposed`) row-major, [d, d]; NULL on a grid */
    bool transposed;             /* A^T stands for A: matrix_apply_transposed */
    const double *row_scale;     /* [d]; NULL: ones */
    const double *column_scale;  /* [d]; NULL: ones */
    const double *row_size;      /* [d]: about the size of each row of the factor, for their order; NULL: all alike */
};

/* A frame of `columns` columns, at most `dimension`, all zero until frame_start. `on_grid`: the factors lie on a
 * process grid. Not collective. Release with frame_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status frame_create(long dimension, long columns, bool on_grid, struct frame **frame);
void frame_destroy(struct frame *frame);
SCOPED_HANDLE(frame, frame_destroy)

/* Whether factors need `rows`: whole frames on one rank. Otherwise they need `matrix`. Not collective. */
bool frame_needs_rows(const struct frame *frame);

/* The frame := Q of the QR decomposition of vectors[d, columns]. Not collective. */
void frame_start(struct frame *frame, const struct block *vectors);

/* vectors[d, columns] := the frame. Not collective. */
void frame_vectors(struct frame *frame, struct block *vectors);

/* Takes in a factor: the frame := Q and log_diagonal[columns] := ln |R_ii| of F Q_old = Q R; -inf where a column is
 * exactly zero below the ones before it; NaN from there on where an element is not finite. Collective within the team
 * of the factor's matrix. Errors: STATUS_PARALLEL. */
CHECKED enum status frame_advance(struct frame *frame, const struct frame_factor *factor, double *log_diagonal);

/* Whether factors may be carried: frames of leading directions. Not collective. */
bool frame_can_carry(const struct frame *frame);

/* Takes in a factor without a decomposition: the frame := F Q, whose columns are not orthonormal, until frame_advance
 * takes in one more and decomposes the product of all of them. Collective within the team of the factor's matrix.
 * Errors: STATUS_PARALLEL. */
CHECKED enum status frame_carry(struct frame *frame, const struct frame_factor *factor);

/* The frame := what it was before the factors of the last decomposition, of which at least one was carried. Not
 * collective. */
void frame_take_back(struct frame *frame);

/* Of the last decomposition: how many factors were taken in by it. Not collective. */
long frame_factors(const struct frame *frame);

/* Of the last decomposition: max over i of what rounding does to ln |R_ii|, in units of that of one product: the number
 * of factors times 2^frame_size_exponents[i] / |R_ii|. Infinite where an R_ii is 0 or sizes leave the doubles. Not
 * collective. */
double frame_spread(const struct frame *frame);

/* The same for `count` frames of one shape side by side, at most FRAME_MOST, each with its factor and room for its
 * logarithms: to the bit what each alone gives, and faster where frames are small. room[frame_room(dimension,
 * columns)], 64-byte aligned. Collective and errors as above. */
enum { FRAME_MOST = 8 };
CHECKED enum status frame_advance_together(int count, struct frame *const *frames, const struct frame_factor *factors,
                                           double *const *log_diagonals, double *room);

/* Doubles of that room. Not collective. */
long frame_room(long dimension, long columns);

/* Of the last decomposition: row i, in its order, was of a size up to 2^exponents[i], [d]: that of the last factor
 * times the largest norm of a column before it. What rounding does to ln |R_ii| is about d u 2^exponents[i] / |R_ii| a
 * factor. Not collective. */
const int *frame_size_exponents(const struct frame *frame);

/* Of the last decomposition: R_ii, [columns]. Not collective. */
const double *frame_diagonal(const struct frame *frame);

/* Bytes of a frame, on each rank. Not collective. */
double frame_bytes(long dimension, long columns, bool on_grid);

/* Floating-point operations of one frame_advance, and what it costs. Not collective. */
double frame_flops(long dimension, long columns);
struct cost frame_cost(long dimension, long columns);

#endif
