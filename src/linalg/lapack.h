/* The BLAS and LAPACK routines we call, by their Fortran names: every BLAS has those, not every one has LAPACKE.
 * All integers are 32 bits wide. A Fortran compiler passes the length of each character argument at the end.
 * Not collective. */
#ifndef GRADSWEEP_LINALG_LAPACK_H
#define GRADSWEEP_LINALG_LAPACK_H

#include "base/status.h"

#include <stddef.h>

/* Turns LAPACK's answer into a status: STATUS_INTERNAL for an argument it refuses, STATUS_NUMERICAL where it did not
 * converge for a matrix of that dimension. */
CHECKED enum status lapack_check(int info, const char *routine, long dimension);

/* C := alpha op(A) op(B) + beta C */
void dgemm_(const char *transpose_a, const char *transpose_b, const int *m, const int *n, const int *k,
            const double *alpha, const double *a, const int *lda, const double *b, const int *ldb, const double *beta,
            double *c, const int *ldc, size_t, size_t);

/* y := alpha op(A) x + beta y */
void dgemv_(const char *transpose, const int *m, const int *n, const double *alpha, const double *a, const int *lda,
            const double *x, const int *x_increment, const double *beta, double *y, const int *y_increment);

/* One triangle of C := alpha A^T A + beta C (`transposed` "T"), and the Cholesky factor of a symmetric matrix, which
 * takes its place; info > 0 where it is not positive definite. */
void dsyrk_(const char *triangle, const char *transposed, const int *n, const int *k, const double *alpha,
            const double *a, const int *lda, const double *beta, double *c, const int *ldc, size_t, size_t);
void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t);

/* B := alpha B op(A) or alpha op(A) B, A triangular [n, n] or [m, m], B [m, n] */
void dtrmm_(const char *side, const char *triangle, const char *transpose, const char *diagonal, const int *m,
            const int *n, const double *alpha, const double *a, const int *lda, double *b, const int *ldb, size_t,
            size_t, size_t, size_t);

/* LU decomposition with row interchanges, and A x = b by it. */
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivots, int *info);
void dgetrs_(const char *transpose, const int *n, const int *columns, const double *a, const int *lda,
             const int *pivots, double *b, const int *ldb, int *info, size_t);

/* Eigenvalues (and vectors, by `left` and `right` = "V") of a general matrix, which is overwritten. */
void dgeev_(const char *left, const char *right, const int *n, double *a, const int *lda, double *re, double *im,
            double *vl, const int *ldvl, double *vr, const int *ldvr, double *work, const int *lwork, int *info, size_t,
            size_t);

/* Singular values, descending, by divide and conquer. A is overwritten. */
void dgesdd_(const char *job, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info,
             size_t);

/* QR decomposition, without and with column interchanges (those with columns[j] = 0 are free), and the product
 * with its orthogonal factor and that factor itself. */
void dgeqrf_(const int *m, const int *n, double *a, const int *lda, double *tau, double *work, const int *lwork,
             int *info);
void dgeqp3_(const int *m, const int *n, double *a, const int *lda, int *columns, double *tau, double *work,
             const int *lwork, int *info);
void dormqr_(const char *side, const char *transposed, const int *m, const int *n, const int *k, const double *a,
             const int *lda, const double *tau, double *c, const int *ldc, double *work, const int *lwork, int *info,
             size_t, size_t);
void dorgqr_(const int *m, const int *n, const int *k, double *a, const int *lda, const double *tau, double *work,
             const int *lwork, int *info);

#endif
