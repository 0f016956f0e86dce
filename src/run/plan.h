/* What a sweep will cost, before it is run: the schedule of run.c against the cost model, event by event. Not
 * collective, needs no MPI. */
#ifndef GRADSWEEP_RUN_PLAN_H
#define GRADSWEEP_RUN_PLAN_H

#include "run/schedule.h"

/* One team size of a run. */
struct plan_level {
    int team_size;
    int teams;
    uint64_t units;
    double share; /* of all time that ranks spend in units */
};

struct plan {
    double makespan_seconds; /* from the published file to the last unit */
    double efficiency;       /* time that ranks spend in units, each counted once, / (ranks * makespan) */
    double rank_bytes;       /* that the rank with the largest unit needs, all in all */
    long largest;            /* position of that unit's hidden size on its axis */
    int level_count;
    struct plan_level levels[SCHEDULE_MAX_LEVELS];
};

/* Simulates so many ranks that take units in the order of their queues, each team as soon as it is free, and splits
 * teams whose queue is empty. A chain unit whose weight unit has not ended yet finds rho and ||W|| itself, as in a run.
 * `relative_error` r: a unit takes exp(r z) times as long as predicted, z standard normal of a fixed seed; 0 for a
 * plan, more to see what wrong costs do. Errors: STATUS_MEMORY. */
CHECKED enum status plan_simulate(const struct unit_list *list, const struct sweep *sweep, int ranks,
                                  double relative_error, struct plan *plan);

/* Only the memory: rank_bytes, largest and the levels' sizes. */
CHECKED enum status plan_memory(const struct unit_list *list, int ranks, struct plan *plan);

/* The smallest round number of ranks (2^a or 3 2^a) on which no rank needs more than `bytes`; 0 where there is none up
 * to `most`. Errors: STATUS_MEMORY. */
CHECKED enum status plan_fitting_ranks(const struct unit_list *list, double bytes, int most, int *ranks);

#endif
