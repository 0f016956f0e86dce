/* All singular values of J_l, from its factors: graded QR decompositions along J_l^T = D W^T ... D W^T. Derivatives of
 * one step that doubles do not hold beside each other are measured where W is a permutation times a diagonal. */
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/exact_chain.h"
#include "gradient/jacobian_internal.h"
#include "gradient/rule.h"
#include "gradient/task.h"
#include "linalg/graded.h"

#include <math.h>

enum { LOG_VALUE, DATASETS };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_VALUE] = { .name = "log_singular_value",
                    .long_name = "natural logarithms of all singular values of J_l, descending",
                    .along = { ALONG_LAG, ALONG_INDEX },
                    .infinity = INFINITE_BELOW,
                    .absences = { &absence_beyond_size } },
};

/* ---- measuring ---- */

/* Columns that W^T is applied to at once: enough for the kernel's full rate. */
enum { GROUP_COLUMNS = 128 };

/* Of ln s, in products that lack rank. */
static const double LARGEST_ERROR = 1e-5;

/* Chains side by side. For identity one chain stands for all cells of the task: J_l = kappa^l W_unit^l. */
struct graded_chains {
    const struct measure_task *task;
    long hidden_size;
    long first;                    /* chain of the task */
    long chains;                   /* in this group */
    struct block orthogonal, next; /* [d, d * chains]: the Q of each */
    struct graded_product *products;
    long *ranks;        /* [chains, largest lag]: of J_1, J_2, ... */
    double *log_shifts; /* logarithms that the derivatives left out, summed over the steps */
    const double **diagonals;
    double *log_values; /* [d] of one chain */
};

static void chains_destroy(struct graded_chains *group)
{
    for (long c = 0; group->products && c < group->chains; c++)
        graded_destroy(&group->products[c]);
    memory_free(group->products);
    block_destroy(&group->orthogonal);
    block_destroy(&group->next);
    memory_free(group->ranks);
    memory_free(group->log_shifts);
    memory_free(group->diagonals);
    memory_free(group->log_values);
}
SCOPED_VALUE(graded_chains, chains_destroy)

static bool is_identity(const struct graded_chains *group)
{
    return group->task->batch->activation->is_identity;
}

static enum status find_ranks(struct graded_chains *group)
{
    const struct batch *batch = group->task->batch;
    const long steps = batch->lags[batch->lag_count - 1];
    const struct jacobian_problem problem = { .weights = batch->weights,
                                              .trajectory = is_identity(group) ? NULL : group->task->trajectory,
                                              .steps = batch->model->steps,
                                              .first_chain = group->first,
                                              .chains = group->chains,
                                              .lags = batch->lags,
                                              .lag_count = batch->lag_count };
    TRY(memory_allocate(&group->ranks, group->chains * steps, "ranks of products"));
    for (long c = 0; c < group->chains; c++)
        TRY(exact_chain_ranks(&problem, group->task->context, c, group->ranks + c * steps));
    return STATUS_OK;
}

/* `group` is its owner's to destroy, also where this fails. */
static enum status chains_create(const struct measure_task *task, long first, long chains, struct graded_chains *group)
{
    const long d = weights_hidden_size(task->batch->weights), columns = d * chains;
    *group = (struct graded_chains){ .task = task, .hidden_size = d, .first = first, .chains = chains };
    TRY(block_create(d, columns, &group->orthogonal));
    TRY(block_create(d, columns, &group->next));
    TRY(memory_allocate(&group->products, chains, "graded products"));
    TRY(memory_allocate(&group->log_shifts, chains, "shifts of products"));
    TRY(memory_allocate(&group->diagonals, columns, "diagonals of a step"));
    TRY(memory_allocate(&group->log_values, d, "singular values"));
    for (long c = 0; c < chains; c++)
        TRY(graded_create(d, &group->products[c]));
    TRY(find_ranks(group));
    for (long column = 0; column < columns; column++)
        block_column(&group->orthogonal, column)[column % d] = 1.0;
    return STATUS_OK;
}

/* A chain that stands for all cells of its task fails with all of them. */
static void fail_chain(const struct graded_chains *group, long c, enum jacobian_outcome outcome)
{
    long first = is_identity(group) ? 0 : group->first + c, count = is_identity(group) ? group->task->count : 1;
    for (long chain = first; chain < first + count; chain++)
        task_fail(group->task, chain, outcome);
}

static bool is_measured(const struct graded_chains *group, long c)
{
    const struct measure_task *task = group->task;
    return task->results->outcomes[task->first_chain + group->first + c].of[task->measure] == JACOBIAN_FOUND;
}

/* Q := D W^T Q, not orthogonal any more: the next factor times the old Q. */
static enum status apply_factor(struct graded_chains *group, long lag_index)
{
    const struct measure_task *task = group->task;
    const struct matrix *matrix;
    const long d = group->hidden_size;
    TRY(weights_at(task->batch->weights, task->batch->model->steps - lag_index, &matrix));
    TRY(matrix_apply_transposed(matrix, &group->orthogonal, &group->next));
    struct block swap = group->orthogonal;
    group->orthogonal = group->next;
    group->next = swap;
    if (is_identity(group))
        return STATUS_OK;
    for (long c = 0; c < group->chains; c++) {
        const int64_t *exponents; /* taken along by absorb */
        const double *diagonal = trajectory_wide_derivative(task->trajectory, lag_index, group->first + c, &exponents);
        for (long column = c * d; column < (c + 1) * d; column++)
            group->diagonals[column] = diagonal;
        group->log_shifts[c] += task->trajectory->log_shifts[lag_index * task->count + group->first + c];
    }
    block_scale_rows(&group->orthogonal, group->diagonals);
    return STATUS_OK;
}

static enum status absorb(struct graded_chains *group, long c, long lag_index)
{
    const struct batch *batch = group->task->batch;
    const long rank = group->ranks[c * batch->lags[batch->lag_count - 1] + lag_index];
    struct block factor = block_view(&group->orthogonal, c * group->hidden_size, group->hidden_size);
    bool is_finite = true, is_in_range = true;
    const int64_t *exponents = NULL;
    if (!is_identity(group))
        trajectory_wide_derivative(group->task->trajectory, lag_index, group->first + c, &exponents);
    enum status status =
        exponents ? graded_absorb_wide(&group->products[c], &factor, exponents, rank, &is_finite, &is_in_range)
                  : graded_absorb(&group->products[c], &factor, rank, &is_finite);
    if (status == STATUS_NUMERICAL) {
        fail_chain(group, c, JACOBIAN_NOT_CONVERGED);
        return STATUS_OK;
    }
    if (status == STATUS_OK && !is_finite)
        fail_chain(group, c, JACOBIAN_NOT_FINITE);
    if (status == STATUS_OK && !is_in_range)
        fail_chain(group, c, JACOBIAN_OUT_OF_RANGE);
    return status;
}

static enum status take_step(struct graded_chains *group, long lag_index)
{
    const double d = (double)group->hidden_size;
    TRY(jacobian_check_stop(group->task->context));
    TRY(apply_factor(group, lag_index));
    for (long c = 0; c < group->chains; c++)
        if (is_measured(group, c))
            TRY(absorb(group, c, lag_index));
    /* W^T Q, R, Q and the product of triangles */
    group->task->context->flops += (2.0 + 4.0 / 3.0 + 4.0 / 3.0 + 1.0) * d * d * d * (double)group->chains;
    return STATUS_OK;
}

static void store_values(const struct graded_chains *group, long cell, long lag, double log_shift)
{
    const struct batch *batch = group->task->batch;
    const long width = batch->options.lengths[ALONG_INDEX];
    double scale = task_log_scale(group->task, cell, (double)batch->lags[lag]) + log_shift;
    double *values = (double *)task_values(group->task, LOG_VALUE) + (cell * batch->lag_count + lag) * width;
    for (long i = 0; i < group->hidden_size; i++)
        values[i] = group->log_values[i] + scale;
}

/* As many values as there are have logarithms, and no more. */
static bool has_rank(const struct graded_chains *group, long c, long lag)
{
    const struct batch *batch = group->task->batch;
    const long rank = group->ranks[c * batch->lags[batch->lag_count - 1] + lag - 1];
    for (long i = 0; i < group->hidden_size; i++)
        if ((group->log_values[i] == -INFINITY) != (i >= rank))
            return false;
    return true;
}

/* Whether what is left of a product that lacks rank may be rounding. */
static bool is_uncertain(const struct graded_chains *group, long c)
{
    const struct graded_product *product = &group->products[c];
    return product->rank < group->hidden_size && product->error > LARGEST_ERROR;
}

static enum status measure_products(struct graded_chains *group, long lag)
{
    const long lag_step = group->task->batch->lags[lag];
    const double d = (double)group->hidden_size;
    for (long c = 0; c < group->chains; c++) {
        int sweeps = 0;
        if (!is_measured(group, c))
            continue;
        TRY(jacobian_check_stop(group->task->context));
        enum status status = graded_singular_values(&group->products[c], group->log_values, &sweeps);
        group->task->context->flops += d * d * d * sweeps; /* of each pair at least the product */
        if (status == STATUS_OK && (!has_rank(group, c, lag_step) || is_uncertain(group, c)))
            status = STATUS_NUMERICAL; /* something that is not zero was lost in rounding */
        if (status == STATUS_NUMERICAL) {
            fail_chain(group, c, JACOBIAN_NOT_CONVERGED);
            continue;
        }
        TRY(status);
        if (!is_identity(group))
            store_values(group, group->first + c, lag, group->log_shifts[c]);
        for (long cell = 0; is_identity(group) && cell < group->task->count; cell++)
            store_values(group, cell, lag, 0.0);
    }
    return STATUS_OK;
}

static enum status measure_group(const struct measure_task *task, long first, long chains)
{
    SCOPED(graded_chains) group = { 0 };
    const struct batch *batch = task->batch;
    TRY(chains_create(task, first, chains, &group));
    for (long lag_index = 0, lag = 0; lag < batch->lag_count; lag_index++) {
        TRY(take_step(&group, lag_index));
        if (batch->lags[lag] == lag_index + 1)
            TRY(measure_products(&group, lag++));
    }
    return STATUS_OK;
}

static enum status measure(const struct measure_task *task)
{
    const long d = weights_hidden_size(task->batch->weights);
    const long chains = task->batch->activation->is_identity ? 1 : task->count;
    const long group = d >= GROUP_COLUMNS ? 1 : GROUP_COLUMNS / d;
    for (long first = 0; first < chains; first += group)
        TRY(measure_group(task, first, chains - first < group ? chains - first : group));
    return STATUS_OK;
}

static struct cost cost(const struct chain_question *question)
{
    const double d = (double)question->hidden_size, factor = 4.0,
                 sweeps = 10.5; /* between products of 1 to 50 steps and of powers of two */
    const double flops =
        d * d * d *
        (factor * (double)question->lags[question->lag_count - 1] + 3.0 * sweeps * (double)question->lag_count);
    /* Of relu half of the columns are zeros, over which rotations pass. */
    const double *slopes = question->activation->slope_at_zero;
    const double alive = slopes[0] == 0.0 && slopes[1] != 0.0 ? 0.4 : 1.0;
    const double beyond_cache = 8.0 * d * d > 1e6 ? 1.5 : 1.0;
    /* For identity all cells of a task share a chain. Blocked, LAPACK's QR is twice as fast as its rate by the
     * operation. */
    return cost_lapack(question->hidden_size,
                       0.4 * alive * beyond_cache *
                           (question->activation->is_identity ? flops / chain_cost_width(question) : flops));
}

/* Two blocks, and four squares a chain of a group. */
static double bytes(const struct chain_question *question)
{
    const double d = (double)question->hidden_size;
    return 8.0 * 6.0 * d * fmax(d, 128.0);
}

/* ---- rules ---- */

/* A bound of errors beyond this, of a logarithm, says nothing. */
static const double largest_useful_error = 1;

static const double *at_lag(const struct measured_cell *cell, const double *values, long i)
{
    return values + i * cell->options->lengths[ALONG_INDEX];
}

static void values_descend(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    for (long i = 0; i < cell->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i);
        for (long j = 0; j + 1 < cell->hidden_size; j++)
            rule_count_margin(tally, rule_order_margin(values[j + 1], values[j], 0));
    }
}

/* Norms and singular values are found by different ways through the factors. */
static double two_ways_error(const struct measured_cell *cell, long lag, double norm, double bound)
{
    return rule_uncertainty(cell, lag) + rule_association_error(cell, lag, norm, bound);
}

static void first_is_norm(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[1], *bounds = data[2];
    for (long i = 0; i < cell->lag_count; i++)
        rule_count_margin(tally, rule_equality_margin(*at_lag(cell, data[0], i), norms[i],
                                                      two_ways_error(cell, cell->lags[i], norms[i], bounds[i])));
}

static void squares_add_up(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[1], *bounds = data[2], *frobenius = data[3];
    for (long i = 0; i < cell->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i);
        double log_sum = -INFINITY;
        for (long j = 0; j < cell->hidden_size; j++)
            log_sum = rule_log_add(log_sum, 2 * values[j]);
        rule_count_margin(tally, rule_equality_margin(0.5 * log_sum, frobenius[i],
                                                      two_ways_error(cell, cell->lags[i], norms[i], bounds[i])));
    }
}

static bool is_power_of_one_matrix(const struct measured_cell *cell)
{
    return cell->activation->is_identity && !rule_is_untied(cell);
}

/* ln s_i of l factors W is right to l c d u cond(W), and so is l times that of W. The condition of W is at most that of
 * its power of the first lag, as far as s_i is concerned. */
static double value_error(const struct measured_cell *cell, double lag, const double *first, long j)
{
    return rule_step_rounding(cell, 2 * lag) * exp(first[0] - first[j]) + lag * rule_recomputation(first[j]);
}

/* ln |det W^l| = l ln |det W| */
static void determinant_is_power(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *first = data[0];
    const long size = cell->hidden_size;
    if (!is_power_of_one_matrix(cell) || isinf(first[size - 1]))
        return;
    for (long i = 1; i < cell->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->lags[i];
        double first_sum = 0, sum = 0;
        for (long j = 0; j < size; j++) {
            first_sum += first[j];
            sum += values[j];
        }
        const double allowed = (double)size * value_error(cell, lag, first, size - 1);
        if (allowed < largest_useful_error)
            rule_count_margin(tally, rule_equality_margin(sum, lag / (double)cell->lags[0] * first_sum, allowed));
    }
}

/* s_i(W^l) = s_i(W)^l for normal W. */
static void normal_values_are_powers(const struct measured_cell *cell, const void *const data[],
                                     struct rule_tally *tally)
{
    const double *first = data[0];
    if (!is_power_of_one_matrix(cell) || !ensemble_is_normal(cell->ensemble))
        return;
    for (long i = 1; i < cell->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->lags[i];
        for (long j = 0; j < cell->hidden_size; j++) {
            const double allowed = value_error(cell, lag, first, j);
            if (allowed < largest_useful_error)
                rule_count_margin(tally,
                                  rule_equality_margin(values[j], lag / (double)cell->lags[0] * first[j], allowed));
        }
    }
}

static void orthogonal_values_are_equal(const struct measured_cell *cell, const void *const data[],
                                        struct rule_tally *tally)
{
    const struct ensemble_kind *kind = cell->ensemble->kind;
    const double per_step = rule_log_radius_condition(cell);
    if (!is_power_of_one_matrix(cell) || kind->spectrum != SPECTRUM_ALL_ONE)
        return;
    for (long i = 0; i < cell->lag_count; i++) {
        const double *values = at_lag(cell, data[0], i), lag = (double)cell->lags[i];
        const double allowed = rule_step_rounding(cell, lag) + lag * rule_recomputation(per_step);
        for (long j = 0; j < cell->hidden_size; j++)
            rule_count_margin(tally, rule_equality_margin(values[j], lag * per_step, allowed));
    }
}

static const struct measure_rule rules[] = {
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

const struct measure measure_singular_values = { .name = "singular_values",
                                                 .help = "all singular values of the Jacobian products, to high "
                                                         "relative accuracy",
                                                 .needs = NEEDS_TRAJECTORY | NEEDS_ONE_RANK,
                                                 .datasets = datasets,
                                                 .dataset_count = DATASETS,
                                                 .rules = rules,
                                                 .function = measure,
                                                 .cost = cost,
                                                 .bytes = bytes };
