#include "gradient/chain_norms.h"

#include "base/log.h"
#include "base/memory.h"
#include "gradient/certify.h"
#include "gradient/exact_chain.h"

#include <math.h>

void chain_norms_destroy(struct chain_norms *norms)
{
    memory_free(norms->log_norms);
    memory_free(norms->log_frobenius);
    memory_free(norms->verdicts);
    memory_free(norms->outcomes);
    memory_free(norms->fell_back);
    *norms = (struct chain_norms){ 0 };
}

static enum status create(const struct batch *batch, enum jacobian_method method, long chains,
                          struct chain_norms *norms)
{
    const long count = chains * batch->lag_count;
    *norms = (struct chain_norms){ .method = method, .chains = chains };
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
                                      .tolerance = batch->tolerance };
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

/* A chain of which something was flushed to zero that may count is measured anew, with room for it. */
static enum status measure_wide(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                long first_zero, const struct chain_norms *norms)
{
    const long place = chain * problem->lag_count;
    double *log_norms = norms->log_norms + place;
    const bool is_wide = problem->trajectory && trajectory_is_wide(problem->trajectory, chain);
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
                                   const struct chain_norms *norms)
{
    for (long chain = 0; chain < problem->chains; chain++) {
        long first_zero;
        if (norms->outcomes[chain] != JACOBIAN_FOUND)
            continue;
        TRY(exact_chain_first_zero(problem, context, chain, &first_zero));
        TRY(measure_wide(problem, context, chain, first_zero, norms));
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

static enum status find(const struct jacobian_problem *problem, struct gradient_context *context,
                        const struct chain_norms *norms)
{
    if (norms->method == METHOD_IMPLICIT)
        TRY(jacobian_norms_implicit(problem, context, norms->log_norms, norms->outcomes, norms->fell_back));
    else
        TRY(jacobian_norms_explicit(problem, context, norms->log_norms, norms->log_frobenius, norms->outcomes));
    return set_exact_zeros(problem, context, norms);
}

enum status chain_norms_find(const struct batch *batch, struct gradient_context *context, enum jacobian_method method,
                             const struct trajectory *trajectory, long chains, const double *log_unit_bounds,
                             struct chain_norms *norms)
{
    const struct jacobian_problem problem = chain_norms_problem(batch, trajectory, chains);
    TRY(create(batch, method, chains, norms));
    TRY(chain_norms_accept_failure(batch, find(&problem, context, norms), norms->outcomes, chains));
    /* J_1 of identity is W itself, and its bound an equality: the norm that is known better stands on both sides. */
    if (trajectory == NULL && batch->lags[0] == 1 && !batch_is_untied(batch) && norms->outcomes[0] == JACOBIAN_FOUND)
        norms->log_norms[0] = batch_log_unit_norm(batch);
    if (!batch->options.certify)
        return STATUS_OK;
    /* Proofs are part of the measure of norms, which fails with them. */
    return chain_norms_accept_failure(
        batch, certify_bounds(&problem, context, norms->log_norms, log_unit_bounds, norms->outcomes, norms->verdicts),
        norms->outcomes, chains);
}
