/* --set: values that replace the file's, validated as the file's are. */
#include "sweep_testing.h"

#define FILE_TEXT SMALLEST_GRID "weights: {ensemble: [ginibre]}\nmodel: {input: gaussian}\n"

static void values_replace_those_of_the_file(void **state)
{
    (void)state;
    static const char *const overrides[] = { "grid.gamma=[0.5,1]", "seed=7", "numerics.tolerance=1e-8", "seed=8" };
    struct sweep *sweep = open_good(FILE_TEXT, 4, overrides);
    assert_int_equal(sweep->gamma_count, 2);
    assert_true(sweep->gammas[0] == 0.5);
    assert_true(sweep->tolerance == 1e-8);
    assert_int_equal(sweep->seed, 8); /* the last one counts */
    sweep_close(sweep);
}

static void missing_mappings_are_made_and_sections_replaced(void **state)
{
    (void)state;
    static const char *const overrides[] = { "model.bias.kind=gaussian", "model.bias.scale=2",
                                             "weights={ensemble: orthogonal, replicas: 3}", "measure=frobenius_norm",
                                             "grid.lag={log2: 8}" };
    struct sweep *sweep = open_good(FILE_TEXT, 5, overrides);
    assert_int_equal(sweep->model.bias, BIAS_GAUSSIAN);
    assert_true(sweep->model.bias_scale == 2);
    assert_int_equal(sweep->model.input, INPUT_GAUSSIAN);
    assert_int_equal(sweep->replicas, 3);
    assert_string_equal(sweep->ensembles[0].label, "orthogonal");
    assert_int_equal(sweep->lag_count, 4);
    sweep_close(sweep);
}

/* A file of comments alone is completed by its overrides. */
static void overrides_can_make_a_whole_sweep(void **state)
{
    (void)state;
    static const char *const overrides[] = { "grid={hidden_size: 4, spectral_radius: native, gamma: 1}", "grid.lag=5" };
    struct sweep *sweep = open_good("# nothing yet\n", 2, overrides);
    assert_true(sweep->native);
    assert_int_equal(sweep->lags[0], 5);
    sweep_close(sweep);
}

/* What is shared in the file by an alias or a merge key is not shared by an override. */
static void overrides_change_one_use_of_an_alias(void **state)
{
    (void)state;
    static const char *const overrides[] = { "model.bias.scale=2", "model.initial_state.scale=3" };
    struct sweep *sweep = open_good(SMALLEST_GRID "model:\n  input: &drive {kind: gaussian, scale: 0.5}\n"
                                                  "  bias: *drive\n  initial_state: {<<: *drive}\n",
                                    2, overrides);
    assert_true(sweep->model.input_scale == 0.5);
    assert_true(sweep->model.bias_scale == 2);
    assert_true(sweep->model.initial_state_scale == 3);
    sweep_close(sweep);
}

static void a_replaced_mistake_is_none(void **state)
{
    (void)state;
    static const char *const overrides[] = { "grid.gamma=1" };
    struct sweep *sweep = open_good("grid: {hidden_size: 4, spectral_radius: 1, gamma: x, lag: 1}\n", 1, overrides);
    assert_true(sweep->gammas[0] == 1);
    sweep_close(sweep);
}

static const struct {
    const char *override, *message;
} table[] = {
    { "grid.gamma=[0.5,x]",
      "--set grid.gamma:1:6: error: grid.gamma: expected a number > 0, found x\n[0.5,x]\n     ^\n" },
    { "grid.gamma=\u22121", "--set grid.gamma:1:1: error: U+2212 stands here, a typographic minus sign, which YAML "
                            "takes for a letter; type - "
                            "instead\n\u22121\n^\n" },
    { "grid.gamma=[0.5", "--set grid.gamma:1:5: error: not YAML: " },
    { "grid.gamma=", "--set grid.gamma:1:1: error: grid.gamma: expected a number > 0, found nothing" },
    { "grid.gama=1",
      "--set:1:6: error: grid: unknown key \"gama\"; did you mean \"gamma\"?\ngrid.gama=1\n     ^~~~\n" },
    { "gird.gamma=1", "--set:1:1: error: unknown key \"gird\"; did you mean \"grid\"?" },
    { "gamma=1", "--set:1:1: error: unknown key \"gamma\"; did you mean \"grid.gamma\"?" },
    { "grid..gamma=1", "--set:1:6: error: a name is missing here" },
    { "weights.ensemble.kind=ginibre",
      "--set:1:18: error: \"weights.ensemble\" is no mapping in the file; set it as a whole" },
    { "model.input.scale=2", "--set:1:13: error: \"model.input\" is no mapping in the file; set it as a whole" },
    { "weights.ensemble=chain",
      "--set weights.ensemble:1:1: error: weights.ensemble: the spectral radius of \"chain\" is 0" },
    { "grid={gamma: 1}", "--set:1:1: error: grid.lag is missing" },
    { "name=\xff", "--set:1:6: error: byte 0xff is no UTF-8 text" },
};

static void mistakes_in_overrides_are_placed(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        struct sweep *sweep = NULL;
        enum status status = open_text(FILE_TEXT, strlen(FILE_TEXT), 1, &table[row].override, true, printed, &sweep);
        if (status != STATUS_INPUT || strstr(printed, table[row].message) == NULL)
            print_error("for %s\nexpected %s\nprinted %s", table[row].override, table[row].message, printed);
        assert_int_equal(status, STATUS_INPUT);
        assert_non_null(strstr(printed, table[row].message));
    }
}

static void mistakes_of_file_and_overrides_come_in_one_go(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    static const char *const overrides[] = { "grid.gamma=[1", "grid.lag=0", "numerics.x.y=3", "model.input.z=1" };
    struct sweep *sweep = NULL;
    const char *text = FILE_TEXT "seed: x\n";
    assert_int_equal(open_text(text, strlen(text), 4, overrides, true, printed, &sweep), STATUS_INPUT);
    const char *at = printed;
    static const char *const places[] = { "sweep.yaml:4:7:", "--set grid.gamma:1:3:", "--set grid.lag:1:1:",
                                          "--set:1:10:", "--set:1:13:" };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        at = strstr(at, places[i]);
        if (at == NULL)
            print_error("no %s in\n%s", places[i], printed);
        assert_non_null(at);
    }
    assert_string_equal(status_message(), "sweep.yaml: 5 mistakes");
}

/* What is no override hides neither the mistakes of the file nor those of other overrides. */
static void overrides_without_key_or_value_hide_no_other_mistake(void **state)
{
    (void)state;
    static char printed[PRINTED_SIZE];
    static const char *const overrides[] = { "grid", "=3", "", "grid.lag=0", "\xFF" };
    static const char *const expected = "sweep.yaml:1:1: error: unknown key \"nmae\"; did you mean \"name\"?\n"
                                        "nmae: x\n"
                                        "^~~~\n"
                                        "--set:1:1: error: expected KEY=VALUE, such as grid.gamma=[0.5,1]\n"
                                        "grid\n"
                                        "^~~~\n"
                                        "--set:1:1: error: expected KEY=VALUE, such as grid.gamma=[0.5,1]\n"
                                        "=3\n"
                                        "^~\n"
                                        "--set:1:1: error: expected KEY=VALUE, such as grid.gamma=[0.5,1]\n"
                                        "\n"
                                        "^\n"
                                        "--set grid.lag:1:1: error: grid.lag: expected an integer from 1 to "
                                        "1099511627776, found 0\n"
                                        "0\n"
                                        "^\n"
                                        "--set:1:1: error: byte 0xff is no UTF-8 text\n"
                                        "?\n"
                                        "^\n";
    struct sweep *sweep = NULL;
    assert_int_equal(
        open_text("nmae: x\n" SMALLEST_GRID, strlen("nmae: x\n" SMALLEST_GRID), 5, overrides, true, printed, &sweep),
        STATUS_INPUT);
    assert_string_equal(printed, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_replace_those_of_the_file),
        cmocka_unit_test(missing_mappings_are_made_and_sections_replaced),
        cmocka_unit_test(overrides_can_make_a_whole_sweep),
        cmocka_unit_test(overrides_change_one_use_of_an_alias),
        cmocka_unit_test(a_replaced_mistake_is_none),
        cmocka_unit_test(mistakes_in_overrides_are_placed),
        cmocka_unit_test(mistakes_of_file_and_overrides_come_in_one_go),
        cmocka_unit_test(overrides_without_key_or_value_hide_no_other_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
