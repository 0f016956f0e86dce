#include "h5/error.h"

#include <errno.h>
#include <hdf5.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { REASON_SIZE = 1024 };

static herr_t keep_innermost(unsigned number, const H5E_error2_t *error, void *reason)
{
    if (number == 0 && error->desc)
        snprintf(reason, REASON_SIZE, "%s", error->desc);
    return 0;
}

/* "file write failed: time = ..., errno = 28, error message = 'No space left on device', buf = ..." is cut down to what
 * people want to know. */
static void shorten(char *reason)
{
    static const char mark[] = "error message = '";
    char *message = strstr(reason, mark), *details = strstr(reason, ": time = ");
    if (message == NULL || details == NULL || details > message)
        return;
    message += sizeof mark - 1;
    size_t length = strcspn(message, "'");
    memmove(details + 2, message, length);
    details[2 + length] = '\0';
}

enum status h5_fail(enum status code, const char *format, ...)
{
    const char *system = code == STATUS_IO && errno != 0 ? strerror(errno) : "";
    char text[STATUS_MESSAGE_SIZE - 2 * REASON_SIZE];
    char reason[REASON_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    shorten(reason);
    if (strstr(reason, system))
        system = "";
    return status_fail(code, "%s%s%s%s%s", text, reason[0] ? ": " : "", reason, system[0] ? ": " : "", system);
}

void h5_expect_failure(void)
{
    H5Eclear2(H5E_DEFAULT);
    errno = 0;
}

void h5_silence(void)
{
    /* A file that could not be closed would be closed again at exit, and crash it; all others are closed by then. */
    H5dont_atexit();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
