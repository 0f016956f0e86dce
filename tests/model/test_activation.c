/* The table of activations: every supremum is reached, derivatives are those of the values, and have the limits and
 * signs that the table says. What each is to the last bits: test_activation_accuracy.c. */
#include "model/activation.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/activation_at.h"

static const double u = DBL_EPSILON / 2;

static const struct activation *find(const char *name)
{
    const struct activation *activation = activation_find(name);
    assert_non_null(activation);
    return activation;
}

static bool is(const struct activation *activation, const char *name)
{
    return strcmp(activation->name, name) == 0;
}

static void names_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < activation_count(); i++) {
        assert_ptr_equal(activation_find(activation_at(i)->name), activation_at(i));
        assert_int_equal(activation_at(i)->is_identity, is(activation_at(i), "identity"));
    }
    assert_non_null(activation_find("identity"));
    assert_null(activation_at(activation_count()));
    assert_null(activation_find("Tanh"));
    assert_null(activation_find(""));
}

/* The largest |phi'| / sup|phi'| near `middle`, by ternary search: there is one hill there. */
static double hilltop(const struct activation *activation, double middle, double half_width)
{
    double low = middle - half_width, high = middle + half_width, best = 0;
    for (int i = 0; i < 200; i++) {
        double left = low + (high - low) / 3, right = high - (high - low) / 3;
        double at_left = fabs(slope_at(activation, left)), at_right = fabs(slope_at(activation, right));
        best = fmax(best, fmax(at_left, at_right));
        if (at_left < at_right)
            low = left;
        else
            high = right;
    }
    return best;
}

static void suprema_are_reached(void **state)
{
    (void)state;
    const double step = 0x1p-9;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        double best = 0, place = 0;
        for (long k = -25000; k <= 25000; k++) {
            double slope = fabs(slope_at(activation, (double)k * step));
            if (slope > best) {
                best = slope;
                place = (double)k * step;
            }
        }
        assert_true(fmax(best, hilltop(activation, place, 2 * step)) >= 1 - 1e-12);
    }
}

/* Where gelu' and silu' change sign; a relative error means nothing there. */
static bool near_a_zero(const struct activation *activation, double x)
{
    return (is(activation, "gelu") && fabs(x + 0.7518) < 0.3) || (is(activation, "silu") && fabs(x + 1.2785) < 0.5) ||
           (is(activation, "sin") && fabs(cos(x)) < 0.1);
}

static void assert_log_derivative(const char *name, double x, double expected)
{
    double found = log_derivative_at(find(name), x);
    assert_true(fabs(found - expected) <= 4 * u * fabs(expected));
}

static void log_derivatives_at_extreme_arguments(void **state)
{
    (void)state;
    assert_log_derivative("tanh", 1000, -2000 + log(4));
    assert_log_derivative("tanh", -1000, -2000 + log(4));
    assert_log_derivative("tanh", 1e300, -2e300);
    assert_log_derivative("tanh", 1e-100, -1e-200);
    assert_log_derivative("sigmoid", -1e5, -1e5);
    assert_log_derivative("softsign", -1e200, -400 * log(10));
    assert_log_derivative("erf", 1e10, -1e20);
    assert_log_derivative("gelu", -1e6, -5e11 + log(1e6) - 0.5 * log(2 * M_PI));
    assert_log_derivative("silu", -1e6, -1e6 + log(1e6 - 1));
    assert_log_derivative("elu", -1e5, -1e5);
    assert_log_derivative("leaky_relu", -3, log(0.01));
    assert_log_derivative("sin", M_PI_2, log(6.123233995736766e-17));
    assert_true(log_derivative_at(find("relu"), -1) == -INFINITY);
    assert_true(log_derivative_at(find("hard_tanh"), 2) == -INFINITY);
    assert_true(log_derivative_at(find("identity"), 1e300) == 0);
}

/* |phi'| is exp(log_derivative) wherever the latter is a normal number: also for those without a reference. */
static void derivative_and_logarithm_agree(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        for (double x = -30; x <= 30; x += 0.0713) {
            double slope = activation->derivative_supremum * fabs(slope_at(activation, x)),
                   logarithm = log_derivative_at(activation, x);
            if (logarithm == -INFINITY)
                assert_true(slope == 0);
            else if (logarithm > -700 &&
                     !near_a_zero(activation, x)) /* exp turns an error of u |ln| into a relative one */
                assert_true(fabs(slope - exp(logarithm)) <= 8 * u * (1 + fabs(logarithm)) * slope);
        }
    }
}

static bool near_a_kink(const struct activation *activation, double x, double distance)
{
    if (is(activation, "hard_tanh"))
        return fabs(fabs(x) - 1) < distance;
    return (strstr(activation->name, "elu") == activation->name + strlen(activation->name) - 3 ||
            is(activation, "softsign")) &&
           fabs(x) < distance;
}

/* Central differences of eighth order: truncation at this step is largest for softsign next to its kink,
 * 9!/630 step^8/(1 + |x|)^10 = 7e-12; rounding is 1e-14. */
static void derivatives_differentiate_the_values(void **state)
{
    (void)state;
    static const double weights[] = { 4.0 / 5, -1.0 / 5, 4.0 / 105, -1.0 / 280 };
    const double step = 0.02;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        for (double x = -12; x <= 12; x += 0.0917) {
            if (near_a_kink(activation, x, 4.5 * step))
                continue;
            double difference = 0;
            for (int k = 1; k <= 4; k++)
                difference +=
                    weights[k - 1] * (value_at(activation, x + k * step) - value_at(activation, x - k * step));
            assert_true(fabs(activation->derivative_supremum * slope_at(activation, x) - difference / step) < 1e-11);
        }
    }
}

static void slopes_are_the_limits_of_the_derivative(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        const double supremum = activation->derivative_supremum;
        for (int side = 0; side < 2; side++) {
            double sign = side == 0 ? -1 : 1;
            assert_true(slope_at(activation, sign * 1e-101) == activation->slope_at_zero[side] / supremum);
            if (!is(activation, "sin")) /* has no limit; it is bounded, which a slope of 0 says */
                assert_true(slope_at(activation, sign * 1e300) == activation->slope_at_infinity[side] / supremum);
            bool bounded = fabs(value_at(activation, sign * 1e300)) <= 1;
            assert_int_equal(bounded, activation->slope_at_infinity[side] == 0);
        }
        assert_true(slope_at(activation, 0) == activation->slope_at_zero[0] / supremum);
        assert_int_equal(value_at(activation, 0) == 0, activation->vanishes_at_zero);
    }
}

static void derivatives_at_kinks_are_zero_or_the_leak(void **state)
{
    (void)state;
    assert_true(slope_at(find("relu"), 0) == 0);
    assert_true(log_derivative_at(find("relu"), 0) == -INFINITY);
    assert_true(slope_at(find("leaky_relu"), 0) == 0.01);
    assert_true(slope_at(find("hard_tanh"), 1) == 0);
    assert_true(slope_at(find("hard_tanh"), -1) == 0);
}

/* A trajectory restores an underflowed derivative from its logarithm and this sign. */
static void a_lost_derivative_keeps_its_sign(void **state)
{
    (void)state;
    static const char *const negative[] = { "gelu", "silu" };
    for (int i = 0; i < 2; i++) {
        double lost = slope_at(find(negative[i]), -1000);
        assert_true(lost == 0 && signbit(lost));
        assert_true(isfinite(log_derivative_at(find(negative[i]), -1000)));
    }
    assert_false(signbit(slope_at(find("tanh"), -1000)));
    assert_false(signbit(slope_at(find("erf"), -1000)));
}

/* Of an activation that is said to be made of straight lines nothing is ever looked for below the others. */
static void straight_lines_have_no_tiny_slopes(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        bool is_tiny = false, is_curved = false;
        for (double x = -700; x <= 700; x += 0.37) {
            const double slope = fabs(slope_at(activation, x)), logarithm = log_derivative_at(activation, x);
            is_tiny |= slope == 0 ? logarithm != -INFINITY : slope < 1e-3;
            is_curved |=
                slope_at(activation, x) != slope_at(activation, x + 0.001) && fabs(fabs(x) - 1) > 0.1 && fabs(x) > 0.1;
        }
        assert_int_equal(activation->is_piecewise_linear, !is_curved);
        assert_false(activation->is_piecewise_linear && is_tiny);
    }
}

static void nan_stays_nan(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        assert_true(isnan(value_at(activation_at(n), NAN)));
        assert_true(isnan(slope_at(activation_at(n), NAN)));
        assert_true(isnan(log_derivative_at(activation_at(n), NAN)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(suprema_are_reached),
        cmocka_unit_test(log_derivatives_at_extreme_arguments),
        cmocka_unit_test(derivative_and_logarithm_agree),
        cmocka_unit_test(derivatives_differentiate_the_values),
        cmocka_unit_test(slopes_are_the_limits_of_the_derivative),
        cmocka_unit_test(derivatives_at_kinks_are_zero_or_the_leak),
        cmocka_unit_test(a_lost_derivative_keeps_its_sign),
        cmocka_unit_test(straight_lines_have_no_tiny_slopes),
        cmocka_unit_test(nan_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
