/* What activation*.c share. The loops over elements are compiled once an instruction set, all from activation_loops.h.
 */
#ifndef GRADSWEEP_MODEL_ACTIVATION_INTERNAL_H
#define GRADSWEEP_MODEL_ACTIVATION_INTERNAL_H

#include "model/activation.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define ACTIVATION_LEAK 0.01 /* slope of leaky_relu for x <= 0 */

/* The functions of activation.h for one activation. */
struct activation_loops {
    void (*values)(long count, const double *x, double factor, double *restrict results);
    void (*derivatives)(long count, const double *x, double *restrict results);
    void (*both)(long count, const double *x, double factor, double *restrict values, double *restrict derivatives);
    void (*log_derivatives)(long count, const double *x, double *restrict results);
};

/* In the order of the table; NULL where the program was compiled for another kind of processor. */
extern const struct activation_loops *const activation_loops_avx512;
extern const struct activation_loops *const activation_loops_avx2;
extern const struct activation_loops *const activation_loops_plain;

/* Beyond a magnitude up to which the loops are right: functions of one number that are right there. */
struct activation_beyond {
    double magnitude;
    double (*value)(double x);
    double (*derivative)(double x);
    double (*log_derivative)(double x);
};

extern const struct activation_beyond sine_beyond;

#endif
