/* The nearest right name for a wrong one. Not collective. */
#ifndef GRADSWEEP_SWEEP_SUGGEST_H
#define GRADSWEEP_SWEEP_SUGGEST_H

#include <stddef.h>

/* How many letters must be inserted, deleted, replaced or exchanged with their neighbour to make one word the other,
 * upper and lower case alike (optimal string alignment). Words longer than 63 bytes count as beyond reach. */
size_t suggest_distance(const char *left, const char *right);

/* The nearest of names[count]; NULL where none is near enough to be what was meant. */
const char *suggest_nearest(const char *word, size_t count, const char *const *names);

#endif
