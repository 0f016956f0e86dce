/* Lanczos through the factors of J_l, and what the two methods share. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"

#include <math.h>

/* Generous: ginibre needs 5 to 40 iterations. What has not converged by then goes to the explicit method. */
enum { LANCZOS_ITERATIONS = 200 };

enum status jacobian_check_stop(const struct gradient_context *context)
{
    if (context->stop_requested && context->stop_requested())
        return status_fail(STATUS_STOPPED, "stopped on request");
    return STATUS_OK;
}

const double *jacobian_diagonal(const struct jacobian_problem *problem, long step_index, long chain)
{
    return trajectory_derivative(problem->trajectory, step_index, problem->first_chain + chain);
}

double jacobian_log_shift(const struct jacobian_problem *problem, long step_index, long chain)
{
    const struct trajectory *trajectory = problem->trajectory;
    return trajectory ? trajectory->log_shifts[step_index * trajectory->chains + problem->first_chain + chain] : 0.0;
}

struct lanczos_options jacobian_lanczos_options(const struct jacobian_problem *problem,
                                                const struct gradient_context *context)
{
    return (struct lanczos_options){ .tolerance = problem->tolerance,
                                     .max_iterations = LANCZOS_ITERATIONS,
                                     .seed = weights_seed(problem->weights),
                                     .stop_requested = context->stop_requested };
}

struct implicit_operator {
    const struct jacobian_problem *problem;
    struct gradient_context *context;
    const struct matrix *matrix;
    long lag;
    struct block scratch; /* [d, chains] */
    int64_t *exponents;   /* [chains] */
    const double **diagonals;
};

static void gather_diagonals(const struct implicit_operator *operator, const long * chains, long count, long step_index)
{
    for (long j = 0; j < count; j++)
        operator->diagonals[j] = jacobian_diagonal(operator->problem, step_index, chains[j]);
}

static void finish_apply(const struct implicit_operator *operator, long count, double *log_scales)
{
    double d = (double)operator->scratch.rows;
    for (long j = 0; j < count; j++)
        log_scales[j] = (double)operator->exponents[j] * LOG_2;
    operator->context->flops += 2.0 * d * d *(double) count * (double)operator->lag;
}

/* y := J_l^T x: for each step back from T, apply W^T, then scale the rows. */
static enum status apply_backward(void *context, const long *chains, const struct block *x, struct block *y,
                                  double *log_scales)
{
    struct implicit_operator *operator= context;
    struct block scratch = block_view(&operator->scratch, 0, x->columns);
    const struct block *from = x;
    struct block *to = operator->lag % 2 ? y : & scratch; /* so that the last step lands in y */
    for (long j = 0; j < x->columns; j++)
        operator->exponents[j] = 0;
    for (long step_index = 0; step_index < operator->lag; step_index++) {
        TRY(matrix_apply_transposed(operator->matrix, from, to));
        if (operator->problem->trajectory) {
            gather_diagonals(operator, chains, x->columns, step_index);
            block_scale_rows(to, operator->diagonals);
        }
        block_balance_columns(to, operator->exponents);
        from = to;
        to = to == y ? &scratch : y;
    }
    finish_apply(operator, x->columns, log_scales);
    return STATUS_OK;
}

/* y := J_l x: the same steps forward in time, scaling first. The scaled column needs a place of its own, so that x
 * stays as it is and the kernel never works in place. */
static enum status apply_forward(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    struct implicit_operator *operator= context;
    struct block scratch = block_view(&operator->scratch, 0, x->columns);
    for (long j = 0; j < x->columns; j++)
        operator->exponents[j] = 0;
    const struct block *from = x;
    for (long step_index = operator->lag - 1; step_index >= 0; step_index--) {
        block_copy(from, &scratch);
        if (operator->problem->trajectory) {
            gather_diagonals(operator, chains, x->columns, step_index);
            block_scale_rows(&scratch, operator->diagonals);
        }
        block_balance_columns(&scratch, operator->exponents);
        TRY(matrix_apply(operator->matrix, &scratch, y));
        from = y;
    }
    block_balance_columns(y, operator->exponents);
    finish_apply(operator, x->columns, log_scales);
    return STATUS_OK;
}

static void operator_destroy(struct implicit_operator *operator)
{
    block_destroy(&operator->scratch);
    memory_free(operator->exponents);
    memory_free(operator->diagonals);
}

static enum status operator_create(const struct jacobian_problem *problem, struct gradient_context *context,
                                   struct implicit_operator *operator)
{
    enum status status = STATUS_OK;
    *operator=(struct implicit_operator){ .problem = problem, .context = context };
    TRY_OR(failed, weights_at(problem->weights, problem->steps, &operator->matrix));
    TRY_OR(failed, block_create(weights_hidden_size(problem->weights), problem->chains, &operator->scratch));
    TRY_OR(failed, memory_allocate(&operator->exponents, problem->chains, "exponents of vectors"));
    TRY_OR(failed, memory_allocate(&operator->diagonals, problem->chains, "diagonals of a step"));
    return STATUS_OK;
failed:
    operator_destroy(operator);
    return status;
}

/* All norms of one chain by the explicit method; the others are left alone. */
static enum status fall_back(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                             double *log_norms, enum jacobian_outcome *outcome)
{
    struct jacobian_problem narrowed = *problem;
    narrowed.first_chain += chain;
    narrowed.chains = 1;
    return jacobian_norms_explicit(&narrowed, context, log_norms, NULL, outcome);
}

/* The norms at one lag; unresolved[c] is set where Lanczos gave up. Chains that have failed stay in the block: they
 * cost little and keep the numbering simple. */
static enum status measure_lag(struct implicit_operator *operator, long lag_position, struct block *vectors,
                               double *found_norms, enum lanczos_outcome *found, double *log_norms,
                               enum jacobian_outcome *outcomes, bool *unresolved)
{
    const struct jacobian_problem *problem = operator->problem;
    struct lanczos_operator lanczos = { weights_hidden_size(problem->weights), operator, apply_backward,
                                        apply_forward };
    struct lanczos_options options = jacobian_lanczos_options(problem, operator->context);
    operator->lag = problem->lags[lag_position];
    TRY(lanczos_norms(&lanczos, problem->chains, &options, vectors, found_norms, found));
    for (long chain = 0; chain < problem->chains; chain++) {
        double log_shift = 0.0;
        for (long step_index = 0; step_index < operator->lag; step_index++)
            log_shift += jacobian_log_shift(problem, step_index, chain);
        log_norms[chain * problem->lag_count + lag_position] = found_norms[chain] + log_shift;
        if (found[chain] == LANCZOS_NOT_FINITE)
            outcomes[chain] = JACOBIAN_NOT_FINITE;
        if (found[chain] == LANCZOS_UNRESOLVED)
            unresolved[chain] = true;
    }
    return STATUS_OK;
}

enum status jacobian_norms_implicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, enum jacobian_outcome *outcomes, bool *fell_back)
{
    enum status status = STATUS_OK;
    struct implicit_operator operator;
    struct block vectors = { 0 };
    double *found_norms = NULL;
    enum lanczos_outcome *found = NULL;
    if (weights_ensemble(problem->weights)->kind->is_fresh_at_every_step)
        return status_fail(STATUS_INTERNAL, "untied weights were given to the implicit method");
    TRY(operator_create(problem, context, &operator));
    TRY_OR(done, block_create(weights_hidden_size(problem->weights), problem->chains, &vectors));
    TRY_OR(done, memory_allocate(&found_norms, problem->chains, "norms of chains"));
    TRY_OR(done, memory_allocate(&found, problem->chains, "outcomes of chains"));
    for (long chain = 0; chain < problem->chains; chain++) {
        outcomes[chain] = JACOBIAN_FOUND;
        fell_back[chain] = false;
    }
    for (long lag = 0; lag < problem->lag_count; lag++) {
        TRY_OR(done, jacobian_check_stop(context));
        TRY_OR(done, measure_lag(&operator, lag, &vectors, found_norms, found, log_norms, outcomes, fell_back));
    }
    for (long chain = 0; chain < problem->chains; chain++)
        if (fell_back[chain])
            TRY_OR(done, fall_back(problem, context, chain, log_norms + chain * problem->lag_count, &outcomes[chain]));
done:
    memory_free(found);
    memory_free(found_norms);
    block_destroy(&vectors);
    operator_destroy(&operator);
    return status;
}
