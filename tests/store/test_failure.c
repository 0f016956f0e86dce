/* Codes of failure_reason: of whole cells as files of every version have them, of measures from the tables. */
#include "measures.h"
#include "store/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ALL = (1 << MEASURES) - 1 };

static void codes_of_whole_cells_keep_their_numbers(void **state)
{
    (void)state;
    static const char *const texts[] = { "none",        "not_finite",    "no_convergence", "zero_spectral_radius",
                                         "no_spectrum", "out_of_memory", "range" };
    char text[FAILURE_TEXT];
    for (uint8_t code = 0; code < sizeof texts / sizeof *texts; code++) {
        int measure;
        assert_true(failure_text(code, text));
        assert_string_equal(text, texts[code]);
        assert_false(failure_is_of_measure(code, &measure));
    }
    assert_false(failure_text(7, text));
    assert_false(failure_text(UINT8_MAX, text));
}

/* The numbers are in files: these may never change. */
static void codes_of_measures_keep_their_numbers(void **state)
{
    (void)state;
    char text[FAILURE_TEXT];
    assert_true(failure_text(16 + 8 * 0 + 1, text));
    assert_string_equal(text, "jacobian_norm_not_finite");
    assert_true(failure_text(16 + 8 * 3 + 3, text));
    assert_string_equal(text, "gradient_range");
    assert_true(failure_text(16 + 8 * 6 + 2, text));
    assert_string_equal(text, "singular_values_no_convergence");
}

/* Every measure with every outcome has a code and a name of its own, and leads back. */
static void each_failure_of_a_measure_has_its_code(void **state)
{
    (void)state;
    for (int id = 0; id < MEASURES; id++)
        for (int outcome = JACOBIAN_FOUND + 1; outcome < JACOBIAN_OUTCOMES; outcome++) {
            enum jacobian_outcome outcomes[MEASURES] = { JACOBIAN_FOUND };
            int measure = MEASURES;
            char text[FAILURE_TEXT];
            outcomes[id] = (enum jacobian_outcome)outcome;
            uint8_t code = failure_of_measures(ALL, outcomes);
            assert_true(failure_is_of_measure(code, &measure));
            assert_int_equal(measure, id);
            assert_true(failure_text(code, text));
            assert_memory_equal(text, measure_at(measure)->name, strlen(measure_at(measure)->name));
        }
}

static void a_cell_of_which_nothing_is_left_has_one_reason(void **state)
{
    (void)state;
    enum jacobian_outcome outcomes[MEASURES];
    for (int id = 0; id < MEASURES; id++)
        outcomes[id] = JACOBIAN_NOT_FINITE;
    assert_int_equal(failure_of_measures(ALL, outcomes), FAILURE_NOT_FINITE);
    outcomes[measure_number("gradient")] = JACOBIAN_FOUND; /* not asked for, so that it failed in nothing */
    assert_int_equal(failure_of_measures(ALL & ~(1u << measure_number("gradient")), outcomes), FAILURE_NOT_FINITE);
    assert_int_not_equal(failure_of_measures(ALL, outcomes), FAILURE_NOT_FINITE);
    for (int id = 0; id < MEASURES; id++)
        outcomes[id] = JACOBIAN_OUT_OF_RANGE;
    assert_int_equal(failure_of_measures(1, outcomes), FAILURE_RANGE);
    for (int id = 0; id < MEASURES; id++)
        outcomes[id] = JACOBIAN_FOUND;
    assert_int_equal(failure_of_measures(ALL, outcomes), FAILURE_NONE);
}

/* As flag_values and flag_meanings: one word each, all different. */
static void flags_are_words_of_their_own(void **state)
{
    (void)state;
    static struct failure_flags flags;
    failure_fill_flags(&flags);
    size_t count = 0;
    for (; flags.meanings[count]; count++) {
        assert_null(strchr(flags.meanings[count], ' '));
        for (size_t earlier = 0; earlier < count; earlier++) {
            assert_string_not_equal(flags.meanings[count], flags.meanings[earlier]);
            assert_true(flags.values[earlier] < flags.values[count]);
        }
    }
    assert_int_equal(count, FAILURE_WHOLE_CELL_COUNT + MEASURES * (JACOBIAN_OUTCOMES - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_whole_cells_keep_their_numbers),
        cmocka_unit_test(codes_of_measures_keep_their_numbers),
        cmocka_unit_test(each_failure_of_a_measure_has_its_code),
        cmocka_unit_test(a_cell_of_which_nothing_is_left_has_one_reason),
        cmocka_unit_test(flags_are_words_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
