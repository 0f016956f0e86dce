#include "model/chain.h"

#include <stdbool.h>

static bool are_activated_alike(const struct chain *one, const struct chain *other)
{
    return one->activation == other->activation && one->gamma == other->gamma;
}

static bool are_driven_alike(const struct chain *one, const struct chain *other)
{
    if (one->drive == NULL || other->drive == NULL)
        return one->drive == other->drive;
    return one->drive->input == other->drive->input && one->drive->bias == other->drive->bias;
}

static void find_ends(long count, const struct chain *chains,
                      bool (*are_alike)(const struct chain *, const struct chain *), long *ends)
{
    for (long c = count - 1; c >= 0; c--)
        ends[c] = c + 1 < count && are_alike(&chains[c], &chains[c + 1]) ? ends[c + 1] : c + 1;
}

void chains_activated_ends(long count, const struct chain *chains, long *ends)
{
    find_ends(count, chains, are_activated_alike, ends);
}

void chains_driven_ends(long count, const struct chain *chains, long *ends)
{
    find_ends(count, chains, are_driven_alike, ends);
}
