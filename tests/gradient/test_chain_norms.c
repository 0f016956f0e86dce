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

static struct batch open_batch(const char *activation, const struct model *model, const struct ensemble *ensemble,
                               long hidden_size)
{
    struct batch batch = { .model = model,
                           .activation = activation_find(activation),
                           .count = MOST_CHAINS,
                           .couplings = couplings,
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10,
                           .measures = measure_set("frobenius_norm") };
    const struct network_key key = { ensemble, TEST_SEED, hidden_size, 0 };
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
    struct batch batch = open_batch(activation, model, &ensemble, D);
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
    struct batch batch = open_batch("tanh", &quiet, &ensemble, D);
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

/* ---- the last steps alike ---- */

struct found {
    double log_norms[2 * LAGS];
    enum jacobian_outcome outcomes[2];
    bool fell_back[2];
    double flops;
};

static struct found find_implicitly(const struct jacobian_problem *problem)
{
    struct gradient_context context = { 0 };
    struct found found = { 0 };
    require(jacobian_norms_implicit(problem, &context, found.log_norms, found.outcomes, found.fell_back));
    found.flops = context.flops;
    return found;
}

static double *derivative_at(const struct trajectory *trajectory, long lag_index, long chain)
{
    return (double *)(uintptr_t)trajectory_derivative(trajectory, lag_index, chain);
}

/* All derivatives between 1 - spread and 1, which they crowd below as those of tanh do. */
static void draw_derivatives(const struct trajectory *trajectory, double spread)
{
    const struct random_stream stream = random_stream_open(7, "derivatives");
    for (long i = 0; i < trajectory->window; i++)
        for (long chain = 0; chain < trajectory->chains; chain++) {
            double *derivative = derivative_at(trajectory, i, chain);
            random_uniform(&stream, (uint64_t)(i * trajectory->chains + chain), 0, (uint64_t)trajectory->hidden_size,
                           derivative);
            for (long unit = 0; unit < trajectory->hidden_size; unit++)
                derivative[unit] = 1 - spread * derivative[unit] * derivative[unit];
        }
}

static void check_twins(const char *name, long hidden_size, double spread, double last_derivative, bool falls_back)
{
    enum { ALIKE = 20 };
    struct ensemble ensemble = ensemble_named(name);
    struct batch batch = open_batch("tanh", &driven, &ensemble, hidden_size);
    batch.count = 2;
    struct trajectory trajectory = run(&batch);
    draw_derivatives(&trajectory, spread);
    *derivative_at(&trajectory, 0, 0) = last_derivative;
    for (long i = 0; i < ALIKE; i++)
        memcpy(derivative_at(&trajectory, i, 1), derivative_at(&trajectory, i, 0),
               (size_t)hidden_size * sizeof(double));
    const struct jacobian_twin twins[] = { { 0, 0 }, { 0, ALIKE } };
    struct jacobian_problem problem = chain_norms_problem(&batch, &trajectory, 2);
    const struct found each = find_implicitly(&problem);
    problem.twins = twins;
    const struct found once = find_implicitly(&problem);
    assert_memory_equal(once.log_norms, each.log_norms, sizeof once.log_norms);
    assert_memory_equal(once.outcomes, each.outcomes, sizeof once.outcomes);
    assert_memory_equal(once.fell_back, each.fell_back, sizeof once.fell_back);
    assert_int_equal(once.fell_back[1], falls_back);
    assert_true(once.flops < each.flops);
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

/* What Lanczos finds for one is the other's, be it a value, that it has given up where singular values lie close, or
 * that it is no number. */
static void products_over_last_steps_are_one(void **state)
{
    (void)state;
    check_twins("ginibre", D, 0.5, 1, false);
    check_twins("orthogonal", 300, 1e-4, 1, true);
    check_twins("ginibre", D, 0.5, NAN, false);
}

/* Of an orthogonal W and derivatives near 1 singular values lie close: some 65 to 75 iterations tell the largest of
 * them apart over 2 to 40 steps of 200 units. Of one step it takes nearly all units there are, and whole products,
 * without which the longer ones do. */
static void close_singular_values_take_longer(void **state)
{
    (void)state;
    enum { SIZE = 200 };
    struct ensemble ensemble = ensemble_named("orthogonal");
    struct batch batch = open_batch("tanh", &driven, &ensemble, SIZE);
    struct gradient_context context = { 0 };
    double log_norms[LAGS];
    enum jacobian_outcome outcome;
    batch.count = 1;
    struct trajectory trajectory = run(&batch);
    draw_derivatives(&trajectory, 5e-3);
    struct jacobian_problem problem = chain_norms_problem(&batch, &trajectory, 1);
    require(jacobian_norms_explicit(&problem, &context, log_norms, NULL, &outcome));
    for (int first = 0; first < 2; first++) {
        struct jacobian_problem some = problem;
        some.lags += first;
        some.lag_count -= first;
        const struct found found = find_implicitly(&some);
        assert_int_equal(found.fell_back[0], first == 0);
        for (long i = 0; i < some.lag_count; i++)
            assert_true(fabs(found.log_norms[i] - log_norms[first + i]) <= batch.tolerance);
    }
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

/* 0.85^113 is the last whose square is seen beside 1, within the window: it and the states of 0.4 differ before. */
static void twins_are_found(void **state)
{
    (void)state;
    static const double late[] = { 0.4, 0.85, 1.1, 0.86 };
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = open_batch("tanh", &quiet, &ensemble, D);
    batch.count = 4;
    batch.couplings = late;
    struct trajectory trajectory = run(&batch);
    struct chain_norms norms = find(&batch, METHOD_IMPLICIT, &trajectory);
    assert_int_equal(norms.chains, 4);
    assert_int_equal(norms.twins[0].steps, 0);
    assert_int_equal(norms.twins[1].chain, 0);
    assert_in_range(norms.twins[1].steps, 10, 39);
    assert_int_equal(norms.twins[2].steps, 0);
    assert_int_equal(norms.twins[3].chain, 1); /* nearer than 0, which it has fewer steps in common with, or as many */
    assert_in_range(norms.twins[3].steps, 10, norms.twins[1].steps);
    require_same_alone(&batch, METHOD_IMPLICIT, &norms);
    chain_norms_destroy(&norms);
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

/* ---- wide derivatives ---- */

/* Where units of silu are held far below 0 their derivatives are such that doubles do not hold them beside the others'.
 * A product too near its bound for them to count is not measured anew; below a bound so far away that they might, it
 * is, and found to be the same. */
static void check_wide(double log_distance, bool is_anew)
{
    static const double coupling = 0.5;
    static const struct model held = { .bias = BIAS_GAUSSIAN, .bias_scale = 1000, .steps = 60 };
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = open_batch("silu", &held, &ensemble, D);
    struct gradient_context context = { 0 };
    struct chain_norms norms;
    double log_bounds[LAGS], wide_norms[LAGS], wide_frobenius[LAGS];
    enum jacobian_outcome outcome;
    batch.count = 1;
    batch.couplings = &coupling;
    struct trajectory trajectory = run(&batch);
    assert_true(trajectory_is_wide(&trajectory, 0) && !trajectory_is_beyond(&trajectory, 0));
    for (long i = 0; i < LAGS; i++)
        log_bounds[i] = (double)lags[i] * batch_log_unit_norm(&batch) + log_distance;
    require(chain_norms_find(&batch, &context, METHOD_EXPLICIT, &trajectory, 1, log_bounds, &norms));
    assert_int_equal(norms.outcomes[0], JACOBIAN_FOUND);
    assert_int_equal(norms.fell_back[0], is_anew);
    const struct jacobian_problem problem = chain_norms_problem(&batch, &trajectory, 1);
    require(jacobian_norms_wide(&problem, &context, 0, wide_norms, wide_frobenius, &outcome));
    for (long i = 0; i < LAGS; i++) {
        assert_true(fabs(norms.log_norms[i] - wide_norms[i]) <= batch.tolerance);
        assert_true(fabs(norms.log_frobenius[i] - wide_frobenius[i]) <= batch.tolerance);
    }
    chain_norms_destroy(&norms);
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
}

static void wide_chains_are_measured_anew_where_that_may_count(void **state)
{
    (void)state;
    check_wide(0.0, false);
    check_wide(600.0, true);
    check_wide(NAN, true);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vanished_states_have_one_product),
        cmocka_unit_test(directions_have_one_product),
        cmocka_unit_test(driven_chains_all_differ),
        cmocka_unit_test(any_difference_counts),
        cmocka_unit_test(products_over_last_steps_are_one),
        cmocka_unit_test(close_singular_values_take_longer),
        cmocka_unit_test(twins_are_found),
        cmocka_unit_test(wide_chains_are_measured_anew_where_that_may_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
