/* Temporal contributions: what they add up to, what bounds them, how they cancel, and the map of them. */
#include "networks.h"

#include "all_results.h"
#include "backward_reference.h"

#define ALL_MEASURES measure_set("gradient contribution_map")

static struct model model_of(enum loss_kind loss, long steps)
{
    return (struct model){ .bias = BIAS_GAUSSIAN,
                           .bias_scale = 0.2,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1,
                           .loss = loss,
                           .loss_classes = 5,
                           .steps = steps };
}

static struct batch batch_of(const struct model *model, const char *activation, long count, const double *radii,
                             const double *gammas, const long *lags, long lag_count)
{
    struct batch batch = batch_of_cells(model, activation_find(activation), count, radii, gammas, lags, lag_count);
    batch.measures = ALL_MEASURES;
    batch.options.lengths[ALONG_STEP] = 5;
    return batch;
}

/* The errors and contributions of one chain, added up one by one in long double, from the trajectory's own states. */
struct plain_sum {
    long double *gradient; /* [d * d] */
    long double sum_of_norms;
};

static struct plain_sum add_up(const struct model *model, struct weights *weights, const struct chain *chain)
{
    const long d = weights_hidden_size(weights);
    struct plain_sum plain = { .gradient = calloc((size_t)(d * d), sizeof(long double)) };
    long double *error = calloc((size_t)d, sizeof *error), *before = calloc((size_t)d, sizeof *before);
    double *injected = calloc((size_t)block_stride(d), sizeof *injected);
    struct trajectory trajectory;
    struct loss *loss;
    const double *unit;
    int64_t exponent;
    require(trajectory_run(model, weights, 1, chain, model->steps, KEEP_STATES, NULL, &trajectory));
    require(loss_open(model, weights, &loss));
    require(weights_values(weights, 1, &unit));
    const double *x = trajectory_state(&trajectory, 0, 0, &exponent);
    int64_t injected_exponent = loss_gradient(loss, x, exponent, injected);
    for (long i = 0; i < d; i++)
        error[i] = scalbnl(injected[i], (int)injected_exponent);
    for (long lag = 0; lag < model->steps; lag++) {
        const double *sigma = trajectory_activated(&trajectory, lag, 0, &exponent);
        const double *derivative = trajectory_derivative(&trajectory, lag, 0);
        long double error_square = 0, sigma_square = 0;
        for (long j = 0; j < d; j++) {
            for (long i = 0; i < d; i++)
                plain.gradient[j * d + i] += error[i] * scalbnl(sigma[j], (int)exponent);
            error_square += error[j] * error[j];
            sigma_square += scalbnl(sigma[j], (int)exponent) * scalbnl(sigma[j], (int)exponent);
        }
        plain.sum_of_norms += sqrtl(error_square * sigma_square);
        for (long j = 0; j < d; j++) {
            before[j] = 0;
            for (long i = 0; i < d; i++)
                before[j] += unit[j * d + i] * error[i];
            before[j] *= chain->gain * chain->gamma * expl(trajectory.log_shifts[lag]) * derivative[j];
        }
        memcpy(error, before, (size_t)d * sizeof *error);
    }
    loss_close(loss);
    trajectory_destroy(&trajectory);
    free(error), free(before), free(injected);
    return plain;
}

static void contributions_add_up_to_the_gradient(void **state)
{
    (void)state;
    static const char *const ensembles[] = { "ginibre", "orthogonal", "nonnormal", "symmetric" };
    static const char *const activations[] = { "tanh", "relu", "identity", "erf" };
    static const long sizes[] = { 1, 5, 64, 100 }, lags[] = { 1 };
    double worst = 0, worst_ratio = 0, least_ratio = 1;
    for (size_t e = 0; e < 4; e++)
        for (size_t s = 0; s < 4; s++) {
            const long d = sizes[s];
            struct ensemble ensemble = ensemble_named(ensembles[e]);
            struct model model = model_of((enum loss_kind)((e + s) % 3), 200); /* panels, and a part of one */
            struct chain chains[] = { { activation_find(activations[(e + s) % 4]), 0.9, 0.8, NULL },
                                      { activation_find(activations[(e + s) % 4]), 1.3, 1.0, NULL } };
            struct weights *weights;
            require(weights_open(&(struct network_key){ &ensemble, REFERENCE_SEED, d, 1 }, 1.0, &weights));
            struct swept swept = sweep_back(&model, weights, NULL, 2, chains, lags, 1);
            for (long c = 0; c < 2; c++) {
                struct plain_sum plain = add_up(&model, weights, &chains[c]);
                const struct contribution_sum *found = &swept.gradients[2 * c];
                long double square = 0, norm = 0;
                for (long i = 0; i < d; i++)
                    for (long j = 0; j < d; j++) {
                        long double expected = plain.gradient[j * d + i];
                        long double difference =
                            scalbnl(block_column(&found->matrix.part, j)[i], (int)found->exponent) - expected;
                        square += difference * difference;
                        norm += expected * expected;
                    }
                double ratio = (double)(sqrtl(norm) / plain.sum_of_norms);
                worst = fmax(worst, (double)(sqrtl(square) / plain.sum_of_norms));
                worst_ratio = fmax(worst_ratio, fabs(swept.columns[2 * c].cancellation - ratio));
                least_ratio = fmin(least_ratio, ratio);
                free(plain.gradient);
            }
            swept_destroy(&swept);
            weights_close(weights);
        }
    print_message("gradient less the sum of its contributions: %.1e of the sum of their norms; cancellation down to "
                  "%.2g, right to %.1e\n",
                  worst, least_ratio, worst_ratio);
    assert_true(least_ratio < 0.5); /* or nothing cancels */
    assert_true(worst < 1e-12);     /* 200 steps of rounding, mostly random */
    assert_true(worst_ratio < 1e-12);
}

static void errors_keep_to_the_norm_of_the_product(void **state)
{
    (void)state;
    static const char *const ensembles[] = { "ginibre", "nonnormal", "antisymmetric", "sparse", "chain" };
    static const char *const activations[] = { "tanh", "identity", "leaky_relu", "sin" };
    static const long lags[] = { 1, 2, 4, 8, 16, 32, 64 };
    const double gammas[] = { 0.7, 1.2 };
    double tightest = INFINITY;
    for (size_t e = 0; e < 5; e++)
        for (size_t a = 0; a < 4; a++) {
            struct ensemble ensemble = ensemble_named(ensembles[e]);
            struct model model = model_of((enum loss_kind)((e + a) % 3), 70);
            struct batch batch = batch_of(&model, activations[a], 2, NULL, gammas, lags, 7);
            struct all_results all = all_results_measure(&ensemble, 24, 0, batch);
            for (long cell = 0; cell < 2; cell++)
                for (long l = 0; l < 7; l++) {
                    double error = all_results_of(&all, "log_error_norm")[cell * 7 + l];
                    double bound = all_results_of(&all, "log_initial_error_norm")[cell] +
                                   all_results_of(&all, "log_jacobian_norm")[cell * 7 + l];
                    assert_int_equal(first_failure(&all.outcomes[cell]), JACOBIAN_FOUND);
                    assert_true(error <= bound + 2e-10); /* the tolerance of the norm */
                    tightest = error > -INFINITY ? fmin(tightest, bound - error) : tightest;
                }
            all_results_destroy(&all);
        }
    print_message("ln ||e_0|| ||J_l|| - ln ||e_l|| is at least %.2g\n", tightest);
    assert_true(tightest < 1); /* a bound that nothing comes near tests nothing */
}

/* d = 1, W = 2, tanh, T = 2: C_2 = e_0 tanh(x_1) and C_1 = e_0 2 tanh'(x_1) tanh(x_0). With x_1 = -1/2 and x_0 such
 * that 2 tanh'(x_1) tanh(x_0) = -tanh(x_1) they cancel, although the contribution of step 1 has been amplified by
 * J_1 = 1.57 on its way: a dominant term does not make the sum explode. */
static void two_terms_cancel(void **state)
{
    (void)state;
    static const double w = 2, gamma = 1;
    static const long lags[] = { 1 };
    struct ensemble ensemble = ensemble_given();
    double drawn_bias, drawn_state, y1 = tanh(-0.5), y0 = -y1 / (2 * (1 - y1 * y1));
    char text[256];
    const struct network_key key = { .ensemble = &ensemble, .hidden_size = 1, .replica = 0 };
    ensemble_describe_draw(&key, "bias", text, sizeof text);
    struct random_stream stream = random_stream_open(TEST_SEED, text);
    random_normal(&stream, 0, 0, 1, &drawn_bias);
    ensemble_describe_draw(&key, "initial_state", text, sizeof text);
    stream = random_stream_open(TEST_SEED, text);
    random_normal(&stream, 0, 0, 1, &drawn_state);
    struct model model = { .bias = BIAS_GAUSSIAN,
                           .bias_scale = (-0.5 - 2 * y0) / drawn_bias,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = atanh(y0) / drawn_state,
                           .loss = LOSS_SQUARED,
                           .steps = 2 };
    given_values = &w;
    struct batch batch = batch_of(&model, "tanh", 1, NULL, &gamma, lags, 1);
    batch.options.lengths[ALONG_STEP] = 1;
    struct all_results all = all_results_measure(&ensemble, 1, 0, batch);
    double x2 = 2 * y1 - 0.5 - 2 * y0;
    print_message("two terms that cancel: ||sum|| / sum of norms = %.1e\n", all_results_of(&all, "cancellation")[0]);
    assert_true(all_results_of(&all, "cancellation")[0] < 1e-15); /* a few roundings of either term */
    assert_true(fabs(all_results_of(&all, "log_contribution")[0] - log(fabs(x2 * y1))) < 1e-14);
    assert_true(all_results_of(&all, "log_gradient_norm")[0] < log(fabs(x2)) - 34);
    assert_true(fabs(all_results_of(&all, "log_jacobian_norm")[0] - log(2 * (1 - y1 * y1))) < 1e-10);
    all_results_destroy(&all);
}

/* A nilpotent W forgets: x_T = 0, so there is no error, no contribution, and 0/0 is not a number. */
static void a_network_that_forgot_has_no_gradient(void **state)
{
    (void)state;
    static const long lags[] = { 1, 4 };
    const double gamma = 1;
    struct ensemble ensemble = ensemble_named("chain");
    struct model model = model_of(LOSS_SQUARED, 6);
    model.bias = BIAS_ZERO;
    struct all_results all =
        all_results_measure(&ensemble, 4, 0, batch_of(&model, "identity", 1, NULL, &gamma, lags, 2));
    assert_int_equal(first_failure(&all.outcomes[0]), JACOBIAN_FOUND);
    assert_true(all_results_of(&all, "log_initial_error_norm")[0] == -INFINITY);
    assert_true(all_results_of(&all, "log_error_norm")[1] == -INFINITY);
    assert_true(all_results_of(&all, "log_contribution")[1] == -INFINITY);
    assert_true(all_results_of(&all, "log_gradient_norm")[0] == -INFINITY);
    assert_true(isnan(all_results_of(&all, "cancellation")[0]));
    assert_true(isfinite(all_results_of(&all, "log_total_gradient_norm")[0])); /* early steps had states */
    all_results_destroy(&all);
}

enum { MAP_STEPS = 5, MAP_LAGS = 5, MAP_T = 80 };

/* Row t of the map is what `gradient` says of a trajectory that ends at t. */
static void rows_of_the_map_are_gradients(void **state)
{
    (void)state;
    static const long lags[MAP_LAGS] = { 1, 2, 40, 77, 79 };
    const double radius = 1.1, gamma = 0.9;
    double worst = 0;
    for (int loss = 0; loss < 3; loss++) {
        struct ensemble ensemble = ensemble_named("ginibre");
        struct model model = model_of((enum loss_kind)loss, MAP_T);
        struct all_results all =
            all_results_measure(&ensemble, 30, 0, batch_of(&model, "tanh", 1, &radius, &gamma, lags, MAP_LAGS));
        const double *map = all_results_of(&all, "log_contribution_map"),
                     *gradients = all_results_of(&all, "log_step_gradient_norm");
        assert_true(gradients[MAP_STEPS - 1] == all_results_of(&all, "log_gradient_norm")[0]); /* to the last bit */
        assert_memory_equal(map + (MAP_STEPS - 1) * MAP_LAGS, all_results_of(&all, "log_contribution"),
                            MAP_LAGS * sizeof(double));
        for (long row = 0; row < MAP_STEPS; row++) {
            model.steps = MAP_T - (MAP_STEPS - 1 - row);
            long lag_count = MAP_LAGS;
            while (lags[lag_count - 1] > model.steps)
                lag_count--;
            struct batch batch = batch_of(&model, "tanh", 1, &radius, &gamma, lags, lag_count);
            struct all_results shorter = all_results_measure(&ensemble, 30, 0, batch);
            worst = fmax(worst, fabs(gradients[row] - all_results_of(&shorter, "log_gradient_norm")[0]));
            for (long l = 0; l < MAP_LAGS; l++)
                if (lags[l] < model.steps)
                    worst =
                        fmax(worst, fabs(map[row * MAP_LAGS + l] - all_results_of(&shorter, "log_contribution")[l]));
                else
                    assert_true(isnan(map[row * MAP_LAGS + l])); /* there is no step t - l */
            all_results_destroy(&shorter);
        }
        all_results_destroy(&all);
    }
    print_message("rows of the map against gradients of shorter trajectories: %.1e\n", worst);
    assert_true(worst < 1e-14); /* the same columns; only the panels begin elsewhere */
}

/* A cell must not feel its neighbours, nor in how many groups its columns were swept. */
static void cells_do_not_depend_on_their_batch(void **state)
{
    (void)state;
    enum { CELLS = 40 };
    static const long lags[] = { 1, 3, 20 };
    double radii[CELLS], gammas[CELLS];
    for (int i = 0; i < CELLS; i++) {
        radii[i] = 0.3 + 0.05 * i;
        gammas[i] = i % 2 ? 0.75 : 1.0;
    }
    for (long d = 7; d <= 140; d += 133)
        for (int a = 0; a < 2; a++) {
            struct ensemble ensemble = ensemble_named("ginibre");
            struct model model = model_of(LOSS_CROSS_ENTROPY, 90);
            struct batch batch = batch_of(&model, a ? "identity" : "tanh", CELLS, radii, gammas, lags, 3);
            batch.options.lengths[ALONG_STEP] = d < 100 ? 50 : 7;
            struct all_results together = all_results_measure(&ensemble, d, 0, batch);
            for (int i = 1; i < CELLS; i += 19) {
                struct all_results alone = all_results_measure(&ensemble, d, 0, batch_cell(batch, i));
                all_results_assert_equal(&alone, 0, &together, i);
                all_results_destroy(&alone);
            }
            all_results_destroy(&together);
        }
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contributions_add_up_to_the_gradient),
        cmocka_unit_test(errors_keep_to_the_norm_of_the_product),
        cmocka_unit_test(two_terms_cancel),
        cmocka_unit_test(a_network_that_forgot_has_no_gradient),
        cmocka_unit_test(rows_of_the_map_are_gradients),
        cmocka_unit_test(cells_do_not_depend_on_their_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
