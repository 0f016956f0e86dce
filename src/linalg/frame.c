#include "linalg/frame.h"

#include "base/memory.h"
#include "linalg/block.h"
#include "linalg/frame_small.h"
#include "linalg/lapack.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct frame {
    long dimension, columns;
    bool is_implicit; /* Q = P^T H_1 H_2 ... H_d, P the order of the rows */
    bool is_small;
    /* Explicit: `vectors` is Q. Implicit: `packed` holds the reflectors below its diagonal; R stands above it. */
    struct block vectors, product, scaled;
    double *packed, *next; /* [d, columns] without gaps; small: row-major, padded */
    double *factors;       /* [columns] of the reflectors */
    double *reflectors;    /* small: [columns * d] */
    long *order, *next_order;
    int *exponents;
    double *sizes;
    double *work;
    int work_length;
};

/* Whether Q is never formed. */
static bool is_implicit(long dimension, long columns, bool on_grid)
{
    return dimension > FRAME_SMALL && columns == dimension && !on_grid;
}

void frame_destroy(struct frame *frame)
{
    if (frame == NULL)
        return;
    block_destroy(&frame->vectors);
    block_destroy(&frame->product);
    block_destroy(&frame->scaled);
    memory_free(frame->packed);
    memory_free(frame->next);
    memory_free(frame->factors);
    memory_free(frame->reflectors);
    memory_free(frame->order);
    memory_free(frame->next_order);
    memory_free(frame->exponents);
    memory_free(frame->sizes);
    memory_free(frame->work);
    memory_free(frame);
}

static enum status find_work_length(long dimension, long columns, int *length)
{
    const int m = (int)dimension, n = (int)columns, query = -1;
    double a = 0, tau = 0, optima[3] = { 0 };
    int info = 0;
    dgeqrf_(&m, &n, &a, &m, &tau, &optima[0], &query, &info);
    TRY(lapack_check(info, "dgeqrf", dimension));
    dorgqr_(&m, &n, &n, &a, &m, &tau, &optima[1], &query, &info);
    TRY(lapack_check(info, "dorgqr", dimension));
    dormqr_("R", "N", &m, &m, &n, &a, &m, &tau, &a, &m, &optima[2], &query, &info, 1, 1);
    *length = (int)fmax(fmax(optima[0], optima[1]), fmax(optima[2], 2 * (double)dimension));
    return lapack_check(info, "dormqr", dimension);
}

static enum status create_explicit(struct frame *frame)
{
    const long d = frame->dimension, k = frame->columns;
    const long stored = frame->is_small ? block_stride(k) : k;
    TRY(block_create(d, k, &frame->vectors));
    TRY(block_create(d, k, &frame->product));
    TRY(block_create(d, k, &frame->scaled));
    TRY(memory_allocate(&frame->packed, d * stored, "a frame"));
    return memory_allocate(&frame->reflectors, frame->is_small ? d * k : 0, "reflectors of a frame");
}

static enum status create_implicit(struct frame *frame)
{
    const long d = frame->dimension;
    TRY(memory_allocate(&frame->packed, d * d, "a frame"));
    return memory_allocate(&frame->next, d * d, "a factor of a frame");
}

enum status frame_create(long dimension, long columns, bool on_grid, struct frame **made)
{
    SCOPED(frame) *frame = NULL;
    *made = NULL;
    TRY(memory_allocate(&frame, 1, "a frame"));
    frame->dimension = dimension;
    frame->columns = columns;
    frame->is_small = dimension <= FRAME_SMALL;
    frame->is_implicit = is_implicit(dimension, columns, on_grid);
    TRY(find_work_length(dimension, columns, &frame->work_length));
    TRY(frame->is_implicit ? create_implicit(frame) : create_explicit(frame));
    TRY(memory_allocate(&frame->factors, columns, "reflectors of a frame"));
    TRY(memory_allocate(&frame->order, dimension, "the order of a frame's rows"));
    TRY(memory_allocate(&frame->next_order, dimension, "the order of a frame's rows"));
    TRY(memory_allocate(&frame->exponents, dimension, "the sizes of a frame's rows"));
    TRY(memory_allocate(&frame->sizes, dimension, "the sizes of a frame's rows"));
    TRY(memory_allocate(&frame->work, frame->work_length, "LAPACK's work on a frame"));
    *made = scope_keep(&frame);
    return STATUS_OK;
}

bool frame_needs_values(const struct frame *frame)
{
    return frame->is_implicit;
}

/* ---- the order of rows ---- */

struct sized_row {
    double size;
    long row;
};

static int compare_sizes(const void *left, const void *right)
{
    const struct sized_row *a = left, *b = right;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->row < b->row ? -1 : 1;
}

/* next_order := the rows by descending size, ties as they stand; and the exponents of the sizes in that order. */
static void sort_rows(struct frame *frame, const double *row_size)
{
    const long d = frame->dimension;
    struct sized_row *rows =
        (struct sized_row *)frame->work; /* d of them fit the work of LAPACK, at least 2 d doubles */
    for (long i = 0; i < d; i++)
        rows[i] = (struct sized_row){ row_size ? fabs(row_size[i]) : 1, i };
    if (row_size)
        qsort(rows, (size_t)d, sizeof *rows, compare_sizes);
    for (long r = 0; r < d; r++) {
        frame->next_order[r] = rows[r].row;
        frexp(rows[r].size, &frame->exponents[r]);
    }
}

static void take_order(struct frame *frame)
{
    long *swap = frame->order;
    frame->order = frame->next_order;
    frame->next_order = swap;
}

/* ---- decompositions ---- */

static void take_logarithms(const struct frame *frame, long stride, const double *diagonal, double *log_diagonal)
{
    for (long i = 0; i < frame->columns; i++)
        log_diagonal[i] = log(fabs(diagonal[i * stride]));
}

/* The columns of frame->product, its rows in next_order, := Q, in frame->vectors. */
static void decompose_small(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    const long d = frame->dimension, k = frame->columns, stride = block_stride(k);
    for (long r = 0; r < d; r++) {
        const long row = frame->next_order[r];
        const double scale = row_scale ? row_scale[row] : 1;
        double *to = frame->packed + r * stride;
        for (long j = 0; j < k; j++)
            to[j] = scale * frame->product.values[j * frame->product.stride + row];
        for (long j = k; j < stride; j++)
            to[j] = 0;
    }
    frame_small_factor(d, k, frame->packed, frame->exponents, frame->reflectors, frame->factors, frame->sizes);
    take_logarithms(frame, 1, frame->sizes, log_diagonal);
    for (long r = 0; r < d; r++) {
        const double *from = frame->packed + r * stride;
        double *to = frame->vectors.values + frame->next_order[r];
        for (long j = 0; j < k; j++)
            to[j * frame->vectors.stride] = from[j];
    }
}

static enum status decompose_wide(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    const long d = frame->dimension, k = frame->columns;
    const int m = (int)d, n = (int)k;
    int info = 0;
    for (long j = 0; j < k; j++)
        for (long r = 0; r < d; r++) {
            const long row = frame->next_order[r];
            frame->packed[j * d + r] = (row_scale ? row_scale[row] : 1) * block_column(&frame->product, j)[row];
        }
    dgeqrf_(&m, &n, frame->packed, &m, frame->factors, frame->work, &frame->work_length, &info);
    TRY(lapack_check(info, "dgeqrf", d));
    take_logarithms(frame, d + 1, frame->packed, log_diagonal);
    dorgqr_(&m, &n, &n, frame->packed, &m, frame->factors, frame->work, &frame->work_length, &info);
    TRY(lapack_check(info, "dorgqr", d));
    for (long j = 0; j < k; j++)
        for (long r = 0; r < d; r++)
            block_column(&frame->vectors, j)[frame->next_order[r]] = frame->packed[j * d + r];
    return STATUS_OK;
}

static enum status decompose_explicit(struct frame *frame, const double *row_scale, double *log_diagonal)
{
    if (!frame->is_small)
        return decompose_wide(frame, row_scale, log_diagonal);
    decompose_small(frame, row_scale, log_diagonal);
    return STATUS_OK;
}

/* frame->next, its rows in next_order, := reflectors and R, and becomes the frame. */
static enum status decompose_implicit(struct frame *frame, double *log_diagonal)
{
    const int n = (int)frame->dimension;
    int info = 0;
    dgeqrf_(&n, &n, frame->next, &n, frame->factors, frame->work, &frame->work_length, &info);
    TRY(lapack_check(info, "dgeqrf", frame->dimension));
    take_logarithms(frame, frame->dimension + 1, frame->next, log_diagonal);
    double *swap = frame->packed;
    frame->packed = frame->next;
    frame->next = swap;
    take_order(frame);
    return STATUS_OK;
}

/* ---- the beginning and the end ---- */

enum status frame_start(struct frame *frame, const struct block *vectors)
{
    sort_rows(frame, NULL);
    if (!frame->is_implicit) {
        block_copy(vectors, &frame->product);
        return decompose_explicit(frame, NULL, frame->sizes);
    }
    for (long j = 0; j < frame->columns; j++)
        memcpy(frame->next + j * frame->dimension, block_column(vectors, j),
               (size_t)frame->dimension * sizeof *frame->next);
    return decompose_implicit(frame, frame->sizes);
}

enum status frame_vectors(struct frame *frame, struct block *vectors)
{
    const long d = frame->dimension;
    const int n = (int)d;
    int info = 0;
    if (!frame->is_implicit) {
        block_copy(&frame->vectors, vectors);
        return STATUS_OK;
    }
    memcpy(frame->next, frame->packed, (size_t)(d * d) * sizeof *frame->next);
    dorgqr_(&n, &n, &n, frame->next, &n, frame->factors, frame->work, &frame->work_length, &info);
    TRY(lapack_check(info, "dorgqr", d));
    for (long j = 0; j < d; j++)
        for (long r = 0; r < d; r++)
            block_column(vectors, j)[frame->order[r]] = frame->next[j * d + r];
    return STATUS_OK;
}

/* ---- factors ---- */

/* product := A diag(column_scale) vectors. */
static enum status multiply(struct frame *frame, const struct frame_factor *factor)
{
    const struct block *from = &frame->vectors;
    if (factor->column_scale) {
        block_copy(&frame->vectors, &frame->scaled);
        for (long j = 0; j < frame->columns; j++) {
            struct block column = block_view(&frame->scaled, j, 1);
            block_scale_rows(&column, &factor->column_scale);
        }
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

/* next := P F P_old^T H_1 H_2 ... */
static enum status apply_reflectors(struct frame *frame, const struct frame_factor *factor)
{
    const long d = frame->dimension;
    const int n = (int)d;
    int info = 0;
    for (long j = 0; j < d; j++) {
        const long column = frame->order[j];
        const double scale = factor->column_scale ? factor->column_scale[column] : 1;
        const double *from = factor->values ? factor->values + column * d : NULL;
        double *to = frame->next + j * d;
        for (long r = 0; r < d; r++) {
            const long row = frame->next_order[r];
            const double element = from ? from[row] : row == column;
            to[r] = (factor->row_scale ? factor->row_scale[row] : 1) * (element * scale);
        }
    }
    dormqr_("R", "N", &n, &n, &n, frame->packed, &n, frame->factors, frame->next, &n, frame->work, &frame->work_length,
            &info, 1, 1);
    return lapack_check(info, "dormqr", d);
}

enum status frame_advance(struct frame *frame, const struct frame_factor *factor, double *log_diagonal)
{
    if (frame->is_implicit) {
        sort_rows(frame, factor->row_size);
        TRY(apply_reflectors(frame, factor));
        return decompose_implicit(frame, log_diagonal);
    }
    TRY(multiply(frame, factor));
    sort_rows(frame, factor->row_size);
    return decompose_explicit(frame, factor->row_scale, log_diagonal);
}

const int *frame_size_exponents(const struct frame *frame)
{
    return frame->exponents;
}

double frame_bytes(long dimension, long columns, bool on_grid)
{
    const double d = (double)dimension, k = (double)columns;
    return 8.0 * d *
           ((is_implicit(dimension, columns, on_grid) ? 2.0
             : dimension <= FRAME_SMALL               ? 5.0
                                                      : 4.0) *
                k +
            80.0);
}

double frame_flops(long dimension, long columns)
{
    const double d = (double)dimension, k = (double)columns;
    const double decomposition = 2.0 * d * k * k - 2.0 / 3.0 * k * k * k;
    return 2.0 * d * d * k + decomposition * (is_implicit(dimension, columns, false) ? 1.0 : 2.0);
}
