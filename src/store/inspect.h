/* Looking at a results file without changing it, by one process and without MPI, while a run may be writing: the
 * commands info and check. Memory does not grow with the grid. Not collective. */
#ifndef GRADSWEEP_STORE_INSPECT_H
#define GRADSWEEP_STORE_INSPECT_H

#include "base/status.h"

#include <stdio.h>

/* Prints axes, progress, failures by reason, the last runs and who holds the lock. Errors: STATUS_FOREIGN_FILE where
 * the file is not ours, STATUS_IO where it cannot be read. */
CHECKED enum status store_info(const char *path, FILE *out);

/* Verifies completeness, checksums and everything that must be true of the numbers (check_rules.h), and prints what was
 * checked, on how many values, what was wrong and by what margin the rest is right; the bound's verdicts; and how often
 * the two conditions foretell the observed growth. STATUS_OK only for a complete file without a fault;
 * STATUS_CHECK_FOUND for pending, failed or wrong cells; other errors as above. */
CHECKED enum status store_check(const char *path, FILE *out);

#endif
