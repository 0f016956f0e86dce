/* The stop request: SIGUSR1, SIGTERM, SIGINT or a time limit on any rank ends the run on all. Not collective. */
#ifndef GRADSWEEP_PARALLEL_STOP_H
#define GRADSWEEP_PARALLEL_STOP_H

#include "base/status.h"

#include <stdbool.h>

/* Installs the handlers; a handler sets a flag and nothing else. Repeated signals are harmless. */
CHECKED enum status stop_install_handlers(void);

/* True once a stop was requested anywhere (as far as this rank has heard). Cheap: an atomic load, and the
 * clock where stop_at was called. */
bool stop_requested(void);

/* Requests a stop from this rank; the counter's helper thread tells the others. Safe in a signal handler. */
void stop_request(void);

/* The request of another rank, caused by that signal (0: by something else). A reason of this rank's own takes the
 * place of none, so that a signal that all ranks get is named wherever it arrives first. */
void stop_request_heard(int signal);

/* The signal that requested the stop, on this rank or as heard from another; 0 for none. */
int stop_signal(void);

/* The same with a reason for the message, e.g. "--max-time": a string that stays valid. Not in signal handlers. */
void stop_request_because(const char *reason);

/* Requests a stop, with that reason, once clock_seconds() reaches `when` (base/clock.h). Call before the helper thread
 * starts, which then notices the time even while this rank is inside a long library call. */
void stop_at(double when, const char *reason);

/* Why, for the message: "SIGUSR1", "--max-time", ...; "" where none was requested here. The first request counts. */
const char *stop_reason(void);

#endif
