/* QR decompositions of small matrices by Householder's reflections, vectorised over the columns; private to frame.c.
 * Every element is one fixed sequence of operations, whatever the width of the vectors. Not collective. */
#ifndef GRADSWEEP_LINALG_FRAME_SMALL_H
#define GRADSWEEP_LINALG_FRAME_SMALL_H

/* rows[d * stride], row-major, stride = block_stride(columns), 64-byte aligned: on entry the matrix [d, columns], its
 * rows in descending order of size; on return Q. diagonal[columns] := R_ii. size_exponents[d]: row i is of the order of
 * 2^size_exponents[i]. reflections[columns * block_stride(d)], 64-byte aligned, and factors[columns] are room. */
void frame_small_factor(long dimension, long columns, double *rows, const int *size_exponents, double *reflections,
                        double *factors, double *diagonal);

#endif
