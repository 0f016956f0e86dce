/* The innermost part of a QR decomposition: a panel of few columns by Householder's reflections, row-major and
 * vectorised over the columns. Every element is one fixed sequence of operations, whatever the width of the vectors.
 * Private to linalg/. Not collective. */
#ifndef GRADSWEEP_LINALG_HOUSEHOLDER_H
#define GRADSWEEP_LINALG_HOUSEHOLDER_H

enum { HOUSEHOLDER_WIDEST = 64 };

/* Decomposes values[rows * stride], row-major and 64-byte aligned: `columns` of them, at most HOUSEHOLDER_WIDEST and
 * `rows`, then zeros up to the stride, a multiple of 8. The rows are in descending order of size; row i is of the order
 * of 2^size_exponents[i].
 *
 * H_1 ... H_columns = I - V T V^T (Schreiber and Van Loan, SIAM J. Sci. Stat. Comput. 10, 1989): on return `values` is
 * V, ones on its diagonal and zeros above; triangle[columns * stride] is T^T row-major, that is, T column by column;
 * diagonal[columns] is R_ii. room[rows, rounded up to 8] is 64-byte aligned. */
void householder_factor(long rows, long columns, long stride, double *values, const int *size_exponents,
                        double *diagonal, double *triangle, double *room);

/* v[0 .. rows-1]: a column from its diagonal on, zero behind it up to a multiple of 8, 64-byte aligned. Makes it the v,
 * with v[0] = 1, of the reflection I - *factor v v^T that takes the column to a multiple of e_1, which is returned.
 * Numbers are about 2^exponent, whose squares may not be doubles. */
double householder_find(long rows, int exponent, double *v, double *factor);

#endif
