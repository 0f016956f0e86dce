#include "cli/standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_CODE_LOST_OUTPUT = 1 };

/* The lowest free number is the missing one, since those below it are there. What is printed on stdout must fail as on
 * a closed one, also after another exec: it gets a descriptor that cannot be written to. */
static void occupy(int number)
{
    int descriptor = open("/dev/null", number == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (descriptor < 0) /* no /dev: the root is always there */
        descriptor = open("/", O_RDONLY | O_DIRECTORY);
    if (descriptor != number) {
        /* No stream to say it on. */
        _exit(EXIT_CODE_LOST_OUTPUT);
    }
}

static void close_stdout(void)
{
    const bool has_failed = ferror(stdout) != 0; /* an earlier write, whose reason is forgotten */
    errno = 0;
    if (fclose(stdout) == 0 && !has_failed)
        return;
    const char *reason = errno == EBADF ? "it is closed" : errno != 0 ? strerror(errno) : "it cannot be written to";
    fprintf(stderr, "gradsweep: error: standard output: %s; what was to be printed there is not complete\n", reason);
    _exit(EXIT_CODE_LOST_OUTPUT);
}

void standard_streams_open(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) < 0 && errno == EBADF)
            occupy(number);
    if (atexit(close_stdout) != 0) {
        fputs("gradsweep: error: no memory to start with\n", stderr);
        _exit(EXIT_CODE_LOST_OUTPUT);
    }
}
