/* A child process looks at a file before this one does: HDF5 crashes, or never ends, on some files whose structure is
 * damaged. Private to store/ and its callers. Not collective. */
#ifndef GRADSWEEP_STORE_FIRST_LOOK_H
#define GRADSWEEP_STORE_FIRST_LOOK_H

#include "base/status.h"

/* Opens all objects of a results file and reads all that is beside its numbers, in a child. What that finds is left to
 * be told by whoever opens the file next; a file that is no results file, or not there, is no error here. To be called
 * before MPI starts: the child is a copy of this process. Errors: STATUS_IO where HDF5 crashes or does not end, with
 * path and signal, and where the child is killed from outside twice. */
CHECKED enum status first_look(const char *path);

#endif
