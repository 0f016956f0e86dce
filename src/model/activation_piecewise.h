/* Activations made of lines, a rational piece or an exponential. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_PIECEWISE_H
#define GRADSWEEP_MODEL_ACTIVATION_PIECEWISE_H

#include "model/activation_math.h"

/* `inside` where the condition holds, else `outside`; a NaN argument stays one, so that a lost state cannot pass for a
 * flat derivative. */
ALWAYS_INLINE double choose(double x, int condition, double inside, double outside)
{
    return isnan(x) ? x : condition ? inside : outside;
}

ALWAYS_INLINE double identity_value(double x)
{
    return x;
}

ALWAYS_INLINE double identity_derivative(double x)
{
    return choose(x, 1, 1, 1);
}

ALWAYS_INLINE double identity_log_derivative(double x)
{
    return choose(x, 1, 0, 0);
}

ALWAYS_INLINE double relu_value(double x)
{
    return choose(x, x > 0, x, 0);
}

ALWAYS_INLINE double relu_derivative(double x)
{
    return choose(x, x > 0, 1, 0);
}

ALWAYS_INLINE double relu_log_derivative(double x)
{
    return choose(x, x > 0, 0, -INFINITY);
}

ALWAYS_INLINE double leaky_relu_value(double x)
{
    return x > 0 ? x : ACTIVATION_LEAK * x;
}

ALWAYS_INLINE double leaky_relu_derivative(double x)
{
    return choose(x, x > 0, 1, ACTIVATION_LEAK);
}

ALWAYS_INLINE double leaky_relu_log_derivative(double x)
{
    return choose(x, x > 0, 0, log(ACTIVATION_LEAK));
}

ALWAYS_INLINE double hard_tanh_value(double x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}

ALWAYS_INLINE double hard_tanh_derivative(double x)
{
    return choose(x, fabs(x) < 1, 1, 0);
}

ALWAYS_INLINE double hard_tanh_log_derivative(double x)
{
    return choose(x, fabs(x) < 1, 0, -INFINITY);
}

ALWAYS_INLINE double elu_value(double x)
{
    const double below = exponential_of(-fabs(x)).minus_one;
    return x > 0 ? x : below;
}

ALWAYS_INLINE double elu_derivative(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    return x > 0 ? 1 : e.mantissa * e.scale;
}

ALWAYS_INLINE double elu_log_derivative(double x)
{
    return x > 0 ? 0 : x;
}

ALWAYS_INLINE double softsign_value(double x)
{
    return x / (1 + fabs(x));
}

ALWAYS_INLINE double softsign_derivative(double x)
{
    const double root = 1 / (1 + fabs(x));
    return root * root;
}

ALWAYS_INLINE double softsign_log_derivative(double x)
{
    return -2 * logarithm_of_one_plus(fabs(x));
}

#endif
