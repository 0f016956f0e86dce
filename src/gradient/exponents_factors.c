/* The factors of products that exponents are of, forth and back. */
#include "gradient/exponents_internal.h"

#include "base/memory.h"
#include "linalg/vectorised.h"

long exponents_weight_step(const struct exponent_run *run, long lag_index)
{
    const long step = run->problem->last_step - lag_index - 1;
    return step > 0 ? step : run->problem->last_step;
}

long exponents_parts_at(const struct exponent_run *run, long lag_index, long chain)
{
    return run->problem->trajectory ? exponents_parts(run->problem->trajectory, lag_index, chain, run->offsets) : 1;
}

/* The derivatives there; NULL: ones. Where they are cut, the first part, in the room for sizes of the chain's place. */
static const double *derivatives(const struct exponent_run *run, long lag_index, long chain, int place)
{
    const struct trajectory *trajectory = run->problem->trajectory;
    double *part = run->size + place * block_stride(run->hidden_size);
    const int64_t *exponents = NULL;
    if (trajectory == NULL)
        return NULL;
    const double *slopes = trajectory_wide_derivative(trajectory, lag_index, chain, &exponents);
    if (exponents == NULL)
        return slopes;
    exponents_part(trajectory, lag_index, chain, run->offsets, 0, part);
    return part;
}

VECTORISED static void multiply(long count, const double *restrict x, const double *restrict y, double *restrict to)
{
    for (long i = 0; i < count; i++)
        to[i] = x[i] * y[i];
}

/* scale := derivatives * own, size := scale * other, where there is anything to scale by; of the chain in a place. */
static void set_scales(const struct exponent_run *run, int place, const double *slopes, const double *own,
                       const double *other, struct frame_factor *factor)
{
    double *scale = run->scale + place * block_stride(run->hidden_size);
    double *size = run->size + place * block_stride(run->hidden_size);
    if (slopes == NULL && !run->is_balanced)
        return;
    if (slopes)
        multiply(run->hidden_size, slopes, own, scale);
    multiply(run->hidden_size, slopes ? scale : own, other, size);
    factor->row_scale = slopes ? scale : own;
    factor->row_size = size;
}

static enum status set_weights(const struct exponent_run *run, const struct frame *frame, long step, bool transposed,
                               struct frame_factor *factor)
{
    factor->transposed = transposed;
    if (!frame_needs_rows(frame))
        return weights_at(run->problem->weights, step, &factor->matrix);
    if (transposed)
        return weights_values(run->problem->weights, step, &factor->rows);
    factor->rows = run->transposed;
    return STATUS_OK;
}

/* run->transposed := W by rows, where frames need it. */
static enum status transpose(struct exponent_run *run, const struct frame *frame, long step)
{
    const long d = run->hidden_size;
    const double *values;
    if (!frame_needs_rows(frame) || run->transposed_step == step || (run->transposed_step > 0 && !run->is_untied))
        return STATUS_OK;
    if (run->transposed == NULL)
        TRY(memory_allocate(&run->transposed, d * d, "a weight matrix"));
    TRY(weights_values(run->problem->weights, step, &values));
    run->transposed_step = step;
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++)
            run->transposed[j + i * d] = values[i + j * d];
    return STATUS_OK;
}

enum status exponents_take(struct exponent_run *run, struct frame *frame, const struct frame_factor *factor)
{
    TRY(frame_advance(frame, factor, run->logs));
    run->context->flops += frame_flops(run->hidden_size, run->problem->count);
    return STATUS_OK;
}

/* F = diag(slopes) W = C^-1 (C D R) B C with W = R B C: the frame stands in the coordinates that C scales. */
enum status exponents_set_forward(struct exponent_run *run, const struct frame *frame, long lag_index, long chain,
                                  int place, struct frame_factor *factor)
{
    *factor = (struct frame_factor){ .column_scale = run->is_balanced ? run->column_down : NULL };
    TRY(transpose(run, frame, exponents_weight_step(run, lag_index)));
    TRY(set_weights(run, frame, exponents_weight_step(run, lag_index), false, factor));
    set_scales(run, place, derivatives(run, lag_index, chain, place), run->column_up, run->row_up, factor);
    return STATUS_OK;
}

enum status exponents_backward(struct exponent_run *run, struct frame *frame, long lag_index, long chain)
{
    struct frame_factor factor = { .column_scale = run->is_balanced ? run->row_down : NULL };
    TRY(set_weights(run, frame, exponents_weight_step(run, lag_index), true, &factor));
    if (lag_index + 1 < run->problem->steps)
        set_scales(run, 0, derivatives(run, lag_index + 1, chain, 0), run->row_up, run->column_up, &factor);
    else if (run->is_balanced)
        factor.row_scale = run->column_down;
    return exponents_take(run, frame, &factor);
}

enum status exponents_first_backward(struct exponent_run *run, struct frame *frame, long chain)
{
    struct frame_factor factor = { 0 };
    set_scales(run, 0, derivatives(run, 0, chain, 0), run->column_up, run->row_up, &factor);
    factor.row_scale = factor.row_size; /* C D R, all of it */
    return exponents_take(run, frame, &factor);
}

enum status exponents_take_part(struct exponent_run *run, struct frame *frame, long lag_index, long chain, long part,
                                int place)
{
    double *slopes = run->size + place * block_stride(run->hidden_size);
    const struct frame_factor factor = { .row_scale = slopes, .row_size = slopes };
    exponents_part(run->problem->trajectory, lag_index, chain, run->offsets, part, slopes);
    return exponents_take(run, frame, &factor);
}
