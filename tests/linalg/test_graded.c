/* Graded products of factors with at most one element a row and a column: no rounding, so zeros are exact. And of
 * factors that lack rank, where rounding leaves something in the place of zeros. */
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
        assert_int_equal(graded_absorb(&product, &factor, d, &is_finite), STATUS_OK);
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

/* product := F product for a given F[d, d], column-major; the status of it. */
static enum status absorb(struct graded_product *product, struct block *orthogonal, const double *values, long rank)
{
    const long d = product->dimension;
    struct block factor;
    bool is_finite = false;
    assert_int_equal(block_create(d, d, &factor), STATUS_OK);
    for (long j = 0; j < d; j++)
        for (long i = 0; i < d; i++)
            for (long k = 0; k < d; k++)
                block_column(&factor, j)[i] += values[i + k * d] * block_column(orthogonal, j)[k];
    enum status status = graded_absorb(product, &factor, rank, &is_finite);
    assert_true(is_finite);
    block_copy(&factor, orthogonal);
    block_destroy(&factor);
    return status;
}

static void start(long d, struct graded_product *product, struct block *orthogonal)
{
    assert_int_equal(graded_create(d, product), STATUS_OK);
    assert_int_equal(block_create(d, d, orthogonal), STATUS_OK);
    for (long j = 0; j < d; j++)
        block_column(orthogonal, j)[j] = 1;
}

/* (u v^T)^l with v^T u = 7 has one singular value, |u| |v| 7^(l-1). */
static void collinear_rows_leave_one_value(void **state)
{
    (void)state;
    enum { D = 3 };
    static const double u[D] = { 1, 3, 7 }, v[D] = { 0.1, 0.2, 0.9 }; /* not whole: rounding leaves something */
    double values[D * D], found[D], dot = 0, u_norm = 0, v_norm = 0;
    struct graded_product product;
    struct block orthogonal;
    int sweeps;
    for (long j = 0; j < D; j++) {
        for (long i = 0; i < D; i++)
            values[i + j * D] = u[i] * v[j];
        dot += u[j] * v[j];
        u_norm += u[j] * u[j];
        v_norm += v[j] * v[j];
    }
    start(D, &product, &orthogonal);
    for (long l = 1; l <= 60; l++) {
        assert_int_equal(absorb(&product, &orthogonal, values, 1), STATUS_OK);
        assert_int_equal(graded_singular_values(&product, found, &sweeps), STATUS_OK);
        double expected = 0.5 * log(u_norm) + 0.5 * log(v_norm) + (double)(l - 1) * log(dot);
        assert_true(fabs(found[0] - expected) <= 1e-15 * (double)(l + 2) * D * 4);
        assert_true(found[1] == -INFINITY && found[2] == -INFINITY);
    }
    block_destroy(&orthogonal);
    graded_destroy(&product);
}

/* Of a matrix whose rank is said to be full, and that rounding cannot tell from one that is not, nothing is made up. */
static void rows_that_only_rounding_keeps_apart_are_told(void **state)
{
    (void)state;
    enum { D = 4 };
    struct graded_product product;
    struct block orthogonal;
    double values[D * D];
    for (long j = 0; j < D; j++)
        for (long i = 0; i < D; i++)
            values[i + j * D] = 1.0 / (double)(2 + i % (D - 1) + 3 * j * j % 7); /* the last row is the first */
    values[D - 1] = nextafter(values[D - 1], 1);
    start(D, &product, &orthogonal);
    assert_int_equal(absorb(&product, &orthogonal, values, D), STATUS_NUMERICAL);
    block_destroy(&orthogonal);
    graded_destroy(&product);
}

/* Rotations of collinear rows, whose rounding they turn against its neighbours again and again, end. */
static void collinear_rows_do_not_rotate_for_ever(void **state)
{
    (void)state;
    enum { D = 4 };
    struct graded_product product;
    struct block orthogonal;
    double found[D];
    int sweeps;
    start(D, &product, &orthogonal);
    for (long i = 0; i < D; i++)
        for (long j = 0; j < D; j++)
            block_column(&product.rows, i)[j] =
                1.0 + 1.0 / (double)(3 + j + (i < 2 ? 0 : i)); /* the first two are one */
    assert_int_equal(graded_singular_values(&product, found, &sweeps), STATUS_NUMERICAL);
    assert_true(sweeps < 30);
    block_destroy(&orthogonal);
    graded_destroy(&product);
}

/* A rank that is lost at the second factor, in the direction that the first has left 2^100 times as large as the other:
 * what rounding left of it, 1e-17, must not outweigh the other. The product has one value, |a| 2^-100. */
static void what_a_factor_empties_stays_empty(void **state)
{
    (void)state;
    enum { D = 3 };
    static const double a[D] = { 3, 4, 12 };
    double first[D * D] = { 0 }, second[D * D] = { 0 }, found[D];
    struct graded_product product;
    struct block orthogonal;
    int sweeps;
    first[0] = 1;
    first[1 + D] = 0x1p-100;
    for (long i = 0; i < D; i++) {
        second[i] = 1e-17 * a[D - 1 - i];
        second[i + D] = a[i];
    }
    start(D, &product, &orthogonal);
    assert_int_equal(absorb(&product, &orthogonal, first, 2), STATUS_OK);
    assert_int_equal(absorb(&product, &orthogonal, second, 1), STATUS_OK);
    assert_int_equal(graded_singular_values(&product, found, &sweeps), STATUS_OK);
    assert_true(fabs(found[0] - (log(13) - 100 * log(2))) <= 1e-13);
    assert_true(found[1] == -INFINITY && found[2] == -INFINITY);
    block_destroy(&orthogonal);
    graded_destroy(&product);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shifts_end_in_exact_zeros),
        cmocka_unit_test(cycles_keep_all_their_values),
        cmocka_unit_test(collinear_rows_leave_one_value),
        cmocka_unit_test(collinear_rows_do_not_rotate_for_ever),
        cmocka_unit_test(rows_that_only_rounding_keeps_apart_are_told),
        cmocka_unit_test(what_a_factor_empties_stays_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
