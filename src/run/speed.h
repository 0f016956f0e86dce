/* How fast this machine is beside the one that the rates in gradient/cost.c were measured on: a short measurement that
 * scales predicted times, and through them the order of queues. Numbers never depend on it. */
#ifndef GRADSWEEP_RUN_SPEED_H
#define GRADSWEEP_RUN_SPEED_H

#include "linalg/cost.h"
#include "parallel/world.h"

/* Takes about 50 ms on this rank's core. Not collective. Errors: STATUS_MEMORY, STATUS_NUMERICAL. */
CHECKED enum status speed_measure(struct cost_speed *speed);

/* Operations a second of the BLAS's dgemm on this rank's core, the best of some milliseconds: what shares of it are
 * told of. Not collective. Errors: STATUS_MEMORY. */
CHECKED enum status speed_dgemm(double *rate);

/* The median over all ranks of what each has measured: the same numbers on every rank, so that all follow one schedule.
 * Collective, and agreed. Errors: as above, STATUS_PARALLEL. */
CHECKED enum status speed_agree(const struct world *world, struct cost_speed *speed);

#endif
