/* The stop request: a signal or a time limit on any rank ends the run on all. Not collective. */
#ifndef GRADSWEEP_PARALLEL_STOP_H
#define GRADSWEEP_PARALLEL_STOP_H

#include "base/status.h"

#include <signal.h>
#include <stdbool.h>

/* The signals that are requests to stop: all that end a process by default (SIGUSR1, SIGTERM, SIGINT, SIGHUP of a
 * closed terminal, SIGXCPU of a limit, ...) but for those of faults in the program, and SIGPIPE and SIGXFSZ, which
 * stop_install_handlers ignores so that writing fails instead, with its reason. Safe before main. */
void stop_signals(sigset_t *signals);

/* Installs the handlers, and lets those signals through where they were blocked; a handler sets a flag and nothing
 * else. Repeated signals are harmless. What was ignored before (by nohup, say) stays so, except SIGUSR1, SIGTERM and
 * SIGINT: job systems and shells have their own habits, and these three are how a run is told to stop. Errors:
 * STATUS_INTERNAL.
 */
CHECKED enum status stop_install_handlers(void);

/* True once a stop was requested anywhere (as far as this rank has heard). Cheap: an atomic load, and the
 * clock where stop_at was called. */
bool stop_requested(void);

/* Requests a stop from this rank; the counter's helper thread tells the others. Safe in a signal handler. */
void stop_request(void);

/* What caused a stop, as ranks tell each other: a signal's number, or one of these. */
enum { STOP_CAUSE_FAILURE = -1, STOP_CAUSE_UNKNOWN = 0 };

/* The request of another rank, and its cause. A cause takes the place of an unknown one, so that a signal that all
 * ranks get is named wherever it arrives first. */
void stop_request_heard(int cause);

/* The cause of the stop, on this rank or as heard from another. */
int stop_cause(void);

/* The same with a reason for the message, e.g. "--max-time": a string that stays valid. Not in signal handlers. */
void stop_request_because(const char *reason);

/* Requests a stop because this rank failed: the run is not merely stopped, it ends with 1. `message`, of which a copy
 * is kept (of the first), is shown where this rank cannot tell the others in time. Not in signal handlers; for the
 * computing thread. */
void stop_request_failure(const char *message);

/* The message of this rank's own failure; "" where it had none. */
const char *stop_failure(void);

/* Whether a stop was requested, and the caller has known of it for so many seconds: *seen is the moment of its first
 * look after the request, clock_seconds(), and 0 before. */
bool stop_is_overdue(double *seen, double seconds);

/* With what a job is ended that does not end by itself after the request: 75, or 1 after a failure on any rank. */
int stop_exit_code(void);

/* Requests a stop, with that reason, once clock_seconds() reaches `when` (base/clock.h). Once a run; helper threads
 * notice the time even while this rank is inside a long library call. */
void stop_at(double when, const char *reason);

/* Why, for the message: "SIGUSR1", "--max-time", ...; "" where none was requested here. The first request counts. */
const char *stop_reason(void);

#endif
