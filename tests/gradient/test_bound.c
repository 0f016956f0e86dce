/* Verdicts, conditions and growth rates. */
#include "networks.h"

static void verdicts_compare_logarithms(void **state)
{
    (void)state;
    assert_int_equal(bound_check(1.0, 2.0, 0.5), BOUND_HOLDS);
    assert_int_equal(bound_check(1.6, 2.0, 0.5), BOUND_WITHIN_ROUNDING);
    assert_int_equal(bound_check(2.4, 2.0, 0.5), BOUND_WITHIN_ROUNDING);
    assert_int_equal(bound_check(2.6, 2.0, 0.5), BOUND_VIOLATED);
    assert_int_equal(bound_check(NAN, 2.0, 0.5), BOUND_NOT_COMPUTED);
    assert_int_equal(bound_check(1.0, NAN, 0.5), BOUND_NOT_COMPUTED);
}

static void a_vanished_product_holds_below_a_finite_bound(void **state)
{
    (void)state;
    assert_int_equal(bound_check(-INFINITY, -700.0, 1e-10), BOUND_HOLDS);
    assert_int_equal(bound_check(-INFINITY, -INFINITY, 1e-10), BOUND_WITHIN_ROUNDING);
    assert_int_equal(bound_check(-700.0, -INFINITY, 1e-10), BOUND_VIOLATED);
}

/* The factor l multiplies the error of ln ||W||: without it a norm stopped at 1e-10 is a false violation at l = 1024.
 */
static void uncertainty_grows_with_the_lag(void **state)
{
    (void)state;
    double near = bound_uncertainty(1e-10, 1, 1e-10, 64), far = bound_uncertainty(1e-10, 1024, 1e-10, 64);
    assert_true(near < 3e-10);
    assert_true(far > 1e-7 && far < 2e-7);
    assert_int_equal(bound_check(8e-8, 0.0, near), BOUND_VIOLATED);
    assert_int_equal(bound_check(8e-8, 0.0, far), BOUND_WITHIN_ROUNDING);
}

static void equality_is_not_below_one(void **state)
{
    (void)state;
    assert_int_equal(bound_condition_below_one(0.0, 1e-15), 0);
    assert_int_equal(bound_condition_below_one(-1e-16, 1e-15), 0);
    assert_int_equal(bound_condition_below_one(-1e-14, 1e-15), 1);
    assert_int_equal(bound_condition_below_one(-INFINITY, 1e-15), 1);
    assert_int_equal(bound_condition_below_one(NAN, 1e-15), 255);
}

static void growth_is_the_slope_of_the_last_half(void **state)
{
    (void)state;
    const long lags[] = { 1, 2, 4, 8, 16 };
    double norms[] = { 100, -50, 4 * 0.3, 8 * 0.3, 16 * 0.3 };
    /* Exact for a straight line up to the rounding of sums of three numbers of size 5. */
    assert_true(fabs(bound_growth_rate(lags, norms, 5) - 0.3) < 1e-15);
    assert_true(fabs(bound_growth_rate(lags, norms, 1) - 100) < 1e-15);
    /* Two lags: both are used, though half of two is one. */
    assert_true(fabs(bound_growth_rate(lags, norms, 2) + 150) < 1e-12);
    norms[4] = -INFINITY;
    assert_true(bound_growth_rate(lags, norms, 5) == -INFINITY);
    norms[3] = NAN;
    assert_true(isnan(bound_growth_rate(lags, norms, 5)));
    norms[3] = norms[4] = 0;
    norms[0] = -INFINITY; /* not among the last half */
    assert_true(isfinite(bound_growth_rate(lags, norms, 5)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_compare_logarithms),
        cmocka_unit_test(a_vanished_product_holds_below_a_finite_bound),
        cmocka_unit_test(uncertainty_grows_with_the_lag),
        cmocka_unit_test(equality_is_not_below_one),
        cmocka_unit_test(growth_is_the_slope_of_the_last_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
