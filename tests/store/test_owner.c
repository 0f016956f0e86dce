/* Who this process is, as the kernel says, and what of it a record keeps. */
#include "store/owner.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static bool no_random_numbers;

/* In the system's stead, which has none early after it was booted. */
ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
    return no_random_numbers ? -1 : syscall(SYS_getrandom, bytes, size, flags);
}

static void assert_first_line(const char *text, const char *path)
{
    char line[OWNER_FIELD] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(text, line);
}

/* Field 22 of /proc/PID/stat; the name of this program, field 2, has no spaces. */
static void assert_start(const char *text)
{
    char start[OWNER_FIELD] = "";
    FILE *file = fopen("/proc/self/stat", "r");
    assert_non_null(file);
    for (int field = 1; field <= 22; field++)
        assert_int_equal(fscanf(file, "%127s", start), 1);
    fclose(file);
    assert_string_equal(text, start);
}

static void every_field_is_what_the_kernel_says(void **state)
{
    (void)state;
    char host[OWNER_FIELD] = "", space[OWNER_FIELD] = "";
    setenv("SLURM_JOB_ID", "77", 1);
    setenv("SLURM_RESTART_COUNT", "2", 1);
    const struct owner owner = owner_this(), again = owner_this();
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    assert_string_equal(owner.host, host);
    assert_int_equal(atol(owner.process), getpid());
    assert_start(owner.start);
    assert_first_line(owner.boot, "/proc/sys/kernel/random/boot_id");
    assert_true(readlink("/proc/self/ns/pid", space, sizeof space - 1) > 0);
    assert_string_equal(owner.space, space);
    assert_string_equal(owner.job, "77");
    assert_string_equal(owner.restarts, "2");
    assert_int_equal(strlen(owner.token), OWNER_TOKEN);
    assert_int_equal(strspn(owner.token, "0123456789abcdef"), OWNER_TOKEN);
    assert_string_not_equal(owner.token, again.token);
}

/* By the clock and the number of the process. */
static void tokens_are_an_owner_s_own_without_random_numbers(void **state)
{
    (void)state;
    no_random_numbers = true;
    const struct owner one = owner_this(), two = owner_this();
    no_random_numbers = false;
    assert_int_equal(strspn(one.token, "0123456789abcdef"), OWNER_TOKEN);
    assert_string_not_equal(one.token, two.token);
}

static void a_record_keeps_all_fields(void **state)
{
    (void)state;
    struct owner owner = owner_this(), found;
    char record[OWNER_RECORD];
    strcpy(owner.kind, "fcntl");
    const int length = owner_write(&owner, record);
    assert_true(owner_read(record, (size_t)length, &found));
    for (size_t field = 0; field < sizeof owner; field += OWNER_FIELD)
        assert_string_equal((const char *)&found + field, (const char *)&owner + field);
    assert_false(owner_read(record, 0, &found));
}

static pid_t start_process(void)
{
    const pid_t child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    return child;
}

static void owners_are_judged_by_what_the_system_knows(void **state)
{
    (void)state;
    const struct owner now = owner_this();
    struct owner owner = now;
    snprintf(owner.kind, sizeof owner.kind, "exclusive");
    assert_int_equal(owner_life(&owner, &now, true), OWNER_LIVING);
    snprintf(owner.start, sizeof owner.start, "1"); /* the number has come again */
    assert_int_equal(owner_life(&owner, &now, false), OWNER_DEAD);
    owner = now;
    snprintf(owner.space, sizeof owner.space, "pid:[1]");
    assert_int_equal(owner_life(&owner, &now, false), OWNER_UNKNOWN);
    assert_int_equal(owner_life(&owner, &now, true), OWNER_DEAD); /* its fcntl lock is gone */
    owner = now;
    snprintf(owner.host, sizeof owner.host, "elsewhere");
    assert_int_equal(owner_life(&owner, &now, false), OWNER_LIVING); /* a container of this host, by the boot */
    snprintf(owner.boot, sizeof owner.boot, "another");
    assert_int_equal(owner_life(&owner, &now, true), OWNER_UNKNOWN);

    owner = now;
    const pid_t child = start_process();
    owner.start[0] = '\0';
    snprintf(owner.process, sizeof owner.process, "%ld", (long)child);
    assert_int_equal(owner_life(&owner, &now, false), OWNER_LIVING);
    kill(child, SIGKILL);
    siginfo_t ended;
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0); /* a zombie does not live */
    assert_int_equal(owner_life(&owner, &now, false), OWNER_DEAD);
    waitpid(child, NULL, 0);
    assert_int_equal(owner_life(&owner, &now, false), OWNER_DEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_what_the_kernel_says),
        cmocka_unit_test(tokens_are_an_owner_s_own_without_random_numbers),
        cmocka_unit_test(a_record_keeps_all_fields),
        cmocka_unit_test(owners_are_judged_by_what_the_system_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
