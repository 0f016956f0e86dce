/* What lanes*.c share: the loops of lanes.h are compiled once an instruction set, all from lanes_loops.h. */
#ifndef GRADSWEEP_LINALG_LANES_INTERNAL_H
#define GRADSWEEP_LINALG_LANES_INTERNAL_H

#include "linalg/lanes.h"

/* Lanczos' vectors at the most, and how many rows of as many numbers it keeps. */
enum { LANES_MOST_VECTORS = 12, LANES_KRYLOV_ROWS = 6 };

/* Relative, to which an eigenvalue counts as proven. */
#define LANES_PROVEN 4e-14

struct lanes_loops {
    void (*step)(long d, long columns, const double *packed, const double *from, const double *diagonals, double *to,
                 double *largest);
    void (*gram)(long d, const double *matrices, double *grams);
    void (*top)(long d, const double *grams, double *work, struct lanes_top *top);
    void (*reduced_top)(long d, double *grams, double *work, struct lanes_top *top);
};

/* NULL where the program was compiled for another kind of processor. */
extern const struct lanes_loops *const lanes_loops_avx512;
extern const struct lanes_loops *const lanes_loops_avx2;
extern const struct lanes_loops *const lanes_loops_plain;

#endif
