#include "linalg/block.h"

#include "linalg/matrices.h"

static struct block new_block(long rows, long columns, const char *what)
{
    struct block block;
    struct random_stream stream = random_stream_open(1, what);
    assert_int_equal(block_create(rows, columns, &block), STATUS_OK);
    for (long j = 0; j < columns; j++)
        random_normal(&stream, (uint64_t)j, 0, (uint64_t)rows, block_column(&block, j));
    return block;
}

static void assert_padding_is_zero(const struct block *block)
{
    for (long j = 0; j < block->columns; j++)
        for (long i = block->rows; i < block->stride; i++)
            assert_true(block_column(block, j)[i] == 0);
}

static void columns_are_aligned_and_padded(void **state)
{
    (void)state;
    for (long rows = 1; rows <= 17; rows++) {
        struct block block = new_block(rows, 3, "x"), view = block_view(&block, 1, 2);
        assert_int_equal(block.stride % 8, 0);
        assert_true(block.stride >= rows && block.stride < rows + 8);
        assert_int_equal(block_stride(rows), block.stride);
        for (long j = 0; j < 3; j++)
            assert_int_equal((uintptr_t)block_column(&block, j) % 64, 0);
        assert_ptr_equal(block_column(&view, 1), block_column(&block, 2));
        assert_padding_is_zero(&block);
        block_destroy(&block);
    }
}

static void an_impossible_block_is_refused(void **state)
{
    (void)state;
    struct block block;
    assert_int_equal(block_create(1L << 40, 1L << 40, &block), STATUS_MEMORY);
}

static void elementwise_operations(void **state)
{
    (void)state;
    for (long rows = 1; rows <= 19; rows += 3) {
        struct block x = new_block(rows, 2, "x"), y = new_block(rows, 2, "y"), z = new_block(rows, 2, "z");
        const double factors[2] = { 3, -0.1 };
        const double *const diagonals[2] = { block_column(&y, 0), block_column(&y, 1) };
        block_copy(&x, &z);
        block_scale_rows(&z, diagonals);
        for (long j = 0; j < 2; j++)
            for (long i = 0; i < rows; i++)
                assert_true(block_column(&z, j)[i] == block_column(&x, j)[i] * block_column(&y, j)[i]);
        block_copy(&x, &z);
        block_scale_columns(&z, factors);
        for (long j = 0; j < 2; j++)
            for (long i = 0; i < rows; i++)
                assert_true(block_column(&z, j)[i] == factors[j] * block_column(&x, j)[i]);
        assert_padding_is_zero(&z);
        block_destroy(&x);
        block_destroy(&y);
        block_destroy(&z);
    }
}

/* The order that the interface fixes: partial sums by row modulo eight, added pairwise from the halves. */
static double dot_in_fixed_order(const double *x, const double *y, long rows)
{
    double sums[8] = { 0 };
    for (long i = 0; i < rows; i++) {
        volatile double term = x[i] * y[i];
        sums[i % 8] += term;
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

static void dots_and_norms_have_one_order(void **state)
{
    (void)state;
    for (long rows = 1; rows <= 101; rows += 10) {
        struct block x = new_block(rows, 5, "x"), y = new_block(rows, 5, "y");
        double dots[5], norms[5];
        block_column_dots(&x, &y, dots);
        block_column_norms(&x, norms);
        for (long j = 0; j < 5; j++) {
            const double *a = block_column(&x, j), *b = block_column(&y, j);
            assert_true(dots[j] == dot_in_fixed_order(a, b, rows));
            assert_true(norms[j] == sqrt(dot_in_fixed_order(a, a, rows)));
        }
        block_destroy(&x);
        block_destroy(&y);
    }
}

static void norms_neither_overflow_nor_underflow(void **state)
{
    (void)state;
    for (int exponent = -500; exponent <= 500; exponent += 1000) {
        struct block x = new_block(100, 1, "x"), scaled = new_block(100, 1, "x");
        double norm, scaled_norm, factor = ldexp(1, exponent);
        block_scale_columns(&scaled, &factor);
        block_column_norms(&x, &norm);
        block_column_norms(&scaled, &scaled_norm);
        /* Only squares of elements 2^-11 below the typical one could lose bits, and they do not count. */
        assert_within(scaled_norm / factor, norm, 1e-15 * norm);
        block_destroy(&x);
        block_destroy(&scaled);
    }
}

/* A column is left alone inside 2^-200 .. 2^200, and brought to 1/2 .. 1 beyond, exactly: down to the smallest number
 * and up to the largest. */
static void balancing_is_exact(void **state)
{
    (void)state;
    const int scales[] = { -1074, -1000, -201, -200, -3, 0, 199, 201, 1000, 1023 };
    for (size_t n = 0; n < sizeof scales / sizeof *scales; n++) {
        const int scale = scales[n];
        struct block x = new_block(11, 2, "x"), original = new_block(11, 2, "x");
        int64_t exponents[2] = { 5, 7 };
        for (long i = 0; i < 11; i++)
            block_column(&x, 1)[i] = i == 4 ? ldexp(-1, scale) : 0;
        block_balance_columns(&x, exponents);
        assert_memory_equal(block_column(&x, 0), block_column(&original, 0), 11 * sizeof(double));
        assert_int_equal(exponents[0], 5);
        const bool moved = scale < -200 || scale > 200;
        assert_true(block_column(&x, 1)[4] == (moved ? -0.5 : ldexp(-1, scale)));
        assert_int_equal(exponents[1], moved ? 7 + scale + 1 : 7);
        block_destroy(&x);
        block_destroy(&original);
    }
}

/* What is one pass is what two are, in place too: scaling, then balancing. */
static void scaling_and_balancing_are_one_pass(void **state)
{
    (void)state;
    const double factors[3] = { 0x1p300, 1, 0x1p-300 };
    for (long rows = 1; rows <= 19; rows += 3) {
        struct block x = new_block(rows, 3, "x"), y = new_block(rows, 3, "y"), expected = new_block(rows, 3, "x");
        struct block to = new_block(rows, 3, "to");
        const double *const diagonals[3] = { block_column(&y, 0), block_column(&y, 1), block_column(&y, 2) };
        int64_t exponents[3][3] = { { 5, 6, 7 }, { 5, 6, 7 }, { 5, 6, 7 } };
        block_scale_columns(&x, factors);
        block_copy(&x, &expected);
        block_scale_rows(&expected, diagonals);
        struct block alike = block_view(&expected, 0, 1), own = block_view(&x, 0, 1);
        assert_true(block_scale_rows_alike(&own, diagonals[0]) == block_largest_magnitude(alike.values, alike.stride));
        assert_memory_equal(own.values, alike.values, (size_t)own.stride * sizeof(double));
        own.values[0] = NAN;
        assert_true(isnan(block_scale_rows_alike(&own, diagonals[0])));
        block_destroy(&x);
        x = new_block(rows, 3, "x");
        block_scale_columns(&x, factors);
        block_balance_columns(&expected, exponents[0]);
        block_scale_rows_balanced(&x, diagonals, &to, exponents[1]);
        block_scale_rows_balanced(&x, diagonals, &x, exponents[2]);
        for (int way = 1; way < 3; way++)
            assert_memory_equal(exponents[way], exponents[0], sizeof exponents[0]);
        assert_memory_equal(to.values, expected.values, (size_t)(3 * x.stride) * sizeof(double));
        assert_memory_equal(x.values, expected.values, (size_t)(3 * x.stride) * sizeof(double));
        block_destroy(&x);
        block_destroy(&y);
        block_destroy(&to);
        block_destroy(&expected);
    }
}

static void zeros_and_what_is_not_finite_are_not_balanced(void **state)
{
    (void)state;
    struct block x = new_block(9, 3, "x");
    int64_t exponents[3] = { 0 };
    double factor[3] = { 0, 0x1p300, 0x1p300 };
    block_scale_columns(&x, factor);
    block_column(&x, 1)[8] = NAN;
    block_column(&x, 2)[0] = -INFINITY;
    struct block before = new_block(9, 3, "x");
    block_copy(&x, &before);
    block_balance_columns(&x, exponents);
    assert_memory_equal(x.values, before.values, 3 * x.stride * sizeof(double));
    for (int j = 0; j < 3; j++)
        assert_int_equal(exponents[j], 0);
    block_destroy(&x);
    block_destroy(&before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_aligned_and_padded),
        cmocka_unit_test(an_impossible_block_is_refused),
        cmocka_unit_test(elementwise_operations),
        cmocka_unit_test(dots_and_norms_have_one_order),
        cmocka_unit_test(norms_neither_overflow_nor_underflow),
        cmocka_unit_test(balancing_is_exact),
        cmocka_unit_test(scaling_and_balancing_are_one_pass),
        cmocka_unit_test(zeros_and_what_is_not_finite_are_not_balanced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
