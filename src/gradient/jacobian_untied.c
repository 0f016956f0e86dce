/* The norms of weights that are drawn afresh at every step: the bound of untied networks. */
#include "base/memory.h"
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
                             struct block *vector, double *log_norm)
{
    const struct matrix *matrix;
    enum lanczos_outcome outcome;
    TRY(weights_at(problem->weights, step, &matrix));
    struct lanczos_operator map = { vector->rows, (void *)matrix, apply_weights, apply_weights_transposed };
    struct lanczos_options options = jacobian_lanczos_options(problem, context);
    options.tolerance /= (double)problem->lags[problem->lag_count - 1];
    for (long row = 0; row < vector->rows; row++)
        block_column(vector, 0)[row] = 0.0; /* no step knows of another: a random start for each */
    TRY(lanczos_norms(&map, 1, &options, vector, log_norm, &outcome));
    if (outcome != LANCZOS_CONVERGED) {
        const double *values;
        double norm;
        TRY(weights_values(problem->weights, step, &values));
        TRY(spectrum_norm(vector->rows, values, &norm));
        *log_norm = log(norm);
    }
    return STATUS_OK;
}

enum status jacobian_step_weight_norms(const struct jacobian_problem *problem, struct gradient_context *context,
                                       double *log_norms)
{
    enum status status = STATUS_OK;
    struct block vector;
    double sum = 0.0;
    TRY(block_create(weights_hidden_size(problem->weights), 1, &vector));
    for (long step_index = 0, lag = 0; lag < problem->lag_count; step_index++) {
        double log_norm = NAN;
        TRY_OR(done, jacobian_check_stop(context));
        TRY_OR(done, step_norm(problem, context, problem->steps - step_index, &vector, &log_norm));
        sum += log_norm;
        if (problem->lags[lag] == step_index + 1)
            log_norms[lag++] = sum;
    }
done:
    block_destroy(&vector);
    return status;
}
