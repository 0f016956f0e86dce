/* Elementary functions for activations: straight lines of arithmetic, which compilers make vectors of. Each fused
 * multiply-add is written out and the others are forbidden (-ffp-contract=off), so that the bits are the same for every
 * instruction set, width and place. All give NaN for NaN. Right to about one unit in the last place.
 * For activation_loops.h alone, and functions of that file's kind. */
#ifndef GRADSWEEP_MODEL_ACTIVATION_MATH_H
#define GRADSWEEP_MODEL_ACTIVATION_MATH_H

#include "base/strict_arithmetic.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE uint64_t bits_of_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

ALWAYS_INLINE double double_of_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* coefficients[count], that of the highest power first */
ALWAYS_INLINE double polynomial(int count, const double *coefficients, double x)
{
    double sum = coefficients[0];
#pragma GCC unroll 32
    for (int i = 1; i < count; i++)
        sum = fma(sum, x, coefficients[i]);
    return sum;
}
#define POLYNOMIAL(coefficients, x) polynomial(sizeof(coefficients) / sizeof *(coefficients), coefficients, x)

static const double ln2_high = 0x1.62e42fefa39efp-1, ln2_low = 0x1.abc9e3b39803fp-56; /* ln 2 to 106 bits */
static const double rounding_shift = 0x1.8p52; /* added and taken away again, rounds to an integer; its last bits are
                                                  the integer's meanwhile */

/* exp(y) = mantissa * scale. `scale` is 1 or a power of two that takes small results below the normal range: as the
 * last factor of a product it keeps the others' digits. */
struct exponential {
    double mantissa, scale;
    double minus_one; /* exp(y) - 1, right where that is small */
};

#define LEAST_EXPONENT (-760.0) /* exp of it is below an eighth of the smallest double */

/* For LEAST_EXPONENT <= y <= 0. exp(y) = 2^k exp(r), |r| <= (ln 2) / 2; exp(r) - 1 by its series, to 4e-18. */
ALWAYS_INLINE struct exponential bounded_exponential_of(double y)
{
    static const double series[] = { 1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                     1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                     1.0 / 120,        1.0 / 24,        1.0 / 6,        1.0 / 2 };
    const double shifted = fma(y, 1.4426950408889634, rounding_shift), k = shifted - rounding_shift;
    const double r = fma(k, -ln2_low, fma(k, -ln2_high, y)); /* the inner one is exact */
    const double rest = fma(r * r, POLYNOMIAL(series, r), r);
    const int is_deep = k < -1000;
    const double power = double_of_bits((bits_of_double(shifted) + (is_deep ? 1023 + 100 : 1023)) << 52);
    return (struct exponential){ .mantissa = fma(power, rest, power),
                                 .scale = is_deep ? 0x1p-100 : 1,
                                 .minus_one = fma(power, rest, power - 1) }; /* -1 where it is deep, of any power */
}

/* For y <= 0. */
ALWAYS_INLINE struct exponential exponential_of(double y)
{
    struct exponential e = bounded_exponential_of(y < LEAST_EXPONENT ? LEAST_EXPONENT : y);
    e.mantissa = y < LEAST_EXPONENT ? 0 : e.mantissa;
    return e;
}

/* ln z + correction, for z >= 0 in the normal range or 0. z = 2^k (1 + f), 1/sqrt 2 <= 1 + f < sqrt 2, and
 * ln(1 + f) = 2 artanh s = f - s (f - 2 s^2 (1/3 + s^2/5 + ...)) with s = f / (2 + f), to 2e-18. */
ALWAYS_INLINE double corrected_logarithm(double z, double correction)
{
    static const double series[] = { 2.0 / 21, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13,
                                     2.0 / 11, 2.0 / 9,  2.0 / 7,  2.0 / 5,  2.0 / 3 };
    const uint64_t root_half = 0x3fe6a09e667f3bcd, one = 1023; /* the bits of 1/sqrt 2, the exponent of 1 */
    const uint64_t moved = bits_of_double(z) - root_half + (one << 52);
    const double k = double_of_bits((moved >> 52) | bits_of_double(0x1p52)) - (0x1p52 + (double)one);
    const double f = double_of_bits((moved & (UINT64_MAX >> 12)) + root_half) - 1;
    const double s = f / (2 + f), square = s * s;
    const double of_mantissa = fma(-s, fma(-square, POLYNOMIAL(series, square), f), f);
    const double logarithm = fma(k, ln2_high, fma(k, ln2_low, of_mantissa + correction));
    return z > 0 ? logarithm : z == 0 ? -INFINITY : z;
}

/* ln |x| */
ALWAYS_INLINE double logarithm_of(double x)
{
    return corrected_logarithm(fabs(x), 0);
}

/* ln(1 + x), x > -1 */
ALWAYS_INLINE double logarithm_of_one_plus(double x)
{
    const double sum = 1 + x, lost = x < 1 ? x - (sum - 1) : 1 - (sum - x);
    return corrected_logarithm(sum, lost / sum);
}

#endif
