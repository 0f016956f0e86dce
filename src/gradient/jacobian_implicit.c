/* Lanczos through the factors of J_l, and what the two methods share. */
#include "base/memory.h"
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"

#include <math.h>

/* Ginibre needs 5 to 50 iterations. Forming J_l costs as much as d/2 of them; a chain that has not converged after half
 * of that is better served by the explicit method, which then costs at most twice what it had cost at once. */
static long lanczos_iterations(long hidden_size)
{
    const long fewest = 64, most = 512;
    return hidden_size / 4 < fewest ? fewest : hidden_size / 4 > most ? most : hidden_size / 4;
}

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
                                     .max_iterations = lanczos_iterations(weights_hidden_size(problem->weights)),
                                     .seed = weights_seed(problem->weights),
                                     .stop_requested = context->stop_requested,
                                     .team = weights_team(problem->weights) };
}

struct implicit_operator {
    const struct jacobian_problem *problem;
    struct gradient_context *context;
    const struct matrix *matrix;
    long lag;
    long active;          /* chains that Lanczos still serves */
    long *members;        /* [active]: their numbers in the problem */
    struct block scratch; /* [d, chains] */
    int64_t *exponents;   /* [chains] */
    const double **diagonals;
};

static void gather_diagonals(const struct implicit_operator *map, const long *chains, long count, long step_index)
{
    for (long j = 0; j < count; j++)
        map->diagonals[j] = jacobian_diagonal(map->problem, step_index, map->members[chains[j]]);
}

static void finish_apply(const struct implicit_operator *map, long count, double *log_scales)
{
    double d = (double)map->scratch.rows;
    for (long j = 0; j < count; j++)
        log_scales[j] = (double)map->exponents[j] * LOG_2;
    map->context->flops += 2.0 * d * d * (double)count * (double)map->lag;
}

/* y := J_l^T x: for each step back from T, apply W^T, then scale the rows. */
static enum status apply_backward(void *context, const long *chains, const struct block *x, struct block *y,
                                  double *log_scales)
{
    struct implicit_operator *map = context;
    struct block scratch = block_view(&map->scratch, 0, x->columns);
    const struct block *from = x;
    struct block *to = map->lag % 2 ? y : &scratch; /* so that the last step lands in y */
    for (long j = 0; j < x->columns; j++)
        map->exponents[j] = 0;
    for (long step_index = 0; step_index < map->lag; step_index++) {
        TRY(matrix_apply_transposed(map->matrix, from, to));
        if (map->problem->trajectory) {
            gather_diagonals(map, chains, x->columns, step_index);
            block_scale_rows(to, map->diagonals);
        }
        block_balance_columns(to, map->exponents);
        from = to;
        to = to == y ? &scratch : y;
    }
    finish_apply(map, x->columns, log_scales);
    return STATUS_OK;
}

/* y := J_l x: the same steps forward in time, scaling first. The scaled column needs a place of its own, so that x
 * stays as it is and the kernel never works in place. */
static enum status apply_forward(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales)
{
    struct implicit_operator *map = context;
    struct block scratch = block_view(&map->scratch, 0, x->columns);
    for (long j = 0; j < x->columns; j++)
        map->exponents[j] = 0;
    const struct block *from = x;
    for (long step_index = map->lag - 1; step_index >= 0; step_index--) {
        block_copy(from, &scratch);
        if (map->problem->trajectory) {
            gather_diagonals(map, chains, x->columns, step_index);
            block_scale_rows(&scratch, map->diagonals);
        }
        block_balance_columns(&scratch, map->exponents);
        TRY(matrix_apply(map->matrix, &scratch, y));
        from = y;
    }
    block_balance_columns(y, map->exponents);
    finish_apply(map, x->columns, log_scales);
    return STATUS_OK;
}

static void operator_destroy(struct implicit_operator *map)
{
    block_destroy(&map->scratch);
    memory_free(map->members);
    memory_free(map->exponents);
    memory_free(map->diagonals);
}

static enum status operator_allocate(struct implicit_operator *map)
{
    long chains = map->problem->chains;
    TRY(block_create(weights_hidden_size(map->problem->weights), chains, &map->scratch));
    TRY(memory_allocate(&map->members, chains, "chains of a block"));
    TRY(memory_allocate(&map->exponents, chains, "exponents of vectors"));
    return memory_allocate(&map->diagonals, chains, "diagonals of a step");
}

static enum status operator_create(const struct jacobian_problem *problem, struct gradient_context *context,
                                   struct implicit_operator *map)
{
    enum status status = STATUS_OK;
    *map = (struct implicit_operator){ .problem = problem, .context = context, .active = problem->chains };
    TRY_OR(failed, weights_at(problem->weights, problem->steps, &map->matrix));
    TRY_OR(failed, team_agree(weights_team(problem->weights), operator_allocate(map)));
    for (long chain = 0; chain < problem->chains; chain++)
        map->members[chain] = chain;
    return STATUS_OK;
failed:
    operator_destroy(map);
    return status;
}

/* The norms of one chain from lag position `from` on, by the explicit method; its earlier ones are left alone. */
static enum status fall_back(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                             long from, double *log_norms, enum jacobian_outcome *outcome)
{
    struct jacobian_problem narrowed = *problem;
    narrowed.first_chain += chain;
    narrowed.chains = 1;
    narrowed.lags += from;
    narrowed.lag_count -= from;
    return jacobian_norms_explicit(&narrowed, context, log_norms + chain * problem->lag_count + from, NULL, outcome);
}

/* Takes out of the block the chains that Lanczos gave up on. */
static void keep_converged(struct implicit_operator *map, const enum lanczos_outcome *found)
{
    long kept = 0;
    for (long j = 0; j < map->active; j++)
        if (found[j] != LANCZOS_UNRESOLVED)
            map->members[kept++] = map->members[j];
    map->active = kept;
}

/* The norms at one lag of the chains that are still served. Chains that are not finite stay in the block: they cost
 * little and keep their outcome. resolved[chain] counts the lags that Lanczos found. */
static enum status measure_lag(struct implicit_operator *map, long lag_position, double *found_norms,
                               enum lanczos_outcome *found, double *log_norms, enum jacobian_outcome *outcomes,
                               long *resolved)
{
    const struct jacobian_problem *problem = map->problem;
    struct lanczos_operator lanczos = { weights_hidden_size(problem->weights), map, apply_backward, apply_forward };
    struct lanczos_options options = jacobian_lanczos_options(problem, map->context);
    map->lag = problem->lags[lag_position];
    TRY(lanczos_norms(&lanczos, map->active, &options, NULL, found_norms, found));
    for (long j = 0; j < map->active; j++) {
        long chain = map->members[j];
        double log_shift = 0.0;
        for (long step_index = 0; step_index < map->lag; step_index++)
            log_shift += jacobian_log_shift(problem, step_index, chain);
        log_norms[chain * problem->lag_count + lag_position] = found_norms[j] + log_shift;
        if (found[j] == LANCZOS_NOT_FINITE)
            outcomes[chain] = JACOBIAN_NOT_FINITE;
        resolved[chain] += found[j] != LANCZOS_UNRESOLVED;
    }
    keep_converged(map, found);
    return STATUS_OK;
}

enum status jacobian_norms_implicit(const struct jacobian_problem *problem, struct gradient_context *context,
                                    double *log_norms, enum jacobian_outcome *outcomes, bool *fell_back)
{
    enum status status = STATUS_OK;
    struct implicit_operator map;
    double *found_norms = NULL;
    enum lanczos_outcome *found = NULL;
    long *resolved = NULL;
    if (weights_ensemble(problem->weights)->kind->is_fresh_at_every_step)
        return status_fail(STATUS_INTERNAL, "untied weights were given to the implicit method");
    TRY(operator_create(problem, context, &map));
    TRY_OR(done, memory_allocate(&found_norms, problem->chains, "norms of chains"));
    TRY_OR(done, memory_allocate(&found, problem->chains, "outcomes of chains"));
    TRY_OR(done, memory_allocate(&resolved, problem->chains, "lags of chains"));
    for (long chain = 0; chain < problem->chains; chain++)
        outcomes[chain] = JACOBIAN_FOUND;
    for (long lag = 0; lag < problem->lag_count && map.active > 0; lag++) {
        TRY_OR(done, jacobian_check_stop(context));
        TRY_OR(done, measure_lag(&map, lag, found_norms, found, log_norms, outcomes, resolved));
    }
    for (long chain = 0; chain < problem->chains; chain++) {
        fell_back[chain] = resolved[chain] < problem->lag_count;
        if (fell_back[chain])
            TRY_OR(done, fall_back(problem, context, chain, resolved[chain], log_norms, &outcomes[chain]));
    }
done:
    memory_free(resolved);
    memory_free(found);
    memory_free(found_norms);
    operator_destroy(&map);
    return status;
}
