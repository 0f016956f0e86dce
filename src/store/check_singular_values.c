/* Rules of singular_values: against the norms, the determinant, and normal weights. */
#include "store/check_rules.h"

#include <math.h>

/* A bound of errors beyond this, of a logarithm, says nothing. */
static const double largest_useful_error = 1;

static const double *at_lag(const struct checked_cell *cell, const double *values, long i)
{
    return values + i * check_index_size(cell);
}

static void values_descend(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i);
        for (long j = 0; j + 1 < check_hidden_size(cell); j++)
            check_count_margin(tally, check_order_margin(values[j + 1], values[j], 0));
    }
}

/* Norms and singular values are found by different ways through the factors. */
static double two_ways_error(const struct checked_cell *cell, long lag, double norm, double bound)
{
    return check_uncertainty(cell, lag) + check_association_error(cell, lag, norm, bound);
}

static void first_is_norm(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[1], *bounds = data[2];
    for (long i = 0; i < cell->sweep->lag_count; i++)
        check_count_margin(tally,
                           check_equality_margin(*at_lag(cell, data[0], i), norms[i],
                                                 two_ways_error(cell, cell->sweep->lags[i], norms[i], bounds[i])));
}

static void squares_add_up(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[1], *bounds = data[2], *frobenius = data[3];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i);
        double log_sum = -INFINITY;
        for (long j = 0; j < check_hidden_size(cell); j++)
            log_sum = check_log_add(log_sum, 2 * values[j]);
        check_count_margin(tally,
                           check_equality_margin(0.5 * log_sum, frobenius[i],
                                                 two_ways_error(cell, cell->sweep->lags[i], norms[i], bounds[i])));
    }
}

static bool is_power_of_one_matrix(const struct checked_cell *cell)
{
    return check_is_identity(cell) && !check_is_untied(cell);
}

/* ln s_i of l factors W is right to l c d u cond(W), and so is l times that of W. The condition of W is at most that of
 * its power of the first lag, as far as s_i is concerned. */
static double value_error(const struct checked_cell *cell, double lag, const double *first, long j)
{
    return check_step_rounding(cell, 2 * lag) * exp(first[0] - first[j]) + lag * check_recomputation(first[j]);
}

/* ln |det W^l| = l ln |det W| */
static void determinant_is_power(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *first = data[0];
    const long size = check_hidden_size(cell);
    if (!is_power_of_one_matrix(cell) || isinf(first[size - 1]))
        return;
    for (long i = 1; i < cell->sweep->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->sweep->lags[i];
        double first_sum = 0, sum = 0;
        for (long j = 0; j < size; j++) {
            first_sum += first[j];
            sum += values[j];
        }
        const double allowed = (double)size * value_error(cell, lag, first, size - 1);
        if (allowed < largest_useful_error)
            check_count_margin(tally,
                               check_equality_margin(sum, lag / (double)cell->sweep->lags[0] * first_sum, allowed));
    }
}

/* s_i(W^l) = s_i(W)^l for normal W. */
static void normal_values_are_powers(const struct checked_cell *cell, const void *const data[],
                                     struct check_tally *tally)
{
    const double *first = data[0];
    if (!is_power_of_one_matrix(cell) || !ensemble_is_normal(grid_ensemble(cell->sweep, &cell->position)))
        return;
    for (long i = 1; i < cell->sweep->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->sweep->lags[i];
        for (long j = 0; j < check_hidden_size(cell); j++) {
            const double allowed = value_error(cell, lag, first, j);
            if (allowed < largest_useful_error)
                check_count_margin(
                    tally, check_equality_margin(values[j], lag / (double)cell->sweep->lags[0] * first[j], allowed));
        }
    }
}

static void orthogonal_values_are_equal(const struct checked_cell *cell, const void *const data[],
                                        struct check_tally *tally)
{
    const struct ensemble_kind *kind = grid_ensemble(cell->sweep, &cell->position)->kind;
    const double per_step = check_log_radius_condition(cell);
    if (!is_power_of_one_matrix(cell) || kind->spectrum != SPECTRUM_ALL_ONE)
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->sweep->lags[i];
        const double allowed = check_step_rounding(cell, lag) + lag * check_recomputation(per_step);
        for (long j = 0; j < check_hidden_size(cell); j++)
            check_count_margin(tally, check_equality_margin(values[j], lag * per_step, allowed));
    }
}

const struct check_rule check_singular_value_rules[] = {
    { .text = "singular values descend", .datasets = { "log_singular_value" }, .test = values_descend },
    { .text = "largest singular value = ||J_l||_2",
      .datasets = { "log_singular_value", "log_jacobian_norm", "log_norm_bound" },
      .test = first_is_norm },
    { .text = "sum of squared singular values = ||J_l||_F^2",
      .datasets = { "log_singular_value", "log_jacobian_norm", "log_norm_bound", "log_frobenius_norm" },
      .test = squares_add_up },
    { .text = "identity: sum of ln s_i is proportional to the lag",
      .datasets = { "log_singular_value" },
      .test = determinant_is_power },
    { .text = "identity, normal W: each ln s_i is proportional to the lag",
      .datasets = { "log_singular_value" },
      .test = normal_values_are_powers },
    { .text = "identity, orthogonal or cyclic W: every ln s_i = l ln(gamma rho)",
      .datasets = { "log_singular_value" },
      .test = orthogonal_values_are_equal },
    { .text = NULL },
};
