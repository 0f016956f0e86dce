#include "linalg/powers.h"

#include <assert.h>

void powers_close(struct powers *powers)
{
    for (int k = 1; k < powers->count; k++)
        matrix_destroy(powers->of[k]);
    *powers = (struct powers){ 0 };
}

const struct matrix *powers_at(const struct powers *powers, int k)
{
    assert(k >= 0 && k < powers->count);
    return k == 0 ? powers->first : powers->of[k];
}

enum status powers_create(const struct matrix *first, int count, struct powers *powers)
{
    assert(count >= 1 && count <= POWERS_MOST);
    *powers = (struct powers){ .first = first, .count = 1 };
    for (int k = 1; k < count; k++, powers->count++) {
        int64_t exponent;
        TRY(matrix_create_square(powers_at(powers, k - 1), &exponent, &powers->of[k]));
        powers->exponents[k] = 2 * powers->exponents[k - 1] + exponent;
    }
    return STATUS_OK;
}
