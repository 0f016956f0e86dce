#include "store/output.h"

#include "base/log.h"
#include "store/disk.h"
#include "store/hold.h"
#include "store/place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many links in a row as Linux follows. */
enum { MOST_LINKS = 40 };
/* Room behind a temporary name for what MPI-IO appends to it. */
enum { HOST_SHOWN = 24, PROCESS_DIGITS = 20, COMPANION_ROOM = 20, COMPANION_BYTES = 64 };

static enum status refuse_length(const char *path)
{
    return status_fail(STATUS_REFUSED, "%s: the path is too long", path);
}

enum status output_resolve(const char *path, char *resolved, size_t size)
{
    char directory[PATH_MAX], target[PATH_MAX];
    if ((size_t)snprintf(resolved, size, "%s", path) >= size)
        return refuse_length(path);
    for (int i = 0; i < MOST_LINKS; i++) {
        const ssize_t length = readlink(resolved, target, sizeof target - 1);
        if (length < 0) /* no link; whatever else is wrong with it shows when it is used */
            return STATUS_OK;
        target[length] = '\0';
        if (target[0] == '/')
            directory[0] = '\0';
        else
            TRY(disk_directory(resolved, directory, sizeof directory));
        if ((size_t)snprintf(resolved, size, "%s%s%s", directory, directory[0] ? "/" : "", target) >= size)
            return refuse_length(path);
    }
    return status_fail(STATUS_REFUSED, "%s: symbolic links in a circle", path);
}

/* ---- temporary names: BASE.HOST.PROCESS.TOKEN.tmp ---- */

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* How much of the name is in that of its temporary files: a long one must be cut. */
static int base_length(const char *base)
{
    enum { LONGEST = NAME_MAX - COMPANION_ROOM - HOST_SHOWN - PROCESS_DIGITS - OWNER_TOKEN - (int)sizeof "...tmp" };
    const size_t length = strlen(base);
    return length < LONGEST ? (int)length : LONGEST;
}

/* The host's name without what separates the parts of a temporary name. */
static void show_host(const struct owner *owner, char host[HOST_SHOWN + 1])
{
    snprintf(host, HOST_SHOWN + 1, "%.*s", HOST_SHOWN, owner->host[0] ? owner->host : "unknown");
    for (char *letter = host; *letter; letter++)
        if (!isalnum((unsigned char)*letter))
            *letter = '-';
}

enum status output_temporary(const char *path, const struct owner *owner, char *temporary, size_t size)
{
    char host[HOST_SHOWN + 1];
    const char *base = base_of(path);
    show_host(owner, host);
    const int length = snprintf(temporary, size, "%.*s%.*s.%s.%s.%s.tmp", (int)(base - path), path, base_length(base),
                                base, host, owner->process, owner->token);
    return (size_t)length < size ? STATUS_OK : refuse_length(path);
}

/* ---- what others left ---- */

struct leavings {
    const char *path, *base;
    char directory[PATH_MAX];
    const struct owner *now, *dead;
};

/* A number, or two with '-' between: those of ranks and processes. */
static bool is_number(const char *text)
{
    return strpbrk(text, "0123456789") != NULL && strspn(text, "0123456789-") == strlen(text);
}

/* What Open MPI's shared file pointers put beside a file, even where they are not used: empty, or a number. */
static bool is_companion(const char *ending)
{
    static const char *const kinds[] = { ".locktest.", ".data.", ".metadata." };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(ending, kinds[i], strlen(kinds[i])) == 0)
            return is_number(ending + strlen(kinds[i]));
    char number[NAME_MAX + 1];
    const size_t length = strlen(ending), lock = strlen(".lock");
    if (ending[0] != '-' || length <= lock || strcmp(ending + length - lock, ".lock") != 0)
        return false;
    snprintf(number, sizeof number, "%.*s", (int)(length - lock), ending);
    return is_number(number);
}

static void make_path(const struct leavings *leavings, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - NAME_MAX - 2, leavings->directory, name);
}

static void remove_file(const struct leavings *leavings, const char *name)
{
    char path[PATH_MAX];
    make_path(leavings, name, path);
    if (unlink(path) != 0 && errno != ENOENT)
        log_warning("%s: left by a run that has ended, and cannot be removed: %s", path, strerror(errno));
}

static void remove_companion(const struct leavings *leavings, const char *name)
{
    char path[PATH_MAX];
    struct stat state;
    make_path(leavings, name, path);
    if (lstat(path, &state) == 0 && S_ISREG(state.st_mode) && state.st_size <= COMPANION_BYTES)
        remove_file(leavings, name);
}

/* ".HOST.PROCESS.TOKEN.tmp" and what comes behind; false for anything else. */
static bool read_temporary(const char *ending, struct owner *owner, const char **rest)
{
    char host[HOST_SHOWN + 1], process[PROCESS_DIGITS + 1], token[OWNER_TOKEN + 1];
    int length = 0;
    *owner = (struct owner){ 0 };
    if (sscanf(ending, ".%24[A-Za-z0-9-].%20[0-9].%16[0-9a-f].tmp%n", host, process, token, &length) != 3 ||
        length == 0 || strlen(token) != OWNER_TOKEN)
        return false;
    snprintf(owner->host, sizeof owner->host, "%s", host);
    snprintf(owner->process, sizeof owner->process, "%s", process);
    snprintf(owner->token, sizeof owner->token, "%s", token);
    *rest = ending + length;
    return true;
}

static bool has_ended(const struct leavings *leavings, const char *name, const struct owner *owner)
{
    char host[HOST_SHOWN + 1], path[PATH_MAX];
    struct owner here = *owner;
    if (leavings->dead && strcmp(leavings->dead->token, owner->token) == 0)
        return true;
    show_host(leavings->now, host);
    if (strcmp(host, owner->host) != 0)
        return false;
    make_path(leavings, name, path);
    const enum lock_answer answer = hold_ask(path);
    if (answer != LOCK_UNSUPPORTED)
        return answer == LOCK_HELD;
    snprintf(here.host, sizeof here.host, "%s", leavings->now->host);
    snprintf(here.boot, sizeof here.boot, "%s", leavings->now->boot);
    return owner_life(&here, leavings->now, false) == OWNER_DEAD;
}

static void clear_temporary(const struct leavings *leavings, const char *name, const struct owner *owner)
{
    char path[PATH_MAX];
    if (has_ended(leavings, name, owner)) {
        remove_file(leavings, name);
        return;
    }
    make_path(leavings, name, path);
    log_info("%s: another owner's file in the making; left alone", path);
}

/* What comes behind the first `length` letters of the base; NULL where the name does not begin with them. */
static const char *ending_of(const struct leavings *leavings, const char *name, size_t length)
{
    return strncmp(name, leavings->base, length) == 0 ? name + length : NULL;
}

static bool is_there(const struct leavings *leavings, const char *name, int length)
{
    char path[PATH_MAX], shorter[NAME_MAX + 1];
    snprintf(shorter, sizeof shorter, "%.*s", length, name);
    make_path(leavings, shorter, path);
    return access(path, F_OK) == 0;
}

/* A lock file that was taken out of the way. */
static bool is_old_lock(const char *ending)
{
    const char before[] = ".lock.";
    const size_t length = sizeof before - 1;
    return strncmp(ending, before, length) == 0 && strlen(ending) == length + OWNER_TOKEN &&
           strspn(ending + length, "0123456789abcdef") == OWNER_TOKEN;
}

/* Where processes of one launch meet (store/once.h): theirs is locked while they work, and this launch is at work. */
static bool is_old_meeting(const struct leavings *leavings, const char *name, const char *ending)
{
    char path[PATH_MAX];
    const char before[] = ".launch-";
    const size_t length = sizeof before - 1;
    if (strncmp(ending, before, length) != 0 || ending[length] == '\0')
        return false;
    for (const char *letter = ending + length; *letter; letter++)
        if (!isalnum((unsigned char)*letter) && *letter != '-')
            return false;
    make_path(leavings, name, path);
    const int descriptor = open(path, O_RDWR | O_CLOEXEC);
    const bool is_free = descriptor >= 0 && hold_try_lock(descriptor, 0, 0) == LOCK_HELD;
    if (descriptor >= 0)
        close(descriptor);
    return is_free;
}

/* One entry of the directory; companions of a temporary file go once that is gone. */
static void look_at(const struct leavings *leavings, const char *name, bool are_companions)
{
    const char *ending = ending_of(leavings, name, (size_t)base_length(leavings->base)), *rest;
    const char *plain = ending_of(leavings, name, strlen(leavings->base));
    struct owner owner;
    if (ending && read_temporary(ending, &owner, &rest)) {
        if (*rest == '\0' && !are_companions)
            clear_temporary(leavings, name, &owner);
        else if (are_companions && is_companion(rest) && !is_there(leavings, name, (int)(rest - name)))
            remove_companion(leavings, name);
    } else if (plain && (strcmp(plain, ".tmp") == 0 || strcmp(plain, PLACE_ENDING) == 0 || is_old_lock(plain) ||
                         is_old_meeting(leavings, name, plain)))
        remove_file(leavings, name); /* .tmp: the one name for all of an earlier version */
    else if (plain && (is_companion(plain) || (strncmp(plain, ".tmp", 4) == 0 && is_companion(plain + 4))))
        remove_companion(leavings, name);
}

void output_clear(const char *path, const struct owner *now, const struct owner *dead)
{
    struct leavings leavings = { .path = path, .base = base_of(path), .now = now, .dead = dead };
    if (disk_directory(path, leavings.directory, sizeof leavings.directory) != STATUS_OK)
        return;
    for (int are_companions = 0; are_companions < 2; are_companions++) {
        DIR *directory = opendir(leavings.directory);
        if (directory == NULL)
            return;
        for (const struct dirent *entry; (entry = readdir(directory));)
            look_at(&leavings, entry->d_name, are_companions);
        closedir(directory);
    }
}
