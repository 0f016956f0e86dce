#include "store/once.h"

#include "base/clock.h"
#include "parallel/launch.h"
#include "store/hold.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_LENGTH = 40, RECORD_TEXT = 64, RECORD_DIGITS = 10 };

static const double poll_seconds = 0.02;
/* Processes that have not come so long after the work was done do not come at all: a script may let one of them alone
 * call the command. */
static const double meeting_seconds = 5.0;

struct launch_place {
    struct launch launch;
    char path[PATH_MAX];
};

/* ---- the launcher ---- */

/* What all processes of the launch have in common, and no other launch has. */
static void find_key(char key[KEY_LENGTH + 1])
{
    const char *name = getenv("PMIX_NAMESPACE"), *job = getenv("SLURM_JOB_ID"), *step = getenv("SLURM_STEP_ID");
    if (name)
        snprintf(key, KEY_LENGTH + 1, "%s", name);
    else
        snprintf(key, KEY_LENGTH + 1, "%s-%s", job ? job : "none", step ? step : "none");
    for (char *letter = key; *letter; letter++)
        if (!isalnum((unsigned char)*letter))
            *letter = '-';
}

/* ---- the file: "exit CODE taken COUNT", empty while nobody has done the work ---- */

static bool read_record(int descriptor, int *exit_code, long *taken)
{
    char text[RECORD_TEXT] = "";
    return pread(descriptor, text, sizeof text - 1, 0) > 0 && sscanf(text, "exit %d taken %ld", exit_code, taken) == 2;
}

static bool write_record(int descriptor, int exit_code, long taken)
{
    char text[RECORD_TEXT];
    const int length =
        snprintf(text, sizeof text, "exit %*d taken %*ld\n", RECORD_DIGITS, exit_code, RECORD_DIGITS, taken);
    return pwrite(descriptor, text, (size_t)length, 0) == length;
}

static bool is_current(const struct launch_place *place, int descriptor)
{
    struct identity opened = { 0 }, named;
    char path[RECORD_TEXT];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return hold_identify(path, &opened) == STATUS_OK && hold_identify(place->path, &named) == STATUS_OK &&
           hold_is_same(&opened, &named);
}

/* The last one to know removes the file; nobody leaves before, or the launcher might end those that have yet to read it
 * for an exit code that is not 0. */
static void meet_others(const struct launch_place *place, int descriptor, int exit_code, long taken)
{
    const double until = clock_seconds() + meeting_seconds;
    bool is_last = !write_record(descriptor, exit_code, taken) || taken == place->launch.ranks;
    close(descriptor);
    while (!is_last && access(place->path, F_OK) == 0) {
        clock_sleep(poll_seconds);
        is_last = clock_seconds() > until;
    }
    if (is_last)
        unlink(place->path);
}

/* The lock is ours: the work is done already, or ours to do. */
static int do_or_take(const struct launch_place *place, int descriptor, int (*work)(void *), void *context)
{
    int exit_code;
    long taken;
    if (!read_record(descriptor, &exit_code, &taken)) {
        exit_code = work(context);
        taken = 0;
    }
    meet_others(place, descriptor, exit_code, taken + 1);
    return exit_code;
}

/* Nobody can be waited for. */
static int do_if_first(const struct launch_place *place, int (*work)(void *), void *context)
{
    return place->launch.is_first ? work(context) : 0;
}

int once_do(const char *output, int (*work)(void *context), void *context)
{
    struct launch_place place = { .launch = launch_find() };
    char key[KEY_LENGTH + 1];
    if (place.launch.ranks == 1)
        return work(context);
    find_key(key);
    if ((size_t)snprintf(place.path, sizeof place.path, "%s.launch-%s", output, key) >= sizeof place.path)
        return do_if_first(&place, work, context);
    for (;;) {
        const int descriptor = open(place.path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        const enum lock_answer answer = descriptor < 0 ? LOCK_UNSUPPORTED : hold_try_lock(descriptor, 0, 0);
        if (answer == LOCK_HELD && is_current(&place, descriptor))
            return do_or_take(&place, descriptor, work, context);
        if (descriptor >= 0)
            close(descriptor);
        if (answer == LOCK_UNSUPPORTED) {
            if (descriptor >= 0)
                unlink(place.path);
            return do_if_first(&place, work, context);
        }
        clock_sleep(poll_seconds);
    }
}
