/* Who this process is, as the kernel says, and what of it a record keeps. */
#include "store/owner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

/* What each change of a living owner makes of it. */
static void it_lives_as_long_as_process_and_boot_are_those(void **state)
{
    (void)state;
    const struct owner now = owner_this();
    struct owner owner = now;
    assert_int_equal(owner_life(&owner, &now, false), OWNER_LIVING);
    strcpy(owner.start, "1");
    assert_int_equal(owner_life(&owner, &now, false), OWNER_DEAD);
    owner = now;
    strcpy(owner.boot, "11111111-2222-3333-4444-555555555555");
    assert_false(owner_is_here(&owner, &now));
    assert_int_equal(owner_life(&owner, &now, false), OWNER_DEAD);
    strcpy(owner.host, "elsewhere"); /* with another boot; a container may be known by another name on the same one */
    strcpy(owner.job, "78");
    assert_false(owner_is_here(&owner, &now));
    assert_int_equal(owner_life(&owner, &now, false), OWNER_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_what_the_kernel_says),
        cmocka_unit_test(a_record_keeps_all_fields),
        cmocka_unit_test(it_lives_as_long_as_process_and_boot_are_those),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
