#include "parallel/stop.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* 0: none; a signal's number; or one of these. The first request with a reason wins. */
enum { REQUESTED_SILENTLY = -1, REQUESTED_FOR_REASON = -2, REQUESTED_BY_FAILURE = -3 };
static atomic_int request;
static _Atomic(const char *) given_reason;
/* Written once; the reason last, for it is what the other threads look at. */
static double deadline;
static _Atomic(const char *) deadline_reason;
static char failure[STATUS_MESSAGE_SIZE];
static atomic_bool has_failed;

/* All that end a process unless it minds, but for those that speak of a fault in the program itself (SIGSEGV, ...), of
 * a reader or a file that takes no more (ignored: writing then fails, with its reason), and the real-time ones. */
static const struct {
    int number;
    const char *name;
    bool is_always_heard; /* also where it was ignored (nohup does so with SIGHUP) or is handled (profilers do) */
} stopping_signals[] = {
    { SIGUSR1, "SIGUSR1", true },      { SIGTERM, "SIGTERM", true },  { SIGINT, "SIGINT", true },
    { SIGHUP, "SIGHUP", false },       { SIGQUIT, "SIGQUIT", false }, { SIGUSR2, "SIGUSR2", false },
    { SIGXCPU, "SIGXCPU", false },     { SIGALRM, "SIGALRM", false }, { SIGVTALRM, "SIGVTALRM", false },
    { SIGPROF, "SIGPROF", false },     { SIGIO, "SIGIO", false },     { SIGPWR, "SIGPWR", false },
    { SIGSTKFLT, "SIGSTKFLT", false },
};

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

void stop_signals(sigset_t *signals)
{
    sigemptyset(signals);
    for (int i = 0; i < STOPPING_SIGNALS; i++)
        sigaddset(signals, stopping_signals[i].number);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        sigaddset(signals, number);
}

static enum status handle(int number, const char *name, bool is_always_heard)
{
    /* Interrupted reads and writes go on by themselves; the run loop looks at the flag between pieces of work. */
    struct sigaction action = { .sa_handler = handle_signal, .sa_flags = SA_RESTART }, before;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, NULL, &before) != 0)
        return status_fail(STATUS_INTERNAL, "cannot handle %s: %s", name, strerror(errno));
    if (before.sa_handler != SIG_DFL && !is_always_heard)
        return STATUS_OK;
    if (sigaction(number, &action, NULL) != 0)
        return status_fail(STATUS_INTERNAL, "cannot handle %s: %s", name, strerror(errno));
    return STATUS_OK;
}

enum status stop_install_handlers(void)
{
    static const int ignored[] = { SIGPIPE, SIGXFSZ };
    sigset_t signals;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (signal(ignored[i], SIG_IGN) == SIG_ERR)
            return status_fail(STATUS_INTERNAL, "cannot ignore signal %d: %s", ignored[i], strerror(errno));
    for (int i = 0; i < STOPPING_SIGNALS; i++)
        TRY(handle(stopping_signals[i].number, stopping_signals[i].name, stopping_signals[i].is_always_heard));
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++)
        TRY(handle(number, "a real-time signal", false));
    /* Those that came early have waited for this. */
    stop_signals(&signals);
    if (pthread_sigmask(SIG_UNBLOCK, &signals, NULL) != 0)
        return status_fail(STATUS_INTERNAL, "cannot listen to signals");
    return STATUS_OK;
}

void stop_at(double when, const char *reason)
{
    deadline = when;
    atomic_store(&deadline_reason, reason);
}

bool stop_requested(void)
{
    if (atomic_load_explicit(&request, memory_order_relaxed) != 0)
        return true;
    const char *reason = atomic_load(&deadline_reason);
    if (reason == NULL || clock_seconds() < deadline)
        return false;
    stop_request_because(reason);
    return true;
}

void stop_request(void)
{
    record(REQUESTED_SILENTLY);
}

void stop_request_heard(int cause)
{
    record(cause > 0 ? cause : cause == STOP_CAUSE_FAILURE ? REQUESTED_BY_FAILURE : REQUESTED_SILENTLY);
}

int stop_cause(void)
{
    int what = atomic_load(&request);
    return what > 0 ? what : what == REQUESTED_BY_FAILURE ? STOP_CAUSE_FAILURE : STOP_CAUSE_UNKNOWN;
}

void stop_request_because(const char *reason)
{
    const char *none = NULL;
    /* The reason first: whoever sees the request finds it. */
    if (atomic_load(&request) == 0 && atomic_compare_exchange_strong(&given_reason, &none, reason))
        record(REQUESTED_FOR_REASON);
}

void stop_request_failure(const char *message)
{
    if (atomic_load(&has_failed))
        return;
    snprintf(failure, sizeof failure, "%s", message);
    atomic_store(&has_failed, true);
    record(REQUESTED_BY_FAILURE);
}

const char *stop_failure(void)
{
    return atomic_load(&has_failed) ? failure : "";
}

bool stop_is_overdue(double *seen, double seconds)
{
    if (!stop_requested())
        return false;
    const double now = clock_seconds();
    if (*seen == 0.0)
        *seen = now;
    return now - *seen > seconds;
}

int stop_exit_code(void)
{
    bool by_failure = atomic_load(&has_failed) || stop_cause() == STOP_CAUSE_FAILURE;
    return status_exit_code(by_failure ? STATUS_FAILED_CELLS : STATUS_STOPPED);
}

const char *stop_reason(void)
{
    int what = atomic_load(&request);
    if (what == REQUESTED_FOR_REASON)
        return atomic_load(&given_reason);
    if (what == REQUESTED_BY_FAILURE)
        return "an error";
    for (int i = 0; i < STOPPING_SIGNALS; i++) {
        if (stopping_signals[i].number == what)
            return stopping_signals[i].name;
    }
    return what > 0 ? "a real-time signal" : "";
}
