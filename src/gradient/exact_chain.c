#include "gradient/exact_chain.h"

#include "base/memory.h"
#include "base/random.h"
#include "gradient/jacobian_internal.h"
#include "linalg/exact_rank.h"

#include <math.h>
#include <string.h>

/* Vectors that are carried along to see whether a product is zero: each misses one that is not with a chance of about
 * one in 2^20, and not two primes at once. */
enum { PROBES = 4 };

struct exact_chain {
    const struct jacobian_problem *problem;
    struct gradient_context *context;
    long chain;
    long dimension, steps;         /* that are looked at, */
    long first;                    /* from S_(T - first) on */
    bool is_whole;                 /* W is known exactly */
    int prime;                     /* modulo which residues are, */
    const struct matrix *residues; /* and those of W */
    long *alive;                   /* [steps]: derivatives that are not zero in S_T, S_{T-1}, ... */
    struct block columns;          /* residues of J_l^T X, or a basis of what it spans */
    struct block next;
    double *diagonal; /* [d]: residues of a step's derivatives */
};

static void chain_close(struct exact_chain *exact)
{
    memory_free(exact->alive);
    memory_free(exact->diagonal);
    block_destroy(&exact->columns);
    block_destroy(&exact->next);
}
SCOPED_VALUE(exact_chain, chain_close)

/* A derivative that is no number has no residue: whoever measures the chain finds it. */
static void count_alive(struct exact_chain *exact)
{
    for (long step = 0; step < exact->steps; step++) {
        exact->alive[step] = exact->dimension;
        if (exact->problem->trajectory == NULL || trajectory_is_regular(exact->problem->trajectory, exact->first + step,
                                                                        jacobian_member(exact->problem, exact->chain)))
            continue;
        const int64_t *exponents;
        const double *diagonal = jacobian_wide_diagonal(exact->problem, exact->first + step, exact->chain, &exponents);
        for (long i = 0; i < exact->dimension; i++)
            exact->alive[step] -= diagonal[i] == 0;
        exact->is_whole = exact->is_whole && isfinite(block_largest_magnitude(diagonal, exact->dimension));
    }
}

/* `exact` is its owner's to close, also where this fails. */
static enum status chain_open(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                              long first, long steps, struct exact_chain *exact)
{
    const struct weights *weights = problem->weights;
    *exact = (struct exact_chain){ .problem = problem,
                                   .context = context,
                                   .chain = chain,
                                   .dimension = weights_hidden_size(weights),
                                   .first = first,
                                   .steps = steps,
                                   .is_whole = weights_grid(weights) == NULL &&
                                               weights_hidden_size(weights) <= EXACT_LARGEST_DIMENSION &&
                                               !weights_ensemble(weights)->kind->is_fresh_at_every_step };
    TRY(memory_allocate(&exact->alive, exact->steps, "derivatives that are not zero"));
    count_alive(exact);
    return STATUS_OK;
}

/* Whether no rank can be lost. That of W takes long to find, and is not asked for where derivatives are zero. */
static enum status find_regular(const struct exact_chain *exact, bool *is_regular)
{
    long rank = 0;
    *is_regular = false;
    for (long step = 0; step < exact->steps; step++)
        if (exact->alive[step] < exact->dimension)
            return STATUS_OK;
    TRY(weights_rank(exact->problem->weights, &rank));
    *is_regular = rank == exact->dimension;
    return STATUS_OK;
}

/* bounds[steps]: what the ranks cannot exceed. */
static enum status bound_ranks(const struct exact_chain *exact, long *bounds)
{
    long bound = 0;
    TRY(weights_rank(exact->problem->weights, &bound));
    for (long step = 0; step < exact->steps; step++) {
        bound = exact->alive[step] < bound ? exact->alive[step] : bound;
        bounds[step] = bound;
    }
    return STATUS_OK;
}

/* Turns to residues modulo a prime; all columns are zero. */
static enum status begin_prime(struct exact_chain *exact, int prime)
{
    const struct block *columns = &exact->columns;
    exact->prime = prime;
    memset(columns->values, 0, (size_t)(columns->stride * columns->columns) * sizeof *columns->values);
    return weights_residues(exact->problem->weights, prime, &exact->residues);
}

/* The first `count` columns := D W^T times them. */
static enum status take_step(struct exact_chain *exact, long step, long count)
{
    struct block from = block_view(&exact->columns, 0, count), to = block_view(&exact->next, 0, count);
    TRY(jacobian_check_stop(exact->context));
    TRY(matrix_apply_transposed(exact->residues, &from, &to));
    exact_normalise(exact->prime, &to);
    if (exact->problem->trajectory) {
        const int64_t *exponents;
        const double *diagonal = jacobian_wide_diagonal(exact->problem, exact->first + step, exact->chain, &exponents);
        exact_residues(exact->prime, exact->dimension, diagonal, exponents, exact->diagonal);
        exact_scale_rows(exact->prime, &to, exact->diagonal);
    }
    struct block swap = exact->columns;
    exact->columns = exact->next;
    exact->next = swap;
    exact->context->flops += 2.0 * (double)exact->dimension * (double)exact->dimension * (double)count;
    return STATUS_OK;
}

static enum status make_columns(struct exact_chain *exact, long count)
{
    TRY(memory_allocate(&exact->diagonal, block_stride(exact->dimension), "residues of derivatives"));
    TRY(block_create(exact->dimension, count, &exact->columns));
    return block_create(exact->dimension, count, &exact->next);
}

/* ranks := the larger of them and those modulo a prime. */
static enum status find_ranks(struct exact_chain *exact, int prime, long *ranks)
{
    long rank = exact->dimension;
    TRY(begin_prime(exact, prime));
    for (long i = 0; i < rank; i++)
        block_column(&exact->columns, i)[i] = 1;
    for (long step = 0; step < exact->steps && rank > 0; step++) {
        TRY(take_step(exact, step, rank));
        struct block columns = block_view(&exact->columns, 0, rank);
        rank = exact_reduce(prime, &columns);
        exact->context->flops += (double)exact->dimension * (double)rank * (double)columns.columns;
        ranks[step] = rank > ranks[step] ? rank : ranks[step];
    }
    return STATUS_OK;
}

enum status exact_chain_ranks(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                              long *ranks)
{
    SCOPED(exact_chain) exact = { 0 };
    SCOPED_MEMORY long *bounds = NULL;
    bool is_regular = false;
    TRY(chain_open(problem, context, chain, 0, problem->lags[problem->lag_count - 1], &exact));
    TRY(memory_allocate(&bounds, exact.steps, "bounds of ranks"));
    TRY(bound_ranks(&exact, bounds));
    TRY(find_regular(&exact, &is_regular));
    memcpy(ranks, bounds, (size_t)exact.steps * sizeof *ranks);
    if (!exact.is_whole || is_regular)
        return STATUS_OK;
    memset(ranks, 0, (size_t)exact.steps * sizeof *ranks);
    TRY(make_columns(&exact, exact.dimension));
    for (int prime = 0; prime < EXACT_PRIMES; prime++)
        if (memcmp(ranks, bounds, (size_t)exact.steps * sizeof *ranks) != 0)
            TRY(find_ranks(&exact, prime, ranks));
    return STATUS_OK;
}

/* *first_zero := the larger of it and where `columns` columns, begun with values[dimension * columns], are first zero
 * modulo a prime. */
static enum status find_first_zero(struct exact_chain *exact, int prime, long columns, const double *values,
                                   long *first_zero)
{
    long step = 0;
    TRY(begin_prime(exact, prime));
    for (long j = 0; j < columns; j++)
        exact_residues(prime, exact->dimension, values + j * exact->dimension, NULL, block_column(&exact->columns, j));
    for (bool is_zero = false; !is_zero && step < exact->steps; step += !is_zero) {
        TRY(take_step(exact, step, columns));
        is_zero = exact_is_zero(exact->columns.values, exact->columns.stride * columns);
    }
    *first_zero = step + 1 > *first_zero ? step + 1 : *first_zero;
    return STATUS_OK;
}

/* The same over so many primes. */
static enum status carry_until_zero(struct exact_chain *exact, int primes, long columns, const double *values,
                                    long *first_zero)
{
    *first_zero = 0;
    for (int prime = 0; prime < primes && *first_zero <= exact->steps; prime++)
        TRY(find_first_zero(exact, prime, columns, values, first_zero));
    return STATUS_OK;
}

/* A product that is not zero shows it in one vector modulo one prime, as a rule. */
static enum status probe_until_zero(struct exact_chain *exact, long *first_zero)
{
    const struct random_stream stream = random_stream_open(weights_seed(exact->problem->weights), "exact zeros");
    SCOPED_MEMORY double *values = NULL;
    TRY(memory_allocate(&values, PROBES * exact->dimension, "probes of a product"));
    random_uniform(&stream, 0, 0, (uint64_t)(PROBES * exact->dimension), values);
    TRY(make_columns(exact, PROBES));
    TRY(carry_until_zero(exact, 1, 1, values, first_zero));
    return *first_zero > exact->steps ? STATUS_OK : carry_until_zero(exact, EXACT_PRIMES, PROBES, values, first_zero);
}

enum status exact_chain_rank(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                             long *rank)
{
    const long steps = problem->lags[problem->lag_count - 1];
    SCOPED_MEMORY long *ranks = NULL;
    TRY(memory_allocate(&ranks, steps, "ranks of products"));
    TRY(exact_chain_ranks(problem, context, chain, ranks));
    *rank = ranks[steps - 1];
    return STATUS_OK;
}

/* Whether it is known without a look at any derivative that no product is zero, as is usual: powers of W, which has a
 * trace, are not; nor are products in which no rank can be lost. */
static enum status is_known_alive(const struct jacobian_problem *problem, long chain, bool *is_known)
{
    const long steps = problem->lags[problem->lag_count - 1], member = jacobian_member(problem, chain);
    long rank = 0;
    *is_known = false;
    if (problem->trajectory == NULL)
        TRY(weights_have_trace(problem->weights, is_known));
    if (*is_known)
        return STATUS_OK;
    if (problem->trajectory && !trajectory_is_regular_throughout(problem->trajectory, steps, member))
        return STATUS_OK;
    TRY(weights_rank(problem->weights, &rank));
    *is_known = rank == weights_hidden_size(problem->weights);
    return STATUS_OK;
}

enum status exact_chain_first_zero(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                                   long *first_zero)
{
    SCOPED(exact_chain) exact = { 0 };
    bool is_alive = false, is_regular = false;
    *first_zero = problem->lags[problem->lag_count - 1] + 1;
    TRY(is_known_alive(problem, chain, &is_alive));
    if (is_alive)
        return STATUS_OK;
    TRY(chain_open(problem, context, chain, 0, problem->lags[problem->lag_count - 1], &exact));
    for (long step = exact.steps - 1; step >= 0; step--)
        if (exact.alive[step] == 0)
            *first_zero = step + 1;
    if (!exact.is_whole || *first_zero == 1)
        return STATUS_OK;
    TRY(find_regular(&exact, &is_regular));
    return is_regular ? STATUS_OK : probe_until_zero(&exact, first_zero);
}

enum status exact_error_first_zero(struct weights *weights, const struct trajectory *trajectory,
                                   struct gradient_context *context, long chain, long last_step, const double *error,
                                   long *first_zero)
{
    SCOPED(exact_chain) exact = { 0 };
    const struct jacobian_problem problem = {
        .weights = weights, .trajectory = trajectory, .steps = trajectory->window, .chains = trajectory->chains
    };
    const double largest = block_largest_magnitude(error, weights_hidden_size(weights));
    bool is_regular = false;
    *first_zero = largest == 0 ? 0 : last_step + 1;
    TRY(chain_open(&problem, context, chain, trajectory->window - last_step, last_step, &exact));
    if (!exact.is_whole)
        *first_zero = -1;
    if (!exact.is_whole || !isfinite(largest) || largest == 0)
        return STATUS_OK;
    TRY(find_regular(&exact, &is_regular));
    if (is_regular)
        return STATUS_OK;
    TRY(make_columns(&exact, 1));
    return carry_until_zero(&exact, EXACT_PRIMES, 1, error, first_zero);
}
