#include "store/first_look.h"

#include "store/results_file.h"
#include "store/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of processor time and of the clock, in seconds: an undamaged file takes some hundredths. And bytes of memory beside
 * what the process has: a damaged length may ask for any. */
enum { LOOK_CPU_SECONDS = 5, LOOK_SECONDS = 12 };
static const rlim_t look_memory = (rlim_t)4 << 30;

static void limit(int resource, rlim_t value)
{
    struct rlimit limits;
    if (getrlimit(resource, &limits) != 0)
        return;
    limits.rlim_cur = value < limits.rlim_max ? value : limits.rlim_max;
    (void)setrlimit(resource, &limits); /* without it the child may take longer, and is ended by its parent */
}

static rlim_t own_memory(void)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu", &pages) != 1)
        pages = 0;
    fclose(file);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* A library that crashes may print, and leave a core. */
static void confine(void)
{
    static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGALRM, SIGTERM, SIGINT };
    const int nowhere = open("/dev/null", O_WRONLY);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        signal(fatal[i], SIG_DFL);
    if (nowhere >= 0) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_CPU, LOOK_CPU_SECONDS);
    limit(RLIMIT_AS, own_memory() + look_memory);
}

/* What the caller will do, and find, again. */
static void look(const char *path)
{
    SCOPED(sweep) *sweep = NULL;
    SCOPED(results_file) file = RESULTS_FILE_NONE;
    struct seal_faults faults;
    if (results_file_read_sweep(path, &sweep) == STATUS_OK &&
        results_file_open(path, sweep, NULL, &file) == STATUS_OK && seal_verify(&file, &faults) == STATUS_OK)
        return;
}

/* Until the child's end of the pipe is closed, which is when it has ended; false where it takes too long. */
static bool wait_for_end(int reading)
{
    struct pollfd end = { .fd = reading, .events = POLLIN };
    int ready;
    do
        ready = poll(&end, 1, LOOK_SECONDS * 1000);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}

/* By whoever else may: its own limits end a child with other signals, and its parent once it waits no longer. It says
 * nothing of the file. */
static bool was_killed(bool has_ended, int how)
{
    return has_ended && WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
}

static enum status judge(const char *path, bool has_ended, int how)
{
    const int number = WIFSIGNALED(how) ? WTERMSIG(how) : 0;
    if (has_ended && number == 0)
        return STATUS_OK;
    if (was_killed(has_ended, how))
        return status_fail(STATUS_IO,
                           "%s: the process that looked at this file was killed from outside, twice; is memory short "
                           "here? The file may be whole",
                           path);
    if (!has_ended || number == SIGXCPU || number == SIGALRM)
        return status_fail(STATUS_IO,
                           "%s: HDF5 itself fails on this file: reading its structure does not end (signal %s); "
                           "it is damaged",
                           path, has_ended ? strsignal(number) : "Killed");
    return status_fail(STATUS_IO, "%s: HDF5 itself fails on this file (signal %d, %s): its structure is damaged", path,
                       number, strsignal(number));
}

/* *how: as waitpid tells it, 0 where there is no child to be had: this is a precaution. False: it did not end in time.
 */
static bool look_in_child(const char *path, int *how)
{
    int ends[2];
    *how = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return true;
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        confine();
        look(path);
        _exit(0);
    }
    close(ends[1]);
    bool has_ended = true;
    if (child > 0) {
        has_ended = wait_for_end(ends[0]);
        if (!has_ended)
            kill(child, SIGKILL);
        while (waitpid(child, how, 0) < 0 && errno == EINTR)
            ;
    }
    close(ends[0]);
    return has_ended;
}

enum status first_look(const char *path)
{
    int how;
    bool has_ended = look_in_child(path, &how);
    if (was_killed(has_ended, how))
        has_ended = look_in_child(path, &how);
    return judge(path, has_ended, how);
}
