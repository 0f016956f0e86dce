/* Small whole frames by rows: Q^T is what the kernel takes for a packed matrix, and the rows of A for columns, so that
 * the product comes row by row, as it is sorted and decomposed. Each of its elements is the same sum as A Q's. */
#include "linalg/frame_internal.h"
#include "linalg/frame_lanes.h"
#include "linalg/transpose.h"
#include "linalg/vectorised.h"

#include "base/memory.h"

enum { LANES = 8, QUAD = 4 };

static long stride_of(const struct frame *frame)
{
    return block_stride(frame->columns);
}

enum status frame_rows_create(struct frame *frame)
{
    const long d = frame->dimension, k = frame->columns;
    TRY(panels_create(k, d, 1, &frame->transposed));
    TRY(memory_allocate(&frame->row_product, d * stride_of(frame), "a frame"));
    TRY(memory_allocate(&frame->packed, d * stride_of(frame), "a frame"));
    frame->reflectors = (struct reflectors){ .rows = d, .columns = k, .stride = householder_stride(d) };
    return memory_allocate(&frame->reflectors.values, frame->reflectors.stride * k, "reflectors of a frame");
}

void frame_rows_take_vectors(struct frame *frame, const struct block *vectors)
{
    for (long r = 0; r < frame->dimension; r++)
        for (long j = 0; j < frame->columns; j++)
            frame->packed[r * stride_of(frame) + j] = block_column(vectors, j)[frame->next_order[r]];
}

void frame_rows_put_vectors(const struct frame *frame, struct block *vectors)
{
    for (long r = 0; r < frame->dimension; r++)
        for (long j = 0; j < frame->columns; j++)
            block_column(vectors, j)[frame->order[r]] = frame->packed[r * stride_of(frame) + j];
}

/* ---- factors ---- */

/* Row to_order[r] of `to` := scale * row from_order[r] of `from`, the scale that of the row `from_order` names; orders
 * NULL: as they stand; scales NULL: ones. */
VECTORISED static void move_rows(long rows, long stride, const double *scales, const long *from_order,
                                 const double *from, const long *to_order, double *to)
{
    for (long r = 0; r < rows; r++) {
        const long source = from_order ? from_order[r] : r, target = to_order ? to_order[r] : r;
        const double scale = scales ? scales[from_order ? source : target] : 1;
        for (long j = 0; j < stride; j += LANES)
            for (long lane = 0; lane < LANES; lane++)
                to[target * stride + j + lane] = scale * from[source * stride + j + lane];
    }
}

void frame_rows_multiply(struct frame *frame, const struct frame_factor *factor)
{
    const long d = frame->dimension, stride = stride_of(frame);
    if (factor->rows) {
        const struct block rows = { d, d, d, (double *)factor->rows }; /* which are read alone */
        panels_set_columns(&frame->transposed, frame->order, factor->column_scale, frame->packed);
        panels_multiply(&frame->transposed, &rows, NULL, frame->row_product, stride);
    } else
        move_rows(d, stride, factor->column_scale, NULL, frame->packed, frame->order, frame->row_product);
    move_rows(d, stride, factor->row_scale, frame->next_order, frame->row_product, NULL, frame->packed);
}

void frame_rows_decompose(struct frame *frame)
{
    householder_factor(&frame->reflectors, stride_of(frame), frame->packed, frame->exponents, frame->diagonal);
    householder_vectors(&frame->reflectors, stride_of(frame), frame->packed);
    frame_take_order(frame);
}

/* ---- lanes ---- */

/* The vector from which column j of row r is read or written. */
static inline long place_of(const struct frame *frame, long r, long j)
{
    return (r * frame_lanes_stride(frame->columns) + j) * FRAME_LANES;
}

VECTORISED static void put_four(const struct frame *const *frames, int first_lane, double *lanes)
{
    const long stride = stride_of(frames[0]), k = frames[0]->columns;
    const double *const packed[] = { frames[0]->packed, frames[1]->packed, frames[2]->packed, frames[3]->packed };
    const long rows = frames[0]->dimension;
    for (long r = 0; r < rows; r++)
        for (long j = 0; j < k; j += QUAD) /* what comes from behind the columns is overwritten by the next row */
            transpose_square(packed, r * stride + j, lanes + place_of(frames[0], r, j) + first_lane, FRAME_LANES);
}

void frame_rows_put_lanes(int count, struct frame *const *frames, double *lanes)
{
    for (int first = 0; first < FRAME_LANES; first += QUAD) {
        const struct frame *four[QUAD];
        for (int i = 0; i < QUAD; i++)
            four[i] = frames[first + i < count ? first + i : 0];
        put_four(four, first, lanes);
    }
}

/* Four columns of a row of some frames, of which `left` are such, and zeros. */
static void take_some(int count, long left, const double *const *vectors, double *const *to)
{
    double square[QUAD * QUAD] __attribute__((aligned(32)));
    transpose_square(vectors, 0, square, QUAD);
    for (int i = 0; i < count; i++)
        for (long c = 0; c < QUAD; c++)
            to[i][c] = c < left ? square[i * QUAD + c] : 0;
}

VECTORISED static void take_four(int count, struct frame *const *frames, const double *lanes)
{
    const long stride = stride_of(frames[0]), k = frames[0]->columns, rows = frames[0]->dimension;
    double *const packed[] = { frames[0]->packed, frames[count > 1 ? 1 : 0]->packed, frames[count > 2 ? 2 : 0]->packed,
                               frames[count > 3 ? 3 : 0]->packed };
    for (long r = 0; r < rows; r++)
        for (long j = 0; j < k; j += QUAD) {
            const double *const at = lanes + place_of(frames[0], r, j);
            const double *const vectors[] = { at, at + FRAME_LANES, at + 2 * FRAME_LANES, at + 3 * FRAME_LANES };
            const long place = r * stride + j;
            double *const to[] = { packed[0] + place, packed[1] + place, packed[2] + place, packed[3] + place };
            if (count == QUAD && j + QUAD <= k)
                transpose_apart(vectors, 0, to);
            else
                take_some(count, k - j, vectors, to);
        }
}

void frame_rows_take_lanes(int count, struct frame *const *frames, const double *lanes)
{
    for (int first = 0; first < count; first += QUAD)
        take_four(count - first < QUAD ? count - first : QUAD, frames + first, lanes + first);
}
