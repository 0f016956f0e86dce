/* Whole products J_l^T whose rows each keep their own power of two: for chains of which one scale for all would lose
 * what later steps leave as the largest. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/basis.h"
#include "linalg/spectrum.h"
#include "linalg/wide_rows.h"

#include <math.h>
#include <string.h>

struct wide_product {
    long dimension;
    struct wide_rows product, next;
    double log_shift;
    double *dense; /* [d, d] */
};

static void product_destroy(struct wide_product *wide)
{
    wide_rows_destroy(&wide->product);
    wide_rows_destroy(&wide->next);
    memory_free(wide->dense);
}
SCOPED_VALUE(wide_product, product_destroy)

/* `wide` is its owner's to destroy, also where this fails. */
static enum status product_create(long d, struct wide_product *wide)
{
    *wide = (struct wide_product){ .dimension = d };
    TRY(wide_rows_create(d, d, &wide->product));
    TRY(wide_rows_create(d, d, &wide->next));
    TRY(memory_allocate(&wide->dense, d * d, "a Jacobian product"));
    for (long i = 0; i < d; i++) {
        block_column(&wide->product.rows, i)[i] = 1.0;
        wide->product.exponents[i] = 0;
    }
    return STATUS_OK;
}

/* J_l^T := D W^T J_{l-1}^T */
static enum status take_step(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                             long step_index, struct wide_product *wide)
{
    const double *values;
    const double d = (double)wide->dimension;
    TRY(jacobian_check_stop(context));
    TRY(weights_values(problem->weights, problem->steps - step_index, &values));
    wide_rows_apply_transposed(values, &wide->product, &wide->next);
    if (problem->trajectory) {
        const int64_t *exponents;
        const double *diagonal = jacobian_wide_diagonal(problem, step_index, chain, &exponents);
        for (long i = 0; i < wide->dimension; i++)
            wide_rows_scale(&wide->next, i, diagonal[i], exponents ? exponents[i] : 0);
        wide->log_shift += jacobian_log_shift(problem, step_index, chain);
    }
    struct wide_rows swap = wide->product;
    wide->product = wide->next;
    wide->next = swap;
    context->flops += 2.0 * d * d * d;
    return STATUS_OK;
}

/* What lies 2^-1074 below the largest row adds nothing to a norm. */
static enum status measure(const struct wide_product *wide, double *log_norm, double *log_frobenius)
{
    const long d = wide->dimension;
    const int64_t largest = wide_rows_largest(&wide->product);
    *log_norm = *log_frobenius = -INFINITY;
    if (largest == WIDE_ZERO_ROW)
        return STATUS_OK;
    wide_rows_copy(&wide->product, largest, wide->dense);
    double squares = 0.0, norm = NAN;
    for (long i = 0; i < d * d; i++)
        squares += wide->dense[i] * wide->dense[i];
    const double log_scale = (double)largest * LOG_2 + wide->log_shift;
    *log_frobenius = 0.5 * log(squares) + log_scale;
    *log_norm = NAN;
    if (isfinite(squares))
        TRY(spectrum_norm(d, wide->dense, &norm));
    *log_norm = log(norm) + log_scale;
    return STATUS_OK;
}

enum status jacobian_norms_wide(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                double *log_norms, double *log_frobenius, enum jacobian_outcome *outcome)
{
    SCOPED(wide_product) wide = { 0 };
    *outcome = JACOBIAN_FOUND;
    TRY(product_create(weights_hidden_size(problem->weights), &wide));
    for (long step_index = 0, lag = 0; lag < problem->lag_count; step_index++) {
        double frobenius = NAN;
        TRY(take_step(problem, context, chain, step_index, &wide));
        if (problem->lags[lag] != step_index + 1)
            continue;
        enum status status = measure(&wide, &log_norms[lag], &frobenius);
        if (status == STATUS_NUMERICAL)
            *outcome = JACOBIAN_NOT_CONVERGED;
        else
            TRY(status);
        if (isnan(log_norms[lag]))
            *outcome = *outcome == JACOBIAN_FOUND ? JACOBIAN_NOT_FINITE : *outcome;
        if (log_frobenius)
            log_frobenius[lag] = frobenius;
        lag++;
    }
    return STATUS_OK;
}
