/* The rules of the measure `summary`: each finds the wrong value that is its own, and is content with the right one. */
#include "gradient/rule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAGS = 4, INDICES = 3, SIZE = 2 };

static const long lags[LAGS] = { 1, 2, 4, 8 };
static const double log_norms[LAGS] = { 0.5, 1.0, 0.0, -2.0 }; /* 1/2 is passed at 4 * 2^(ln 2 / 2) */
static const double contributions[LAGS] = { 0, 0, -INFINITY, NAN };
static const double singular_values[LAGS][INDICES] = {
    { 1, -1, NAN }, { 3, -INFINITY, NAN }, { -INFINITY, -INFINITY, NAN }, { 2, 2, NAN }
};

/* The tally of one rule, whose first datasets are `values`. */
static struct rule_tally apply(const char *first_dataset, const void *const data[])
{
    static struct measure_options options;
    int number;
    const struct measure *summary = measure_find("summary", &number);
    const struct measured_cell cell = {
        .options = &options, .hidden_size = SIZE, .lags = lags, .lag_count = LAGS, .tolerance = 1e-10
    };
    struct rule_tally tally = { .worst_margin = INFINITY };
    options.lengths[ALONG_INDEX] = INDICES;
    for (const struct measure_rule *rule = summary->rules; rule->text; rule++)
        if (strcmp(rule->datasets[0], first_dataset) == 0)
            rule->test(&cell, data, &tally);
    assert_true(tally.tested > 0);
    return tally;
}

static uint64_t wrong_norms(double life, double lag, double height)
{
    return apply("half_life", (const void *const[]){ &life, &lag, &height, log_norms }).wrong;
}

static void norms_are_summed_up(void **state)
{
    (void)state;
    const double life = 4 * pow(2, M_LN2 / 2);
    assert_int_equal(wrong_norms(life, 2, 1), 0);
    assert_int_equal(wrong_norms(life * (1 + 1e-9), 2, 1), 1);
    assert_int_equal(wrong_norms(NAN, 2, 1), 1);
    assert_int_equal(wrong_norms(life, 1, 1), 1);
    assert_int_equal(wrong_norms(life, 2, 0.5), 1);
}

static void contributions_are_counted(void **state)
{
    (void)state;
    static const double ratios[] = { 2, 2 + 1e-9, 3, NAN };
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++)
        assert_int_equal(apply("participation_ratio", (const void *const[]){ &ratios[i], contributions }).wrong,
                         i == 0 ? 0 : 1);
}

static void conditions_are_quotients(void **state)
{
    (void)state;
    double conditions[LAGS] = { 2, 0, NAN, 0 };
    const void *const data[] = { conditions, singular_values };
    assert_int_equal(apply("log_condition", data).wrong, 0);
    for (int i = 0; i < LAGS; i++) {
        const double right = conditions[i];
        conditions[i] = isnan(right) ? INFINITY : right + 1e-9;
        assert_int_equal(apply("log_condition", data).wrong, 1);
        conditions[i] = right;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_summed_up),
        cmocka_unit_test(contributions_are_counted),
        cmocka_unit_test(conditions_are_quotients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
