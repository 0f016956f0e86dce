/* What a sweep will cost, before it is run: the scheduler of run.c against the cost model. Not collective, needs no
 * MPI. */
#ifndef GRADSWEEP_RUN_PLAN_H
#define GRADSWEEP_RUN_PLAN_H

#include "run/unit.h"

struct plan {
    double makespan_seconds; /* from the published file to the last unit */
    double efficiency;       /* predicted work / (ranks * makespan) */
};

/* Simulates so many ranks that take units in their order, each as soon as it is free. Errors: STATUS_MEMORY. */
CHECKED enum status plan_simulate(const struct unit_list *list, int ranks, struct plan *plan);

/* Bytes that a rank needs: working memory of its largest unit, results that wait to be written, and the libraries. */
double plan_rank_bytes(const struct unit_list *list);

#endif
