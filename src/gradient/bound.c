#include "gradient/bound.h"

#include <float.h>
#include <math.h>

/* Why c = 8. One step computes y = W^T x by d fused multiply-adds a component, each off by at most
 * lambda sqrt(d) u |W|^T |x| with probability at least 1 - 2 d exp(-lambda^2 / 2) (Higham and Mary, SIAM J. Sci.
 * Comput. 41, 2019, A2815, Theorem 3.1; the worst case has d for lambda sqrt(d)). With || |W| ||_2 <= sqrt(d) ||W||_2 a
 * step is off by lambda d u relative to the bound gamma ||W||_2, whatever cancels in the product itself, and l steps
 * add up to l lambda d u. Scaling rows, gain and logarithms add a few u a step. lambda = 7 makes the probability 1e-10
 * at d = 16, and c = 8 leaves room for the rest. */
static const double ROUNDING_CONSTANT = 8.0;
static const double UNIT_ROUNDOFF = DBL_EPSILON / 2.0;

double bound_uncertainty(double tolerance, double lag, double log_norm_error, long hidden_size)
{
    return tolerance + lag * (log_norm_error + ROUNDING_CONSTANT * (double)hidden_size * UNIT_ROUNDOFF);
}

enum bound_verdict bound_check(double log_norm, double log_bound, double uncertainty)
{
    if (isnan(log_norm) || isnan(log_bound))
        return BOUND_NOT_COMPUTED;
    if (log_norm == log_bound) /* -inf against -inf too, whose difference is NaN */
        return BOUND_WITHIN_ROUNDING;
    double delta = log_bound - log_norm;
    if (delta > uncertainty)
        return BOUND_HOLDS;
    return delta < -uncertainty ? BOUND_VIOLATED : BOUND_WITHIN_ROUNDING;
}

uint8_t bound_condition_below_one(double log_value, double error)
{
    if (isnan(log_value))
        return 255;
    return log_value < -error;
}

double bound_growth_rate(const long *lags, const double *log_norms, long lag_count)
{
    if (lag_count == 1)
        return log_norms[0] / (double)lags[0];
    long used = (lag_count + 1) / 2 < 2 ? 2 : (lag_count + 1) / 2, first = lag_count - used;
    double mean_lag = 0.0, mean_norm = 0.0;
    for (long i = first; i < lag_count; i++) {
        if (isnan(log_norms[i]))
            return NAN;
        mean_lag += (double)lags[i] / (double)used;
        mean_norm += log_norms[i] / (double)used;
    }
    if (isinf(mean_norm))
        return mean_norm;
    double covariance = 0.0, variance = 0.0;
    for (long i = first; i < lag_count; i++) {
        double distance = (double)lags[i] - mean_lag;
        covariance += distance * (log_norms[i] - mean_norm);
        variance += distance * distance;
    }
    return covariance / variance;
}
