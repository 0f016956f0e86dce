/* Activations made of the logistic function s(x) = 1 / (1 + exp(-x)): sigmoid, tanh and silu.
 *
 * 1 - s(x) is s(-x), and 1 - tanh^2 x is 4 e / (1 + e)^2 with e = exp(-2|x|): written so, nothing cancels in the tails,
 * where the textbook forms are exactly 0 from |x| = 19 or 37 on. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_LOGISTIC_H
#define GRADSWEEP_MODEL_ACTIVATION_LOGISTIC_H

#include "model/activation_math.h"

/* Where exponential_of is 0 this is nearly so, which serves as well. */
ALWAYS_INLINE struct exponential tanh_exponential(double x)
{
    const double y = -2 * fabs(x);
    return bounded_exponential_of(y < LEAST_EXPONENT ? LEAST_EXPONENT : y);
}

ALWAYS_INLINE double tanh_value(double x)
{
    const struct exponential e = tanh_exponential(x);
    return copysign(e.minus_one / (2 + e.minus_one), x);
}

/* From the value's quotient v <= 0: a division takes as long as half of the rest. Near 0 it is 1 - v^2, never above 1,
 * and 1 as long as the square is below half a unit of its last place. Elsewhere it is s^2 e with s = 1 - v, which is
 * 2 / (1 + e) but for its errors; r = 2 - s (1 + e), where 2 - s is exact, is twice the relative one, so that the
 * square wants a factor 1 + r. With u = 2^-53, e is right to 2 u, and s^2, its product with e and the correction are
 * rounded to u each: 5 u in all. */
ALWAYS_INLINE double tanh_derivative(double x)
{
    const struct exponential e = tanh_exponential(x);
    const double quotient = e.minus_one / (2 + e.minus_one), root = 1 - quotient;
    const double product = e.mantissa * (root * root), correction = fma(-root, e.mantissa, 2 - root);
    const double near = fma(-quotient, quotient, 1), far = fma(product, correction, product) * e.scale;
    return fabs(x) < 0.5 ? near : far;
}

/* -2 ln cosh x. Near 0 the form for the tails cancels, and cosh^2 = 1 + sinh^2 = 1 + (1 - e)^2 / 4 e does not. */
ALWAYS_INLINE double tanh_log_derivative(double x)
{
    const struct exponential e = exponential_of(-2 * fabs(x));
    const double decay = e.mantissa * e.scale;
    const int is_near = fabs(x) < 0.5;
    const double logarithm = logarithm_of_one_plus(is_near ? e.minus_one * e.minus_one / (4 + 4 * e.minus_one) : decay);
    return is_near ? -logarithm : -2 * (fabs(x) + logarithm - M_LN2);
}

ALWAYS_INLINE double sigmoid_value(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    const double quotient = (x < 0 ? e.mantissa : 1) / (1 + e.mantissa * e.scale);
    return x < 0 ? quotient * e.scale : quotient;
}

ALWAYS_INLINE double sigmoid_derivative(double x)
{
    return tanh_derivative(0.5 * x) * 0.25;
}

ALWAYS_INLINE double sigmoid_log_derivative(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    return -(fabs(x) + 2 * logarithm_of_one_plus(e.mantissa * e.scale));
}

ALWAYS_INLINE double silu_value(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    const double quotient = x / (1 + e.mantissa * e.scale);
    return x < 0 ? quotient * e.mantissa * e.scale : quotient;
}

/* (1 + e)^2 silu'(x), e = exp(-|x|), but for a factor e below 0: s (1 + x (1 - s)) times that. Its zero, at
 * x = -1.278, is where 1 + x, exact there, and e cancel. */
ALWAYS_INLINE double silu_numerator(double x, double e)
{
    return x < 0 ? (1 + x) + e : fma(1 + x, e, 1);
}

ALWAYS_INLINE double silu_derivative(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    const double decay = e.mantissa * e.scale;
    const double quotient = silu_numerator(x, decay) / fma(decay, 2 + decay, 1);
    return x < 0 ? quotient * e.mantissa * e.scale : quotient;
}

ALWAYS_INLINE double silu_log_derivative(double x)
{
    const struct exponential e = exponential_of(-fabs(x));
    const double decay = e.mantissa * e.scale;
    const double numerator = logarithm_of(silu_numerator(x, decay)), denominator = 2 * logarithm_of_one_plus(decay);
    return (x < 0 ? x : 0) + (numerator - denominator);
}

#endif
