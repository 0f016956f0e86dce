/* A library to be loaded before a program (LD_PRELOAD): it lets chosen calls on chosen files fail, so that tests can
 * see what a program makes of it.
 *
 *   FAULT_CALL    which calls are counted: open, write (pwrite, writev, pwritev as well), truncate (and fallocate),
 *                 sync (fsync, fdatasync), rename (renameat2 as well), unlink, read (pread, readv, preadv as well), or
 *                 allocate (aligned_alloc)
 *   FAULT_NUMBER  the how-manieth of them fails, from 1
 *   FAULT_ALWAYS  set: all from there on fail
 *   FAULT_ERRNO   with which number; or "short": half of it is written and the half is told; "lie": half of it is
 *                 written and all is told; "kill", "stop": the process gets SIGKILL, SIGSTOP instead of making the
 *                 call; "pause": it gets SIGSTOP, and makes the call once it goes on; "late": it sleeps, then makes
 *                 the call, so that a run lasts however fast the program is
 *   FAULT_SECONDS how long it sleeps
 *   FAULT_PREFIX  only on files whose path begins so (allocate: any)
 *   FAULT_EXCEPT  and not on those whose path holds this
 *   FAULT_BYTES   allocate: only of at least so many bytes
 *   FAULT_RANK    only in this rank of a job (OMPI_COMM_WORLD_RANK, PMIX_RANK or PMI_RANK; unset: rank 0)
 *   FAULT_LOG     a file that gets a line for each call that was made to fail
 *
 * Files are known by /proc/self/fd, counts are per process. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum effect { NOTHING, FAIL, SHORT, LIE };

static atomic_long calls;

static long number_of(const char *variable, long otherwise)
{
    const char *text = getenv(variable);
    return text && *text ? atol(text) : otherwise;
}

static bool is_this_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (rank == NULL)
        rank = getenv("PMIX_RANK");
    if (rank == NULL)
        rank = getenv("PMI_RANK");
    const char *wanted = getenv("FAULT_RANK");
    return wanted == NULL || strcmp(rank ? rank : "0", wanted) == 0;
}

static void note(const char *call, const char *path, long number)
{
    const char *log = getenv("FAULT_LOG");
    char line[PATH_MAX + 64];
    if (log == NULL)
        return;
    int length = snprintf(line, sizeof line, "%s %ld %s\n", call, number, path);
    long descriptor = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return;
    syscall(SYS_write, descriptor, line, (size_t)length);
    syscall(SYS_close, descriptor);
}

/* A signal ends it early, as it ends many a call. */
static void sleep_for(double seconds)
{
    const long whole = (long)seconds;
    nanosleep(&(struct timespec){ .tv_sec = whole, .tv_nsec = (long)(1e9 * (seconds - (double)whole)) }, NULL);
}

/* Counts a call, and says what is to become of it; errno is set. */
static enum effect judge(const char *call, const char *path)
{
    const char *wanted = getenv("FAULT_CALL"), *effect = getenv("FAULT_ERRNO");
    const char *prefix = getenv("FAULT_PREFIX"), *except = getenv("FAULT_EXCEPT");
    if (wanted == NULL || strcmp(call, wanted) != 0 || !is_this_rank())
        return NOTHING;
    if (path && prefix && strncmp(path, prefix, strlen(prefix)) != 0)
        return NOTHING;
    if (path && except && strstr(path, except))
        return NOTHING;
    const long number = atomic_fetch_add(&calls, 1) + 1, chosen = number_of("FAULT_NUMBER", 1);
    if (number < chosen || (number > chosen && getenv("FAULT_ALWAYS") == NULL))
        return NOTHING;
    note(call, path ? path : "", number);
    if (effect && strcmp(effect, "kill") == 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (effect && strcmp(effect, "stop") == 0)
        syscall(SYS_kill, getpid(), SIGSTOP);
    if (effect && strcmp(effect, "pause") == 0) {
        syscall(SYS_kill, getpid(), SIGSTOP);
        return NOTHING;
    }
    if (effect && strcmp(effect, "late") == 0) {
        const char *seconds = getenv("FAULT_SECONDS");
        sleep_for(seconds ? strtod(seconds, NULL) : 0.0);
        return NOTHING;
    }
    if (effect && strcmp(effect, "short") == 0)
        return SHORT;
    if (effect && strcmp(effect, "lie") == 0)
        return LIE;
    errno = (int)number_of("FAULT_ERRNO", EIO);
    return FAIL;
}

static enum effect judge_descriptor(const char *call, int descriptor)
{
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return NOTHING;
    path[length] = '\0';
    return judge(call, path);
}

/* ---- writing: all of it is one system call, which takes pieces and a place (-1: where the file stands) ---- */

static ssize_t write_pieces(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    return place < 0 ? syscall(SYS_writev, descriptor, pieces, count)
                     : syscall(SYS_pwritev, descriptor, pieces, count, place, 0L);
}

static ssize_t write_through(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    enum effect effect = judge_descriptor("write", descriptor);
    if (effect == FAIL)
        return -1;
    if (effect == NOTHING)
        return write_pieces(descriptor, pieces, count, place);
    struct iovec half = { pieces[0].iov_base, (pieces[0].iov_len + 1) / 2 };
    ssize_t all = 0, written = write_pieces(descriptor, &half, 1, place);
    for (int i = 0; i < count; i++)
        all += (ssize_t)pieces[i].iov_len;
    return effect == LIE && written >= 0 ? all : written;
}

#include "write_calls.h"

/* ---- reading ---- */

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAILS(call, descriptor) (judge_descriptor(call, descriptor) != NOTHING)

ssize_t read(int descriptor, void *bytes, size_t count)
{
    return FAILS("read", descriptor) ? -1 : syscall(SYS_read, descriptor, bytes, count);
}

ssize_t pread(int descriptor, void *bytes, size_t count, off_t place)
{
    return FAILS("read", descriptor) ? -1 : syscall(SYS_pread64, descriptor, bytes, count, place);
}

ssize_t pread64(int descriptor, void *bytes, size_t count, off_t place)
{
    return pread(descriptor, bytes, count, place);
}

ssize_t readv(int descriptor, const struct iovec *pieces, int count)
{
    return FAILS("read", descriptor) ? -1 : syscall(SYS_readv, descriptor, pieces, count);
}

ssize_t preadv(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    return FAILS("read", descriptor) ? -1 : syscall(SYS_preadv, descriptor, pieces, count, place, 0L);
}

ssize_t preadv64(int descriptor, const struct iovec *pieces, int count, off_t place)
{
    return preadv(descriptor, pieces, count, place);
}

/* ---- the others ---- */

static int open_faultily(int directory, const char *path, int flags, mode_t mode)
{
    return judge("open", path) != NOTHING ? -1 : (int)syscall(SYS_openat, directory, path, flags, mode);
}

#define OPEN(name)                                         \
    int name(const char *path, int flags, ...)             \
    {                                                      \
        va_list arguments;                                 \
        va_start(arguments, flags);                        \
        mode_t mode = (mode_t)va_arg(arguments, unsigned); \
        va_end(arguments);                                 \
        return open_faultily(AT_FDCWD, path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

int ftruncate(int descriptor, off_t size)
{
    return FAILS("truncate", descriptor) ? -1 : (int)syscall(SYS_ftruncate, descriptor, size);
}

int ftruncate64(int descriptor, off_t size)
{
    return ftruncate(descriptor, size);
}

int fallocate(int descriptor, int mode, off_t place, off_t size)
{
    return FAILS("truncate", descriptor) ? -1 : (int)syscall(SYS_fallocate, descriptor, mode, place, size);
}

int fallocate64(int descriptor, int mode, off_t place, off_t size)
{
    return fallocate(descriptor, mode, place, size);
}

int fsync(int descriptor)
{
    return FAILS("sync", descriptor) ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int fdatasync(int descriptor)
{
    return FAILS("sync", descriptor) ? -1 : (int)syscall(SYS_fdatasync, descriptor);
}

int rename(const char *from, const char *to)
{
    return judge("rename", from) != NOTHING ? -1 : (int)syscall(SYS_rename, from, to);
}

int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    return judge("rename", from) != NOTHING
               ? -1
               : (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}

int unlink(const char *path)
{
    return judge("unlink", path) != NOTHING ? -1 : (int)syscall(SYS_unlink, path);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    if ((long)size >= number_of("FAULT_BYTES", 0) && judge("allocate", NULL) != NOTHING)
        return NULL;
    return NEXT(aligned_alloc)(alignment, size);
}
