/* Rules of step_bound: ||J_l||_2 <= prod ||S_i||_2 <= eta^l <= (gamma ||W||_2)^l. */
#include "store/check_rules.h"

#include <math.h>

/* Norm and sum are each known to the tolerance. */
static void norm_is_below_product(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *sums = data[1];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = cell->sweep->tolerance + check_uncertainty(cell, cell->sweep->lags[i]);
        check_count_margin(tally, check_order_margin(norms[i], sums[i], allowed));
    }
}

/* The same numbers, added and compared: rounding of the sum alone. */
static void product_is_below_power(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *sums = data[0], *largest = data[1];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double lag = (double)cell->sweep->lags[i];
        check_count_margin(tally, check_order_margin(sums[i], lag * largest[i], lag * check_recomputation(largest[i])));
    }
}

/* Untied weights have a bound of their own at every step: there eta^l may exceed it, but not the product. */
static void power_is_below_bound(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *sums = data[0], *largest = data[1], *bounds = data[2];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const long lag = cell->sweep->lags[i];
        const double power = check_is_untied(cell) ? sums[i] : (double)lag * largest[i];
        const double allowed = cell->sweep->tolerance + check_uncertainty(cell, lag);
        check_count_margin(tally, check_order_margin(power, bounds[i], allowed));
    }
}

static void largest_does_not_fall(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *largest = data[0];
    for (long i = 1; i < cell->sweep->lag_count; i++)
        check_count_margin(tally, check_order_margin(largest[i - 1], largest[i], 0));
}

/* The steps between two lags are among those of the longer one. */
static void sum_grows_by_largest(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *sums = data[0], *largest = data[1];
    for (long i = 1; i < cell->sweep->lag_count; i++) {
        const double lag = (double)cell->sweep->lags[i], steps = lag - (double)cell->sweep->lags[i - 1];
        check_count_margin(tally, check_order_margin(sums[i], sums[i - 1] + steps * largest[i],
                                                     lag * check_recomputation(largest[i])));
    }
}

/* J_1 is the last step's Jacobian itself. */
static void first_lag_is_equal(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *sums = data[1], *largest = data[2];
    if (cell->sweep->lags[0] != 1)
        return;
    const double allowed = cell->sweep->tolerance + check_uncertainty(cell, 1);
    check_count_margin(tally, fmin(check_equality_margin(norms[0], sums[0], allowed),
                                   check_equality_margin(sums[0], largest[0], check_recomputation(sums[0]))));
}

static void identity_has_equal_steps(const struct checked_cell *cell, const void *const data[],
                                     struct check_tally *tally)
{
    const double *sums = data[0], *bounds = data[1];
    if (!check_is_identity(cell))
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = cell->sweep->tolerance + check_uncertainty(cell, cell->sweep->lags[i]);
        check_count_margin(tally, check_equality_margin(sums[i], bounds[i], allowed));
    }
}

const struct check_rule check_step_bound_rules[] = {
    { .text = "ln ||J_l||_2 <= sum ln ||S_i||_2",
      .datasets = { "log_jacobian_norm", "log_step_bound" },
      .test = norm_is_below_product },
    { .text = "sum ln ||S_i||_2 <= l ln eta",
      .datasets = { "log_step_bound", "log_step_norm_max" },
      .test = product_is_below_power },
    { .text = "l ln eta <= bound (untied: sum ln ||S_i||_2 <= bound)",
      .datasets = { "log_step_bound", "log_step_norm_max", "log_norm_bound" },
      .test = power_is_below_bound },
    { .text = "ln eta does not fall with the lag", .datasets = { "log_step_norm_max" }, .test = largest_does_not_fall },
    { .text = "sum ln ||S_i||_2 grows by at most ln eta a step",
      .datasets = { "log_step_bound", "log_step_norm_max" },
      .test = sum_grows_by_largest },
    { .text = "lag 1: ln ||J_1||_2 = ln ||S_T||_2 = ln eta",
      .datasets = { "log_jacobian_norm", "log_step_bound", "log_step_norm_max" },
      .test = first_lag_is_equal },
    { .text = "identity: sum ln ||S_i||_2 = bound",
      .datasets = { "log_step_bound", "log_norm_bound" },
      .test = identity_has_equal_steps },
    { .text = NULL },
};
