/* A hold on a results file itself, whatever its names: its inode is kept open and locked. Not collective.
 *
 * One lock excludes other runs of ours: an OFD lock (fcntl(2)) on a byte far behind the end, which ends with the
 * descriptor, and not when some library closes another one. The other is a shared flock, which HDF5 asks for where it
 * opens a file to write: h5py in mode 'a' is refused, readers are not. Either is left out where the file system has no
 * such locks. */
#ifndef GRADSWEEP_STORE_HOLD_H
#define GRADSWEEP_STORE_HOLD_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Which file a path leads to. */
struct identity {
    bool exists;
    dev_t device;
    ino_t inode;
};

struct hold {
    int exclusive, shared; /* descriptors; -1: not held */
    bool has_locks;        /* the file system has fcntl locks */
    struct identity identity;
};

#define HOLD_NONE ((struct hold){ .exclusive = -1, .shared = -1 })

enum lock_answer { LOCK_HELD, LOCK_BUSY, LOCK_UNSUPPORTED };

/* Tries for an OFD lock on bytes first .. first+length-1 (0: to the end) of an open file, with a lock of the process
 * where there are no OFD locks. LOCK_UNSUPPORTED: no such locks here; errno says why. */
enum lock_answer hold_try_lock(int descriptor, off_t first, off_t length);

/* Of the file itself, not of a symbolic link to it; exists is false for none. Errors: STATUS_REFUSED. */
CHECKED enum status hold_identify(const char *path, struct identity *identity);
bool hold_is_same(const struct identity *one, const struct identity *other);

/* Takes hold of an existing file. Errors: STATUS_REFUSED where another run, or another program's writer, has it. */
CHECKED enum status hold_take(const char *path, struct hold *hold);
void hold_release(struct hold *hold);

/* STATUS_OK where the path still leads to the file that is held. Errors: STATUS_IO, which says what became of the path,
 * and where the file is now. */
CHECKED enum status hold_require_place(const struct hold *hold, const char *path);

/* Whether the file that is held has a name left. */
bool hold_has_name(const struct hold *hold);

/* Makes it survive a power loss; `path` is for the message. Errors: STATUS_IO. */
CHECKED enum status hold_flush(const struct hold *hold, const char *path);

/* Whether a process on this host, as far as locks tell, has a hold on the file; LOCK_UNSUPPORTED: they do not tell. */
enum lock_answer hold_ask(const char *path);

#endif
