/* sin. Arguments are reduced by pi/2 in three parts, which is exact enough up to 2^45; beyond, there are the C
 * library's functions, of single elements. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_SINE_H
#define GRADSWEEP_MODEL_ACTIVATION_SINE_H

#include "model/activation_math.h"

#define SINE_RANGE 0x1p45

/* sin(high + low) and cos(high + low) for |high| <= pi/4 and a bit, low below half a unit of its last place: the
 * series, to 3e-18. */
ALWAYS_INLINE double sine_near_zero(double high, double low)
{
    static const double series[] = { 1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
                                     1.0 / 362880,          -1.0 / 5040,          1.0 / 120,        -1.0 / 6 };
    const double square = high * high;
    return high + fma(high * square, POLYNOMIAL(series, square), low * fma(-0.5, square, 1));
}

ALWAYS_INLINE double cosine_near_zero(double high, double low)
{
    static const double series[] = { -1.0 / 6402373705728000, 1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600,
                                     -1.0 / 3628800,          1.0 / 40320,          -1.0 / 720,         1.0 / 24 };
    const double square = high * high, half = 0.5 * square, first = 1 - half;
    const double lost = (1 - first) - half;
    return first + (lost + fma(square * square, POLYNOMIAL(series, square), -high * low));
}

/* sin(t + quarter_turns pi/2), 0 <= t <= SINE_RANGE. With n the integer next to t 2/pi, t - n pi/2 = high + low. */
ALWAYS_INLINE double turned_sine(double t, uint64_t quarter_turns)
{
    const double first = 0x1.921fb54442d18p+0, second = 0x1.1a62633145c07p-54, third = -0x1.f1976b7ed8fbcp-110;
    const double shifted = fma(t, 0x1.45f306dc9c883p-1, rounding_shift), n = shifted - rounding_shift;
    const double remainder = fma(-n, first, t); /* exact: a multiple of 2^-53 below 1 */
    const double product = n * second, product_low = fma(n, third, fma(n, second, -product));
    const double high = remainder - product, part = high - remainder;
    const double low = ((remainder - (high - part)) - (product + part)) - product_low;
    const uint64_t quadrant = bits_of_double(shifted) + quarter_turns;
    const double sine = sine_near_zero(high, low), cosine = cosine_near_zero(high, low);
    const double magnitude = (quadrant & 1) != 0 ? cosine : sine;
    return double_of_bits(bits_of_double(magnitude) ^ (quadrant & 2) << 62);
}

ALWAYS_INLINE double sin_value(double x)
{
    const double sine = turned_sine(fabs(x), 0);
    return x < 0 ? -sine : sine;
}

ALWAYS_INLINE double sin_derivative(double x)
{
    return turned_sine(fabs(x), 1);
}

/* ln |cos|. Near |cos| = 1 the logarithm of a rounded cosine would keep no relative accuracy; the sine does. */
ALWAYS_INLINE double logarithm_of_cosine(double sine, double cosine)
{
    const double of_sine = 0.5 * logarithm_of_one_plus(-sine * sine);
    return fabs(cosine) > 0.5 ? of_sine : logarithm_of(cosine);
}

ALWAYS_INLINE double sin_log_derivative(double x)
{
    return logarithm_of_cosine(turned_sine(fabs(x), 0), turned_sine(fabs(x), 1));
}

#endif
