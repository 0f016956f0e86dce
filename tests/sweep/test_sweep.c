/* Sweep files that are right: defaults, axes, effective texts and hashes. */
#include "measures.h"
#include "sweep/help.h"
#include "sweep_testing.h"

#include "gradient/measure.h"

#include <math.h>

static const char quickstart[] = "name: quickstart\n"
                                 "seed: 2013\n"
                                 "weights:\n"
                                 "  ensemble:\n"
                                 "    - ginibre\n"
                                 "    - orthogonal\n"
                                 "    - {kind: sparse, density: 0.1, label: sparse10}\n"
                                 "  replicas: 4\n"
                                 "model:\n"
                                 "  activation: [identity, tanh]\n"
                                 "  input: {kind: none}\n"
                                 "  bias: {kind: zero}\n"
                                 "  initial_state: {kind: gaussian, scale: 1.0}\n"
                                 "  loss: squared\n"
                                 "  warmup: 100\n"
                                 "  steps: auto\n"
                                 "grid:\n"
                                 "  hidden_size: [16, 64, 256]\n"
                                 "  spectral_radius: {start: 0.5, stop: 1.5, num: 11}\n"
                                 "  gamma: [0.25, 0.5, 0.75, 1.0]\n"
                                 "  lag: {log2: 256}\n"
                                 "measure:\n"
                                 "  - jacobian_norm\n"
                                 "numerics:\n"
                                 "  tolerance: 1.0e-10\n"
                                 "  certify: false\n"
                                 "  distribute_from: auto\n";

static void the_effective_text_is_pinned(void **state)
{
    (void)state;
    struct sweep *sweep = open_good(quickstart, 0, NULL);
    assert_string_equal(sweep->text,
                        "name: \"quickstart\"\n"
                        "seed: 2013\n"
                        "weights:\n"
                        "  ensemble: [{kind: ginibre, label: \"ginibre\"}, {kind: orthogonal, label: \"orthogonal\"}, "
                        "{kind: sparse, density: 0.1, label: \"sparse10\"}]\n"
                        "  replicas: 4\n"
                        "model:\n"
                        "  activation: [identity, tanh]\n"
                        "  input: {kind: none}\n"
                        "  bias: {kind: zero}\n"
                        "  initial_state: {kind: gaussian, scale: 1}\n"
                        "  loss: {kind: squared}\n"
                        "  warmup: 100\n"
                        "  steps: 356\n"
                        "grid:\n"
                        "  hidden_size: [16, 64, 256]\n"
                        "  spectral_radius: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.4, 1.5]\n"
                        "  gamma: [0.25, 0.5, 0.75, 1]\n"
                        "  lag: [1, 2, 4, 8, 16, 32, 64, 128, 256]\n"
                        "measure: [jacobian_norm]\n"
                        "numerics:\n"
                        "  tolerance: 1.0e-10\n"
                        "  certify: false\n"
                        "  distribute_from: 4096\n");
    assert_int_equal(strlen(sweep->hash), 32);
    /* A results file of today must be resumable in years. */
    assert_string_equal(sweep->hash, "bae7a8db1fdc373e4b8613474bd14efd");
    sweep_close(sweep);
}

static void everything_but_the_grid_has_a_default(void **state)
{
    (void)state;
    struct sweep *sweep = open_good(SMALLEST_GRID, 0, NULL);
    assert_int_equal(sweep->seed, 2013);
    assert_int_equal(sweep->ensemble_count, 1);
    assert_string_equal(sweep->ensembles[0].kind->name, "ginibre");
    assert_int_equal(sweep->replicas, 1);
    assert_int_equal(sweep->activation_count, 1);
    assert_string_equal(sweep->activations[0]->name, "tanh");
    assert_int_equal(sweep->model.input, INPUT_NONE);
    assert_int_equal(sweep->model.bias, BIAS_ZERO);
    assert_int_equal(sweep->model.initial_state, INITIAL_STATE_GAUSSIAN);
    assert_true(sweep->model.initial_state_scale == 1);
    assert_int_equal(sweep->model.loss, LOSS_SQUARED);
    assert_int_equal(sweep->warmup, 100);
    assert_int_equal(sweep->model.steps, 101);
    assert_int_equal(sweep->measures, measure_set(""));
    assert_true(sweep->tolerance == 1e-10);
    assert_false(sweep->options.certify);
    assert_int_equal(sweep->distribute_from, 4096);
    sweep_close(sweep);
}

static void everything_can_be_said(void **state)
{
    (void)state;
    struct sweep *sweep = open_good("name: &title 'a \"b\" c'\n"
                                    "seed: 18446744073709551615\n"
                                    "weights:\n"
                                    "  ensemble: {kind: elliptic, tau: -0.5, label: *title}\n"
                                    "  replicas: 1e2\n"
                                    "model:\n"
                                    "  activation: relu\n"
                                    "  input: {kind: sine, size: 3, scale: .5, period: 20}\n"
                                    "  bias: {kind: gaussian, scale: 2}\n"
                                    "  initial_state: zero\n"
                                    "  loss: {kind: cross_entropy, classes: 5}\n"
                                    "  warmup: 0\n"
                                    "  steps: 1000\n"
                                    "grid: {hidden_size: 46340, spectral_radius: native, gamma: 1, lag: 1000}\n"
                                    "measure: [frobenius_norm]\n"
                                    "numerics: {tolerance: 1e-6, certify: false, distribute_from: 128}\n",
                                    0, NULL);
    assert_string_equal(sweep->name, "a \"b\" c");
    assert_true(sweep->seed == UINT64_MAX);
    assert_true(sweep->ensembles[0].parameters[0] == -0.5);
    assert_string_equal(sweep->ensembles[0].label, "a \"b\" c");
    assert_null(sweep->ensembles[0].source.path);
    assert_int_equal(sweep->replicas, 100);
    assert_string_equal(sweep->activations[0]->name, "relu");
    assert_int_equal(sweep->model.input, INPUT_SINE);
    assert_int_equal(sweep->model.input_size, 3);
    assert_true(sweep->model.input_scale == 0.5);
    assert_true(sweep->model.input_period == 20);
    assert_int_equal(sweep->model.bias, BIAS_GAUSSIAN);
    assert_true(sweep->model.bias_scale == 2);
    assert_int_equal(sweep->model.initial_state, INITIAL_STATE_ZERO);
    assert_int_equal(sweep->model.loss, LOSS_CROSS_ENTROPY);
    assert_int_equal(sweep->model.loss_classes, 5);
    assert_int_equal(sweep->model.steps, 1000);
    assert_int_equal(sweep->hidden_sizes[0], 46340);
    assert_true(sweep->native);
    assert_int_equal(sweep->spectral_radius_count, 1);
    assert_true(isnan(sweep->spectral_radii[0]));
    assert_int_equal(sweep->measures, measure_set("frobenius_norm"));
    assert_int_equal(sweep->distribute_from, 128);
    sweep_close(sweep);
}

/* Words are strings, which YAML may quote; JSON, which YAML contains, always does. */
static void words_may_be_quoted(void **state)
{
    (void)state;
    struct sweep *sweep =
        open_good("\"grid\": {\"hidden_size\": 4, \"spectral_radius\": \"native\", \"gamma\": 1, \"lag\": 3}\n"
                  "model: {steps: 'auto', warmup: 7}\n",
                  0, NULL);
    assert_true(sweep->native);
    assert_int_equal(sweep->model.steps, 10);
    sweep_close(sweep);
}

/* Those of YAML 1.2's core schema. */
static void truths_have_three_spellings(void **state)
{
    (void)state;
    static const char *const words[] = { "true", "True", "TRUE", "false", "False", "FALSE" };
    for (int i = 0; i < 6; i++) {
        char text[128];
        snprintf(text, sizeof text, SMALLEST_GRID "numerics: {certify: %s}\n", words[i]);
        struct sweep *sweep = open_good(text, 0, NULL);
        assert_int_equal(sweep->options.certify, i < 3);
        sweep_close(sweep);
    }
}

/* A certain radius of zero is no mistake where none is asked for. */
static void native_weights_may_be_nilpotent(void **state)
{
    (void)state;
    struct sweep *sweep = open_good("grid: {hidden_size: 1, spectral_radius: native, gamma: 1, lag: 1}\n"
                                    "weights: {ensemble: [chain, antisymmetric]}\n",
                                    0, NULL);
    assert_int_equal(sweep->ensemble_count, 2);
    sweep_close(sweep);
}

static struct sweep *open_axes(const char *lag, const char *gamma)
{
    char text[512];
    snprintf(text, sizeof text, "grid: {hidden_size: 4, spectral_radius: 1, lag: %s, gamma: %s}\n", lag, gamma);
    return open_good(text, 0, NULL);
}

/* Every value is the double that its decimal spelling is; 0.5 + 0.1 i alone misses several by one bit. */
static void linear_axes_are_rounded_to_what_one_would_write(void **state)
{
    (void)state;
    static const char *const spelled[] = { "0.5", "0.6", "0.7", "0.8", "0.9", "1", "1.1", "1.2", "1.3", "1.4", "1.5" };
    struct sweep *sweep = open_axes("1", "{start: 0.5, stop: 1.5, num: 11}");
    assert_int_equal(sweep->gamma_count, 11);
    for (int i = 0; i < 11; i++)
        assert_true(sweep->gammas[i] == strtod(spelled[i], NULL));
    sweep_close(sweep);
    sweep = open_axes("1", "{start: 1.5, stop: 0.5, num: 11, scale: linear}");
    for (int i = 0; i < 11; i++)
        assert_true(sweep->gammas[i] == strtod(spelled[i], NULL));
    sweep_close(sweep);
}

static void logarithmic_axes_hit_powers_exactly(void **state)
{
    (void)state;
    struct sweep *sweep =
        open_axes("{start: 1, stop: 1024, num: 11, scale: log}", "{start: 1e-3, stop: 1000, num: 7, scale: log}");
    assert_int_equal(sweep->lag_count, 11);
    for (int i = 0; i < 11; i++)
        assert_int_equal(sweep->lags[i], 1L << i);
    static const double powers[] = { 0.001, 0.01, 0.1, 1, 10, 100, 1000 };
    for (int i = 0; i < 7; i++)
        assert_true(sweep->gammas[i] == powers[i]);
    sweep_close(sweep);
}

/* The ends are as written, with all their digits; only what lies between is computed. */
static void the_ends_of_an_axis_keep_their_digits(void **state)
{
    (void)state;
    struct sweep *sweep = open_axes("1", "{start: 0.12345678901234567, stop: 0.98765432109876543, num: 3}");
    assert_true(sweep->gammas[0] == 0.12345678901234567);
    assert_true(sweep->gammas[1] == 0.555555555056);
    assert_true(sweep->gammas[2] == 0.98765432109876543);
    sweep_close(sweep);
}

static void integer_axes_step_and_double(void **state)
{
    (void)state;
    struct sweep *sweep = open_axes("{start: 10, stop: 29, step: 5}", "1");
    assert_int_equal(sweep->lag_count, 4);
    assert_int_equal(sweep->lags[0], 10);
    assert_int_equal(sweep->lags[3], 25);
    sweep_close(sweep);
    sweep = open_axes("{start: 10, stop: 30, step: 5}", "1");
    assert_int_equal(sweep->lag_count, 5);
    assert_int_equal(sweep->lags[4], 30);
    sweep_close(sweep);
    sweep = open_axes("{log2: 1}", "1");
    assert_int_equal(sweep->lag_count, 1);
    assert_int_equal(sweep->lags[0], 1);
    sweep_close(sweep);
}

static void numbers_are_sorted_and_names_keep_their_order(void **state)
{
    (void)state;
    struct sweep *sweep =
        open_good("grid: {hidden_size: [64, 16], spectral_radius: [2, 0.5, 1], gamma: 1, lag: [9, 1]}\n"
                  "model: {activation: [tanh, identity]}\n"
                  "weights: {ensemble: [orthogonal, ginibre]}\n",
                  0, NULL);
    assert_int_equal(sweep->hidden_sizes[0], 16);
    assert_int_equal(sweep->hidden_sizes[1], 64);
    assert_true(sweep->spectral_radii[0] == 0.5 && sweep->spectral_radii[1] == 1 && sweep->spectral_radii[2] == 2);
    assert_int_equal(sweep->lags[1], 9);
    assert_string_equal(sweep->activations[0]->name, "tanh");
    assert_string_equal(sweep->ensembles[0].label, "orthogonal");
    sweep_close(sweep);
}

static void assert_reads_back(const char *text)
{
    struct sweep *sweep = open_good(text, 0, NULL), *again = NULL;
    assert_int_equal(sweep_parse(sweep->text, &again), STATUS_OK);
    assert_string_equal(again->text, sweep->text);
    assert_string_equal(again->hash, sweep->hash);
    assert_string_equal(again->name, sweep->name);
    assert_int_equal(again->spectral_radius_count, sweep->spectral_radius_count);
    assert_int_equal(sweep_require_same(sweep, again), STATUS_OK);
    sweep_close(again);
    sweep_close(sweep);
}

static void effective_texts_read_back_to_themselves(void **state)
{
    (void)state;
    assert_reads_back(quickstart);
    assert_reads_back(SMALLEST_GRID);
    assert_reads_back("grid: {hidden_size: 4, spectral_radius: native, gamma: 1, lag: 1}\n");
    assert_reads_back(SMALLEST_GRID "model: {input: {kind: sine, period: 0.1}, loss: {kind: cross_entropy}}\n");
    /* numbers that need 17 digits, and the extremes of double precision */
    assert_reads_back(
        "grid: {hidden_size: 4, spectral_radius: [0.1234567890123456789, 1e-300, 1.7976931348623157e308, 5e-324],"
        " gamma: 0.30000000000000004, lag: 1099511627776}\n");
    /* characters that YAML 1.1 or 1.2 treats as line breaks or refuses, quotes, and names that look like other types */
    assert_reads_back(SMALLEST_GRID
                      "name: \"\\\"\\\\ \\t\\n\\x1b\\x7f\\x85\\u2028\\ufeff\\ufffe é \\U0001F600 # : \"\n"
                      "weights: {ensemble: [{kind: ginibre, label: 'null'}, {kind: uniform, label: \" \"}]}\n");
    assert_reads_back(SMALLEST_GRID "name: 12\n");
    assert_reads_back(SMALLEST_GRID "name: \"\"\n");
}

/* Other programs read the text too, and YAML 1.1 takes some of these for line breaks. */
static void odd_characters_are_escaped(void **state)
{
    (void)state;
    struct sweep *sweep = open_good(
        SMALLEST_GRID "name: \"\\\\ \\\" \\n \\x7f \\x85 \\u2028 \\u2029 \\ufeff \\ufffe é\\xa0€\\U0001F600\"\n", 0,
        NULL);
    const char *expected = "name: \"\\\\ \\\" \\x0a \\x7f \\x85 \\u2028 \\u2029 \\ufeff \\ufffe é\u00a0€😀\"\n";
    assert_int_equal(strncmp(sweep->text, expected, strlen(expected)), 0);
    sweep_close(sweep);
}

static void assert_hash(const char *text, size_t override_count, const char *const *overrides, const char *hash,
                        bool is_same)
{
    struct sweep *sweep = open_good(text, override_count, overrides);
    if ((strcmp(sweep->hash, hash) == 0) != is_same)
        print_error("for\n%s", text);
    assert_int_equal(strcmp(sweep->hash, hash) == 0, is_same);
    sweep_close(sweep);
}

static void the_hash_depends_on_meaning_alone(void **state)
{
    (void)state;
    struct sweep *sweep =
        open_good("grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 2]}\n", 0, NULL);
    char hash[SWEEP_HASH_TEXT];
    memcpy(hash, sweep->hash, sizeof hash);
    sweep_close(sweep);
    static const char *const same[] = {
        "# a comment\ngrid:\n  lag: {log2: 2}\n  gamma: 1.0\n  spectral_radius: [1e0, .5]\n  hidden_size: [+4]\n",
        "name: other\ngrid: {hidden_size: 4, spectral_radius: {start: 0.5, stop: 1, num: 2}, gamma: 1, lag: [2, 1]}\n",
        ("seed: 2013\nmeasure: []\nmodel: {steps: 102}\nnumerics: {distribute_from: 4096}\nweights:\n"
         "grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 2]}\n"),
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_hash(same[i], 0, NULL, hash, true);
    static const char *const overrides[] = { "grid.spectral_radius=[0.5,1]", "grid.lag={log2: 2}" };
    assert_hash(SMALLEST_GRID, 2, overrides, hash, true);
    static const char *const other[] = {
        "grid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 3]}\n",
        "seed: 1\ngrid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 2]}\n",
        "model: {warmup: 99}\ngrid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 2]}\n",
        "measure: frobenius_norm\ngrid: {hidden_size: 4, spectral_radius: [0.5, 1], gamma: 1, lag: [1, 2]}\n",
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_hash(other[i], 0, NULL, hash, false);
}

static void a_different_sweep_is_refused_by_its_first_difference(void **state)
{
    (void)state;
    static const char *const gammas[] = { "grid.gamma=[0.5,1,2]", "name=other", "numerics.tolerance=1e-3" };
    static const char *const seed[] = { "seed=3" };
    struct sweep *file = open_good(SMALLEST_GRID, 1, (const char *const[]){ "grid.gamma=[0.5,1]" });
    struct sweep *asked = open_good(SMALLEST_GRID, 3, gammas);
    assert_int_equal(sweep_require_same(asked, file), STATUS_REFUSED);
    assert_string_equal(status_message(), "grid.gamma: the file has [0.5, 1], the sweep asks for [0.5, 1, 2]");
    sweep_close(asked);
    asked = open_good(SMALLEST_GRID, 1, seed);
    assert_int_equal(sweep_require_same(asked, file), STATUS_REFUSED);
    assert_string_equal(status_message(), "seed: the file has 2013, the sweep asks for 3");
    sweep_close(asked);
    asked = open_good(SMALLEST_GRID, 2, (const char *const[]){ "grid.gamma=[0.5,1]", "name=other" });
    assert_int_equal(sweep_require_same(asked, file), STATUS_OK);
    sweep_close(asked);
    sweep_close(file);
}

/* Axes of thousands of values are shown where they differ. */
static void long_differences_are_shown_where_they_begin(void **state)
{
    (void)state;
    struct sweep *file =
        open_good(SMALLEST_GRID, 1, (const char *const[]){ "grid.lag={start: 1, stop: 2000, step: 1}" });
    struct sweep *asked =
        open_good(SMALLEST_GRID, 1, (const char *const[]){ "grid.lag={start: 1, stop: 1500, step: 1}" });
    /* steps come first in the text, and differ too: but they only follow from the lags */
    assert_int_equal(sweep_require_same(asked, file), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "grid.lag: the file has ..."));
    sweep_close(asked);
    asked = open_good(SMALLEST_GRID, 2,
                      (const char *const[]){ "grid.lag={start: 1, stop: 1500, step: 1}", "model.steps=2100" });
    assert_int_equal(sweep_require_same(asked, file), STATUS_REFUSED);
    assert_non_null(strstr(status_message(), "grid.lag: the file has ..."));
    assert_non_null(strstr(status_message(), " 1499, 1500, 1501, "));
    assert_non_null(strstr(status_message(), " 1499, 1500]"));
    assert_true(strlen(status_message()) < 600);
    sweep_close(asked);
    sweep_close(file);
}

static void the_help_names_every_key(void **state)
{
    (void)state;
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_int_equal(sweep_help(NULL, false, stream), STATUS_OK);
    fclose(stream);
    static const char *const words[] = {
        "weights.ensemble:",   "density:",  "grid.lag:",      "{log2: N}",    "required",
        "numerics.tolerance:", "hard_tanh", "frobenius_norm", "cross_entropy"
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(text, words[i]));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_effective_text_is_pinned),
        cmocka_unit_test(everything_but_the_grid_has_a_default),
        cmocka_unit_test(everything_can_be_said),
        cmocka_unit_test(words_may_be_quoted),
        cmocka_unit_test(truths_have_three_spellings),
        cmocka_unit_test(native_weights_may_be_nilpotent),
        cmocka_unit_test(linear_axes_are_rounded_to_what_one_would_write),
        cmocka_unit_test(logarithmic_axes_hit_powers_exactly),
        cmocka_unit_test(the_ends_of_an_axis_keep_their_digits),
        cmocka_unit_test(integer_axes_step_and_double),
        cmocka_unit_test(numbers_are_sorted_and_names_keep_their_order),
        cmocka_unit_test(effective_texts_read_back_to_themselves),
        cmocka_unit_test(odd_characters_are_escaped),
        cmocka_unit_test(the_hash_depends_on_meaning_alone),
        cmocka_unit_test(a_different_sweep_is_refused_by_its_first_difference),
        cmocka_unit_test(long_differences_are_shown_where_they_begin),
        cmocka_unit_test(the_help_names_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
