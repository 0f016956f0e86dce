/* The names of a results file: the one that a symbolic link leads to, and the names of its own that it has while it is
 * made. Not collective. */
#ifndef GRADSWEEP_STORE_OUTPUT_H
#define GRADSWEEP_STORE_OUTPUT_H

#include "base/status.h"
#include "store/owner.h"

#include <limits.h>
#include <stddef.h>

/* `path`, or where it is a symbolic link what that leads to, which need not exist, into resolved[size]. Locks and
 * temporary files belong beside that. Errors: STATUS_REFUSED for links in a circle, or a name too long. */
CHECKED enum status output_resolve(const char *path, char *resolved, size_t size);

/* A name beside `path` that nobody else makes a file under: host, process and token of its owner are in it. Into
 * temporary[size]; STATUS_REFUSED where it does not fit. */
CHECKED enum status output_temporary(const char *path, const struct owner *owner, char *temporary, size_t size);

/* Under the lock of `path`: removes what owners that have ended left beside it, files in the making and those by which
 * MPI-IO tries out locks and shares pointers; nothing of an owner that lives, or of one on another host that is not
 * `dead`, of whose end the lock has told. */
void output_clear(const char *path, const struct owner *now, const struct owner *dead);

#endif
