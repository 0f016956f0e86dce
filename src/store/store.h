/* The results file: created whole, published by rename, then only written in place.
 *
 * One run, one file, one lock. Cells are written as contiguous ranges of cell numbers (sweep/grid.h), independently by
 * any rank, results first, then checksum, then status; a kill costs the cells in flight and nothing else. */
#ifndef GRADSWEEP_STORE_STORE_H
#define GRADSWEEP_STORE_STORE_H

#include "base/scope.h"
#include "gradient/measure.h"
#include "gradient/weight_result.h"
#include "parallel/world.h"
#include "store/cells.h"
#include "sweep/grid.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* Creates, or with STORE_RESUME opens, the results file of a sweep, or of one shard of it, for a run: takes the lock
 * (`break_lock` takes it from an owner that cannot be seen to live), removes what dead owners left, creates the file
 * under a name of its own serially and whole on rank 0, fills it from all ranks, publishes it without replacing
 * another, and opens it with MPI-IO; from then on no other run of ours and no writer of HDF5 may open it
 * (store/hold.h). A symbolic link stands for what it leads to. STORE_NEW wants no file, STORE_OVERWRITE one of ours or
 * none, STORE_RESUME one of the same sweep and shard or none. Everything that can be refused (an existing file, one
 * that is not ours, missing directory, a different sweep or shard, a lock) is refused before anything is touched.
 * *is_fresh: nothing was computed before. `sweep` and `world` are borrowed until store_close, `shard` (NULL: the whole
 * sweep) until this returns. Collective; agreed on all ranks. Errors: STATUS_REFUSED; STATUS_IO, also for a disk too
 * small, with the bytes needed and left; STATUS_STOPPED, where a stop is requested before the file is published: an
 * existing file is then as it was. */
CHECKED enum status store_open(const struct world *world, const struct sweep *sweep, const struct shard_cells *shard,
                               const char *path, enum store_mode mode, bool break_lock, struct store **store,
                               bool *is_fresh);

/* How many cells are done, failed, pending; of a shard, only its own. Streams the file; memory does not grow with the
 * grid. Not collective. */
CHECKED enum status store_count(struct store *store, struct store_tally *tally);

/* *is_finished := the file at `path` is a compressed copy (h5repack, nccopy) of this sweep's, or shard's, results in
 * which nothing is left to do, and *tally what it holds: store_open would refuse it, for it cannot be written in place.
 * Collective; agreed on all ranks. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status store_find_finished_copy(const struct world *world, const struct sweep *sweep,
                                             const struct shard_cells *shard, const char *path, bool *is_finished,
                                             struct store_tally *tally);

/* Closes, flushes to disk, and looks at what is closed: that the path still leads to it, and that it opens again with
 * its structure. With `expected`, also that all ranks together read back as many cells as that says, each its share,
 * with checksums that fit (on NFS rank 0 alone reads them). Then releases the lock. The store is gone whatever is
 * returned. Collective; agreed on all ranks. Errors: STATUS_IO. */
CHECKED enum status store_close_verified(struct store *store, const struct store_tally *expected);
CHECKED enum status store_close(struct store *store);

/* What the file has of WEIGHTs first .. first+count-1 and of which it is as it was written; else NaN throughout, and
 * are_damaged[count] (may be NULL) where something else is there. The caller sets the hidden sizes, and where
 * eigenvalues go, or NULL. Not collective. Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status store_read_weights(struct store *store, uint64_t first, uint64_t count, struct weight_facts *facts,
                                       bool *are_damaged);

/* Writes all that is known of these WEIGHTs at once, their checksums, and reads it back. A kill in between leaves them
 * damaged, to be computed again. Not collective; when two ranks write one WEIGHT at a time, they must write the same.
 * Errors: STATUS_IO, STATUS_MEMORY. */
CHECKED enum status store_write_weights(struct store *store, uint64_t first, uint64_t count,
                                        const struct weight_facts *facts);

/* Writes results of cells in place, computing the checksums. Not collective. Errors: STATUS_IO with path and cause. */
CHECKED enum status store_write_cells(struct store *store, const struct cell_results *results);

/* needed[i] := 1 where cell first+i must be computed: pending, done with a wrong checksum, or (retry_failed) failed.
 * Not collective. */
CHECKED enum status store_cells_needed(struct store *store, uint64_t first, uint64_t count, bool retry_failed,
                                       uint8_t *needed);

/* Makes finished cells survive a power loss (fsync); call about once a minute. Not collective. */
CHECKED enum status store_flush(struct store *store);

/* Appends a row to `provenance`, or rewrites this run's row (the last one where all 64 are taken; a damaged one is
 * taken as well, for it tells nothing any more): one JSON text of at most 4096 characters. Rank 0 alone; not
 * collective. Errors: STATUS_IO, STATUS_INTERNAL for a longer text. */
CHECKED enum status store_write_provenance(struct store *store, const char *json);

/* The row of `provenance` that the run before this one wrote, NUL-terminated, into text[size]; "" where there is none.
 * Before this run's store_write_provenance. Not collective. Errors: STATUS_IO. */
CHECKED enum status store_read_provenance(struct store *store, char *text, size_t size);

/* Bytes that the results file of a sweep will take, to a percent; for `plan`. Not collective. */
uint64_t store_predicted_bytes(const struct sweep *sweep);

#endif
