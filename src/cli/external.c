#include "cli/external.h"

#include "store/first_look.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of this executable's own programs, whatever it was called by; false where that cannot be told. */
static bool find_libexec(char *folder, size_t size)
{
    char executable[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length <= 0)
        return false;
    executable[length] = '\0';
    char *slash = strrchr(executable, '/');
    if (slash == NULL)
        return false;
    *slash = '\0';
    const int written = snprintf(folder, size, "%s/../libexec/gradsweep", executable);
    return written > 0 && (size_t)written < size;
}

/* The programs find the command that called them in the environment, whatever PATH says. */
static void tell_own_path(void)
{
    char executable[PATH_MAX];
    const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (length <= 0)
        return;
    executable[length] = '\0';
    setenv("GRADSWEEP_COMMAND", executable, 1);
}

enum status external_look(char *const *arguments)
{
    struct stat facts;
    bool is_output = false; /* which is replaced, and read by none */
    for (; *arguments != NULL; arguments++) {
        if (!is_output && stat(*arguments, &facts) == 0 && S_ISREG(facts.st_mode))
            TRY(first_look(*arguments));
        is_output = strcmp(*arguments, "-o") == 0 || strcmp(*arguments, "--output") == 0;
    }
    return STATUS_OK;
}

int external_become(const char *name, char **argv)
{
    char folder[PATH_MAX + 32], path[2 * PATH_MAX], program[128];
    if (strchr(name, '/') != NULL || snprintf(program, sizeof program, "gradsweep-%s", name) >= (int)sizeof program)
        return 0;
    tell_own_path();
    argv[0] = program;
    int failure = 0;
    if (find_libexec(folder, sizeof folder) &&
        snprintf(path, sizeof path, "%s/%s", folder, program) < (int)sizeof path) {
        execv(path, argv);
        failure = errno == ENOENT || errno == ENOTDIR ? 0 : errno;
    }
    if (failure != 0)
        return failure;
    execvp(program, argv);
    return errno == ENOENT || errno == ENOTDIR ? 0 : errno;
}
