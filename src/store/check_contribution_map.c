/* Rules of contribution_map: its last time is that of `gradient`. */
#include "store/check_rules.h"

#include <math.h>

static void last_row_is_equal(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const long lags = cell->sweep->lag_count;
    const double *contributions = data[1];
    const double *row = (const double *)data[0] + (cell->sweep->contribution_map_steps - 1) * lags;
    if (check_is_error_given(cell)) /* then there is no map */
        return;
    for (long i = 0; i < lags; i++)
        if (!isnan(contributions[i]))
            check_count_margin(tally,
                               check_equality_margin(row[i], contributions[i],
                                                     check_recomputation(contributions[i]) +
                                                         check_step_rounding(cell, (double)cell->sweep->lags[i])));
}

/* Two sums of the same contributions: what cancels in them leaves rounding. */
static void last_gradient_is_equal(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *gradients = data[0], *gradient = data[1], *cancellation = data[2];
    const double last = gradients[cell->sweep->contribution_map_steps - 1];
    if (check_is_error_given(cell)) /* then there is no map */
        return;
    const double rounding = check_step_rounding(cell, (double)cell->sweep->model.steps);
    const double share = isnan(*cancellation) ? 1 : *cancellation;
    check_count_margin(
        tally, check_equality_margin(last, *gradient, check_recomputation(*gradient) + log1p(rounding / share)));
}

const struct check_rule check_contribution_map_rules[] = {
    { .text = "contribution_map at t = T = contributions of gradient",
      .datasets = { "log_contribution_map", "log_contribution" },
      .test = last_row_is_equal },
    { .text = "contribution_map at t = T: ||d eps_T/dW|| of gradient",
      .datasets = { "log_step_gradient_norm", "log_gradient_norm", "cancellation" },
      .test = last_gradient_is_equal },
    { .text = NULL },
};
