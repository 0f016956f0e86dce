#include "model/kept_draws.h"

#include "base/memory.h"

#include <string.h>

/* Each network has one place, by its replica, that others have too: where it is taken, W is drawn again. */
enum { PLACES = 1 << 13 };

struct place {
    double *values; /* NULL: free */
    struct network_key key;
    double radius;
};

struct kept_draws {
    struct place places[PLACES];
    long bytes; /* of all values */
};

enum status kept_draws_open(struct kept_draws **kept)
{
    return memory_allocate(kept, 1, "weight matrices that are kept");
}

void kept_draws_close(struct kept_draws *kept)
{
    if (kept == NULL)
        return;
    for (int i = 0; i < PLACES; i++)
        memory_free(kept->places[i].values);
    memory_free(kept);
}

static size_t place_of(const struct network_key *key)
{
    return ((size_t)key->replica + 31 * (size_t)key->hidden_size +
            1021 * ((size_t)key->ensemble / sizeof *key->ensemble)) %
           PLACES;
}

static bool is_same(const struct network_key *a, const struct network_key *b)
{
    return a->ensemble == b->ensemble && a->seed == b->seed && a->hidden_size == b->hidden_size &&
           a->replica == b->replica;
}

/* Each has a block of its own: a room for all of them at once would take pages that others have given back. */
static void keep(struct kept_draws *kept, const struct network_key *key, const double *values, double radius)
{
    const long count = key->hidden_size * key->hidden_size, bytes = count * (long)sizeof *values;
    struct place *place = &kept->places[place_of(key)];
    if (place->values != NULL || key->ensemble->kind->is_file || bytes > KEPT_DRAWS_BYTES - kept->bytes)
        return;
    if (memory_allocate_unset(&place->values, count, "a weight matrix that is kept") != STATUS_OK)
        return; /* whoever wants it draws it again */
    memcpy(place->values, values, (size_t)bytes);
    place->key = *key;
    place->radius = radius;
    kept->bytes += bytes;
}

enum status kept_draws_draw(struct kept_draws *kept, const struct network_key *key, double *values, double *radius)
{
    TRY(ensemble_draw(key, 0, values, radius));
    if (kept != NULL)
        keep(kept, key, values, *radius);
    return STATUS_OK;
}

enum status kept_draws_take(const struct kept_draws *kept, const struct network_key *key, double *values,
                            double *radius)
{
    const struct place *place = kept == NULL ? NULL : &kept->places[place_of(key)];
    if (place == NULL || place->values == NULL || !is_same(&place->key, key))
        return ensemble_draw(key, 0, values, radius);
    memcpy(values, place->values, (size_t)(key->hidden_size * key->hidden_size) * sizeof *values);
    *radius = place->radius;
    return STATUS_OK;
}
