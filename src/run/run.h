/* One run of a sweep: from the open sweep to the closed results file. */
#ifndef GRADSWEEP_RUN_RUN_H
#define GRADSWEEP_RUN_RUN_H

#include "parallel/world.h"
#include "run/progress.h"
#include "run/shard_units.h"
#include "store/store.h"

struct run_options {
    const char *output;
    enum store_mode mode;
    bool break_lock;
    bool retry_failed;
    double max_seconds;    /* 0: no limit */
    uint64_t max_failures; /* 0: no limit */
    enum progress_style progress;
    struct shard shard; /* compute this part of the sweep alone, into a file of its own */
};

/* Computes what is pending, of a shard its own cells, on all ranks. Collective; the same status everywhere: STATUS_OK
 * with all cells done, STATUS_STOPPED, STATUS_FAILED_CELLS, or what went wrong, with its message. */
CHECKED enum status run_sweep(const struct world *world, const struct sweep *sweep, const struct run_options *options);

#endif
