#include "h5/error.h"

#include <hdf5.h>
#include <stdarg.h>
#include <stdio.h>

enum { REASON_SIZE = 1024 };

static herr_t keep_innermost(unsigned number, const H5E_error2_t *error, void *reason)
{
    if (number == 0 && error->desc)
        snprintf(reason, REASON_SIZE, ": %s", error->desc);
    return 0;
}

enum status h5_fail(enum status code, const char *format, ...)
{
    char text[STATUS_MESSAGE_SIZE - REASON_SIZE];
    char reason[REASON_SIZE] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    H5Eclear2(H5E_DEFAULT);
    return status_fail(code, "%s%s", text, reason);
}

void h5_silence(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
