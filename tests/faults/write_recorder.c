/* A library to be loaded before a program (LD_PRELOAD): it records what processes do to the files of a folder, with the
 * data and in order, so that tests/campaign/power_loss.py can play any part of it again.
 *
 *   RECORD_FOLDER  the folder, as an absolute path without symbolic links
 *   RECORD_LOG     the log, outside of it
 *   RECORD_STOP    after so many writes of this process to the file RECORD_FILE, it gets SIGUSR1: a run that is stopped
 * in its middle
 *
 * The log is a row of records (struct record, then its names and data), each appended by one call, which the kernel
 * keeps in one piece and in one order for all processes. A change is recorded once it is done: what another process
 * does because of it stands behind it. A sync is recorded twice, before and after: it covers what stood before its
 * beginning, and only once it has ended. What goes past the C library's entry points (fopen, a bare syscall) is not
 * seen: the simulator plays everything again and compares with the folder, so such a hole does not stay unnoticed. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Each with what it uses of a record. */
enum kind {
    CREATE = 'C',     /* file, name */
    WRITE = 'W',      /* file, place, length, data */
    TRUNCATE = 'T',   /* file, place: its new size */
    ALLOCATE = 'A',   /* file, place: its size is at least that */
    RENAME = 'R',     /* name, second */
    LINK = 'L',       /* file, name: one more for it */
    SYMLINK = 'S',    /* name, second: where it leads */
    UNLINK = 'U',     /* name */
    MKDIR = 'M',      /* file, name */
    SYNC_BEGIN = 'B', /* file, place: the number of the call, name where it is a directory */
    SYNC_END = 'E',   /* file, place */
};

struct record {
    uint32_t kind;
    int32_t process;
    uint64_t file; /* inode */
    uint64_t place;
    uint64_t length; /* bytes of data */
    uint32_t name;   /* bytes of names, after the record */
    uint32_t second;
};

static atomic_long writes, syncs;

static void stop_if_wanted(const char *path)
{
    const char *file = getenv("RECORD_FILE"), *wanted = getenv("RECORD_STOP");
    if (file && wanted && strcmp(file, path) == 0 && atomic_fetch_add(&writes, 1) + 1 == atol(wanted))
        syscall(SYS_kill, getpid(), SIGUSR1);
}

/* errno stays as it was; a record that cannot be written ends the process, since the rest of the log would mean
 * nothing. */
static void record(enum kind kind, uint64_t file, uint64_t place, const char *name, const char *second,
                   const struct iovec *pieces, int count, uint64_t length)
{
    const int kept = errno;
    struct record head = { .kind = kind, .process = getpid(), .file = file, .place = place, .length = length };
    struct iovec all[IOV_MAX];
    int used = 0;
    size_t bytes = 0;
    head.name = name ? (uint32_t)strlen(name) : 0;
    head.second = second ? (uint32_t)strlen(second) : 0;
    all[used++] = (struct iovec){ &head, sizeof head };
    all[used++] = (struct iovec){ (void *)name, head.name };
    all[used++] = (struct iovec){ (void *)second, head.second };
    for (int i = 0; i < count && used < IOV_MAX && length > 0; i++, used++) {
        all[used] = pieces[i];
        all[used].iov_len = pieces[i].iov_len < length ? pieces[i].iov_len : length;
        length -= all[used].iov_len;
    }
    for (int i = 0; i < used; i++)
        bytes += all[i].iov_len;
    const long log =
        syscall(SYS_openat, AT_FDCWD, getenv("RECORD_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (log < 0 || length > 0 || syscall(SYS_writev, log, all, used) != (long)bytes)
        abort();
    syscall(SYS_close, log);
    errno = kept;
}

static bool is_below(const char *path)
{
    const char *folder = getenv("RECORD_FOLDER");
    const size_t length = folder ? strlen(folder) : 0;
    return folder && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

/* The path of a descriptor; false where it has none, or none below the folder. */
static bool path_of(int descriptor, char path[PATH_MAX])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    const ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, (size_t)PATH_MAX - 1);
    path[length < 0 ? 0 : length] = '\0';
    return is_below(path);
}

/* What `name` means to a call with a directory; false where that is not below the folder. */
static bool absolute(int directory, const char *name, char path[PATH_MAX])
{
    char base[PATH_MAX] = "";
    if (name[0] != '/' && directory == AT_FDCWD && syscall(SYS_getcwd, base, sizeof base) < 0)
        return false;
    if (name[0] != '/' && directory != AT_FDCWD)
        path_of(directory, base);
    return snprintf(path, PATH_MAX, "%s%s%s", base, name[0] == '/' ? "" : "/", name) < PATH_MAX && is_below(path);
}

static uint64_t file_of(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

static uint64_t file_at(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 ? status.st_ino : 0;
}

/* ---- data ---- */

static ssize_t write_through(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    char path[PATH_MAX];
    const ssize_t written = place < 0 ? syscall(SYS_writev, descriptor, pieces, count)
                                      : syscall(SYS_pwritev, descriptor, pieces, count, place, 0L);
    if (written <= 0 || !path_of(descriptor, path))
        return written;
    const off_t begin = place < 0 ? syscall(SYS_lseek, descriptor, 0L, SEEK_CUR) - written : place;
    record(WRITE, file_of(descriptor), (uint64_t)begin, NULL, NULL, pieces, count, (uint64_t)written);
    stop_if_wanted(path);
    return written;
}

#include "write_calls.h"

int ftruncate(int descriptor, off_t size)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_ftruncate, descriptor, size);
    if (result == 0 && path_of(descriptor, path))
        record(TRUNCATE, file_of(descriptor), (uint64_t)size, NULL, NULL, NULL, 0, 0);
    return result;
}

int ftruncate64(int descriptor, off_t size)
{
    return ftruncate(descriptor, size);
}

int truncate(const char *name, off_t size)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_truncate, name, size);
    if (result == 0 && absolute(AT_FDCWD, name, path))
        record(TRUNCATE, file_at(path), (uint64_t)size, NULL, NULL, NULL, 0, 0);
    return result;
}

int fallocate(int descriptor, int mode, off_t place, off_t size)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_fallocate, descriptor, mode, place, size);
    if (result == 0 && mode == 0 && path_of(descriptor, path))
        record(ALLOCATE, file_of(descriptor), (uint64_t)(place + size), NULL, NULL, NULL, 0, 0);
    return result;
}

int fallocate64(int descriptor, int mode, off_t place, off_t size)
{
    return fallocate(descriptor, mode, place, size);
}

int posix_fallocate(int descriptor, off_t place, off_t size)
{
    const int kept = errno;
    const int result = fallocate(descriptor, 0, place, size) == 0 ? 0 : errno;
    errno = kept;
    return result;
}

int posix_fallocate64(int descriptor, off_t place, off_t size)
{
    return posix_fallocate(descriptor, place, size);
}

/* ---- syncs ---- */

static int sync_file(int descriptor, long call)
{
    char path[PATH_MAX];
    struct stat status;
    if (!path_of(descriptor, path) || fstat(descriptor, &status) != 0)
        return (int)syscall(call, descriptor);
    const uint64_t number = (uint64_t)getpid() << 32 | (uint64_t)atomic_fetch_add(&syncs, 1);
    record(SYNC_BEGIN, status.st_ino, number, S_ISDIR(status.st_mode) ? path : NULL, NULL, NULL, 0, 0);
    const int result = (int)syscall(call, descriptor);
    if (result == 0)
        record(SYNC_END, status.st_ino, number, NULL, NULL, NULL, 0, 0);
    return result;
}

int fsync(int descriptor)
{
    return sync_file(descriptor, SYS_fsync);
}

int fdatasync(int descriptor)
{
    return sync_file(descriptor, SYS_fdatasync);
}

/* ---- names ---- */

static int open_file(int directory, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    struct stat status;
    const bool was_there = fstatat(directory, name, &status, 0) == 0;
    const int descriptor = (int)syscall(SYS_openat, directory, name, flags, mode);
    if (descriptor < 0 || (flags & (O_CREAT | O_TRUNC | __O_TMPFILE)) == 0 || !path_of(descriptor, path))
        return descriptor;
    const bool has_name = (flags & __O_TMPFILE) == 0;
    if (!has_name || ((flags & O_CREAT) && !was_there))
        record(CREATE, file_of(descriptor), 0, has_name ? path : NULL, NULL, NULL, 0, 0);
    else if ((flags & O_TRUNC) && status.st_size > 0)
        record(TRUNCATE, file_of(descriptor), 0, NULL, NULL, NULL, 0, 0);
    return descriptor;
}

#define MODE(last)                                           \
    va_list arguments;                                       \
    va_start(arguments, last);                               \
    const mode_t mode = (mode_t)va_arg(arguments, unsigned); \
    va_end(arguments)

int open(const char *name, int flags, ...)
{
    MODE(flags);
    return open_file(AT_FDCWD, name, flags, mode);
}

int open64(const char *name, int flags, ...)
{
    MODE(flags);
    return open_file(AT_FDCWD, name, flags, mode);
}

int openat(int directory, const char *name, int flags, ...)
{
    MODE(flags);
    return open_file(directory, name, flags, mode);
}

int openat64(int directory, const char *name, int flags, ...)
{
    MODE(flags);
    return open_file(directory, name, flags, mode);
}

int creat(const char *name, mode_t mode)
{
    return open_file(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

static int rename_file(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    char before[PATH_MAX], after[PATH_MAX];
    const int result = (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
    const bool is_left = absolute(from_directory, from, before), is_reached = absolute(to_directory, to, after);
    if (result == 0 && (is_left || is_reached))
        record(RENAME, file_at(after), 0, before, after, NULL, 0, 0);
    return result;
}

int rename(const char *from, const char *to)
{
    return rename_file(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return rename_file(from_directory, from, to_directory, to, 0);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    return rename_file(from_directory, from, to_directory, to, flags);
}

int linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    if (result == 0 && absolute(to_directory, to, path))
        record(LINK, file_at(path), 0, path, NULL, NULL, 0, 0);
    return result;
}

int link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int symlinkat(const char *target, int directory, const char *name)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_symlinkat, target, directory, name);
    if (result == 0 && absolute(directory, name, path))
        record(SYMLINK, file_at(path), 0, path, target, NULL, 0, 0);
    return result;
}

int symlink(const char *target, const char *name)
{
    return symlinkat(target, AT_FDCWD, name);
}

int unlinkat(int directory, const char *name, int flags)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_unlinkat, directory, name, flags);
    if (result == 0 && absolute(directory, name, path))
        record(UNLINK, 0, 0, path, NULL, NULL, 0, 0);
    return result;
}

int unlink(const char *name)
{
    return unlinkat(AT_FDCWD, name, 0);
}

int rmdir(const char *name)
{
    return unlinkat(AT_FDCWD, name, AT_REMOVEDIR);
}

int remove(const char *name)
{
    const int result = unlinkat(AT_FDCWD, name, 0);
    return result != 0 && errno == EISDIR ? rmdir(name) : result;
}

int mkdir(const char *name, mode_t mode)
{
    char path[PATH_MAX];
    const int result = (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    if (result == 0 && absolute(AT_FDCWD, name, path))
        record(MKDIR, file_at(path), 0, path, NULL, NULL, 0, 0);
    return result;
}
