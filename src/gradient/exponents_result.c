#include "gradient/exponents.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "gradient/jacobian_internal.h"
#include "linalg/frame.h"
#include "linalg/vectorised.h"

#include <float.h>
#include <math.h>

static const double UNIT_ROUNDOFF = DBL_EPSILON / 2, ROUNDING_CONSTANT = 4;

long exponents_batches(long steps)
{
    return steps < EXPONENT_BATCHES ? steps : EXPONENT_BATCHES;
}

enum status exponents_allocate(const struct exponent_problem *problem, struct exponent_result *result)
{
    *result = (struct exponent_result){ .outcome = JACOBIAN_FOUND };
    TRY(memory_allocate(&result->batch_means, exponents_batches(problem->steps) * problem->count, "exponents"));
    TRY(memory_allocate(&result->sums, problem->count, "exponents"));
    TRY(memory_allocate(&result->rests, problem->count, "exponents"));
    TRY(memory_allocate(&result->rounding, problem->count, "exponents"));
    TRY(memory_allocate(&result->span_errors, problem->count, "exponents"));
    return memory_allocate(&result->two_sided, problem->count, "exponents");
}

void exponents_free(struct exponent_result *result)
{
    memory_free(result->batch_means);
    memory_free(result->sums);
    memory_free(result->rests);
    memory_free(result->two_sided);
    memory_free(result->rounding);
    memory_free(result->span_errors);
    *result = (struct exponent_result){ 0 };
}

/* A derivative as a mantissa, of 1/2 to 1, times 2^(*size - offset). */
static double split(double mantissa, int64_t exponent, int offset, int64_t *size)
{
    int own;
    const double normalised = frexp(mantissa, &own);
    *size = exponent + own + offset;
    return normalised;
}

long exponents_parts(const struct trajectory *trajectory, long lag_index, long chain, const int *offsets)
{
    const int64_t *exponents;
    const double *mantissas = trajectory_wide_derivative(trajectory, lag_index, chain, &exponents);
    int64_t least = 0, size;
    for (long k = 0; exponents && k < trajectory->hidden_size; k++)
        if (split(mantissas[k], exponents[k], offsets ? offsets[k] : 0, &size) != 0 && size < least)
            least = size;
    return least == 0 ? 1 : (long)((-least + EXPONENT_PART_BITS - 1) / EXPONENT_PART_BITS);
}

void exponents_part(const struct trajectory *trajectory, long lag_index, long chain, const int *offsets, long part,
                    double *slopes)
{
    const int64_t *exponents;
    const double *mantissas = trajectory_wide_derivative(trajectory, lag_index, chain, &exponents);
    for (long k = 0; k < trajectory->hidden_size; k++) {
        int64_t size;
        const double mantissa = split(mantissas[k], exponents[k], offsets[k], &size);
        const int64_t left = size + part * EXPONENT_PART_BITS;
        const int64_t own = left < -EXPONENT_PART_BITS ? -EXPONENT_PART_BITS : part > 0 && left > 0 ? 0 : left;
        slopes[k] = part == 0 ? mantissa * power_of_two(own - offsets[k]) : mantissa == 0 ? 1 : power_of_two(own);
    }
}

/* Those of one step. */
static void look_at_slopes(const struct exponent_problem *problem, long lag_index, long chain,
                           struct exponent_result *result)
{
    const struct trajectory *trajectory = problem->trajectory;
    const long d = weights_hidden_size(problem->weights);
    const bool is_in_window = lag_index < problem->steps;
    const double shift = trajectory->log_shifts[lag_index * trajectory->chains + chain];
    const int64_t *exponents;
    const double *slopes = trajectory_wide_derivative(trajectory, lag_index, chain, &exponents);
    const long parts = exponents_parts(trajectory, lag_index, chain, NULL);
    double sum = 0, sizes = 0;
    if (!isfinite(block_largest_magnitude(slopes, d)))
        result->outcome = JACOBIAN_NOT_FINITE;
    else if (parts > EXPONENT_MOST_PARTS)
        result->outcome = JACOBIAN_OUT_OF_RANGE;
    result->is_cut = result->is_cut || exponents != NULL;
    for (long k = 0; k < d && is_in_window && problem->count == d; k++) {
        const double log_mantissa = log(fabs(slopes[k]));
        const double log_slope = (exponents ? log_mantissa + (double)exponents[k] * M_LN2 : log_mantissa) + shift;
        sum += log_slope;
        sizes += fabs(log_slope);
    }
    result->log_slopes += sum / (double)problem->steps;
    result->log_slope_sizes += sizes / (double)problem->steps;
    if (is_in_window)
        result->log_shift += shift;
}

void exponents_look_at_slopes(const struct exponent_problem *problem, long first, long chains,
                              struct exponent_result *results)
{
    for (long i = 0; problem->trajectory && i < problem->transient + problem->steps; i++)
        for (long chain = first; chain < first + chains; chain++)
            if (results[chain].outcome == JACOBIAN_FOUND)
                look_at_slopes(problem, i, chain, &results[chain]);
}

void exponents_add_rounding(const struct exponent_problem *problem, const struct frame *frame,
                            struct exponent_result *result)
{
    const int *exponents = frame_size_exponents(frame);
    const double unit =
        ROUNDING_CONSTANT * (double)(frame_factors(frame) * weights_hidden_size(problem->weights)) * UNIT_ROUNDOFF;
    const double *diagonal = frame_diagonal(frame);
    double next = 0, *errors = result->span_errors;
    for (long i = problem->count - 1; i >= 0; i--) {
        const double own = fabs(diagonal[i]);
        if (own == 0)
            continue;
        errors[i] = fmin((errors[i] * next + unit * power_of_two(exponents[i])) / own, 1);
        result->rounding[i] += errors[i] / (double)problem->steps;
        next = own;
    }
}

void exponents_add(double value, double *sum, double *rest)
{
    const double old = *sum, added = (*sum += value) - old;
    if (isfinite(*sum))
        *rest += (old - (*sum - added)) + (value - added);
}

/* The batch that the step at a lag belongs to. */
static long batch_of(const struct exponent_problem *problem, long lag_index)
{
    return (problem->steps - 1 - lag_index) * exponents_batches(problem->steps) / problem->steps;
}

bool exponents_ends_batch(const struct exponent_problem *problem, long lag_index)
{
    return lag_index < problem->steps &&
           (lag_index == 0 || batch_of(problem, lag_index) != batch_of(problem, lag_index - 1));
}

/* means += logs / length, and sums as exponents_add. Whether each is a number or -inf. */
VECTORISED static bool add_all(long count, const double *restrict logs, double length, double *restrict means,
                               double *restrict sums, double *restrict rests)
{
    int64_t bad = 0;
    for (long i = 0; i < count; i++) {
        const double old = sums[i], sum = old + logs[i], added = sum - old;
        const double rest = (old - (sum - added)) + (logs[i] - added);
        means[i] += logs[i] / length;
        sums[i] = sum;
        rests[i] += fabs(sum) <= DBL_MAX ? rest : 0;
        bad |= !(logs[i] <= DBL_MAX);
    }
    return bad == 0;
}

void exponents_add_logarithms(const struct exponent_problem *problem, const double *logs, long lag_index,
                              struct exponent_result *result)
{
    const long steps = problem->steps, count = problem->count, batches = exponents_batches(steps);
    const long batch = batch_of(problem, lag_index);
    const long length = ((batch + 1) * steps + batches - 1) / batches - (batch * steps + batches - 1) / batches;
    if (!add_all(count, logs, (double)length, result->batch_means + batch * count, result->sums, result->rests))
        result->outcome = JACOBIAN_NOT_FINITE;
}

void exponents_cut_off(const struct exponent_problem *problem, struct exponent_result *result)
{
    const long count = problem->count, batches = exponents_batches(problem->steps);
    for (long i = 0; i < count; i++) {
        if (i < result->finite && result->sums[i] == -INFINITY)
            result->outcome = JACOBIAN_NOT_CONVERGED;
        if (i < result->finite)
            continue;
        result->sums[i] = -INFINITY;
        result->rests[i] = 0;
        for (long batch = 0; batch < batches; batch++)
            result->batch_means[batch * count + i] = -INFINITY;
    }
}

double exponents_bytes(long hidden_size, long count, bool two_sided, bool on_grid)
{
    const double d = (double)hidden_size, k = (double)count;
    const long room = frame_room(hidden_size, count);
    const double frames = frame_bytes(hidden_size, count, on_grid) * (room > 0 ? FRAME_MOST : 1) + 8.0 * (double)room;
    const double facts = on_grid && count < hidden_size ? 0 : (on_grid ? 4.0 : 1.0) * 8.0 * d * d;
    return frames + 8.0 * d * k * (two_sided ? 3.0 : 1.0) + fmax(facts, two_sided ? 8.0 * (d * d + k * k) : 0.0);
}
