/* Looking at a results file without changing it, by one process and without MPI, while a run may be writing: the
 * command info. Memory does not grow with the grid. Not collective. */
#ifndef GRADSWEEP_STORE_INSPECT_H
#define GRADSWEEP_STORE_INSPECT_H

#include "base/status.h"

#include <stdio.h>

/* Prints axes, progress, failures by reason, the last runs and who holds the lock. Errors: STATUS_FOREIGN_FILE where
 * the file is not ours, STATUS_IO where it cannot be read. */
CHECKED enum status store_info(const char *path, FILE *out);

/* The same as one JSON object on one line (store/info_json.h has its keys). Errors: likewise. */
CHECKED enum status store_info_json(const char *path, FILE *out);

#endif
