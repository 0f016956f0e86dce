#include "gradient/chain_norms.h"

#include "base/log.h"
#include "base/memory.h"
#include "gradient/certify.h"
#include "gradient/exact_chain.h"
#include "gradient/jacobian_internal.h"

#include <math.h>
#include <string.h>

void chain_norms_destroy(struct chain_norms *norms)
{
    memory_free(norms->members);
    memory_free(norms->kinds);
    memory_free(norms->twins);
    memory_free(norms->log_norms);
    memory_free(norms->log_frobenius);
    memory_free(norms->verdicts);
    memory_free(norms->outcomes);
    memory_free(norms->fell_back);
    *norms = (struct chain_norms){ 0 };
}

/* ---- chains that are alike ---- */

/* The number of last steps at which two chains have the same derivatives, to the bit. Where both are at rest, and are
 * alike at the first, they are at all of these. */
static long count_alike(const struct trajectory *trajectory, long window, long a, long b)
{
    const long rest_a = trajectory_steps_at_rest(trajectory, a), rest_b = trajectory_steps_at_rest(trajectory, b);
    const long rest = rest_a < rest_b ? rest_a : rest_b;
    long steps = rest > 0 && trajectory_are_steps_equal(trajectory, 0, a, 0, b) ? rest : 0;
    while (steps < window && trajectory_are_steps_equal(trajectory, steps, a, steps, b))
        steps++;
    return steps < window ? steps : window;
}

/* The chain before it that has most of its last steps in common with it. Neighbours are the likeliest. Wide derivatives
 * are not looked at: such a chain is like no other. */
static struct jacobian_twin find_twin(const struct trajectory *trajectory, long window, const struct chain_norms *norms,
                                      long chain)
{
    struct jacobian_twin twin = { 0 };
    for (long kind = norms->chains - 1; kind >= 0 && twin.steps < window; kind--) {
        if (trajectory_is_wide(trajectory, chain) || trajectory_is_wide(trajectory, norms->members[kind]))
            continue;
        const long steps = count_alike(trajectory, window, norms->members[kind], chain);
        if (steps > twin.steps)
            twin = (struct jacobian_twin){ kind, steps };
    }
    return twin;
}

/* A kind of its own for each chain that is unlike all before it. */
static enum status find_kinds(const struct batch *batch, const struct trajectory *trajectory, long chains,
                              struct chain_norms *norms)
{
    const long window = batch->lags[batch->lag_count - 1];
    TRY(memory_allocate(&norms->members, chains, "kinds of chains"));
    TRY(memory_allocate(&norms->kinds, chains, "kinds of chains"));
    TRY(memory_allocate(&norms->twins, chains, "kinds of chains"));
    norms->chains = 0;
    for (long chain = 0; chain < chains; chain++) {
        const struct jacobian_twin twin = find_twin(trajectory, window, norms, chain);
        norms->kinds[chain] = twin.steps == window ? twin.chain : norms->chains;
        if (twin.steps == window)
            continue;
        norms->twins[norms->chains] = twin;
        norms->members[norms->chains++] = chain;
    }
    return STATUS_OK;
}

static enum status create(const struct batch *batch, enum jacobian_method method, const struct trajectory *trajectory,
                          long of_trajectory, struct chain_norms *norms)
{
    *norms = (struct chain_norms){ .method = method, .chains = 1 };
    if (trajectory)
        TRY(find_kinds(batch, trajectory, of_trajectory, norms));
    const long chains = norms->chains, count = chains * batch->lag_count;
    TRY(memory_allocate(&norms->log_norms, count, "norms of chains"));
    if (measure_any_needs(batch->measures, NEEDS_PRODUCTS))
        TRY(memory_allocate(&norms->log_frobenius, count, "Frobenius norms of chains"));
    if (batch->options.certify)
        TRY(memory_allocate(&norms->verdicts, count, "verdicts of chains"));
    TRY(memory_allocate(&norms->outcomes, chains, "outcomes of chains"));
    return memory_allocate(&norms->fell_back, chains, "methods of chains");
}

struct jacobian_problem chain_norms_problem(const struct batch *batch, const struct trajectory *trajectory, long chains)
{
    return (struct jacobian_problem){ .weights = batch->weights,
                                      .trajectory = trajectory,
                                      .steps = batch->model->steps,
                                      .chains = chains,
                                      .lags = batch->lags,
                                      .lag_count = batch->lag_count,
                                      .tolerance = batch->tolerance,
                                      .may_truncate = !batch->options.certify,
                                      .may_take_powers = !batch->options.certify };
}

enum status chain_norms_accept_failure(const struct batch *batch, enum status status, enum jacobian_outcome *outcomes,
                                       long count)
{
    const struct team *team = weights_team(batch->weights);
    status = team_agree(team, status);
    if (status != STATUS_NUMERICAL && status != STATUS_MEMORY)
        return status;
    for (long i = 0; i < count; i++)
        outcomes[i] = status == STATUS_MEMORY ? JACOBIAN_OUT_OF_MEMORY : JACOBIAN_NOT_CONVERGED;
    if (team == NULL || team->rank == 0)
        log_warning("%s", status_message());
    return STATUS_OK;
}

static bool has_lost_zero(const struct jacobian_problem *problem, const double *log_norms, long first_zero)
{
    for (long i = 0; i < problem->lag_count && problem->lags[i] < first_zero; i++)
        if (log_norms[i] == -INFINITY)
            return true;
    return false;
}

/* Of a wide step no more than 2^-900 of each derivative is left out (model/scaled_state.h), all of which are at most 1:
 * of a product at most lag 2^-900 (1 + ...) times its bound. A norm that lies e^40 above that has it beyond its last
 * bit. */
static bool may_lack_something(const struct jacobian_problem *problem, long chain, const double *log_unit_bounds,
                               const double *log_norms, long first_zero)
{
    const double log_left_out = -900.0 * LOG_2, margin = 40.0;
    for (long i = 0; i < problem->lag_count && problem->lags[i] < first_zero; i++) {
        const double bound = log_unit_bounds[i] + jacobian_log_shifts(problem, chain, problem->lags[i]);
        if (!(log_norms[i] >= bound + log((double)problem->lags[i]) + log_left_out + margin))
            return true;
    }
    return false;
}

/* A chain of which something was flushed to zero that may count is measured anew, with room for it. */
static enum status measure_wide(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                long first_zero, const double *log_unit_bounds, const struct chain_norms *norms)
{
    const long place = chain * problem->lag_count;
    double *log_norms = norms->log_norms + place;
    const bool is_wide = problem->trajectory &&
                         trajectory_is_wide(problem->trajectory, jacobian_member(problem, chain)) &&
                         may_lack_something(problem, chain, log_unit_bounds, log_norms, first_zero);
    /* On a grid nothing more is known of a zero than that the products gave it. */
    if (weights_grid(problem->weights) || (!is_wide && !has_lost_zero(problem, log_norms, first_zero)))
        return STATUS_OK;
    norms->fell_back[chain] = true;
    TRY(jacobian_norms_wide(problem, context, chain, log_norms,
                            norms->log_frobenius ? norms->log_frobenius + place : NULL, &norms->outcomes[chain]));
    if (norms->outcomes[chain] == JACOBIAN_FOUND && has_lost_zero(problem, log_norms, first_zero))
        norms->outcomes[chain] = JACOBIAN_OUT_OF_RANGE;
    return STATUS_OK;
}

/* -inf where products are exactly zero, which rounding may have left something of; and nowhere else. */
static enum status set_exact_zeros(const struct jacobian_problem *problem, struct gradient_context *context,
                                   const double *log_unit_bounds, const struct chain_norms *norms)
{
    for (long chain = 0; chain < problem->chains; chain++) {
        long first_zero;
        if (norms->outcomes[chain] != JACOBIAN_FOUND)
            continue;
        TRY(exact_chain_first_zero(problem, context, chain, &first_zero));
        TRY(measure_wide(problem, context, chain, first_zero, log_unit_bounds, norms));
        for (long i = 0; i < problem->lag_count; i++) {
            if (problem->lags[i] < first_zero)
                continue;
            norms->log_norms[chain * problem->lag_count + i] = -INFINITY;
            if (norms->log_frobenius)
                norms->log_frobenius[chain * problem->lag_count + i] = -INFINITY;
        }
    }
    return STATUS_OK;
}

/* Whether the first lag needs no search: J_1 of identity is W itself, of which the norm is known. */
static bool is_first_known(const struct batch *batch, const struct trajectory *trajectory)
{
    return trajectory == NULL && batch->lags[0] == 1 && !batch_is_untied(batch);
}

/* Of one chain, at all lags but the first, and of them all. */
static enum status find_others(const struct batch *batch, const struct jacobian_problem *problem,
                               struct gradient_context *context, const struct chain_norms *norms)
{
    struct jacobian_problem others = *problem;
    others.lags++;
    others.lag_count--;
    norms->log_norms[0] = batch_log_unit_norm(batch);
    norms->outcomes[0] = JACOBIAN_FOUND;
    if (others.lag_count == 0)
        return STATUS_OK;
    return norms->method == METHOD_IMPLICIT
               ? jacobian_norms_implicit(&others, context, norms->log_norms + 1, norms->outcomes, norms->fell_back)
               : jacobian_norms_explicit(&others, context, norms->log_norms + 1, NULL, norms->outcomes);
}

static enum status find(const struct batch *batch, const struct jacobian_problem *problem,
                        struct gradient_context *context, const double *log_unit_bounds,
                        const struct chain_norms *norms)
{
    if (is_first_known(batch, problem->trajectory) && norms->log_frobenius == NULL)
        TRY(find_others(batch, problem, context, norms));
    else if (norms->method == METHOD_IMPLICIT)
        TRY(jacobian_norms_implicit(problem, context, norms->log_norms, norms->outcomes, norms->fell_back));
    else
        TRY(jacobian_norms_explicit(problem, context, norms->log_norms, norms->log_frobenius, norms->outcomes));
    return set_exact_zeros(problem, context, log_unit_bounds, norms);
}

enum status chain_norms_find(const struct batch *batch, struct gradient_context *context, enum jacobian_method method,
                             const struct trajectory *trajectory, long chains, const double *log_unit_bounds,
                             struct chain_norms *norms)
{
    SCOPED(phase_visit) visit = phases_visit(context->phases, PHASE_NORMS);
    TRY(create(batch, method, trajectory, chains, norms));
    struct jacobian_problem problem = chain_norms_problem(batch, trajectory, norms->chains);
    problem.members = norms->members;
    problem.twins = norms->twins;
    TRY(chain_norms_accept_failure(batch, find(batch, &problem, context, log_unit_bounds, norms), norms->outcomes,
                                   norms->chains));
    /* The bound of J_1 is an equality: the norm that is known better stands on both sides. */
    if (is_first_known(batch, trajectory) && norms->outcomes[0] == JACOBIAN_FOUND)
        norms->log_norms[0] = batch_log_unit_norm(batch);
    if (!batch->options.certify)
        return STATUS_OK;
    /* Proofs are part of the measure of norms, which fails with them. */
    return chain_norms_accept_failure(
        batch, certify_bounds(&problem, context, norms->log_norms, log_unit_bounds, norms->outcomes, norms->verdicts),
        norms->outcomes, norms->chains);
}
