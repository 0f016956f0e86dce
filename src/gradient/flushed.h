/* Chains of which a derivative is so small beside the others of its step that it is taken for 0: what of their values
 * is right all the same. Not collective. */
#ifndef GRADSWEEP_GRADIENT_FLUSHED_H
#define GRADSWEEP_GRADIENT_FLUSHED_H

#include "gradient/task.h"

/* Fails, as out of range, each measure of a chain whose values may owe something to a derivative that was taken for 0:
 * an exact zero, or a number as small as what was left out. Once all functions have returned, before anything is
 * derived from their values. */
void flushed_fail(struct measure_task *task);

#endif
