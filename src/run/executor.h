/* Does one unit: finds what is needed, computes, writes the results. */
#ifndef GRADSWEEP_RUN_EXECUTOR_H
#define GRADSWEEP_RUN_EXECUTOR_H

#include "gradient/jacobian.h"
#include "run/unit.h"
#include "store/store.h"

struct executor;

/* The sweep and the store must outlive it; `is_fresh`: the file has no results yet, so that none need be looked for.
 * Not collective. Release with executor_close. Errors: STATUS_MEMORY. */
CHECKED enum status executor_open(const struct sweep *sweep, struct store *store, bool is_fresh, bool retry_failed,
                                  bool (*stop_requested)(void), struct executor **executor);
void executor_close(struct executor *executor);

struct executor_tally {
    uint64_t cells_done; /* computed in this call; cells found finished are not counted */
    uint64_t cells_failed;
    double flops;
};

/* Does a unit and adds to *tally; cells that are finished already are left alone, cells that cannot be computed are
 * written as failed with their reason. Not collective. Errors: STATUS_STOPPED (the unit is dropped, nothing of it
 * written), STATUS_IO. */
CHECKED enum status executor_do(struct executor *executor, const struct unit *unit, struct executor_tally *tally);

#endif
