/* What a results file still needs: its statuses and checksums, streamed in blocks. Not collective. */
#ifndef GRADSWEEP_STORE_RESUME_H
#define GRADSWEEP_STORE_RESUME_H

#include "store/results_file.h"

/* As store_cells_needed and store_count. */
CHECKED enum status resume_cells_needed(const struct results_file *file, uint64_t first, uint64_t count,
                                        bool retry_failed, uint8_t *needed);
CHECKED enum status resume_count(const struct results_file *file, struct store_tally *tally);

/* How many of cells first .. first+count-1 are finished with a checksum that does not fit what they hold. */
CHECKED enum status resume_count_damaged(const struct results_file *file, uint64_t first, uint64_t count,
                                         uint64_t *damaged);

/* True for a cell that is done or failed and as it was written: its results, and what was said of its run. */
bool resume_is_intact(const struct results_file *file, const struct cell_results *results, uint64_t i,
                      const struct cell_checksums *checksums);

#endif
