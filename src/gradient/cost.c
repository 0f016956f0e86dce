#include "gradient/cost.h"

#include "gradient/backward.h"

#include <math.h>
#include <stddef.h>

/* Measured on one core of the reference machine (2.6 GHz, AVX-512), GF/s: the fixed-order kernel on blocks of some 128
 * columns (whole products) and of some 16 (vectors of chains side by side), and dgemv on a matrix of its own. */
static const struct rate {
    double hidden_size, wide, narrow, vector;
} rates[] = {
    { 1, 0.1, 0.1, 0.05 }, { 16, 25, 16, 1.5 }, { 64, 45, 30, 5 },    { 256, 52, 42, 6 },
    { 1024, 52, 45, 4 },   { 4096, 52, 40, 2 }, { 16384, 50, 40, 2 },
};
enum { RATE_ROWS = sizeof rates / sizeof *rates };

static const double LANCZOS_ITERATIONS = 16.0;  /* per lag; measured 5 to 40 */
static const double LANCZOS_OVERHEAD = 1e-6;    /* seconds an iteration beside the products */
static const double ACTIVATION_SECONDS = 25e-9; /* value and derivative of one element */
static const double NORMAL_SECONDS = 25e-9;     /* one random number */
static const double LAPACK_RATE = 8e9;          /* eigenvalues, singular values, QR at moderate sizes */
static const double SQUARINGS = 50.0;           /* of Gelfand's ratio */

/* Straight lines in ln d between the rows, constant outside. */
static double rate_at(long hidden_size, size_t column_offset)
{
    double x = log((double)hidden_size);
    const char *row = (const char *)&rates[0];
    double left = *(const double *)(row + column_offset), left_x = log(rates[0].hidden_size);
    for (size_t i = 1; i < RATE_ROWS; i++) {
        double right = *(const double *)((const char *)&rates[i] + column_offset), right_x = log(rates[i].hidden_size);
        if (x <= right_x) {
            double weight = x <= left_x ? 0.0 : (x - left_x) / (right_x - left_x);
            return 1e9 * (left + weight * (right - left));
        }
        left = right;
        left_x = right_x;
    }
    return 1e9 * left;
}
#define RATE_AT(hidden_size, column) rate_at(hidden_size, offsetof(struct rate, column))

struct cost cost_add(struct cost a, struct cost b)
{
    return (struct cost){ a.flops + b.flops, a.seconds + b.seconds };
}

static struct cost explicit_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->lags[question->lag_count - 1];
    double iterations = (double)question->lag_count * fmin(LANCZOS_ITERATIONS, d);
    struct cost products = { .flops = 2.0 * d * d * d * steps };
    struct cost norms = { .flops = iterations * 4.0 * d * d };
    products.seconds = products.flops / RATE_AT(question->hidden_size, wide);
    norms.seconds = norms.flops / RATE_AT(question->hidden_size, vector) + iterations * LANCZOS_OVERHEAD;
    struct cost sum = cost_add(products, norms);
    if (question->ensemble->kind->is_fresh_at_every_step) {
        struct cost draws = cost_of_weights(question->ensemble, question->hidden_size);
        sum.seconds += steps * (draws.seconds + 40.0 * 4.0 * d * d / RATE_AT(question->hidden_size, vector));
    }
    return sum;
}

static struct cost implicit_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size, sum_of_lags = 0.0;
    for (long i = 0; i < question->lag_count; i++)
        sum_of_lags += (double)question->lags[i];
    double iterations = fmin(LANCZOS_ITERATIONS, d);
    struct cost cost = { .flops = iterations * 4.0 * d * d * sum_of_lags };
    cost.seconds = cost.flops / RATE_AT(question->hidden_size, narrow) +
                   iterations * (double)question->lag_count * LANCZOS_OVERHEAD;
    return cost;
}

static struct cost trajectory_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->model->steps;
    struct cost cost = { .flops = steps * 2.0 * d * d };
    cost.seconds = cost.flops / RATE_AT(question->hidden_size, narrow) + steps * d * ACTIVATION_SECONDS;
    if (question->ensemble->kind->is_fresh_at_every_step)
        cost.seconds += steps * cost_of_weights(question->ensemble, question->hidden_size).seconds;
    return cost;
}

enum jacobian_method cost_method(const struct cost_question *question)
{
    bool wants_products = question->measures & 1u << MEASURE_FROBENIUS_NORM;
    bool is_known = ensemble_is_normal(question->ensemble) || question->ensemble->kind->spectrum == SPECTRUM_NILPOTENT;
    if (question->activation->is_identity && is_known && !wants_products)
        return METHOD_CLOSED_FORM;
    if (wants_products || question->ensemble->kind->is_fresh_at_every_step)
        return METHOD_EXPLICIT;
    return explicit_cost(question).seconds <= implicit_cost(question).seconds ? METHOD_EXPLICIT : METHOD_IMPLICIT;
}

/* What proofs typically take: one product and one Cholesky decomposition. */
static struct cost certify_cost(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    if (!question->options.certify)
        return (struct cost){ 0 };
    struct cost cost = { .flops = (2.0 + 4.0 / 3.0) * d * d * d };
    cost.seconds = cost.flops / LAPACK_RATE;
    return cost;
}

struct cost cost_of_chain(const struct cost_question *question)
{
    /* The norms of identity need no states. */
    struct cost trajectory = question->activation->is_identity ? (struct cost){ 0 } : trajectory_cost(question);
    struct cost common = cost_add(trajectory, certify_cost(question));
    switch (cost_method(question)) {
    case METHOD_EXPLICIT:
        return cost_add(common, explicit_cost(question));
    case METHOD_IMPLICIT:
        return cost_add(common, implicit_cost(question));
    case METHOD_CLOSED_FORM:
        break;
    }
    return (struct cost){ .flops = 0.0, .seconds = 1e-6 };
}

struct cost cost_of_measures(const struct cost_question *question)
{
    struct cost cost = { 0 };
    for (int id = 0; id < MEASURE_COUNT; id++) {
        const struct measure *measure = measure_at((enum measure_id)id);
        if (!(question->measures & 1u << id) || !measure->flops)
            continue;
        double flops = measure->flops(question);
        cost.flops += flops;
        cost.seconds += flops * fmax(measure->slowdown, 1.0) / RATE_AT(question->hidden_size, narrow);
    }
    if (question->activation->is_identity && measure_has_functions(question->measures))
        cost = cost_add(cost, trajectory_cost(question));
    return cost;
}

struct cost cost_of_weights(const struct ensemble *ensemble, long hidden_size)
{
    double d = (double)hidden_size;
    struct cost cost = { .flops = 0.0, .seconds = d * d * NORMAL_SECONDS };
    if (ensemble->kind->spectrum == SPECTRUM_ALL_ONE || ensemble->kind->spectrum == SPECTRUM_RADIUS_DRAWN) {
        cost.flops = 8.0 / 3.0 * d * d * d; /* QR and its orthogonal factor */
        cost.seconds += cost.flops / LAPACK_RATE;
    }
    return cost;
}

struct cost cost_of_spectrum(const struct ensemble *ensemble, long hidden_size, long distribute_from)
{
    double d = (double)hidden_size, cube = d * d * d;
    struct cost cost = { 0 };
    switch (ensemble->kind->spectrum) {
    case SPECTRUM_ALL_ONE:
    case SPECTRUM_NILPOTENT:
    case SPECTRUM_NONE:
        return cost;
    case SPECTRUM_SYMMETRIC:
    case SPECTRUM_ANTISYMMETRIC:
    case SPECTRUM_RADIUS_DRAWN:
        cost.flops = 4.0 * cube;
        break;
    case SPECTRUM_COMPUTED:
        cost.flops = (hidden_size >= distribute_from ? 2.0 * SQUARINGS : 10.0) * cube + 4.0 * cube;
        break;
    }
    cost.seconds = cost.flops / (hidden_size >= distribute_from ? RATE_AT(hidden_size, wide) : LAPACK_RATE);
    return cost_add(cost, cost_of_weights(ensemble, hidden_size));
}

struct cost cost_of_eigenvalues(long hidden_size)
{
    double d = (double)hidden_size, flops = 25.0 * d * d * d;
    return (struct cost){ .flops = flops, .seconds = flops / LAPACK_RATE };
}

/* Doubles that a chain's trajectory keeps. */
static double window_elements(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    if (measure_needs(question->measures) & MEASURE_NEEDS_STATES)
        return 3.0 * d * (double)question->model->steps; /* derivatives, states and what they activate */
    if (question->activation->is_identity && !measure_has_functions(question->measures))
        return 0.0;
    return d * (double)question->lags[question->lag_count - 1];
}

double cost_chain_bytes(const struct cost_question *question)
{
    double d = (double)question->hidden_size, elements = window_elements(question);
    switch (cost_method(question)) {
    case METHOD_EXPLICIT:
        elements += 2.0 * d * d;
        break;
    case METHOD_IMPLICIT:
        elements += d * 2.0 * LANCZOS_ITERATIONS;
        break;
    case METHOD_CLOSED_FORM:
        break;
    }
    return 8.0 * elements;
}

double cost_measure_bytes(const struct cost_question *question)
{
    double d = (double)question->hidden_size;
    double bytes = question->options.certify ? 8.0 * 4.0 * d * d : 0.0; /* two products, W, and a Gram matrix */
    if (question->measures & (1u << MEASURE_GRADIENT | 1u << MEASURE_CONTRIBUTION_MAP))
        bytes = fmax(bytes, backward_bytes(question->hidden_size));
    if (question->measures & 1u << MEASURE_EXPANSION)
        bytes = fmax(bytes, 8.0 * 4.0 * d * d); /* the eigenbasis, its factors and what LAPACK works on */
    if (question->measures & 1u << MEASURE_SINGULAR_VALUES)
        bytes = fmax(bytes, 8.0 * 6.0 * d * fmax(d, 128.0)); /* two blocks, and four squares a chain of a group */
    return bytes;
}

double cost_weights_bytes(long hidden_size)
{
    /* As drawn, W packed and W^T packed. */
    return 3.0 * 8.0 * (double)hidden_size * (double)hidden_size;
}
