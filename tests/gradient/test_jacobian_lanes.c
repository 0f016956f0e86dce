/* Products in lanes, whose sizes are looked at now and then: the same norms, to the bit, as where each step is measured
 * and so looked at, whatever scaling they need on the way. */
#include "gradient/jacobian.h"
#include "model/trajectory_internal.h"
#include "networks.h"

#include "base/random.h"

enum { STEPS = 61, CHAINS = 11, DIMENSIONS = 4, SCALES = 6, PERIOD = 24 };

static const long dimensions[DIMENSIONS] = { 1, 5, 8, 16 };

/* Powers of two of W, and of the derivatives at each step of twenty-four: products that need no scaling, ones that
 * vanish or explode beyond what is balanced, and ones that leave it and are back eight steps after they were within it,
 * from above and from below. Any look that finds one outside would set it right from the start. */
static const struct scales {
    int of_weights, of_steps[PERIOD];
} scales[SCALES] = {
    { 0, { 0 } },
    { -70, { 0 } },
    { 70, { 0 } },
    { 51, { [6] = -400, [14] = -400, [22] = -400 } },
    { 17, { -30, -30, -30, -30, -30, -30, -30, -30, -130 } },
    { 500, { [3] = -500, [11] = -500 } },
};

/* Derivatives at random, [STEPS][CHAINS][stride], no chain like another. */
static void fill_derivatives(long d, const struct scales *scale, struct trajectory *trajectory)
{
    const struct random_stream stream = random_stream_open(TEST_SEED, "derivatives");
    for (long column = 0; column < (long)STEPS * CHAINS; column++) {
        double *derivatives = trajectory->derivatives + column * block_stride(d);
        memset(derivatives, 0, (size_t)block_stride(d) * sizeof *derivatives);
        random_uniform(&stream, (uint64_t)column, 0, (uint64_t)d, derivatives);
        for (long i = 0; i < d; i++)
            derivatives[i] = ldexp(derivatives[i], scale->of_steps[column / CHAINS % PERIOD]);
    }
}

static void find(const struct jacobian_problem *problem, const long *lags, long lag_count, double *log_norms)
{
    struct jacobian_problem asked = *problem;
    struct gradient_context context = { 0 };
    enum jacobian_outcome outcomes[CHAINS];
    asked.lags = lags;
    asked.lag_count = lag_count;
    require(jacobian_norms_explicit(&asked, &context, log_norms, NULL, outcomes));
    for (long chain = 0; chain < asked.chains; chain++)
        assert_int_equal(outcomes[chain], JACOBIAN_FOUND);
}

static void check_few_lags(const struct jacobian_problem *problem, const double *log_norms)
{
    static const long few[] = { 3, 20, 37, STEPS };
    enum { FEW = sizeof few / sizeof *few };
    for (long first = 0; first < FEW; first++) {
        double found[CHAINS * FEW];
        find(problem, few + first, FEW - first, found);
        for (long chain = 0; chain < problem->chains; chain++)
            for (long i = 0; i < FEW - first; i++)
                assert_memory_equal(&found[chain * (FEW - first) + i], &log_norms[chain * STEPS + few[first + i] - 1],
                                    sizeof *found);
    }
}

static void check(long d, const struct scales *scale)
{
    static double log_norms[CHAINS * STEPS];
    const struct ensemble ginibre = ensemble_named("ginibre"), given = ensemble_given();
    const struct network_key drawn_key = { &ginibre, TEST_SEED, d, 0 }, key = { &given, TEST_SEED, d, 0 };
    struct trajectory trajectory;
    struct weights *drawn, *weights;
    const double *values;
    double scaled[16 * 16];
    long lags[STEPS];
    require(weights_open(&drawn_key, 1, &drawn));
    require(weights_values(drawn, 1, &values));
    for (long i = 0; i < d * d; i++)
        scaled[i] = ldexp(values[i], scale->of_weights);
    given_values = scaled;
    require(weights_open(&key, 1, &weights));
    require(trajectory_create(d, CHAINS, STEPS, KEEP_DERIVATIVES, &trajectory));
    fill_derivatives(d, scale, &trajectory);
    for (long i = 0; i < STEPS; i++)
        lags[i] = i + 1;
    const struct jacobian_problem problem = {
        .weights = weights, .trajectory = &trajectory, .steps = STEPS, .chains = CHAINS, .tolerance = 1e-10
    };
    find(&problem, lags, STEPS, log_norms);
    for (long i = 0; i < CHAINS * STEPS; i++)
        assert_true(isfinite(log_norms[i]));
    check_few_lags(&problem, log_norms);
    trajectory_destroy(&trajectory);
    weights_close(weights);
    weights_close(drawn);
}

static void sizes_are_looked_at_often_enough(void **state)
{
    (void)state;
    for (int i = 0; i < DIMENSIONS; i++)
        for (int scale = 0; scale < SCALES; scale++)
            check(dimensions[i], &scales[scale]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_looked_at_often_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
