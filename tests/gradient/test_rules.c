/* What rules allow: the arithmetic of margins, and that what W's condition costs is allowed and no more. */
#include "gradient/rule.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 2, LAGS = 2 };

static const long lags[LAGS] = { 1, 2 };
static struct measure_options options;

static struct measured_cell cell_of(const char *ensemble_name, struct ensemble *ensemble)
{
    *ensemble = (struct ensemble){ .kind = ensemble_kind_find(ensemble_name) };
    options.lengths[ALONG_INDEX] = SIZE;
    return (struct measured_cell){ .ensemble = ensemble,
                                   .activation = activation_find("identity"),
                                   .options = &options,
                                   .hidden_size = SIZE,
                                   .lags = lags,
                                   .lag_count = LAGS,
                                   .tolerance = 1e-10,
                                   .coupling = 3,
                                   .weight_radius = 2,
                                   .weight_norm = 8 };
}

static void margins_are_counted(void **state)
{
    (void)state;
    struct rule_tally tally = { .worst_margin = INFINITY };
    rule_count_margin(&tally, 2);
    rule_count_margin(&tally, 0);
    assert_true(tally.tested == 2 && tally.wrong == 0 && tally.worst_margin == 0);
    rule_count_margin(&tally, -1e-3);
    rule_count(&tally, true);
    assert_true(tally.tested == 4 && tally.wrong == 1 && tally.worst_margin == -1e-3);
    rule_count_margin(&tally, NAN);
    rule_count(&tally, false);
    assert_true(tally.tested == 6 && tally.wrong == 3 && tally.worst_margin == -INFINITY);
}

static void logarithms_may_be_infinite(void **state)
{
    (void)state;
    assert_true(rule_equality_margin(-INFINITY, -INFINITY, 0.5) == 0.5);
    assert_true(rule_equality_margin(1, 3, 0.5) == -1.5 && rule_equality_margin(3, 1, 0.5) == -1.5);
    assert_true(rule_order_margin(-INFINITY, -INFINITY, 0.5) == 0.5);
    assert_true(rule_order_margin(1, 3, 0.5) == 2.5 && rule_order_margin(3, 1, 0.5) == -1.5);
    assert_true(rule_log_add(-INFINITY, -INFINITY) == -INFINITY && rule_log_add(1, INFINITY) == INFINITY);
    assert_true(rule_log_add(-INFINITY, 2) == 2 && rule_log_add(-5000, -2) == -2);
    assert_true(fabs(rule_log_add(1, 2) - log(exp(1) + exp(2))) < 1e-15 * 4);
    assert_true(rule_log_add(1, 2) == rule_log_add(2, 1));
    assert_true(rule_recomputation(-3) == 4e-11 && rule_recomputation(-INFINITY) == 1e-11);
}

static void conditions_are_those_of_weights_as_used(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct measured_cell cell = cell_of("ginibre", &ensemble);
    assert_true(fabs(rule_log_norm_condition(&cell) - log(12)) < 1e-15 * 4);
    assert_true(fabs(rule_log_radius_condition(&cell) - log(3)) < 1e-15 * 4);
    assert_false(rule_is_untied(&cell) || rule_is_far_from_normal(&cell));
    const double tied = rule_uncertainty(&cell, 4);
    cell.native = true;
    assert_true(fabs(rule_log_norm_condition(&cell) - log(24)) < 1e-15 * 4);
    assert_true(fabs(rule_log_radius_condition(&cell) - log(6)) < 1e-15 * 4);
    cell = cell_of("untied", &ensemble);
    assert_true(rule_is_untied(&cell));
    assert_true(isnan(rule_log_norm_condition(&cell)) && isnan(rule_log_radius_condition(&cell)));
    assert_true(fabs(rule_uncertainty(&cell, 4) - tied - cell.tolerance) < 1e-20);
}

/* l c d u times the bound over the norm, where W may be far from normal. */
static void other_orders_lose_what_cancels(void **state)
{
    (void)state;
    struct ensemble ensemble;
    struct measured_cell cell = cell_of("nonnormal", &ensemble);
    const double rounding = rule_step_rounding(&cell, 3);
    assert_true(rounding > 3 * SIZE * DBL_EPSILON && rounding < 100 * SIZE * DBL_EPSILON);
    assert_true(fabs(rule_association_error(&cell, 3, 5, 25) - log1p(rounding * exp(20))) < 1e-20);
    assert_true(fabs(rule_association_error(&cell, 3, -INFINITY, -INFINITY) - rounding) < 1e-25);
    cell = cell_of("ginibre", &ensemble);
    assert_true(rule_association_error(&cell, 3, 5, 25) == 1e-7);
    assert_true(rule_association_error(&cell, 3, 5, 6) < 1e-13);
}

/* Of ln s_i(W) = 0 and log_last, how many values a rule calls wrong where that of lag 2 is off by `error`. */
static uint64_t wrong_values(const char *rule_text, const char *ensemble_name, double log_last, double error)
{
    int number;
    struct ensemble ensemble;
    const struct measured_cell cell = cell_of(ensemble_name, &ensemble);
    const double values[LAGS][SIZE] = { { 0, log_last }, { 0, 2 * log_last + error } };
    const void *const data[] = { values };
    struct rule_tally tally = { .worst_margin = INFINITY };
    const struct measure_rule *rule = measure_find("singular_values", &number)->rules;
    while (rule->text && strncmp(rule->text, rule_text, strlen(rule_text)) != 0)
        rule++;
    assert_non_null(rule->text);
    rule->test(&cell, data, &tally);
    assert_true(tally.tested > 0);
    return tally.wrong;
}

static void small_singular_values_are_as_right_as_the_condition_allows(void **state)
{
    (void)state;
    static const char *const rules[][2] = { { "identity: sum of ln s_i", "ginibre" },
                                            { "identity, normal W: each ln s_i", "symmetric" } };
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wrong_values(rules[i][0], rules[i][1], -1, 0), 0);
        assert_int_equal(wrong_values(rules[i][0], rules[i][1], -1, 1e-9), 1);
        assert_int_equal(wrong_values(rules[i][0], rules[i][1], -1, -1e-9), 1);
        /* e^20 u is 5e-8. */
        assert_int_equal(wrong_values(rules[i][0], rules[i][1], -20, 5e-8), 0);
        assert_int_equal(wrong_values(rules[i][0], rules[i][1], -20, 1e-4), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(margins_are_counted),
        cmocka_unit_test(logarithms_may_be_infinite),
        cmocka_unit_test(conditions_are_those_of_weights_as_used),
        cmocka_unit_test(other_orders_lose_what_cancels),
        cmocka_unit_test(small_singular_values_are_as_right_as_the_condition_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
