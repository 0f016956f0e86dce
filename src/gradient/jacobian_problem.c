/* What the methods of jacobian.h share: what is asked of a problem. */
#include "gradient/jacobian.h"
#include "gradient/jacobian_internal.h"
#include "linalg/lanczos.h"

/* Ginibre needs 5 to 50. Of a product that stands already, one that has not converged after so many is better served by
 * a full SVD, which takes no longer than they have. */
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

long jacobian_member(const struct jacobian_problem *problem, long chain)
{
    return problem->members ? problem->members[chain] : problem->first_chain + chain;
}

struct jacobian_problem jacobian_problem_of_one(const struct jacobian_problem *problem, long chain)
{
    struct jacobian_problem one = *problem;
    one.first_chain = jacobian_member(problem, chain);
    one.members = NULL;
    one.twins = NULL;
    one.chains = 1;
    return one;
}

const double *jacobian_diagonal(const struct jacobian_problem *problem, long step_index, long chain)
{
    return trajectory_derivative(problem->trajectory, step_index, jacobian_member(problem, chain));
}

const double *jacobian_wide_diagonal(const struct jacobian_problem *problem, long step_index, long chain,
                                     const int64_t **exponents)
{
    return trajectory_wide_derivative(problem->trajectory, step_index, jacobian_member(problem, chain), exponents);
}

double jacobian_log_shift(const struct jacobian_problem *problem, long step_index, long chain)
{
    const struct trajectory *trajectory = problem->trajectory;
    return trajectory ? trajectory->log_shifts[step_index * trajectory->chains + jacobian_member(problem, chain)] : 0.0;
}

double jacobian_log_shifts(const struct jacobian_problem *problem, long chain, long lag)
{
    double sum = 0.0;
    for (long step_index = 0; step_index < lag; step_index++)
        sum += jacobian_log_shift(problem, step_index, chain);
    return sum;
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
