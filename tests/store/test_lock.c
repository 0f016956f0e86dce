/* The lock of a results file: who may take it, and from whom. */
#include "store/lock.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static char output[96];
static char lock_file[128];

static int clean(void **state)
{
    (void)state;
    unlink(lock_file);
    unsetenv("SLURM_JOB_ID");
    unsetenv("SLURM_RESTART_COUNT");
    return 0;
}

static void write_record(const char *host, const char *job, const char *restarts)
{
    FILE *file = fopen(lock_file, "w");
    assert_non_null(file);
    fprintf(file, "host=%s\npid=1234\nboot=\njob=%s\nrestarts=%s\n", host, job, restarts);
    fclose(file);
}

static void expect_acquired(bool take_over)
{
    struct lock lock;
    if (lock_acquire(output, take_over, &lock) != STATUS_OK)
        fail_msg("%s", status_message());
    assert_int_equal(access(lock_file, F_OK), 0);
    lock_release(&lock);
    assert_int_not_equal(access(lock_file, F_OK), 0);
}

static void expect_refused(const char *words)
{
    struct lock lock;
    assert_int_equal(lock_acquire(output, false, &lock), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), words));
    assert_int_equal(lock.descriptor, -1);
}

static void a_free_lock_is_taken_and_removed(void **state)
{
    (void)state;
    expect_acquired(false);
    expect_acquired(true);
}

/* A child that holds the lock until it is killed. */
static pid_t start_holder(void)
{
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct lock lock;
        char byte = lock_acquire(output, false, &lock) == STATUS_OK;
        if (write(ready[1], &byte, 1) == 1)
            pause();
        _exit(0);
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void a_living_owner_keeps_it_and_a_killed_one_does_not(void **state)
{
    (void)state;
    pid_t child = start_holder();
    char words[64], description[256];
    snprintf(words, sizeof words, "process %ld ", (long)child);
    expect_refused(words);
    expect_refused("--break-lock");
    lock_describe(output, description, sizeof description);
    assert_non_null(strstr(description, words));
    kill(child, SIGKILL);
    /* The lock goes when the process ends; until it is waited for it is a zombie, which must not count as living. */
    siginfo_t ended;
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    expect_acquired(false);
    waitpid(child, NULL, 0);
}

static void a_living_owner_is_not_robbed(void **state)
{
    (void)state;
    struct lock owner, robber;
    assert_int_equal(lock_acquire(output, false, &owner), STATUS_OK);
    assert_int_equal(lock_acquire(output, true, &robber), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "it lives"));
    assert_int_equal(access(lock_file, F_OK), 0);
    lock_release(&owner);
    assert_int_not_equal(access(lock_file, F_OK), 0);
}

/* Its record says that it is elsewhere; that lock may be gone with its host and still be held by the file server. */
static void a_robbed_owner_leaves_the_new_lock_alone(void **state)
{
    (void)state;
    struct lock robbed, robber;
    assert_int_equal(lock_acquire(output, false, &robbed), STATUS_OK);
    write_record("elsewhere", "", "");
    expect_refused("--break-lock if you know");
    assert_int_equal(lock_acquire(output, true, &robber), STATUS_OK);
    assert_string_equal(robber.before.host, "elsewhere");
    lock_release(&robbed);
    assert_int_equal(access(lock_file, F_OK), 0);
    lock_release(&robber);
    assert_int_not_equal(access(lock_file, F_OK), 0);
}

static void a_dead_owner_on_this_host_is_recognised(void **state)
{
    (void)state;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    write_record(host, "", "");
    expect_acquired(false);
}

static void an_owner_before_a_reboot_is_dead(void **state)
{
    (void)state;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    FILE *file = fopen(lock_file, "w");
    assert_non_null(file);
    /* The process has the number of one that lives: that of a reboot ago. */
    fprintf(file, "host=%s\npid=1\nboot=11111111-2222-3333-4444-555555555555\njob=\nrestarts=\n", host);
    fclose(file);
    expect_acquired(false);
}

static void an_owner_on_another_host_may_live(void **state)
{
    (void)state;
    write_record("elsewhere", "", "");
    expect_refused("elsewhere");
    expect_acquired(true);
}

static void a_requeued_job_owns_its_lock(void **state)
{
    (void)state;
    write_record("elsewhere", "77", "");
    setenv("SLURM_JOB_ID", "78", 1);
    setenv("SLURM_RESTART_COUNT", "1", 1);
    expect_refused("Slurm job 77");
    setenv("SLURM_JOB_ID", "77", 1);
    expect_acquired(false);
    write_record("elsewhere", "77", "1"); /* the same start of the job: another step of it may be running */
    expect_refused("Slurm job 77");
}

static void an_empty_or_missing_record_is_no_owner(void **state)
{
    (void)state;
    char description[64];
    lock_describe(output, description, sizeof description);
    assert_string_equal(description, "");
    fclose(fopen(lock_file, "w"));
    expect_acquired(false);
}

int main(void)
{
    strcpy(directory, "/tmp/gradsweep-lock-XXXXXX");
    if (!mkdtemp(directory))
        return 1;
    snprintf(output, sizeof output, "%s/out.h5", directory);
    snprintf(lock_file, sizeof lock_file, "%s.lock", output);
#define lock_test(name) cmocka_unit_test_setup_teardown(name, clean, clean)
    const struct CMUnitTest tests[] = {
        lock_test(a_free_lock_is_taken_and_removed),
        lock_test(a_living_owner_keeps_it_and_a_killed_one_does_not),
        lock_test(a_living_owner_is_not_robbed),
        lock_test(a_robbed_owner_leaves_the_new_lock_alone),
        lock_test(a_dead_owner_on_this_host_is_recognised),
        lock_test(an_owner_before_a_reboot_is_dead),
        lock_test(an_owner_on_another_host_may_live),
        lock_test(a_requeued_job_owns_its_lock),
        lock_test(an_empty_or_missing_record_is_no_owner),
    };
    int failures = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return failures;
}
