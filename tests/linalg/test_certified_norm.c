/* Proven bounds of spectral norms, against quadruple precision: never wrong, and as near as they say. */
#include "base/random.h"
#include "linalg/certified_norm.h"
#include "quad_norm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define REQUIRE_OK(expression) assert_int_equal((expression), STATUS_OK)

static const double UNIT = 0x1p-53;

/* Matrices of several kinds: Gaussian, nearly singular, orthogonal up to rounding, graded, of one entry, zero. */
enum { KINDS = 6 };

static void fill(struct block *a, int kind, uint64_t seed)
{
    long d = a->rows;
    struct random_stream stream = random_stream_open(seed, "test");
    for (long j = 0; j < d; j++) {
        double *column = block_column(a, j);
        random_normal(&stream, 0, (uint64_t)(j * d), (uint64_t)d, column);
        for (long i = 0; i < d; i++) {
            double angle = 2 * 3.14159265358979323846 * (double)(i * j) / (double)d;
            if (kind == 1)
                column[i] = 1 + 1e-12 * column[i];
            if (kind == 2) /* the Hartley transform */
                column[i] = (cos(angle) + sin(angle)) / sqrt((double)d);
            if (kind == 3)
                column[i] *= exp(-20.0 * (double)(i + j) / (double)d);
            if (kind == 4)
                column[i] = i == 0 && j == d - 1 ? 0x1.fffffffffffffp-3 : 0;
            if (kind == 5)
                column[i] = 0;
        }
    }
}

static double quad_norm_of_block(const struct block *a)
{
    double dense[32 * 32];
    for (long j = 0; j < a->columns; j++)
        memcpy(dense + j * a->rows, block_column(a, j), (size_t)a->rows * sizeof *dense);
    return (double)quad_norm_of((int)a->rows, dense);
}

static void bounds_are_right_and_near(void **state)
{
    (void)state;
    double worst_lower = 0;
    for (long d = 1; d <= 24; d += d < 4 ? 1 : 5)
        for (int kind = 0; kind < KINDS; kind++) {
            struct block a;
            double lower, frobenius = 0;
            bool proven;
            REQUIRE_OK(block_create(d, d, &a));
            fill(&a, kind, 7 + (uint64_t)d);
            double norm = quad_norm_of_block(&a);
            for (long i = 0; i < a.stride * d; i++)
                frobenius = hypot(frobenius, a.values[i]);
            REQUIRE_OK(certified_norm_lower(&a, 3, NULL, &lower));
            assert_true(lower <= norm);
            if (norm > 0) /* as the header says, with the constants of the source */
                assert_true(lower >= norm * (1 - (double)(4 * d * d + 40) * UNIT) - 2 * (double)d * frobenius * UNIT);
            if (norm > 0)
                worst_lower = fmax(worst_lower, (norm - lower) / norm / ((double)(d * d) * UNIT));
            assert_true(certified_frobenius_upper(&a) >= frobenius * (1 - 64 * UNIT));
            assert_true(certified_frobenius_upper(&a) <= frobenius * (1 + (double)(8 * d + 100) * UNIT));
            /* What is false is not proven, by however little; what is true by the header's distance is. */
            REQUIRE_OK(certified_norm_is_at_most(&a, norm * (1 - 2 * UNIT), &proven));
            assert_int_equal(proven, norm == 0);
            REQUIRE_OK(certified_norm_is_at_most(&a, norm * 0.999, &proven));
            assert_int_equal(proven, norm == 0);
            REQUIRE_OK(certified_norm_is_at_most(&a, norm * (1 + (double)(3 * d * d + 40 * d + 20) * UNIT), &proven));
            assert_true(proven);
            block_destroy(&a);
        }
    print_message("certified lower bounds are below the norm by at most %.2g d^2 u\n", worst_lower);
}

/* Where few roundings are made they go up as often as down, and the bound must be below all the same. */
static void lower_bounds_of_small_matrices_are_below(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 600; seed++) {
        struct block a;
        double lower, dense[9];
        long d = 1 + (long)(seed % 3);
        REQUIRE_OK(block_create(d, d, &a));
        fill(&a, 0, seed);
        for (long j = 0; j < d; j++)
            memcpy(dense + j * d, block_column(&a, j), (size_t)d * sizeof *dense);
        REQUIRE_OK(certified_norm_lower(&a, seed, NULL, &lower));
        assert_true((quad)lower <= quad_norm_of((int)d, dense) * (1 + (quad)0x1p-100));
        block_destroy(&a);
    }
}

/* The proof is at home on any scale; where squares would overflow or underflow it declines. */
static void scales_do_not_matter(void **state)
{
    (void)state;
    static const int exponents[] = { -900, -250, -190, 0, 190, 250, 900 };
    for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
        struct block a;
        double lower;
        bool proven, in_range = abs(exponents[e]) < 200;
        REQUIRE_OK(block_create(9, 9, &a));
        fill(&a, 0, 1);
        double norm = ldexp(quad_norm_of_block(&a), exponents[e]);
        for (long i = 0; i < a.stride * a.columns; i++)
            a.values[i] = ldexp(a.values[i], exponents[e]);
        REQUIRE_OK(certified_norm_lower(&a, 3, NULL, &lower));
        assert_true(lower <= norm && (lower > 0.999 * norm) == in_range);
        REQUIRE_OK(certified_norm_is_at_most(&a, 1.001 * norm, &proven));
        assert_int_equal(proven, in_range);
        REQUIRE_OK(certified_norm_is_at_most(&a, 0.999 * norm, &proven));
        assert_false(proven);
        block_destroy(&a);
    }
}

static void what_is_not_finite_proves_nothing(void **state)
{
    (void)state;
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    for (size_t b = 0; b < 3; b++)
        for (long place = 0; place < 25; place += 6) {
            struct block a;
            double lower;
            bool proven;
            REQUIRE_OK(block_create(5, 5, &a));
            fill(&a, 0, 1);
            block_column(&a, place / 5)[place % 5] = bad[b];
            REQUIRE_OK(certified_norm_is_at_most(&a, 1e9, &proven));
            assert_false(proven);
            REQUIRE_OK(certified_norm_lower(&a, 3, NULL, &lower));
            assert_true(lower == 0);
            assert_true(certified_frobenius_upper(&a) == INFINITY);
            block_destroy(&a);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_right_and_near),
        cmocka_unit_test(lower_bounds_of_small_matrices_are_below),
        cmocka_unit_test(scales_do_not_matter),
        cmocka_unit_test(what_is_not_finite_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
