/* Exact ranks: of matrices whose rank is known by construction, where floating-point numbers see none or another. */
#include "linalg/exact_rank.h"

#include "linalg/matrices.h"

enum { LARGEST = 40 };

static long rank_of(long rows, long columns, const double *values)
{
    long rank = -1;
    assert_int_equal(exact_rank(rows, columns, values, &rank), STATUS_OK);
    return rank;
}

/* Whole numbers within -range .. range. */
static void fill_integers(uint64_t seed, long count, double range, double *values)
{
    struct random_stream stream = random_stream_open(seed, "test integers");
    random_uniform(&stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] = floor((2 * range + 1) * values[i]) - range;
}

/* A B with A [d, r], B [r, d] of unit triangles beside whole numbers: rank r for certain, and all sums below 2^53. */
static void products_of_known_rank(void **state)
{
    (void)state;
    static double a[LARGEST * LARGEST], b[LARGEST * LARGEST], product[LARGEST * LARGEST];
    for (long d = 1; d <= LARGEST; d += 13)
        for (long r = 0; r <= d; r++) {
            fill_integers(2 * (uint64_t)(d * LARGEST + r), d * r, 1000, a);
            fill_integers(2 * (uint64_t)(d * LARGEST + r) + 1, r * d, 1000, b);
            for (long k = 0; k < r; k++)
                for (long i = 0; i < r; i++) {
                    a[i + k * d] = i == k ? 1 : i < k ? 0 : a[i + k * d];
                    b[k + i * r] = i == k ? 1 : i < k ? 0 : b[k + i * r];
                }
            for (long j = 0; j < d; j++)
                for (long i = 0; i < d; i++) {
                    double sum = 0;
                    for (long k = 0; k < r; k++)
                        sum += a[i + k * d] * b[k + j * r];
                    product[i + j * d] = sum;
                }
            assert_int_equal(rank_of(d, d, product), r);
        }
}

/* The rank of the stored doubles: 0.1 + 0.2 is not 0.3. */
static void one_last_bit_decides(void **state)
{
    (void)state;
    const double equal[4] = { 0.1, 0.2, 0.1, 0.2 };
    double other[4] = { 0.1, 0.2, 0.1, nextafter(0.2, 1) };
    const double third[4] = { 0.1, 0.3, 1, 3 }; /* 3 * 0.1 is not 0.3 */
    const double exact[4] = { 0.1, 0.4, 1, 4 }; /* 4 * 0.1 is */
    const double tiny[4] = { 0x1p-1074, 0x1p1023, 0x1p-1074, 0x1p1023 };
    const double apart[4] = { 0x1p-1074, 1, 1, 0x1.8p1023 };
    const double inverse[4] = { 0x1p-500, 1, 1, 0x1p500 };
    assert_int_equal(rank_of(2, 2, equal), 1);
    assert_int_equal(rank_of(2, 2, other), 2);
    assert_int_equal(rank_of(2, 2, third), 2);
    assert_int_equal(rank_of(2, 2, exact), 1);
    assert_int_equal(rank_of(2, 2, tiny), 1);
    assert_int_equal(rank_of(2, 2, apart), 2);
    assert_int_equal(rank_of(2, 2, inverse), 1);
    other[3] = -0.0;
    assert_int_equal(rank_of(2, 2, other), 2);
}

/* A determinant that the first prime divides: the others see it. */
static void one_prime_is_not_enough(void **state)
{
    (void)state;
    const double values[4] = { 1048573, 0, 0, 1 }, all[4] = { 1048573.0 * 1048571.0, 0, 0, 1 };
    assert_int_equal(rank_of(2, 2, values), 2);
    assert_int_equal(rank_of(2, 2, all), 2);
}

static void rectangles(void **state)
{
    (void)state;
    const double values[6] = { 1, 2, 2, 4, 3, 6 }; /* [2, 3]: rows 1 2 3 and 2 4 6 */
    const double full[6] = { 1, 2, 2, 4, 3, 7 };
    assert_int_equal(rank_of(2, 3, values), 1);
    assert_int_equal(rank_of(3, 2, values), 2);
    assert_int_equal(rank_of(2, 3, full), 2);
}

/* Random doubles have full rank; with a row that repeats another, one less, which no singular value tells apart. */
static void equal_rows_of_random_doubles(void **state)
{
    (void)state;
    for (long d = 2; d <= 66; d += 32) {
        double *values = new_ginibre(d, 7);
        assert_int_equal(rank_of(d, d, values), d);
        for (long j = 0; j < d; j++)
            values[d - 1 + j * d] = values[j * d];
        assert_int_equal(rank_of(d, d, values), d - 1);
        memory_free(values);
    }
}

/* The residue of a double m 2^e: doubled -e times it is that of m. */
static void residues_of_the_stored_numbers(void **state)
{
    (void)state;
    static const int64_t primes[EXACT_PRIMES] = { 1048573, 1048571, 1048559 };
    static const int exponents[] = { 0, -1, -52, -1074, 40 };
    enum { COUNT = 200 };
    double mantissas[COUNT] = {
        0, 1, 1048573, 1048572, 524287, 0x1p52, 0x1p53 - 1, 0x1p27, 0x1p27 - 1, 0x1p53 - 0x1p26
    };
    fill_integers(5, COUNT - 10, 0x1p52, mantissas + 10);
    for (int prime = 0; prime < EXACT_PRIMES; prime++)
        for (size_t e = 0; e < sizeof exponents / sizeof *exponents; e++)
            for (int i = 0; i < COUNT; i++) {
                const int64_t p = primes[prime], exponent = exponents[e];
                double residue = NAN;
                exact_residues(prime, 1, &mantissas[i], &exponent, &residue);
                assert_true(residue == rint(residue) && fabs(residue) <= (double)(p - 1) / 2);
                int64_t ours = (int64_t)residue, theirs = (int64_t)mantissas[i] % p;
                for (int64_t k = 0; k < -exponent; k++)
                    ours = 2 * ours % p;
                for (int64_t k = 0; k < exponent; k++)
                    theirs = 2 * theirs % p;
                assert_int_equal((ours - theirs) % p, 0);
            }
}

static void zeros_are_told_from_anything_else(void **state)
{
    (void)state;
    double residues[] = { 0, -0.0, 0, 0 };
    assert_true(exact_is_zero(residues, 4));
    assert_true(exact_is_zero(residues, 0));
    for (int i = 0; i < 4; i++) {
        residues[i] = i % 2 == 0 ? 1 : -1;
        assert_false(exact_is_zero(residues, 4));
        residues[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_known_rank),
        cmocka_unit_test(one_last_bit_decides),
        cmocka_unit_test(one_prime_is_not_enough),
        cmocka_unit_test(rectangles),
        cmocka_unit_test(equal_rows_of_random_doubles),
        cmocka_unit_test(residues_of_the_stored_numbers),
        cmocka_unit_test(zeros_are_told_from_anything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
