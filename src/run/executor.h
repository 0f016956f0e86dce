/* Does one unit: finds what is needed, computes, writes the results. On a team all ranks compute, and its rank 0 alone
 * reads from the results file and writes to it. */
#ifndef GRADSWEEP_RUN_EXECUTOR_H
#define GRADSWEEP_RUN_EXECUTOR_H

#include "gradient/jacobian.h"
#include "linalg/process_grid.h"
#include "run/unit.h"
#include "store/store.h"

struct executor;

/* The sweep and the store must outlive it; `is_fresh`: the file has no results yet, so that none need be looked for;
 * `is_shard`: its chain units write all that there is to say of their weights, whose units may be another shard's.
 * `phases`, the caller's, are told what is done when. Not collective. Release with executor_close. Errors:
 * STATUS_MEMORY. */
CHECKED enum status executor_open(const struct sweep *sweep, struct store *store, bool is_fresh, bool is_shard,
                                  bool retry_failed, struct phases *phases, struct executor **executor);
void executor_close(struct executor *executor);
SCOPED_HANDLE(executor, executor_close)

/* From now on this rank computes with the team of that grid, which must outlive the executor; NULL: alone. Not
 * collective, but all ranks of the team must come to it. */
void executor_join(struct executor *executor, const struct process_grid *grid);

/* Seconds that the functions of each measure have taken so far, [MEASURES]. Not collective. */
const double *executor_measure_seconds(const struct executor *executor);

struct executor_tally {
    uint64_t cells_done; /* computed in this call; cells found finished are not counted. On a team its rank 0 counts */
    uint64_t cells_failed;
    uint64_t networks_lacking; /* memory for their spectra; their cells may have found it later */
    double flops;
};

/* Does a unit and adds to *tally; cells that are finished already are left alone, cells that cannot be computed are
 * written as failed with their reason. Collective within the team, and agreed. Errors: STATUS_STOPPED (the unit is
 * dropped, nothing of it written), STATUS_IO. */
CHECKED enum status executor_do(struct executor *executor, const struct unit *unit, struct executor_tally *tally);

#endif
