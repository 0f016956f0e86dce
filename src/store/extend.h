/* A results file for a sweep with longer axes, with what is finished in the file of the shorter ones. Serial, without
 * MPI. Not collective. */
#ifndef GRADSWEEP_STORE_EXTEND_H
#define GRADSWEEP_STORE_EXTEND_H

#include "sweep/sweep.h"

/* Makes `path`, which must not exist, for `sweep`, and takes over every finished and intact cell of the results file
 * `old`, by coordinate, with its checksum made anew, for it covers hash and number; and the WEIGHT values and rows of
 * provenance. The rest is pending. What was taken over is told on stderr. Errors: STATUS_REFUSED for a sweep that is
 * not the old one with longer axes (sweep/extension.h), for a shard, an existing `path` or what is not ours; STATUS_IO,
 * STATUS_MEMORY: no file is made. */
CHECKED enum status extend_results(const struct sweep *sweep, const char *old, const char *path);

#endif
