/* The measure lyapunov at work: chains by products, identity by eigenvalues. */
#include "gradient/lyapunov_internal.h"

#include "base/memory.h"
#include "gradient/exact_chain.h"
#include "gradient/exponents.h"
#include "gradient/jacobian_internal.h"
#include "gradient/lyapunov_summary.h"
#include "linalg/determinant.h"
#include "linalg/eigenbasis.h"

#include <float.h>
#include <math.h>

static const double UNIT_ROUNDOFF = DBL_EPSILON / 2;

static long width_of(const struct measure_task *task)
{
    return task->batch->options.lengths[ALONG_INDEX];
}

static double *exponents_of(const struct measure_task *task, size_t dataset, long chain)
{
    return (double *)task_values(task, dataset) + chain * width_of(task);
}

static void store_number(const struct measure_task *task, size_t dataset, long chain, double value)
{
    ((double *)task_values(task, dataset))[chain] = value;
}

/* Sum of exponents against what the determinants say; both of W as it is used, kappa W_unit. */
static double determinant_residual(double sum, double log_determinant, double log_slopes, double log_slope_sizes)
{
    return fabs(sum - (log_determinant + log_slopes)) / fmax(fabs(log_determinant) + log_slope_sizes, 1);
}

/* All that follows from the exponents of a chain. */
static void store_summary(const struct measure_task *task, long chain, long finite)
{
    const long d = weights_hidden_size(task->batch->weights);
    const struct spectrum_of_exponents spectrum = { .values = exponents_of(task, EXPONENT, chain),
                                                    .count = lyapunov_count(&task->batch->options, d),
                                                    .hidden_size = d };
    ((int32_t *)task_values(task, FINITE))[chain] = (int32_t)finite;
    store_number(task, DIMENSION, chain, lyapunov_dimension(&spectrum));
    store_number(task, ENTROPY, chain, lyapunov_entropy(&spectrum));
}

static void store_chain(const struct measure_task *task, const struct exponent_problem *problem,
                        double log_unit_determinant, const struct exponent_result *result, long chain)
{
    const long d = weights_hidden_size(task->batch->weights), count = problem->count;
    const double scale = task_log_scale(task, chain, 1), steps = (double)problem->steps;
    double *exponents = exponents_of(task, EXPONENT, chain), *errors = exponents_of(task, EXPONENT_ERROR, chain);
    double *residuals = exponents_of(task, TWO_SIDED_RESIDUAL, chain), *rounding = exponents_of(task, ROUNDING, chain);
    double sum = 0;
    for (long i = 0; i < count; i++) {
        exponents[i] = (result->sums[i] + (result->rests[i] + result->log_shift)) / steps + scale;
        errors[i] = lyapunov_batch_error(result->batch_means + i, exponents_batches(problem->steps), count);
        residuals[i] = result->two_sided[i];
        rounding[i] = i < result->finite ? result->rounding[i] : NAN;
        sum += exponents[i];
    }
    lyapunov_sort(count, exponents, errors);
    ((uint8_t *)task_values(task, BATCHES_CORRELATED))[chain] =
        lyapunov_batches_are_short(result->batch_means, exponents_batches(problem->steps), count, result->finite);
    const double log_determinant = (double)d * scale + log_unit_determinant;
    if (count == d && result->finite == d)
        store_number(task, DETERMINANT_RESIDUAL, chain,
                     determinant_residual(sum, log_determinant, result->log_slopes, result->log_slope_sizes));
    store_summary(task, chain, result->finite);
}

struct results {
    long chains;
    struct exponent_result *of;
};

static void results_free(struct results *results)
{
    for (long c = 0; results->of && c < results->chains; c++)
        exponents_free(&results->of[c]);
    memory_free(results->of);
}
SCOPED_VALUE(results, results_free)

/* `results` is its owner's to free, also where this fails. */
static enum status results_create(const struct exponent_problem *problem, struct results *results)
{
    *results = (struct results){ .chains = problem->chains };
    TRY(memory_allocate(&results->of, problem->chains, "exponents"));
    for (long c = 0; c < problem->chains; c++)
        TRY(exponents_allocate(problem, &results->of[c]));
    return STATUS_OK;
}

/* Identity with weights that change has one chain of products for all of its cells. */
static enum status measure_chains(const struct measure_task *task)
{
    const struct batch *batch = task->batch;
    const double *given = batch->options.parameters[task->measure];
    const bool is_shared = batch->activation->is_identity;
    const struct exponent_problem problem = {
        .weights = batch->weights,
        .trajectory = is_shared ? NULL : task->trajectory,
        .last_step = batch->model->steps,
        .chains = is_shared ? 1 : task->count,
        .count = lyapunov_count(&batch->options, weights_hidden_size(batch->weights)),
        .transient = (long)given[TRANSIENT],
        .steps = (long)given[STEPS],
        .two_sided = given[TWO_SIDED] != 0,
    };
    SCOPED(results) results = { 0 };
    double log_determinant;
    TRY(team_agree(weights_team(batch->weights), results_create(&problem, &results)));
    TRY(exponents_run(&problem, task->context, &log_determinant, results.of));
    for (long chain = 0; chain < task->count; chain++) {
        const struct exponent_result *result = &results.of[is_shared ? 0 : chain];
        if (result->outcome != JACOBIAN_FOUND)
            task_fail(task, chain, result->outcome);
        else
            store_chain(task, &problem, log_determinant, result, chain);
    }
    return STATUS_OK;
}

/* The directions that no power of W brings to zero. */
static enum status find_finite(const struct measure_task *task, long *finite)
{
    const long d = weights_hidden_size(task->batch->weights);
    const struct jacobian_problem powers = {
        .weights = task->batch->weights, .steps = d, .chains = 1, .lags = &d, .lag_count = 1
    };
    return exact_chain_rank(&powers, task->context, 0, finite);
}

/* log_moduli[d] := ln |lambda_i| of W_unit, descending: by way of those of W, to the bits of the eigenvalues in the
 * file. */
static enum status find_log_moduli(const struct measure_task *task, double *log_moduli, long *finite)
{
    const struct batch *batch = task->batch;
    const long d = weights_hidden_size(batch->weights);
    const double divisor = batch->native || !(batch->spectrum.radius > 0) ? 1 : batch->spectrum.radius;
    const double *unit;
    SCOPED_MEMORY double *imaginary = NULL;
    TRY(memory_allocate(&imaginary, d, "eigenvalues"));
    TRY(weights_values(batch->weights, batch->model->steps, &unit));
    TRY(status_prefix(eigenbasis_values(d, unit, log_moduli, imaginary), "eigenvalues of %s weights, hidden size %ld",
                      weights_ensemble(batch->weights)->label, d));
    TRY(find_finite(task, finite));
    for (long i = 0; i < d; i++)
        log_moduli[i] = i < *finite ? log(hypot(log_moduli[i] * divisor, imaginary[i] * divisor) / divisor) : -INFINITY;
    return STATUS_OK;
}

static enum status find_determinant(const struct measure_task *task, double *log_determinant, double *inverse_norm)
{
    const struct batch *batch = task->batch;
    const long d = weights_hidden_size(batch->weights);
    const double *values;
    SCOPED_MEMORY int *exponents = NULL;
    TRY(memory_allocate(&exponents, 2 * d, "scales of W"));
    TRY(weights_values(batch->weights, batch->model->steps, &values));
    determinant_balance(d, values, exponents, exponents + d);
    return determinant_find(d, values, exponents, exponents + d, log_determinant, inverse_norm);
}

static enum status measure_in_closed_form(const struct measure_task *task)
{
    const struct batch *batch = task->batch;
    const long d = weights_hidden_size(batch->weights), count = lyapunov_count(&batch->options, d);
    SCOPED_MEMORY double *log_moduli = NULL;
    double log_determinant, inverse_norm;
    long finite;
    TRY(jacobian_check_stop(task->context));
    TRY(memory_allocate(&log_moduli, d, "eigenvalues"));
    TRY(find_log_moduli(task, log_moduli, &finite));
    TRY(find_determinant(task, &log_determinant, &inverse_norm));
    for (long chain = 0; chain < task->count; chain++) {
        const double scale = task_log_scale(task, chain, 1);
        double *exponents = exponents_of(task, EXPONENT, chain), *errors = exponents_of(task, EXPONENT_ERROR, chain),
               sum = 0;
        for (long i = 0; i < count; i++) {
            sum += exponents[i] = log_moduli[i] + scale;
            errors[i] = i < finite ? 0 : NAN;
            /* Of eigenvalues by QR iterations. */
            exponents_of(task, ROUNDING, chain)[i] =
                i < finite ? 10 * pow((double)d, 1.5) * UNIT_ROUNDOFF * inverse_norm : NAN;
        }
        if (count == d && finite == d)
            store_number(task, DETERMINANT_RESIDUAL, chain,
                         determinant_residual(sum, (double)d * scale + log_determinant, 0, 0));
        ((uint8_t *)task_values(task, BATCHES_CORRELATED))[chain] = 0;
        store_summary(task, chain, finite < count ? finite : count);
    }
    return STATUS_OK;
}

enum status lyapunov_measure(const struct measure_task *task)
{
    const struct ensemble *ensemble = weights_ensemble(task->batch->weights);
    return lyapunov_is_in_closed_form(task->batch->activation, ensemble) ? measure_in_closed_form(task)
                                                                         : measure_chains(task);
}
