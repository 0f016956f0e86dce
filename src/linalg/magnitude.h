/* |x| as an integer: an order in which NaN is above infinity, so that neither can hide, and whose largest element is
 * the same for any width of the vectors that look for it. Not collective. */
#ifndef GRADSWEEP_LINALG_MAGNITUDE_H
#define GRADSWEEP_LINALG_MAGNITUDE_H

#include <stdint.h>
#include <string.h>

static inline uint64_t magnitude_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits & UINT64_MAX >> 1;
}

static inline uint64_t magnitude_larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t magnitude_smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* |x| again, or the NaN that it was, without its sign. */
static inline double magnitude_value(uint64_t magnitude)
{
    double value;
    memcpy(&value, &magnitude, sizeof value);
    return value;
}

#endif
