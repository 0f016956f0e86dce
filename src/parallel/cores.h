/* How many cores a rank has for itself. */
#ifndef GRADSWEEP_PARALLEL_CORES_H
#define GRADSWEEP_PARALLEL_CORES_H

#include "parallel/world.h"

/* *cores := those this rank may run on, divided among the ranks of its node that may run on the very same ones; at
 * least 1. Collective. Errors: STATUS_PARALLEL, STATUS_MEMORY. */
CHECKED enum status cores_of_rank(const struct world *world, int *cores);

#endif
