/* A results or network file that may be damaged, read on all ways that lead into it. Not collective. */
#ifndef GRADSWEEP_TESTS_FUZZ_FILES_TARGET_H
#define GRADSWEEP_TESTS_FUZZ_FILES_TARGET_H

#include <stdbool.h>

/* Where reading has got to, for whoever finds it dead. */
extern const char *volatile files_target_stage;

/* Read as info, check and resume do; and as a sweep does that names it (its own sweep file is made beside it). True
 * where nothing was amiss. Aborts, with a line that says why, where a failure has no message or one without the file's
 * name, or a handle of HDF5's stays open. */
bool files_target_results(const char *path);
bool files_target_network(const char *path);

#endif
