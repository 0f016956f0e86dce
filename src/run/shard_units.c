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

static void range_at(const void *context, uint64_t range, uint64_t *first, uint64_t *count)
{
    const struct shard_units *units = context;
    const uint64_t number = (uint64_t)(units->shard.number - 1) + range * (uint64_t)units->shard.count;
    const struct unit unit = unit_list_at(units->list, number);
    *first = unit.first_cell;
    *count = unit.cell_count;
}

struct shard_cells shard_units_cells(const struct shard_units *units)
{
    struct shard_cells cells = { .mark = units->shard,
                                 .range_count = shard_unit_count(&units->shard, units->list),
                                 .range_at = range_at,
                                 .context = units };
    for (uint64_t range = 0; range < cells.range_count; range++) {
        uint64_t first, count;
        range_at(units, range, &first, &count);
        cells.mark.cells += count;
    }
    return cells;
}
