/* Cells of a sweep, found in one with longer axes by their coordinates. */
#include "sweep/extension.h"
#include "sweep_testing.h"

#define SMALL                                                                     \
    "weights: {ensemble: [ginibre, {kind: sparse, density: 0.5}], replicas: 2}\n" \
    "model: {activation: [identity, tanh]}\n"                                     \
    "grid: {hidden_size: [4, 8], spectral_radius: [0.5, 1.5], gamma: [0.25, 0.75], lag: [1, 2]}\n"
#define LARGE                                                                            \
    "name: another\n"                                                                    \
    "weights: {ensemble: [{kind: sparse, density: 0.5}, cycle, ginibre], replicas: 3}\n" \
    "model: {activation: [tanh, relu, identity]}\n"                                      \
    "grid: {hidden_size: [2, 4, 6, 8], spectral_radius: [0.5, 1, 1.5], gamma: [0.25, 0.5, 0.75, 1], lag: [1, 2]}\n"

static void every_cell_keeps_its_coordinates(void **state)
{
    (void)state;
    struct sweep *small = open_good(SMALL, 0, NULL), *large = open_good(LARGE, 0, NULL);
    struct extension extension;
    assert_int_equal(extension_open(large, small, &extension), STATUS_OK);
    for (uint64_t number = 0; number < grid_cell_count(small); number++) {
        const struct cell a = grid_cell_at(small, number), b = grid_cell_at(large, extension_cell(&extension, number));
        assert_ptr_equal(grid_activation(small, &a), grid_activation(large, &b));
        assert_string_equal(grid_ensemble(small, &a)->label, grid_ensemble(large, &b)->label);
        assert_int_equal(grid_hidden_size(small, &a), grid_hidden_size(large, &b));
        assert_int_equal(a.at[AXIS_REPLICA], b.at[AXIS_REPLICA]);
        assert_true(grid_spectral_radius(small, &a) == grid_spectral_radius(large, &b));
        assert_true(grid_gamma(small, &a) == grid_gamma(large, &b));
        assert_int_equal(extension_weight(&extension, grid_weight_number(small, &a)), grid_weight_number(large, &b));
    }
    extension_close(&extension);
    assert_int_equal(extension_open(small, large, &extension), STATUS_REFUSED);
    sweep_close(small);
    sweep_close(large);
}

static void what_differs_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *override, *message;
    } cases[] = {
        { "grid.gamma=[0.25, 0.5]", "grid.gamma: the file has 0.75, the sweep asks for [0.25, 0.5]" },
        { "weights.replicas=1", "weights.replicas: the file has 2, the sweep asks for 1" },
        { "weights.ensemble=[ginibre, {kind: sparse, density: 0.4}]",
          "weights.ensemble: the file has {kind: sparse, density: 0.5, label: sparse}, " },
        { "weights.ensemble=[ginibre, {kind: sparse, density: 0.5, label: x}]", "weights.ensemble: the file has {" },
        { "grid.spectral_radius=native", "grid.spectral_radius: the file has 0.5, the sweep asks for native" },
        /* and not the steps, which follow from the lags */
        { "grid.lag=[1, 2, 4]", "grid.lag: the file has [1, 2], the sweep asks for [1, 2, 4]" },
        { "model.steps=200", "model.steps: the file has 102, the sweep asks for 200" },
        { "seed=1", "seed: the file has 2013, the sweep asks for 1" },
    };
    struct sweep *small = open_good(SMALL, 0, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sweep *other = open_good(SMALL, 1, &cases[i].override);
        struct extension extension;
        assert_int_equal(extension_open(other, small, &extension), STATUS_REFUSED);
        if (strstr(status_message(), cases[i].message) != status_message())
            fail_msg("%s: %s", cases[i].override, status_message());
        sweep_close(other);
    }
    sweep_close(small);
}

/* Nothing but the version tells that the same text meant other inputs. */
static void sines_of_the_first_version_are_others(void **state)
{
    (void)state;
    static const struct {
        const char *override;
        enum status first;
    } cases[] = {
        { "model.input={kind: sine, size: 2}", STATUS_REFUSED },
        { "model.input={kind: sine, size: 5, scale: 0.5, period: 3}", STATUS_REFUSED },
        { "model.input={kind: sine, size: 1}", STATUS_OK },
        { "model.input={kind: gaussian, size: 3}", STATUS_OK },
        { "model.input={kind: none}", STATUS_OK },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sweep *sweep = open_good(SMALL, 1, &cases[i].override);
        assert_int_equal(extension_require_same_inputs(sweep, 1), cases[i].first);
        assert_int_equal(extension_require_same_inputs(sweep, 2), STATUS_OK);
        for (long k = 0; k < sweep->ensemble_count; k++) /* as if all brought inputs of their own */
            memset(sweep->ensembles[k].source.fingerprints[NETWORK_INPUTS], 'f', NETWORK_FINGERPRINT_TEXT - 1);
        assert_int_equal(extension_require_same_inputs(sweep, 1), STATUS_OK);
        sweep_close(sweep);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cell_keeps_its_coordinates),
        cmocka_unit_test(what_differs_is_named),
        cmocka_unit_test(sines_of_the_first_version_are_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
