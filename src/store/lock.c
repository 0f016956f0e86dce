#include "store/lock.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/disk.h"
#include "store/hold.h"
#include "store/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ATTEMPTS = 10, OWNER_TEXT = 4 * OWNER_FIELD };

/* Between the making of a lock file and its record lies a moment; a longer one only where its maker died in it. */
static const double record_seconds = 1.0, poll_seconds = 0.01;
/* After so long nobody who judged the owner before us dead takes the lock file away any more. */
static const double settling_seconds = 0.2;

enum attempt_end { TAKEN, TAKEN_FROM_THE_DEAD, AGAIN };

static enum status write_owner(const struct lock *lock)
{
    char record[OWNER_RECORD];
    const int length = owner_write(&lock->owner, record);
    if (ftruncate(lock->descriptor, 0) != 0 || pwrite(lock->descriptor, record, (size_t)length, 0) != length ||
        fsync(lock->descriptor) != 0)
        return status_fail(STATUS_REFUSED, "%s: cannot write the lock file: %s", lock->path,
                           disk_reason(errno, lock->path));
    return STATUS_OK;
}

static bool read_owner(int descriptor, struct owner *owner)
{
    char record[OWNER_RECORD];
    const ssize_t length = pread(descriptor, record, sizeof record, 0);
    *owner = (struct owner){ 0 };
    return length > 0 && owner_read(record, (size_t)length, owner);
}

/* The same of an owner that may be about to write it. */
static bool await_owner(int descriptor, struct owner *owner)
{
    const double until = clock_seconds() + record_seconds;
    while (!read_owner(descriptor, owner)) {
        if (clock_seconds() > until)
            return false;
        clock_sleep(poll_seconds);
    }
    return true;
}

static enum status refuse(const char *lock_path, const struct owner *owner, enum owner_life life)
{
    char text[OWNER_TEXT];
    owner_describe(owner, text, sizeof text);
    return status_fail(STATUS_REFUSED, "%s: another run is writing this file (%s); wait for it%s", lock_path, text,
                       life == OWNER_LIVING ? " or stop it: it lives, and --break-lock is for owners that have ended"
                                            : ", or pass --break-lock if you know that it has ended");
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

/* Takes the lock file out of the way, if its record is still that of `owner`: what has come in its place meanwhile is
 * put back. */
static enum status remove_record(const struct lock *lock, const struct owner *owner)
{
    char aside[PATH_MAX];
    struct owner found = { 0 };
    snprintf(aside, sizeof aside, "%.*s.%s", PATH_MAX - OWNER_TOKEN - 2, lock->path, lock->owner.token);
    if (rename(lock->path, aside) != 0)
        return errno == ENOENT
                   ? STATUS_OK
                   : status_fail(STATUS_REFUSED, "%s: cannot remove the lock of an owner that has ended: %s",
                                 lock->path, strerror(errno));
    const int descriptor = open(aside, O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)read_owner(descriptor, &found);
        close(descriptor);
    }
    const bool is_it = strcmp(found.token, owner->token) == 0 && strcmp(found.process, owner->process) == 0;
    if (!is_it && link(aside, lock->path) != 0)
        log_warning("%s: could not be put back: %s", lock->path, strerror(errno));
    unlink(aside);
    return STATUS_OK;
}

/* Takes what is known of the owner and what the user says for an answer. */
static enum status require_dead(const struct lock *lock, const struct owner *before, bool has_let_go, bool take_over)
{
    const enum owner_life life = owner_life(before, &lock->owner, has_let_go);
    if (life == OWNER_LIVING || (life == OWNER_UNKNOWN && !take_over))
        return refuse(lock->path, before, life);
    if (life == OWNER_UNKNOWN)
        log_warning("%s: took the lock from its owner", lock->path);
    return STATUS_OK;
}

/* Somebody has the fcntl lock. */
static enum status meet_holder(struct lock *lock, bool take_over, enum attempt_end *end)
{
    struct owner holder;
    (void)await_owner(lock->descriptor, &holder);
    if (!is_current(lock)) {
        *end = AGAIN;
        return STATUS_OK;
    }
    const bool is_elsewhere = holder.host[0] && !owner_is_here(&holder, &lock->owner);
    if (!is_elsewhere || !take_over)
        return refuse(lock->path, &holder, is_elsewhere ? OWNER_UNKNOWN : OWNER_LIVING);
    log_warning("%s: took the lock from its owner", lock->path);
    lock->before = holder;
    *end = AGAIN;
    return remove_record(lock, &holder);
}

/* The fcntl lock is ours: the owner of a record, if there is one, has ended or is elsewhere. */
static enum status meet_record(struct lock *lock, bool take_over, enum attempt_end *end)
{
    struct owner before;
    if (!is_current(lock)) {
        *end = AGAIN;
        return STATUS_OK;
    }
    if (read_owner(lock->descriptor, &before)) {
        TRY(require_dead(lock, &before, true, take_over));
        lock->before = before;
        if (!owner_is_here(&before, &lock->owner)) { /* it may still look for its file: ours is another */
            *end = AGAIN;
            return remove_record(lock, &before);
        }
    }
    snprintf(lock->owner.kind, sizeof lock->owner.kind, "fcntl");
    enum status status = write_owner(lock);
    if (status != STATUS_OK)
        unlink(lock->path); /* still held: nobody else takes it meanwhile */
    return status;
}

/* No fcntl locks here. */
static enum status make_exclusively(struct lock *lock, bool is_made, bool take_over, enum attempt_end *end)
{
    struct owner before;
    snprintf(lock->owner.kind, sizeof lock->owner.kind, "exclusive");
    if (is_made) {
        if (lock->before.host[0])
            *end = TAKEN_FROM_THE_DEAD;
        enum status status = write_owner(lock);
        if (status != STATUS_OK)
            unlink(lock->path);
        return status;
    }
    *end = AGAIN;
    const bool has_owner = await_owner(lock->descriptor, &before);
    if (has_owner)
        TRY(require_dead(lock, &before, false, take_over));
    lock->before = has_owner ? before : (struct owner){ .host = "unknown" };
    return is_current(lock) ? remove_record(lock, &before) : STATUS_OK;
}

/* One attempt; AGAIN where the lock file vanished meanwhile, or was that of an owner who has ended. */
static enum status attempt(struct lock *lock, bool take_over, enum attempt_end *end)
{
    *end = TAKEN;
    bool is_made = true;
    lock->descriptor = open(lock->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (lock->descriptor < 0 && errno == EEXIST) {
        is_made = false;
        lock->descriptor = open(lock->path, O_RDWR | O_CLOEXEC);
        if (lock->descriptor < 0 && errno == ENOENT) {
            *end = AGAIN;
            return STATUS_OK;
        }
    }
    if (lock->descriptor < 0)
        return status_fail(STATUS_REFUSED, "%s: cannot make the lock file: %s", lock->path,
                           disk_reason(errno, lock->path));
    enum status status = STATUS_OK;
    switch (hold_try_lock(lock->descriptor, 0, 0)) {
    case LOCK_BUSY:
        status = meet_holder(lock, take_over, end);
        break;
    case LOCK_HELD:
        status = meet_record(lock, take_over, end);
        break;
    case LOCK_UNSUPPORTED:
        if (is_made)
            log_warning("%s: the file system has no locks (%s); the lock file alone keeps other runs out", lock->path,
                        strerror(errno));
        status = make_exclusively(lock, is_made, take_over, end);
        break;
    }
    if (status == STATUS_OK && *end == AGAIN)
        let_go(lock);
    return status;
}

static enum status attempt_all(struct lock *lock, bool take_over)
{
    enum attempt_end end = AGAIN;
    for (int i = 0; end == AGAIN && i < ATTEMPTS; i++)
        TRY(attempt(lock, take_over, &end));
    if (end == TAKEN_FROM_THE_DEAD) {
        clock_sleep(settling_seconds);
        if (!is_current(lock))
            end = AGAIN;
    }
    if (end == AGAIN)
        return status_fail(STATUS_REFUSED, "%s: the lock file keeps changing; try again", lock->path);
    return STATUS_OK;
}

enum status lock_acquire(const char *output, bool take_over, struct lock *lock)
{
    *lock = (struct lock){ .descriptor = -1, .owner = owner_this() };
    size_t size = strlen(output) + sizeof ".lock";
    TRY(memory_allocate(&lock->path, size, "the path of the lock file"));
    snprintf(lock->path, size, "%s.lock", output);
    enum status status = attempt_all(lock, take_over);
    if (status == STATUS_OK)
        return STATUS_OK;
    let_go(lock);
    memory_free(lock->path);
    lock->path = NULL;
    return status;
}

void lock_release(struct lock *lock)
{
    struct owner owner;
    if (lock->descriptor >= 0 && is_current(lock) && read_owner(lock->descriptor, &owner) &&
        strcmp(owner.token, lock->owner.token) == 0)
        unlink(lock->path);
    let_go(lock);
    memory_free(lock->path);
    lock->path = NULL;
}

/* The lock file of `output`, open to read; -1 where there is none. */
static int open_record(const char *output)
{
    char resolved[PATH_MAX], path[PATH_MAX + sizeof ".lock"];
    if (output_resolve(output, resolved, sizeof resolved) != STATUS_OK)
        return -1;
    snprintf(path, sizeof path, "%s.lock", resolved);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool lock_is_held(const char *output)
{
    const int descriptor = open_record(output);
    if (descriptor < 0)
        return false;
    struct owner owner, now = owner_this();
    struct flock held = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    const bool has_let_go = fcntl(descriptor, F_GETLK, &held) == 0 && held.l_type == F_UNLCK;
    const bool is_held = read_owner(descriptor, &owner) && owner_life(&owner, &now, has_let_go) != OWNER_DEAD;
    close(descriptor);
    return is_held;
}

void lock_describe(const char *output, char *text, size_t size)
{
    text[0] = '\0';
    const int descriptor = open_record(output);
    if (descriptor < 0)
        return;
    struct owner owner;
    if (read_owner(descriptor, &owner))
        owner_describe(&owner, text, size);
    else
        snprintf(text, size, "unknown");
    close(descriptor);
}
