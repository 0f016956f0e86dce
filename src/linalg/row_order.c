#include "linalg/row_order.h"

#include "linalg/vectorised.h"

#include <string.h>

/* What sizes are compared by: the exponent of the double and the first bits of its mantissa. A key holds it, turned
 * round, above the number of the row. */
enum {
    MANTISSA_BITS = 5,
    EXPONENT_BITS = 11,
    DIGIT_BITS = 8,
    DIGITS = 1 << DIGIT_BITS,
    ROW_BITS = 48,
    FEW = 32,
    FEW_BITS = 5
};

static const uint64_t LARGEST = (UINT64_C(1) << (EXPONENT_BITS + MANTISSA_BITS)) - 1;

static inline uint64_t leading_of(double size)
{
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    return bits << 1 >> (1 + 52 - MANTISSA_BITS);
}

/* The size is below 2 to this power. */
static inline int exponent_of(uint64_t leading)
{
    return leading == 0 ? 0 : (int)(leading >> MANTISSA_BITS) - 1022;
}

/* Likewise of few rows: each one's place is how many keys are less, and they all differ. */
VECTORISED static void order_few(long count, const double *sizes, long *order, int *exponents)
{
    int32_t keys[FEW] = { 0 }, places[FEW] = { 0 };
    for (long i = 0; i < count; i++)
        keys[i] = (int32_t)(LARGEST - leading_of(sizes[i])) << FEW_BITS | (int32_t)i;
    for (long j = 0; j < count; j++) {
        const int32_t key = keys[j];
        for (long i = 0; i < FEW; i++)
            places[i] += key < keys[i];
    }
    for (long i = 0; i < count; i++) {
        order[places[i]] = i;
        exponents[places[i]] = exponent_of(LARGEST - (uint64_t)(keys[i] >> FEW_BITS));
    }
}

/* By one digit, what is equal in it as it stands. */
static void sort_digit(long count, int shift, const uint64_t *from, uint64_t *to)
{
    long places[DIGITS] = { 0 }, place = 0;
    for (long i = 0; i < count; i++)
        places[from[i] >> shift & (DIGITS - 1)]++;
    for (int digit = 0; digit < DIGITS; digit++) {
        const long here = places[digit];
        places[digit] = place;
        place += here;
    }
    for (long i = 0; i < count; i++)
        to[places[from[i] >> shift & (DIGITS - 1)]++] = from[i];
}

void row_order_find(long count, const double *sizes, long *order, int *exponents, uint64_t *room)
{
    if (sizes && count <= FEW) {
        order_few(count, sizes, order, exponents);
        return;
    }
    for (long i = 0; i < count; i++)
        room[i] = (LARGEST - leading_of(sizes ? sizes[i] : 1)) << ROW_BITS | (uint64_t)i;
    if (sizes) {
        sort_digit(count, ROW_BITS, room, room + count);
        sort_digit(count, ROW_BITS + DIGIT_BITS, room + count, room);
    }
    for (long r = 0; r < count; r++) {
        order[r] = (long)(room[r] << (64 - ROW_BITS) >> (64 - ROW_BITS));
        exponents[r] = exponent_of(LARGEST - (room[r] >> ROW_BITS));
    }
}
