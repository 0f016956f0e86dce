/* Rules of gradient: errors carried back, contributions, and how far they cancel. */
#include "store/check_rules.h"

#include <float.h>
#include <math.h>

/* C_k exists for k = T - l = 1, 2, ... */
static bool is_contribution(const struct checked_cell *cell, long i)
{
    return cell->sweep->model.steps - cell->sweep->lags[i] >= 1;
}

static void error_is_below_product(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *initial = data[0], *errors = data[1], *norms = data[2], *bounds = data[3];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const long lag = cell->sweep->lags[i];
        const double allowed = check_uncertainty(cell, lag) + check_association_error(cell, lag, norms[i], bounds[i]);
        check_count_margin(tally, check_order_margin(errors[i], *initial + norms[i], allowed));
    }
}

/* Of the norm of a sum over T steps, relative to the sum of the norms. */
static double sum_rounding(const struct checked_cell *cell, double log_norm)
{
    return check_step_rounding(cell, (double)cell->sweep->model.steps) + check_recomputation(log_norm);
}

static void cancellation_is_share(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *cancellation = data[0], *gradient = data[1];
    if (*gradient == -INFINITY && !isnan(*cancellation)) /* all cancels, or nothing is there */
        check_count(tally, *cancellation == 0);
    else if (!isnan(*cancellation))
        check_count_margin(tally, fmin(*cancellation, 1 - *cancellation + sum_rounding(cell, *gradient)));
}

/* ||sum C_k|| / cancellation is the sum of all norms: no less than that of the norms on the axis. */
static void contributions_fit(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *cancellation = data[0], *gradient = data[1], *contributions = data[2];
    double log_sum = -INFINITY;
    for (long i = 0; i < cell->sweep->lag_count; i++)
        if (is_contribution(cell, i))
            log_sum = check_log_add(log_sum, contributions[i]);
    if (*cancellation >= DBL_MIN) /* of one that underflowed the logarithm is not known */
        check_count_margin(tally, check_order_margin(log_sum, *gradient - log(*cancellation),
                                                     sum_rounding(cell, *gradient) + check_recomputation(log_sum)));
}

/* d eps_T/dx_T = c, on the unit sphere. */
static void linear_error_is_unit(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *initial = data[0];
    if (cell->sweep->model.loss == LOSS_LINEAR && !check_is_error_given(cell))
        check_count_margin(tally, check_equality_margin(*initial, 0, check_step_rounding(cell, 1)));
}

const struct check_rule check_gradient_rules[] = {
    { .text = "||e_l|| <= ||e_0|| ||J_l||_2",
      .datasets = { "log_initial_error_norm", "log_error_norm", "log_jacobian_norm", "log_norm_bound" },
      .test = error_is_below_product },
    { .text = "0 <= cancellation <= 1",
      .datasets = { "cancellation", "log_gradient_norm" },
      .test = cancellation_is_share },
    { .text = "contributions on the axis add up to at most ||d eps_T/dW|| / cancellation",
      .datasets = { "cancellation", "log_gradient_norm", "log_contribution" },
      .test = contributions_fit },
    { .text = "linear loss: ||e_0|| = 1", .datasets = { "log_initial_error_norm" }, .test = linear_error_is_unit },
    { .text = NULL },
};
