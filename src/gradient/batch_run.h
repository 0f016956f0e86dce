/* Everything that is measured on the chains of a batch: trajectories, Jacobian norms by the method that chain_cost.h
 * chooses, and the measures. */
#ifndef GRADSWEEP_GRADIENT_BATCH_RUN_H
#define GRADSWEEP_GRADIENT_BATCH_RUN_H

#include "gradient/batch.h"

/* Measures all chains. Bits of a chain do not depend on the others in the batch. A measure that fails in a chain, or
 * for lack of memory, is that chain's outcome. Collective within the team of the weights. Errors: STATUS_MEMORY,
 * STATUS_STOPPED, STATUS_NUMERICAL: then no chain has results. */
CHECKED enum status batch_measure(const struct batch *batch, struct gradient_context *context,
                                  const struct batch_results *results);

#endif
