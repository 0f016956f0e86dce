#include "base/log.h"

#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

static bool is_speaker = true;

void log_configure(bool speaker)
{
    is_speaker = speaker;
}

void log_message(enum log_level level, const char *format, ...)
{
    static const char *const marks[] = { "error: ", "warning: ", "" };
    if (!is_speaker && level == LOG_INFO)
        return;
    char text[STATUS_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "gradsweep: %s%s\n", marks[level], text);
}
