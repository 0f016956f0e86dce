#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const long nfs_magic = 0x6969;

enum status disk_directory(const char *path, char *directory, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
    if (length + 2 > size)
        return status_fail(STATUS_REFUSED, "%s: the path is too long", path);
    if (!slash)
        strcpy(directory, ".");
    else
        snprintf(directory, size, "%.*s", (int)length, path);
    return STATUS_OK;
}

/* ---- why not, for people ---- */

enum { REASON_SIZE = 512 };

static bool find_room(const char *path, struct statvfs *disk)
{
    char directory[PATH_MAX];
    if (statvfs(path, disk) == 0)
        return true;
    return disk_directory(path, directory, sizeof directory) == STATUS_OK && statvfs(directory, disk) == 0;
}

static void describe_full_disk(const char *path, char *text, size_t size)
{
    struct statvfs disk;
    if (!find_room(path, &disk))
        return;
    const double free_bytes = (double)disk.f_bavail * (double)disk.f_frsize;
    if (disk.f_files > 0 && disk.f_favail == 0)
        snprintf(text, size, " (no more files: its %llu inodes are all in use, though %.1f MB are free; remove files)",
                 (unsigned long long)disk.f_files, free_bytes / 1e6);
    else
        snprintf(text, size, " (%.1f MB left on its file system)", free_bytes / 1e6);
}

const char *disk_reason(int reason, const char *path)
{
    static _Thread_local char text[REASON_SIZE];
    char more[REASON_SIZE / 2] = "";
    struct rlimit limit;
    if (reason == ENOSPC)
        describe_full_disk(path, more, sizeof more);
    else if (reason == EDQUOT)
        snprintf(more, sizeof more, " (your share of the file system is used up, not the file system; quota -s tells)");
    else if (reason == EFBIG && getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(more, sizeof more, " (more than %llu bytes a file, the limit set here (ulimit -f))",
                 (unsigned long long)limit.rlim_cur);
    snprintf(text, sizeof text, "%.200s%s", strerror(reason), more);
    return text;
}

/* ---- what can be made ---- */

enum status disk_require_directory(const char *path)
{
    char directory[PATH_MAX];
    struct stat state;
    TRY(disk_directory(path, directory, sizeof directory));
    if (stat(directory, &state) != 0)
        return status_fail(STATUS_REFUSED, "%s: the directory %s cannot be used: %s", path, directory, strerror(errno));
    if (!S_ISDIR(state.st_mode))
        return status_fail(STATUS_REFUSED, "%s: %s is not a directory", path, directory);
    if (access(directory, W_OK | X_OK) != 0)
        return status_fail(STATUS_REFUSED, "%s: the directory %s cannot be written to: %s", path, directory,
                           strerror(errno));
    return STATUS_OK;
}

enum status disk_require_new(const char *path)
{
    struct stat state;
    TRY(disk_require_directory(path));
    if (lstat(path, &state) == 0)
        return status_fail(STATUS_REFUSED, "%s: it exists; name a file to be made", path);
    if (errno != ENOENT)
        return status_fail(STATUS_REFUSED, "%s: cannot be looked at: %s", path, strerror(errno));
    return STATUS_OK;
}

uint64_t disk_available(const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0)
        return UINT64_MAX;
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}

/* 0, or the reason why the file system would not give the space; one that cannot reserve gives no reason. */
static int try_to_reserve(const char *path, uint64_t bytes)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return errno;
    int reason = fallocate(descriptor, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
    close(descriptor);
    if (unlink(path) != 0)
        return errno;
    return reason == EOPNOTSUPP || reason == ENOSYS ? 0 : reason;
}

enum status disk_require_space(const char *path, uint64_t bytes)
{
    char directory[PATH_MAX];
    TRY(disk_directory(path, directory, sizeof directory));
    uint64_t available = disk_available(directory);
    int reason = bytes > available ? ENOSPC : try_to_reserve(path, bytes);
    if (reason == 0)
        return STATUS_OK;
    return status_fail(STATUS_IO,
                       "%s: %s: the results need %" PRIu64 " bytes, and the file system has %" PRIu64 " left", path,
                       disk_reason(reason, directory), bytes, available);
}

bool disk_is_nfs(const char *path)
{
    struct statfs disk;
    return statfs(path, &disk) == 0 && disk.f_type == nfs_magic;
}

enum status disk_sync_opened(int descriptor, const char *path)
{
    if (fsync(descriptor) != 0)
        return status_fail(STATUS_IO, "%s: cannot flush it to disk: %s", path, disk_reason(errno, path));
    return STATUS_OK;
}

enum status disk_sync(const char *path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return status_fail(STATUS_IO, "%s: cannot open it to flush it to disk: %s", path, strerror(errno));
    enum status status = disk_sync_opened(descriptor, path);
    close(descriptor);
    return status;
}

enum status disk_open(const char *path, bool for_writing, int *descriptor)
{
    *descriptor = open(path, (for_writing ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (*descriptor < 0)
        return status_fail(STATUS_IO, "%s: cannot open it to %s: %s", path,
                           for_writing ? "write results" : "read what is finished", strerror(errno));
    return STATUS_OK;
}

enum status disk_read(int descriptor, uint64_t place, uint64_t count, void *bytes)
{
    while (count > 0) {
        ssize_t got = pread(descriptor, bytes, count, (off_t)place);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return status_fail(STATUS_IO, "reading failed: %s", strerror(errno));
        if (got == 0)
            return status_fail(STATUS_IO, "reading failed: the file ends before byte %" PRIu64, place + count);
        bytes = (char *)bytes + got;
        place += (uint64_t)got;
        count -= (uint64_t)got;
    }
    return STATUS_OK;
}

enum status disk_write(int descriptor, const char *path, uint64_t place, uint64_t count, const void *bytes)
{
    while (count > 0) {
        const ssize_t put = pwrite(descriptor, bytes, count, (off_t)place);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return status_fail(STATUS_IO, "writing failed: %s", disk_reason(put < 0 ? errno : ENOSPC, path));
        bytes = (const char *)bytes + put;
        place += (uint64_t)put;
        count -= (uint64_t)put;
    }
    return STATUS_OK;
}

enum status disk_explain(enum status code, const char *path)
{
    uint64_t available = disk_available(path);
    if (available == UINT64_MAX)
        return status_prefix(code, "%s", path);
    return status_prefix(code, "%s (%.1f MB left on its file system)", path, (double)available / 1e6);
}
