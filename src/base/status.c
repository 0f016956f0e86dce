#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[STATUS_MESSAGE_SIZE];

enum status status_fail(enum status code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return code;
}

enum status status_prefix(enum status code, const char *format, ...)
{
    if (code == STATUS_OK)
        return STATUS_OK;
    char extended[STATUS_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(extended, sizeof extended, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof extended)
        return code;
    snprintf(extended + length, sizeof extended - (size_t)length, ": %s", message);
    memcpy(message, extended, sizeof message);
    return code;
}

const char *status_message(void)
{
    return message;
}

int status_exit_code(enum status code)
{
    static const int exit_codes[STATUS_COUNT] = {
#define STATUS_AS_EXIT_CODE(code, exit_code, text) [code] = exit_code,
        STATUS_TABLE(STATUS_AS_EXIT_CODE)
#undef STATUS_AS_EXIT_CODE
    };
    return exit_codes[code];
}
