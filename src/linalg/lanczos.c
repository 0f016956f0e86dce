/* When is a Ritz value good enough?
 *
 * Let theta be the top Ritz value of B = A^T A with unit Ritz vector y, and r = ||B y - theta y||. Some eigenvalue lies
 * within r of theta. If it is the largest, lambda_1, then ln sigma_1 errs by at most r/(2 theta), and by r^2/(2 theta
 * gap) (Kato and Temple) where the gap to lambda_2 is known. It never is: the second Ritz value lies below lambda_2, so
 * that a neighbour that Lanczos has not yet told apart makes the gap seem wide, and the bound worthless.
 *
 * With such a pair, lambda_2 = lambda_1 (1 - delta), all polynomials of B that are small on the rest of the spectrum
 * treat both alike; y is the mixture cos(phi) v_1 + sin(phi) v_2 that the start vector brought along, with r = lambda_1
 * delta sin(phi) cos(phi),   lambda_1 - theta = lambda_1 delta sin^2(phi) = r tan(phi). No rule on theta or the gap
 * sees this. The residual does: it stands still at that level until the iteration has damped the rest below delta and
 * finds the second vector. So the residual alone decides: r tan(phi) / (2 theta) <= tolerance. tan(phi) = |c_2/c_1|,
 * the ratio of the start's components, is not known, but for a random start its law is: Cauchy, so that it exceeds
 * MIXTURE = 20 with probability 2/(20 pi) = 3%, and the error then exceeds X tolerances with a chance of 3%/X, given
 * that there is an unresolved pair with a delta in the narrow window where this matters at all.
 *
 * A given direction g can be v_2 itself (singular values cross from lag to lag): then only the random part mixed in
 * knows v_1, and tan(phi) is larger by sqrt(d) / (size of that part). This must be asked of the residual, and it takes
 * back what a good start saved, for any size of it; parts of equal size lose least where g is bad. Two runs to a
 * coarser residual that agree cost the same as one to the fine residual: the iteration converges geometrically. */
#include "linalg/lanczos.h"

#include "base/memory.h"
#include "base/random.h"
#include "linalg/basis.h"
#include "linalg/tridiagonal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double UNIT_ROUNDOFF = 0x1p-53;
static const double MIXTURE = 20;

enum { FIRST_CAPACITY = 16, RITZ_INTERVAL = 8 };

/* One chain: B Q = Q T + beta q e^T, with B = A^T A / exp(log_reference). */
struct chain {
    long number;
    double log_reference; /* so that ||B q_0|| = 1: all later numbers are of moderate size */
    double mixture;       /* bound on tan(phi), see above */
    double *basis;        /* [stride, capacity], orthonormal columns */
    long capacity;
    double *diagonal;     /* of T */
    double *off_diagonal; /* of T; the last one is the present beta */
    double theta;         /* the top Ritz value last seen */
};

struct lanczos {
    const struct lanczos_operator *operator;
    const struct lanczos_options *options;
    long limit;     /* iterations at most */
    long count;     /* chains */
    long remaining; /* chains not yet done: the first ones of `chains` */
    struct chain *chains;
    long *numbers; /* of the remaining chains, for the operator */
    struct block x, y, z;
    double *log_scales, *log_scales_transposed;
    double *coefficients;          /* [limit] */
    double *ritz_vector, *scratch; /* [limit], [2 limit] */
    double *tridiagonals;          /* all chains' T */
    struct block *vectors;
    double *log_norms;
    enum lanczos_outcome *outcomes;
};

/* ---- opening and closing ---- */

static void lanczos_close(struct lanczos *lanczos)
{
    for (long c = 0; lanczos->chains != NULL && c < lanczos->count; c++)
        memory_free(lanczos->chains[c].basis);
    memory_free(lanczos->chains);
    memory_free(lanczos->numbers);
    block_destroy(&lanczos->x);
    block_destroy(&lanczos->y);
    block_destroy(&lanczos->z);
    memory_free(lanczos->log_scales);
    memory_free(lanczos->log_scales_transposed);
    memory_free(lanczos->coefficients);
    memory_free(lanczos->ritz_vector);
    memory_free(lanczos->scratch);
    memory_free(lanczos->tridiagonals);
}
SCOPED_VALUE(lanczos, lanczos_close)

static enum status lanczos_open(struct lanczos *lanczos)
{
    const long rows = lanczos->operator->rows, limit = lanczos->limit, count = lanczos->count;
    TRY(memory_allocate(&lanczos->chains, count, "Lanczos chains"));
    TRY(memory_allocate(&lanczos->numbers, count, "Lanczos chains"));
    TRY(block_create(rows, count, &lanczos->x));
    TRY(block_create(rows, count, &lanczos->y));
    TRY(block_create(rows, count, &lanczos->z));
    TRY(memory_allocate(&lanczos->log_scales, count, "Lanczos scales"));
    TRY(memory_allocate(&lanczos->log_scales_transposed, count, "Lanczos scales"));
    TRY(memory_allocate(&lanczos->coefficients, limit, "Lanczos coefficients"));
    TRY(memory_allocate(&lanczos->ritz_vector, limit, "a Ritz vector"));
    TRY(memory_allocate(&lanczos->scratch, 2 * limit, "Lanczos workspace"));
    TRY(memory_allocate(&lanczos->tridiagonals, 2 * limit * count, "Lanczos tridiagonals"));
    lanczos->remaining = count;
    for (long c = 0; c < count; c++) {
        lanczos->chains[c].number = c;
        lanczos->chains[c].diagonal = lanczos->tridiagonals + 2 * limit * c;
        lanczos->chains[c].off_diagonal = lanczos->chains[c].diagonal + limit;
    }
    return STATUS_OK;
}

/* Room for one more basis vector. It doubles, so that a chain that converges early costs little memory. */
static enum status grow_basis(struct lanczos *lanczos, struct chain *chain, long needed)
{
    if (needed <= chain->capacity)
        return STATUS_OK;
    long capacity = chain->capacity == 0 ? FIRST_CAPACITY : 2 * chain->capacity;
    capacity = capacity < lanczos->limit ? capacity : lanczos->limit;
    const long stride = lanczos->x.stride;
    double *grown = NULL;
    TRY(memory_allocate(&grown, stride * capacity, "a Lanczos basis"));
    if (chain->capacity > 0)
        memcpy(grown, chain->basis, (size_t)(stride * chain->capacity) * sizeof *grown);
    memory_free(chain->basis);
    chain->basis = grown;
    chain->capacity = capacity;
    return STATUS_OK;
}

/* First basis vectors: the given direction and the random one, both of unit norm, added. */
static enum status set_starts(struct lanczos *lanczos)
{
    const long rows = lanczos->operator->rows, stride = lanczos->x.stride;
    char description[64];
    snprintf(description, sizeof description, "lanczos start rows=%ld", rows);
    struct random_stream stream = random_stream_open(lanczos->options->seed, description);
    SCOPED_MEMORY double *random = NULL;
    TRY(memory_allocate(&random, stride, "a start vector"));
    random_normal(&stream, 0, 0, (uint64_t)rows, random);
    basis_scale(random, stride, 1 / basis_norm(random, stride));
    for (long c = 0; c < lanczos->remaining; c++) {
        struct chain *chain = &lanczos->chains[c];
        TRY(grow_basis(lanczos, chain, 1));
        memcpy(chain->basis, random, (size_t)stride * sizeof *random);
        chain->mixture = MIXTURE;
        if (lanczos->vectors == NULL)
            continue;
        const double *given = block_column(lanczos->vectors, c);
        double norm = basis_norm(given, stride), factor = 1 / norm;
        if (norm > 0 && isfinite(norm) && isfinite(factor)) {
            chain->mixture = MIXTURE * sqrt((double)rows);
            basis_add(given, stride, 1, &factor, chain->basis);
            basis_scale(chain->basis, stride, 1 / basis_norm(chain->basis, stride));
        }
    }
    return STATUS_OK;
}

/* ---- one iteration ---- */

/* z := A^T A x for the remaining chains, x their newest basis vectors. */
static enum status apply_operator(struct lanczos *lanczos, long iteration)
{
    const struct lanczos_operator *operator= lanczos->operator;
    const long n = lanczos->remaining, stride = lanczos->x.stride;
    struct block x = block_view(&lanczos->x, 0, n), y = block_view(&lanczos->y, 0, n),
                 z = block_view(&lanczos->z, 0, n);
    for (long c = 0; c < n; c++) {
        lanczos->numbers[c] = lanczos->chains[c].number;
        lanczos->log_scales[c] = lanczos->log_scales_transposed[c] = 0;
        memcpy(block_column(&x, c), lanczos->chains[c].basis + iteration * stride, (size_t)stride * sizeof(double));
    }
    TRY(operator->apply(operator->context, lanczos->numbers, &x, &y, lanczos->log_scales));
    return operator->apply_transposed(operator->context, lanczos->numbers, &y, &z, lanczos->log_scales_transposed);
}

/* Extends T by one row and the basis by one column. False: the chain has ended, with a zero operator or a NaN. */
static bool extend(struct lanczos *lanczos, struct chain *chain, double *z, double log_scale, long iteration)
{
    const long stride = lanczos->x.stride, number = chain->number;
    if (iteration == 0) {
        double norm = basis_norm(z, stride);
        chain->log_reference = log_scale + log(norm);
        if (norm == 0 || log_scale == -INFINITY) {
            lanczos->outcomes[number] = isnan(norm + log_scale) ? LANCZOS_NOT_FINITE : LANCZOS_CONVERGED;
            lanczos->log_norms[number] = isnan(norm + log_scale) ? NAN : -INFINITY;
            if (lanczos->vectors != NULL)
                memcpy(block_column(lanczos->vectors, number), chain->basis, (size_t)stride * sizeof(double));
            return false;
        }
    }
    basis_scale(z, stride, exp(log_scale - chain->log_reference));
    double alpha = basis_orthogonalise(chain->basis, stride, iteration + 1, z, lanczos->coefficients);
    alpha += basis_orthogonalise(chain->basis, stride, iteration + 1, z, lanczos->coefficients);
    double beta = basis_norm(z, stride);
    chain->diagonal[iteration] = alpha;
    chain->off_diagonal[iteration] = beta;
    if (!isfinite(alpha + beta)) {
        lanczos->outcomes[number] = LANCZOS_NOT_FINITE;
        lanczos->log_norms[number] = NAN;
        return false;
    }
    return true;
}

/* The top Ritz pair after k iterations into chain->theta and lanczos->ritz_vector. It follows from the last one; it is
 * searched for anew only where the pair is to be relied on and turns out not to be the top one, and now and then, lest
 * another pair be followed for long. */
static void find_ritz_pair(struct lanczos *lanczos, struct chain *chain, long k, double threshold)
{
    const double *diagonal = chain->diagonal, *off_diagonal = chain->off_diagonal,
                 margin = 8 * (double)k * UNIT_ROUNDOFF;
    double *vector = lanczos->ritz_vector;
    tridiagonal_refine(k, diagonal, off_diagonal, &chain->theta, vector, lanczos->scratch);
    bool may_be_accepted = !(off_diagonal[k - 1] * fabs(vector[k - 1]) > 2 * threshold * chain->theta);
    if (!may_be_accepted && k < lanczos->limit && k > RITZ_INTERVAL && k % RITZ_INTERVAL != 0)
        return;
    if (tridiagonal_is_above_all(k, diagonal, off_diagonal, chain->theta * (1 + margin)))
        tridiagonal_refine(k, diagonal, off_diagonal, &chain->theta, vector, lanczos->scratch);
    else
        tridiagonal_top(k, diagonal, off_diagonal, &chain->theta, vector, lanczos->scratch);
}

/* Sets *done where the chain's value is accepted, or is the last there will be, and stores it then. */
static enum status look(struct lanczos *lanczos, struct chain *chain, long k, bool *done)
{
    const long rows = lanczos->operator->rows, stride = lanczos->x.stride, number = chain->number;
    const double floor = 4 * (double)rows * UNIT_ROUNDOFF;
    const double threshold = 2 * fmax(lanczos->options->tolerance, floor) / chain->mixture;
    double *ritz = lanczos->ritz_vector;
    *done = false;
    find_ritz_pair(lanczos, chain, k, threshold);
    /* A Krylov space of all dimensions is invariant: T says it all. */
    bool accepted = k == rows || chain->off_diagonal[k - 1] * fabs(ritz[k - 1]) <= threshold * chain->theta;
    if (!accepted && k < lanczos->limit)
        return STATUS_OK;

    if (lanczos->vectors != NULL) {
        double *vector = block_column(lanczos->vectors, number);
        memset(vector, 0, (size_t)stride * sizeof *vector);
        basis_add(chain->basis, stride, k, ritz, vector);
        basis_scale(vector, stride, 1 / basis_norm(vector, stride));
    }
    lanczos->log_norms[number] = 0.5 * (chain->log_reference + log(chain->theta));
    lanczos->outcomes[number] = accepted ? LANCZOS_CONVERGED : LANCZOS_UNRESOLVED;
    *done = true;
    return STATUS_OK;
}

/* Iteration k-1 of one chain, after the operator was applied. */
static enum status advance(struct lanczos *lanczos, long place, long k, bool *done)
{
    struct chain *chain = &lanczos->chains[place];
    const long stride = lanczos->x.stride;
    double *z = block_column(&lanczos->z, place);
    *done = !extend(lanczos, chain, z, lanczos->log_scales[place] + lanczos->log_scales_transposed[place], k - 1);
    if (!*done)
        TRY(look(lanczos, chain, k, done));
    if (*done) {
        memory_free(chain->basis);
        chain->basis = NULL;
        return STATUS_OK;
    }
    if (k + 1 > chain->capacity)
        TRY(team_agree(lanczos->options->team, grow_basis(lanczos, chain, k + 1)));
    memcpy(chain->basis + k * stride, z, (size_t)stride * sizeof *z);
    basis_scale(chain->basis + k * stride, stride, 1 / chain->off_diagonal[k - 1]);
    return STATUS_OK;
}

static enum status iterate(struct lanczos *lanczos)
{
    for (long k = 1; lanczos->remaining > 0; k++) {
        if (lanczos->options->stop_requested != NULL && lanczos->options->stop_requested())
            return status_fail(STATUS_STOPPED, "stopped on request within a Lanczos iteration");
        TRY(apply_operator(lanczos, k - 1));
        long kept = 0;
        for (long place = 0; place < lanczos->remaining; place++) {
            bool done = false;
            TRY(advance(lanczos, place, k, &done));
            struct chain finished = lanczos->chains[kept];
            if (!done) {
                lanczos->chains[kept] = lanczos->chains[place];
                lanczos->chains[place] = finished;
                kept++;
            }
        }
        lanczos->remaining = kept;
    }
    return STATUS_OK;
}

enum status lanczos_norms(const struct lanczos_operator *operator, long count, const struct lanczos_options *options,
                          struct block *vectors, double *log_norms, enum lanczos_outcome *outcomes)
{
    const long limit = options->max_iterations < operator->rows ? options->max_iterations : operator->rows;
    SCOPED(lanczos)
    lanczos = { .operator= operator,
                .options = options,
                .limit = limit > 0 ? limit : 1,
                .count = count,
                .vectors = vectors,
                .log_norms = log_norms,
                .outcomes = outcomes };
    enum status status = lanczos_open(&lanczos);
    if (status == STATUS_OK)
        status = set_starts(&lanczos);
    TRY(team_agree(options->team, status));
    return iterate(&lanczos);
}
