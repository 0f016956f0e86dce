/* Whether a results file is to be made, or can be gone on with, looked at before anything is touched. Private to
 * store/. Not collective. */
#ifndef GRADSWEEP_STORE_READINESS_H
#define GRADSWEEP_STORE_READINESS_H

#include "store/results_file.h"

/* What is to be made or gone on with. */
struct output {
    const struct sweep *sweep;
    const struct shard_cells *shard; /* NULL: the whole sweep */
    enum store_mode mode;
};

/* *creates := whether the file is to be made, as far as the mode allows it. One to be gone on with is of the same sweep
 * and shard, of the present version, undamaged beside its numbers, and uncompressed. Errors: STATUS_REFUSED with the
 * way out. */
CHECKED enum status readiness_decide(const struct output *output, const char *path, bool *creates);

/* *is_finished := the file is a compressed copy in which nothing is left to do: every cell done or failed, all as it
 * was written; *tally then says how many. A run has nothing to write into it. Other files: false, and no error. Errors:
 * STATUS_IO, STATUS_MEMORY. */
CHECKED enum status readiness_find_finished_copy(const struct output *output, const char *path, bool *is_finished,
                                                 struct store_tally *tally);

#endif
