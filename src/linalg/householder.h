/* QR decompositions of few columns by Householder's reflections: small frames, and panels of large ones. Every element
 * is one fixed sequence of operations, whatever the width of the vectors. Private to linalg/. Not collective. */
#ifndef GRADSWEEP_LINALG_HOUSEHOLDER_H
#define GRADSWEEP_LINALG_HOUSEHOLDER_H

#include <stdbool.h>

enum { HOUSEHOLDER_WIDEST = 64 };

/* Sums of squares beyond these have lost digits, or all of them: then columns are scaled once more. */
static const double HOUSEHOLDER_LEAST_SQUARE = 0x1p-900, HOUSEHOLDER_MOST_SQUARE = 0x1p900;

/* For where doubles do not hold the squares of first and of v's elements behind its first, `stride` apart, or the
 * latter sum up to 0: whether any of them is not zero. What is not must be taken away from the columns that follow,
 * however small: rows further down may be nothing else. Then all are of about 1, and *exponent has grown by what they
 * were divided by, if they had to be. What is not finite stays. */
bool householder_hold_squares(long length, long stride, double *v, double *first, int *exponent);

/* H_k = I - factors[k] v_k v_k^T. Of v_k, which is 1 on the diagonal, what is from there on stands at values[k *
 * stride]; so element (i, k) of V is values[i + k * (stride - 1)], also above the diagonal: the zeros behind the end of
 * the column before. */
struct reflectors {
    long rows, columns; /* at most HOUSEHOLDER_WIDEST and `rows` */
    long stride;        /* at least householder_stride(rows) */
    double *values;     /* [columns * stride], 64-byte aligned */
    double factors[HOUSEHOLDER_WIDEST];
};

/* Doubles from one v to the next: whole vectors, and one more of zeros, into which sums of overlaps with a later v
 * reach. */
long householder_stride(long rows);

/* Decomposes values[rows * stride], row-major and 64-byte aligned: the columns, then zeros up to the stride, a multiple
 * of 8. The rows are in descending order of size; row i is of the order of 2^size_exponents[i]. diagonal[columns] :=
 * R_ii; `values` are of no use any more. */
void householder_factor(struct reflectors *reflectors, long stride, double *values, const int *size_exponents,
                        double *diagonal);

/* values[rows * stride], row-major and 64-byte aligned, := the first columns of H_1 H_2 ... */
void householder_vectors(const struct reflectors *reflectors, long stride, double *values);

/* triangle[columns * stride] := T^T row-major, that is, T column by column: H_1 H_2 ... = I - V T V^T (Schreiber and
 * Van Loan, SIAM J. Sci. Stat. Comput. 10, 1989). */
void householder_triangle(const struct reflectors *reflectors, long stride, double *triangle);

#endif
