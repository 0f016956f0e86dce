/* The mark that a shard's file bears: that it is one of N parts of a sweep, and how many cells are its own. Private to
 * store/. Not collective.
 *
 * A shard's file has the full shape, so that cells keep their places; its datasets are allocated early and contiguous
 * like those of any results file, because no metadata may change once it is published. Only the places of its own cells
 * and the WEIGHT datasets are filled, and so take space; the rest are holes of a sparse file, which read as zero:
 * status 0 is pending, and no reader of ours looks at more of a pending cell. Other programs would take those zeros for
 * results: that is why a shard bears a mark, and why only check, info, merge and its own run accept it. */
#ifndef GRADSWEEP_STORE_SHARD_H
#define GRADSWEEP_STORE_SHARD_H

#include "store/cells.h"

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

enum { SHARD_TEXT = 48 };

/* "shard 2/8", or "a whole results file". */
void shard_describe(const struct shard *shard, char text[SHARD_TEXT]);

/* The root attributes `shard`, the text "I/N", and `shard_cells`. Writing does nothing for a whole file. Errors:
 * STATUS_IO; STATUS_FOREIGN_FILE where they make no sense together with so many cells of the grid. */
CHECKED enum status shard_write(hid_t file, const struct shard *shard);
CHECKED enum status shard_read(hid_t file, uint64_t grid_cells, struct shard *shard);

/* The same of a file that is not open. */
CHECKED enum status shard_read_path(const char *path, uint64_t grid_cells, struct shard *shard);

#endif
