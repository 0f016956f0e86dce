/* Bounds of the spectral norm of a stored matrix that are proven, rounding error included.
 *
 * Nothing here depends on the rounding mode: every result carries an a-priori bound of its own rounding error, for
 * IEEE double precision to nearest and a BLAS that sums products in some order (no Strassen-like algorithm). All
 * matrices are square blocks, one column of the matrix a column. Not collective. */
#ifndef GRADSWEEP_LINALG_CERTIFIED_NORM_H
#define GRADSWEEP_LINALG_CERTIFIED_NORM_H

#include "linalg/block.h"

#include <stdbool.h>

/* At least ||A||_F, for elements whose largest magnitude is 0 or within 2^-200 .. 2^200; else infinite. */
double certified_frobenius_upper(const struct block *a);

/* *proven := true where a floating-point Cholesky decomposition proves ||A||_2 <= bound; it can where the distance is
 * above some 3 d^2 u, relatively. d^3 4/3 flops. Errors: STATUS_MEMORY. */
CHECKED enum status certified_norm_is_at_most(const struct block *a, double bound, bool *proven);

/* *lower := at most ||A||_2, and below it by some d ||A||_F u; never negative. The vector v of ||A v|| / ||v|| is
 * found by Lanczos, its start keyed by `seed`; the bound holds for whatever v comes out. Elements as for the Frobenius
 * norm, else 0. Errors: STATUS_MEMORY, STATUS_STOPPED (`stop_requested` may be NULL). */
CHECKED enum status certified_norm_lower(const struct block *a, uint64_t seed, bool (*stop_requested)(void),
                                         double *lower);

#endif
