#include "gradient/backward.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "gradient/exact_chain.h"
#include "gradient/jacobian_internal.h"
#include "gradient/measure.h"
#include "linalg/basis.h"
#include "linalg/vectorised.h"
#include "linalg/wide_rows.h"

#include <math.h>
#include <string.h>

/* The kernel reaches its full rate at some 16 columns; beyond WIDEST nothing is gained. */
enum { NARROWEST = 2, WIDEST = 128 };
static const double SUM_BYTES = 64e6;

struct backward_state {
    const struct backward_problem *problem;
    struct gradient_context *context;
    long hidden_size;
    long count;
    struct backward_column *columns;
    long active;        /* columns 0 .. active-1 have begun */
    struct block error; /* [d, count]: e of each column */
    struct block next;  /* scratch of the same shape */
    int64_t *exponents; /* [count] */
    double *injected;   /* [stride]: a loss's gradient at a step */
    const double **diagonals;
    double *factors;               /* [count] */
    long *first_zeros;             /* [count]: lags from which on the error of one loss is exactly zero; < 0: unknown */
    struct wide_rows *wide;        /* [count]: e of those that one power of two is not enough for */
    struct wide_rows wide_next;    /* scratch of the same shape */
    struct contribution_sum *sums; /* [count] */
    struct contribution_factors *errors;    /* [count] */
    struct contribution_factors *activated; /* [chains of the trajectory]; made for those that have columns */
};

static double column_bytes(double d)
{
    return 8.0 * (d * d + (2.0 * CONTRIBUTION_PANEL + 2.0) * d);
}

long backward_width(long hidden_size)
{
    double fitting = SUM_BYTES / column_bytes((double)hidden_size);
    return fitting < NARROWEST ? NARROWEST : fitting > WIDEST ? WIDEST : (long)fitting;
}

double backward_bytes(long hidden_size)
{
    return (double)backward_width(hidden_size) * column_bytes((double)hidden_size);
}

double backward_flops(double hidden_size, double last_step)
{
    return 4.0 * hidden_size * hidden_size * last_step; /* W^T e, and e (x) s */
}

struct cost backward_cost(const struct chain_question *question, double flops)
{
    /* Of the operations one half multiplies by W^T, and the other adds to sums that no cache holds. */
    const double summing = 2.8, step_seconds = 8e-8, d = (double)question->hidden_size;
    struct cost cost = cost_narrow(question->hidden_size, flops / (2.0 * d * d), chain_cost_width(question));
    cost.seconds *= (1.0 + summing) / 2.0;
    cost.seconds += flops / (4.0 * d * d) * step_seconds; /* of one column, beside its elements */
    return cost;
}

double backward_block_bytes(const struct chain_question *question, double losses)
{
    double columns = losses * chain_cost_width(question), width = (double)backward_width(question->hidden_size);
    return backward_bytes(question->hidden_size) * fmin(1.0, columns / width) / fmax(question->team_size, 1.0);
}

struct backward_problem backward_problem_of(const struct measure_task *task, const struct loss *loss)
{
    return (struct backward_problem){ .weights = task->batch->weights,
                                      .trajectory = task->trajectory,
                                      .chains = task->chains,
                                      .loss = loss,
                                      .steps = task->batch->model->steps,
                                      .lags = task->batch->lags,
                                      .lag_count = task->batch->lag_count };
}

/* ---- a sweep's memory ---- */

static void state_destroy(struct backward_state *state)
{
    for (long c = 0; state->sums && c < state->count; c++)
        contribution_sum_destroy(&state->sums[c]);
    for (long c = 0; state->errors && c < state->count; c++)
        contribution_factors_destroy(&state->errors[c]);
    for (long c = 0; state->activated && c < state->problem->trajectory->chains; c++)
        contribution_factors_destroy(&state->activated[c]);
    for (long c = 0; state->wide && c < state->count; c++)
        wide_rows_destroy(&state->wide[c]);
    wide_rows_destroy(&state->wide_next);
    memory_free(state->wide);
    memory_free(state->first_zeros);
    block_destroy(&state->error);
    block_destroy(&state->next);
    memory_free(state->exponents);
    memory_free(state->injected);
    memory_free(state->diagonals);
    memory_free(state->factors);
    memory_free(state->sums);
    memory_free(state->errors);
    memory_free(state->activated);
}
SCOPED_VALUE(backward_state, state_destroy)

/* What each rank of a team holds for itself. */
static enum status allocate(struct backward_state *state)
{
    long count = state->count, chains = state->problem->trajectory->chains;
    TRY(block_create(state->hidden_size, count, &state->error));
    TRY(block_create(state->hidden_size, count, &state->next));
    TRY(memory_allocate(&state->exponents, count, "errors carried back"));
    TRY(memory_allocate(&state->injected, block_stride(state->hidden_size), "errors carried back"));
    TRY(memory_allocate(&state->diagonals, count, "errors carried back"));
    TRY(memory_allocate(&state->factors, count, "errors carried back"));
    TRY(memory_allocate(&state->sums, count, "sums of contributions"));
    TRY(memory_allocate(&state->errors, count, "sums of contributions"));
    TRY(memory_allocate(&state->activated, chains, "sums of contributions"));
    TRY(memory_allocate(&state->wide, count, "errors carried back"));
    TRY(memory_allocate(&state->first_zeros, count, "errors carried back"));
    TRY(wide_rows_create(state->hidden_size, 1, &state->wide_next));
    for (long c = 0; c < count; c++)
        if (trajectory_is_wide(state->problem->trajectory, state->columns[c].chain))
            TRY(wide_rows_create(state->hidden_size, 1, &state->wide[c]));
    for (long c = 0; c < count; c++) {
        struct contribution_factors *activated = &state->activated[state->columns[c].chain];
        TRY(contribution_factors_create(state->hidden_size, &state->errors[c]));
        if (activated->columns.values == NULL)
            TRY(contribution_factors_create(state->hidden_size, activated));
    }
    return STATUS_OK;
}

/* `state` is its owner's to destroy, also where this fails. */
static enum status state_create(const struct backward_problem *problem, struct gradient_context *context, long count,
                                struct backward_column *columns, struct backward_state *state)
{
    long d = weights_hidden_size(problem->weights);
    *state = (struct backward_state){
        .problem = problem, .context = context, .hidden_size = d, .count = count, .columns = columns
    };
    TRY(team_agree(weights_team(problem->weights), allocate(state)));
    for (long c = 0; c < count; c++)
        TRY(contribution_sum_create(weights_grid(problem->weights), d, &state->sums[c]));
    return STATUS_OK;
}

/* ---- one step ---- */

static int64_t true_power(double norm, int64_t exponent)
{
    return norm == 0.0 ? INT64_MIN : exponent + ilogb(norm);
}

/* column 2^*exponent += injected 2^injected_exponent, both brought to the larger one's power of two: exact but for what
 * underflows beside it. */
static void add_aligned(long stride, const double *injected, int64_t injected_exponent, double *column,
                        int64_t *exponent)
{
    double norm = basis_norm(column, stride), injected_norm = basis_norm(injected, stride);
    int64_t power = true_power(norm, *exponent), injected_power = true_power(injected_norm, injected_exponent);
    int64_t common = power > injected_power ? power : injected_power;
    if (injected_power == INT64_MIN)
        return;
    if (power == INT64_MIN)
        *exponent = common;
    double factor = power_of_two(*exponent - common), injected_factor = power_of_two(injected_exponent - common);
    for (long i = 0; i < stride; i++)
        column[i] = column[i] * factor + injected[i] * injected_factor;
    *exponent = common;
}

/* What doubles hold of a wide column, beside its largest element, becomes the column itself. */
static void narrow(const struct backward_state *state, long c)
{
    const int64_t largest = wide_rows_largest(&state->wide[c]);
    state->exponents[c] = largest == WIDE_ZERO_ROW ? 0 : largest;
    wide_rows_copy(&state->wide[c], state->exponents[c], block_column(&state->error, c));
}

static bool is_wide(const struct backward_state *state, long c)
{
    return state->wide[c].exponents != NULL;
}

/* Takes up d eps_k/dx_k: columns that begin at step k, and total losses that have begun. */
static enum status inject_losses(struct backward_state *state, long k)
{
    const struct backward_problem *problem = state->problem;
    while (state->active < state->count && state->columns[state->active].last_step == k)
        state->active++;
    for (long c = 0; c < state->active; c++) {
        const struct backward_column *column = &state->columns[c];
        if (column->last_step != k && !column->is_total)
            continue;
        int64_t exponent;
        const double *x = trajectory_state(problem->trajectory, problem->steps - k, column->chain, &exponent);
        int64_t injected_exponent = loss_gradient(problem->loss, x, exponent, state->injected);
        if (!column->is_total)
            TRY(exact_error_first_zero(problem->weights, problem->trajectory, state->context, column->chain, k,
                                       state->injected, &state->first_zeros[c]));
        add_aligned(state->error.stride, state->injected, injected_exponent, block_column(&state->error, c),
                    &state->exponents[c]);
        for (long i = 0; is_wide(state, c) && i < state->hidden_size; i++)
            wide_rows_add(&state->wide[c], i, &state->injected[i], injected_exponent);
        if (is_wide(state, c))
            narrow(state, c);
    }
    return STATUS_OK;
}

/* Errors that are exactly zero at x_(k-1) become it, whatever rounding has left; no others may. */
static void set_exact_zeros(const struct backward_state *state, long k)
{
    for (long c = 0; c < state->active; c++) {
        struct backward_column *column = &state->columns[c];
        double *error = block_column(&state->error, c);
        if (column->is_total || state->first_zeros[c] < 0)
            continue;
        if (column->last_step - (k - 1) < state->first_zeros[c]) {
            column->is_lost = column->is_lost || block_largest_magnitude(error, state->hidden_size) == 0;
            continue;
        }
        memset(error, 0, (size_t)state->error.stride * sizeof *error);
        for (long i = 0; is_wide(state, c) && i < state->hidden_size; i++)
            state->wide[c].exponents[i] = WIDE_ZERO_ROW;
    }
}

/* Column j := factors[j] diag(diagonals[j]) column j. */
VECTORISED static void scale_steps(struct block *block, const double *const *diagonals, const double *factors)
{
    for (long j = 0; j < block->columns; j++) {
        double *restrict column = block_column(block, j);
        const double *restrict diagonal = diagonals[j];
        const double factor = factors[j];
        for (long i = 0; i < block->rows; i++)
            column[i] *= factor * diagonal[i];
    }
}

/* gain gamma exp(log_shift) / 2^*power of a column's step. */
static double step_factor(const struct backward_state *state, long lag_index, long c, int64_t *power)
{
    const struct trajectory *trajectory = state->problem->trajectory;
    const struct chain *chain = &state->problem->chains[state->columns[c].chain];
    double shift = trajectory->log_shifts[lag_index * trajectory->chains + state->columns[c].chain];
    double rounded = shift == 0.0 ? 0.0 : nearbyint(shift / LOG_2);
    *power = (int64_t)rounded;
    return chain->gain * chain->gamma * exp(shift - rounded * LOG_2);
}

/* e := S_k^T e for one wide column; state->error has its place. */
static enum status step_back_wide(struct backward_state *state, long k, long c, double factor, int64_t power)
{
    const struct backward_problem *problem = state->problem;
    const double *values;
    const int64_t *exponents;
    const double *derivatives =
        trajectory_wide_derivative(problem->trajectory, problem->steps - k, state->columns[c].chain, &exponents);
    TRY(weights_values(problem->weights, k, &values));
    wide_rows_apply_transposed(values, &state->wide[c], &state->wide_next);
    for (long i = 0; i < state->hidden_size; i++) {
        wide_rows_scale(&state->wide_next, i, derivatives[i], exponents ? exponents[i] : 0);
        wide_rows_scale(&state->wide_next, i, factor, power);
    }
    struct wide_rows swap = state->wide[c];
    state->wide[c] = state->wide_next;
    state->wide_next = swap;
    narrow(state, c);
    return STATUS_OK;
}

/* The same for all columns. */
static enum status step_back(struct backward_state *state, long k)
{
    const struct backward_problem *problem = state->problem;
    const struct trajectory *trajectory = problem->trajectory;
    const struct matrix *matrix;
    struct block error = block_view(&state->error, 0, state->active);
    struct block next = block_view(&state->next, 0, state->active);
    long lag_index = problem->steps - k;
    int64_t power;
    TRY(weights_at(problem->weights, k, &matrix));
    TRY(matrix_apply_transposed(matrix, &error, &next));
    for (long c = 0; c < state->active; c++) {
        state->diagonals[c] = trajectory_derivative(trajectory, lag_index, state->columns[c].chain);
        state->factors[c] = step_factor(state, lag_index, c, &power);
        state->exponents[c] += power;
    }
    scale_steps(&next, state->diagonals, state->factors);
    block_balance_columns(&next, state->exponents);
    struct block swap = state->error;
    state->error = state->next;
    state->next = swap;
    for (long c = 0; c < state->active; c++)
        if (is_wide(state, c)) {
            double factor = step_factor(state, lag_index, c, &power);
            TRY(step_back_wide(state, k, c, factor, power));
        }
    state->context->flops += 2.0 * (double)state->hidden_size * (double)state->hidden_size * (double)state->active;
    return STATUS_OK;
}

static double log_of(double norm, int64_t exponent)
{
    return log(norm) + (double)exponent * LOG_2;
}

static void record_error(const struct backward_state *state, long c, long k, double norm)
{
    struct backward_column *column = &state->columns[c];
    long lag = column->last_step - k,
         place = column->log_errors ? measure_find_lag(state->problem->lags, state->problem->lag_count, lag) : -1;
    if (lag == 0)
        column->log_initial_error = log_of(norm, state->exponents[c]);
    if (place >= 0)
        column->log_errors[place] = log_of(norm, state->exponents[c]);
    column->is_finite = column->is_finite && isfinite(norm);
}

static void record_contribution(const struct backward_state *state, long c, long k, long panel_place)
{
    const struct backward_column *column = &state->columns[c];
    const struct contribution_factors *errors = &state->errors[c], *activated = &state->activated[column->chain];
    long place = column->log_contributions
                     ? measure_find_lag(state->problem->lags, state->problem->lag_count, column->last_step - k)
                     : -1;
    if (place >= 0)
        column->log_contributions[place] = log_of(errors->norms[panel_place], errors->exponents[panel_place]) +
                                           log_of(activated->norms[panel_place], activated->exponents[panel_place]);
}

/* Puts C_k of all columns into their panels. */
static void contribute(struct backward_state *state, long k, long panel_place)
{
    const struct trajectory *trajectory = state->problem->trajectory;
    for (long chain = 0; chain < trajectory->chains; chain++) {
        if (state->activated[chain].columns.values == NULL) /* no column of this sweep is of that chain */
            continue;
        int64_t exponent;
        const double *activated = trajectory_activated(trajectory, state->problem->steps - k, chain, &exponent);
        contribution_factors_put(&state->activated[chain], panel_place, activated, exponent);
    }
    for (long c = 0; c < state->active; c++) {
        struct backward_column *column = &state->columns[c];
        contribution_factors_put(&state->errors[c], panel_place, block_column(&state->error, c), state->exponents[c]);
        record_error(state, c, k, state->errors[c].norms[panel_place]);
        record_contribution(state, c, k, panel_place);
        column->is_finite = column->is_finite && isfinite(state->activated[column->chain].norms[panel_place]);
    }
}

static void add_panels(struct backward_state *state, long count)
{
    double d = (double)state->hidden_size;
    for (long c = 0; c < state->active; c++)
        if (state->columns[c].is_finite) {
            contribution_sum_add(&state->sums[c], &state->errors[c], &state->activated[state->columns[c].chain], count);
            state->context->flops += 2.0 * d * d * (double)count;
        }
}

static enum status sweep(struct backward_state *state)
{
    long place = 0;
    for (long k = state->columns[0].last_step; k >= 1; k--) {
        TRY(jacobian_check_stop(state->context));
        TRY(inject_losses(state, k));
        contribute(state, k, place);
        if (++place == CONTRIBUTION_PANEL || k == 1) {
            add_panels(state, place);
            place = 0;
        }
        TRY(step_back(state, k));
        set_exact_zeros(state, k);
    }
    for (long c = 0; c < state->active; c++) /* e at x_0, over the lag t */
        record_error(state, c, 0, basis_norm(block_column(&state->error, c), state->error.stride));
    return STATUS_OK;
}

static enum status finish(struct backward_state *state)
{
    for (long c = 0; c < state->count; c++) {
        struct backward_column *column = &state->columns[c];
        TRY(contribution_sum_norms(&state->sums[c], &column->log_gradient, &column->cancellation));
        if (column->gradient)
            *column->gradient = scope_keep(&state->sums[c]);
    }
    return STATUS_OK;
}

enum status backward_sweep(const struct backward_problem *problem, struct gradient_context *context, long count,
                           struct backward_column *columns)
{
    SCOPED(backward_state) state = { .problem = problem };
    for (long c = 0; c < count; c++)
        columns[c].is_finite = true;
    TRY(state_create(problem, context, count, columns, &state));
    TRY(sweep(&state));
    return finish(&state);
}
