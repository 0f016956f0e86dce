/* Single vectors and the orthonormal basis of one Krylov space: basis[stride * count], column-major, each column padded
 * with zeros to `stride`, a multiple of eight (block_stride). Sums run by row number modulo eight, in one order, so
 * that the bits depend on the numbers alone. Not collective. */
#ifndef GRADSWEEP_LINALG_BASIS_H
#define GRADSWEEP_LINALG_BASIS_H

/* result[j] := column j . vector */
void basis_overlaps(const double *basis, long stride, long count, const double *vector, double *result);

/* vector += sum_j coefficients[j] column j */
void basis_add(const double *basis, long stride, long count, const double *coefficients, double *restrict vector);

/* One pass of classical Gram-Schmidt: vector -= Q Q^T vector; returns the overlap with the last column. `coefficients`
 * is scratch[count]. */
double basis_orthogonalise(const double *basis, long stride, long count, double *vector, double *coefficients);

/* vector *= factor, and ||vector||_2. */
void basis_scale(double *vector, long stride, double factor);
double basis_norm(const double *vector, long stride);

#endif
