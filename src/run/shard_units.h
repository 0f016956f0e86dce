/* Every N-th unit of a sweep, for runs that share nothing but the sweep file, as the tasks of a job array do. Which
 * units those are is a function of the sweep and of I/N alone. Not collective. */
#ifndef GRADSWEEP_RUN_SHARD_UNITS_H
#define GRADSWEEP_RUN_SHARD_UNITS_H

#include "run/unit.h"
#include "store/store.h"

/* Whether unit `unit` of the list is the shard's. */
bool shard_holds(const struct shard *shard, uint64_t unit);

/* How many units of the list are the shard's. */
uint64_t shard_unit_count(const struct shard *shard, const struct unit_list *list);

/* A shard and the list of its units. */
struct shard_units {
    struct shard shard;
    const struct unit_list *list;
};

/* What the results file must know of a shard that is not the whole: its ranges are the cells of its units, none for a
 * weight unit. `units` must outlive it. */
struct shard_cells shard_units_cells(const struct shard_units *units);

#endif
