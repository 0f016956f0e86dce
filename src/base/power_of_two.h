/* Powers of two whose exponents are 64 bits wide. Not collective. */
#ifndef GRADSWEEP_BASE_POWER_OF_TWO_H
#define GRADSWEEP_BASE_POWER_OF_TWO_H

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* mantissa * 2^exponent: 0 or infinity where that is beyond the range. Exact but for underflow. */
static inline double power_of_two_scale(double mantissa, int64_t exponent)
{
    int64_t limited = exponent > INT_MAX ? INT_MAX : exponent < INT_MIN ? INT_MIN : exponent;
    return scalbn(mantissa, (int)limited);
}

/* 2^exponent, far faster than scalbn where that is a normal number. */
static inline double power_of_two(int64_t exponent)
{
    double power;
    if (exponent < -1022 || exponent > 1023)
        return power_of_two_scale(1.0, exponent);
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    memcpy(&power, &bits, sizeof power);
    return power;
}

#endif
