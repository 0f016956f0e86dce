/* QR decompositions by blocked Householder reflections, Q never formed unless it is asked for: Q = Q_1 Q_2 ..., each
 * Q_b = I - V T V^T of some columns (Schreiber and Van Loan, SIAM J. Sci. Stat. Comput. 10, 1989), applied by products
 * of the fixed-order kernel. So every element is one fixed sequence of operations, on every instruction set. Not
 * collective. */
#ifndef GRADSWEEP_LINALG_REFLECTIONS_H
#define GRADSWEEP_LINALG_REFLECTIONS_H

#include "linalg/block.h"

#include <stdbool.h>

struct reflections;

/* Room for decompositions of matrices [rows, columns], columns <= rows; `with_vectors`: reflections_vectors will be
 * called. Release with reflections_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status reflections_create(long rows, long columns, bool with_vectors, struct reflections **reflections);
void reflections_destroy(struct reflections *reflections);
SCOPED_HANDLE(reflections, reflections_destroy)

/* matrix = Q R, of which Q and diagonal[columns] := R_ii are kept; `matrix` is overwritten. Its rows are in descending
 * order of size, row i of the order of 2^size_exponents[i]: each is then as accurate as it is small (Cox and Higham,
 * BIT 38, 1998). R_ii is 0 where a column is exactly zero below the ones before it; NaN from there on where an element
 * is not finite. */
void reflections_factor(struct reflections *reflections, struct block *matrix, const int *size_exponents,
                        double *diagonal);

/* x := Q^T x, x of `rows` rows; Q is square. */
void reflections_apply_transposed(struct reflections *reflections, struct block *x);

/* vectors[rows, columns] := the first columns of Q. */
void reflections_vectors(struct reflections *reflections, struct block *vectors);

/* Bytes of reflections, and operations beside those of a QR decomposition and of applying Q to `columns` vectors. */
double reflections_bytes(long rows, long columns, bool with_vectors);

#endif
