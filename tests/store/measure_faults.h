/* Faults of one cell's results, each of which breaks one rule of the check and no other, for test_check_measures.c. */
#ifndef GRADSWEEP_TESTS_MEASURE_FAULTS_H
#define GRADSWEEP_TESTS_MEASURE_FAULTS_H

#include "gradient/bound.h"
#include "gradient/measure.h"
#include "store_session.h"

#include <math.h>

enum { LAGS = 4, STEPS = 8, ROWS = 3, INDICES = 6, SMALL = 3 };
enum { IDENTITY, TANH };                 /* activations */
enum { GINIBRE, ORTHOGONAL, SYMMETRIC }; /* ensembles */

/* All results here are of the session's sweep, which the test opens. The one cell whose results a fault changes. */
static double *values_of(struct cell_results *results, const char *name)
{
    const struct dataset_rule *rule;
    for (size_t i = 0; (rule = measure_dataset_at(sweep->measures, i)); i++)
        if (strcmp(rule->name, name) == 0)
            return results->values[i];
    fail_msg("no dataset %s", name);
    return NULL;
}

static long size_of(const struct cell_results *results)
{
    const struct cell at = grid_cell_at(sweep, results->first);
    return grid_hidden_size(sweep, &at);
}

/* The Frobenius norms that the singular values say. */
static void refit_frobenius(struct cell_results *results)
{
    const double *values = values_of(results, "log_singular_value");
    for (long i = 0; i < LAGS; i++) {
        double sum = 0;
        for (long j = 0; j < size_of(results); j++)
            sum += exp(2 * values[i * INDICES + j]);
        values_of(results, "log_frobenius_norm")[i] = 0.5 * log(sum);
    }
}

static void step_missing(struct cell_results *r)
{
    values_of(r, "log_step_bound")[1] = NAN;
}

static void step_sum_below_norm(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] = values_of(r, "log_jacobian_norm")[3] - 1e-3;
}

/* Where lag 1 is measured, a sum beyond l ln eta also has grown by too much somewhere. */
static void step_sum_above_power(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] = 8 * values_of(r, "log_step_norm_max")[3] + 1e-3;
}

static void step_power_above_bound(struct cell_results *r)
{
    values_of(r, "log_step_norm_max")[3] = values_of(r, "log_norm_bound")[3] / 8 + 1e-3;
}

static void step_largest_falls(struct cell_results *r)
{
    values_of(r, "log_step_norm_max")[2] = values_of(r, "log_step_norm_max")[3] + 1e-4;
}

static void step_sum_jumps(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] =
        values_of(r, "log_step_bound")[2] + 4 * values_of(r, "log_step_norm_max")[3] + 1e-6;
}

static void step_first_differs(struct cell_results *r)
{
    for (long i = 0; i < LAGS; i++)
        values_of(r, "log_step_norm_max")[i] += 1e-4;
    values_of(r, "log_step_bound")[0] += 1e-4;
}

static void step_identity_differs(struct cell_results *r)
{
    values_of(r, "log_step_bound")[3] -= 1e-3;
}

static void contribution_of_no_step(struct cell_results *r)
{
    values_of(r, "log_contribution")[3] = 0;
}

static void error_too_large(struct cell_results *r)
{
    values_of(r, "log_error_norm")[1] =
        *values_of(r, "log_initial_error_norm") + values_of(r, "log_jacobian_norm")[1] + 1e-3;
}

static void cancellation_negative(struct cell_results *r)
{
    *values_of(r, "cancellation") = -0.1;
}

static void cancellation_missing(struct cell_results *r)
{
    *values_of(r, "cancellation") = NAN;
}

static void contribution_too_large(struct cell_results *r)
{
    values_of(r, "log_contribution")[0] += 10;
    values_of(r, "log_contribution_map")[(ROWS - 1) * LAGS] += 10;
}

static void initial_error_not_unit(struct cell_results *r)
{
    *values_of(r, "log_initial_error_norm") += 1e-3;
}

static void map_missing(struct cell_results *r)
{
    values_of(r, "log_contribution_map")[1] = NAN;
}

static void map_row_differs(struct cell_results *r)
{
    values_of(r, "log_contribution_map")[(ROWS - 1) * LAGS + 1] += 1e-3;
}

static void map_gradient_differs(struct cell_results *r)
{
    values_of(r, "log_step_gradient_norm")[ROWS - 1] += 1e-3;
}

static void expansion_missing(struct cell_results *r)
{
    values_of(r, "log_expansion_norm")[1] = NAN;
}

static void expansion_of_tanh(struct cell_results *r)
{
    values_of(r, "log_expansion_norm")[0] = 0;
}

static void residual_large(struct cell_results *r)
{
    values_of(r, "expansion_residual")[2] = 1e-6;
}

static void residual_negative(struct cell_results *r)
{
    values_of(r, "expansion_residual")[2] = -1e-20;
}

static void residual_missing(struct cell_results *r)
{
    values_of(r, "expansion_residual")[2] = NAN;
}

static void coefficients_small(struct cell_results *r)
{
    for (long i = 0; i < INDICES; i++)
        values_of(r, "log_expansion_coefficient")[i] -= 5;
    for (long i = 0; i < LAGS; i++)
        values_of(r, "expansion_residual")[i] = 0;
}

static void expansion_of_other_error(struct cell_results *r)
{
    values_of(r, "log_error_norm")[2] -= 1e-3;
}

static double *singular_values_of(struct cell_results *r, long lag)
{
    return values_of(r, "log_singular_value") + lag * INDICES;
}

static void singular_value_too_many(struct cell_results *r)
{
    singular_values_of(r, 1)[SMALL] = -50;
}

static void singular_values_swapped(struct cell_results *r)
{
    double *values = singular_values_of(r, 1), first = values[2];
    values[2] = values[3];
    values[3] = first;
}

static void singular_value_above_norm(struct cell_results *r)
{
    singular_values_of(r, 1)[0] += 1e-6;
    refit_frobenius(r);
}

static void singular_value_below(struct cell_results *r)
{
    singular_values_of(r, 1)[1] -= 1e-6;
}

static void determinant_differs(struct cell_results *r)
{
    singular_values_of(r, 2)[INDICES - 1] -= 1e-8;
    refit_frobenius(r);
}

/* The determinant stays. */
static void normal_power_differs(struct cell_results *r)
{
    singular_values_of(r, 2)[1] += 1e-10;
    singular_values_of(r, 2)[2] -= 1e-10;
    refit_frobenius(r);
}

/* As a normal matrix may have it, but an orthogonal one may not. */
static void orthogonal_value_differs(struct cell_results *r)
{
    for (long i = 0; i < LAGS; i++)
        singular_values_of(r, i)[INDICES - 1] -= 1e-10 * (double)sweep->lags[i];
    refit_frobenius(r);
}

/* By less than all errors together, and so no other rule's matter. */
static void proof_without_room(struct cell_results *r)
{
    values_of(r, "log_jacobian_norm")[0] = values_of(r, "log_norm_bound")[0];
    ((uint8_t *)values_of(r, "bound_check"))[0] = BOUND_HOLDS;
}

/* Of a sweep that measures exponents. */
static void exponents_swapped(struct cell_results *r)
{
    double *values = values_of(r, "lyapunov_exponent"), swap = values[INDICES - 1];
    values[INDICES - 1] = values[INDICES - 2];
    values[INDICES - 2] = swap;
}

static void exponent_above_norm(struct cell_results *r)
{
    values_of(r, "lyapunov_exponent")[0] += 10;
}

static void exponent_lost(struct cell_results *r)
{
    values_of(r, "lyapunov_exponent")[INDICES - 1] = -INFINITY;
}

static void exponent_uncounted(struct cell_results *r)
{
    --*(int32_t *)values_of(r, "finite_exponents");
}

static void exponent_error_negative(struct cell_results *r)
{
    values_of(r, "lyapunov_exponent_error")[2] *= -1;
}

static void dimension_differs(struct cell_results *r)
{
    *values_of(r, "kaplan_yorke_dimension") += 1e-6;
}

static void entropy_differs(struct cell_results *r)
{
    *values_of(r, "entropy_rate") += 1e-6;
}

static void exponents_off_determinant(struct cell_results *r)
{
    *values_of(r, "determinant_residual") = 1e-9;
}

static void ends_differ(struct cell_results *r)
{
    values_of(r, "two_sided_residual")[3] = 1e-8;
}

static void ends_differ_within_rounding(struct cell_results *r)
{
    values_of(r, "exponent_rounding")[3] = 1e-10;
    values_of(r, "two_sided_residual")[3] = 1e-8;
}

struct fault {
    const char *rule;
    long activation, ensemble, hidden_size;
    void (*change)(struct cell_results *results);
    const char *also; /* a rule that cannot stand without this one */
};

static const struct fault faults[] = {
    { "values are numbers", TANH, GINIBRE, 1, step_missing, NULL },
    { "ln ||J_l||_2 <= sum ln ||S_i||_2", TANH, GINIBRE, 1, step_sum_below_norm, NULL },
    { "sum ln ||S_i||_2 <= l ln eta", TANH, GINIBRE, 1, step_sum_above_power, "sum ln ||S_i||_2 grows" },
    { "l ln eta <= bound", TANH, GINIBRE, 1, step_power_above_bound, NULL },
    { "ln eta does not fall", TANH, GINIBRE, 1, step_largest_falls, NULL },
    { "sum ln ||S_i||_2 grows", TANH, GINIBRE, 1, step_sum_jumps, NULL },
    { "lag 1: ln ||J_1||_2 = ln ||S_T||_2", TANH, GINIBRE, 1, step_first_differs, NULL },
    { "identity: sum ln ||S_i||_2 = bound", IDENTITY, GINIBRE, 1, step_identity_differs, NULL },
    { "values are numbers", TANH, GINIBRE, 1, contribution_of_no_step, NULL },
    { "||e_l|| <= ||e_0|| ||J_l||_2", TANH, GINIBRE, 1, error_too_large, NULL },
    { "0 <= cancellation <= 1", TANH, GINIBRE, 1, cancellation_negative, NULL },
    { "values are numbers", TANH, GINIBRE, 1, cancellation_missing, NULL },
    { "contributions on the axis add up", TANH, GINIBRE, 1, contribution_too_large, NULL },
    { "linear loss: ||e_0|| = 1", TANH, GINIBRE, 1, initial_error_not_unit, NULL },
    { "values are numbers", TANH, GINIBRE, 1, map_missing, NULL },
    { "contribution_map at t = T = contributions", TANH, GINIBRE, 1, map_row_differs, NULL },
    { "contribution_map at t = T: ||d eps_T/dW||", TANH, GINIBRE, 1, map_gradient_differs, NULL },
    { "values are numbers", IDENTITY, GINIBRE, 1, expansion_missing, NULL },
    { "values are numbers", TANH, GINIBRE, 1, expansion_of_tanh, NULL },
    { "ln expansion_residual <= ln of its", IDENTITY, GINIBRE, 1, residual_large, NULL },
    { "identity: condition of the eigenbasis >= 1", IDENTITY, GINIBRE, 1, residual_negative,
      "ln expansion_residual <= ln of its" },
    { "expansion_residual is missing only", IDENTITY, GINIBRE, 1, residual_missing, NULL },
    { "ln ||expansion|| <= ln sum", IDENTITY, GINIBRE, 1, coefficients_small, NULL },
    { "| ||expansion|| / ||e_l|| - 1 |", IDENTITY, GINIBRE, 1, expansion_of_other_error, NULL },
    { "values are numbers", TANH, GINIBRE, 0, singular_value_too_many, NULL },
    { "singular values descend", TANH, GINIBRE, 1, singular_values_swapped, NULL },
    { "largest singular value = ||J_l||_2", TANH, GINIBRE, 1, singular_value_above_norm, NULL },
    { "sum of squared singular values", TANH, GINIBRE, 1, singular_value_below, NULL },
    { "identity: sum of ln s_i", IDENTITY, GINIBRE, 1, determinant_differs, NULL },
    { "identity, normal W: each ln s_i", IDENTITY, SYMMETRIC, 1, normal_power_differs, NULL },
    { "identity, orthogonal or cyclic W", IDENTITY, ORTHOGONAL, 1, orthogonal_value_differs, NULL },
    { "certified: none violated", IDENTITY, ORTHOGONAL, 1, proof_without_room, NULL },
};

static const struct fault exponent_faults[] = {
    { "exponents descend", TANH, GINIBRE, 1, exponents_swapped, NULL },
    { "largest exponent <= ln(gamma ||W||_2)", TANH, GINIBRE, 1, exponent_above_norm, "dimension and entropy" },
    { "values are numbers", TANH, GINIBRE, 1, exponent_lost, NULL },
    { "finite_exponents are as many", TANH, GINIBRE, 1, exponent_uncounted, NULL },
    { "errors of exponents are not negative", TANH, GINIBRE, 1, exponent_error_negative, NULL },
    { "dimension and entropy follow", TANH, GINIBRE, 1, dimension_differs, NULL },
    { "dimension and entropy follow", TANH, GINIBRE, 1, entropy_differs, NULL },
    { "sum of exponents = ln|det W|", TANH, GINIBRE, 1, exponents_off_determinant, NULL },
    { "sum of exponents = ln|det W|", IDENTITY, SYMMETRIC, 1, exponents_off_determinant, NULL },
    { "partial sums of exponents from both ends", TANH, GINIBRE, 1, ends_differ, NULL },
    { "the same, where rounding may not allow that", TANH, GINIBRE, 1, ends_differ_within_rounding, NULL },
};

#endif
