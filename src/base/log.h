/* Messages for people, on stderr. Results never go through here. Not collective. */
#ifndef GRADSWEEP_BASE_LOG_H
#define GRADSWEEP_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO };

/* `speaker` false silences LOG_INFO: on all ranks but rank 0. */
void log_configure(bool speaker);

/* Prints "gradsweep: [error: |warning: |]text\n" in one write; safe from several threads, not from a signal handler. */
void log_message(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_message(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_message(LOG_INFO, __VA_ARGS__)

#endif
