/* What `info` tells of a results file besides its axes: how far it is, how fast, what failed, who ran. Private to
 * store/. Not collective. */
#ifndef GRADSWEEP_STORE_INFO_FACTS_H
#define GRADSWEEP_STORE_INFO_FACTS_H

#include "store/failure.h"
#include "store/provenance_rows.h"
#include "store/store.h"

struct info_facts {
    struct store_tally tally;
    uint64_t reasons[FAILURE_CODES]; /* failed cells by their codes */
    bool is_running;                 /* somebody holds the lock of the file */
    uint64_t runs;                   /* rows of provenance, damaged ones too */
    double cells_per_second;         /* of the last run; NaN where it cannot be told */
    double seconds_to_go; /* with as many ranks; of a running one by the times of its cells, else by their number;
                           * 0 where nothing is pending, NaN where it cannot be told */
    const char *way_on;   /* how to go on with what is pending; NULL where nothing is, or somebody is at it */
};

/* Streams the statuses, and the times of cells where some are pending. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status info_facts_collect(const struct results_file *file, struct info_facts *facts);

/* Seconds between a row's start and its end, of a running one now; NaN where it has none. */
double info_facts_elapsed(const char *row, bool is_running);

#endif
