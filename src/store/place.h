/* Whether all ranks mean the same place by the path of the results file. Collective.
 *
 * /tmp of each node, a folder that only some nodes mount, another working directory: a rank that opens another file
 * than the others, or none, would let them wait for ever, or write where nobody looks. Device and inode numbers do not
 * tell, for hosts number their mounts as they like, and equal folders of equal machines have equal numbers. So rank 0
 * leaves a word in the folder, OUT.h5.place, and each rank reads it there. */
#ifndef GRADSWEEP_STORE_PLACE_H
#define GRADSWEEP_STORE_PLACE_H

#include "parallel/world.h"

#define PLACE_ENDING ".place"

/* Returns, agreed, whether all ranks find what rank 0 has left beside the results file `path`, or beside what it links
 * to; nothing is left. Under the lock of the results file: what lies there before is of a dead run. Errors:
 * STATUS_REFUSED, naming the rank and its host; STATUS_PARALLEL. */
CHECKED enum status place_require_same(const struct world *world, const char *path);

#endif
