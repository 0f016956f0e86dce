/* For each of the last times t, before each anchor: the gradient d eps_t/dW, and the contributions that it is made of.
 */
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/backward.h"
#include "gradient/rule.h"
#include "gradient/task.h"

#include <math.h>
#include <stdio.h>

enum { LOG_STEP_GRADIENT, LOG_MAP, DATASETS };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_STEP_GRADIENT] = { .name = "log_step_gradient_norm",
                            .long_name = "natural logarithm of the Frobenius norm of d eps_t/dW",
                            .along = { ALONG_STEP },
                            .infinity = INFINITE_BELOW,
                            .gamma_factor = true,
                            .absences = { &absence_error_given } },
    [LOG_MAP] = { .name = "log_contribution_map",
                  .long_name =
                      "natural logarithm of the Frobenius norm of the contribution of step t - lag to d eps_t/dW",
                  .along = { ALONG_STEP, ALONG_LAG },
                  .infinity = INFINITE_BELOW,
                  .gamma_factor = true,
                  .absences = { &absence_error_given, &absence_before_start } },
};

/* ---- parameters ---- */

enum { DEFAULT_STEPS = 32 };

static double default_steps(const struct parameter_surroundings *surroundings)
{
    const long steps = surroundings->first_end;
    return steps < DEFAULT_STEPS ? (double)steps : DEFAULT_STEPS;
}

static bool are_possible(double steps, const struct parameter_surroundings *surroundings, char *text, size_t size)
{
    const long end = surroundings->first_end;
    if (steps <= (double)end || end == 0) /* 0: not known, for lack of lags */
        return true;
    snprintf(text, size,
             "%.0f times are more than the %ld steps of the trajectory%s; ask for fewer, or raise model.steps", steps,
             end, end < surroundings->model->steps ? " to the first anchor" : "");
    return false;
}

static const struct measure_parameter parameters[] = {
    { .name = "steps",
      .help = "the last so many times t, at most model.steps, or those to the first anchor",
      .lowest = 1,
      .highest = 0x1p40,
      .default_text = "32, or as many as there are where that is less",
      .length_of = ALONG_STEP,
      .default_value = default_steps,
      .is_possible = are_possible },
};

/* ---- measuring ---- */

/* Columns of a tile go through the steps of others': so much of what they would take by themselves. */
static const double SHARE_OF_TILE = 0.9;

static struct cost cost(const struct chain_question *question)
{
    double flops = 0.0;
    for (long i = 0; i < question->options->lengths[ALONG_STEP]; i++)
        flops += backward_flops((double)question->hidden_size, (double)(question->model->steps - i));
    return cost_times(backward_cost(question, flops), SHARE_OF_TILE);
}

static double bytes(const struct chain_question *question)
{
    return backward_block_bytes(question, (double)question->options->lengths[ALONG_STEP]);
}

/* A rectangle of (chain, time): chains first_chain .. first_chain + chains - 1, and the times of rows first_row ..
 * first_row + rows - 1 of the map, whose last row is t = T. */
struct tile {
    long first_chain, chains;
    long first_row, rows;
};

/* The columns of a tile, the latest time first. */
static enum status sweep_tile(const struct measure_task *task, const struct backward_problem *problem,
                              const struct tile *tile, struct backward_column *columns)
{
    long steps = task->batch->options.lengths[ALONG_STEP], count = tile->chains * tile->rows;
    double *log_contributions = task_values(task, LOG_MAP);
    double *log_gradients = task_values(task, LOG_STEP_GRADIENT);
    for (long i = 0; i < count; i++) {
        long chain = tile->first_chain + i % tile->chains, row = tile->first_row + tile->rows - 1 - i / tile->chains;
        columns[i] = (struct backward_column){ .chain = chain, .last_step = problem->steps - (steps - 1 - row) };
        columns[i].log_contributions = log_contributions + (chain * steps + row) * problem->lag_count;
    }
    TRY(backward_sweep(problem, task->context, count, columns));
    for (long i = 0; i < count; i++) {
        long row = columns[i].last_step - 1 - (problem->steps - steps);
        log_gradients[columns[i].chain * steps + row] = columns[i].log_gradient;
        if (!columns[i].is_finite)
            task_fail(task, columns[i].chain, JACOBIAN_NOT_FINITE);
        else if (columns[i].is_lost)
            task_fail(task, columns[i].chain, JACOBIAN_OUT_OF_RANGE);
    }
    return STATUS_OK;
}

static long smaller(long a, long b)
{
    return a < b ? a : b;
}

/* All tiles. As many times as possible together, because they share their chain's panel of activations. */
static enum status sweep_map(const struct measure_task *task, const struct backward_problem *problem, long width,
                             struct backward_column *columns)
{
    long steps = task->batch->options.lengths[ALONG_STEP];
    long rows = smaller(width, steps), chains = width / rows;
    for (long chain = 0; chain < task->count; chain += chains)
        for (long row = 0; row < steps; row += rows) {
            struct tile tile = { chain, smaller(chains, task->count - chain), row, smaller(rows, steps - row) };
            TRY(sweep_tile(task, problem, &tile, columns));
        }
    return STATUS_OK;
}

static enum status measure(const struct measure_task *task)
{
    SCOPED(loss) *loss = NULL;
    SCOPED_MEMORY struct backward_column *columns = NULL;
    long width = backward_width(weights_hidden_size(task->batch->weights));
    TRY(memory_allocate(&columns, width, "errors carried back"));
    TRY(loss_open(task->batch->model, task->batch->weights, &loss));
    /* An error that was given belongs to the last step alone: the map stays NaN. */
    if (loss_is_given(loss))
        return STATUS_OK;
    const struct backward_problem problem = backward_problem_of(task, loss);
    return sweep_map(task, &problem, width, columns);
}

/* ---- rules ---- */

static void last_row_is_equal(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const long lags = cell->lag_count;
    const double *contributions = data[1];
    const double *row = (const double *)data[0] + (cell->options->lengths[ALONG_STEP] - 1) * lags;
    if (absence_is_error_given(cell->ensemble)) /* then there is no map */
        return;
    for (long i = 0; i < lags; i++)
        if (!isnan(contributions[i]))
            rule_count_margin(tally, rule_equality_margin(row[i], contributions[i],
                                                          rule_recomputation(contributions[i]) +
                                                              rule_step_rounding(cell, (double)cell->lags[i])));
}

/* Two sums of the same contributions: what cancels in them leaves rounding. */
static void last_gradient_is_equal(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *gradients = data[0], *gradient = data[1], *cancellation = data[2];
    const double last = gradients[cell->options->lengths[ALONG_STEP] - 1];
    if (absence_is_error_given(cell->ensemble)) /* then there is no map */
        return;
    const double rounding = rule_step_rounding(cell, (double)cell->model->steps);
    const double share = isnan(*cancellation) ? 1 : *cancellation;
    rule_count_margin(tally,
                      rule_equality_margin(last, *gradient, rule_recomputation(*gradient) + log1p(rounding / share)));
}

static const struct measure_rule rules[] = {
    { .text = "contribution_map at t = T = contributions of gradient",
      .datasets = { "log_contribution_map", "log_contribution" },
      .test = last_row_is_equal },
    { .text = "contribution_map at t = T: ||d eps_T/dW|| of gradient",
      .datasets = { "log_step_gradient_norm", "log_gradient_norm", "cancellation" },
      .test = last_gradient_is_equal },
    { .text = NULL },
};

const struct measure measure_contribution_map = { .name = "contribution_map",
                                                  .help = "gradients of the losses of the last steps, and the "
                                                          "contribution of each lag",
                                                  .needs = NEEDS_TRAJECTORY | NEEDS_STATES | NEEDS_TIED,
                                                  .datasets = datasets,
                                                  .dataset_count = DATASETS,
                                                  .essential = LOG_MAP,
                                                  .parameters = parameters,
                                                  .parameter_count = sizeof parameters / sizeof *parameters,
                                                  .rules = rules,
                                                  .function = measure,
                                                  .cost = cost,
                                                  .bytes = bytes };
