/* The powers A^2, A^4, A^8, ... of one matrix by repeated squaring, 2 d^3 flops each, packed for the kernel like A,
 * with the bits of one rank on any grid. How much of them rounding has left is not told here: a square errs by twice
 * the norm of A^k times the error of A^k, which for a non-normal A is more than ||A^2k|| may bear
 * (gradient/jacobian_powers.c looks at what they do to random columns). */
#ifndef GRADSWEEP_LINALG_POWERS_H
#define GRADSWEEP_LINALG_POWERS_H

#include "linalg/matrix.h"

#include <stdint.h>

enum { POWERS_MOST = 8 };

struct powers {
    const struct matrix *first;     /* A; its owner's */
    struct matrix *of[POWERS_MOST]; /* A^(2^k) / 2^exponents[k], 0 < k < count; these alone are owned */
    int64_t exponents[POWERS_MOST]; /* [0] is 0 */
    int count;
};

/* The first `count` of A, A^2, A^4, ...; `first`, which was created with `transposed`, must outlive them. Each has its
 * largest |element| within 2^-200 .. 2^200, as far as it is finite. `powers` are their owner's to release with
 * powers_close, also where this fails. Collective within the team of the matrix, and agreed. Errors: STATUS_MEMORY,
 * STATUS_PARALLEL. */
CHECKED enum status powers_create(const struct matrix *first, int count, struct powers *powers);
void powers_close(struct powers *powers); /* not collective */
SCOPED_VALUE(powers, powers_close)

/* A^(2^k) / 2^exponents[k]; not collective. */
const struct matrix *powers_at(const struct powers *powers, int k);

#endif
