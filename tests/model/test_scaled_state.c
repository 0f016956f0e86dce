/* Scaled states: when a power of two is taken out, put back, and met by a drive. */
#include "model/scaled_state.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/activation_at.h"

/* Normalises {mantissa, mantissa / 4}; the values must not change, and both must be scaled alike. */
static int64_t normalise(double mantissa, int64_t exponent, double *scaled)
{
    double pair[2] = { mantissa, mantissa / 4 };
    int64_t result = scaled_state_normalise(2, pair, exponent);
    assert_true(pair[1] == pair[0] / 4);
    assert_true(scalbnl(pair[0], (int)result) == scalbnl(mantissa, (int)exponent));
    *scaled = pair[0];
    return result;
}

static void the_exponent_is_zero_inside_the_unscaled_range_only(void **state)
{
    (void)state;
    double scaled;
    assert_int_equal(normalise(-3, 0, &scaled), 0);
    assert_int_equal(normalise(0x1.8p331, 0, &scaled), 0);
    assert_int_equal(normalise(0x1p-332, 0, &scaled), 0);
    assert_int_equal(normalise(0x1.8p332, 0, &scaled), 332);
    assert_true(scaled == 1.5);
    assert_int_equal(normalise(0x1.8p-333, 0, &scaled), -333);
    assert_true(scaled == 1.5);
    assert_int_equal(normalise(1.5, 331, &scaled), 0); /* back again, from either side */
    assert_int_equal(normalise(1.5, -332, &scaled), 0);
    assert_int_equal(normalise(0x1p-200, 531, &scaled), 0);
}

static void mantissas_may_drift_but_not_away(void **state)
{
    (void)state;
    double scaled;
    assert_int_equal(normalise(0x1.8p150, 5000, &scaled), 5000);
    assert_int_equal(normalise(0x1.8p-150, -5000, &scaled), -5000);
    assert_int_equal(normalise(0x1.8p250, 5000, &scaled), 5250);
    assert_int_equal(normalise(0x1.8p-250, -5000, &scaled), -5250);
    assert_true(scaled == 1.5);
}

static void zeros_have_exponent_zero_and_lost_columns_stay(void **state)
{
    (void)state;
    double zeros[2] = { 0, -0.0 }, lost[2] = { 0x1p900, NAN }, infinite[2] = { INFINITY, 0x1p900 };
    assert_int_equal(scaled_state_normalise(2, zeros, -700), 0);
    assert_int_equal(scaled_state_normalise(2, lost, 400), 400);
    assert_true(lost[0] == 0x1p900 && isnan(lost[1]));
    assert_int_equal(scaled_state_normalise(2, infinite, 0), 0);
    assert_true(isinf(infinite[0]) && infinite[1] == 0x1p900);
    double derivative, one = NAN;
    bool may_be_wide;
    scaled_state_derivative(activation_find("tanh"), 1, &one, -500, &derivative, &may_be_wide); /* not the slope at 0 */
    assert_true(isnan(derivative));
}

/* The sum stands at the exponent of its larger part, so that neither can overflow. */
static void a_drive_meets_states_of_any_size(void **state)
{
    (void)state;
    const double drive[2] = { 3, -1 };
    double vanished[2] = { 1, 1 }, exploded[2] = { 1, 1 }, near[2] = { 1, 2 }, alone[2] = { 1, 2 };
    assert_int_equal(scaled_state_advance(2, drive, 2, vanished, -5000), 0);
    assert_true(vanished[0] == 3 && vanished[1] == -1);
    assert_int_equal(scaled_state_advance(2, drive, 2, exploded, 5000), 5000);
    assert_true(exploded[0] == 2 && exploded[1] == 2);
    assert_int_equal(scaled_state_advance(2, drive, 2, near, 4), 0);
    assert_true(near[0] == 32 + 3 && near[1] == 64 - 1);
    assert_int_equal(scaled_state_advance(2, NULL, 2, alone, -5000), -5000);
    assert_true(alone[0] == 2 && alone[1] == 4);
}

/* Three elements a column: well inside the range, zero, on either edge of it and beyond, mixed, and lost. */
static const double columns_of_all_kinds[][3] = {
    { 1, -2, 3 },
    { 0, -0.0, 0 },
    { 0x1p-332, 0, 0x1p-400 },
    { 0x1p-333, 0x1p-334, 0 },
    { 0x1.8p331, 1, 0x1p-500 },
    { -0x1p332, 1, 0 },
    { INFINITY, 1, 2 },
    { NAN, 0x1p-400, 1 },
};
enum { KINDS = sizeof columns_of_all_kinds / sizeof *columns_of_all_kinds };

static void assert_columns_advance_as_one(long first, long count, const double *drive)
{
    SCOPED(block) states = { 0 };
    double gains[KINDS];
    int64_t exponents[KINDS] = { 0 };
    assert_int_equal(block_create(3, count, &states), STATUS_OK);
    for (long c = 0; c < count; c++) {
        memcpy(block_column(&states, c), columns_of_all_kinds[first + c], sizeof columns_of_all_kinds[0]);
        gains[c] = 1 - 0.125 * (double)c;
    }
    const bool are_all_unscaled = scaled_states_advance(gains, drive, &states, exponents);
    bool any_is_scaled = false;
    for (long c = 0; c < count; c++) {
        any_is_scaled = any_is_scaled || exponents[c] != 0;
        double alone[8] = { 0 };
        memcpy(alone, columns_of_all_kinds[first + c], sizeof columns_of_all_kinds[0]);
        assert_int_equal(exponents[c], scaled_state_advance(gains[c], drive, 3, alone, 0));
        assert_memory_equal(block_column(&states, c), alone, sizeof alone);
    }
    assert_false(are_all_unscaled && any_is_scaled);
}

static void columns_side_by_side_advance_as_each_alone(void **state)
{
    (void)state;
    const double drive[8] = { 0.5, 0, -0x1p-340 };
    for (long first = 0; first < KINDS; first++)
        for (long count = 1; first + count <= KINDS; count++) {
            assert_columns_advance_as_one(first, count, NULL);
            assert_columns_advance_as_one(first, count, drive);
        }
}

/* States of two columns, the last of which decides. */
static bool derivatives_are_regular(const char *activation, double last)
{
    SCOPED(block) states = { 0 };
    SCOPED(block) values = { 0 };
    SCOPED(block) values_alone = { 0 };
    double derivatives[16], shifts[2];
    bool may_be_wide[2];
    assert_int_equal(block_create(2, 2, &states), STATUS_OK);
    assert_int_equal(block_create(2, 2, &values), STATUS_OK);
    assert_int_equal(block_create(2, 2, &values_alone), STATUS_OK);
    memcpy(block_column(&states, 0), (double[2]){ 0.5, -1 }, 2 * sizeof(double));
    memcpy(block_column(&states, 1), (double[2]){ 2, last }, 2 * sizeof(double));
    const bool are_regular = scaled_states_differentiate(activation_find(activation), 0.75, &states, &values,
                                                         derivatives, shifts, may_be_wide);
    scaled_states_activate(activation_find(activation), 0.75, &states, &values_alone);
    assert_memory_equal(values.values, values_alone.values, 16 * sizeof(double));
    for (int c = 0; c < 2; c++) {
        double alone[2];
        bool may_be_wide_alone;
        assert_true(shifts[c] == scaled_state_derivative(activation_find(activation), 2, block_column(&states, c), 0,
                                                         alone, &may_be_wide_alone));
        assert_int_equal(may_be_wide[c], may_be_wide_alone);
        assert_memory_equal(derivatives + 8 * c, alone, sizeof alone);
    }
    return are_regular;
}

static void derivatives_that_are_no_numbers_or_zero_are_not_regular(void **state)
{
    (void)state;
    assert_true(derivatives_are_regular("tanh", -3));
    assert_true(derivatives_are_regular("tanh", 200));
    assert_false(derivatives_are_regular("tanh", 320)); /* 1e-277 */
    assert_false(derivatives_are_regular("tanh", 1000));
    assert_false(derivatives_are_regular("tanh", NAN));
    assert_false(derivatives_are_regular("relu", -1));
    assert_false(derivatives_are_regular("relu", 1)); /* not looked for */
}

/* A column with elements far smaller than its largest: those are what phi says, not its asymptote. */
static void small_elements_of_an_exploded_column_are_not_asymptotic(void **state)
{
    (void)state;
    const struct activation *gelu = activation_find("gelu");
    double mantissas[3] = { 1, 0x1p-400, -1 }, values[3], slopes[3];
    double factor = 1 / gelu->derivative_supremum;
    bool may_be_wide;
    assert_int_equal(scaled_state_activate(gelu, 1, 3, mantissas, 400, values), 400);
    assert_true(values[0] == factor);
    assert_true(values[1] == factor * (value_at(gelu, 1) * 0x1p-400));
    assert_true(values[2] == 0);
    assert_true(scaled_state_derivative(gelu, 3, mantissas, 400, slopes, &may_be_wide) == 0);
    assert_true(may_be_wide); /* one of them is 0 */
    assert_true(slopes[0] == 1 / gelu->derivative_supremum);
    assert_true(slopes[1] == slope_at(gelu, 1));
    assert_true(slopes[2] == 0);
}

/* Elements beyond double precision itself, of either sign, in every activation. */
static void elements_beyond_double_precision_have_limits(void **state)
{
    (void)state;
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        double mantissas[2] = { -1.5, 1.5 }, values[2], slopes[2], factor = 0.5 / activation->derivative_supremum;
        int64_t exponent = scaled_state_activate(activation, 0.5, 2, mantissas, 5000, values);
        bool may_be_wide;
        double shift = scaled_state_derivative(activation, 2, mantissas, 5000, slopes, &may_be_wide);
        bool bounded = activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
        assert_int_equal(exponent, bounded ? 0 : 5000);
        for (int side = 0; side < 2; side++) {
            double slope = activation->slope_at_infinity[side];
            if (bounded)
                assert_true(fabs(values[side]) <= factor);
            else
                assert_true(values[side] == factor * (slope * mantissas[side]));
            if (!bounded)
                assert_true(slopes[side] == slope / activation->derivative_supremum);
            assert_false(isnan(values[side]) || isnan(slopes[side]) || isnan(shift));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_exponent_is_zero_inside_the_unscaled_range_only),
        cmocka_unit_test(mantissas_may_drift_but_not_away),
        cmocka_unit_test(zeros_have_exponent_zero_and_lost_columns_stay),
        cmocka_unit_test(a_drive_meets_states_of_any_size),
        cmocka_unit_test(columns_side_by_side_advance_as_each_alone),
        cmocka_unit_test(derivatives_that_are_no_numbers_or_zero_are_not_regular),
        cmocka_unit_test(small_elements_of_an_exploded_column_are_not_asymptotic),
        cmocka_unit_test(elements_beyond_double_precision_have_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
