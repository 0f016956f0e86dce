/* The good files that recipes damage, made anew in a folder. Not collective. */
#ifndef GRADSWEEP_TESTS_FUZZ_BASE_FILES_H
#define GRADSWEEP_TESTS_FUZZ_BASE_FILES_H

#include "recipe.h"

#include "sweep/sweep.h"

enum { BASE_RESULTS, BASE_NETWORK, BASE_LATEST, BASE_COUNT };

/* results: a finished results file of `sweep`, with every measure; network: what h5py writes; latest: the same in
 * HDF5's newest format, chunked and compressed. Errors: those of the store. */
CHECKED enum status base_files_make(const char *folder, struct base_file bases[BASE_COUNT]);

/* The sweep of the results file, and the hidden size and steps of the networks. */
extern const char base_sweep_text[];
enum { BASE_HIDDEN_SIZE = 4, BASE_INPUTS = 3, BASE_STEPS = 200 };

#endif
