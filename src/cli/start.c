#include "cli/start.h"

#include "parallel/stop.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define SELF          "/proc/self/exe"
#define BLAS_VARIABLE "OPENBLAS_NUM_THREADS"
#define MARK_VARIABLE "GRADSWEEP_STARTED_AGAIN"

enum { PATH_SIZE = 4096, MOST_VARIABLES = 1 << 16 };

/* Sanitizers are not ready before main, and put their own constructor there. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* NULL where the BLAS in use is not OpenBLAS. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));

/* The C library has no environment yet: getenv would find nothing. NULL for a variable that is not there. */
static const char *find_variable(char **environment, const char *name)
{
    const size_t length = strlen(name);
    for (char **entry = environment; *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

static bool is_one_core(void)
{
    cpu_set_t cores;
    return sched_getaffinity(0, sizeof cores, &cores) == 0 && CPU_COUNT(&cores) == 1;
}

static bool is_number_of_threads_settled(char **environment)
{
    const char *openmp = find_variable(environment, "OMP_NUM_THREADS");
    return find_variable(environment, BLAS_VARIABLE) != NULL ||
           find_variable(environment, "GOTO_NUM_THREADS") != NULL || (openmp != NULL && strcmp(openmp, "1") == 0);
}

/* Valgrind would not follow, and started by hand through the dynamic linker this file is not what /proc names. */
static bool can_start_again(char **environment)
{
    const char *preloaded = find_variable(environment, "LD_PRELOAD");
    return getauxval(AT_SECURE) == 0 && getauxval(AT_BASE) != 0 &&
           (preloaded == NULL || strstr(preloaded, "vgpreload") == NULL);
}

/* By its own path, so that it goes by its own name; by what /proc offers where another file has taken the path. */
static void start_again(char **arguments, char **environment)
{
    static char path[PATH_SIZE];
    struct stat self, named;
    size_t count = 0;
    while (environment[count] != NULL)
        count++;
    if (count > MOST_VARIABLES)
        return;
    char **extended = __builtin_alloca((count + 3) * sizeof *extended);
    memcpy(extended, environment, count * sizeof *extended);
    extended[count] = (char[]){ BLAS_VARIABLE "=1" };
    extended[count + 1] = (char[]){ MARK_VARIABLE "=1" };
    extended[count + 2] = NULL;
    const ssize_t length = readlink(SELF, path, sizeof path - 1);
    if (length > 0 && stat(SELF, &self) == 0 && stat(path, &named) == 0 && self.st_dev == named.st_dev &&
        self.st_ino == named.st_ino)
        execve(path, arguments, extended);
    execve(SELF, arguments, extended);
}

static void before_constructors(int count, char **arguments, char **environment)
{
    if (count > 1 && strcmp(arguments[1], "run") == 0) {
        sigset_t signals;
        stop_signals(&signals);
        sigprocmask(SIG_BLOCK, &signals, NULL);
    }
    if (openblas_set_num_threads != NULL && !is_number_of_threads_settled(environment) && !is_one_core() &&
        can_start_again(environment))
        start_again(arguments, environment);
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char **,
                                                                            char **) = before_constructors;

#endif

void start_tidy_environment(void)
{
    if (getenv(MARK_VARIABLE) == NULL)
        return;
    unsetenv(MARK_VARIABLE);
    unsetenv(BLAS_VARIABLE);
}
