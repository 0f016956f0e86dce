/* Frobenius norms of the Jacobian products: the root of the sum of all squared singular values. */
#include "gradient/rule.h"
#include "gradient/task.h"

#include <math.h>

enum { LOG_NORM, DATASETS };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_NORM] = { .name = "log_frobenius_norm",
                   .long_name = "natural logarithm of the Frobenius norm of the Jacobian product over the lag",
                   .along = { ALONG_LAG },
                   .infinity = INFINITE_BELOW },
};

static enum status measure(const struct measure_task *task)
{
    const long lags = task->batch->lag_count;
    double *log_norms = task_values(task, LOG_NORM);
    for (long chain = 0; chain < task->count; chain++) {
        const enum jacobian_outcome outcome = task_norm_outcome(task, chain);
        /* Of a chain whose largest singular value cannot be resolved, Frobenius norms are known. */
        if (outcome != JACOBIAN_NOT_CONVERGED)
            task_fail(task, chain, outcome);
        for (long i = 0; i < lags; i++)
            log_norms[chain * lags + i] = task_log_frobenius(task, chain, i);
    }
    return STATUS_OK;
}

static void norm_is_near(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *frobenius = data[1], spread = 0.5 * log((double)cell->hidden_size);
    for (long i = 0; i < cell->lag_count; i++) {
        const double allowed = rule_uncertainty(cell, cell->lags[i]);
        rule_count_margin(tally, fmin(rule_order_margin(norms[i], frobenius[i], allowed),
                                      rule_order_margin(frobenius[i], norms[i] + spread, allowed)));
    }
}

static const struct measure_rule rules[] = {
    { .text = "ln ||J_l||_2 <= ln ||J_l||_F <= ln ||J_l||_2 + 0.5 ln d",
      .datasets = { "log_jacobian_norm", "log_frobenius_norm" },
      .test = norm_is_near },
    { .text = NULL },
};

const struct measure measure_frobenius_norm = { .name = "frobenius_norm",
                                                .help = "Frobenius norms of the Jacobian products",
                                                .needs = NEEDS_PRODUCTS,
                                                .datasets = datasets,
                                                .dataset_count = DATASETS,
                                                .rules = rules,
                                                .function = measure };
