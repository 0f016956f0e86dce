/* Largest singular values by Lanczos on A^T A, for blocks of chains at once.
 *
 * Golub and Van Loan, Matrix Computations, ch. 10; full reorthogonalisation. Stopping by the difference of successive
 * values misconverges where singular values lie close; a value is accepted only on its residual (lanczos.c has the
 * argument). Collective where the operator is. */
#ifndef GRADSWEEP_LINALG_LANCZOS_H
#define GRADSWEEP_LINALG_LANCZOS_H

#include "linalg/block.h"
#include "parallel/team.h"

#include <stdbool.h>
#include <stdint.h>

/* A family of square operators A_c, one a chain. For column j the chain is chains[j]; x and y are [rows, n].
 * The true result is exp(log_scales[j]) * column j of y; implementations keep the columns of y away from overflow and
 * underflow, and add nothing to log_scales[j] themselves but that scale. x is not changed. */
typedef enum status lanczos_apply(void *context, const long *chains, const struct block *x, struct block *y,
                                  double *log_scales);

struct lanczos_operator {
    long rows;
    void *context;
    lanczos_apply *apply;            /* y := A_c x   */
    lanczos_apply *apply_transposed; /* y := A_c^T x */
};

struct lanczos_options {
    double tolerance;    /* of ln sigma_1, absolute */
    long max_iterations; /* per chain; bounded by rows as well */
    uint64_t seed;       /* of the random start vectors; a chain's start depends on (seed, rows) alone */
    /* The stop request, looked at once an iteration; may be NULL. */
    bool (*stop_requested)(void);
    /* The ranks that run the same iteration, where the operator is collective among them; NULL for a rank alone. They
     * agree on memory that one of them lacks; all else they find alike. */
    const struct team *team;
};

enum lanczos_outcome {
    LANCZOS_CONVERGED,
    LANCZOS_UNRESOLVED, /* the iterations ran out; the value is the best found. Fall back to the explicit method */
    LANCZOS_NOT_FINITE  /* a NaN or an infinity came out of the operator */
};

/* For chains 0 .. count-1: log_norms[c] := ln ||A_c||_2 (-inf for a zero operator, which is a result, not a failure)
 * and outcomes[c]. `vectors` may be NULL; else column c holds a starting direction (zeros: a random one) and receives
 * the unit right singular vector found. A random part is always mixed in, so that a start orthogonal to the wanted
 * vector does no harm; a good direction saves hardly an iteration, because more is then asked of the residual.
 * Converged chains leave the block, so that the rest go on in a narrower one; a chain's bits do not depend on the
 * others. Errors: STATUS_MEMORY, STATUS_STOPPED, and what the operator returns. */
CHECKED enum status lanczos_norms(const struct lanczos_operator *operator, long count,
                                  const struct lanczos_options *options, struct block *vectors, double *log_norms,
                                  enum lanczos_outcome *outcomes);

#endif
