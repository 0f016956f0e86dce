/* Measures with parameters, and what measures need of the rest of the sweep. */
#include "gradient/measure.h"
#include "measures.h"
#include "sweep_testing.h"

#define LONG_GRID "grid: {hidden_size: 4, spectral_radius: 1, gamma: 1, lag: [1, 60]}\n"

static void a_map_has_as_many_times_as_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long steps; /* of the map */
    } table[] = {
        { LONG_GRID "measure: {contribution_map: {steps: 7}}\n", 7 },
        { LONG_GRID "measure: [gradient, {contribution_map: {steps: 160}}]\n", 160 }, /* T: warm-up and lag */
        { LONG_GRID "measure: contribution_map\n", 32 },
        { LONG_GRID "measure: [{contribution_map: }]\n", 32 },
        { LONG_GRID "measure: [{contribution_map: {}}]\n", 32 },
        { SMALLEST_GRID "model: {steps: 10}\nmeasure: contribution_map\n", 10 },
        { LONG_GRID "measure: gradient\n", 0 },
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sweep *sweep = open_good(table[i].text, 0, NULL), *again = NULL;
        assert_int_equal(sweep->options.lengths[ALONG_STEP], table[i].steps);
        assert_int_equal((sweep->measures >> measure_number("contribution_map") & 1) != 0, table[i].steps > 0);
        assert_int_equal(sweep_parse(sweep->text, &again), STATUS_OK);
        assert_string_equal(again->text, sweep->text);
        assert_string_equal(again->hash, sweep->hash);
        assert_int_equal(again->options.lengths[ALONG_STEP], table[i].steps);
        sweep_close(again);
        sweep_close(sweep);
    }
}

static void the_number_of_times_makes_another_sweep(void **state)
{
    (void)state;
    struct sweep *seven = open_good(LONG_GRID "measure: {contribution_map: {steps: 7}}\n", 0, NULL),
                 *eight = open_good(LONG_GRID "measure: {contribution_map: {steps: 8}}\n", 0, NULL);
    assert_string_not_equal(seven->hash, eight->hash);
    assert_int_equal(sweep_require_same(seven, eight), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "measure"));
    sweep_close(seven);
    sweep_close(eight);
}

/* One mistake each, where it stands. */
static void mistakes_have_their_places(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } table[] = {
        { LONG_GRID "measure: {contribution_map: {steps: 0}}\n",
          "2:37: error: measure.contribution_map.steps: expected an integer" },
        { LONG_GRID "measure: {contribution_map: {steps: 1.5}}\n",
          "2:37: error: measure.contribution_map.steps: expected an integer" },
        { LONG_GRID "measure: {contribution_map: {stesp: 3}}\n",
          "2:30: error: measure.contribution_map: unknown key \"stesp\"; did you mean" },
        { LONG_GRID "measure: {contribution_map: 3}\n",
          "2:29: error: measure.contribution_map: expected a mapping of parameters" },
        { LONG_GRID "measure: [gradient, {contribution_map: {steps: 161}}]\n",
          "2:22: error: measure.contribution_map.steps: 161 times are more than the 160 steps" },
        { LONG_GRID "measure: [gradient, gradient]\n", "2:21: error: measure: gradient is repeated" },
        { LONG_GRID "measure: {gradient: {steps: 3}}\n", "2:11: error: measure: gradient has no parameters" },
        { LONG_GRID "weights: {ensemble: [ginibre, untied]}\nmeasure: [gradient]\n",
          "3:11: error: measure: gradient needs one W for all steps, but the ensemble \"untied\"" },
        { LONG_GRID "weights: {ensemble: [{kind: untied, label: loose}]}\nmeasure: [{contribution_map: {steps: 2}}]\n",
          "3:12: error: measure: contribution_map needs one W for all steps, but the ensemble \"loose\"" },
    };
    static char printed[PRINTED_SIZE];
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sweep *sweep = NULL;
        enum status status = open_text(table[i].text, strlen(table[i].text), 0, NULL, true, printed, &sweep);
        assert_int_equal(status, STATUS_INPUT);
        if (strncmp(printed, "sweep.yaml:", 11) != 0 || strstr(printed + 11, table[i].message) != printed + 11)
            fail_msg("%s\ninstead of\n%s", printed, table[i].message);
        assert_non_null(strstr(status_message(), "1 mistake"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_has_as_many_times_as_asked_for),
        cmocka_unit_test(the_number_of_times_makes_another_sweep),
        cmocka_unit_test(mistakes_have_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
