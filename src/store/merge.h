/* The files of a sweep's shards made one whole results file. Serial, without MPI. Not collective. */
#ifndef GRADSWEEP_STORE_MERGE_H
#define GRADSWEEP_STORE_MERGE_H

#include "base/status.h"

#include <stddef.h>

/* Makes `path`, which must not exist, of shards' files: their finished and intact cells, the WEIGHT values that any of
 * them has, and the rows of provenance of all, as many as there are places. Several files may be of one shard: where
 * two have a cell done, or failed, its checksums must be equal; a done one goes before a failed one. What is missing is
 * told on stderr. STATUS_OK where all cells are done. Errors: STATUS_REFUSED, before anything is made, for a file that
 * is no shard of ours, or of another sweep or number of shards than the first, and for an existing `path`; STATUS_IO
 * for shards that contradict each other, with cell and files, and as usual: no file is made. With the file made:
 * STATUS_STOPPED where cells are pending, STATUS_FAILED_CELLS where some failed. */
CHECKED enum status merge_shards(const char *path, size_t count, const char *const *shards);

#endif
