/* Losses and their gradients: against imaginary steps, central differences, and states of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/loss_reference.h"

enum { LARGEST = 9, CLASSES = 7, REPLICAS = 4 };

static const enum loss_kind kinds[] = { LOSS_SQUARED, LOSS_LINEAR, LOSS_CROSS_ENTROPY };

struct opened {
    struct weights *weights;
    struct loss *loss;
    struct reference_loss reference;
};

static struct opened open_loss(enum loss_kind kind, long d, long replica)
{
    struct opened opened;
    struct ensemble ensemble = ensemble_of("ginibre", NAN);
    struct model model = { .loss = kind, .loss_classes = CLASSES, .steps = 1 };
    assert_int_equal(weights_open(&(struct network_key){ &ensemble, REFERENCE_SEED, d, replica }, 1.0, &opened.weights),
                     STATUS_OK);
    assert_int_equal(loss_open(&model, opened.weights, &opened.loss), STATUS_OK);
    opened.reference = reference_loss_draw(&ensemble, &model, d, replica);
    return opened;
}

static void close_loss(struct opened *opened)
{
    loss_close(opened->loss);
    weights_close(opened->weights);
}

static void draw_state(long d, long replica, double scale, double *state)
{
    struct random_stream stream = random_stream_open(5, "state of a loss test");
    random_normal(&stream, (uint64_t)replica, 0, (uint64_t)d, state);
    for (long i = 0; i < d; i++)
        state[i] *= scale;
}

/* The largest |found 2^exponent - expected| relative to the largest |expected|; 0 where both are zero. */
static double distance(long d, const double *found, int64_t exponent, const long double *expected)
{
    long double largest = 0, scale = 0;
    for (long i = 0; i < d; i++) {
        largest = fmaxl(largest, fabsl(scalbnl(found[i], (int)exponent) - expected[i]));
        scale = fmaxl(scale, fabsl(expected[i]));
    }
    return (double)(scale > 0 ? largest / scale : largest);
}

static void gradients_are_imaginary_steps_of_the_value(void **state)
{
    (void)state;
    const long double h = 1e-30L;
    double worst_step = 0, worst_difference = 0;
    for (size_t k = 0; k < 3; k++)
        for (long d = 1; d <= LARGEST; d++)
            for (long replica = 0; replica < REPLICAS; replica++) {
                struct opened opened = open_loss(kinds[k], d, replica);
                double x[REFERENCE_LARGEST] = { 0 }, gradient[REFERENCE_LARGEST];
                long double by_step[LARGEST], by_difference[LARGEST];
                draw_state(d, replica, 1.0, x);
                int64_t exponent = loss_gradient(opened.loss, x, 0, gradient);
                for (long i = 0; i < d; i++) {
                    long double complex z[LARGEST];
                    for (long j = 0; j < d; j++)
                        z[j] = x[j] + (i == j ? h * I : 0);
                    by_step[i] = cimagl(reference_loss_value(&opened.reference, z)) / h;
                    double kept = x[i];
                    x[i] = kept + 1e-5;
                    double above = loss_value(opened.loss, x, 0);
                    x[i] = kept - 1e-5;
                    by_difference[i] = (above - loss_value(opened.loss, x, 0)) / 2e-5L;
                    x[i] = kept;
                }
                worst_step = fmax(worst_step, distance(d, gradient, exponent, by_step));
                worst_difference = fmax(worst_difference, distance(d, gradient, exponent, by_difference));
                close_loss(&opened);
            }
    print_message("loss gradients: %.1e from imaginary steps, %.1e from central differences\n", worst_step,
                  worst_difference);
    assert_true(worst_step < 1e-14);      /* some ten roundings */
    assert_true(worst_difference < 1e-8); /* u/h = 1e-11 relative to the value, which may exceed the gradient tenfold,
                                           * and h^2 f''' = 1e-10 */
}

/* 2^exponent * mantissas is one state, however it is written. */
static void a_state_may_be_written_with_any_exponent(void **state)
{
    (void)state;
    const int exponents[] = { -300, -60, 60, 300 };
    for (size_t k = 0; k < 3; k++)
        for (size_t e = 0; e < 4; e++) {
            const long d = 6;
            struct opened opened = open_loss(kinds[k], d, 0);
            double x[REFERENCE_LARGEST] = { 0 }, mantissas[REFERENCE_LARGEST] = { 0 };
            double plain[REFERENCE_LARGEST], scaled[REFERENCE_LARGEST];
            draw_state(d, 0, 1.0, x);
            for (long i = 0; i < d; i++)
                mantissas[i] = scalbn(x[i], -exponents[e]);
            int64_t plain_exponent = loss_gradient(opened.loss, x, 0, plain);
            int64_t scaled_exponent = loss_gradient(opened.loss, mantissas, exponents[e], scaled);
            for (long i = 0; i < d; i++) /* powers of two are exact: the very same number */
                assert_true(scalbn(plain[i], (int)plain_exponent) == scalbn(scaled[i], (int)scaled_exponent));
            assert_true(loss_value(opened.loss, x, 0) == loss_value(opened.loss, mantissas, exponents[e]));
            close_loss(&opened);
        }
}

static double log_norm(long d, const double *gradient, int64_t exponent)
{
    long double square = 0;
    for (long i = 0; i < d; i++)
        square += (long double)gradient[i] * gradient[i];
    return (double)(0.5L * logl(square) + (long double)exponent * M_LN2);
}

/* A certain target: probabilities of the other classes far below the smallest double still have their logarithm. */
static void a_certain_target_leaves_a_tiny_gradient(void **state)
{
    (void)state;
    double worst = 0, worst_value = 0, least = 0;
    long certain = 0;
    for (long replica = 0; replica < 40; replica++)
        for (double scale = 1; scale < 3000; scale *= 3) {
            const long d = 6;
            struct opened opened = open_loss(LOSS_CROSS_ENTROPY, d, replica % REPLICAS);
            double x[REFERENCE_LARGEST] = { 0 }, gradient[REFERENCE_LARGEST];
            long double wide[LARGEST], expected[LARGEST], square = 0;
            draw_state(d, replica, scale, x);
            for (long i = 0; i < d; i++)
                wide[i] = x[i];
            reference_loss_gradient(&opened.reference, wide, expected);
            for (long i = 0; i < d; i++)
                square += expected[i] * expected[i];
            double log_expected = (double)(0.5L * logl(square));
            double found = log_norm(d, gradient, loss_gradient(opened.loss, x, 0, gradient));
            worst = fmax(worst, fabs(found - log_expected) / fmax(1, scale));
            least = fmin(least, log_expected);
            certain += log_expected < -745;
            double value = (double)reference_small_cross_entropy(&opened.reference, wide);
            if (value > 1e-300 && isfinite(value))
                worst_value = fmax(worst_value, fabs(loss_value(opened.loss, x, 0) / value - 1) / fmax(1, scale));
            close_loss(&opened);
        }
    print_message("cross entropy: ln of the gradient down to %.0f, worst error %.1e times the size of x; value %.1e\n",
                  least, worst, worst_value);
    assert_true(worst_value < 1e-14);
    assert_true(certain > 0);   /* below the smallest double, or this tests nothing */
    assert_true(worst < 1e-14); /* logits of size |x| are right to some ten roundings */
}

/* Beyond the range of doubles. */
static void states_beyond_the_range_have_gradients(void **state)
{
    (void)state;
    const long d = 5;
    const int64_t huge = INT64_C(1) << 50;
    for (long replica = 0; replica < REPLICAS; replica++) {
        double x[REFERENCE_LARGEST] = { 0 }, gradient[REFERENCE_LARGEST];
        draw_state(d, replica, 1.0, x);
        struct opened squared = open_loss(LOSS_SQUARED, d, replica), linear = open_loss(LOSS_LINEAR, d, replica),
                      entropy = open_loss(LOSS_CROSS_ENTROPY, d, replica);
        assert_true(loss_gradient(squared.loss, x, huge, gradient) == huge);
        assert_memory_equal(gradient, x, (size_t)d * sizeof *x);
        assert_true(loss_gradient(squared.loss, x, -huge, gradient) == -huge);
        assert_true(loss_gradient(linear.loss, x, huge, gradient) == 0);
        assert_true(fabs(log_norm(d, gradient, 0)) < 1e-15); /* c is a unit vector, to rounding */

        /* At x = 0 all classes are equally likely. */
        long double zero[LARGEST] = { 0 }, expected[LARGEST];
        reference_loss_gradient(&entropy.reference, zero, expected);
        int64_t exponent = loss_gradient(entropy.loss, x, -huge, gradient);
        assert_true(distance(d, gradient, exponent, expected) < 1e-14);

        /* At infinity one class is certain: the gradient is its row less the target's. */
        long double far[LARGEST];
        for (long i = 0; i < d; i++)
            far[i] = scalbnl(x[i], 10000);
        reference_loss_gradient(&entropy.reference, far, expected);
        exponent = loss_gradient(entropy.loss, x, huge, gradient);
        assert_true(distance(d, gradient, exponent, expected) < 1e-14);
        close_loss(&squared), close_loss(&linear), close_loss(&entropy);
    }
}

static void nan_stays(void **state)
{
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        struct opened opened = open_loss(kinds[k], 3, 0);
        double x[REFERENCE_LARGEST] = { 1, NAN, 2 }, gradient[REFERENCE_LARGEST], sum = 0;
        loss_gradient(opened.loss, x, 0, gradient);
        for (long i = 0; i < 3; i++)
            sum += gradient[i];
        assert_true(isnan(sum) == (kinds[k] != LOSS_LINEAR));
        assert_true(isnan(loss_value(opened.loss, x, 0)));
        close_loss(&opened);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_imaginary_steps_of_the_value),
        cmocka_unit_test(a_state_may_be_written_with_any_exponent),
        cmocka_unit_test(a_certain_target_leaves_a_tiny_gradient),
        cmocka_unit_test(states_beyond_the_range_have_gradients),
        cmocka_unit_test(nan_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
