#include "linalg/eigenbasis.h"
#include "linalg/matrices.h"

/* [[a, -b], [b, a]] = r (rotation): complex eigenvalues a +- ib of modulus r, and ||.||_2 = r. */
static void a_scaled_rotation_is_its_modulus(void **state)
{
    (void)state;
    const double values[4] = { 0.3, 0.4, -0.4, 0.3 };
    double radius, by_squaring, norm;
    assert_int_equal(spectrum_radius(2, values, &radius), STATUS_OK);
    assert_int_equal(spectrum_radius_by_squaring(2, values, NULL, &by_squaring), STATUS_OK);
    assert_int_equal(spectrum_norm(2, values, &norm), STATUS_OK);
    assert_within(radius, 0.5, 4e-16); /* some units in the last place */
    assert_within(by_squaring, 0.5, 4e-16);
    assert_within(norm, 0.5, 0.5 * spectrum_norm_error(2));
}

/* The companion matrix of (x - 3)(x - 2)(x + 1) = x^3 - 4x^2 + x + 6. */
static void a_companion_matrix_has_the_roots(void **state)
{
    (void)state;
    const double values[9] = { 0, 1, 0, 0, 0, 1, -6, -1, 4 };
    double radius, by_squaring;
    assert_int_equal(spectrum_radius(3, values, &radius), STATUS_OK);
    assert_int_equal(spectrum_radius_by_squaring(3, values, NULL, &by_squaring), STATUS_OK);
    /* The condition number of the root 3 is below 20. */
    assert_within(radius, 3, 20 * 3 * 2e-16);
    assert_within(by_squaring, 3, 20 * 3 * 2e-16);
}

/* tridiag(1, 2, 1) has eigenvalues 2 + 2 cos(k pi/(d+1)). */
static void a_symmetric_matrix_has_one_radius_and_norm(void **state)
{
    (void)state;
    enum { D = 40 };
    double *values = new_matrix(D);
    for (long i = 0; i < D; i++) {
        values[i + i * D] = -2;
        if (i > 0)
            values[i + (i - 1) * D] = values[i - 1 + i * D] = 1;
    }
    const double exact = 2 + 2 * cos(M_PI / (D + 1)), bound = exact * spectrum_norm_error(D);
    double general, norm, by_squaring;
    assert_int_equal(spectrum_radius(D, values, &general), STATUS_OK);
    assert_int_equal(spectrum_norm(D, values, &norm), STATUS_OK);
    assert_int_equal(spectrum_radius_by_squaring(D, values, NULL, &by_squaring), STATUS_OK);
    assert_within(general, exact, bound);
    assert_within(norm, exact, bound);
    assert_within(by_squaring, exact, bound); /* each squaring errs by d u at most, and counts half the one before */
    memory_free(values);
}

/* Two algorithms that share nothing. The bound is cond(eigenvalue) d u; for these ginibre matrices of dimension <= 100
 * the condition of the leading eigenvalue is below 50. */
static void squaring_agrees_with_eigenvalues(void **state)
{
    (void)state;
    /* From 64 on, powers are seen from their range once that has few dimensions. */
    const long dimensions[] = { 1, 2, 3, 10, 33, 63, 64, 65, 100 };
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            long d = dimensions[n];
            double *values = new_ginibre(d, seed), radius, by_squaring;
            assert_int_equal(spectrum_radius(d, values, &radius), STATUS_OK);
            assert_int_equal(spectrum_radius_by_squaring(d, values, NULL, &by_squaring), STATUS_OK);
            assert_within(by_squaring / radius, 1, 50 * (double)(d + 4) * 0x1p-53);
            memory_free(values);
        }
}

/* Q M Q^T with M = diag(3/4 (rotation by one radian), 0.7, 0.69, ...): a complex pair leads, which the bare ratio
 * follows only like 2^-k. The matrix is normal, so that its eigenvalues move by no more than its elements' rounding. */
static void a_leading_pair_is_found_in_the_range_of_a_power(void **state)
{
    (void)state;
    enum { D = 120 };
    double *q = new_orthogonal(D, 5), *values = new_matrix(D), radius;
    for (long i = 0; i < D; i++)
        for (long j = 0; j < D; j++) {
            double sum =
                0.75 * (cos(1) * (q[i] * q[j] + q[i + D] * q[j + D]) + sin(1) * (q[i + D] * q[j] - q[i] * q[j + D]));
            for (long k = 2; k < D; k++)
                sum += (0.7 - 0.005 * (double)k) * q[i + k * D] * q[j + k * D];
            values[i + j * D] = sum;
        }
    assert_int_equal(spectrum_radius_by_squaring(D, values, NULL, &radius), STATUS_OK);
    assert_within(radius, 0.75, 4 * D * 0x1p-53);
    memory_free(q);
    memory_free(values);
}

/* rho of all eigenvalues that LAPACK finds. */
static double radius_of_eigenvalues(long d, const double *values)
{
    double *re = new_matrix(d), *im = new_matrix(d), radius = 0;
    assert_int_equal(eigenbasis_values(d, values, re, im), STATUS_OK);
    for (long i = 0; i < d; i++)
        radius = fmax(radius, hypot(re[i], im[i]));
    memory_free(re);
    memory_free(im);
    return radius;
}

/* As above, the leading eigenvalue of ginibre matrices has a condition below 50. It is found for nearly all of them,
 * and however large W is. */
static void ranges_of_powers_show_the_leading_eigenvalue(void **state)
{
    (void)state;
    const long dimensions[] = { 16, 17, 24, 33, 63, 64, 100, 130 };
    const int scales[] = { 0, 600, -600 };
    int count = 0;
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            const long d = dimensions[n];
            double *values = new_ginibre(d, seed), first = 0;
            const double exact = radius_of_eigenvalues(d, values);
            for (int s = 0; s < 3; s++) {
                double *scaled = new_matrix(d), radius = 0;
                bool found = false;
                for (long i = 0; i < d * d; i++)
                    scaled[i] = ldexp(values[i], scales[s]);
                assert_int_equal(spectrum_radius_by_range(d, scaled, &found, &radius), STATUS_OK);
                count += found;
                if (found && s == 0)
                    assert_within(radius / exact, 1, 50 * (double)(d + 4) * 0x1p-53);
                first = s == 0 ? radius : first;
                assert_true(radius == ldexp(first, scales[s]));
                memory_free(scaled);
            }
            memory_free(values);
        }
    assert_true(count >= 8 * 6 * 3 * 9 / 10);
}

/* Q (Lambda + N) Q^T, Lambda real and uniform on the disc, N strictly upper. Without a look at the residual, values
 * that are wrong by a half would be accepted here; what is accepted is right to 1e-12, though the eigenvalues of the
 * larger N move by more than that when rounded. */
static void strongly_non_normal_matrices_are_left_to_lapack(void **state)
{
    (void)state;
    enum { D = 16, SEEDS = 60, DEPARTURES = 4 };
    const double departures[DEPARTURES] = { 0, 0.5, 1, 3 };
    int accepted[DEPARTURES] = { 0 };
    for (int n = 0; n < DEPARTURES; n++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            const struct random_stream stream = random_stream_open(seed, "departure");
            double *q = new_orthogonal(D, seed), *upper = new_ginibre(D, seed + 100), *half = new_matrix(D),
                   *values = new_matrix(D), moduli[D], exact = 0, radius = 0, usual = 0;
            bool found = false;
            random_uniform(&stream, 0, 0, D, moduli);
            for (long j = 0; j < D; j++) {
                for (long i = 0; i < D; i++)
                    upper[i + j * D] = i < j ? departures[n] * upper[i + j * D] : 0;
                upper[j + j * D] = j % 2 == 0 ? sqrt(moduli[j]) : -sqrt(moduli[j]);
                exact = fmax(exact, sqrt(moduli[j]));
            }
            for (long i = 0; i < D * D; i++)
                for (long k = 0; k < D; k++)
                    half[i] += q[i % D + k * D] * upper[k + i / D * D];
            for (long i = 0; i < D * D; i++)
                for (long k = 0; k < D; k++)
                    values[i] += half[i % D + k * D] * q[i / D + k * D];
            assert_int_equal(spectrum_radius_by_range(D, values, &found, &radius), STATUS_OK);
            assert_int_equal(spectrum_radius(D, values, &usual), STATUS_OK);
            accepted[n] += found;
            assert_true(!found || (fabs(radius / exact - 1) < 1e-12 && usual == radius));
            memory_free(q);
            memory_free(upper);
            memory_free(half);
            memory_free(values);
        }
    assert_int_equal(accepted[0], SEEDS);
    assert_true(accepted[DEPARTURES - 1] <= SEEDS / 10);
}

/* Small ones, and those whose powers keep all directions or vanish: LAPACK finds what there is to find. */
static void what_no_range_shows_is_left_to_lapack(void **state)
{
    (void)state;
    enum { D = 40 };
    double *small = new_ginibre(15, 1), *orthogonal = new_orthogonal(D, 2), *shift = new_matrix(D), radius;
    bool found = true;
    assert_int_equal(spectrum_radius_by_range(15, small, &found, &radius), STATUS_OK);
    assert_false(found);
    assert_int_equal(spectrum_radius_by_range(D, orthogonal, &found, &radius), STATUS_OK);
    assert_false(found);
    assert_int_equal(spectrum_radius(D, orthogonal, &radius), STATUS_OK);
    assert_within(radius, 1, 4 * D * 0x1p-53);
    for (int zeros = 0; zeros < 2; zeros++) {
        assert_int_equal(spectrum_radius_by_range(D, shift, &found, &radius), STATUS_OK);
        assert_false(found);
        assert_int_equal(spectrum_radius(D, shift, &radius), STATUS_OK);
        assert_true(radius == 0);
        for (long i = 0; i + 1 < D; i++)
            shift[i + (i + 1) * D] = 1;
    }
    memory_free(small);
    memory_free(orthogonal);
    memory_free(shift);
}

/* An orthogonal matrix's powers keep all directions: the ratio alone must do. */
static void powers_of_full_rank_are_squared_to_the_end(void **state)
{
    (void)state;
    enum { D = 80 };
    double *values = new_orthogonal(D, 9), radius;
    assert_int_equal(spectrum_radius_by_squaring(D, values, NULL, &radius), STATUS_OK);
    assert_within(radius, 1, 4 * D * 0x1p-53);
    memory_free(values);
}

/* W and 2^600 W, 2^-600 W: squares far beyond the range of doubles, radii exactly scaled. */
static void squaring_does_not_overflow(void **state)
{
    (void)state;
    for (long d = 20; d <= 80; d += 60)
        for (int sign = -1; sign <= 1; sign += 2) {
            double *values = new_ginibre(d, 7), radius, scaled_radius;
            assert_int_equal(spectrum_radius_by_squaring(d, values, NULL, &radius), STATUS_OK);
            for (int i = 0; i < d * d; i++)
                values[i] = ldexp(values[i], sign * 600);
            assert_int_equal(spectrum_radius_by_squaring(d, values, NULL, &scaled_radius), STATUS_OK);
            assert_true(scaled_radius == ldexp(radius, sign * 600));
            memory_free(values);
        }
}

static void a_nilpotent_matrix_is_flagged(void **state)
{
    (void)state;
    const double chain[9] = { 0, 0, 0, 1, 0, 0, 0, 1, 0 };
    const double zero[4] = { 0 };
    double radius;
    assert_int_equal(spectrum_radius_by_squaring(3, chain, NULL, &radius), STATUS_NUMERICAL);
    assert_non_null(strstr(status_message(), "nilpotent"));
    assert_int_equal(spectrum_radius(3, chain, &radius), STATUS_OK);
    assert_true(radius == 0);
    assert_int_equal(spectrum_radius_by_squaring(2, zero, NULL, &radius), STATUS_OK);
    assert_true(radius == 0);
}

/* Q N Q^T with N a shift: its powers fade into the rounding of its elements, whose radius must not be returned; nor
 * that of its square seen from its range, which has 16 dimensions of 96 and is mapped to zero. */
static void a_hidden_nilpotent_matrix_is_flagged(void **state)
{
    (void)state;
    static const struct {
        long dimension, by;
    } shifts[] = { { 6, 1 }, { 96, 1 }, { 96, 40 } };
    for (size_t n = 0; n < sizeof shifts / sizeof *shifts; n++) {
        const long d = shifts[n].dimension, by = shifts[n].by;
        double *q = new_orthogonal(d, 3), *values = new_matrix(d), radius;
        for (long i = 0; i < d * d; i++)
            for (long k = 0; k + by < d; k++)
                values[i] += q[i % d + k * d] * q[i / d + (k + by) * d];
        assert_int_equal(spectrum_radius_by_squaring(d, values, NULL, &radius), STATUS_NUMERICAL);
        memory_free(q);
        memory_free(values);
    }
}

static void what_is_not_finite_is_refused(void **state)
{
    (void)state;
    const double bad[] = { NAN, INFINITY, -INFINITY };
    for (int n = 0; n < 3; n++) {
        double values[4] = { 1, 2, bad[n], 4 }, result;
        assert_int_equal(spectrum_radius(2, values, &result), STATUS_NUMERICAL);
        assert_non_null(strstr(status_message(), "[0, 1]"));
        assert_int_equal(spectrum_radius_by_squaring(2, values, NULL, &result), STATUS_NUMERICAL);
        assert_int_equal(spectrum_norm(2, values, &result), STATUS_NUMERICAL);
        assert_int_equal(spectrum_orthogonalise(2, values), STATUS_NUMERICAL);
    }
}

/* ||A||_2 by power iteration on A^T A in extended precision (64-bit mantissa), run until it stands still. */
static long double norm_in_extended_precision(long d, const double *values)
{
    long double x[128], y[128], norm = 0, previous = -1;
    for (long i = 0; i < d; i++)
        x[i] = 1 + 0.1L * (long double)(i % 7);
    for (int iteration = 0; iteration < 200000 && norm != previous; iteration++) {
        long double square = 0, image = 0;
        for (long i = 0; i < d; i++)
            square += x[i] * x[i];
        for (long i = 0; i < d; i++) {
            y[i] = 0;
            for (long k = 0; k < d; k++)
                y[i] += values[i + k * d] * x[k];
            image += y[i] * y[i];
        }
        previous = norm;
        norm = sqrtl(image / square);
        for (long i = 0; i < d; i++) {
            x[i] = 0;
            for (long k = 0; k < d; k++)
                x[i] += values[k + i * d] * y[k] / image;
        }
    }
    return norm;
}

static double norm_by_products(long d, const double *values)
{
    struct matrix *matrix;
    double norm = NAN;
    assert_int_equal(matrix_create(d, values, true, &matrix), STATUS_OK);
    assert_int_equal(spectrum_norm_by_products(matrix, 1, NULL, &norm), STATUS_OK);
    matrix_destroy(matrix);
    return norm;
}

static void the_norm_keeps_its_error_bound(void **state)
{
    (void)state;
    const long dimensions[] = { 1, 2, 5, 20, 60, 128 };
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++) {
        long d = dimensions[n];
        double *values = new_ginibre(d, 11), norm;
        assert_int_equal(spectrum_norm(d, values, &norm), STATUS_OK);
        const long double exact = norm_in_extended_precision(d, values);
        assert_within((double)(norm / exact - 1), 0, spectrum_norm_error(d));
        assert_within((double)(norm_by_products(d, values) / exact - 1), 0, spectrum_norm_error(d));
        memory_free(values);
    }
    for (long d = 1; d <= 200; d += 33) {
        double *values = new_orthogonal(d, 12), norm;
        assert_int_equal(spectrum_norm(d, values, &norm), STATUS_OK);
        /* Q itself is orthogonal to a few d u only. */
        assert_within(norm, 1, 2 * spectrum_norm_error(d));
        assert_within(norm_by_products(d, values), 1, 2 * spectrum_norm_error(d));
        memory_free(values);
    }
}

/* Two singular values a part in 10^7 apart, as products of nearly equal step Jacobians have them, below weights so
 * large that products leave the range of doubles; and a matrix of zeros. */
static void products_tell_close_singular_values_apart(void **state)
{
    (void)state;
    enum { D = 130 };
    const double scales[] = { 1, 0x1p400, 0x1p-400 };
    double *left = new_orthogonal(D, 14), *right = new_orthogonal(D, 15), *values = new_matrix(D);
    assert_true(norm_by_products(D, values) == 0);
    for (int n = 0; n < 3; n++) {
        for (long i = 0; i < D; i++)
            for (long j = 0; j < D; j++) {
                values[i + j * D] = 0;
                for (long k = 0; k < D; k++) {
                    const double singular = k == 0 ? 1 : k == 1 ? 1 - 1e-7 : 1.0 / (double)k;
                    values[i + j * D] += left[i + k * D] * singular * right[j + k * D];
                }
                values[i + j * D] *= scales[n];
            }
        /* Building it rounds D times; a scale's logarithm of 277 is known to u of itself. */
        assert_within(norm_by_products(D, values) / scales[n], 1, 2 * spectrum_norm_error(D) + 280 * 0x1p-53);
    }
    memory_free(left);
    memory_free(right);
    memory_free(values);
}

/* Q^T Q = 1, and Q^T G is upper triangular with a positive diagonal; both to d u by Householder's stability, times 8
 * for the elements' size and the rounding of the products here. */
static void orthogonalise_gives_q_with_positive_r(void **state)
{
    (void)state;
    for (long d = 1; d <= 61; d += 12) {
        double *values = new_ginibre(d, 13), *q = new_orthogonal(d, 13);
        const double bound = 8 * (double)(d + 4) * 0x1p-53;
        for (long i = 0; i < d; i++)
            for (long j = 0; j < d; j++) {
                double overlap = 0, r = 0;
                for (long k = 0; k < d; k++) {
                    overlap += q[k + i * d] * q[k + j * d];
                    r += q[k + i * d] * values[k + j * d];
                }
                assert_within(overlap, i == j ? 1 : 0, bound);
                if (i > j)
                    assert_within(r, 0, bound);
                if (i == j)
                    assert_true(r > 0);
            }
        memory_free(values);
        memory_free(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scaled_rotation_is_its_modulus),
        cmocka_unit_test(a_companion_matrix_has_the_roots),
        cmocka_unit_test(a_symmetric_matrix_has_one_radius_and_norm),
        cmocka_unit_test(squaring_agrees_with_eigenvalues),
        cmocka_unit_test(a_leading_pair_is_found_in_the_range_of_a_power),
        cmocka_unit_test(ranges_of_powers_show_the_leading_eigenvalue),
        cmocka_unit_test(strongly_non_normal_matrices_are_left_to_lapack),
        cmocka_unit_test(what_no_range_shows_is_left_to_lapack),
        cmocka_unit_test(powers_of_full_rank_are_squared_to_the_end),
        cmocka_unit_test(squaring_does_not_overflow),
        cmocka_unit_test(a_nilpotent_matrix_is_flagged),
        cmocka_unit_test(a_hidden_nilpotent_matrix_is_flagged),
        cmocka_unit_test(what_is_not_finite_is_refused),
        cmocka_unit_test(the_norm_keeps_its_error_bound),
        cmocka_unit_test(products_tell_close_singular_values_apart),
        cmocka_unit_test(orthogonalise_gives_q_with_positive_r),
    };
    spectrum_set_blas_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
