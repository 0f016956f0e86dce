/* Making the results file: written whole by rank 0, filled by all ranks, published by rename. */
#ifndef GRADSWEEP_STORE_CREATE_H
#define GRADSWEEP_STORE_CREATE_H

#include "parallel/world.h"
#include "store/layout.h"
#include "store/shard.h"

enum { FORMAT_VERSION = 1 };

/* Makes `path` under the name `path`.tmp, of which any left-over is replaced, and publishes it when it is whole and its
 * space is reserved; what `path` was before stays until then. `shard`: NULL, or the part of the sweep that the file is
 * for (store/shard.h). Collective; agreed on all ranks. Errors: STATUS_IO (also a disk too small, with the bytes needed
 * and available), STATUS_STOPPED; the .tmp is removed. */
CHECKED enum status create_results_file(const struct world *world, const struct layout *layout,
                                        const struct store_shard *shard, const char *path);

/* The same in two steps, so that something can be written between them: the first leaves `path`.tmp, the second renames
 * it to `path`; or create_discard removes it. Here `world` may be NULL, for one process without MPI. create_publish and
 * create_discard: rank 0 alone; not collective. */
CHECKED enum status create_unpublished(const struct world *world, const struct layout *layout,
                                       const struct store_shard *shard, const char *path);
CHECKED enum status create_publish(const char *path);
void create_discard(const char *path);

/* "`path`.tmp" into temporary[size]; STATUS_REFUSED where it does not fit. */
CHECKED enum status create_temporary_path(const char *path, char *temporary, size_t size);

/* The first part of it. Serial: datasets, scales and attributes, all contents but the coordinates undefined: holes of a
 * sparse file. */
CHECKED enum status create_structure(const struct layout *layout, const struct shard_mark *mark, const char *path);

#endif
