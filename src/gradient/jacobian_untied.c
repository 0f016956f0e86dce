/* The norms of weights that are drawn afresh at every step: the bound of untied networks. */
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/spectrum.h"

#include <math.h>

static enum status apply_weights(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    (void)chains;
    for (long j = 0; j < x->columns; j++)
        log_scales[j] = 0.0;
    return matrix_apply(context, x, y);
}

static enum status apply_weights_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                            double *log_scales)
{
    (void)chains;
    for (long j = 0; j < x->columns; j++)
        log_scales[j] = 0.0;
    return matrix_apply_transposed(context, x, y);
}

static enum status step_norm(const struct jacobian_problem *problem, struct gradient_context *context, long step,
                             double *log_norm)
{
    const struct matrix *matrix;
    const double *values;
    enum lanczos_outcome outcome;
    double norm;
    TRY(weights_at(problem->weights, step, &matrix));
    struct lanczos_operator map = { matrix_dimension(matrix), (void *)matrix, apply_weights, apply_weights_transposed };
    struct lanczos_options options = jacobian_lanczos_options(problem, context);
    options.tolerance /= (double)problem->lags[problem->lag_count - 1];
    if (weights_grid(problem->weights)) /* there is no SVD to fall back on */
        options.max_iterations = matrix_dimension(matrix);
    TRY(lanczos_norms(&map, 1, &options, NULL, log_norm, &outcome));
    if (outcome == LANCZOS_CONVERGED)
        return STATUS_OK;
    if (weights_grid(problem->weights))
        return status_fail(STATUS_NUMERICAL, "step %ld: Lanczos found no largest singular value of W", step);
    TRY(weights_values(problem->weights, step, &values));
    TRY(spectrum_norm(matrix_dimension(matrix), values, &norm));
    *log_norm = log(norm);
    return STATUS_OK;
}

enum status jacobian_step_weight_norms(const struct jacobian_problem *problem, struct gradient_context *context,
                                       double *log_norms)
{
    double sum = 0.0;
    for (long step_index = 0, lag = 0; lag < problem->lag_count; step_index++) {
        double log_norm = NAN;
        TRY(jacobian_check_stop(context));
        TRY(step_norm(problem, context, problem->steps - step_index, &log_norm));
        sum += log_norm;
        if (problem->lags[lag] == step_index + 1)
            log_norms[lag++] = sum;
    }
    return STATUS_OK;
}
