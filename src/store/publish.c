#include "store/publish.h"

#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_NAMES = 1000, COPY_BYTES = 1 << 16 };

static bool is_missing(int number)
{
    return number == EINVAL || number == ENOSYS || number == EOPNOTSUPP || number == ENOTTY;
}

/* Whether the path leads to the file, not to a link to it. */
static bool is_there(const char *path, const struct identity *identity)
{
    struct stat state;
    return lstat(path, &state) == 0 && state.st_dev == identity->device && state.st_ino == identity->inode;
}

/* A name that nobody else can have made: an empty file of ours, which is then replaced if it is still that. */
static int rename_over_place_holder(const char *temporary, const char *path)
{
    struct stat state;
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return -1;
    const bool is_known = fstat(descriptor, &state) == 0;
    close(descriptor);
    const struct identity holder = { true, state.st_dev, state.st_ino };
    if (is_known && is_there(path, &holder) && stat(path, &state) == 0 && state.st_size == 0)
        return rename(temporary, path);
    errno = EEXIST;
    return -1;
}

/* 0, or -1 and errno. Not all file systems have both of the first two ways. */
static int rename_to_new(const char *temporary, const char *path)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return 0;
    if (!is_missing(errno))
        return -1;
    if (link(temporary, path) == 0)
        return unlink(temporary);
    if (!is_missing(errno) && errno != EPERM && errno != EMLINK)
        return -1;
    return rename_over_place_holder(temporary, path);
}

/* A file server may do what it is asked, and answer a second time that it is done already. */
static int publish_new(const char *temporary, const char *path, const struct identity *ours)
{
    if (rename_to_new(temporary, path) == 0)
        return 0;
    const int reason = errno;
    if (reason == EEXIST && is_there(path, ours))
        return unlink(temporary) == 0 || errno == ENOENT ? 0 : -1;
    errno = reason;
    return -1;
}

/* Exchanges the two, so that what was replaced can be looked at, and be given back. */
static int publish_over(const char *temporary, const char *path, const struct identity *replaces)
{
    if (!is_there(path, replaces)) {
        errno = EEXIST;
        return -1;
    }
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) != 0)
        return is_missing(errno) ? rename(temporary, path) : -1;
    if (is_there(temporary, replaces))
        return unlink(temporary);
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_EXCHANGE) == 0)
        errno = EEXIST;
    return -1;
}

static enum status sync_directory(const char *path)
{
    char directory[PATH_MAX];
    TRY(disk_directory(path, directory, sizeof directory));
    return disk_sync(directory);
}

enum status publish_file(const char *temporary, const char *path, const struct identity *replaces, bool *is_taken)
{
    struct identity ours;
    struct stat state;
    *is_taken = false;
    TRY(disk_sync(temporary));
    TRY(hold_identify(temporary, &ours));
    const bool is_free = lstat(path, &state) != 0 && errno == ENOENT;
    const int result =
        replaces->exists && !is_free ? publish_over(temporary, path, replaces) : publish_new(temporary, path, &ours);
    if (result == 0)
        return sync_directory(path);
    *is_taken = errno == EEXIST;
    if (*is_taken)
        return status_fail(STATUS_REFUSED,
                           "%s: another file has taken this name meanwhile; it is left alone, name another", path);
    return status_fail(STATUS_IO, "%s: cannot rename %s to it: %s", path, temporary, strerror(errno));
}

enum status publish_beside(const char *temporary, const char *path, char *kept, size_t size)
{
    struct identity ours;
    TRY(hold_identify(temporary, &ours));
    for (int number = 1; number <= MOST_NAMES; number++) {
        snprintf(kept, size, "%s.%d", path, number);
        if (publish_new(temporary, kept, &ours) == 0)
            return sync_directory(path);
        if (errno != EEXIST)
            break;
    }
    return status_fail(STATUS_IO, "%s: cannot rename %s to it: %s", kept, temporary, strerror(errno));
}

/* 0, or -1 and errno. */
static int copy_contents(int from, int to)
{
    char piece[COPY_BYTES];
    off_t place = 0;
    for (ssize_t got; (got = pread(from, piece, sizeof piece, place)) != 0; place += got)
        if (got < 0 || pwrite(to, piece, (size_t)got, place) != got)
            return -1;
    return fsync(to);
}

static int open_first_free(const char *path, char *kept, size_t size)
{
    int descriptor = -1;
    errno = EEXIST;
    for (int number = 1; descriptor < 0 && errno == EEXIST && number <= MOST_NAMES; number++) {
        snprintf(kept, size, "%s.%d", path, number);
        descriptor = open(kept, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return descriptor;
}

enum status publish_copy(int descriptor, const char *path, char *kept, size_t size)
{
    const int copy = open_first_free(path, kept, size);
    if (copy < 0)
        return status_fail(STATUS_IO, "%s: cannot make the file: %s", kept, strerror(errno));
    const int result = copy_contents(descriptor, copy), reason = errno;
    close(copy);
    if (result == 0)
        return sync_directory(path);
    unlink(kept);
    return status_fail(STATUS_IO, "%s: cannot be written: %s", kept, strerror(reason));
}
