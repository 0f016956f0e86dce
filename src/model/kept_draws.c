#include "model/kept_draws.h"

#include "base/memory.h"

#include <string.h>

/* Each network has one place, by its replica, that others have too: where it is taken, W is drawn again. */
enum { PLACES = 1 << 13 };

struct place {
    const double *values; /* NULL: free */
    struct network_key key;
    double radius;
};

struct kept_draws {
    struct place places[PLACES];
    double *room; /* [KEPT_DRAWS_BYTES / 8], so many of them used */
    long used;
};

enum status kept_draws_open(struct kept_draws **kept)
{
    SCOPED(kept_draws) *made = NULL;
    *kept = NULL;
    TRY(memory_allocate(&made, 1, "weight matrices that are kept"));
    TRY(memory_allocate_unset(&made->room, KEPT_DRAWS_BYTES / (long)sizeof *made->room,
                              "weight matrices that are kept"));
    *kept = scope_keep(&made);
    return STATUS_OK;
}

void kept_draws_close(struct kept_draws *kept)
{
    if (kept == NULL)
        return;
    memory_free(kept->room);
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

static void keep(struct kept_draws *kept, const struct network_key *key, const double *values, double radius)
{
    const long count = key->hidden_size * key->hidden_size;
    struct place *place = &kept->places[place_of(key)];
    if (place->values != NULL || key->ensemble->kind->is_file ||
        count > KEPT_DRAWS_BYTES / (long)sizeof *values - kept->used)
        return;
    double *room = kept->room + kept->used;
    memcpy(room, values, (size_t)count * sizeof *values);
    kept->used += count;
    *place = (struct place){ .values = room, .key = *key, .radius = radius };
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
