/* Stop requests. A process remembers its first request for good, so each case runs in a child of its own. */
#include "base/clock.h"
#include "parallel/stop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Runs check() in a child; true where it returned true there. */
static bool holds_in_child(bool (*check)(void))
{
    pid_t child = fork();
    if (child == 0)
        _exit(stop_install_handlers() == STATUS_OK && check() ? 0 : 1);
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}

static bool is_requested_because(const char *reason)
{
    return stop_requested() && strcmp(stop_reason(), reason) == 0;
}

static bool nothing_is_requested(void)
{
    return !stop_requested() && strcmp(stop_reason(), "") == 0;
}

static bool usr1_requests(void)
{
    raise(SIGUSR1);
    return is_requested_because("SIGUSR1");
}

static bool term_requests(void)
{
    raise(SIGTERM);
    return is_requested_because("SIGTERM");
}

static bool int_requests(void)
{
    raise(SIGINT);
    return is_requested_because("SIGINT");
}

static bool a_reason_is_kept(void)
{
    stop_request_because("--max-time");
    return is_requested_because("--max-time");
}

static bool a_silent_request_has_no_reason(void)
{
    stop_request();
    stop_request_because("--max-time");
    return is_requested_because("");
}

static bool the_first_request_counts(void)
{
    for (int i = 0; i < 100; i++)
        raise(SIGTERM);
    raise(SIGINT);
    stop_request_because("--max-time");
    stop_request();
    return is_requested_because("SIGTERM");
}

/* A read that a signal interrupts goes on: no I/O call of the program sees EINTR. */
static bool reads_are_not_interrupted(void)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t reader = getpid();
    if (fork() == 0) {
        const struct timespec pause = { .tv_nsec = 50000000 };
        nanosleep(&pause, NULL);
        kill(reader, SIGUSR1);
        nanosleep(&pause, NULL);
        _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
    }
    char letter = 0;
    ssize_t count = read(ends[0], &letter, 1);
    return count == 1 && letter == 'x' && is_requested_because("SIGUSR1");
}

static bool a_deadline_requests_when_it_comes(void)
{
    stop_at(clock_seconds() + 0.2, "--max-time");
    if (!nothing_is_requested())
        return false;
    clock_sleep(0.25);
    return is_requested_because("--max-time");
}

static void test_requests(void **state)
{
    (void)state;
    assert_true(holds_in_child(nothing_is_requested));
    assert_true(holds_in_child(usr1_requests));
    assert_true(holds_in_child(term_requests));
    assert_true(holds_in_child(int_requests));
    assert_true(holds_in_child(a_reason_is_kept));
    assert_true(holds_in_child(a_silent_request_has_no_reason));
    assert_true(holds_in_child(the_first_request_counts));
    assert_true(holds_in_child(a_deadline_requests_when_it_comes));
    assert_true(holds_in_child(reads_are_not_interrupted));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_requests) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
