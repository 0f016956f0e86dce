#include "gradient/lyapunov_summary.h"

#include <math.h>

double lyapunov_dimension(const struct spectrum_of_exponents *spectrum)
{
    double sum = 0;
    for (long j = 0; j < spectrum->count; j++) {
        const double next = spectrum->values[j];
        if (sum + next < 0)
            return (double)j + sum / -next; /* 0 / inf where a direction is exactly zero */
        sum += next;
    }
    return spectrum->count == spectrum->hidden_size ? (double)spectrum->hidden_size : NAN;
}

double lyapunov_entropy(const struct spectrum_of_exponents *spectrum)
{
    double sum = 0;
    for (long j = 0; j < spectrum->count; j++) {
        if (spectrum->values[j] <= 0)
            return sum;
        sum += spectrum->values[j];
    }
    return spectrum->count == spectrum->hidden_size ? sum : NAN;
}

static double mean_of(const double *means, long batches, long stride)
{
    double sum = 0;
    for (long b = 0; b < batches; b++)
        sum += means[b * stride];
    return sum / (double)batches;
}

double lyapunov_batch_error(const double *means, long batches, long stride)
{
    const double mean = mean_of(means, batches, stride);
    double sum = 0;
    for (long b = 0; b < batches; b++)
        sum += (means[b * stride] - mean) * (means[b * stride] - mean);
    return isfinite(mean) ? sqrt(sum / ((double)batches * ((double)batches - 1))) : NAN;
}

bool lyapunov_batches_are_short(const double *means, long batches, long count, long finite)
{
    double correlations = 0;
    long measured = 0;
    for (long i = 0; i < finite; i++) {
        const double mean = mean_of(means + i, batches, count);
        double variance = 0, covariance = 0;
        for (long b = 0; b < batches; b++) {
            const double one = means[b * count + i] - mean;
            variance += one * one;
            covariance += b + 1 < batches ? one * (means[(b + 1) * count + i] - mean) : 0;
        }
        if (variance > 0) {
            correlations += covariance / variance;
            measured++;
        }
    }
    const double spread = 1 / sqrt((double)(batches * measured));
    return measured > 0 && correlations / (double)measured > 0.2 + 2 * spread;
}

void lyapunov_sort(long count, double *values, double *errors)
{
    for (long i = 1; i < count; i++) { /* nearly sorted already */
        const double value = values[i], error = errors[i];
        long j = i;
        for (; j > 0 && values[j - 1] < value; j--) {
            values[j] = values[j - 1];
            errors[j] = errors[j - 1];
        }
        values[j] = value;
        errors[j] = error;
    }
}
