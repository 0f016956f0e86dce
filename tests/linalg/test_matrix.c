#include "linalg/instruction_set.h"
#include "linalg/matrix.h"

#include "linalg/matrices.h"

/* Normal numbers with exponents spread over 2^-20 .. 2^20, so that every rounding shows. */
static void fill(double *values, long count, const char *what)
{
    struct random_stream stream = random_stream_open(1, what);
    random_normal(&stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] = ldexp(values[i], (int)(i * 7919 % 41) - 20);
}

/* What every kernel must give, bit for bit. */
static double chain_of_fma(long d, const double *values, bool transposed, long row, const double *x)
{
    double sum = 0;
    for (long k = 0; k < d; k++)
        sum = fma(transposed ? values[k + row * d] : values[row + k * d], x[k], sum);
    return sum;
}

enum { WIDEST = 300 };

/* One application to columns first .. first+width-1 of x against `expected`, computed once a matrix. */
static void check_width(const struct matrix *matrix, bool transposed, const struct block *x,
                        const struct block *expected, long first, long width)
{
    struct block part = block_view(x, first, width), y;
    assert_int_equal(block_create(x->rows, width, &y), STATUS_OK);
    memset(y.values, 0x7f, (size_t)(y.stride * width) * sizeof *y.values);
    assert_int_equal(transposed ? matrix_apply_transposed(matrix, &part, &y) : matrix_apply(matrix, &part, &y),
                     STATUS_OK);
    /* The whole stride: the padding must be zero as well. */
    assert_memory_equal(y.values, block_column(expected, first), (size_t)(y.stride * width) * sizeof *y.values);
    block_destroy(&y);
}

/* The affine map of columns 0 .. width-1 of x, whose products are `expected`, with an element of the last one in the
 * first row or the last out of the moderate range, or none. */
static void check_affine(const struct matrix *matrix, const struct block *x, const struct block *expected, long width,
                         bool is_added, double last_factor)
{
    const struct block part = block_view(x, 0, width);
    struct block y, added;
    double factors[WIDEST];
    bool are_moderate = true;
    assert_int_equal(block_create(x->rows, width, &y), STATUS_OK);
    assert_int_equal(block_create(x->rows, 1, &added), STATUS_OK);
    memset(y.values, 0x7f, (size_t)(y.stride * width) * sizeof *y.values);
    fill(factors, width, "factors");
    fill(added.values, x->rows, "added");
    factors[width - 1] *= last_factor;
    const bool found = matrix_apply_affine(matrix, &part, factors, is_added ? added.values : NULL, &y);
    for (long j = 0; j < width; j++)
        for (long i = 0; i < y.stride; i++) {
            const double element = block_column(&y, j)[i];
            volatile double result = i < x->rows ? block_column(expected, j)[i] * factors[j] : 0;
            if (is_added)
                result += added.values[i];
            assert_true(element == result || (isnan(element) && isnan(result)));
            are_moderate = are_moderate && (i >= x->rows || (fabs(result) >= 0x1p-255 && fabs(result) < 0x1p257));
        }
    assert_int_equal(found, are_moderate);
    block_destroy(&y);
    block_destroy(&added);
}

static void check_affine_maps(const struct matrix *matrix, const struct block *x, const struct block *expected)
{
    const double last_factors[] = { 1, 0, 0x1p-400, 0x1p400, INFINITY };
    if (!matrix_is_small(matrix))
        return;
    for (long width = 1; width <= 20; width++)
        for (size_t i = 0; i < sizeof last_factors / sizeof *last_factors; i++)
            for (int is_added = 0; is_added < 2; is_added++)
                check_affine(matrix, x, expected, width, is_added, last_factors[i]);
    check_affine(matrix, x, expected, x->columns, true, 1);
}

static void check_dimension(long d, bool transposed, long widest)
{
    double *values = new_matrix(d);
    struct matrix *matrix = NULL;
    struct block x, expected;
    fill(values, d * d, "weights");
    assert_int_equal(matrix_create(d, values, transposed, &matrix), STATUS_OK);
    assert_int_equal(matrix_dimension(matrix), d);
    assert_int_equal(block_create(d, widest, &x), STATUS_OK);
    assert_int_equal(block_create(d, widest, &expected), STATUS_OK);
    for (long j = 0; j < widest; j++) {
        fill(block_column(&x, j), d, "columns");
        block_column(&x, j)[j % d] *= (double)j;
        for (long i = 0; i < d; i++)
            block_column(&expected, j)[i] = chain_of_fma(d, values, transposed, i, block_column(&x, j));
    }
    for (long width = 1; width <= 20; width++)
        for (int turn = 0; turn < 2; turn++) /* a large matrix is gone through in either direction */
            check_width(matrix, transposed, &x, &expected, width % 3, width);
    check_width(matrix, transposed, &x, &expected, 0, widest);
    check_width(matrix, transposed, &x, &expected, 5, widest - 5);
    if (!transposed)
        check_affine_maps(matrix, &x, &expected);
    block_destroy(&x);
    block_destroy(&expected);
    matrix_destroy(matrix);
    memory_free(values);
}

/* This machine has no such instructions: what was skipped has not passed. */
static bool lacks_a_kernel = false;

static void check_kernel(enum instruction_set set, const char *name)
{
    const long dimensions[] = { 1, 2, 3, 7, 8, 15, 16, 17, 23, 24, 25, 63, 64, 65, 100, 127, 128, 257, 370 };
    if (!instruction_set_select(set)) {
        lacks_a_kernel = true;
        skip();
    }
    assert_string_equal(instruction_set_name(), name);
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++)
        for (int transposed = 0; transposed < 2; transposed++)
            check_dimension(dimensions[n], transposed, dimensions[n] < 100 ? WIDEST : 23);
    check_dimension(130, false, WIDEST);
}

#ifdef __x86_64__
static void avx512_is_a_chain_of_fma(void **state)
{
    (void)state;
    check_kernel(INSTRUCTIONS_AVX512, "avx512");
}

static void avx2_is_a_chain_of_fma(void **state)
{
    (void)state;
    check_kernel(INSTRUCTIONS_AVX2, "avx2");
}

#endif

#ifdef __aarch64__
static void neon_is_a_chain_of_fma(void **state)
{
    (void)state;
    check_kernel(INSTRUCTIONS_NEON, "neon");
}
#endif

static void plain_is_a_chain_of_fma(void **state)
{
    (void)state;
    check_kernel(INSTRUCTIONS_PLAIN, "plain");
}

/* 0 * NaN and 0 * inf are NaN in every row; the columns beside and the padding stay clean. */
static void what_is_not_finite_stays_in_its_column(void **state)
{
    (void)state;
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (long d = 3; d < 200; d += 130) {
            if (!instruction_set_select((enum instruction_set)set))
                continue;
            double *values = new_matrix(d);
            struct matrix *matrix = NULL;
            struct block x, y;
            assert_int_equal(matrix_create(d, values, true, &matrix), STATUS_OK);
            assert_int_equal(block_create(d, 11, &x), STATUS_OK);
            assert_int_equal(block_create(d, 11, &y), STATUS_OK);
            block_column(&x, 3)[1] = NAN;
            block_column(&x, 9)[2] = INFINITY;
            for (int transposed = 0; transposed < 2; transposed++) {
                assert_int_equal(transposed ? matrix_apply_transposed(matrix, &x, &y) : matrix_apply(matrix, &x, &y),
                                 STATUS_OK);
                for (long j = 0; j < 11; j++)
                    for (long i = 0; i < y.stride; i++)
                        assert_true(i < d && (j == 3 || j == 9) ? isnan(block_column(&y, j)[i])
                                                                : block_column(&y, j)[i] == 0);
            }
            block_destroy(&x);
            block_destroy(&y);
            matrix_destroy(matrix);
            memory_free(values);
        }
}

/* A matrix made of another is what it does to the columns of I; `columns` [d, d] are what it should be, column by
 * column without gaps. */
static void check_made(const struct matrix *made, const double *columns)
{
    const long d = matrix_dimension(made);
    struct block unit, y;
    assert_int_equal(block_create(d, d, &unit), STATUS_OK);
    assert_int_equal(block_create(d, d, &y), STATUS_OK);
    for (long i = 0; i < d; i++)
        block_column(&unit, i)[i] = 1;
    for (int transposed = 0; transposed < 2; transposed++) {
        assert_int_equal((transposed ? matrix_apply_transposed : matrix_apply)(made, &unit, &y), STATUS_OK);
        for (long j = 0; j < d; j++)
            for (long i = 0; i < d; i++)
                assert_true(block_column(&y, j)[i] == columns[transposed ? j + i * d : i + j * d]);
    }
    block_destroy(&unit);
    block_destroy(&y);
}

/* A^2, by chains of fused multiply-adds, with its power of two where it is far from 1, and A D. */
static void squares_and_scaled_ones_are_those_of_their_elements(void **state)
{
    const long dimensions[] = { 1, 2, 8, 23, 65, 129, 260 };
    const int exponents[] = { 0, 150, -150 };
    (void)state;
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++)
        for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++) {
            const long d = dimensions[n];
            double *values = new_matrix(d), *expected = new_matrix(d), largest = 0;
            struct matrix *matrix, *square, *scaled;
            int64_t exponent;
            fill(values, d * d, "weights");
            for (long i = 0; i < d * d; i++)
                values[i] = ldexp(values[i], exponents[e]);
            assert_int_equal(matrix_create(d, values, true, &matrix), STATUS_OK);
            assert_int_equal(matrix_create_square(matrix, &exponent, &square), STATUS_OK);
            for (long j = 0; j < d; j++)
                for (long i = 0; i < d; i++)
                    expected[i + j * d] = ldexp(chain_of_fma(d, values, false, i, values + j * d), (int)-exponent);
            for (long i = 0; i < d * d; i++)
                largest = fmax(largest, fabs(expected[i]));
            assert_true(exponents[e] == 0 ? exponent == 0 : largest >= 0.5 && largest <= 1);
            check_made(square, expected);
            assert_int_equal(matrix_create_scaled(matrix, values, &scaled), STATUS_OK);
            for (long j = 0; j < d; j++)
                for (long i = 0; i < d; i++)
                    expected[i + j * d] = values[i + j * d] * values[j];
            check_made(scaled, expected);
            matrix_destroy(scaled);
            matrix_destroy(square);
            matrix_destroy(matrix);
            memory_free(expected);
            memory_free(values);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef __x86_64__
        cmocka_unit_test(avx512_is_a_chain_of_fma),
        cmocka_unit_test(avx2_is_a_chain_of_fma),
#endif
#ifdef __aarch64__
        cmocka_unit_test(neon_is_a_chain_of_fma),
#endif
        cmocka_unit_test(plain_is_a_chain_of_fma),
        cmocka_unit_test(what_is_not_finite_stays_in_its_column),
        cmocka_unit_test(squares_and_scaled_ones_are_those_of_their_elements),
    };
    const int failures = cmocka_run_group_tests(tests, NULL, NULL);
    return failures == 0 && lacks_a_kernel ? 77 : failures;
}
