/* The lock on the name of a results file: OUT.h5.lock, with an fcntl lock on it and its owner's record in it.
 *
 * A held fcntl lock decides that the owner lives; the record is for other hosts (whose locks this file system may not
 * pass on), for a job that was requeued, and for people. Where the file system has no such locks, the lock file itself
 * is the lock: made by its owner alone (O_EXCL), whose life the record lets others judge. Once the file exists, it is
 * held too, whatever its names (store/hold.h). Held by rank 0 alone. Not collective. */
#ifndef GRADSWEEP_STORE_LOCK_H
#define GRADSWEEP_STORE_LOCK_H

#include "base/status.h"
#include "store/owner.h"

#include <stdbool.h>
#include <stddef.h>

struct lock {
    char *path;          /* of the lock file */
    int descriptor;      /* -1: not held */
    struct owner owner;  /* us */
    struct owner before; /* whose lock it was, and who is dead or was robbed; its host is "" where there was none */
};

/* Takes the lock of the results file `output`. `take_over` takes it from an owner that cannot be seen from here; never
 * from a living one on this host. Release with lock_release. Errors: STATUS_REFUSED naming the owner and --break-lock,
 * or why the lock file cannot be made; STATUS_MEMORY. */
CHECKED enum status lock_acquire(const char *output, bool take_over, struct lock *lock);

/* Removes the lock file, if it is still ours, and lets go. Does nothing for a lock that is not held. */
void lock_release(struct lock *lock);

/* Whether somebody who lives, or of whom it cannot be told, has the lock of `output`. */
bool lock_is_held(const char *output);

/* Describes the owner of the lock of `output` for people into text[size]; "" if there is no lock file. */
void lock_describe(const char *output, char *text, size_t size);

#endif
