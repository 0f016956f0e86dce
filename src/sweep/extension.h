/* One sweep as part of a larger one: the same but for longer CELL axes. Not collective. */
#ifndef GRADSWEEP_SWEEP_EXTENSION_H
#define GRADSWEEP_SWEEP_EXTENSION_H

#include "sweep/grid.h"

struct extension {
    const struct sweep *large, *small; /* borrowed */
    long *positions[CELL_AXES];        /* [length of the small one's axis] places on the large one's, by coordinate */
};

/* Finds every coordinate of `small` in `large`: numbers exactly, ensembles by kind, parameters, label and, of files,
 * their contents. Release with extension_close. Errors: STATUS_REFUSED, naming the key and both values, where a
 * coordinate is missing or anything but these axes and the name differs; STATUS_MEMORY. */
CHECKED enum status extension_open(const struct sweep *large, const struct sweep *small, struct extension *extension);
void extension_close(struct extension *extension);
SCOPED_VALUE(extension, extension_close)

/* The number in the large sweep of a cell, or of a WEIGHT, of the small one. */
uint64_t extension_cell(const struct extension *extension, uint64_t number);
uint64_t extension_weight(const struct extension *extension, uint64_t number);

/* Whether results of a file of that format_version were computed with the inputs that the same sweep has now: until
 * version 1, sine inputs of more than one component stood j/m of a turn apart, and now stand j/(2m). The sweep's text
 * and hash are the same, so that nothing else tells. Errors: STATUS_REFUSED, to be prefixed with the file's name. */
CHECKED enum status extension_require_same_inputs(const struct sweep *sweep, int64_t format_version);

#endif
