/* The range finder: ranks and subspaces known by construction. */
#include "linalg/matrices.h"
#include "linalg/range_finder.h"

enum { D = 150 };

/* A = sum_k 10^(-k) u_k v_k^T of rank terms with orthonormal u and v, times the random block. */
static struct block new_products(long terms, long columns, const double *u, const double *v)
{
    struct block random, products;
    assert_int_equal(block_create(D, columns, &random), STATUS_OK);
    assert_int_equal(block_create(D, columns, &products), STATUS_OK);
    range_finder_fill_random(&random);
    for (long j = 0; j < columns; j++)
        for (long k = 0; k < terms; k++) {
            double overlap = 0;
            for (long i = 0; i < D; i++)
                overlap += v[i + k * D] * block_column(&random, j)[i];
            for (long i = 0; i < D; i++)
                block_column(&products, j)[i] += pow(10, -(double)k) * overlap * u[i + k * D];
        }
    block_destroy(&random);
    return products;
}

static double dot(const double *x, const double *y)
{
    double sum = 0;
    for (long i = 0; i < D; i++)
        sum += x[i] * y[i];
    return sum;
}

/* Q^T Q = 1 to rounding; and u_k lies in the range of Q up to what may be left of 10^-k u_k. */
static void check_basis(const struct block *basis, long rank, long terms, const double *u)
{
    for (long j = 0; j < rank; j++)
        for (long k = 0; k <= j; k++)
            assert_within(dot(block_column(basis, j), block_column(basis, k)), j == k, 4 * D * 0x1p-53);
    for (long k = 0; k < terms; k++) {
        double rest = dot(u + k * D, u + k * D);
        for (long j = 0; j < rank; j++)
            rest -= pow(dot(u + k * D, block_column(basis, j)), 2);
        /* ||A||_F is below 1.01; squared, as `rest` is, beside the rounding of the sum. */
        assert_true(rest <= pow(8.1 * D * 0x1p-53 * pow(10, (double)k), 2) + D * 0x1p-53);
    }
}

static void a_low_rank_is_found_with_its_subspace(void **state)
{
    (void)state;
    double *u = new_orthogonal(D, 1), *v = new_orthogonal(D, 2);
    for (long terms = 1; terms <= 8; terms++) {
        struct block products = new_products(terms, 16, u, v);
        long rank;
        assert_true(range_finder_orthonormalise(&products, &rank));
        assert_int_equal(rank, terms);
        check_basis(&products, rank, terms, u);
        block_destroy(&products);
    }
    memory_free(u);
    memory_free(v);
}

/* Terms beyond rounding do not count: 10^-13 does, 10^-15 does not beside the tolerance D u = 1.7e-14. */
static void what_rounding_swallows_is_no_rank(void **state)
{
    (void)state;
    double *u = new_orthogonal(D, 1), *v = new_orthogonal(D, 2);
    struct block products = new_products(40, 40, u, v);
    long rank;
    assert_true(range_finder_orthonormalise(&products, &rank));
    assert_in_range(rank, 13, 16);
    check_basis(&products, rank, rank, u);
    block_destroy(&products);
    memory_free(u);
    memory_free(v);
}

static void too_high_a_rank_is_told(void **state)
{
    (void)state;
    double *u = new_orthogonal(D, 1), *v = new_orthogonal(D, 2);
    for (long terms = 9; terms <= 12; terms++) {
        struct block products = new_products(terms, 16, u, v);
        long rank;
        assert_false(range_finder_orthonormalise(&products, &rank));
        block_destroy(&products);
    }
    memory_free(u);
    memory_free(v);
}

/* A new direction after some columns without one begins the count of probes anew. */
static void probes_follow_one_another(void **state)
{
    (void)state;
    struct block products;
    long rank;
    assert_int_equal(block_create(D, 20, &products), STATUS_OK);
    for (long j = 0; j < 20; j += RANGE_PROBES)
        block_column(&products, j)[j] = 1;
    assert_false(range_finder_orthonormalise(&products, &rank));
    assert_int_equal(rank, 3);
    block_destroy(&products);
}

static void nothing_has_no_range(void **state)
{
    (void)state;
    struct block products;
    long rank;
    assert_int_equal(block_create(D, 16, &products), STATUS_OK);
    assert_true(range_finder_orthonormalise(&products, &rank));
    assert_int_equal(rank, 0);
    block_destroy(&products);
}

/* Those of small matrices, which are kept, as well as those of large ones, which are not. */
static void random_columns_are_the_same_always(void **state)
{
    (void)state;
    static const struct {
        long rows, columns;
    } sizes[] = { { 5, 3 }, { 64, 16 }, { 33, 17 }, { 65, 16 }, { 5, 3 } };
    struct block most, some;
    assert_int_equal(block_create(D, 20, &most), STATUS_OK);
    range_finder_fill_random(&most);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(block_create(sizes[i].rows, sizes[i].columns, &some), STATUS_OK);
        range_finder_fill_random(&some);
        for (long j = 0; j < some.columns; j++)
            assert_memory_equal(block_column(&some, j), block_column(&most, j), (size_t)some.rows * sizeof(double));
        block_destroy(&some);
    }
    block_destroy(&most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_low_rank_is_found_with_its_subspace),
        cmocka_unit_test(what_rounding_swallows_is_no_rank),
        cmocka_unit_test(too_high_a_rank_is_told),
        cmocka_unit_test(probes_follow_one_another),
        cmocka_unit_test(nothing_has_no_range),
        cmocka_unit_test(random_columns_are_the_same_always),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
