#include "store/hold.h"

#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* No file is so long, and no lock on what is written reaches so far. */
static const off_t far_behind = (off_t)1 << 62;

enum { LINK_TEXT = 64 };

static int set_lock(int descriptor, int command, off_t first, off_t length)
{
    struct flock place = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = first, .l_len = length };
    int result;
    do
        result = fcntl(descriptor, command, &place);
    while (result != 0 && errno == EINTR);
    return result;
}

enum lock_answer hold_try_lock(int descriptor, off_t first, off_t length)
{
    int result = set_lock(descriptor, F_OFD_SETLK, first, length);
    if (result != 0 && errno == EINVAL)
        result = set_lock(descriptor, F_SETLK, first, length);
    if (result == 0)
        return LOCK_HELD;
    return errno == EACCES || errno == EAGAIN ? LOCK_BUSY : LOCK_UNSUPPORTED;
}

static struct identity identity_of(const struct stat *state)
{
    return (struct identity){ .exists = true, .device = state->st_dev, .inode = state->st_ino };
}

enum status hold_identify(const char *path, struct identity *identity)
{
    struct stat state;
    *identity = (struct identity){ 0 };
    if (stat(path, &state) == 0)
        *identity = identity_of(&state);
    else if (errno != ENOENT)
        return status_fail(STATUS_REFUSED, "%s: cannot be looked at: %s", path, strerror(errno));
    return STATUS_OK;
}

bool hold_is_same(const struct identity *one, const struct identity *other)
{
    if (!one->exists || !other->exists)
        return one->exists == other->exists;
    return one->device == other->device && one->inode == other->inode;
}

/* ---- the two locks ---- */

static enum lock_answer try_exclusive(const struct hold *hold)
{
    return hold_try_lock(hold->exclusive, far_behind, 1);
}

static void drop_exclusive(const struct hold *hold)
{
    struct flock place = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = far_behind, .l_len = 1 };
    (void)fcntl(hold->exclusive, F_OFD_SETLK, &place);
}

static enum lock_answer try_shared(const struct hold *hold)
{
    if (flock(hold->shared, LOCK_SH | LOCK_NB) == 0)
        return LOCK_HELD;
    return errno == EWOULDBLOCK ? LOCK_BUSY : LOCK_UNSUPPORTED;
}

static void drop_shared(struct hold *hold)
{
    if (hold->shared >= 0)
        close(hold->shared);
    hold->shared = -1;
}

static enum status refuse_run(const char *path)
{
    return status_fail(STATUS_REFUSED,
                       "%s: another run is writing this file, under this or another of its names; wait for it, or stop "
                       "it",
                       path);
}

/* NFS and Lustre make one kind of lock of both, so that our own would exclude each other: the one against other runs is
 * kept. Seen by the shared one being free once the other is dropped. */
static enum status take_shared(const char *path, struct hold *hold)
{
    const enum lock_answer answer = try_shared(hold);
    if (answer == LOCK_HELD)
        return STATUS_OK;
    bool is_emulated = false;
    if (answer == LOCK_BUSY && hold->has_locks) {
        drop_exclusive(hold);
        is_emulated = try_shared(hold) == LOCK_HELD;
    }
    if (answer == LOCK_BUSY && !is_emulated)
        return status_fail(STATUS_REFUSED, "%s: another program has the file open to write to it; close it there",
                           path);
    drop_shared(hold);
    if (is_emulated && try_exclusive(hold) != LOCK_HELD)
        return refuse_run(path);
    return STATUS_OK;
}

static enum status take(const char *path, struct hold *hold)
{
    struct stat state;
    hold->exclusive = open(path, O_RDWR | O_CLOEXEC);
    if (hold->exclusive < 0 && (errno == EACCES || errno == EPERM || errno == EROFS)) /* to be replaced, not written */
        hold->exclusive = open(path, O_RDONLY | O_CLOEXEC);
    hold->shared = open(path, O_RDONLY | O_CLOEXEC);
    if (hold->exclusive < 0 || hold->shared < 0 || fstat(hold->exclusive, &state) != 0)
        return status_fail(STATUS_REFUSED, "%s: cannot open the file: %s", path, strerror(errno));
    hold->identity = identity_of(&state);
    const enum lock_answer answer = try_exclusive(hold);
    if (answer == LOCK_BUSY)
        return refuse_run(path);
    hold->has_locks = answer == LOCK_HELD;
    return take_shared(path, hold);
}

enum status hold_take(const char *path, struct hold *hold)
{
    *hold = HOLD_NONE;
    enum status status = take(path, hold);
    if (status != STATUS_OK)
        hold_release(hold);
    return status;
}

void hold_release(struct hold *hold)
{
    drop_shared(hold);
    if (hold->exclusive >= 0)
        close(hold->exclusive);
    hold->exclusive = -1;
}

enum lock_answer hold_ask(const char *path)
{
    struct hold hold = { .exclusive = open(path, O_RDWR | O_CLOEXEC), .shared = -1 };
    if (hold.exclusive < 0)
        return LOCK_UNSUPPORTED;
    const enum lock_answer answer = try_exclusive(&hold);
    hold_release(&hold);
    return answer;
}

/* ---- its place ---- */

/* Where the kernel sees the file now; "" where it has no name left, or does not say. */
static void find_place(const struct hold *hold, char place[PATH_MAX])
{
    char link[LINK_TEXT];
    struct stat state;
    snprintf(link, sizeof link, "/proc/self/fd/%d", hold->exclusive);
    const ssize_t length = readlink(link, place, PATH_MAX - 1);
    place[length > 0 ? length : 0] = '\0';
    if (place[0] &&
        (stat(place, &state) != 0 || state.st_ino != hold->identity.inode || state.st_dev != hold->identity.device))
        place[0] = '\0';
}

bool hold_has_name(const struct hold *hold)
{
    struct stat state;
    return fstat(hold->exclusive, &state) == 0 && state.st_nlink > 0;
}

enum status hold_flush(const struct hold *hold, const char *path)
{
    return disk_sync_opened(hold->exclusive, path);
}

enum status hold_require_place(const struct hold *hold, const char *path)
{
    struct identity there;
    char place[PATH_MAX];
    TRY(hold_identify(path, &there));
    const bool has_names = hold_has_name(hold);
    if (has_names && hold_is_same(&there, &hold->identity))
        return STATUS_OK;
    find_place(hold, place);
    return status_fail(STATUS_IO, "%s: the file was %s while it was written; its results are %s%s", path,
                       there.exists ? "replaced by another" : "moved or removed",
                       place[0] ? "in "
                                : (has_names ? "in the file that this was, whose name is not known"
                                             : "gone with the file that this was; run again"),
                       place);
}
