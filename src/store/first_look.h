/* A look at a results file by a child process, before this one opens it: on some damaged files HDF5 crashes, or never
 * comes back. Private to store/. */
#ifndef GRADSWEEP_STORE_FIRST_LOOK_H
#define GRADSWEEP_STORE_FIRST_LOOK_H

#include "base/status.h"

/* Reads all but the numbers of the cells, as the commands do that open a results file. STATUS_OK where the child lived
 * through it, whatever it found: this process will find the same, and say so; and where no process can be started.
 * Errors: STATUS_IO where it was killed by a signal, or needed more than some seconds of processor time. Not
 * collective; prints nothing. */
CHECKED enum status first_look(const char *path);

#endif
