/* Left eigenvectors of a real matrix as a basis: row vectors q_i with q_i A = lambda_i q_i and ||q_i||_2 = 1.
 *
 * Complex eigenvalues come in conjugate pairs, whose vectors are kept as the two real columns sqrt(2) Re q and
 * sqrt(2) Im q of `basis`. With U = [[1, 1], [i, -i]] / sqrt(2), which is unitary, [q, conj q] = [sqrt(2) Re q,
 * sqrt(2) Im q] U: the real basis has the singular values, and so the condition, of the complex one. LAPACK is called
 * on [d, d] alone, with one thread. Not collective. */
#ifndef GRADSWEEP_LINALG_EIGENBASIS_H
#define GRADSWEEP_LINALG_EIGENBASIS_H

#include "base/scope.h"
#include "base/status.h"

#include <stdbool.h>

struct eigenbasis {
    long dimension;
    /* [d] by descending modulus; a pair keeps together, the one with the positive imaginary part first. */
    double *eigenvalue_re, *eigenvalue_im;
    double *basis;    /* [d, d] column-major */
    double condition; /* of the basis in the 2-norm; infinite where it has no inverse */
    double *factors;  /* LU of `basis` */
    int *pivots;
};

/* values[d * d] column-major, not changed. Release with eigenbasis_destroy. Errors: STATUS_MEMORY; STATUS_NUMERICAL for
 * elements that are not finite, or where LAPACK does not converge. A defective matrix is no error: its condition says
 * so. */
CHECKED enum status eigenbasis_create(long dimension, const double *values, struct eigenbasis *eigenbasis);
void eigenbasis_destroy(struct eigenbasis *eigenbasis);
SCOPED_VALUE(eigenbasis, eigenbasis_destroy)

/* Eigenvalues alone, the same bits in the same order: re[d], im[d]. Errors likewise. */
CHECKED enum status eigenbasis_values(long dimension, const double *values, double *re, double *im);

/* The complex coefficients c_i of vector[d] = sum_i c_i q_i, into re[d] and im[d]. Conjugate for a pair. */
void eigenbasis_expand(const struct eigenbasis *eigenbasis, const double *vector, double *re, double *im);

/* vector[d] := sum_i c_i q_i, which is real: of a pair only the first coefficient is read. */
void eigenbasis_combine(const struct eigenbasis *eigenbasis, const double *re, const double *im, double *vector);

#endif
