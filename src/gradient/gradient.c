/* Errors carried back from the last step, their contributions, and the gradients of the last and of the total loss. */
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/backward.h"
#include "gradient/rule.h"
#include "gradient/task.h"

#include <float.h>
#include <math.h>

enum { LOG_INITIAL_ERROR, LOG_ERROR, LOG_CONTRIBUTION, LOG_GRADIENT, LOG_TOTAL_GRADIENT, CANCELLATION, DATASETS };

/* The contributions of the lags between those on the axis are not known: they may be there, and cancel. */
static enum presence judge_contributions(const struct absence_place *place)
{
    const double *gradient = absence_values(place, "log_gradient_norm");
    const double *contributions = absence_values(place, "log_contribution");
    if (gradient == NULL || contributions == NULL || *gradient != -INFINITY)
        return PRESENCE_NUMBER;
    for (long i = 0; i < place->cell->lag_count; i++)
        if (contributions[i] > -INFINITY)
            return PRESENCE_NUMBER;
    return PRESENCE_EITHER;
}

static const struct absence no_contribution = { .text = "all contributions are 0",
                                                .is_of_cell = true,
                                                .judge = judge_contributions };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_INITIAL_ERROR] = { .name = "log_initial_error_norm",
                            .long_name = "natural logarithm of the norm of e_0 = d eps_T/dx_T",
                            .infinity = INFINITE_BELOW },
    [LOG_ERROR] = { .name = "log_error_norm",
                    .long_name = "natural logarithm of the norm of the error e_l carried back over the lag",
                    .along = { ALONG_LAG },
                    .infinity = INFINITE_BELOW },
    [LOG_CONTRIBUTION] = { .name = "log_contribution",
                           .long_name = "natural logarithm of the Frobenius norm of the temporal contribution C_(T-l)",
                           .along = { ALONG_LAG },
                           .infinity = INFINITE_BELOW,
                           .gamma_factor = true,
                           .absences = { &absence_before_start } },
    [LOG_GRADIENT] = { .name = "log_gradient_norm",
                       .long_name = "natural logarithm of the Frobenius norm of d eps_T/dW",
                       .infinity = INFINITE_BELOW,
                       .gamma_factor = true },
    [LOG_TOTAL_GRADIENT] = { .name = "log_total_gradient_norm",
                             .long_name = "natural logarithm of the Frobenius norm of sum_t d eps_t/dW",
                             .infinity = INFINITE_BELOW,
                             .gamma_factor = true,
                             .absences = { &absence_error_given } },
    [CANCELLATION] = { .name = "cancellation",
                       .long_name = "||sum_k C_k||_F / sum_k ||C_k||_F",
                       .absences = { &no_contribution } },
};

/* ---- measuring ---- */

/* Columns of one chain: the last loss, and the total of all. */
enum { LAST, TOTAL, COLUMNS };

static struct cost cost(const struct chain_question *question)
{
    return backward_cost(question,
                         COLUMNS * backward_flops((double)question->hidden_size, (double)question->model->steps));
}

static double bytes(const struct chain_question *question)
{
    return backward_block_bytes(question, COLUMNS);
}

static void store_chain(const struct measure_task *task, const struct backward_problem *problem, long chain,
                        const struct backward_column columns[COLUMNS])
{
    if (!columns[LAST].is_finite || !columns[TOTAL].is_finite)
        task_fail(task, chain, JACOBIAN_NOT_FINITE);
    else if (columns[LAST].is_lost)
        task_fail(task, chain, JACOBIAN_OUT_OF_RANGE);
    ((double *)task_values(task, LOG_INITIAL_ERROR))[chain] = columns[LAST].log_initial_error;
    ((double *)task_values(task, LOG_GRADIENT))[chain] = columns[LAST].log_gradient;
    ((double *)task_values(task, CANCELLATION))[chain] = columns[LAST].cancellation;
    /* An error that was given belongs to the last step: there is no loss at others to sum over. */
    ((double *)task_values(task, LOG_TOTAL_GRADIENT))[chain] =
        loss_is_given(problem->loss) ? NAN : columns[TOTAL].log_gradient;
}

/* Chains first .. first+chains-1 of the task. */
static enum status sweep_chains(const struct measure_task *task, const struct backward_problem *problem, long first,
                                long chains, struct backward_column *columns)
{
    double *log_errors = task_values(task, LOG_ERROR), *log_contributions = task_values(task, LOG_CONTRIBUTION);
    for (long i = 0; i < chains; i++) {
        struct backward_column last = { .chain = first + i, .last_step = problem->steps }, total = last;
        last.log_errors = log_errors + (first + i) * problem->lag_count;
        last.log_contributions = log_contributions + (first + i) * problem->lag_count;
        total.is_total = true;
        columns[COLUMNS * i + LAST] = last;
        columns[COLUMNS * i + TOTAL] = total;
    }
    TRY(backward_sweep(problem, task->context, COLUMNS * chains, columns));
    for (long i = 0; i < chains; i++)
        store_chain(task, problem, first + i, columns + COLUMNS * i);
    return STATUS_OK;
}

static enum status measure(const struct measure_task *task)
{
    SCOPED(loss) *loss = NULL;
    SCOPED_MEMORY struct backward_column *columns = NULL;
    long group = backward_width(weights_hidden_size(task->batch->weights)) / COLUMNS;
    TRY(memory_allocate(&columns, COLUMNS * group, "errors carried back"));
    TRY(loss_open(task->batch->model, task->batch->weights, &loss));
    const struct backward_problem problem = backward_problem_of(task, loss);
    for (long first = 0; first < task->count; first += group)
        TRY(sweep_chains(task, &problem, first, task->count - first < group ? task->count - first : group, columns));
    return STATUS_OK;
}

/* ---- rules ---- */

/* C_k exists for k = T - l = 1, 2, ... */
static bool is_contribution(const struct measured_cell *cell, long i)
{
    return cell->model->steps - cell->lags[i] >= 1;
}

static void error_is_below_product(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *initial = data[0], *errors = data[1], *norms = data[2], *bounds = data[3];
    for (long i = 0; i < cell->lag_count; i++) {
        const long lag = cell->lags[i];
        /* Of logarithms of large size the last digit is more than the tolerance. */
        const double allowed = rule_uncertainty(cell, lag) + rule_association_error(cell, lag, norms[i], bounds[i]) +
                               rule_recomputation(errors[i]);
        rule_count_margin(tally, rule_order_margin(errors[i], *initial + norms[i], allowed));
    }
}

/* Of the norm of a sum over T steps, relative to the sum of the norms. */
static double sum_rounding(const struct measured_cell *cell, double log_norm)
{
    return rule_step_rounding(cell, (double)cell->model->steps) + rule_recomputation(log_norm);
}

static void cancellation_is_share(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *cancellation = data[0], *gradient = data[1];
    if (*gradient == -INFINITY && !isnan(*cancellation)) /* all cancels, or nothing is there */
        rule_count(tally, *cancellation == 0);
    else if (!isnan(*cancellation))
        rule_count_margin(tally, fmin(*cancellation, 1 - *cancellation + sum_rounding(cell, *gradient)));
}

/* ||sum C_k|| / cancellation is the sum of all norms: no less than that of the norms on the axis. */
static void contributions_fit(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *cancellation = data[0], *gradient = data[1], *contributions = data[2];
    double log_sum = -INFINITY;
    for (long i = 0; i < cell->lag_count; i++)
        if (is_contribution(cell, i))
            log_sum = rule_log_add(log_sum, contributions[i]);
    if (*cancellation >= DBL_MIN) /* of one that underflowed the logarithm is not known */
        rule_count_margin(tally, rule_order_margin(log_sum, *gradient - log(*cancellation),
                                                   sum_rounding(cell, *gradient) + rule_recomputation(log_sum)));
}

/* d eps_T/dx_T = c, on the unit sphere. */
static void linear_error_is_unit(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *initial = data[0];
    if (cell->model->loss == LOSS_LINEAR && !absence_is_error_given(cell->ensemble))
        rule_count_margin(tally, rule_equality_margin(*initial, 0, rule_step_rounding(cell, 1)));
}

static const struct measure_rule rules[] = {
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

const struct measure measure_gradient = { .name = "gradient",
                                          .help = "errors carried back, temporal contributions, gradients of the last "
                                                  "and the total loss",
                                          .needs = NEEDS_TRAJECTORY | NEEDS_STATES | NEEDS_TIED,
                                          .datasets = datasets,
                                          .dataset_count = DATASETS,
                                          .essential = LOG_GRADIENT,
                                          .rules = rules,
                                          .function = measure,
                                          .cost = cost,
                                          .bytes = bytes };
