/* The plan of a sweep as text. Not collective, needs no MPI. */
#ifndef GRADSWEEP_RUN_PLAN_REPORT_H
#define GRADSWEEP_RUN_PLAN_REPORT_H

#include "sweep/sweep.h"

struct plan_request {
    size_t count; /* at least 1 */
    const int *ranks;
    int cores_per_node;
    double memory_per_rank; /* bytes; more than that is refused; 0: no limit */
};

/* Prints what the sweep will cost, and for each number of ranks time, efficiency, memory, teams and options for Slurm.
 * Errors: STATUS_REFUSED, before anything is printed, where a rank needs more memory than it has, with the hidden size,
 * the bytes and how many ranks would do; STATUS_MEMORY. */
CHECKED enum status plan_report(const struct sweep *sweep, const struct plan_request *request, FILE *out);

#endif
