#include "run/shard_units.h"

bool shard_holds(const struct shard *shard, uint64_t unit)
{
    return shard_is_whole(shard) || unit % (uint64_t)shard->count == (uint64_t)shard->number - 1;
}

uint64_t shard_unit_count(const struct shard *shard, const struct unit_list *list)
{
    const uint64_t units = unit_list_count(list);
    if (shard_is_whole(shard))
        return units;
    const uint64_t count = (uint64_t)shard->count, before = (uint64_t)shard->number - 1;
    return units / count + (units % count > before);
}

static struct unit unit_at(const struct shard_units *units, uint64_t place)
{
    return unit_list_at(units->list, (uint64_t)(units->shard.number - 1) + place * (uint64_t)units->shard.count);
}

/* A range is a row of a unit. */
static void range_at(const void *context, uint64_t range, uint64_t *first, uint64_t *count)
{
    const struct shard_units *units = context;
    const uint64_t rows = grid_plane_rows(unit_list_sweep(units->list));
    const struct unit unit = unit_at(units, range / rows);
    *first = *count = 0;
    if (unit.kind == UNIT_CHAINS)
        *count = unit_cells_in_row(unit_list_sweep(units->list), &unit, range % rows, first);
}

struct shard_cells shard_units_cells(const struct shard_units *units)
{
    const uint64_t count = shard_unit_count(&units->shard, units->list);
    struct shard_cells cells = { .mark = units->shard,
                                 .range_count = count * grid_plane_rows(unit_list_sweep(units->list)),
                                 .range_at = range_at,
                                 .context = units };
    for (uint64_t place = 0; place < count; place++)
        cells.mark.cells += unit_at(units, place).cell_count;
    return cells;
}
