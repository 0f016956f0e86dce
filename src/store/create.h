/* Making the results file: written whole by rank 0, filled by all ranks, published by rename. */
#ifndef GRADSWEEP_STORE_CREATE_H
#define GRADSWEEP_STORE_CREATE_H

#include "parallel/world.h"
#include "store/layout.h"

enum { FORMAT_VERSION = 1 };

/* Makes `path` under the name `path`.tmp, of which any left-over is replaced, and publishes it when it is whole and its
 * space is reserved; what `path` was before stays until then. Collective; agreed on all ranks. Errors: STATUS_IO (also
 * a disk too small, with the bytes needed and available), STATUS_STOPPED; the .tmp is removed. */
CHECKED enum status create_results_file(const struct world *world, const struct layout *layout, const char *path);

/* The parts of it. Serial: datasets, scales and attributes, all contents but the coordinates undefined. */
CHECKED enum status create_structure(const struct layout *layout, const char *path);

/* Writes this rank's share of untouched elements into every dataset of the file, and flushes it. All ranks end it
 * together, soon after one of them failed or heard of a stop request. Collective; the closing and flushing are not
 * agreed. */
CHECKED enum status create_fill(const struct world *world, const struct layout *layout, const char *path);

#endif
