/* Which cores this rank may use: how the launcher has bound it. */
#ifndef GRADSWEEP_PARALLEL_BINDING_H
#define GRADSWEEP_PARALLEL_BINDING_H

#include "parallel/world.h"

#include <sched.h>

struct binding {
    int hosts;         /* of the run */
    int ranks_on_host; /* on this one */
    int cores;         /* that this rank may run on; hardware threads of one core count once */
    int sharers;       /* ranks of this host that may run on the very same ones, this one included */
    int threads;       /* that keep this rank's share of them busy: cores / sharers, OMP_NUM_THREADS at most */
};

/* Where Linux tells which hardware threads are of one core. */
#define BINDING_TOPOLOGY "/sys/devices/system/cpu"

/* The cores behind a set of hardware threads, by what stands in a folder like BINDING_TOPOLOGY; a thread of which
 * nothing stands there is a core of its own. Not collective. */
int binding_count_cores(const cpu_set_t *threads, const char *topology);

/* Collective, and agreed. Errors: STATUS_PARALLEL, STATUS_MEMORY. */
CHECKED enum status binding_find(const struct world *world, struct binding *binding);

#endif
