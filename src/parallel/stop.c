#include "parallel/stop.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

/* 0: none; a signal's number; or one of these. The first request with a reason wins. */
enum { REQUESTED_SILENTLY = -1, REQUESTED_FOR_REASON = -2 };
static atomic_int request;
static _Atomic(const char *) given_reason;
/* Written once, before there is a second thread. */
static double deadline;
static const char *deadline_reason;

static const struct {
    int number;
    const char *name;
} stopping_signals[] = { { SIGUSR1, "SIGUSR1" }, { SIGTERM, "SIGTERM" }, { SIGINT, "SIGINT" } };

enum { STOPPING_SIGNALS = sizeof stopping_signals / sizeof *stopping_signals };

static void record(int what)
{
    int present = 0;
    if (!atomic_compare_exchange_strong(&request, &present, what) && present == REQUESTED_SILENTLY)
        atomic_compare_exchange_strong(&request, &present, what);
}

static void handle_signal(int number)
{
    record(number);
}

enum status stop_install_handlers(void)
{
    /* Interrupted reads and writes go on by themselves; the run loop looks at the flag between pieces of work. */
    struct sigaction action = { .sa_handler = handle_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < STOPPING_SIGNALS; i++) {
        if (sigaction(stopping_signals[i].number, &action, NULL) != 0)
            return status_fail(STATUS_INTERNAL, "cannot handle %s: %s", stopping_signals[i].name, strerror(errno));
    }
    return STATUS_OK;
}

void stop_at(double when, const char *reason)
{
    deadline = when;
    deadline_reason = reason;
}

bool stop_requested(void)
{
    if (atomic_load_explicit(&request, memory_order_relaxed) != 0)
        return true;
    if (deadline_reason == NULL || clock_seconds() < deadline)
        return false;
    stop_request_because(deadline_reason);
    return true;
}

void stop_request(void)
{
    record(REQUESTED_SILENTLY);
}

void stop_request_heard(int signal)
{
    record(signal > 0 ? signal : REQUESTED_SILENTLY);
}

int stop_signal(void)
{
    int what = atomic_load(&request);
    return what > 0 ? what : 0;
}

void stop_request_because(const char *reason)
{
    const char *none = NULL;
    /* The reason first: whoever sees the request finds it. */
    if (atomic_load(&request) == 0 && atomic_compare_exchange_strong(&given_reason, &none, reason))
        record(REQUESTED_FOR_REASON);
}

const char *stop_reason(void)
{
    int what = atomic_load(&request);
    if (what == REQUESTED_FOR_REASON)
        return atomic_load(&given_reason);
    for (int i = 0; i < STOPPING_SIGNALS; i++) {
        if (stopping_signals[i].number == what)
            return stopping_signals[i].name;
    }
    return "";
}
