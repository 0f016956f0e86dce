/* The norms of single step Jacobians, whose product bounds that of J_l:
 *     ||J_l||_2 <= prod ||S_i||_2 <= eta^l <= (gamma ||W||_2)^l,   eta = max ||S_i||_2.
 *
 * Each ln ||S_i|| is found to tolerance / (largest lag), so that their sums keep the tolerance, but no better than to
 * rounding, some 4 d u: a sum over l steps is right to the larger of tolerance and 4 l d u. All steps of all chains of
 * one W stand side by side in a block. */
#include "base/memory.h"
#include "base/power_of_two.h"
#include "gradient/jacobian_internal.h"
#include "gradient/rule.h"
#include "gradient/task.h"
#include "linalg/spectrum.h"

#include <math.h>

enum { LOG_SUM, LOG_LARGEST, DATASETS };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_SUM] = { .name = "log_step_bound",
                  .long_name = "sum over the steps of the lag of ln ||S_i||_2, S_i the step Jacobians",
                  .along = { ALONG_LAG },
                  .infinity = INFINITE_BELOW },
    [LOG_LARGEST] = { .name = "log_step_norm_max",
                      .long_name = "ln eta, the largest ln ||S_i||_2 over the steps of the lag",
                      .along = { ALONG_LAG },
                      .infinity = INFINITE_BELOW },
};

/* ---- measuring ---- */

enum { SIDE_BY_SIDE = 32, MOST_ITERATIONS = 512 };
/* Times those of a lag of one: each norm is found to a share of the tolerance, and derivatives that differ part the
 * singular values. */
static const double FURTHER_ITERATIONS = 1.05;
static const double LEAST_LOG_NORM = -300.0; /* of which Lanczos still has its digits */

/* Step Jacobians W diag(D) of one W that wait to be measured. */
struct step_group {
    const struct measure_task *task;
    const struct matrix *matrix;
    long count;
    long chains[SIDE_BY_SIDE];
    const double *diagonals[SIDE_BY_SIDE]; /* NULL: the identity */
    double *results[SIDE_BY_SIDE];         /* where ln ||W diag(D)|| goes */
    struct block scratch;                  /* [d, SIDE_BY_SIDE] */
    const double *scaling[SIDE_BY_SIDE];
};

static bool is_zero(const double *values, long count)
{
    return block_largest_magnitude(values, count) == 0;
}

static void scale(struct step_group *group, const long *places, struct block *block)
{
    if (group->task->batch->activation->is_identity)
        return;
    for (long j = 0; j < block->columns; j++)
        group->scaling[j] = group->diagonals[places[j]];
    block_scale_rows(block, group->scaling);
}

static void count_flops(const struct step_group *group, const struct block *x, double *log_scales)
{
    for (long j = 0; j < x->columns; j++)
        log_scales[j] = 0.0;
    group->task->context->flops += 2.0 * (double)x->rows * (double)x->rows * (double)x->columns;
}

static enum status apply(void *context, const long *places, const struct block *x, struct block *y, double *log_scales)
{
    struct step_group *group = context;
    struct block scaled = block_view(&group->scratch, 0, x->columns);
    block_copy(x, &scaled);
    scale(group, places, &scaled);
    count_flops(group, x, log_scales);
    return matrix_apply(group->matrix, &scaled, y);
}

static enum status apply_transposed(void *context, const long *places, const struct block *x, struct block *y,
                                    double *log_scales)
{
    struct step_group *group = context;
    TRY(matrix_apply_transposed(group->matrix, x, y));
    scale(group, places, y);
    count_flops(group, x, log_scales);
    return STATUS_OK;
}

/* By a full SVD, where Lanczos cannot tell the largest singular values apart within
 * MOST_ITERATIONS; for a rank alone: on a grid it may go on to the end. */
static enum status norm_by_svd(const struct step_group *group, long place, long step, double *log_norm)
{
    const double *values, *diagonal = group->diagonals[place];
    SCOPED_MEMORY double *dense = NULL;
    double norm = NAN;
    long d = group->scratch.rows;
    if (weights_grid(group->task->batch->weights))
        return status_fail(STATUS_NUMERICAL, "Lanczos found no largest singular value of a step Jacobian");
    TRY(weights_values(group->task->batch->weights, step, &values));
    TRY(memory_allocate(&dense, d * d, "a step Jacobian for its SVD"));
    for (long i = 0; i < d * d; i++)
        dense[i] = values[i] * (diagonal ? diagonal[i / d] : 1.0);
    enum status status = spectrum_norm(d, dense, &norm);
    *log_norm = log(norm);
    return status;
}

/* ln ||W diag(D)|| of one step with a power of two for each column, which keeps what is tiny beside columns of W that
 * are zero; exact zeros are -inf. */
static enum status norm_by_columns(const struct measure_task *task, long step, const double *derivatives,
                                   const int64_t *exponents, double *log_norm)
{
    const double *values;
    SCOPED_MEMORY double *dense = NULL;
    double norm = NAN;
    long d = weights_hidden_size(task->batch->weights);
    int64_t largest = INT64_MIN;
    TRY(weights_values(task->batch->weights, step, &values));
    TRY(memory_allocate(&dense, d * d, "a step Jacobian for its SVD"));
    for (int pass = 0; pass < 2; pass++) /* finds the largest column, then scales by it */
        for (long j = 0; j < d; j++) {
            double size = block_largest_magnitude(values + j * d, d);
            if (size == 0 || derivatives[j] == 0)
                continue;
            int64_t power = (exponents ? exponents[j] : 0) + ilogb(derivatives[j]);
            largest = pass == 0 && power + ilogb(size) > largest ? power + ilogb(size) : largest;
            double mantissa = scalbn(derivatives[j], -ilogb(derivatives[j]));
            for (long i = 0; pass == 1 && i < d; i++)
                dense[i + j * d] = power_of_two_scale(mantissa * values[i + j * d], power - largest);
        }
    *log_norm = -INFINITY;
    if (largest == INT64_MIN)
        return STATUS_OK;
    enum status status = spectrum_norm(d, dense, &norm);
    *log_norm = log(norm) + (double)largest * LOG_2;
    return status;
}

/* Steps whose norm one scale for all columns does not find: known to be so, or found too small for squares of it to be
 * doubles. */
static enum status measure_apart(const struct measure_task *task, long step, long chain, const double *derivatives,
                                 const int64_t *exponents, double *log_norm)
{
    if (weights_grid(task->batch->weights)) { /* no rank has all of W */
        task_fail(task, chain, JACOBIAN_OUT_OF_RANGE);
        *log_norm = NAN;
        return STATUS_OK;
    }
    enum status status = norm_by_columns(task, step, derivatives, exponents, log_norm);
    if (status != STATUS_NUMERICAL)
        return status;
    task_fail(task, chain, JACOBIAN_NOT_CONVERGED);
    *log_norm = NAN;
    return STATUS_OK;
}

/* The norms of all that wait; `step` is the one whose W they share. */
static enum status measure_group(struct step_group *group, long step)
{
    const struct measure_task *task = group->task;
    const struct batch *batch = task->batch;
    double log_norms[SIDE_BY_SIDE];
    enum lanczos_outcome found[SIDE_BY_SIDE];
    struct jacobian_problem problem = { .weights = batch->weights, .tolerance = batch->tolerance };
    struct lanczos_options options = jacobian_lanczos_options(&problem, task->context);
    struct lanczos_operator operator= { group->scratch.rows, group, apply, apply_transposed };
    if (group->count == 0)
        return STATUS_OK;
    TRY(jacobian_check_stop(task->context));
    TRY(weights_at(batch->weights, step, &group->matrix));
    options.tolerance /= (double)batch->lags[batch->lag_count - 1];
    options.max_iterations = weights_grid(batch->weights) ? group->scratch.rows : MOST_ITERATIONS;
    TRY(lanczos_norms(&operator, group->count, &options, NULL, log_norms, found));
    for (long place = 0; place < group->count; place++) {
        if (found[place] == LANCZOS_NOT_FINITE)
            task_fail(task, group->chains[place], JACOBIAN_NOT_FINITE);
        if (found[place] == LANCZOS_UNRESOLVED) {
            enum status status = norm_by_svd(group, place, step, &log_norms[place]);
            if (status == STATUS_NUMERICAL)
                task_fail(task, group->chains[place], JACOBIAN_NOT_CONVERGED);
            else
                TRY(status);
        }
        const double *diagonal = group->diagonals[place];
        if (diagonal && log_norms[place] < LEAST_LOG_NORM && !is_zero(diagonal, group->scratch.rows))
            TRY(measure_apart(task, step, group->chains[place], diagonal, NULL, &log_norms[place]));
        *group->results[place] = log_norms[place];
    }
    group->count = 0;
    return STATUS_OK;
}

/* True where ||W diag(D)|| is ||W|| times one number: |D_i| all equal, as where a state has vanished, or W orthogonal
 * up to a factor. The two norms then stand or fall together, to the last bit. */
static bool norm_is_known(const struct measure_task *task, const double *diagonal, double *log_norm)
{
    const struct batch *batch = task->batch;
    enum ensemble_spectrum spectrum = weights_ensemble(batch->weights)->kind->spectrum;
    double smallest = INFINITY, largest = 0.0;
    if (spectrum == SPECTRUM_NONE)
        return false;
    for (long i = 0; i < weights_hidden_size(batch->weights); i++) {
        if (isnan(diagonal[i]))
            return false;
        smallest = fmin(smallest, fabs(diagonal[i]));
        largest = fmax(largest, fabs(diagonal[i]));
    }
    *log_norm = batch_log_unit_norm(batch) + log(largest);
    return smallest == largest || spectrum == SPECTRUM_ALL_ONE;
}

/* log_norms[steps][count] := ln ||W_unit diag(D)|| for S_T, S_{T-1}, ... of the first `count` chains. */
static enum status find_step_norms(struct step_group *group, long steps, long count, double *log_norms)
{
    const struct measure_task *task = group->task;
    struct weights *weights = task->batch->weights;
    bool is_fresh = weights_ensemble(weights)->kind->is_fresh_at_every_step;
    for (long i = 0; i < steps; i++) {
        long step = task->batch->model->steps - i;
        for (long chain = 0; chain < count; chain++) {
            bool is_identity = task->batch->activation->is_identity;
            const double *diagonal = is_identity ? NULL : trajectory_derivative(task->trajectory, i, chain);
            double *result = &log_norms[i * count + chain];
            const int64_t *exponents = NULL;
            const double *wide = diagonal ? trajectory_wide_derivative(task->trajectory, i, chain, &exponents) : NULL;
            if (exponents) {
                TRY(measure_apart(task, step, chain, wide, exponents, result));
                continue;
            }
            if (diagonal && norm_is_known(task, diagonal, result))
                continue;
            group->chains[group->count] = chain;
            group->diagonals[group->count] = diagonal;
            group->results[group->count++] = result;
            if (group->count == SIDE_BY_SIDE)
                TRY(measure_group(group, step));
        }
        if (is_fresh || i == steps - 1)
            TRY(measure_group(group, step));
    }
    return STATUS_OK;
}

/* Sums and maxima over each lag, of column `column` in log_norms[steps][columns], for a chain of the task. */
static void store_chain(const struct measure_task *task, long chain, const double *log_norms, long columns, long column)
{
    const struct batch *batch = task->batch;
    double *sums = (double *)task_values(task, LOG_SUM) + chain * batch->lag_count;
    double *maxima = (double *)task_values(task, LOG_LARGEST) + chain * batch->lag_count;
    const double log_coupling = task_log_scale(task, chain, 1.0);
    double sum = 0.0, largest = -INFINITY;
    const double *shifts = task->trajectory->log_shifts;
    bool is_identity = batch->activation->is_identity;
    for (long i = 0, lag = 0; lag < batch->lag_count; i++) {
        double log_norm =
            log_norms[i * columns + column] + (is_identity ? 0.0 : shifts[i * task->trajectory->chains + chain]);
        sum += log_norm;
        largest = log_norm > largest || isnan(log_norm) ? log_norm : largest;
        if (batch->lags[lag] != i + 1)
            continue;
        sums[lag] = sum + (double)(i + 1) * log_coupling;
        maxima[lag++] = largest + log_coupling;
    }
}

/* S_i = kappa W_unit at every step: the very expressions of the bound, so that equalities are equalities. */
static void store_identity(const struct measure_task *task)
{
    const struct batch *batch = task->batch;
    double *sums = task_values(task, LOG_SUM), *maxima = task_values(task, LOG_LARGEST);
    for (long chain = 0; chain < task->count; chain++) {
        double log_step = batch_log_step_bound(batch, task->first_chain + chain);
        for (long lag = 0; lag < batch->lag_count; lag++) {
            sums[chain * batch->lag_count + lag] = (double)batch->lags[lag] * log_step;
            maxima[chain * batch->lag_count + lag] = log_step;
        }
    }
}

static enum status measure(const struct measure_task *task)
{
    const struct batch *batch = task->batch;
    bool is_untied = weights_ensemble(batch->weights)->kind->is_fresh_at_every_step;
    bool is_identity = batch->activation->is_identity;
    long steps = batch->lags[batch->lag_count - 1], columns = is_identity ? 1 : task->count;
    SCOPED(block) scratch = { 0 };
    SCOPED_MEMORY double *log_norms = NULL;
    if (is_identity && !is_untied) {
        store_identity(task);
        return STATUS_OK;
    }
    enum status status = block_create(weights_hidden_size(batch->weights), SIDE_BY_SIDE, &scratch);
    if (status == STATUS_OK)
        status = memory_allocate(&log_norms, steps * columns, "norms of step Jacobians");
    TRY(team_agree(weights_team(batch->weights), status));
    struct step_group group = { .task = task, .scratch = scratch };
    TRY(find_step_norms(&group, steps, columns, log_norms));
    for (long chain = 0; chain < task->count; chain++)
        store_chain(task, chain, log_norms, columns, is_identity ? 0 : chain);
    return STATUS_OK;
}

static struct cost cost(const struct chain_question *question)
{
    double steps = (double)question->lags[question->lag_count - 1];
    bool is_known = question->activation->is_identity || question->ensemble->kind->spectrum == SPECTRUM_ALL_ONE;
    if (is_known && !question->ensemble->kind->is_fresh_at_every_step)
        return (struct cost){ 0 };
    double iterations = fmin(FURTHER_ITERATIONS * chain_cost_iterations(question, 1.0), (double)question->hidden_size);
    struct cost sum = cost_narrow(question->hidden_size, 2.0 * steps * iterations, SIDE_BY_SIDE); /* W and W^T */
    sum.seconds += steps * cost_lanczos_seconds(question->hidden_size, iterations);
    return sum;
}

/* ---- rules ---- */

/* Norm and sum are each known to the tolerance. */
static void norm_is_below_product(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *sums = data[1];
    for (long i = 0; i < cell->lag_count; i++) {
        const double allowed = cell->tolerance + rule_uncertainty(cell, cell->lags[i]);
        rule_count_margin(tally, rule_order_margin(norms[i], sums[i], allowed));
    }
}

/* The same numbers, added and compared: rounding of the sum alone. */
static void product_is_below_power(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *sums = data[0], *largest = data[1];
    for (long i = 0; i < cell->lag_count; i++) {
        const double lag = (double)cell->lags[i];
        rule_count_margin(tally, rule_order_margin(sums[i], lag * largest[i], lag * rule_recomputation(largest[i])));
    }
}

/* Untied weights have a bound of their own at every step: there eta^l may exceed it, but not the product. */
static void power_is_below_bound(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *sums = data[0], *largest = data[1], *bounds = data[2];
    for (long i = 0; i < cell->lag_count; i++) {
        const long lag = cell->lags[i];
        const double power = rule_is_untied(cell) ? sums[i] : (double)lag * largest[i];
        const double allowed = cell->tolerance + rule_uncertainty(cell, lag);
        rule_count_margin(tally, rule_order_margin(power, bounds[i], allowed));
    }
}

static void largest_does_not_fall(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *largest = data[0];
    for (long i = 1; i < cell->lag_count; i++)
        rule_count_margin(tally, rule_order_margin(largest[i - 1], largest[i], 0));
}

/* The steps between two lags are among those of the longer one. */
static void sum_grows_by_largest(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *sums = data[0], *largest = data[1];
    for (long i = 1; i < cell->lag_count; i++) {
        const double lag = (double)cell->lags[i], steps = lag - (double)cell->lags[i - 1];
        rule_count_margin(
            tally, rule_order_margin(sums[i], sums[i - 1] + steps * largest[i], lag * rule_recomputation(largest[i])));
    }
}

/* J_1 is the last step's Jacobian itself. */
static void first_lag_is_equal(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *sums = data[1], *largest = data[2];
    if (cell->lags[0] != 1)
        return;
    const double allowed = cell->tolerance + rule_uncertainty(cell, 1);
    rule_count_margin(tally, fmin(rule_equality_margin(norms[0], sums[0], allowed),
                                  rule_equality_margin(sums[0], largest[0], rule_recomputation(sums[0]))));
}

static void identity_has_equal_steps(const struct measured_cell *cell, const void *const data[],
                                     struct rule_tally *tally)
{
    const double *sums = data[0], *bounds = data[1];
    if (!cell->activation->is_identity)
        return;
    for (long i = 0; i < cell->lag_count; i++) {
        const double allowed = cell->tolerance + rule_uncertainty(cell, cell->lags[i]);
        rule_count_margin(tally, rule_equality_margin(sums[i], bounds[i], allowed));
    }
}

static const struct measure_rule rules[] = {
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

const struct measure measure_step_bound = { .name = "step_bound",
                                            .help = "spectral norms of the step Jacobians: their product bounds that "
                                                    "of J_l",
                                            .needs = NEEDS_TRAJECTORY,
                                            .datasets = datasets,
                                            .dataset_count = DATASETS,
                                            .rules = rules,
                                            .function = measure,
                                            .cost = cost };
