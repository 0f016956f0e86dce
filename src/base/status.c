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

static const struct {
    int exit_code;
    const char *text;
} table[STATUS_COUNT] = {
#define STATUS_AS_ROW(code, exit_code, text) [code] = { exit_code, text },
    STATUS_TABLE(STATUS_AS_ROW)
#undef STATUS_AS_ROW
};

const char *status_text(enum status code)
{
    return table[code].text;
}

int status_exit_code(enum status code)
{
    return table[code].exit_code;
}
