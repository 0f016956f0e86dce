/* Whether numbers stand where numbers must, and NaN where there can be none (gradient/absence.h), counted for each
 * dataset of doubles. Not collective. */
#ifndef GRADSWEEP_CHECK_PRESENCE_H
#define GRADSWEEP_CHECK_PRESENCE_H

#include "check/apply.h"
#include "gradient/absence.h"

/* What was found in a dataset of the finished cells, or of their weights. */
struct check_presence {
    uint64_t numbers;                      /* where there must, or may, be one */
    uint64_t absent[DATASET_MAX_ABSENCES]; /* NaN, for that reason of the dataset's row */
    uint64_t missing;                      /* NaN, or an infinity that is no result, where a number must be */
    uint64_t unexpected;                   /* something else than NaN where NaN must be */
};

/* What the cells of a WEIGHT have that are finished: measures, one bit each. Its own values must be there then. */
struct check_finished {
    unsigned measures;
    unsigned of_identity; /* in cells of identity */
};
void check_finish(struct check_finished *finished, const struct measured_cell *cell, unsigned measured);

/* Counts all values of the measures `measured` of a cell, which is number i of a block of results; true if each is
 * where it must be. presence[datasets of the measures]. */
bool check_presence_of_cell(const struct check_applier *applier, const struct measured_cell *cell,
                            const struct cell_results *results, uint64_t i, unsigned measured,
                            struct check_presence *presence, struct rule_tally *tally);

/* The same for the values of the WEIGHT read last, number `weight`, some of whose cells are finished; a dataset of one
 * without finished cells may be NaN throughout, and is not counted then. */
void check_presence_of_weight(const struct check_applier *applier, const struct sweep *sweep, uint64_t weight,
                              const struct check_finished *finished, struct check_presence *presence,
                              struct rule_tally *tally);

#endif
