/* Rules of contribution_map: which contributions exist, and that its last time is that of `gradient`. */
#include "store/check_rules.h"

#include <math.h>

/* A file may give e_0: then no loss is there to be differentiated at other times, and the whole map is missing. */
static bool is_missing(const struct checked_cell *cell, const double *gradients)
{
    bool is_missing_everywhere = check_is_file(cell);
    for (long row = 0; row < cell->sweep->contribution_map_steps; row++)
        is_missing_everywhere = is_missing_everywhere && isnan(gradients[row]);
    return is_missing_everywhere;
}

static void values_are_there(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *gradients = data[0], *contributions = data[1];
    const long rows = cell->sweep->contribution_map_steps, lags = cell->sweep->lag_count;
    const bool nothing = is_missing(cell, gradients);
    for (long row = 0; row < rows; row++) {
        const long time = cell->sweep->model.steps - rows + 1 + row;
        if (!nothing)
            check_count(tally, check_is_log_norm(gradients[row]));
        for (long i = 0; i < lags; i++) {
            const double contribution = contributions[row * lags + i];
            const bool exists = time - cell->sweep->lags[i] >= 1 && !nothing;
            check_count(tally, exists ? check_is_log_norm(contribution) : isnan(contribution));
        }
    }
}

static void last_row_is_equal(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const long lags = cell->sweep->lag_count;
    const double *gradients = data[0], *contributions = data[2];
    const double *row = (const double *)data[1] + (cell->sweep->contribution_map_steps - 1) * lags;
    if (is_missing(cell, gradients))
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
    if (is_missing(cell, gradients))
        return;
    const double rounding = check_step_rounding(cell, (double)cell->sweep->model.steps);
    const double share = isnan(*cancellation) ? 1 : *cancellation;
    check_count_margin(
        tally, check_equality_margin(last, *gradient, check_recomputation(*gradient) + log1p(rounding / share)));
}

const struct check_rule check_contribution_map_rules[] = {
    { .text = "contribution_map: values are numbers, contributions where t - l >= 1",
      .datasets = { "log_step_gradient_norm", "log_contribution_map" },
      .is_gate = true,
      .test = values_are_there },
    { .text = "contribution_map at t = T = contributions of gradient",
      .datasets = { "log_step_gradient_norm", "log_contribution_map", "log_contribution" },
      .test = last_row_is_equal },
    { .text = "contribution_map at t = T: ||d eps_T/dW|| of gradient",
      .datasets = { "log_step_gradient_norm", "log_gradient_norm", "cancellation" },
      .test = last_gradient_is_equal },
    { .text = NULL },
};
