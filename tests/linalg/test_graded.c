/* Graded products of factors with at most one element a row and a column: no rounding, so zeros are exact. */
#include "linalg/graded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LARGEST = 40 };

/* The weight of step k at row i of the shift: between 0.35 and 1.3, and never a power of two. */
static double weight(long k, long i)
{
    return 0.35 + 0.013 * (double)((7 * k + 3 * i) % 73);
}

static int descending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a < b) - (a > b);
}

/* F_k moves element i + 1 to i with weight(k, i), and, where it is a cycle, element 0 to d - 1. */
static void shift_product_has_exact_values(long d, long factors, bool is_cycle)
{
    struct graded_product product;
    struct block factor, next;
    double path[LARGEST] = { 0 }, found[LARGEST];
    assert_int_equal(graded_create(d, &product), STATUS_OK);
    assert_int_equal(block_create(d, d, &factor), STATUS_OK);
    assert_int_equal(block_create(d, d, &next), STATUS_OK);
    for (long j = 0; j < d; j++)
        block_column(&factor, j)[j] = 1;
    for (long k = 0; k < factors; k++) {
        bool is_finite;
        for (long j = 0; j < d; j++)
            for (long i = 0; i < d; i++) {
                bool is_open_end = i == d - 1 && !is_cycle;
                block_column(&next, j)[i] = is_open_end ? 0 : weight(k, i) * block_column(&factor, j)[(i + 1) % d];
            }
        block_copy(&next, &factor);
        assert_int_equal(graded_absorb(&product, &factor, &is_finite), STATUS_OK);
        assert_true(is_finite);
    }
    int sweeps;
    assert_int_equal(graded_singular_values(&product, found, &sweeps), STATUS_OK);
    /* What starts at j is at j - k after k factors; beyond the open end it is gone. */
    for (long j = 0; j < d; j++)
        for (long k = 0; k < factors; k++) {
            long row = ((j - k - 1) % d + d) % d;
            path[j] += !is_cycle && j - k - 1 < 0 ? -INFINITY : log(weight(k, row));
        }
    qsort(path, (size_t)d, sizeof *path, descending);
    for (long i = 0; i < d; i++)
        if (path[i] == -INFINITY)
            assert_true(found[i] == -INFINITY);
        else /* one product a factor, and the logarithms of the reference */
            assert_true(fabs(found[i] - path[i]) <= 4e-16 * (double)factors * 8);
    block_destroy(&next);
    block_destroy(&factor);
    graded_destroy(&product);
}

static void shifts_end_in_exact_zeros(void **state)
{
    (void)state;
    for (long factors = 1; factors <= 17; factors += 4) {
        shift_product_has_exact_values(1, factors, false);
        shift_product_has_exact_values(16, factors, false);
        shift_product_has_exact_values(33, factors, false);
    }
    shift_product_has_exact_values(16, 64, false);
}

static void cycles_keep_all_their_values(void **state)
{
    (void)state;
    shift_product_has_exact_values(2, 50, true);
    shift_product_has_exact_values(33, 50, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifts_end_in_exact_zeros),
        cmocka_unit_test(cycles_keep_all_their_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
