/* An activation at single points. */
#ifndef GRADSWEEP_TESTS_MODEL_ACTIVATION_AT_H
#define GRADSWEEP_TESTS_MODEL_ACTIVATION_AT_H

#include "model/activation.h"

/* phi(x) */
static inline double value_at(const struct activation *activation, double x)
{
    double value;
    activation_values(activation, 1, &x, 1, &value);
    return value;
}

/* phi'(x) / sup|phi'| */
static inline double slope_at(const struct activation *activation, double x)
{
    double slope;
    activation_derivatives(activation, 1, &x, &slope);
    return slope;
}

/* ln |phi'(x)| */
static inline double log_derivative_at(const struct activation *activation, double x)
{
    double logarithm;
    activation_log_derivatives(activation, 1, &x, &logarithm);
    return logarithm;
}

#endif
