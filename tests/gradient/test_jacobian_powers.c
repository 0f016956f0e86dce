/* Norms of products whose equal steps are taken at once, as powers: against quadruple precision, against the steps one
 * by one, and where powers would lose what steps keep. */
#include "gradient/jacobian_powers.h"
#include "networks.h"
#include "quad_norm.h"

#include "base/random.h"

static const double TOLERANCE = 1e-10;
/* Of ln of a norm over up to 1000 steps: rounding amplifies to some l u, by whichever way, for the W of these tests; a
 * sum of logarithms of up to 1000 errs by as much. */
static const double ROUNDING = 1000 * 0x1p-52;

/* By how much a norm by powers may differ from that by steps, and still stand: a tenth of the tolerance, to first
 * order. */
static const double CONFIRMED = 1.1e-11;

enum { MOST_LAGS = 12, MOST_CHAINS = 6 };

struct norms {
    double logs[MOST_CHAINS * MOST_LAGS];
    enum jacobian_outcome outcomes[MOST_CHAINS];
    double flops;
};

static struct norms find(const struct jacobian_problem *problem, bool may_take_powers)
{
    struct jacobian_problem asked = *problem;
    struct gradient_context context = { 0 };
    struct norms norms;
    bool fell_back[MOST_CHAINS];
    memset(&norms, 0, sizeof norms);
    asked.may_take_powers = may_take_powers;
    require(jacobian_norms_implicit(&asked, &context, norms.logs, norms.outcomes, fell_back));
    for (long chain = 0; chain < problem->chains; chain++)
        assert_false(fell_back[chain]);
    norms.flops = context.flops;
    return norms;
}

static struct jacobian_problem problem_of(struct weights *weights, const struct trajectory *trajectory, long steps,
                                          const long *lags, long lag_count)
{
    return (struct jacobian_problem){ .weights = weights,
                                      .trajectory = trajectory,
                                      .steps = steps,
                                      .chains = trajectory ? trajectory->chains : 1,
                                      .lags = lags,
                                      .lag_count = lag_count,
                                      .tolerance = TOLERANCE };
}

/* Each lag of each chain alone: neither the others nor what they have powers for move a bit. */
static void check_alone(const struct jacobian_problem *problem, const struct norms *norms)
{
    for (long chain = 0; chain < problem->chains; chain++)
        for (long i = 0; i < problem->lag_count; i++) {
            struct jacobian_problem alone = *problem;
            alone.first_chain = chain;
            alone.chains = 1;
            alone.lags = problem->lags + i;
            alone.lag_count = 1;
            const struct norms found = find(&alone, true);
            const double expected = norms->logs[chain * problem->lag_count + i];
            assert_memory_equal(found.logs, &expected, sizeof expected);
        }
}

/* ---- identity ---- */

static void multiply(int d, const quad *a, const quad *b, quad *product)
{
    for (int j = 0; j < d; j++)
        for (int i = 0; i < d; i++) {
            quad sum = 0;
            for (int k = 0; k < d; k++)
                sum += a[i + k * d] * b[k + j * d];
            product[i + j * d] = sum;
        }
}

/* ln ||W^lag||_2 right to more than double precision; W of radius 1, so that nothing overflows. */
static double exact_log_norm(int d, const double *w, long lag)
{
    const size_t bytes = (size_t)(d * d) * sizeof(quad);
    quad *power = malloc(bytes), *product = malloc(bytes), *next = malloc(bytes);
    bool is_first = true;
    for (int i = 0; i < d * d; i++)
        power[i] = w[i];
    for (long left = lag; left > 0; left /= 2) {
        if (left % 2 == 1) {
            if (is_first)
                memcpy(next, power, bytes);
            else
                multiply(d, power, product, next);
            memcpy(product, next, bytes);
            is_first = false;
        }
        multiply(d, power, power, next);
        memcpy(power, next, bytes);
    }
    const double norm = (double)quad_norm(d, product);
    free(power);
    free(product);
    free(next);
    return log(norm);
}

/* Non-normal W by how far it departs; NAN: the default of its law. */
static void check_identity(const char *name, double parameter, long d)
{
    static const long lags[] = { 1, 2, 3, 7, 16, 33, 64, 100, 255, 256, 1000 };
    enum { LAGS = sizeof lags / sizeof *lags };
    const struct ensemble ensemble = ensemble_of(name, parameter);
    const struct network_key key = { &ensemble, TEST_SEED, d, 0 };
    struct weight_spectrum spectrum;
    struct weights *weights;
    const double *values;
    require(weights_spectrum(&key, NO_DISTRIBUTION, &spectrum));
    require(weights_open(&key, spectrum.radius, &weights));
    require(weights_values(weights, 1, &values));
    const struct jacobian_problem problem = problem_of(weights, NULL, 1000, lags, LAGS);
    const struct norms powers = find(&problem, true), steps = find(&problem, false);
    assert_int_equal(powers.outcomes[0], JACOBIAN_FOUND);
    print_message("%s, d = %ld: %.2f of the operations of steps\n", name, d, powers.flops / steps.flops);
    assert_true(powers.flops < 0.4 * steps.flops || isfinite(parameter));
    for (long i = 0; i < LAGS; i++) {
        const double expected = exact_log_norm((int)d, values, lags[i]), off = fabs(powers.logs[i] - expected),
                     by_steps = fabs(steps.logs[i] - expected);
        print_message("%s, d = %ld, lag %ld: off by %.1e, by steps %.1e\n", name, d, lags[i], off, by_steps);
        assert_true(by_steps <= ROUNDING ? off <= ROUNDING + CONFIRMED : off <= by_steps + CONFIRMED);
        assert_true(off <= ROUNDING || isfinite(parameter));
    }
    check_alone(&problem, &powers);
    weights_close(weights);
}

static void powers_of_identity_are_those_of_quadruple_precision(void **state)
{
    (void)state;
    check_identity("ginibre", NAN, 40);
    check_identity("sparse", NAN, 35);
    check_identity("elliptic", NAN, 33);
    check_identity("nonnormal", NAN, 24);
}

/* Each power by itself is right to rounding, but products of several amplify what they lack by far more than those of
 * steps do. */
static void amplified_errors_are_noticed(void **state)
{
    (void)state;
    check_identity("nonnormal", 2, 40);
    check_identity("nonnormal", 5, 40);
    check_identity("nonnormal", 10, 36);
}

/* W = (I + K u v^T) / 2 with u orthogonal to v: ||W^l|| is some K l / 2^l, ||W^l||^2 far above ||W^2l||, and squarings
 * lose some K l u. They are seen to, and steps are taken. */
static void lost_digits_are_noticed(void **state)
{
    enum { D = 48, LAGS = 3 };
    static const long lags[LAGS] = { 8, 64, 200 };
    static double u[D], v[D], w[D * D];
    const double departure = 1e5;
    const struct random_stream stream = random_stream_open(TEST_SEED, "two directions");
    const struct ensemble ensemble = ensemble_given();
    const struct network_key key = { &ensemble, TEST_SEED, D, 0 };
    struct weights *weights;
    double uv = 0, uu = 0, vv = 0;
    (void)state;
    random_normal(&stream, 0, 0, D, u);
    random_normal(&stream, 1, 0, D, v);
    for (int i = 0; i < D; i++) {
        uv += u[i] * v[i];
        uu += u[i] * u[i];
    }
    for (int i = 0; i < D; i++) {
        v[i] -= uv / uu * u[i];
        vv += v[i] * v[i];
    }
    for (int j = 0; j < D; j++)
        for (int i = 0; i < D; i++)
            w[i + j * D] = ((i == j) + departure * u[i] * v[j] / sqrt(uu * vv)) / 2;
    given_values = w;
    require(weights_open(&key, 1.0, &weights));
    const struct jacobian_problem problem = problem_of(weights, NULL, 200, lags, LAGS);
    const struct norms asked = find(&problem, true), steps = find(&problem, false);
    assert_memory_equal(asked.logs, steps.logs, LAGS * sizeof(double));
    weights_close(weights);
}

/* Beyond the range of doubles: each power is as far as it is finite, and where it is not it is not taken. */
static void powers_keep_their_range(void **state)
{
    enum { D = 36, LAGS = 3 };
    static const long lags[LAGS] = { 2, 64, 1000 };
    static const double sizes[] = { 1e-200, 1e-60, 1e60, 1e200 };
    static double w[D * D];
    const struct ensemble ensemble = ensemble_given();
    const struct network_key key = { &ensemble, TEST_SEED, D, 0 };
    (void)state;
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) {
        struct weights *weights;
        memset(w, 0, sizeof w);
        for (int i = 0; i < D; i++)
            w[i + i * D] = sizes[n] * (1 + 0.01 * i);
        given_values = w;
        require(weights_open(&key, 1.0, &weights));
        const struct jacobian_problem problem = problem_of(weights, NULL, 1000, lags, LAGS);
        const struct norms found = find(&problem, true);
        assert_int_equal(found.outcomes[0], JACOBIAN_FOUND);
        for (long i = 0; i < LAGS; i++) {
            const double expected = (double)lags[i] * log(sizes[n] * (1 + 0.01 * (D - 1)));
            assert_true(fabs(found.logs[i] - expected) <= TOLERANCE + fabs(expected) * 0x1p-50);
        }
        weights_close(weights);
    }
}

/* ---- chains that have come to rest ---- */

static void check_resting(const char *activation_name, bool has_bias, long steps, double least_gain)
{
    static const long lags[] = { 1, 20, 63, 64, 97, 400, 512 };
    enum { D = 48, LAGS = sizeof lags / sizeof *lags };
    const struct activation *activation = activation_find(activation_name);
    /* Settled all over the largest lag, over a part of it, and never. */
    const struct chain chains[] = { { activation, 0.3, 1.0, NULL },
                                    { activation, 0.4, 1.0, NULL },
                                    { activation, 0.93, 1.0, NULL },
                                    { activation, 1.6, 1.0, NULL } };
    enum { CHAINS = sizeof chains / sizeof *chains };
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .bias = has_bias ? BIAS_GAUSSIAN : BIAS_ZERO,
                                 .bias_scale = 0.5,
                                 .steps = steps };
    const struct ensemble ensemble = ensemble_named("ginibre");
    const struct network_key key = { &ensemble, TEST_SEED, D, 0 };
    SCOPED(trajectory) trajectory = { 0 };
    struct weight_spectrum spectrum;
    struct weights *weights;
    require(weights_spectrum(&key, NO_DISTRIBUTION, &spectrum));
    require(weights_open(&key, spectrum.radius, &weights));
    require(trajectory_run(&model, weights, CHAINS, chains, lags[LAGS - 1], KEEP_DERIVATIVES, NULL, &trajectory));
    const struct jacobian_problem problem = problem_of(weights, &trajectory, steps, lags, LAGS);
    const struct norms powers = find(&problem, true), by_steps = find(&problem, false);
    print_message("%s%s: %.2f of the operations of steps\n", activation_name, has_bias ? " with bias" : "",
                  powers.flops / by_steps.flops);
    assert_true(powers.flops * least_gain < by_steps.flops);
    for (long i = 0; i < CHAINS * LAGS; i++) {
        assert_int_equal(powers.outcomes[i / LAGS], JACOBIAN_FOUND);
        assert_true(fabs(powers.logs[i] - by_steps.logs[i]) <= ROUNDING);
    }
    check_alone(&problem, &powers);
    weights_close(weights);
}

static void chains_at_rest_take_powers(void **state)
{
    (void)state;
    check_resting("tanh", false, 600, 1.5);
    check_resting("hard_tanh", false, 600, 1.5);
    check_resting("tanh", true, 1500, 1.3); /* fixed points of their own */
    check_resting("sin", false, 520, 1.3);
}

/* Norms of chains that are never at rest have the bits of steps. */
static void other_chains_take_steps(void **state)
{
    enum { D = 40, LAGS = 2 };
    static const long lags[LAGS] = { 10, 300 };
    const struct chain chains[] = { { activation_find("tanh"), 1.3, 1.0, NULL } };
    const struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                 .initial_state_scale = 1,
                                 .input = INPUT_GAUSSIAN,
                                 .input_size = 2,
                                 .input_scale = 1,
                                 .steps = 400 };
    const struct ensemble ensemble = ensemble_named("ginibre");
    const struct network_key key = { &ensemble, TEST_SEED, D, 0 };
    SCOPED(trajectory) trajectory = { 0 };
    struct weights *weights;
    (void)state;
    require(weights_open(&key, 1.0, &weights));
    require(trajectory_run(&model, weights, 1, chains, lags[LAGS - 1], KEEP_DERIVATIVES, NULL, &trajectory));
    const struct jacobian_problem problem = problem_of(weights, &trajectory, 400, lags, LAGS);
    const struct norms asked = find(&problem, true), steps = find(&problem, false);
    assert_memory_equal(asked.logs, steps.logs, LAGS * sizeof(double));
    assert_true(asked.flops == steps.flops);
    weights_close(weights);
}

static void squarings_fit_the_run(void **state)
{
    (void)state;
    assert_int_equal(jacobian_powers_squarings(64, 1, true), 0);
    assert_int_equal(jacobian_powers_squarings(64, 2, true), 1);
    assert_int_equal(jacobian_powers_squarings(64, 64, true), 4);
    assert_int_equal(jacobian_powers_squarings(64, 1024, true), 6);
    assert_int_equal(jacobian_powers_squarings(64, 1000000, true), 7);
    assert_int_equal(jacobian_powers_squarings(64, 63, false), 0);
    assert_int_equal(jacobian_powers_squarings(64, 64, false), 4);
    assert_int_equal(jacobian_powers_squarings(JACOBIAN_POWERS_LARGEST_DIMENSION + 1, 1024, true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_identity_are_those_of_quadruple_precision),
        cmocka_unit_test(amplified_errors_are_noticed),
        cmocka_unit_test(lost_digits_are_noticed),
        cmocka_unit_test(powers_keep_their_range),
        cmocka_unit_test(chains_at_rest_take_powers),
        cmocka_unit_test(other_chains_take_steps),
        cmocka_unit_test(squarings_fit_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
