/* A results file that one process makes of others, without MPI: created whole under a name of its own, written to, read
 * back, and published, under the lock of OUT. Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_MAKING_H
#define GRADSWEEP_STORE_MAKING_H

#include "store/create.h"
#include "store/lock.h"
#include "store/results_file.h"

#include <limits.h>

struct making {
    const char *asked;   /* borrowed */
    char path[PATH_MAX]; /* to be published: the same, or what that leads to as a symbolic link */
    struct lock lock;
    struct unpublished unpublished;
    struct results_file file; /* of its temporary name */
};

/* Makes sure that `path` can be made and is not there; a symbolic link stands for what it leads to. Errors:
 * STATUS_REFUSED. */
CHECKED enum status making_require_new(const char *path);

#define MAKING_NONE \
    ((struct making){ .lock = { .descriptor = -1 }, .unpublished = { .hold = HOLD_NONE }, .file = RESULTS_FILE_NONE })

/* Refuses a path that exists or cannot be made, and makes the file for `sweep` (borrowed) under its temporary name. Its
 * owner's to close, also where this fails. Errors: STATUS_REFUSED, STATUS_IO. */
CHECKED enum status making_open(const char *path, const struct sweep *sweep, struct making *making);

/* Closes, opens the closed file again, verifies what it holds, and publishes it. The file is there, or nothing is left;
 * where another file has taken its name meanwhile, it is kept under another, which the message tells. Errors:
 * STATUS_IO. */
CHECKED enum status making_publish(struct making *making);

/* Removes what was not published, and lets go of the rest. */
void making_close(struct making *making);
SCOPED_VALUE(making, making_close)

#endif
