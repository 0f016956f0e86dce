/* The steps of a recipe that HDF5 takes. Not collective. */
#ifndef GRADSWEEP_TESTS_FUZZ_RECIPE_STEPS_H
#define GRADSWEEP_TESTS_FUZZ_RECIPE_STEPS_H

#include <hdf5.h>
#include <stdbool.h>

/* Words of one line, NULL behind the last. */
enum { STEP_MOST_WORDS = 6 };

/* Takes a step in an open file; false where it is none that HDF5 takes. `path` is that of the file. */
bool recipe_step(hid_t file, const char *path, char *words[STEP_MOST_WORDS]);

/* The words that a step may use, NULL behind the last. */
extern const char *const recipe_types[], *const recipe_layouts[], *const recipe_attribute_types[];

#endif
