/* The cells of a chain unit that are to be computed, closed up, with their results: copies of those of their chains.
 * Private to run/. Not collective. */
#ifndef GRADSWEEP_RUN_WORK_H
#define GRADSWEEP_RUN_WORK_H

#include "gradient/batch.h"
#include "run/unit.h"
#include "store/store.h"

/* What a work has of one network of its unit. */
struct work_part {
    uint64_t first, count;       /* of the work's cells */
    long chain_count;            /* chains that any of them has */
    long first_end;              /* the place of the first of their chains at its first anchor */
    double *couplings;           /* [chain_count] */
    struct drive_scales *drives; /* [chain_count] */
};

struct work {
    uint64_t count;
    uint64_t *cells; /* [count] cell numbers, ascending */
    double *gammas;
    long *end_of; /* [count]: the place of its chain at its anchor among those of all parts, in `chains` and below */
    struct work_part *parts; /* [part_count], one a network of the unit, some perhaps without cells */
    long part_count;
    double *couplings;
    struct drive_scales *drives;
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

/* Fills results, outcomes and methods of a part, whose network the weights are. Errors as batch_measure, and then there
 * are no results. */
CHECKED enum status work_compute(struct work *work, const struct work_part *part, const struct sweep *sweep,
                                 struct weights *weights, struct weight_spectrum spectrum,
                                 const struct activation *activation, struct gradient_context *context);

/* Sets status, reason, method, team size and times of each cell of a part; `failure` is that of the whole part, or
 * FAILURE_NONE. Returns how many cells failed, one or more measures of them. Seconds are per cell. */
uint64_t work_mark(struct work *work, const struct work_part *part, const struct sweep *sweep,
                   enum failure_reason failure, int team_size, double cell_seconds, double predicted_seconds);

/* Writes runs of neighbouring cells, each at once. Errors: STATUS_IO. */
CHECKED enum status work_write(const struct work *work, const struct sweep *sweep, struct store *store);

#endif
