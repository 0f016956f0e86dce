/* What the row of the measure lyapunov and the function that measures share. Private to gradient/. */
#ifndef GRADSWEEP_GRADIENT_LYAPUNOV_INTERNAL_H
#define GRADSWEEP_GRADIENT_LYAPUNOV_INTERNAL_H

#include "gradient/task.h"

/* Its datasets and parameters, in the order of the row. */
enum {
    EXPONENT,
    EXPONENT_ERROR,
    FINITE,
    DETERMINANT_RESIDUAL,
    TWO_SIDED_RESIDUAL,
    DIMENSION,
    ENTROPY,
    ROUNDING,
    BATCHES_CORRELATED,
    DATASETS
};
enum { COUNT, TRANSIENT, STEPS, TWO_SIDED, PARAMETERS };

/* How many exponents of a network were asked for. Not collective. */
long lyapunov_count(const struct measure_options *options, long hidden_size);

/* Whether the exponents are those of the eigenvalues of W. Not collective. */
bool lyapunov_is_in_closed_form(const struct activation *activation, const struct ensemble *ensemble);

/* The measure's function. Collective within the team of the weights. */
CHECKED enum status lyapunov_measure(const struct measure_task *task);

#endif
