/* Trajectories in the ordinary range: against a second implementation, their derivatives against differences, and the
 * independence of chains that run side by side. */
#include "model/trajectory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/reference.h"

static struct model driven_model(enum input_kind input, long steps)
{
    return (struct model){ .input = input,
                           .input_size = 3,
                           .input_scale = 0.7,
                           .input_period = 7.5,
                           .bias = BIAS_GAUSSIAN,
                           .bias_scale = 0.3,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1.5,
                           .steps = steps };
}

static struct model free_model(long steps)
{
    return (struct model){ .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1, .steps = steps };
}

static double largest_magnitude(const long double *x, long d)
{
    double largest = 0;
    for (long i = 0; i < d; i++)
        largest = fmax(largest, (double)fabsl(x[i]));
    return largest;
}

/* At a gain of 0.9 errors do not grow beyond ||W||^20 times a few u, some 1e-12. */
static void assert_follows_reference(const struct ensemble *ensemble, const struct model *model, long d)
{
    long double x[REFERENCE_LARGEST];
    for (size_t n = 0; n < activation_count(); n++) {
        struct chain chain = { .activation = activation_at(n), .gain = 0.9, .gamma = 0.8 };
        struct trajectory trajectory = trajectory_of(ensemble, model, d, 2, 1.25, 1, &chain, 1);
        reference_run(ensemble, model, &chain, d, 2, 1.25, x);
        for (long i = 0; i < d; i++)
            assert_true(fabsl(final_element(&trajectory, 0, i) - x[i]) <= 1e-11L * largest_magnitude(x, d));
        trajectory_destroy(&trajectory);
    }
}

static void all_activations_follow_the_reference(void **state)
{
    (void)state;
    static const enum input_kind inputs[] = { INPUT_NONE, INPUT_GAUSSIAN, INPUT_SINE };
    struct ensemble ginibre = ensemble_of("ginibre", NAN), untied = ensemble_of("untied", NAN);
    for (long d = 1; d <= 9; d++)
        for (int k = 0; k < 3; k++) {
            struct model model = driven_model(inputs[k], 20);
            assert_follows_reference(&ginibre, &model, d);
        }
    struct model model = driven_model(INPUT_GAUSSIAN, 20);
    assert_follows_reference(&untied, &model, 6);
}

static void a_zero_initial_state_stays_without_drive_and_moves_with_it(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct chain chain = { .activation = activation_find("tanh"), .gain = 0.9, .gamma = 1 };
    struct model model = free_model(5);
    model.initial_state = INITIAL_STATE_ZERO;
    struct trajectory trajectory = trajectory_of(&ginibre, &model, 4, 0, 1, 1, &chain, 5);
    for (long i = 0; i < 4; i++) {
        assert_true(final_element(&trajectory, 0, i) == 0);
        assert_true(trajectory_derivative(&trajectory, 4, 0)[i] == 1);
    }
    trajectory_destroy(&trajectory);
    model = driven_model(INPUT_GAUSSIAN, 5);
    model.initial_state = INITIAL_STATE_ZERO;
    assert_follows_reference(&ginibre, &model, 4);
}

/* A scale multiplies its draw and nothing else: with identity the state is linear in it. */
static void scales_multiply_the_draws(void **state)
{
    (void)state;
    enum { SIZE = 5 };
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct chain chain = { .activation = activation_find("identity"), .gain = 0.5, .gamma = 1 };
    struct model model = driven_model(INPUT_GAUSSIAN, 10);
    struct trajectory once = trajectory_of(&ginibre, &model, SIZE, 0, 1, 1, &chain, 1);
    model.bias_scale *= 4;
    model.input_scale *= 4;
    model.initial_state_scale *= 4; /* a power of two: exact */
    struct trajectory fourfold = trajectory_of(&ginibre, &model, SIZE, 0, 1, 1, &chain, 1);
    for (long i = 0; i < SIZE; i++)
        assert_true(final_element(&fourfold, 0, i) == 4 * final_element(&once, 0, i));
    trajectory_destroy(&once);
    trajectory_destroy(&fourfold);
}

/* Only elements this far from a kink can be differenced. */
static bool near_a_kink(const struct activation *activation, double x, double distance)
{
    static const char *const kinked_at_zero[] = { "relu", "leaky_relu", "elu", "softsign" };
    if (strcmp(activation->name, "hard_tanh") == 0)
        return fabs(fabs(x) - 1) < distance;
    for (int k = 0; k < 4; k++)
        if (strcmp(activation->name, kinked_at_zero[k]) == 0)
            return fabs(x) < distance;
    return false;
}

enum { JACOBIAN_SIZE = 7 };

/* Column j of dF/dx at x by central differences of eighth order: F is the reference step. With this step and |x_j| >
 * 0.1 next to a kink, truncation stays below 2e-11 (softsign; the others below 1e-12), rounding below 1e-14. */
static void difference_column(const struct chain *chain, const double *unit, const long double *x, long j,
                              long double *column)
{
    static const long double weights[] = { 4.0L / 5, -1.0L / 5, 4.0L / 105, -1.0L / 280 };
    const long double step = 0.02L;
    const long double still[JACOBIAN_SIZE] = { 0 };
    long double moved[JACOBIAN_SIZE], up[JACOBIAN_SIZE], down[JACOBIAN_SIZE];
    memset(column, 0, JACOBIAN_SIZE * sizeof *column);
    for (int k = 1; k <= 4; k++) {
        memcpy(moved, x, sizeof moved);
        moved[j] = x[j] + k * step;
        reference_step(chain, unit, JACOBIAN_SIZE, still, moved, up);
        moved[j] = x[j] - k * step;
        reference_step(chain, unit, JACOBIAN_SIZE, still, moved, down);
        for (long i = 0; i < JACOBIAN_SIZE; i++)
            column[i] += weights[k - 1] * (up[i] - down[i]) / step;
    }
}

/* S_T = gain gamma W_unit diag(derivatives) against differences at x_{T-1}, columns next to a kink left out. With
 * `transposed`, diag(derivatives) W^T, or W^T diag where `scaled_first` is false. Returns the largest relative error.
 */
enum form { RIGHT, TRANSPOSED, TRANSPOSED_WEIGHTS };

static double jacobian_error(const struct activation *activation, long replica, enum form form, int *columns)
{
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct chain chain = { .activation = activation, .gain = 1.3, .gamma = 0.8 };
    struct model before = driven_model(INPUT_GAUSSIAN, 11), model = driven_model(INPUT_GAUSSIAN, 12);
    struct trajectory previous = trajectory_of(&ginibre, &before, JACOBIAN_SIZE, replica, 1, 1, &chain, 0),
                      trajectory = trajectory_of(&ginibre, &model, JACOBIAN_SIZE, replica, 1, 1, &chain, 3);
    const double *slopes = trajectory_derivative(&trajectory, 0, 0);
    double unit[JACOBIAN_SIZE * JACOBIAN_SIZE], error = 0, size = 0, factor = chain.gain * chain.gamma;
    long double x[JACOBIAN_SIZE], column[JACOBIAN_SIZE];
    draw(&ginibre, REFERENCE_SEED, JACOBIAN_SIZE, replica, unit);
    for (long i = 0; i < JACOBIAN_SIZE; i++)
        x[i] = final_element(&previous, 0, i);
    for (long j = 0; j < JACOBIAN_SIZE; j++) {
        if (near_a_kink(activation, (double)x[j], 0.1))
            continue;
        difference_column(&chain, unit, x, j, column);
        for (long i = 0; i < JACOBIAN_SIZE; i++) {
            double weight = form == RIGHT ? at(unit, JACOBIAN_SIZE, i, j) : at(unit, JACOBIAN_SIZE, j, i);
            double ours = factor * weight * slopes[form == TRANSPOSED ? i : j];
            error = fmax(error, (double)fabsl(ours - column[i]));
            size = fmax(size, (double)fabsl(column[i]));
        }
        ++*columns;
    }
    assert_true(trajectory.log_shifts[0] == 0);
    trajectory_destroy(&previous);
    trajectory_destroy(&trajectory);
    return size > 0 ? error / size : error;
}

static void step_jacobians_are_w_times_the_diagonal(void **state)
{
    (void)state;
    enum { REPLICAS = 6 };
    for (size_t n = 0; n < activation_count(); n++) {
        int columns = 0, ignored = 0;
        double worst_transposed = 0, worst_transposed_weights = 0;
        for (long replica = 0; replica < REPLICAS; replica++) {
            assert_true(jacobian_error(activation_at(n), replica, RIGHT, &columns) < 1e-10);
            worst_transposed = fmax(worst_transposed, jacobian_error(activation_at(n), replica, TRANSPOSED, &ignored));
            worst_transposed_weights =
                fmax(worst_transposed_weights, jacobian_error(activation_at(n), replica, TRANSPOSED_WEIGHTS, &ignored));
        }
        assert_true(columns > REPLICAS * JACOBIAN_SIZE / 2);
        assert_true(worst_transposed > 0.1);
        assert_true(worst_transposed_weights > 0.1);
    }
}

/* derivatives[i] belongs to x_{T-1-i}: the same as the last of a trajectory that is i steps shorter. */
static void the_window_counts_backwards_from_the_final_time(void **state)
{
    (void)state;
    enum { SIZE = 9, STEPS = 12 };
    struct ensemble untied = ensemble_of("untied", NAN);
    struct chain chain = { .activation = activation_find("gelu"), .gain = 1.3, .gamma = 1 };
    struct model model = driven_model(INPUT_GAUSSIAN, STEPS);
    struct trajectory whole = trajectory_of(&untied, &model, SIZE, 0, 1, 1, &chain, STEPS);
    for (long i = 0; i < STEPS; i++) {
        model.steps = STEPS - i;
        struct trajectory shorter = trajectory_of(&untied, &model, SIZE, 0, 1, 1, &chain, 1);
        assert_memory_equal(trajectory_derivative(&whole, i, 0), trajectory_derivative(&shorter, 0, 0),
                            SIZE * sizeof(double));
        trajectory_destroy(&shorter);
    }
    trajectory_destroy(&whole);
}

static void assert_same_chain(const struct trajectory *a, long chain_a, const struct trajectory *b, long chain_b)
{
    size_t bytes = (size_t)a->hidden_size * sizeof(double);
    assert_memory_equal(block_column(&a->final_state, chain_a), block_column(&b->final_state, chain_b), bytes);
    assert_true(a->final_exponents[chain_a] == b->final_exponents[chain_b]);
    for (long i = 0; i < a->window; i++) {
        assert_memory_equal(trajectory_derivative(a, i, chain_a), trajectory_derivative(b, i, chain_b), bytes);
        assert_true(a->log_shifts[i * a->chains + chain_a] == b->log_shifts[i * b->chains + chain_b]);
    }
}

/* Chaotic, vanishing and exploding ones, and one that is lost, in one block: each as if it ran alone. */
static void a_chain_does_not_depend_on_its_neighbours(void **state)
{
    (void)state;
    enum { SIZE = 23, GAINS = 4, MOST = 12 * GAINS };
    static const double gains[GAINS] = { 1e-3, 0.9, 3, NAN };
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = free_model(200);
    struct chain chains[MOST], reversed[MOST];
    long count = 0;
    for (size_t n = 0; n < activation_count(); n++)
        for (int k = 0; k < GAINS; k++)
            chains[count++] = (struct chain){ .activation = activation_at(n), .gain = gains[k], .gamma = 1.5 };
    for (long c = 0; c < count; c++)
        reversed[c] = chains[count - 1 - c];
    struct trajectory together = trajectory_of(&ginibre, &model, SIZE, 1, 1, count, chains, 7),
                      backwards = trajectory_of(&ginibre, &model, SIZE, 1, 1, count - 1, reversed, 7);
    for (long c = 0; c < count; c++) {
        struct trajectory alone = trajectory_of(&ginibre, &model, SIZE, 1, 1, 1, &chains[c], 7);
        assert_same_chain(&together, c, &alone, 0);
        if (c > 0)
            assert_same_chain(&together, c, &backwards, count - 1 - c);
        trajectory_destroy(&alone);
    }
    trajectory_destroy(&together);
    trajectory_destroy(&backwards);
}

static void a_lost_state_leaves_nan_derivatives(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = driven_model(INPUT_NONE, 4);
    for (size_t n = 0; n < activation_count(); n++) {
        struct chain chain = { .activation = activation_at(n), .gain = NAN, .gamma = 1 };
        struct trajectory trajectory = trajectory_of(&ginibre, &model, 3, 0, 1, 1, &chain, 4);
        for (long i = 0; i < 3; i++) {
            assert_true(isnan(trajectory_derivative(&trajectory, 0, 0)[i]));
            assert_false(isnan(trajectory_derivative(&trajectory, 3, 0)[i]));
        }
        trajectory_destroy(&trajectory);
    }
}

static int calls_until_stop;

static bool stop_after_some_calls(void)
{
    return --calls_until_stop < 0;
}

static void a_stop_request_ends_it(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct model model = free_model(10);
    struct chain chain = { .activation = activation_find("tanh"), .gain = 1, .gamma = 1 };
    struct weights *weights = NULL;
    struct trajectory trajectory;
    assert_int_equal(weights_open(&(struct network_key){ &ginibre, 1, 4, 0 }, 1, &weights), STATUS_OK);
    calls_until_stop = 9;
    assert_int_equal(
        trajectory_run(&model, weights, 1, &chain, 1, KEEP_DERIVATIVES, stop_after_some_calls, &trajectory),
        STATUS_STOPPED);
    assert_null(trajectory.derivatives);
    calls_until_stop = 10;
    assert_int_equal(
        trajectory_run(&model, weights, 1, &chain, 1, KEEP_DERIVATIVES, stop_after_some_calls, &trajectory), STATUS_OK);
    trajectory_destroy(&trajectory);
    assert_int_equal(trajectory_run(&model, weights, 1, &chain, 11, KEEP_DERIVATIVES, NULL, &trajectory),
                     STATUS_INTERNAL);
    model.input = INPUT_FILE; /* which nobody has read */
    assert_int_equal(trajectory_run(&model, weights, 1, &chain, 1, KEEP_DERIVATIVES, NULL, &trajectory),
                     STATUS_INTERNAL);
    weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_activations_follow_the_reference),
        cmocka_unit_test(a_zero_initial_state_stays_without_drive_and_moves_with_it),
        cmocka_unit_test(scales_multiply_the_draws),
        cmocka_unit_test(step_jacobians_are_w_times_the_diagonal),
        cmocka_unit_test(the_window_counts_backwards_from_the_final_time),
        cmocka_unit_test(a_chain_does_not_depend_on_its_neighbours),
        cmocka_unit_test(a_lost_state_leaves_nan_derivatives),
        cmocka_unit_test(a_stop_request_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
