#include "linalg/row_order.h"

#include <string.h>

/* What sizes are compared by: the exponent of the double and the first bits of its mantissa. A key holds it, turned
 * round, above the number of the row. */
enum { MANTISSA_BITS = 5, EXPONENT_BITS = 11, DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS, ROW_BITS = 48, FEW = 32 };

static const uint64_t LARGEST = (UINT64_C(1) << (EXPONENT_BITS + MANTISSA_BITS)) - 1;

static uint64_t key_of(double size, long row)
{
    uint64_t bits;
    memcpy(&bits, &size, sizeof bits);
    const uint64_t leading = bits << 1 >> (1 + 52 - MANTISSA_BITS);
    return (LARGEST - leading) << ROW_BITS | (uint64_t)row;
}

static void sort_few(long count, uint64_t *keys)
{
    for (long i = 1; i < count; i++) {
        const uint64_t key = keys[i];
        long j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
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
    for (long i = 0; i < count; i++)
        room[i] = key_of(sizes ? sizes[i] : 1, i);
    if (sizes && count <= FEW)
        sort_few(count, room);
    else if (sizes) {
        sort_digit(count, ROW_BITS, room, room + count);
        sort_digit(count, ROW_BITS + DIGIT_BITS, room + count, room);
    }
    for (long r = 0; r < count; r++) {
        const uint64_t leading = LARGEST - (room[r] >> ROW_BITS);
        order[r] = (long)(room[r] << (64 - ROW_BITS) >> (64 - ROW_BITS));
        exponents[r] = leading == 0 ? 0 : (int)(leading >> MANTISSA_BITS) - 1022;
    }
}
