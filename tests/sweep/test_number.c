/* Numbers as a sweep file spells them, and the nearest of several names. */
#include "sweep/number.h"
#include "sweep/suggest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void decimal_numbers_are_read_and_nothing_else(void **state)
{
    (void)state;
    static const char *const right[] = { "0",   "16",   "-1.5",   "+2",  ".5",     "5.",
                                         "1e3", "1E+3", "1.5e-7", "007", "0e-400", "5e-324" };
    static const char *const wrong[] = { "",    "+",    "-",     ".",        "e3",    "1e",   "1e+",  "1.5x",
                                         " 1",  "1 ",   "1,5",   "1_000",    "0x10",  "0o17", "nan",  ".nan",
                                         "inf", ".inf", "-.inf", "Infinity", "1e400", "--1",  "1.2.3" };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        double value = NAN;
        assert_true(number_parse(right[i], &value));
        assert_true(value == strtod(right[i], NULL));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        double value = 0;
        uint64_t integer = 0;
        assert_false(number_parse(wrong[i], &value));
        assert_false(number_parse_unsigned(wrong[i], &integer));
    }
}

/* YAML 1.1 (PyYAML and others) and 1.2 differ: no number is taken that another reader of the file takes for another. */
static void what_readers_of_yaml_disagree_on_is_refused_and_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text, *hint;
    } rows[] = {
        { "010", "8 in YAML 1.1, 10 in YAML 1.2: write that which is meant" },
        { "-0100", "-64 in YAML 1.1, -100 in YAML 1.2: write that which is meant" },
        { "00016", "14 in YAML 1.1, 16 in YAML 1.2: write that which is meant" },
        { "1e400", "beyond the range of double precision" },
        { "-1e-400", "beyond the range of double precision" },
        { "0.001E-330", "beyond the range of double precision" },
        { "0o17", "some readers of YAML take it for 15: write that if it is meant" },
        { "0x1F", "some readers of YAML take it for 31: write that if it is meant" },
        { "0b101", "some readers of YAML take it for 5: write that if it is meant" },
        { "0_7", "some readers of YAML take it for 7: write that if it is meant" },
        { "1_000", "some readers of YAML take it for 1000: write that if it is meant" },
        { "-1_0.5", "some readers of YAML take it for -10.5: write that if it is meant" },
        { "1:30", "some readers of YAML take it for 90: write that if it is meant" },
        { "190:20:30", "some readers of YAML take it for 685230: write that if it is meant" },
    };
    static const char *const same[] = { "0",    "00",  "-0",  "007", "-07",  "08",   "0.5", "010.0", "010e1", "1:60",
                                        "1:",   "0x",  "0xg", "0b2", "_1",   "1_x",  "",    "-",     "x",     "0e400",
                                        "1:2:", "0o8", "abc", ":30", "1::2", "1_:x", "+",   "0o" };
    char hint[NUMBER_HINT_TEXT];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 0;
        uint64_t integer = 0;
        number_explain(rows[i].text, hint);
        assert_string_equal(hint, rows[i].hint);
        assert_false(number_parse(rows[i].text, &value));
        assert_false(number_parse_unsigned(rows[i].text, &integer));
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        number_explain(same[i], hint);
        assert_string_equal(hint, "");
    }
}

static void unsigned_integers_keep_64_bits(void **state)
{
    (void)state;
    uint64_t value = 0;
    assert_true(number_parse_unsigned("18446744073709551615", &value));
    assert_true(value == UINT64_MAX);
    assert_true(number_parse_unsigned("9007199254740993", &value)); /* 2^53 + 1: no double */
    assert_true(value == 9007199254740993u);
    assert_true(number_parse_unsigned("1e3", &value));
    assert_int_equal(value, 1000);
    assert_false(number_parse_unsigned("18446744073709551616", &value));
    assert_false(number_parse_unsigned("1e17", &value)); /* beyond 2^53 its spelling need not be exact */
    assert_false(number_parse_unsigned("-1", &value));
    assert_false(number_parse_unsigned("0.5", &value));
}

static void assert_written(double value, const char *expected)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    number_write(value, stream);
    fclose(stream);
    assert_string_equal(text, expected);
    double again = 0;
    assert_true(number_parse(text, &again));
    assert_true(again == value);
    free(text);
}

static void numbers_are_written_shortly_and_read_back(void **state)
{
    (void)state;
    assert_written(1, "1");
    assert_written(0.1, "0.1");
    assert_written(0.1 + 0.2, "0.30000000000000004");
    assert_written(1e-10, "1.0e-10");
    assert_written(1e300, "1.0e+300");
    assert_written(1.5e-7, "1.5e-07");
    assert_written(5e-324, "4.94065645841e-324");
    assert_written(1.7976931348623157e308, "1.7976931348623157e+308");
}

static void rounding_keeps_12_digits(void **state)
{
    (void)state;
    assert_true(number_round(0.1 + 0.2) == 0.3);
    assert_true(number_round(1.2000000000005) == 1.2);
    assert_true(number_round(1.20000000001) == 1.20000000001);
    assert_true(number_round(1e-300 / 3) == 3.33333333333e-301);
}

static void ranges_have_open_and_closed_ends(void **state)
{
    (void)state;
    const struct number_range positive = { .lowest = 0, .highest = INFINITY, .lowest_excluded = true };
    const struct number_range integers = { .lowest = 1, .highest = 5, .is_integer = true };
    assert_false(number_is_within(&positive, 0));
    assert_true(number_is_within(&positive, 5e-324));
    assert_false(number_is_within(&positive, INFINITY));
    assert_false(number_is_within(&positive, NAN));
    assert_true(number_is_within(&integers, 1) && number_is_within(&integers, 5));
    assert_false(number_is_within(&integers, 0) || number_is_within(&integers, 6) || number_is_within(&integers, 1.5));
}

static void distances_count_slips_of_the_fingers(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("gamma", "gamma"), 0);
    assert_int_equal(suggest_distance("Gamma", "gamma"), 0);
    assert_int_equal(suggest_distance("gama", "gamma"), 1);
    assert_int_equal(suggest_distance("gammaa", "gamma"), 1);
    assert_int_equal(suggest_distance("gomma", "gamma"), 1);
    assert_int_equal(suggest_distance("tahn", "tanh"), 1); /* two neighbours exchanged */
    assert_int_equal(suggest_distance("", "tanh"), 4);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void the_nearest_name_is_suggested_or_none(void **state)
{
    (void)state;
    static const char *const names[] = { "tanh", "hard_tanh", "sin", "silu", "sigmoid" };
    assert_string_equal(suggest_nearest("tnah", 5, names), "tanh");
    assert_string_equal(suggest_nearest("hardtanh", 5, names), "hard_tanh");
    assert_string_equal(suggest_nearest("sigmod", 5, names), "sigmoid");
    assert_null(suggest_nearest("exponential", 5, names));
    char endless[1000];
    memset(endless, 't', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(suggest_nearest(endless, 5, names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimal_numbers_are_read_and_nothing_else),
        cmocka_unit_test(what_readers_of_yaml_disagree_on_is_refused_and_explained),
        cmocka_unit_test(unsigned_integers_keep_64_bits),
        cmocka_unit_test(numbers_are_written_shortly_and_read_back),
        cmocka_unit_test(rounding_keeps_12_digits),
        cmocka_unit_test(ranges_have_open_and_closed_ends),
        cmocka_unit_test(distances_count_slips_of_the_fingers),
        cmocka_unit_test(the_nearest_name_is_suggested_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
