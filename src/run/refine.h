/* Proposing a finer axis: where along it a mean over replicas and anchors passes zero. By one process, without MPI. Not
 * collective.
 */
#ifndef GRADSWEEP_RUN_REFINE_H
#define GRADSWEEP_RUN_REFINE_H

#include "base/status.h"

#include <stdio.h>

/* What is asked: names of an axis of real numbers and of a dataset of cells (of one with an index, its first value),
 * and the width at which a crossing is narrow enough. */
struct refine_options {
    const char *axis, *quantity;
    double width; /* > 0 */
};

/* Reads the results file at `path`, of whatever version, which may have pending cells, and writes to `output` its sweep
 * with more values on the axis: for every point of the other axes but replica and anchor, wherever the mean over
 * these of the quantity has another sign at the next value of the axis and these are further apart than the width, up
 * to three values evenly between them, so that each round narrows a crossing four times. `extend` takes the file.
 * Without anything to add it is the sweep as it was. Tells the crossings on `out`, one a line. `output` may exist only
 * if it was written by this. Errors: STATUS_USAGE for names that are none, an axis that the sweep has not, a quantity
 * that was not measured; STATUS_REFUSED for an output that is not ours; STATUS_FOREIGN_FILE, STATUS_IO, STATUS_MEMORY.
 */
CHECKED enum status refine_axis(const char *path, const struct refine_options *options, const char *output, FILE *out);

#endif
