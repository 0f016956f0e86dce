/* Determinants, and how near to singular a matrix is. Not collective. */
#ifndef GRADSWEEP_LINALG_DETERMINANT_H
#define GRADSWEEP_LINALG_DETERMINANT_H

#include "linalg/block.h"

/* Exponents of powers of two that bring the rows and the columns of values[d * d], column-major, to norms near 1:
 * A_ij = 2^(row_exponents[i] + column_exponents[j]) B_ij, exactly. Rows and columns of zeros are left alone. */
void determinant_balance(long dimension, const double *values, int *row_exponents, int *column_exponents);

/* *log_determinant := ln|det A| by LU, -inf where a pivot is exactly zero; *inverse_norm (NULL: not asked for) :=
 * ||B^-1||_2 of the balanced matrix above, by inverse iteration: some percent below the true one, which is enough for
 * bounds of rounding. The error of ln|det A| is about d u ||B^-1||. Errors: STATUS_MEMORY, STATUS_INTERNAL. */
CHECKED enum status determinant_find(long dimension, const double *values, const int *row_exponents,
                                     const int *column_exponents, double *log_determinant, double *inverse_norm);

/* minors[columns] := ln|det| of the leading minors of A^T B, A and B [d, columns]: Gaussian elimination in order.
 * Errors: STATUS_MEMORY. */
CHECKED enum status determinant_minors(const struct block *a, const struct block *b, double *minors);

#endif
