#include "gradient/jacobian_gaps.h"

#include "base/memory.h"
#include "gradient/jacobian_internal.h"

/* An unresolved lag that is at least such a part of the largest is no accident of a short product. */
enum { PART_TO_LEAVE = 8 };

/* Whether trials at the lags after a position, of some d / 4 iterations, take longer than the steps of a whole product
 * from there to the last one. */
static bool are_dense_after(const struct jacobian_problem *problem, long position)
{
    const long left = problem->lags[problem->lag_count - 1] - problem->lags[position];
    long factors = 0;
    for (long i = position + 1; i < problem->lag_count; i++)
        factors += problem->lags[i];
    return factors > 2 * left;
}

long jacobian_gaps_leaving(const struct jacobian_problem *problem, const bool *unresolved)
{
    const long largest = problem->lags[problem->lag_count - 1];
    long position = 0;
    while (position < problem->lag_count &&
           !(unresolved[position] && problem->lags[position] * PART_TO_LEAVE >= largest &&
             are_dense_after(problem, position)))
        position++;
    return position;
}

enum status jacobian_gaps_fill(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                               const bool *unresolved, double *log_norms, enum jacobian_outcome *outcome)
{
    struct jacobian_problem narrowed = jacobian_problem_of_one(problem, chain);
    const long leaving = jacobian_gaps_leaving(problem, unresolved);
    enum jacobian_outcome found = JACOBIAN_FOUND;
    SCOPED_MEMORY long *lags = NULL, *positions = NULL;
    SCOPED_MEMORY double *norms = NULL;
    enum status status = memory_allocate(&lags, problem->lag_count, "lags of a chain");
    if (status == STATUS_OK)
        status = memory_allocate(&positions, problem->lag_count, "lags of a chain");
    if (status == STATUS_OK)
        status = memory_allocate(&norms, problem->lag_count, "norms of a chain");
    TRY(team_agree(weights_team(problem->weights), status));
    narrowed.lag_count = 0;
    for (long position = 0; position < problem->lag_count; position++)
        if (unresolved[position] || position >= leaving) {
            positions[narrowed.lag_count] = position;
            lags[narrowed.lag_count++] = problem->lags[position];
        }
    narrowed.lags = lags;
    narrowed.are_close = true;
    TRY(jacobian_norms_explicit(&narrowed, context, norms, NULL, &found));
    for (long i = 0; i < narrowed.lag_count; i++)
        log_norms[chain * problem->lag_count + positions[i]] = norms[i];
    if (found != JACOBIAN_FOUND)
        *outcome = found;
    return STATUS_OK;
}
