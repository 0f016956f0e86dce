/* Trajectories beyond double precision: states that vanish, explode or saturate stay right for thousands of steps. */
#include "model/trajectory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/reference.h"

enum { SIZE = 5 };

static struct model free_model(long steps)
{
    return (struct model){ .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = steps };
}

/* ln ||x_T|| of one chain whose W is the cyclic shift. */
static double log_norm_after(const struct chain *chain, long steps)
{
    struct ensemble cycle = ensemble_of("cycle", NAN);
    struct model model = free_model(steps);
    struct trajectory trajectory = trajectory_of(&cycle, &model, SIZE, 0, 1, 1, chain, 1);
    double result = final_log_norm(&trajectory, 0);
    assert_true(steps == 0 || trajectory.log_shifts[0] == 0);
    trajectory_destroy(&trajectory);
    return result;
}

/* ||W x|| = ||x||, so that a linear network's norm is (gain gamma)^T ||x_0||. Rounding: T products, 2 u T = 4e-13, and
 * u of the logarithm. */
static void linear_networks_vanish_and_explode_as_the_logarithm_says(void **state)
{
    (void)state;
    static const double gains[] = { 0.5, 1.5 }, gammas[] = { 0.25, 1 };
    double start[SIZE], square = 0;
    struct ensemble cycle = ensemble_of("cycle", NAN);
    struct random_stream stream = reference_stream(&cycle, SIZE, 0, "initial_state");
    random_normal(&stream, 0, 0, SIZE, start);
    for (int i = 0; i < SIZE; i++)
        square += start[i] * start[i];
    for (int k = 0; k < 2; k++) {
        struct chain chain = { .activation = activation_find("identity"), .gain = gains[k], .gamma = gammas[k] };
        double expected = 0.5 * log(square) + 4000 * log(gains[k] * gammas[k]);
        assert_true(fabs(log_norm_after(&chain, 4000) - expected) < 4e-12);
    }
}

/* Once small, every activation with phi(0) = 0 is its linear part: from step 1000 to 2000 the norm falls by exactly
 * (gain gamma phi'(0) / sup)^1000. That of elements with the larger slope, where the two sides differ. */
static void all_states_vanish_by_the_slope_at_zero(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        if (!activation->vanishes_at_zero)
            continue;
        struct chain chain = { .activation = activation, .gain = 0.5, .gamma = 0.25 };
        double slope = fmax(activation->slope_at_zero[0], activation->slope_at_zero[1]);
        double fall = 1000 * log(0.125 * slope / activation->derivative_supremum);
        assert_true(fabs(log_norm_after(&chain, 2000) - log_norm_after(&chain, 1000) - fall) < 2e-12);
    }
}

static bool is_bounded(const struct activation *activation)
{
    return activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
}

static void unbounded_states_explode_by_the_slope_at_infinity(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        struct chain chain = { .activation = activation_at(n), .gain = 1.5, .gamma = 1 };
        if (is_bounded(chain.activation))
            continue;
        double rise = 1000 * log(1.5 / chain.activation->derivative_supremum);
        assert_true(fabs(log_norm_after(&chain, 4000) - log_norm_after(&chain, 3000) - rise) < 2e-12);
    }
}

static void bounded_states_never_need_an_exponent(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = free_model(1000);
    for (size_t n = 0; n < activation_count(); n++) {
        struct chain chain = { .activation = activation_at(n), .gain = 1.5, .gamma = 4 };
        if (!is_bounded(chain.activation))
            continue;
        struct trajectory trajectory = trajectory_of(&ginibre, &model, SIZE, 0, 1, 1, &chain, 1);
        assert_true(trajectory.final_exponents[0] == 0);
        trajectory_destroy(&trajectory);
    }
}

/* Every element of x_T against long double, relative to the largest; the gap between u and `tolerance` is the growth of
 * rounding errors, which in these contracting or linear networks is T u times a condition number. */
static void assert_follows_reference(const struct ensemble *ensemble, const struct model *model,
                                     const struct chain *chain, double tolerance)
{
    long double x[SIZE], largest = 0, error = 0;
    struct trajectory trajectory = trajectory_of(ensemble, model, SIZE, 3, 1, 1, chain, 1);
    reference_run(ensemble, model, chain, SIZE, 3, 1, x);
    for (long i = 0; i < SIZE; i++) {
        largest = fmaxl(largest, fabsl(x[i]));
        error = fmaxl(error, fabsl(final_element(&trajectory, 0, i) - x[i]));
    }
    assert_true(largest > 0 && isfinite(largest));
    assert_true(error <= tolerance * largest);
    trajectory_destroy(&trajectory);
}

/* Bias and inputs are part of the sum at every size of the state: while it is as large as they are, and long after. */
static void driven_states_that_explode_follow_the_reference(void **state)
{
    (void)state;
    static const long steps[] = { 10, 150, 600, 3000 };
    struct ensemble orthogonal = ensemble_of("orthogonal", NAN);
    struct model model = { .input = INPUT_GAUSSIAN,
                           .input_size = 2,
                           .input_scale = 1,
                           .bias = BIAS_GAUSSIAN,
                           .bias_scale = 1,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1 };
    for (size_t n = 0; n < activation_count(); n++)
        for (int k = 0; k < 4 && !is_bounded(activation_at(n)); k++) {
            struct chain chain = { .activation = activation_at(n), .gain = 1.9, .gamma = 1.5 };
            model.steps = steps[k];
            assert_follows_reference(&orthogonal, &model, &chain, 1e-11);
        }
}

/* The drive is tiny: states fall to its size, far below 1e-100, and stay there. */
static void states_fall_to_a_tiny_drive(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = { .input = INPUT_SINE,
                           .input_size = 1,
                           .input_scale = 1e-180,
                           .input_period = 10, /* the drive is exactly 0 at every tenth step */
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1 };
    for (size_t n = 0; n < activation_count(); n++)
        for (model.steps = 1; model.steps < 1000; model.steps = model.steps * 3 / 2 + 2) {
            struct chain chain = { .activation = activation_at(n), .gain = 0.5, .gamma = 0.25 };
            assert_follows_reference(&ginibre, &model, &chain, 1e-12);
        }
}

/* A gain beyond the unscaled range: the state needs an exponent, its activation does not. */
static void bounded_activations_of_exploded_states_stay_bounded(void **state)
{
    (void)state;
    static const char *const names[] = { "tanh", "sigmoid", "softsign", "erf", "hard_tanh" };
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = free_model(50);
    model.bias = BIAS_GAUSSIAN;
    model.bias_scale = 1;
    for (int n = 0; n < 5; n++) {
        struct chain chain = { .activation = activation_find(names[n]), .gain = 1e150, .gamma = 1 };
        assert_follows_reference(&ginibre, &model, &chain, 1e-14);
    }
}

/* A gain that leaves the unscaled range at once, with phi(0) != 0: the next step starts from phi(0) again. */
static void a_sigmoid_of_a_vanishing_state_is_one_half(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct chain chain = { .activation = activation_find("sigmoid"), .gain = 1e-200, .gamma = 0.25 };
    struct model model = free_model(50);
    assert_follows_reference(&ginibre, &model, &chain, 1e-14);
    struct trajectory trajectory = trajectory_of(&ginibre, &model, SIZE, 3, 1, 1, &chain, 1);
    assert_true(trajectory.final_exponents[0] < -600);
    for (long i = 0; i < SIZE; i++)
        assert_true(trajectory_derivative(&trajectory, 0, 0)[i] == 1);
    trajectory_destroy(&trajectory);
}

/* Saturated units: derivative times exp(shift) is phi' even where phi' is below the smallest double. */
static void saturated_derivatives_are_kept_by_their_shift(void **state)
{
    (void)state;
    static const char *const names[] = { "tanh", "sigmoid", "erf" };
    struct ensemble orthogonal = ensemble_of("orthogonal", NAN);
    struct model model = { .bias = BIAS_GAUSSIAN, .bias_scale = 1e5 };
    for (int n = 0; n < 3; n++) {
        struct chain chain = { .activation = activation_find(names[n]), .gain = 1, .gamma = 1 };
        model.steps = 4;
        struct trajectory before = trajectory_of(&orthogonal, &model, SIZE, 0, 1, 1, &chain, 1);
        model.steps = 5;
        struct trajectory trajectory = trajectory_of(&orthogonal, &model, SIZE, 0, 1, 1, &chain, 1);
        const double *slopes = trajectory_derivative(&trajectory, 0, 0), *x = block_column(&before.final_state, 0);
        double log_supremum = log(chain.activation->derivative_supremum), largest = -INFINITY;
        for (long i = 0; i < SIZE; i++) {
            double truth = log_derivative_at(chain.activation, x[i]), shift = trajectory.log_shifts[0];
            assert_true(slope_at(chain.activation, x[i]) == 0);
            largest = fmax(largest, truth);
            if (slopes[i] > 0) /* others are exp(-700) of the largest or less */
                assert_true(fabs(log(slopes[i]) + shift - (truth - log_supremum)) < 1e-15 * fabs(truth));
        }
        assert_true(trajectory.log_shifts[0] == largest);
        trajectory_destroy(&before);
        trajectory_destroy(&trajectory);
    }
}

/* tanh at |x| = 1000: ln 4 - 2000. */
static void a_bias_of_a_thousand_gives_a_shift_of_minus_two_thousand(void **state)
{
    (void)state;
    struct ensemble cycle = ensemble_of("cycle", NAN);
    struct chain chain = { .activation = activation_find("tanh"), .gain = 1, .gamma = 1 };
    double unit;
    struct random_stream stream = reference_stream(&cycle, 1, 0, "bias");
    random_normal(&stream, 0, 0, 1, &unit);
    struct model model = { .bias = BIAS_GAUSSIAN, .bias_scale = 999 / fabs(unit), .steps = 3 };
    struct trajectory trajectory = trajectory_of(&cycle, &model, 1, 0, 1, 1, &chain, 3);
    assert_true(fabs(trajectory.log_shifts[0] - (log(4) - 2000)) < 1e-12);
    assert_true(trajectory_derivative(&trajectory, 0, 0)[0] == 1);
    assert_true(trajectory.log_shifts[2] == 0); /* x_0 = 0: not saturated */
    trajectory_destroy(&trajectory);
}

/* gelu and silu decrease in their lower tail: the sign survives where the value does not. */
static void a_shifted_derivative_keeps_its_sign(void **state)
{
    (void)state;
    static const char *const names[] = { "gelu", "silu" };
    struct ensemble cycle = ensemble_of("cycle", NAN);
    double unit;
    struct random_stream stream = reference_stream(&cycle, 1, 0, "bias");
    random_normal(&stream, 0, 0, 1, &unit);
    for (int n = 0; n < 2; n++) {
        struct model model = { .bias = BIAS_GAUSSIAN, .bias_scale = -3000 / unit, .steps = 3 };
        struct chain chain = { .activation = activation_find(names[n]), .gain = 1, .gamma = 1 };
        struct trajectory trajectory = trajectory_of(&cycle, &model, 1, 0, 1, 1, &chain, 1);
        assert_true(trajectory.log_shifts[0] < -2900);
        assert_true(trajectory_derivative(&trajectory, 0, 0)[0] == -1 / chain.activation->derivative_supremum);
        trajectory_destroy(&trajectory);
    }
}

/* relu of a state that is negative throughout: no shift makes a zero larger. */
static void zero_derivatives_stay_zero(void **state)
{
    (void)state;
    struct ensemble chain_weights = ensemble_of("chain", 1);
    struct chain chain = { .activation = activation_find("relu"), .gain = 1, .gamma = 1 };
    struct model model = free_model(SIZE + 1); /* a nilpotent W: after SIZE steps the state is exactly 0 */
    struct trajectory trajectory = trajectory_of(&chain_weights, &model, SIZE, 0, 1, 1, &chain, 1);
    assert_true(trajectory.log_shifts[0] == 0);
    assert_true(trajectory.final_exponents[0] == 0);
    for (long i = 0; i < SIZE; i++) {
        assert_true(trajectory_derivative(&trajectory, 0, 0)[i] == 0);
        assert_true(final_element(&trajectory, 0, i) == 0);
    }
    trajectory_destroy(&trajectory);
}

/* A vanished state: slopes at zero by the sign of each element, and the value of phi'(0) where it is exactly 0. */
static void derivatives_of_a_vanished_state_are_slopes_at_zero(void **state)
{
    (void)state;
    struct ensemble cycle = ensemble_of("cycle", NAN);
    struct model model = free_model(2000);
    struct chain leaky = { .activation = activation_find("leaky_relu"), .gain = 0.5, .gamma = 0.25 },
                 gelu = { .activation = activation_find("gelu"), .gain = 0.5, .gamma = 0.25 };
    struct trajectory trajectory = trajectory_of(&cycle, &model, SIZE, 0, 1, 1, &gelu, 1);
    for (long i = 0; i < SIZE; i++)
        assert_true(trajectory_derivative(&trajectory, 0, 0)[i] == 0.5 / gelu.activation->derivative_supremum);
    trajectory_destroy(&trajectory);
    double start[SIZE];
    struct random_stream stream = reference_stream(&cycle, SIZE, 0, "initial_state");
    random_normal(&stream, 0, 0, SIZE, start);
    model.steps = 400; /* a multiple of SIZE: the derivative at x_399 is that of x_0 shifted by one */
    trajectory = trajectory_of(&cycle, &model, SIZE, 0, 1, 1, &leaky, 1);
    for (long i = 0; i < SIZE; i++) {
        double origin = start[(i + model.steps - 1) % SIZE];
        assert_true(trajectory_derivative(&trajectory, 0, 0)[i] == (origin > 0 ? 1 : 0.01));
    }
    trajectory_destroy(&trajectory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_networks_vanish_and_explode_as_the_logarithm_says),
        cmocka_unit_test(all_states_vanish_by_the_slope_at_zero),
        cmocka_unit_test(unbounded_states_explode_by_the_slope_at_infinity),
        cmocka_unit_test(bounded_states_never_need_an_exponent),
        cmocka_unit_test(driven_states_that_explode_follow_the_reference),
        cmocka_unit_test(states_fall_to_a_tiny_drive),
        cmocka_unit_test(bounded_activations_of_exploded_states_stay_bounded),
        cmocka_unit_test(a_sigmoid_of_a_vanishing_state_is_one_half),
        cmocka_unit_test(saturated_derivatives_are_kept_by_their_shift),
        cmocka_unit_test(a_bias_of_a_thousand_gives_a_shift_of_minus_two_thousand),
        cmocka_unit_test(a_shifted_derivative_keeps_its_sign),
        cmocka_unit_test(zero_derivatives_stay_zero),
        cmocka_unit_test(derivatives_of_a_vanished_state_are_slopes_at_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
