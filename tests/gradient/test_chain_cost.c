/* What the cost model expects of chains follows from properties of W and of the activation; and what it tells of large
 * matrices from how few columns wait for them. Orders alone are tested: seconds are benchmark_cost's. */
#include "gradient/chain_cost.h"
#include "networks.h"

enum { D = 128, LAGS = 3 };

static const long lags[LAGS] = { 1, 16, 128 };
static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = 400 };
static const struct measure_options no_options;

static struct chain_question ask(const struct ensemble *ensemble, const char *activation)
{
    return (struct chain_question){ .ensemble = ensemble,
                                    .activation = activation_find(activation),
                                    .model = &quiet,
                                    .hidden_size = D,
                                    .lags = lags,
                                    .lag_count = LAGS,
                                    .options = &no_options };
}

static double unlike(const char *activation, double coupling, long side_by_side)
{
    enum { COUNT = 16 };
    const struct ensemble ensemble = ensemble_named("ginibre");
    struct chain_question question = ask(&ensemble, activation);
    double couplings[COUNT];
    for (int i = 0; i < COUNT; i++)
        couplings[i] = coupling + 1e-3 * i;
    question.side_by_side = side_by_side;
    return chain_cost_unlike(&question, false, COUNT, couplings);
}

/* tanh keeps small states above kappa = 1, silu from 1.0998 sqrt 2 on, where those that are large are kept. */
static void states_vanish_below_a_coupling_of_the_activation(void **state)
{
    (void)state;
    assert_true(unlike("tanh", 0.8, 16) < 0.1);
    assert_true(unlike("tanh", 1.2, 16) == 1.0);
    assert_true(unlike("silu", 1.2, 16) < 0.1);
    assert_true(unlike("silu", 1.6, 16) == 1.0);
    assert_true(unlike("sigmoid", 0.1, 16) == 1.0);
}

/* One product a block. */
static void each_block_has_a_product_of_its_own(void **state)
{
    (void)state;
    assert_true(unlike("relu", 1.0, 4) > 3.9 * unlike("relu", 1.0, 16));
    assert_true(unlike("tanh", 0.5, 4) > 3.9 * unlike("tanh", 0.5, 16));
}

static double iterations(const char *ensemble_name, const char *activation, double lag)
{
    const struct ensemble ensemble = ensemble_named(ensemble_name);
    const struct chain_question question = ask(&ensemble, activation);
    return chain_cost_iterations(&question, lag);
}

static void iterations_follow_from_singular_values(void **state)
{
    (void)state;
    assert_true(iterations("ginibre", "tanh", 64) > 1.2 * iterations("symmetric", "tanh", 64));
    assert_true(iterations("ginibre", "tanh", 1) == iterations("symmetric", "tanh", 1));
    assert_true(iterations("orthogonal", "tanh", 16) > 1.5 * iterations("orthogonal", "relu", 16));
    assert_true(iterations("orthogonal", "sigmoid", 16) == iterations("orthogonal", "tanh", 16));
    assert_true(iterations("orthogonal", "tanh", 1) <= D);
}

/* A W of 8 MB comes from memory for each block of columns, one of 128 KB does not. */
static void few_columns_wait_for_a_large_matrix(void **state)
{
    (void)state;
    assert_true(cost_narrow(1024, 32, 4).seconds > 1.8 * cost_narrow(1024, 32, 32).seconds);
    assert_true(cost_narrow(128, 32, 8).seconds < 1.2 * cost_narrow(128, 32, 32).seconds);
}

/* A long lag of many units is beyond powers, which would be a few products of W. */
static void powers_reach_so_far(void **state)
{
    (void)state;
    static const long short_lag = 128, long_lag = 256;
    const struct ensemble ensemble = ensemble_named("ginibre");
    struct chain_question question = ask(&ensemble, "identity");
    question.hidden_size = 1024;
    question.lag_count = 1;
    question.lags = &short_lag;
    const double near = chain_cost(&question).seconds;
    question.lags = &long_lag;
    assert_true(chain_cost(&question).seconds > 3.0 * near);
}

static double seconds_of_lags(const struct ensemble *ensemble, const long *some, long count)
{
    struct chain_question question = ask(ensemble, "identity");
    question.hidden_size = 2048;
    question.lag_count = count;
    question.lags = some;
    return chain_cost(&question).seconds;
}

/* W of so many units is not raised to powers: two lags have the steps of the shorter one in common. */
static void lags_share_their_steps(void **state)
{
    (void)state;
    static const long both[] = { 64, 128 };
    const struct ensemble ensemble = ensemble_named("ginibre");
    assert_true(seconds_of_lags(&ensemble, both, 2) <
                0.95 * (seconds_of_lags(&ensemble, both, 1) + seconds_of_lags(&ensemble, both + 1, 1)));
}

/* erf' falls like exp(-x^2), tanh' like exp(-2 |x|); sin' has no tail. */
static void far_derivatives_are_cut(void **state)
{
    (void)state;
    static const double narrow = 4.0, wide = 20.0;
    const struct ensemble ensemble = ensemble_named("ginibre");
    const struct chain_question gaussian = ask(&ensemble, "erf"), exponential = ask(&ensemble, "tanh"),
                                periodic = ask(&ensemble, "sin");
    assert_true(chain_cost_cutting(&gaussian, 1, &narrow) == 1.0);
    assert_true(chain_cost_cutting(&gaussian, 1, &wide) > 10.0);
    assert_true(chain_cost_cutting(&exponential, 1, &wide) == 1.0);
    assert_true(chain_cost_cutting(&periodic, 1, &wide) == 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_vanish_below_a_coupling_of_the_activation),
        cmocka_unit_test(each_block_has_a_product_of_its_own),
        cmocka_unit_test(iterations_follow_from_singular_values),
        cmocka_unit_test(few_columns_wait_for_a_large_matrix),
        cmocka_unit_test(powers_reach_so_far),
        cmocka_unit_test(lags_share_their_steps),
        cmocka_unit_test(far_derivatives_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
