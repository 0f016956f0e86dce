/* A results file that one process makes of others, without MPI: created whole under the name OUT.tmp, written to, and
 * published by rename, under the lock of OUT. Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_MAKING_H
#define GRADSWEEP_STORE_MAKING_H

#include "store/lock.h"
#include "store/results_file.h"

struct making {
    const char *path; /* to be published, borrowed */
    struct lock lock;
    struct results_file file; /* of `path`.tmp */
};

/* Refuses a path that exists or cannot be made, and makes `path`.tmp for `sweep` (borrowed). Ends with making_publish
 * or making_discard; with neither after a failure. Errors: STATUS_REFUSED, STATUS_IO. */
CHECKED enum status making_open(const char *path, const struct sweep *sweep, struct making *making);

/* Closes and renames. The file is there, or the .tmp gone. Errors: STATUS_IO. */
CHECKED enum status making_publish(struct making *making);
void making_discard(struct making *making);

#endif
