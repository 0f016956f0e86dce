/* What a rank was asked to do: all ranks of a run must have been asked the same, by the same program. */
#ifndef GRADSWEEP_RUN_COMMAND_H
#define GRADSWEEP_RUN_COMMAND_H

#include "gradsweep/gradsweep.h"
#include "parallel/world.h"

/* Compares program, sweep file, overrides and options of all ranks. Collective, and agreed. Errors: STATUS_REFUSED,
 * with the first rank that differs, its host, and what differs; STATUS_MEMORY, STATUS_PARALLEL. */
CHECKED enum status command_require_same(const struct world *world, const struct gradsweep_sweep *asked,
                                         const struct gradsweep_run_options *options);

#endif
