/* The keys of a mapping in a sweep file. */
#ifndef GRADSWEEP_SWEEP_KEYS_H
#define GRADSWEEP_SWEEP_KEYS_H

#include "sweep/reader.h"

/* Notes those that are repeated or not among names[count]. Not collective. */
CHECKED enum status keys_check(struct reader *reader, const struct yaml_node *mapping, const char *path, size_t count,
                               const char *const *names);

#endif
