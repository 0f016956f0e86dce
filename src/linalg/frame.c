#include "linalg/frame.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "linalg/frame_internal.h"
#include "linalg/frame_shape.h"
#include "linalg/row_order.h"
#include "linalg/transpose.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRANSPOSED_AT_ONCE = 32, COLUMNS_AT_ONCE = 4 };

void frame_destroy(struct frame *frame)
{
    if (frame == NULL)
        return;
    block_destroy(&frame->vectors);
    block_destroy(&frame->product);
    block_destroy(&frame->scaled);
    block_destroy(&frame->kept);
    block_destroy(&frame->next);
    block_destroy(&frame->sorted);
    reflections_destroy(frame->reflections);
    memory_free(frame->packed);
    memory_free(frame->reflectors.values);
    panels_destroy(&frame->transposed);
    memory_free(frame->row_product);
    memory_free(frame->order);
    memory_free(frame->next_order);
    memory_free(frame->exponents);
    memory_free(frame->diagonal);
    memory_free(frame->keys);
    memory_free(frame);
}

static enum status create_explicit(struct frame *frame)
{
    const long d = frame->dimension, k = frame->columns;
    TRY(block_create(d, k, &frame->vectors));
    TRY(block_create(d, k, &frame->product));
    TRY(block_create(d, k, &frame->scaled));
    if (frame_is_leading(d, k))
        TRY(block_create(d, k, &frame->kept));
    if (!frame->is_small)
        return reflections_create(d, k, true, &frame->reflections);
    TRY(memory_allocate(&frame->packed, d * block_stride(k), "a frame"));
    frame->reflectors = (struct reflectors){ .rows = d, .columns = k, .stride = householder_stride(d) };
    return memory_allocate(&frame->reflectors.values, frame->reflectors.stride * k, "reflectors of a frame");
}

static enum status create_implicit(struct frame *frame)
{
    const long d = frame->dimension;
    TRY(block_create(d, d, &frame->next));
    TRY(block_create(d, d, &frame->sorted));
    return reflections_create(d, d, false, &frame->reflections);
}

enum status frame_create(long dimension, long columns, bool on_grid, struct frame **made)
{
    SCOPED(frame) *frame = NULL;
    *made = NULL;
    TRY(memory_allocate(&frame, 1, "a frame"));
    frame->dimension = dimension;
    frame->columns = columns;
    frame->is_small = frame_is_small(dimension, columns);
    frame->is_implicit = frame_is_implicit(dimension, columns, on_grid);
    frame->is_by_rows = frame_is_by_rows(dimension, columns, on_grid);
    if (frame->is_by_rows)
        TRY(frame_rows_create(frame));
    else
        TRY(frame->is_implicit ? create_implicit(frame) : create_explicit(frame));
    TRY(memory_allocate(&frame->order, dimension, "the order of a frame's rows"));
    TRY(memory_allocate(&frame->next_order, dimension, "the order of a frame's rows"));
    TRY(memory_allocate(&frame->exponents, dimension, "the sizes of a frame's rows"));
    TRY(memory_allocate(&frame->diagonal, columns, "the diagonal of R"));
    TRY(memory_allocate(&frame->keys, 2 * dimension, "the order of a frame's rows"));
    *made = scope_keep(&frame);
    return STATUS_OK;
}

bool frame_needs_rows(const struct frame *frame)
{
    return frame->is_implicit || frame->is_by_rows;
}

/* ---- the order of rows ---- */

void frame_find_order(struct frame *frame, const double *row_size)
{
    row_order_find(frame->dimension, row_size, frame->next_order, frame->exponents, frame->keys);
}

/* Of a product, whose columns before its last factor are not of length 1, rows are larger. */
void frame_follow_carried(struct frame *frame)
{
    int exponent = 0;
    double largest = 0;
    frame->factors = frame->carried + 1;
    frame->carried = 0;
    if (frame->factors == 1)
        return;
    block_column_norms(&frame->vectors, frame->diagonal);
    for (long j = 0; j < frame->columns; j++)
        largest = fmax(largest, frame->diagonal[j]);
    if (isfinite(largest))
        frexp(largest, &exponent);
    for (long i = 0; i < frame->dimension; i++)
        frame->exponents[i] += exponent;
}

void frame_take_order(struct frame *frame)
{
    long *swap = frame->order;
    frame->order = frame->next_order;
    frame->next_order = swap;
}

/* ---- decompositions ---- */

void frame_take_logarithms(const struct frame *frame, double *log_diagonal)
{
    for (long i = 0; i < frame->columns; i++)
        log_diagonal[i] = log(fabs(frame->diagonal[i]));
}

/* `width` columns from `first` on: more than COLUMNS_AT_ONCE, a power of two apart, evict each other. */
static inline __attribute__((always_inline)) void take_columns(const struct frame *frame, const double *row_scale,
                                                               long first, const int width, double *rows)
{
    const long stride = block_stride(frame->columns), apart = frame->product.stride, *order = frame->next_order;
    const double *from = frame->product.values + first * apart;
    double *to = rows + first;
    for (long r = 0; r < frame->dimension; r++, to += stride) {
        const double scale = row_scale ? row_scale[order[r]] : 1;
        for (int j = 0; j < width; j++)
            to[j] = scale * from[j * apart + order[r]];
    }
}

static inline __attribute__((always_inline)) void put_columns(const struct frame *frame, long first, const int width,
                                                              const double *rows)
{
    const long stride = block_stride(frame->columns), apart = frame->vectors.stride, *order = frame->next_order;
    double *to = frame->vectors.values + first * apart;
    const double *from = rows + first;
    for (long r = 0; r < frame->dimension; r++, from += stride)
        for (int j = 0; j < width; j++)
            to[j * apart + order[r]] = from[j];
}

static void take_rows(const struct frame *frame, const double *row_scale, double *rows)
{
    const long k = frame->columns, stride = block_stride(k);
    long first = 0;
    if (stride > k)
        memset(rows, 0, (size_t)(frame->dimension * stride) * sizeof *rows);
    for (; first + COLUMNS_AT_ONCE <= k; first += COLUMNS_AT_ONCE)
        take_columns(frame, row_scale, first, COLUMNS_AT_ONCE, rows);
    for (; first < k; first++)
        take_columns(frame, row_scale, first, 1, rows);
}

static void put_rows(const struct frame *frame, const double *rows)
{
    long first = 0;
    for (; first + COLUMNS_AT_ONCE <= frame->columns; first += COLUMNS_AT_ONCE)
        put_columns(frame, first, COLUMNS_AT_ONCE, rows);
    for (; first < frame->columns; first++)
        put_columns(frame, first, 1, rows);
}

/* The columns of frame->product, its rows in next_order, := Q, in frame->vectors. */
static void decompose_small(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    take_rows(frame, row_scale, frame->packed);
    householder_factor(&frame->reflectors, block_stride(frame->columns), frame->packed, frame->exponents,
                       frame->diagonal);
    frame_take_logarithms(frame, log_diagonal);
    householder_vectors(&frame->reflectors, block_stride(frame->columns), frame->packed);
    put_rows(frame, frame->packed);
}

static void decompose_wide(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    const long d = frame->dimension, k = frame->columns;
    for (long j = 0; j < k; j++)
        for (long r = 0; r < d; r++) {
            const long row = frame->next_order[r];
            block_column(&frame->scaled, j)[r] =
                (row_scale ? row_scale[row] : 1) * block_column(&frame->product, j)[row];
        }
    reflections_factor(frame->reflections, &frame->scaled, frame->exponents, frame->diagonal);
    frame_take_logarithms(frame, log_diagonal);
    reflections_vectors(frame->reflections, &frame->scaled);
    for (long j = 0; j < k; j++)
        for (long r = 0; r < d; r++)
            block_column(&frame->vectors, j)[frame->next_order[r]] = block_column(&frame->scaled, j)[r];
}

static void decompose_explicit(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    if (frame->is_small)
        decompose_small(frame, row_scale, log_diagonal);
    else
        decompose_wide(frame, row_scale, log_diagonal);
}

/* frame->sorted, its rows in next_order, := reflections and R, and becomes the frame. */
static void decompose_implicit(struct frame *frame, double *log_diagonal)
{
    reflections_factor(frame->reflections, &frame->sorted, frame->exponents, frame->diagonal);
    frame_take_logarithms(frame, log_diagonal);
    frame_take_order(frame);
}

/* ---- the beginning and the end ---- */

void frame_start(struct frame *frame, const struct block *vectors)
{
    frame_find_order(frame, NULL);
    if (frame->is_by_rows) {
        frame_rows_take_vectors(frame, vectors);
        frame_rows_decompose(frame);
        return;
    }
    block_copy(vectors, frame->is_implicit ? &frame->sorted : &frame->product);
    if (frame->is_implicit)
        decompose_implicit(frame, frame->diagonal);
    else
        decompose_explicit(frame, NULL, frame->diagonal);
}

void frame_vectors(struct frame *frame, struct block *vectors)
{
    const long d = frame->dimension;
    if (frame->is_by_rows)
        frame_rows_put_vectors(frame, vectors);
    else if (!frame->is_implicit)
        block_copy(&frame->vectors, vectors);
    if (!frame->is_implicit)
        return;
    for (long j = 0; j < d; j++) {
        double *column = block_column(&frame->next, j);
        memset(column, 0, (size_t)d * sizeof *column);
        column[j] = 1;
    }
    reflections_apply_transposed(frame->reflections, &frame->next);
    for (long r = 0; r < d; r++)
        for (long j = 0; j < d; j++)
            block_column(vectors, j)[frame->order[r]] = block_column(&frame->next, r)[j];
}

/* ---- factors ---- */

/* to := diag(scale) from. */
VECTORISED static void scale_rows(const double *scale, const struct block *from, struct block *to)
{
    for (long j = 0; j < from->columns; j++)
        for (long i = 0; i < from->rows; i++)
            to->values[j * to->stride + i] = scale[i] * from->values[j * from->stride + i];
}

enum status frame_multiply(struct frame *frame, const struct frame_factor *factor)
{
    const struct block *from = &frame->vectors;
    if (factor->column_scale) {
        scale_rows(factor->column_scale, &frame->vectors, &frame->scaled);
        from = &frame->scaled;
    }
    if (factor->matrix == NULL)
        block_copy(from, &frame->product);
    else if (factor->transposed)
        return matrix_apply_transposed(factor->matrix, from, &frame->product);
    else
        return matrix_apply(factor->matrix, from, &frame->product);
    return STATUS_OK;
}

/* A row of P F P_old^T. */
static void take_row(const struct frame *frame, const struct frame_factor *factor, long row, double *to)
{
    const long d = frame->dimension;
    const double *from = factor->rows + row * d, *column_scale = factor->column_scale;
    const double scale = factor->row_scale ? factor->row_scale[row] : 1;
    if (column_scale == NULL)
        for (long j = 0; j < d; j++)
            to[j] = scale * from[frame->order[j]];
    else
        for (long j = 0; j < d; j++)
            to[j] = scale * (from[frame->order[j]] * column_scale[frame->order[j]]);
}

/* The same where the factor is a diagonal. */
static void take_diagonal(const struct frame *frame, const struct frame_factor *factor, long row, double *to)
{
    for (long j = 0; j < frame->dimension; j++)
        to[j] = frame->order[j] == row ? (factor->row_scale ? factor->row_scale[row] : 1) *
                                             (factor->column_scale ? factor->column_scale[row] : 1)
                                       : 0;
}

/* to := from^T, both square; some columns of `to` at a time, which stay in the cache. */
VECTORISED static void transpose(const struct block *from, struct block *to)
{
    const long d = from->rows, whole = d / 4 * 4;
    for (long first = 0; first < whole; first += TRANSPOSED_AT_ONCE)
        for (long r = 0; r < whole; r += 4) {
            const double *const columns[] = { block_column(from, r), block_column(from, r + 1),
                                              block_column(from, r + 2), block_column(from, r + 3) };
            for (long j = first; j < first + TRANSPOSED_AT_ONCE && j < whole; j += 4)
                transpose_square(columns, j, block_column(to, j) + r, to->stride);
        }
    for (long r = whole; r < d; r++)
        for (long j = 0; j < d; j++) {
            block_column(to, j)[r] = block_column(from, r)[j];
            block_column(to, r)[j] = block_column(from, j)[r];
        }
}

/* sorted := P F P_old^T H_1 H_2 ..., by way of its transpose: H_d ... H_1 times the columns that are rows of F. */
static void apply_reflections(struct frame *frame, const struct frame_factor *factor)
{
    for (long r = 0; r < frame->dimension; r++)
        (factor->rows ? take_row : take_diagonal)(frame, factor, frame->next_order[r], block_column(&frame->next, r));
    reflections_apply_transposed(frame->reflections, &frame->next);
    transpose(&frame->next, &frame->sorted);
}

bool frame_can_carry(const struct frame *frame)
{
    return frame_is_leading(frame->dimension, frame->columns);
}

enum status frame_carry(struct frame *frame, const struct frame_factor *factor)
{
    assert(frame_can_carry(frame));
    if (frame->carried++ == 0)
        block_copy(&frame->vectors, &frame->kept);
    TRY(frame_multiply(frame, factor));
    if (factor->row_scale)
        scale_rows(factor->row_scale, &frame->product, &frame->vectors);
    else
        block_copy(&frame->product, &frame->vectors);
    return STATUS_OK;
}

void frame_take_back(struct frame *frame)
{
    assert(frame->factors > 1 && frame->carried == 0);
    block_copy(&frame->kept, &frame->vectors);
}

long frame_factors(const struct frame *frame)
{
    return frame->factors;
}

double frame_spread(const struct frame *frame)
{
    double smallest = DBL_MAX;
    for (long i = 0; i < frame->columns; i++) {
        const double share = fabs(frame->diagonal[i]) * power_of_two(-(int64_t)frame->exponents[i]);
        if (!(share > 0)) /* also NaN */
            return INFINITY;
        smallest = share < smallest ? share : smallest;
    }
    return (double)frame->factors / smallest;
}

enum status frame_advance(struct frame *frame, const struct frame_factor *factor, double *log_diagonal)
{
    frame_find_order(frame, factor->row_size);
    frame_follow_carried(frame);
    if (frame->is_implicit) {
        apply_reflections(frame, factor);
        decompose_implicit(frame, log_diagonal);
    } else if (frame->is_by_rows) {
        frame_rows_multiply(frame, factor);
        frame_rows_decompose(frame);
        frame_take_logarithms(frame, log_diagonal);
    } else {
        TRY(frame_multiply(frame, factor));
        decompose_explicit(frame, factor->row_scale, log_diagonal);
    }
    return STATUS_OK;
}

const int *frame_size_exponents(const struct frame *frame)
{
    return frame->exponents;
}

const double *frame_diagonal(const struct frame *frame)
{
    return frame->diagonal;
}
