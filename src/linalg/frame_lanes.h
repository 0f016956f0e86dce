/* QR decompositions of several small matrices at a time, one in each lane of a vector: each with the bits that
 * linalg/householder.h gives it, whatever its neighbours. Private to frame.c. Not collective. */
#ifndef GRADSWEEP_LINALG_FRAME_LANES_H
#define GRADSWEEP_LINALG_FRAME_LANES_H

enum { FRAME_LANES = 8, FRAME_LANES_WIDEST = 32 };

/* Vectors from one row to the next: an odd number, so that the rows of a column lie in different sets of the cache. */
static inline long frame_lanes_stride(long columns)
{
    return columns | 1;
}

/* rows[d][frame_lanes_stride(columns)][FRAME_LANES], 64-byte aligned: on entry matrices, at most FRAME_LANES_WIDEST
 * columns each, their rows in descending order of size; on return Q. diagonal[columns][FRAME_LANES] := R_ii.
 * size_exponents[FRAME_LANES][d]: of a lane, row i is of the order of 2^size_exponents[lane][i].
 * reflections[columns][d][FRAME_LANES], aligned likewise, is room. */
void frame_lanes_factor(long dimension, long columns, double *rows, const int *const *size_exponents,
                        double *reflections, double *diagonal);

#endif
