/* Activations made of the Gaussian density p(x) and its integral Phi(x): erf, and gelu = x Phi(x). */
#ifndef GRADSWEEP_MODEL_ACTIVATION_GAUSSIAN_H
#define GRADSWEEP_MODEL_ACTIVATION_GAUSSIAN_H

#include "model/activation_math.h"

static const double density_at_zero = 0.39894228040143267794; /* 1 / sqrt(2 pi) */

/* exp(-factor t^2), factor 1/2 or 1. t^2 is split into its rounded value and the rest: the rounding alone, some t^2 u,
 * would cost three digits in the tails. From t = 40 on it is 0. */
ALWAYS_INLINE struct exponential exponential_of_square(double t, double factor)
{
    const double bounded = t > 40 ? 40 : t, square = bounded * bounded, rest = fma(bounded, bounded, -square);
    struct exponential e = exponential_of(-factor * square);
    e.mantissa = fma(e.mantissa, -factor * rest, e.mantissa);
    return e;
}

/* Phi(-t) exp(t^2 / 2) for t >= 0, 1/2 at 0: the polynomial in q = (t - 5) / (t + 5) that agrees with (1 + 4/5 t) times
 * it at the 24 zeros of the Chebyshev polynomial, to 5e-17; the factor makes it almost constant. */
ALWAYS_INLINE double scaled_tail(double t)
{
    static const double coefficients[] = { -0x1.50b7e1d3b0ee5p-32, -0x1.13eff3b094e9dp-32, 0x1.d904440ab0926p-29,
                                           0x1.b5ac13193dfd8p-29,  -0x1.98196c81423e9p-26, -0x1.8c9d3f401e120p-26,
                                           0x1.40dceea209f80p-23,  0x1.f90411ba0ca7ap-24,  -0x1.0bc47805b76f3p-20,
                                           -0x1.9a9bb530b3d2fp-23, 0x1.d55bb09403cefp-18,  -0x1.ba1d7fef1d9a0p-18,
                                           -0x1.66245c9727bfcp-15, 0x1.188f929cf70b2p-13,  0x1.15915b50c2119p-15,
                                           -0x1.53fcb05607ca7p-10, 0x1.36c2bbe807bafp-8,   -0x1.52c1eaf635c1ap-7,
                                           0x1.e9c6c42f027d1p-7,   -0x1.7a767125f9f96p-7,  -0x1.0bdffa36160c1p-7,
                                           0x1.89871b891f48dp-5,   -0x1.a184d9ab9c126p-4,  0x1.89d3abe1f95aep-2 };
    const double q = (t - 5) / (t + 5);
    return POLYNOMIAL(coefficients, q) / fma(0.8, t, 1);
}

/* The series near 0; elsewhere 1 - 2 Phi(-sqrt 2 |x|). */
ALWAYS_INLINE double erf_value(double x)
{
#define TERM(n, factorial) (((n) % 2 == 0 ? M_2_SQRTPI : -M_2_SQRTPI) / ((factorial) * (2.0 * (n) + 1)))
    static const double series[] = { TERM(14, 87178291200.0),
                                     TERM(13, 6227020800.0),
                                     TERM(12, 479001600.0),
                                     TERM(11, 39916800.0),
                                     TERM(10, 3628800.0),
                                     TERM(9, 362880.0),
                                     TERM(8, 40320.0),
                                     TERM(7, 5040.0),
                                     TERM(6, 720.0),
                                     TERM(5, 120.0),
                                     TERM(4, 24.0),
                                     TERM(3, 6.0),
                                     TERM(2, 2.0),
                                     TERM(1, 1.0),
                                     TERM(0, 1.0) };
#undef TERM
    const double t = fabs(x) > 40 ? 40 : fabs(x), near = x * POLYNOMIAL(series, x * x);
    const struct exponential e = exponential_of_square(t, 1);
    const double far = fma(-2 * e.mantissa * e.scale, scaled_tail(M_SQRT2 * t), 1);
    return t < 0.7 ? near : copysign(far, x);
}

ALWAYS_INLINE double erf_derivative(double x)
{
    const struct exponential e = exponential_of_square(fabs(x), 1);
    return M_2_SQRTPI * e.mantissa * e.scale;
}

ALWAYS_INLINE double erf_log_derivative(double x)
{
    return log(M_2_SQRTPI) - x * x;
}

ALWAYS_INLINE double gelu_value(double x)
{
    const double t = fabs(x);
    const struct exponential e = exponential_of_square(t, 0.5);
    const double tail = e.mantissa * scaled_tail(t);
    return x < 0 ? x * tail * e.scale : fma(-x, tail * e.scale, x);
}

/* phi'(-t) / exp(-t^2 / 2), t >= 0: negative from t = 0.7518 on. The two terms differ in size there by t^2, so that
 * they cancel next to the zero alone. */
ALWAYS_INLINE double scaled_gelu_slope(double t)
{
    return fma(-density_at_zero, t, scaled_tail(t));
}

/* Phi(x) + x p(x) below 0, and phi'(x) = 1 - phi'(-x). */
ALWAYS_INLINE double gelu_derivative(double x)
{
    const double t = fabs(x);
    const struct exponential e = exponential_of_square(t, 0.5);
    const double below = e.mantissa * scaled_gelu_slope(t) * e.scale;
    return x > 0 ? 1 - below : below;
}

ALWAYS_INLINE double gelu_log_derivative(double x)
{
    const double t = fabs(x), scaled = scaled_gelu_slope(t);
    const struct exponential e = exponential_of_square(t, 0.5);
    const double below = fma(-0.5 * t, t, logarithm_of(scaled));
    return x > 0 ? logarithm_of_one_plus(-e.mantissa * scaled * e.scale) : below;
}

#endif
