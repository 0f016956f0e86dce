/* Which cores this rank may use: how the launcher has bound it. */
#ifndef GRADSWEEP_PARALLEL_BINDING_H
#define GRADSWEEP_PARALLEL_BINDING_H

#include "parallel/world.h"

struct binding {
    int hosts;         /* of the run */
    int ranks_on_host; /* on this one */
    int cores;         /* logical ones that this rank may run on */
    int sharers;       /* ranks of this host that may run on the very same ones, this one included */
    int threads;       /* that keep this rank's share of them busy: cores / sharers, at least 1 */
};

/* Collective, and agreed. Errors: STATUS_PARALLEL, STATUS_MEMORY. */
CHECKED enum status binding_find(const struct world *world, struct binding *binding);

#endif
