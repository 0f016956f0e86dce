/* A sweep file of arbitrary bytes, taken the whole way: read with its overrides, made a grid, units of work and the
 * layout of a results file. Lines that begin with "#--set " are overrides. Not collective. */
#ifndef GRADSWEEP_TESTS_FUZZ_SWEEP_TARGET_H
#define GRADSWEEP_TESTS_FUZZ_SWEEP_TARGET_H

#include <stddef.h>
#include <stdint.h>

enum { SWEEP_INPUT_BYTES = 8192 };

/* Aborts, with a line that says why, where reading ends in anything but a good sweep or mistakes that are well told:
 * each with file, line, column, the line itself and a caret below it, in valid UTF-8 without control characters.
 * Returns 1 where the sweep was good. */
int sweep_target(const uint8_t *data, size_t size);

/* Changes data[size], which has room for `capacity` bytes, as a user might, or a fault; returns the new size. The same
 * seed makes the same change. */
size_t sweep_mutate(uint8_t *data, size_t size, size_t capacity, unsigned seed);

#endif
