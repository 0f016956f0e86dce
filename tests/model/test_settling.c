/* Chains whose derivatives have ended to change are carried no further, and nobody can tell from the derivatives. */
#include "model/settling.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/reference.h"

enum { SIZE = 11, WINDOW = 40, MOST = 16 };

static struct model free_model(long steps)
{
    return (struct model){ .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = steps };
}

static struct weights *open(const struct ensemble *ensemble)
{
    struct weights *weights = NULL;
    assert_int_equal(weights_open(&(struct network_key){ ensemble, REFERENCE_SEED, SIZE, 0 }, 1, &weights), STATUS_OK);
    return weights;
}

/* Up to linear_within, from the smallest x on, phi' is its value at 0 to the bit, in any place of a vector, and phi is
 * not steeper than there. */
static void activations_are_linear_where_they_say(void **state)
{
    (void)state;
    enum { COUNT = 4096 };
    double x[COUNT], slopes[COUNT], values[COUNT];
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        const double slope = activation->slope_at_zero[0] / activation->derivative_supremum;
        if (activation->linear_within == 0)
            continue;
        assert_true(activation->vanishes_at_zero && activation->slope_at_zero[0] == activation->slope_at_zero[1]);
        for (int i = 0; i < COUNT; i++)
            x[i] = copysign(activation->linear_within * (i < COUNT / 2 ? exp2(-0.5 * i) : 1 - 1e-4 * (i - COUNT / 2)),
                            i % 3 - 1);
        activation_derivatives(activation, COUNT, x, slopes);
        activation_values(activation, COUNT, x, 1, values);
        for (int i = 0; i < COUNT; i++) {
            assert_memory_equal(&slopes[i], &slope, sizeof slope);
            assert_true(fabs(values[i]) <= fabs(activation->slope_at_zero[0] * x[i]) * (1 + 12 * 0x1p-53));
        }
    }
}

static long partly; /* chains that were so far seen to settle within the window */

/* A chain at rest has its last derivatives at each of these steps, as the one that goes on shows. */
static void check_rest(const struct trajectory *whole, const struct trajectory *alone, long chain)
{
    const long rest = trajectory_steps_at_rest(alone, chain);
    const size_t bytes = (size_t)alone->hidden_size * sizeof(double);
    assert_int_equal(trajectory_steps_at_rest(whole, chain), 0);
    assert_in_range(rest, 0, alone->window);
    for (long i = 0; i < rest; i++)
        assert_memory_equal(trajectory_derivative(whole, i, chain), trajectory_derivative(whole, 0, chain), bytes);
    partly += rest > 0 && rest < alone->window;
}

/* Returns how many chains were left where they had settled. */
static long compare(const struct ensemble *ensemble, const struct model *model, long count, const struct chain *chains)
{
    struct weights *weights = open(ensemble);
    struct trajectory whole, alone;
    const size_t bytes = SIZE * sizeof(double);
    long left = 0;
    assert_int_equal(trajectory_run(model, weights, count, chains, WINDOW, KEEP_DERIVATIVES, NULL, &whole), STATUS_OK);
    assert_int_equal(trajectory_run(model, weights, count, chains, WINDOW, KEEP_DERIVATIVES_ALONE, NULL, &alone),
                     STATUS_OK);
    for (long c = 0; c < count; c++) {
        for (long i = 0; i < WINDOW; i++) {
            assert_memory_equal(trajectory_derivative(&whole, i, c), trajectory_derivative(&alone, i, c), bytes);
            assert_true(whole.log_shifts[i * count + c] == alone.log_shifts[i * count + c]);
        }
        check_rest(&whole, &alone, c);
        left += memcmp(block_column(&whole.final_state, c), block_column(&alone.final_state, c), bytes) != 0;
        assert_true(final_log_norm(&whole, c) <= final_log_norm(&alone, c) || !isfinite(final_log_norm(&whole, c)));
    }
    trajectory_destroy(&whole);
    trajectory_destroy(&alone);
    weights_close(weights);
    return left;
}

/* Normal and strongly non-normal W, whose states grow by orders of magnitude before they vanish; chains that vanish at
 * once, late, never, and in any order. */
static void derivatives_are_those_of_chains_that_go_on(void **state)
{
    (void)state;
    static const double gains[] = { 0.01, 0.3, 0.6, 0.9, 0.97, 1.1, 3, NAN };
    const struct ensemble ensembles[] = { ensemble_of("ginibre", NAN), ensemble_of("orthogonal", NAN),
                                          ensemble_of("nonnormal", 5) };
    const struct model model = free_model(600);
    for (size_t e = 0; e < sizeof ensembles / sizeof *ensembles; e++)
        for (size_t n = 0; n < activation_count(); n++) {
            const bool is_linear = activation_at(n)->linear_within > 0;
            struct chain chains[MOST], reversed[MOST];
            long count = 0;
            for (size_t k = 0; k < sizeof gains / sizeof *gains; k++)
                chains[count++] = (struct chain){ .activation = activation_at(n), .gain = gains[k], .gamma = 1 };
            for (long c = 0; c < count; c++)
                reversed[c] = chains[count - 1 - c];
            const long settled = compare(&ensembles[e], &model, count, chains);
            assert_true(is_linear ? settled >= 3 : settled == 0);
            compare(&ensembles[e], &model, count, reversed);
            for (long steps = 50; is_linear && steps < 150; steps += 10) { /* some settle within the window */
                const struct model shorter = free_model(steps);
                compare(&ensembles[e], &shorter, count, chains);
            }
        }
    assert_true(partly > 0);
}

/* A ball holds all that starts in it, as its definition says: the state's largest element never leaves linear_within.
 */
static void a_ball_is_left_only_inwards(void **state)
{
    (void)state;
    const struct ensemble nonnormal = ensemble_of("nonnormal", 3);
    struct chain chains[] = { { .activation = activation_find("tanh"), .gain = 0.1, .gamma = 1 },
                              { .activation = activation_find("tanh"), .gain = 0.7, .gamma = 1 },
                              { .activation = activation_find("tanh"), .gain = 1.2, .gamma = 1 } };
    struct weights *weights = open(&nonnormal);
    SCOPED(settling) settling = { 0 };
    const double *unit;
    assert_int_equal(settling_open(weights, 1000, 3, chains, &settling), STATUS_OK);
    assert_int_equal(weights_values(weights, 1, &unit), STATUS_OK);
    assert_true(settling.radii[0] > settling.radii[1] && settling.radii[1] > 0);
    assert_true(settling.radii[2] == 0);
    for (long c = 0; c < 2; c++)
        for (unsigned signs = 0; signs < 1u << SIZE; signs += 37) { /* corners of the ball */
            double x[SIZE], next[SIZE], largest = 0;
            for (int i = 0; i < SIZE; i++)
                x[i] = signs >> i & 1 ? -settling.radii[c] : settling.radii[c];
            for (int step = 0; step < 60; step++) {
                for (int i = 0; i < SIZE; i++) {
                    next[i] = 0;
                    for (int j = 0; j < SIZE; j++)
                        next[i] += chains[c].gain * unit[i + j * SIZE] * tanh(x[j]);
                }
                memcpy(x, next, sizeof x);
                for (int i = 0; i < SIZE; i++)
                    largest = fmax(largest, fabs(x[i]));
            }
            assert_true(largest <= chains[c].activation->linear_within);
        }
    weights_close(weights);
}

/* What drives a chain keeps it from 0, and of weights that change at each step there are no powers. */
static void driven_and_untied_chains_do_not_settle(void **state)
{
    (void)state;
    const struct ensemble ginibre = ensemble_of("ginibre", NAN), untied = ensemble_of("untied", NAN);
    const struct chain chain = { .activation = activation_find("tanh"), .gain = 0.3, .gamma = 1 };
    struct model model = free_model(200);
    assert_int_equal(compare(&untied, &model, 1, &chain), 0);
    model.bias = BIAS_GAUSSIAN;
    model.bias_scale = 1e-20;
    assert_int_equal(compare(&ginibre, &model, 1, &chain), 0);
    model = free_model(200);
    model.input = INPUT_GAUSSIAN;
    model.input_size = 2;
    model.input_scale = 1e-20;
    assert_int_equal(compare(&ginibre, &model, 1, &chain), 0);
}

/* Stops on the way do not change what a course gives. */
static void a_course_with_stops_settles_alike(void **state)
{
    (void)state;
    const struct ensemble ginibre = ensemble_of("ginibre", NAN);
    const struct model model = free_model(300);
    const struct chain chains[] = { { .activation = activation_find("tanh"), .gain = 0.4, .gamma = 1 },
                                    { .activation = activation_find("tanh"), .gain = 0.9, .gamma = 1 } };
    struct weights *weights = open(&ginibre);
    SCOPED(trajectory) stopped = { 0 }, whole = { 0 };
    SCOPED(course) *course = NULL;
    assert_int_equal(course_open(&model, weights, 2, chains, WINDOW, KEEP_DERIVATIVES_ALONE, &stopped, &course),
                     STATUS_OK);
    for (long last = 30; last <= 300; last += 30)
        assert_int_equal(course_go_on(course, last, NULL), STATUS_OK);
    assert_int_equal(trajectory_run(&model, weights, 2, chains, WINDOW, KEEP_DERIVATIVES, NULL, &whole), STATUS_OK);
    for (long i = 0; i < WINDOW; i++)
        for (long c = 0; c < 2; c++)
            assert_memory_equal(trajectory_derivative(&whole, i, c), trajectory_derivative(&stopped, i, c),
                                SIZE * sizeof(double));
    for (long c = 0; c < 2; c++)
        check_rest(&whole, &stopped, c);
    assert_true(trajectory_steps_at_rest(&stopped, 0) == WINDOW);
    weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activations_are_linear_where_they_say),
        cmocka_unit_test(derivatives_are_those_of_chains_that_go_on),
        cmocka_unit_test(a_ball_is_left_only_inwards),
        cmocka_unit_test(driven_and_untied_chains_do_not_settle),
        cmocka_unit_test(a_course_with_stops_settles_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
