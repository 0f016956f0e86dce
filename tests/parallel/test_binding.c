/* Cores behind sets of hardware threads, told by folders like Linux's own. */
#include "parallel/binding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char topology[] = "/tmp/gradsweep-topology-XXXXXX";

/* `siblings`, with its end of line, is what the thread's file says. */
static void describe_thread(int thread, const char *siblings)
{
    char thread_folder[64], folder[96], path[128];
    snprintf(thread_folder, sizeof thread_folder, "%s/cpu%d", topology, thread);
    snprintf(folder, sizeof folder, "%s/topology", thread_folder);
    snprintf(path, sizeof path, "%s/thread_siblings_list", folder);
    assert_int_equal(mkdir(thread_folder, 0700), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(siblings, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Threads 0 to 3 and 64 to 67 are two of each core, 8 to 11 and 16 to 19 four of one; of 12 nothing is known. */
static int make_topology(void **state)
{
    (void)state;
    static const char *const pairs[] = { "0,64\n", "1,65\n", "2,66\n", "3,67\n" };
    if (mkdtemp(topology) == NULL)
        return 1;
    for (int i = 0; i < 4; i++) {
        describe_thread(i, pairs[i]);
        describe_thread(64 + i, pairs[i]);
        describe_thread(8 + i, "8-11\n");
        describe_thread(16 + i, "16,17,18,19\n");
    }
    return 0;
}

static int remove_topology(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", topology);
    return system(command);
}

static void test_cores(void **state)
{
    (void)state;
    static const struct {
        int cores, count, threads[8];
    } cases[] = {
        { 1, 1, { 0 } },
        { 1, 1, { 64 } },
        { 1, 2, { 0, 64 } },
        { 2, 2, { 0, 65 } },
        { 4, 8, { 0, 1, 2, 3, 64, 65, 66, 67 } },
        { 1, 4, { 8, 9, 10, 11 } },
        { 1, 2, { 9, 11 } },
        { 1, 2, { 17, 18 } },
        { 3, 4, { 3, 10, 11, 12 } },
        { 2, 2, { 12, 13 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cpu_set_t set;
        CPU_ZERO(&set);
        for (int j = 0; j < cases[i].count; j++)
            CPU_SET(cases[i].threads[j], &set);
        assert_int_equal(binding_count_cores(&set, topology), cases[i].cores);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cores),
    };
    return cmocka_run_group_tests(tests, make_topology, remove_topology);
}
