/* JSON as other programs read it: what may be escaped, what has no number, and numbers in as few digits as give their
 * bits. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void entries_of_an_object(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    struct json object = json_start(out, '{');
    json_add_text(&object, "path", "a \"b\"\\\n");
    json_add_text(&object, "job", NULL);
    json_add_number(&object, "gamma", 0.3);
    json_add_number(&object, "cells", 1152);
    json_add_number(&object, "rate", INFINITY);
    json_add_flag(&object, "running", false);
    fputc('}', out);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, "{\"path\": \"a \\\"b\\\"\\\\\\u000a\", \"job\": null, \"gamma\": 0.3, \"cells\": 1152, "
                              "\"rate\": null, \"running\": false}");
    assert_true(json_find_number(text, "gamma") == 0.3);
    assert_true(isnan(json_find_number(text, "rate")));
    free(text);
}

static void numbers_read_back(void **state)
{
    (void)state;
    const double numbers[] = { 0.1 + 0.2, 1.0 / 3.0,           -DBL_MAX, DBL_TRUE_MIN, nextafter(1.0, 2.0),
                               1e22,      123456789012345680.0 };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        struct json list = json_start(out, '[');
        json_add_number(&list, "value", numbers[i]);
        assert_int_equal(fclose(out), 0);
        assert_true(json_find_number(text, "value") == numbers[i]);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(entries_of_an_object), cmocka_unit_test(numbers_read_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
