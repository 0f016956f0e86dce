/* Several frames side by side. */
#include "linalg/frame.h"

#include "linalg/frame_internal.h"
#include "linalg/frame_lanes.h"

enum { FRAMES_IN_LANES = 3 };

long frame_room(long dimension, long columns)
{
    return dimension <= FRAME_LANES_WIDEST ? (2 * dimension + 1) * frame_lanes_stride(columns) * FRAME_LANES : 0;
}

/* rows[d][frame_lanes_stride(columns)][FRAME_LANES]: one lane := the frame's product, its rows in next_order; and back.
 */
static void put_lane(const struct frame *frame, const double *row_scale, int lane, double *rows)
{
    const long d = frame->dimension, k = frame->columns, stride = frame->product.stride;
    const long lane_stride = frame_lanes_stride(k);
    for (long r = 0; r < d; r++) {
        const long row = frame->next_order[r];
        const double scale = row_scale ? row_scale[row] : 1;
        for (long j = 0; j < k; j++)
            rows[(r * lane_stride + j) * FRAME_LANES + lane] = scale * frame->product.values[j * stride + row];
    }
}

static void take_lane(struct frame *frame, int lane, const double *rows)
{
    const long d = frame->dimension, k = frame->columns, stride = frame->vectors.stride;
    const long lane_stride = frame_lanes_stride(k);
    for (long r = 0; r < d; r++) {
        const long row = frame->next_order[r];
        for (long j = 0; j < k; j++)
            frame->vectors.values[j * stride + row] = rows[(r * lane_stride + j) * FRAME_LANES + lane];
    }
}

/* Lanes without a frame do what the first one does. */
static void decompose_in_lanes(int count, struct frame *const *frames, const struct frame_factor *factors,
                               double *const *log_diagonals, double *room)
{
    const long d = frames[0]->dimension, k = frames[0]->columns;
    double *rows = room, *reflections = rows + d * frame_lanes_stride(k) * FRAME_LANES;
    double *diagonals = reflections + d * k * FRAME_LANES;
    const bool by_rows = frames[0]->is_by_rows;
    const int *exponents[FRAME_LANES];
    for (int lane = 0; lane < FRAME_LANES; lane++) {
        const int number = lane < count ? lane : 0;
        exponents[lane] = frames[number]->exponents;
        if (!by_rows)
            put_lane(frames[number], factors[number].row_scale, lane, rows);
    }
    if (by_rows)
        frame_rows_put_lanes(count, frames, rows);
    frame_lanes_factor(d, k, rows, exponents, reflections, diagonals);
    for (int lane = 0; lane < count; lane++) {
        for (long i = 0; i < k; i++)
            frames[lane]->diagonal[i] = diagonals[i * FRAME_LANES + lane];
        frame_take_logarithms(frames[lane], log_diagonals[lane]);
        if (by_rows)
            frame_take_order(frames[lane]);
        else
            take_lane(frames[lane], lane, rows);
    }
    if (by_rows)
        frame_rows_take_lanes(count, frames, rows);
}

enum status frame_advance_together(int count, struct frame *const *frames, const struct frame_factor *factors,
                                   double *const *log_diagonals, double *room)
{
    if (count < FRAMES_IN_LANES || frame_room(frames[0]->dimension, frames[0]->columns) == 0) {
        for (int i = 0; i < count; i++)
            TRY(frame_advance(frames[i], &factors[i], log_diagonals[i]));
        return STATUS_OK;
    }
    for (int i = 0; i < count; i++) {
        frame_find_order(frames[i], factors[i].row_size);
        frame_follow_carried(frames[i]);
        if (frames[i]->is_by_rows)
            frame_rows_multiply(frames[i], &factors[i]);
        else
            TRY(frame_multiply(frames[i], &factors[i]));
    }
    decompose_in_lanes(count, frames, factors, log_diagonals, room);
    return STATUS_OK;
}
