/* Making the results file: written whole by rank 0, filled by all ranks, published by rename. */
#ifndef GRADSWEEP_STORE_CREATE_H
#define GRADSWEEP_STORE_CREATE_H

#include "parallel/world.h"
#include "store/hold.h"
#include "store/layout.h"
#include "store/owner.h"
#include "store/shard.h"

#include <limits.h>
#include <stdbool.h>

/* A results file in the making, under a name of its own. */
struct unpublished {
    const char *path;         /* to be published as, borrowed */
    char temporary[PATH_MAX]; /* its name until then, the same on all ranks */
    struct hold hold;         /* of it, for whoever is to write it; rank 0 */
};

/* Makes `path` under a temporary name that tells its `owner` (rank 0's counts), and publishes it when it is whole and
 * its space is reserved, where nothing is, or what `replaces` names (rank 0's counts); what `path` was before stays
 * until then. `shard`: NULL, or the part of the sweep that the file is for (store/shard.h). *hold: of the file, on rank
 * 0. Collective; agreed on all ranks. Errors: STATUS_IO (also a disk too small, with the bytes needed and available),
 * STATUS_REFUSED where another file has taken the name, STATUS_STOPPED; the temporary file is removed. */
CHECKED enum status create_results_file(const struct world *world, const struct layout *layout,
                                        const struct shard_cells *shard, const char *path, const struct owner *owner,
                                        const struct identity *replaces, struct hold *hold);

/* The same in two steps, so that something can be written between them: the first leaves the temporary file, the second
 * renames it; or create_discard removes it. Here `world` may be NULL, for one process without MPI. create_publish and
 * create_discard: rank 0 alone; not collective; neither releases the hold. *is_taken as for publish_file. */
CHECKED enum status create_unpublished(const struct world *world, const struct layout *layout,
                                       const struct shard_cells *shard, const char *path, const struct owner *owner,
                                       struct unpublished *unpublished);
CHECKED enum status create_publish(const struct unpublished *unpublished, const struct identity *replaces,
                                   bool *is_taken);
void create_discard(struct unpublished *unpublished);

/* The first part of it. Serial: datasets, scales and attributes, all contents but the coordinates undefined: holes of a
 * sparse file. */
CHECKED enum status create_structure(const struct layout *layout, const struct shard *mark, const char *path);

#endif
