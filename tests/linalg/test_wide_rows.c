/* Rows with powers of two of their own against long double, whose exponents are 15 bits wide. */
#include "linalg/wide_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROWS = 3, COLUMNS = 2 };

static struct wide_rows new_rows(long count, long columns)
{
    struct wide_rows wide;
    assert_int_equal(wide_rows_create(count, columns, &wide), STATUS_OK);
    return wide;
}

static long double element(const struct wide_rows *wide, long i, long j)
{
    return wide->exponents[i] == WIDE_ZERO_ROW ? 0 : ldexpl(block_column(&wide->rows, i)[j], (int)wide->exponents[i]);
}

/* To a few roundings of the row's largest element, which is within 1 .. 2. */
static void expect_row(const struct wide_rows *wide, long i, long double first, long double second)
{
    const long double largest = fmaxl(fabsl(first), fabsl(second));
    assert_true(fabsl(element(wide, i, 0) - first) <= 0x1p-51L * largest);
    assert_true(fabsl(element(wide, i, 1) - second) <= 0x1p-51L * largest);
    const double mantissa = block_largest_magnitude(block_column(&wide->rows, i), COLUMNS);
    assert_true(largest == 0 ? wide->exponents[i] == WIDE_ZERO_ROW : mantissa >= 1 && mantissa < 2);
}

static void rows_are_zero_until_they_are_set(void **state)
{
    (void)state;
    struct wide_rows wide = new_rows(ROWS, COLUMNS);
    double dense[ROWS * COLUMNS] = { 1, 1, 1, 1, 1, 1 };
    assert_true(wide_rows_largest(&wide) == WIDE_ZERO_ROW);
    wide_rows_copy(&wide, 0, dense);
    for (int i = 0; i < ROWS * COLUMNS; i++)
        assert_true(dense[i] == 0);
    wide_rows_scale(&wide, 0, 2, 5);
    expect_row(&wide, 0, 0, 0);
    wide_rows_set(&wide, 1, (const double[]){ 12, -0.5 }, -5000);
    expect_row(&wide, 1, ldexpl(12, -5000), ldexpl(-0.5L, -5000));
    assert_int_equal(wide_rows_largest(&wide), -4997);
    wide_rows_set(&wide, 2, (const double[]){ 0, 0x1p-1074 }, 7000);
    assert_int_equal(wide_rows_largest(&wide), 7000 - 1074);
    wide_rows_copy(&wide, 7000 - 1080, dense); /* [column][row] */
    assert_true(dense[2] == 0 && dense[5] == 64 && dense[4] == 0 && dense[1] == 0);
    wide_rows_set(&wide, 2, (const double[]){ 0, 0 }, 7000);
    expect_row(&wide, 2, 0, 0);
    assert_int_equal(wide_rows_largest(&wide), -4997);
    wide_rows_destroy(&wide);
}

static void sums_keep_what_is_larger(void **state)
{
    (void)state;
    static const int exponents[] = { -6000, -1100, -30, 0, 1, 30, 1100, 6000 };
    const double one[] = { 1.25, -3 }, other[] = { -7, 0.75 };
    struct wide_rows wide = new_rows(ROWS, COLUMNS);
    for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++)
        for (size_t k = 0; k < sizeof exponents / sizeof *exponents; k++) {
            wide_rows_set(&wide, 1, (const double[]){ 0, 0 }, 0);
            wide_rows_add(&wide, 1, (const double[]){ 0, 0 }, exponents[k]);
            expect_row(&wide, 1, 0, 0);
            wide_rows_add(&wide, 1, one, exponents[i]);
            wide_rows_add(&wide, 1, other, exponents[k]);
            expect_row(&wide, 1, ldexpl(one[0], exponents[i]) + ldexpl(other[0], exponents[k]),
                       ldexpl(one[1], exponents[i]) + ldexpl(other[1], exponents[k]));
            wide_rows_add(&wide, 1, (const double[]){ 0, 0 }, 8000);
            assert_true(wide_rows_largest(&wide) < 7000);
        }
    wide_rows_set(&wide, 1, one, 4000);
    wide_rows_add(&wide, 1, (const double[]){ -1.25, 3 }, 4000);
    expect_row(&wide, 1, 0, 0);
    wide_rows_destroy(&wide);
}

static void factors_may_be_as_small_as_doubles_are(void **state)
{
    (void)state;
    static const double factors[] = { 1, -3, 0x1p-1074, 0x1.8p1023, 0x1p-1022 };
    struct wide_rows wide = new_rows(ROWS, COLUMNS);
    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++) {
        wide_rows_set(&wide, 0, (const double[]){ 0.3, -1.7 }, 2500);
        wide_rows_scale(&wide, 0, factors[i], -4000);
        expect_row(&wide, 0, ldexpl(0.3, -1500) * factors[i], ldexpl(-1.7, -1500) * factors[i]);
    }
    wide_rows_scale(&wide, 0, 0, 1);
    expect_row(&wide, 0, 0, 0);
    wide_rows_set(&wide, 0, (const double[]){ 1, INFINITY }, 3);
    wide_rows_scale(&wide, 0, 2, 1); /* what is not finite is told by the values, not hidden */
    assert_true(element(&wide, 0, 0) == 32 && isinf(element(&wide, 0, 1)));
    wide_rows_scale(&wide, 0, NAN, 0);
    assert_true(isnan(block_column(&wide.rows, 0)[0]));
    wide_rows_destroy(&wide);
}

static void products_with_rows_far_apart(void **state)
{
    (void)state;
    const double a[ROWS * ROWS] = { 0x1p-900, -2, 0, 3, 0, 0x1p-1060, 0, 0, 0 }; /* [column][row] */
    const double rows[ROWS][COLUMNS] = { { 1.5, -1 }, { -1.25, 7 }, { 0.5, 11 } };
    static const int exponents[ROWS] = { 2000, -3000, 3061 };
    struct wide_rows wide = new_rows(ROWS, COLUMNS), result = new_rows(ROWS, COLUMNS);
    wide_rows_set(&result, 0, rows[1], 0); /* is replaced */
    for (long i = 0; i < ROWS; i++)
        wide_rows_set(&wide, i, rows[i], exponents[i]);
    wide_rows_apply_transposed(a, &wide, &result);
    for (long i = 0; i < ROWS; i++) {
        long double sum[COLUMNS] = { 0, 0 };
        for (long k = 0; k < ROWS; k++)
            for (long j = 0; j < COLUMNS; j++)
                sum[j] += ldexpl((long double)a[i * ROWS + k] * rows[k][j], exponents[k]);
        expect_row(&result, i, sum[0], sum[1]);
    }
    wide_rows_destroy(&wide);
    wide_rows_destroy(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_zero_until_they_are_set),
        cmocka_unit_test(sums_keep_what_is_larger),
        cmocka_unit_test(factors_may_be_as_small_as_doubles_are),
        cmocka_unit_test(products_with_rows_far_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
