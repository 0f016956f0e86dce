/* Chains whose windows are equal to the bit have one product: its norms are found once, and are what each would find
 * alone; chains that differ anywhere are not taken for one. */
#include "gradient/chain_norms.h"
#include "networks.h"

enum { D = 24, LAGS = 4, MOST_CHAINS = 8 };

static const long lags[LAGS] = { 1, 2, 5, 40 };
static const double couplings[MOST_CHAINS] = { 0.1, 0.2, 0.3, 0.4, 0.93, 1.1, 1.3, 1.9 };
/* 100 steps before the window: of 0.4^100 no square is left beside 1; of 0.93^100 it is. */
static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = 140 };
static const struct model driven = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                     .initial_state_scale = 1,
                                     .input = INPUT_GAUSSIAN,
                                     .input_size = 1,
                                     .input_scale = 0.5,
                                     .steps = 140 };

static struct batch open_batch(const char *activation, const struct model *model, const struct ensemble *ensemble)
{
    struct batch batch = { .model = model,
                           .activation = activation_find(activation),
                           .count = MOST_CHAINS,
                           .couplings = couplings,
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10,
                           .measures = measure_set("frobenius_norm") };
    const struct network_key key = { ensemble, TEST_SEED, D, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &batch.spectrum));
    require(weights_open(&key, batch.spectrum.radius, &batch.weights));
    return batch;
}

static struct trajectory run(const struct batch *batch)
{
    struct chain chains[MOST_CHAINS];
    struct trajectory trajectory;
    for (long i = 0; i < batch->count; i++)
        chains[i] = batch_chain(batch, i);
    require(trajectory_run(batch->model, batch->weights, batch->count, chains, lags[LAGS - 1], KEEP_DERIVATIVES, NULL,
                           &trajectory));
    return trajectory;
}

static struct chain_norms find(const struct batch *batch, enum jacobian_method method,
                               const struct trajectory *trajectory)
{
    const double no_bounds[LAGS] = { 0 };
    struct gradient_context context = { 0 };
    struct chain_norms norms;
    require(chain_norms_find(batch, &context, method, trajectory, batch->count, no_bounds, &norms));
    return norms;
}

/* Every chain against itself alone. */
static void require_same_alone(const struct batch *batch, enum jacobian_method method, const struct chain_norms *norms)
{
    for (long i = 0; i < batch->count; i++) {
        const struct batch one = batch_cell(*batch, i);
        struct trajectory trajectory = run(&one);
        struct chain_norms alone = find(&one, method, &trajectory);
        const long place = chain_norms_of(norms, i) * LAGS;
        assert_memory_equal(norms->log_norms + place, alone.log_norms, LAGS * sizeof(double));
        if (method == METHOD_EXPLICIT)
            assert_memory_equal(norms->log_frobenius + place, alone.log_frobenius, LAGS * sizeof(double));
        assert_int_equal(norms->outcomes[chain_norms_of(norms, i)], JACOBIAN_FOUND);
        chain_norms_destroy(&alone);
        trajectory_destroy(&trajectory);
    }
}

static void require_kinds(const char *activation, const struct model *model, long kinds)
{
    static const enum jacobian_method methods[] = { METHOD_EXPLICIT, METHOD_IMPLICIT };
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = open_batch(activation, model, &ensemble);
    struct trajectory trajectory = run(&batch);
    for (int i = 0; i < 2; i++) {
        struct chain_norms norms = find(&batch, methods[i], &trajectory);
        assert_int_equal(norms.chains, kinds);
        require_same_alone(&batch, methods[i], &norms);
        chain_norms_destroy(&norms);
    }
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

static void vanished_states_have_one_product(void **state)
{
    (void)state;
    require_kinds("tanh", &quiet, 1 + MOST_CHAINS - 4);
}

/* relu(c x) = c relu(x): kappa scales the state alone. */
static void directions_have_one_product(void **state)
{
    (void)state;
    require_kinds("relu", &quiet, 1);
}

static void driven_chains_all_differ(void **state)
{
    (void)state;
    require_kinds("tanh", &driven, MOST_CHAINS);
}

/* One bit of one derivative, one shift, and derivatives that are held apart from the others. */
static void any_difference_counts(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = open_batch("tanh", &quiet, &ensemble);
    batch.count = 4;
    struct trajectory trajectory = run(&batch);
    const size_t columns = (size_t)(trajectory.window * trajectory.chains);
    const long last = trajectory.window - 1, chains = trajectory.chains;
    struct wide_derivatives wide = { .mantissas = calloc(D, sizeof(double)), .exponents = calloc(D, sizeof(int64_t)) };
    double *derivative = (double *)(uintptr_t)trajectory_derivative(&trajectory, 0, 1) + D - 1;
    *derivative = nextafter(*derivative, 0.0);
    trajectory.log_shifts[last * chains + 2] = -0x1p-60;
    for (long i = 0; i < D; i++)
        wide.mantissas[i] = 1.0;
    trajectory.wide = calloc(columns, sizeof *trajectory.wide);
    trajectory.wide[3] = wide;
    struct chain_norms norms = find(&batch, METHOD_EXPLICIT, &trajectory);
    assert_int_equal(norms.chains, 4);
    chain_norms_destroy(&norms);
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vanished_states_have_one_product),
        cmocka_unit_test(directions_have_one_product),
        cmocka_unit_test(driven_chains_all_differ),
        cmocka_unit_test(any_difference_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
