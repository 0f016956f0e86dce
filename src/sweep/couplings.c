#include "sweep/couplings.h"

#include "sweep/arena.h"
#include "sweep/number.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static long number_of(const struct couplings *couplings, double value)
{
    const double *found = bsearch(&value, couplings->distinct, (size_t)couplings->count, sizeof value, compare);
    return (long)(found - couplings->distinct);
}

enum status couplings_find(struct arena *arena, bool native, long radius_count, const double *radii, long gamma_count,
                           const double *gammas, struct couplings *couplings)
{
    const long plane = radius_count * gamma_count;
    TRY(arena_allocate(arena, &couplings->values, plane));
    TRY(arena_allocate(arena, &couplings->distinct, plane));
    TRY(arena_allocate(arena, &couplings->numbers, plane));
    TRY(arena_allocate(arena, &couplings->before, plane + 1));
    for (long i = 0; i < plane; i++) {
        const double gamma = gammas[i % gamma_count];
        couplings->values[i] = native ? gamma : number_round(radii[i / gamma_count] * gamma);
        couplings->distinct[i] = couplings->values[i];
    }
    qsort(couplings->distinct, (size_t)plane, sizeof *couplings->distinct, compare);
    for (long i = 0; i < plane; i++)
        if (couplings->count == 0 || couplings->distinct[i] != couplings->distinct[couplings->count - 1])
            couplings->distinct[couplings->count++] = couplings->distinct[i];
    for (long i = 0; i < plane; i++) {
        couplings->numbers[i] = number_of(couplings, couplings->values[i]);
        couplings->before[couplings->numbers[i] + 1]++;
    }
    for (long number = 0; number < couplings->count; number++)
        couplings->before[number + 1] += couplings->before[number];
    return STATUS_OK;
}
