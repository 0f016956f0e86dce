/* The cells of a chain unit that are to be computed, closed up, with their results: copies of those of their chains.
 * Private to run/. Not collective. */
#ifndef GRADSWEEP_RUN_WORK_H
#define GRADSWEEP_RUN_WORK_H

#include "gradient/batch.h"
#include "run/unit.h"
#include "store/store.h"

struct work {
    uint64_t count;
    uint64_t *cells; /* [count] cell numbers, ascending */
    double *gammas;
    long *chain_of;              /* [count]: of those below */
    long chain_count;            /* chains that any of the cells has */
    double *couplings;           /* [chain_count] */
    struct drive_scales *drives; /* [chain_count] */
    struct chain_outcomes *outcomes;
    enum jacobian_method *methods;
    struct cell_results chains;  /* what is measured of them, with gamma 1 */
    struct cell_results results; /* of `count` cells; their numbers are in `cells` */
};

/* Collects the cells of a unit with needed[i] != 0. Release with work_destroy. Errors: STATUS_MEMORY. */
CHECKED enum status work_create(const struct sweep *sweep, const struct unit *unit, const uint8_t *needed,
                                struct work *work);
void work_destroy(struct work *work);
SCOPED_VALUE(work, work_destroy)

/* Fills results, outcomes and methods. Errors as batch_measure, and then there are no results. */
CHECKED enum status work_compute(struct work *work, const struct sweep *sweep, struct weights *weights,
                                 struct weight_spectrum spectrum, const struct activation *activation,
                                 struct gradient_context *context);

/* Sets status, reason, method, team size and times of each cell; `failure` is that of the whole unit, or FAILURE_NONE.
 * Returns how many cells failed, one or more measures of them. Seconds are per cell. */
uint64_t work_mark(struct work *work, const struct sweep *sweep, enum failure_reason failure, int team_size,
                   double cell_seconds, double predicted_seconds);

/* Writes runs of neighbouring cells, each at once. Errors: STATUS_IO. */
CHECKED enum status work_write(const struct work *work, const struct sweep *sweep, struct store *store);

#endif
