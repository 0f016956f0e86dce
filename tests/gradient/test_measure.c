/* The order of datasets of sets of measures. */
#include "gradient/measure.h"
#include "gradient/weight_result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* In a set, its measures' datasets one after the other, those of a WEIGHT with the first measure that brings them. */
static size_t require_listed(unsigned requested)
{
    size_t number = 0;
    for (int measure = 0; measure < MEASURES; measure++) {
        assert_int_equal(measure_first_dataset(requested, measure), number);
        const bool is_asked = requested & 1u << measure;
        const struct weight_result *weights = measure_weights(requested, measure);
        for (size_t i = 0; is_asked && i < measure_at(measure)->dataset_count; i++, number++) {
            assert_ptr_equal(measure_dataset_at(requested, number), &measure_at(measure)->datasets[i]);
            assert_int_equal(measure_of_dataset(requested, number), measure);
        }
        for (size_t i = 0; weights && i < weights->dataset_count; i++, number++) {
            assert_ptr_equal(measure_dataset_at(requested, number), &weights->datasets[i]);
            assert_int_equal(measure_of_dataset(requested, number), measure);
        }
    }
    assert_int_equal(measure_dataset_count(requested), number);
    assert_null(measure_dataset_at(requested, number));
    assert_int_equal(measure_of_dataset(requested, number), MEASURES);
    return number;
}

static void every_set_lists_all_its_datasets(void **state)
{
    (void)state;
    size_t most = 0;
    for (unsigned requested = 0; requested < 1u << MEASURES; requested++) {
        const size_t count = require_listed(requested);
        most = count > most ? count : most;
    }
    assert_true(most > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_set_lists_all_its_datasets) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
