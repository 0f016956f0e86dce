/* What a run says of itself while it goes on and when it ends. */
#include "base/clock.h"
#include "run/account.h"
#include "run/progress.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void shares_are_those_of_all_ranks(void **state)
{
    (void)state;
    const struct account nothing = { 0 };
    const struct account account = { .wall_seconds = 10, .busy_seconds = 30, .operations = 2e11, .dgemm_rate = 8e10 };
    assert_true(account_busy_fraction(&account, 4) == 0.75);
    assert_true(account_rate(&account) == 2e10);
    assert_true(account_dgemm_share(&account) == 0.25);
    assert_true(account_busy_fraction(&nothing, 4) == 1);
    assert_true(account_rate(&nothing) == 0 && account_dgemm_share(&nothing) == 0);
}

static void phases_are_told_dearest_first(void **state)
{
    (void)state;
    struct account account = { .wall_seconds = 10, .operations = 5e9, .dgemm_rate = 1e9 };
    char text[256], expected[256], small[12];
    account.seconds[PHASE_DRAWING] = 30;
    account.seconds[PHASE_STORE] = 60;
    account.seconds[PHASE_WAITING] = 9.5;
    account.seconds[PHASE_NORMS] = 0.5; /* less than a percent */
    snprintf(expected, sizeof expected, "%s 60%%, %s 30%%, %s 10%%, 0.5 GF/s, 50%% of dgemm", phase_name(PHASE_STORE),
             phase_name(PHASE_DRAWING), phase_name(PHASE_WAITING));
    account_describe(&account, text, sizeof text);
    assert_string_equal(text, expected);
    account_describe(&account, small, sizeof small); /* cut, not overrun */
    assert_memory_equal(small, expected, sizeof small - 1);
    assert_int_equal(small[sizeof small - 1], '\0');
}

/* A run of 1000 cells, 100 of them finished before and 10 failed, that began `elapsed` seconds ago. */
static void show(enum progress_style style, double elapsed, uint64_t done, double work_share, bool is_last)
{
    struct progress progress = progress_start(style, 1000, 100, 10);
    progress.start -= elapsed;
    progress.last_shown -= elapsed;
    progress_show(&progress, done, 5, elapsed * 3e9, work_share, is_last);
    progress_show(&progress, done, 5, elapsed * 3e9, work_share, false); /* too soon after the first */
}

/* What it prints; again where something else has held us up. */
static const char *shown(enum progress_style style, double elapsed, uint64_t done, double work_share, bool is_last)
{
    static char printed[512];
    double began;
    do {
        FILE *caught = tmpfile();
        assert_non_null(caught);
        const int saved = dup(STDERR_FILENO);
        dup2(fileno(caught), STDERR_FILENO);
        began = clock_seconds();
        show(style, elapsed, done, work_share, is_last);
        fflush(stderr);
        dup2(saved, STDERR_FILENO);
        close(saved);
        rewind(caught);
        printed[fread(printed, 1, sizeof printed - 1, caught)] = '\0';
        fclose(caught);
    } while (clock_seconds() - began > 0.2);
    return printed;
}

static void progress_adds_earlier_cells_and_judges_by_the_work(void **state)
{
    (void)state;
    assert_string_equal(shown(PROGRESS_LINES, 100, 385, 0.25, false),
                        "gradsweep: 485 of 1000 cells (50.0%), 15 failed, 3.0 GF/s, 1:40 elapsed, 5:00 to go\n");
    assert_string_equal(
        shown(PROGRESS_BAR, 3723, 385, 0.5, false),
        "\r\033[Kgradsweep: 485 of 1000 cells (50.0%), 15 failed, 3.0 GF/s, 1:02:03 elapsed, 1:02:03 to go");
    assert_string_equal(shown(PROGRESS_LINES, 9, 0, 0, false), "");
    assert_string_equal(shown(PROGRESS_LINES, 11, 0, 0, false),
                        "gradsweep: 100 of 1000 cells (11.5%), 15 failed, 3.0 GF/s, 0:11 elapsed, - to go\n");
    assert_string_equal(shown(PROGRESS_BAR, 0.2, 0, 0, false), "");
    assert_string_equal(shown(PROGRESS_NONE, 100, 0, 0.5, true), "");
    assert_string_equal(
        shown(PROGRESS_LINES, 5, 0, 0.5, true),
        "gradsweep: 100 of 1000 cells (11.5%), 15 failed, 3.0 GF/s, 0:05 elapsed, stopped with about 0:05 to go\n");
    /* Damaged cells were finished once before. */
    assert_string_equal(
        shown(PROGRESS_BAR, 60, 950, 0.9, true),
        "\r\033[Kgradsweep: 985 of 1000 cells (100.0%), 15 failed, 3.0 GF/s, 1:00 elapsed, 0:00 to go\n");
}

static void progress_in_json_is_one_object_a_line(void **state)
{
    (void)state;
    assert_string_equal(shown(PROGRESS_JSON, 1.5, 0, 0.5, false), "");
    unsigned long long cells, done, failed;
    double rate, elapsed, remaining;
    const char *text = shown(PROGRESS_JSON, 200, 385, 0.25, false);
    assert_int_equal(sscanf(text,
                            "{\"cells\": %llu, \"done\": %llu, \"failed\": %llu, \"gflops\": %lf, "
                            "\"elapsed_seconds\": %lf, \"remaining_seconds\": %lf}\n",
                            &cells, &done, &failed, &rate, &elapsed, &remaining),
                     6);
    assert_true(cells == 1000 && done == 485 && failed == 15 && strchr(text, '\n') == text + strlen(text) - 1);
    assert_float_equal(rate, 3, 0.01);
    assert_float_equal(elapsed, 200, 0.5);
    assert_float_equal(remaining, 3 * elapsed, 0.01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_all_ranks),
        cmocka_unit_test(phases_are_told_dearest_first),
        cmocka_unit_test(progress_adds_earlier_cells_and_judges_by_the_work),
        cmocka_unit_test(progress_in_json_is_one_object_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
