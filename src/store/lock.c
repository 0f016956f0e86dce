#include "store/lock.h"

#include "base/log.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIELD_SIZE = 128, RECORD_SIZE = 1024, ATTEMPTS = 10 };

/* Who holds a lock. Empty texts where unknown. */
struct owner {
    char host[FIELD_SIZE];
    char process[FIELD_SIZE];
    char boot[FIELD_SIZE]; /* a host that was rebooted has another one */
    char job[FIELD_SIZE];
    char restarts[FIELD_SIZE];
};

static void copy_field(char field[FIELD_SIZE], const char *text)
{
    snprintf(field, FIELD_SIZE, "%.*s", FIELD_SIZE - 1, text ? text : "");
    field[strcspn(field, "\r\n")] = '\0';
}

static struct owner this_owner(void)
{
    struct owner owner = { 0 };
    char text[FIELD_SIZE] = "";
    if (gethostname(text, sizeof text - 1) == 0)
        copy_field(owner.host, text);
    snprintf(owner.process, sizeof owner.process, "%ld", (long)getpid());
    FILE *boot = fopen("/proc/sys/kernel/random/boot_id", "r");
    if (boot && fgets(text, sizeof text, boot))
        copy_field(owner.boot, text);
    if (boot)
        fclose(boot);
    copy_field(owner.job, getenv("SLURM_JOB_ID"));
    copy_field(owner.restarts, getenv("SLURM_RESTART_COUNT"));
    return owner;
}

static enum status write_owner(const struct lock *lock, const struct owner *owner)
{
    char record[RECORD_SIZE];
    int length = snprintf(record, sizeof record, "host=%s\npid=%s\nboot=%s\njob=%s\nrestarts=%s\n", owner->host,
                          owner->process, owner->boot, owner->job, owner->restarts);
    if (ftruncate(lock->descriptor, 0) != 0 || pwrite(lock->descriptor, record, (size_t)length, 0) != length ||
        fsync(lock->descriptor) != 0)
        return status_fail(STATUS_REFUSED, "%s: cannot write the lock file: %s", lock->path, strerror(errno));
    return STATUS_OK;
}

/* False where the file holds no record: its writer died before it was made, or has not come so far. */
static bool read_owner(int descriptor, struct owner *owner)
{
    *owner = (struct owner){ 0 };
    char record[RECORD_SIZE] = "";
    if (pread(descriptor, record, sizeof record - 1, 0) <= 0)
        return false;
    const struct {
        const char *key;
        char *field;
    } fields[] = { { "host=", owner->host },
                   { "pid=", owner->process },
                   { "boot=", owner->boot },
                   { "job=", owner->job },
                   { "restarts=", owner->restarts } };
    char *rest = NULL;
    for (char *line = strtok_r(record, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
            if (strncmp(line, fields[i].key, strlen(fields[i].key)) == 0)
                copy_field(fields[i].field, line + strlen(fields[i].key));
    return owner->host[0] != '\0';
}

static enum status refuse(const char *lock_path, const struct owner *owner)
{
    return status_fail(STATUS_REFUSED,
                       "%s: another run is writing this file (process %s on %s%s%s); wait for it, or pass --break-lock "
                       "if you know that it has ended",
                       lock_path, owner->process[0] ? owner->process : "unknown",
                       owner->host[0] ? owner->host : "an unknown host", owner->job[0] ? ", Slurm job " : "",
                       owner->job);
}

/* The fcntl lock is free. The owner is then dead if it ran here, or is our own job before it was requeued; on another
 * host it may live, where the file system does not pass locks on. */
static bool may_inherit(const struct owner *before, const struct owner *now)
{
    if (strcmp(before->host, now->host) == 0)
        return true;
    return before->job[0] && strcmp(before->job, now->job) == 0 && atol(now->restarts) > atol(before->restarts);
}

/* 1 held now, 0 held by another process, -1 not possible (errno). */
static int try_lock(int descriptor)
{
    struct flock whole_file = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(descriptor, F_SETLK, &whole_file) == 0)
        return 1;
    return errno == EACCES || errno == EAGAIN ? 0 : -1;
}

/* Whether the path still leads to the file that is open: its owner may have removed it before we locked it. */
static bool is_current(const struct lock *lock)
{
    struct stat opened, named;
    return fstat(lock->descriptor, &opened) == 0 && stat(lock->path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static void let_go(struct lock *lock)
{
    if (lock->descriptor >= 0)
        close(lock->descriptor);
    lock->descriptor = -1;
}

/* One attempt; *again where the lock file vanished meanwhile. */
static enum status attempt(struct lock *lock, const struct owner *now, bool *again)
{
    *again = false;
    lock->descriptor = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->descriptor < 0)
        return status_fail(STATUS_REFUSED, "%s: cannot make the lock file: %s", lock->path, strerror(errno));
    struct owner before;
    int locked = try_lock(lock->descriptor);
    if (locked < 0)
        return status_fail(STATUS_REFUSED, "%s: cannot lock the file: %s", lock->path, strerror(errno));
    bool has_owner = read_owner(lock->descriptor, &before);
    if (locked == 0)
        return refuse(lock->path, &before);
    if (!is_current(lock)) {
        *again = true;
        let_go(lock);
        return STATUS_OK;
    }
    if (has_owner && !may_inherit(&before, now))
        return refuse(lock->path, &before);
    enum status status = write_owner(lock, now);
    if (status != STATUS_OK)
        unlink(lock->path); /* still held: nobody else takes it meanwhile */
    return status;
}

enum status lock_acquire(const char *output, bool take_over, struct lock *lock)
{
    *lock = (struct lock){ .descriptor = -1 };
    size_t size = strlen(output) + sizeof ".lock";
    TRY(memory_allocate(&lock->path, size, "the path of the lock file"));
    snprintf(lock->path, size, "%s.lock", output);
    if (take_over && unlink(lock->path) == 0)
        log_warning("%s: took the lock from its owner", lock->path);

    const struct owner now = this_owner();
    enum status status = STATUS_OK;
    bool again = true;
    for (int i = 0; again && i < ATTEMPTS; i++)
        TRY_OR(failed, attempt(lock, &now, &again));
    if (!again)
        return STATUS_OK;
    status = status_fail(STATUS_REFUSED, "%s: the lock file keeps changing; try again", lock->path);
failed:
    let_go(lock);
    memory_free(lock->path);
    lock->path = NULL;
    return status;
}

void lock_release(struct lock *lock)
{
    if (lock->descriptor >= 0 && is_current(lock))
        unlink(lock->path);
    let_go(lock);
    memory_free(lock->path);
    lock->path = NULL;
}

void lock_describe(const char *output, char *text, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s.lock", output);
    text[0] = '\0';
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return;
    struct owner owner;
    if (read_owner(descriptor, &owner))
        snprintf(text, size, "process %s on %s%s%s", owner.process, owner.host, owner.job[0] ? ", Slurm job " : "",
                 owner.job);
    else
        snprintf(text, size, "unknown");
    close(descriptor);
}
