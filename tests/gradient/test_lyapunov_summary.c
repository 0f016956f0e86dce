/* What follows from exponents, on spectra and batches whose dimension, entropy, errors and correlations are known by
 * hand. */
#include "gradient/lyapunov_summary.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* All numbers are sums of few powers of two, and so are the results: equal, not near. */
static void dimension_and_entropy_of_known_spectra(void **state)
{
    (void)state;
    static const struct {
        double values[4];
        long count, hidden_size;
        double dimension, entropy;
    } spectra[] = {
        { { 0.5, 0.25, -0.5, -2 }, 4, 4, 3.125, 0.75 }, /* sums .5, .75, .25, -1.75: 3 + .25/2 */
        { { 0.5, 0.25, -0.5 }, 3, 4, NAN, 0.75 },       /* the sum is not negative yet, and more would follow */
        { { 0.5, 0.25 }, 2, 4, NAN, NAN },
        { { 0.5, 0.25 }, 2, 2, 2, 0.75 }, /* all there are */
        { { -1, -2 }, 2, 2, 0, 0 },
        { { 0, -1 }, 2, 4, 1, 0 },
        { { 0.5, -0.5, -0.5 }, 3, 4, 2, 0.5 }, /* a sum of exactly 0 is not negative */
        { { 0.5, -INFINITY }, 2, 2, 1, 0.5 },  /* a direction that is exactly zero */
    };
    for (size_t i = 0; i < sizeof spectra / sizeof *spectra; i++) {
        const struct spectrum_of_exponents spectrum = { spectra[i].values, spectra[i].count, spectra[i].hidden_size };
        const double dimension = lyapunov_dimension(&spectrum), entropy = lyapunov_entropy(&spectrum);
        assert_true(dimension == spectra[i].dimension || (isnan(dimension) && isnan(spectra[i].dimension)));
        assert_true(entropy == spectra[i].entropy || (isnan(entropy) && isnan(spectra[i].entropy)));
    }
}

static void exponents_descend_with_their_errors(void **state)
{
    (void)state;
    double values[] = { 1, 3, 2, 2, -INFINITY, 5, 4 }, errors[] = { 10, 30, 20, 21, 0, 50, 40 };
    static const double sorted[] = { 5, 4, 3, 2, 2, 1, -INFINITY }, with_them[] = { 50, 40, 30, 20, 21, 10, 0 };
    lyapunov_sort(7, values, errors);
    for (int i = 0; i < 7; i++) {
        assert_true(values[i] == sorted[i]);
        assert_true(errors[i] == with_them[i]); /* of equal ones the first stays the first */
    }
}

/* Means 1, 3, 5, 7 of four batches: squares about 4 sum up to 20, 20 / (4 * 3) = 5/3. */
static void error_of_a_mean_of_batches(void **state)
{
    (void)state;
    const double means[] = { 1, 100, 3, -100, 5, 100, 7, -100 }, lost[] = { 1, -INFINITY };
    assert_true(lyapunov_batch_error(means, 4, 2) == sqrt(20.0 / 12));
    assert_true(isnan(lyapunov_batch_error(lost, 2, 1)));
}

/* A ramp of 64 batches has a lag-1 correlation of nearly 1, one that changes its sign nearly -1; .2 and two standard
 * deviations of 1/8 lie between. */
static void batches_that_follow_each_other_are_told(void **state)
{
    (void)state;
    enum { BATCHES = 64, COUNT = 2 };
    double ramp[BATCHES * COUNT], alternating[BATCHES * COUNT], constant[BATCHES * COUNT];
    for (int b = 0; b < BATCHES; b++)
        for (int i = 0; i < COUNT; i++) {
            ramp[b * COUNT + i] = b + i;
            alternating[b * COUNT + i] = b % 2;
            constant[b * COUNT + i] = 3;
        }
    assert_true(lyapunov_batches_are_short(ramp, BATCHES, COUNT, COUNT));
    assert_false(lyapunov_batches_are_short(alternating, BATCHES, COUNT, COUNT));
    assert_false(lyapunov_batches_are_short(constant, BATCHES, COUNT, COUNT));
    for (int b = 0; b < BATCHES; b++)
        ramp[b * COUNT + 1] = -INFINITY; /* exponents that are not finite are not looked at */
    assert_true(lyapunov_batches_are_short(ramp, BATCHES, COUNT, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dimension_and_entropy_of_known_spectra),
        cmocka_unit_test(exponents_descend_with_their_errors),
        cmocka_unit_test(error_of_a_mean_of_batches),
        cmocka_unit_test(batches_that_follow_each_other_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
