/* The BLAS's product, beside which the benchmarks stand. */
#ifndef GRADSWEEP_TESTS_BENCHMARKS_DGEMM_H
#define GRADSWEEP_TESTS_BENCHMARKS_DGEMM_H

#include "linalg/block.h"
#include "linalg/lapack.h"

/* The first `columns` columns of y := values [d, d] times those of x; both blocks have d rows. */
static inline void dgemm_apply(const double *values, const struct block *x, long columns, struct block *y)
{
    const int d = (int)x->rows, n = (int)columns, stride = (int)x->stride;
    const double one = 1, zero = 0;
    dgemm_("N", "N", &d, &n, &d, &one, values, &d, x->values, &stride, &zero, y->values, &stride, 1, 1);
}

#endif
