#include "cli/start.h"

#include "base/memory.h"
#include "parallel/stop.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_main_begun;

void start_main(void)
{
    has_main_begun = true;
    memory_keep_freed();
    signal(SIGXFSZ, SIG_IGN);
}

static char *find_variable(const char *name)
{
    const size_t length = strlen(name);
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return *entry + length + 1;
    return NULL;
}

/* GOTO_NUM_THREADS is OpenBLAS's other name for the same thing; OMP_NUM_THREADS is heeded when threads are started. */
__attribute__((visibility("default"))) char *getenv(const char *name)
{
    static char one[] = "1";
    char *value = find_variable(name);
    if (value != NULL || has_main_begun || strcmp(name, "OPENBLAS_NUM_THREADS") != 0)
        return value;
    return find_variable("GOTO_NUM_THREADS") != NULL ? NULL : one;
}

/* Sanitizers are not ready before main. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

static void before_constructors(int count, char **arguments)
{
    sigset_t signals;
    if (count < 2 || strcmp(arguments[1], "run") != 0)
        return;
    stop_signals(&signals);
    sigprocmask(SIG_BLOCK, &signals, NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char **) = before_constructors;

#endif
