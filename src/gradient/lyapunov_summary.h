/* What follows from Lyapunov exponents. Private to gradient/. Not collective. */
#ifndef GRADSWEEP_GRADIENT_LYAPUNOV_SUMMARY_H
#define GRADSWEEP_GRADIENT_LYAPUNOV_SUMMARY_H

#include "gradient/measure.h"

extern const struct measure measure_lyapunov;

/* values[count], descending, the leading ones of hidden_size. */
struct spectrum_of_exponents {
    const double *values;
    long count, hidden_size;
};

/* The Kaplan-Yorke dimension, j + (lambda_1 + ... + lambda_j) / |lambda_(j+1)| with the last j whose sum is not
 * negative (Kaplan and Yorke, Lecture Notes in Mathematics 730, 1979); NaN where `count` ends before the sum is
 * negative. */
double lyapunov_dimension(const struct spectrum_of_exponents *spectrum);

/* The sum of the positive ones (Pesin); NaN where `count` ends before they are negative. */
double lyapunov_entropy(const struct spectrum_of_exponents *spectrum);

/* The standard error of the mean of batches[batches], `stride` apart; NaN where they are infinite. */
double lyapunov_batch_error(const double *means, long batches, long stride);

/* Whether consecutive batches, means[batches][count], are correlated, over the first `finite` exponents: the mean of
 * their lag-1 correlations is above .2 by more than two of its standard deviations, 1/sqrt(batches finite), would be.
 */
bool lyapunov_batches_are_short(const double *means, long batches, long count, long finite);

/* Puts values[count] in descending order, and errors with them. */
void lyapunov_sort(long count, double *values, double *errors);

#endif
