#include "model/activation.h"

#include "linalg/block.h"
#include "linalg/instruction_set.h"
#include "model/activation_internal.h"
#include "model/activation_sine.h"

static double log_derivative_of_sine(double x)
{
    return logarithm_of_cosine(sin(x), cos(x));
}

const struct activation_beyond sine_beyond = {
    .magnitude = SINE_RANGE, .value = sin, .derivative = cos, .log_derivative = log_derivative_of_sine
};

#define ACTIVATION(name_, supremum, ...) { .name = #name_, .derivative_supremum = (supremum), __VA_ARGS__ },
static const struct activation table[] = {
#include "model/activation_table.h"
};
#undef ACTIVATION

size_t activation_count(void)
{
    return sizeof table / sizeof *table;
}

const struct activation *activation_at(size_t number)
{
    return number < activation_count() ? &table[number] : NULL;
}

const struct activation *activation_find(const char *name)
{
    for (size_t i = 0; i < activation_count(); i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static const struct activation_loops *loops_of(const struct activation *activation)
{
    const struct activation_loops *loops = activation_loops_plain;
    switch (instruction_set()) {
    case INSTRUCTIONS_AVX512:
        loops = activation_loops_avx512;
        break;
    case INSTRUCTIONS_AVX2:
        loops = activation_loops_avx2;
        break;
    case INSTRUCTIONS_NEON: /* which the compiler assumes by itself */
    case INSTRUCTIONS_PLAIN:
        break;
    }
    return &loops[activation - table];
}

/* Whether there is any x where the loops are not right; rare. */
static bool reaches_beyond(const struct activation_beyond *beyond, long count, const double *x)
{
    return beyond != NULL && !(block_largest_magnitude(x, count) <= beyond->magnitude);
}

/* results[i] := factor * function(x_i) there */
static void correct(const struct activation_beyond *beyond, double (*function)(double), long count, const double *x,
                    double factor, double *results)
{
    for (long i = 0; i < count; i++)
        if (fabs(x[i]) > beyond->magnitude)
            results[i] = factor * function(copysign(fmin(fabs(x[i]), DBL_MAX), x[i]));
}

static void correct_values(const struct activation *activation, long count, const double *x, double factor,
                           double *values)
{
    correct(activation->beyond, activation->beyond->value, count, x, factor, values);
}

static void correct_derivatives(const struct activation *activation, long count, const double *x, double *derivatives)
{
    correct(activation->beyond, activation->beyond->derivative, count, x, 1 / activation->derivative_supremum,
            derivatives);
}

void activation_values(const struct activation *activation, long count, const double *x, double factor,
                       double *restrict results)
{
    loops_of(activation)->values(count, x, factor, results);
    if (reaches_beyond(activation->beyond, count, x))
        correct_values(activation, count, x, factor, results);
}

void activation_derivatives(const struct activation *activation, long count, const double *x, double *restrict results)
{
    loops_of(activation)->derivatives(count, x, results);
    if (reaches_beyond(activation->beyond, count, x))
        correct_derivatives(activation, count, x, results);
}

void activation_values_and_derivatives(const struct activation *activation, long count, const double *x, double factor,
                                       double *restrict values, double *restrict derivatives)
{
    loops_of(activation)->both(count, x, factor, values, derivatives);
    if (reaches_beyond(activation->beyond, count, x)) {
        correct_values(activation, count, x, factor, values);
        correct_derivatives(activation, count, x, derivatives);
    }
}

void activation_log_derivatives(const struct activation *activation, long count, const double *x,
                                double *restrict results)
{
    loops_of(activation)->log_derivatives(count, x, results);
    if (reaches_beyond(activation->beyond, count, x))
        correct(activation->beyond, activation->beyond->log_derivative, count, x, 1, results);
}
