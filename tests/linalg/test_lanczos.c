#include "linalg/lanczos.h"

#include "linalg/matrices.h"
#include "linalg/matrix.h"

/* A chain's operator: exp(log_scale) times a product of factors, of which factors[0] acts first. */
struct product {
    int count;
    struct matrix *const *factors;
    double log_scale;
};

static enum status apply_product(void *context, const long *chains, const struct block *x, struct block *y,
                                 double *log_scales, bool transposed)
{
    const struct product *products = context;
    for (long j = 0; j < x->columns; j++) {
        const struct product *product = &products[chains[j]];
        struct block from, to = block_view(y, j, 1), given = block_view(x, j, 1);
        int64_t exponent = 0;
        TRY(block_create(x->rows, 1, &from));
        block_copy(&given, &from);
        for (int n = 0; n < product->count; n++) {
            TRY(transposed ? matrix_apply_transposed(product->factors[product->count - 1 - n], &from, &to)
                           : matrix_apply(product->factors[n], &from, &to));
            block_balance_columns(&to, &exponent);
            block_copy(&to, &from);
        }
        block_destroy(&from);
        log_scales[j] = product->log_scale + (double)exponent * M_LN2;
    }
    return STATUS_OK;
}

static enum status apply(void *context, const long *chains, const struct block *x, struct block *y, double *log_scales)
{
    return apply_product(context, chains, x, y, log_scales, false);
}

static enum status apply_transposed(void *context, const long *chains, const struct block *x, struct block *y,
                                    double *log_scales)
{
    return apply_product(context, chains, x, y, log_scales, true);
}

static const double TOLERANCE = 1e-10;

static const struct lanczos_options usual = { .tolerance = 1e-10, .max_iterations = 200, .seed = 2013 };

static void run(struct product *products, long rows, long count, struct block *vectors, double *log_norms,
                enum lanczos_outcome *outcomes)
{
    struct lanczos_operator operator= { rows, products, apply, apply_transposed };
    assert_int_equal(lanczos_norms(&operator, count, &usual, vectors, log_norms, outcomes), STATUS_OK);
}

enum { RANDOM_START = -1 };

/* ln ||A||_2 and the outcome for one explicit matrix, from a unit vector or from the random start. */
static double log_norm_from(long start, const struct lanczos_options *options, long d, const double *values,
                            enum lanczos_outcome *outcome)
{
    struct matrix *matrix = NULL;
    struct block vectors;
    double log_norm = 0;
    assert_int_equal(matrix_create(d, values, true, &matrix), STATUS_OK);
    assert_int_equal(block_create(d, 1, &vectors), STATUS_OK);
    if (start != RANDOM_START)
        vectors.values[start] = 1;
    struct product product = { 1, &matrix, 0 };
    struct lanczos_operator operator= { d, &product, apply, apply_transposed };
    assert_int_equal(lanczos_norms(&operator, 1, options, &vectors, &log_norm, outcome), STATUS_OK);
    block_destroy(&vectors);
    matrix_destroy(matrix);
    return log_norm;
}

static double log_norm_of(long d, const double *values, enum lanczos_outcome *outcome)
{
    return log_norm_from(RANDOM_START, &usual, d, values, outcome);
}

static void check_against_svd(long d, double *values)
{
    enum lanczos_outcome outcome = LANCZOS_UNRESOLVED;
    double norm = 0, log_norm = log_norm_of(d, values, &outcome);
    assert_int_equal(spectrum_norm(d, values, &norm), STATUS_OK);
    assert_int_equal(outcome, LANCZOS_CONVERGED);
    assert_within(log_norm, log(norm), TOLERANCE);
    memory_free(values);
}

static void norms_agree_with_an_svd(void **state)
{
    (void)state;
    const long dimensions[] = { 1, 2, 3, 5, 16, 40, 100, 256 };
    for (size_t n = 0; n < sizeof dimensions / sizeof *dimensions; n++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            check_against_svd(dimensions[n], new_ginibre(dimensions[n], seed));
            check_against_svd(dimensions[n], new_symmetric(dimensions[n], seed));
            check_against_svd(dimensions[n], new_orthogonal(dimensions[n], seed));
        }
}

/* Q1 diag(s) Q2, and Lanczos on it. */
static double log_norm_with_singular_values(long d, const double *s, enum lanczos_outcome *outcome)
{
    double *left = new_orthogonal(d, 1), *right = new_orthogonal(d, 2), *values = new_matrix(d);
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++)
            for (long k = 0; k < d; k++)
                values[i + j * d] += left[i + k * d] * s[k] * right[k + j * d];
    double log_norm = log_norm_of(d, values, outcome);
    memory_free(left);
    memory_free(right);
    memory_free(values);
    return log_norm;
}

/* 1 - 1e-3 x^2: the step Jacobian of an orthogonal W under a barely active tanh; everything crowds below 1. */
static void crowded_singular_values_are_resolved(void **state)
{
    (void)state;
    enum { D = 120 };
    for (double width = 1e-1; width > 1e-9; width /= 10) {
        double s[D], largest = 0;
        struct random_stream stream = random_stream_open(3, "crowded");
        random_normal(&stream, 0, 0, D, s);
        for (int i = 0; i < D; i++) {
            s[i] = 1 - width * s[i] * s[i];
            largest = fmax(largest, s[i]);
        }
        enum lanczos_outcome outcome;
        double log_norm = log_norm_with_singular_values(D, s, &outcome);
        assert_int_equal(outcome, LANCZOS_CONVERGED);
        assert_within(log_norm, log(largest), TOLERANCE);
    }
}

/* Two top values at a relative distance below what any difference of iterates shows, and in it: an accepted value must
 * be right. The rest of the spectrum is uniform on (0, 0.9). */
static void nearly_equal_pairs_are_not_mistaken(void **state)
{
    (void)state;
    enum { D = 64 };
    const double gaps[] = { 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 3e-10, 1e-10, 1e-12, 1e-15, 0 };
    for (size_t n = 0; n < sizeof gaps / sizeof *gaps; n++) {
        double s[D];
        for (int i = 0; i < D; i++)
            s[i] = 0.9 * i / D;
        s[D - 2] = 1 - gaps[n];
        s[D - 1] = 1;
        enum lanczos_outcome outcome;
        double log_norm = log_norm_with_singular_values(D, s, &outcome);
        assert_int_equal(outcome, LANCZOS_CONVERGED);
        assert_within(log_norm, 0, TOLERANCE);
    }
}

/* The given direction is the second singular vector, exactly: what a crossing of two singular values between lags
 * leaves. Diagonal, so that the vectors are known. */
static void a_start_at_the_neighbour_is_not_mistaken(void **state)
{
    (void)state;
    enum { D = 100 };
    const double gaps[] = { 1e-3, 1e-5, 1e-7, 1e-8, 1e-9 };
    for (size_t n = 0; n < sizeof gaps / sizeof *gaps; n++) {
        double *values = new_matrix(D), log_norm;
        for (int i = 0; i < D; i++)
            values[i + i * D] = 0.9 * i / D;
        values[0] = 1 - gaps[n];
        values[1 + D] = 1;
        struct matrix *matrix = NULL;
        struct block vectors;
        enum lanczos_outcome outcome;
        assert_int_equal(matrix_create(D, values, true, &matrix), STATUS_OK);
        assert_int_equal(block_create(D, 1, &vectors), STATUS_OK);
        vectors.values[0] = 3;
        struct product product = { 1, &matrix, 0 };
        run(&product, D, 1, &vectors, &log_norm, &outcome);
        assert_int_equal(outcome, LANCZOS_CONVERGED);
        assert_within(log_norm, 0, TOLERANCE);
        block_destroy(&vectors);
        matrix_destroy(matrix);
        memory_free(values);
    }
}

static void special_matrices(void **state)
{
    (void)state;
    enum { D = 50 };
    enum lanczos_outcome outcome;
    double *values = new_matrix(D);
    assert_true(log_norm_of(D, values, &outcome) == -INFINITY);
    assert_int_equal(outcome, LANCZOS_CONVERGED);
    for (int i = 0; i < D; i++) /* rank one: ||u v^T|| = ||u|| ||v|| */
        for (int j = 0; j < D; j++)
            values[i + j * D] = (i % 2 ? 1.0 : -1.0) * (j % 3 ? 2.0 : 0.0);
    assert_within(log_norm_of(D, values, &outcome), log(sqrt(D) * 2 * sqrt(33)), TOLERANCE);
    assert_int_equal(outcome, LANCZOS_CONVERGED);
    memset(values, 0, D * D * sizeof *values);
    for (int i = 0; i < D; i++) /* 10^-98 .. 1 */
        values[i + i * D] = pow(10, -2 * (D - 1 - i));
    assert_within(log_norm_of(D, values, &outcome), 0, TOLERANCE);
    assert_int_equal(outcome, LANCZOS_CONVERGED);
    memset(values, 0, D * D * sizeof *values);
    for (int i = 1; i < D; i++) /* one superdiagonal: singular values 0.3, D - 1 times, and 0 */
        values[i - 1 + i * D] = 0.3;
    assert_within(log_norm_of(D, values, &outcome), log(0.3), TOLERANCE);
    assert_int_equal(outcome, LANCZOS_CONVERGED);
    values[7] = NAN;
    log_norm_of(D, values, &outcome);
    assert_int_equal(outcome, LANCZOS_NOT_FINITE);
    values[7] = INFINITY;
    log_norm_of(D, values, &outcome);
    assert_int_equal(outcome, LANCZOS_NOT_FINITE);
    memory_free(values);
}

enum { FACTORS = 64 };

static void open_factors(long d, struct matrix **factors, double *product)
{
    double *next = new_matrix(d);
    memset(product, 0, (size_t)(d * d) * sizeof *product);
    for (long i = 0; i < d; i++)
        product[i + i * d] = 1;
    for (uint64_t n = 0; n < FACTORS; n++) {
        double *values = new_ginibre(d, 100 + n);
        assert_int_equal(matrix_create(d, values, true, &factors[n]), STATUS_OK);
        memset(next, 0, (size_t)(d * d) * sizeof *next);
        for (long j = 0; j < d; j++)
            for (long k = 0; k < d; k++)
                for (long i = 0; i < d; i++)
                    next[i + j * d] += values[i + k * d] * product[k + j * d];
        memcpy(product, next, (size_t)(d * d) * sizeof *product);
        memory_free(values);
    }
    memory_free(next);
}

/* Products of 64 factors, eleven chains with scales exp(-3000) .. exp(3000), lengths 4 .. 64; each compared with the
 * same chain alone, bit for bit: the block's width and neighbours leave no trace. The vector found is the right one. */
static void long_products_with_extreme_scales(void **state)
{
    (void)state;
    enum { D = 24, CHAINS = 11 };
    struct matrix *factors[FACTORS];
    double product[D * D], log_norms[CHAINS], norm;
    enum lanczos_outcome outcomes[CHAINS];
    open_factors(D, factors, product);
    assert_int_equal(spectrum_norm(D, product, &norm), STATUS_OK);
    struct product products[CHAINS];
    for (int c = 0; c < CHAINS; c++)
        products[c] = (struct product){ c % 2 ? FACTORS : 4 * (c + 1), factors, -3000 + 600 * c };
    struct block vectors;
    assert_int_equal(block_create(D, CHAINS, &vectors), STATUS_OK);
    run(products, D, CHAINS, &vectors, log_norms, outcomes);
    for (int c = 0; c < CHAINS; c++) {
        assert_int_equal(outcomes[c], LANCZOS_CONVERGED);
        if (c % 2)
            assert_within(log_norms[c], products[c].log_scale + log(norm), TOLERANCE);
        struct block alone;
        double log_norm, scale = 0;
        enum lanczos_outcome outcome;
        assert_int_equal(block_create(D, 1, &alone), STATUS_OK);
        run(&products[c], D, 1, &alone, &log_norm, &outcome);
        assert_true(log_norm == log_norms[c]);
        struct block found = block_view(&vectors, c, 1);
        assert_memory_equal(alone.values, found.values, D * sizeof(double));
        const long chain = 0;
        double image;
        assert_int_equal(apply(&products[c], &chain, &found, &alone, &scale), STATUS_OK);
        block_column_norms(&alone, &image);
        assert_within(scale + log(image), log_norms[c], TOLERANCE);
        block_destroy(&alone);
    }
    block_destroy(&vectors);
    for (int n = 0; n < FACTORS; n++)
        matrix_destroy(factors[n]);
}

/* Two different chains ending at different iterations, one of them NaN, beside a third. */
static void a_bad_neighbour_does_no_harm(void **state)
{
    (void)state;
    enum { D = 30 };
    struct matrix *matrices[3];
    for (uint64_t c = 0; c < 3; c++) {
        double *values = c == 1 ? new_symmetric(D, c) : new_ginibre(D, c);
        if (c == 0)
            values[17] = NAN;
        assert_int_equal(matrix_create(D, values, true, &matrices[c]), STATUS_OK);
        memory_free(values);
    }
    struct product products[3] = { { 1, &matrices[0], 0 }, { 1, &matrices[1], 5 }, { 1, &matrices[2], -5 } };
    struct block vectors, alone;
    double log_norms[3], log_norm;
    enum lanczos_outcome outcomes[3], outcome;
    assert_int_equal(block_create(D, 3, &vectors), STATUS_OK);
    run(products, D, 3, &vectors, log_norms, outcomes);
    assert_int_equal(outcomes[0], LANCZOS_NOT_FINITE);
    for (int c = 1; c < 3; c++) {
        assert_int_equal(block_create(D, 1, &alone), STATUS_OK);
        run(&products[c], D, 1, &alone, &log_norm, &outcome);
        assert_int_equal(outcomes[c], LANCZOS_CONVERGED);
        assert_true(log_norm == log_norms[c]);
        block_destroy(&alone);
    }
    block_destroy(&vectors);
    for (int c = 0; c < 3; c++)
        matrix_destroy(matrices[c]);
}

/* Three iterations are not enough for a flat spectrum of 60 values, and it is said so. */
static void too_few_iterations_are_told(void **state)
{
    (void)state;
    enum { D = 60 };
    double *values = new_ginibre(D, 1), norm;
    enum lanczos_outcome outcome;
    struct lanczos_options few = usual;
    few.max_iterations = 3;
    const double log_norm = log_norm_from(RANDOM_START, &few, D, values, &outcome);
    assert_int_equal(spectrum_norm(D, values, &norm), STATUS_OK);
    assert_int_equal(outcome, LANCZOS_UNRESOLVED);
    assert_true(log_norm < log(norm) && log_norm > log(norm) - 0.5);
    memory_free(values);
}

/* A tolerance of zero means rounding level, and is reached: by the whole Krylov space if need be. The bound is
 * Lanczos's own floor, 4 d u, and the error of the SVD. */
static void a_tolerance_of_zero_gives_rounding_level(void **state)
{
    (void)state;
    struct lanczos_options exact = usual;
    exact.tolerance = 0;
    for (long d = 4; d <= 64; d *= 2) {
        double *values = new_ginibre(d, 21), norm;
        enum lanczos_outcome outcome;
        const double log_norm = log_norm_from(d / 2, &exact, d, values, &outcome);
        assert_int_equal(spectrum_norm(d, values, &norm), STATUS_OK);
        assert_int_equal(outcome, LANCZOS_CONVERGED);
        assert_within(log_norm, log(norm), 4 * (double)d * 0x1p-53 + spectrum_norm_error(d));
        memory_free(values);
    }
}

static bool always(void)
{
    return true;
}

static void a_stop_request_ends_it(void **state)
{
    (void)state;
    const double values[4] = { 1, 2, 3, 4 };
    struct matrix *matrix = NULL;
    struct block vectors;
    double log_norm;
    enum lanczos_outcome outcome;
    assert_int_equal(matrix_create(2, values, true, &matrix), STATUS_OK);
    assert_int_equal(block_create(2, 1, &vectors), STATUS_OK);
    struct product product = { 1, &matrix, 0 };
    struct lanczos_operator operator= { 2, &product, apply, apply_transposed };
    struct lanczos_options stopping = usual;
    stopping.stop_requested = always;
    assert_int_equal(lanczos_norms(&operator, 1, &stopping, &vectors, &log_norm, &outcome), STATUS_STOPPED);
    block_destroy(&vectors);
    matrix_destroy(matrix);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_agree_with_an_svd),
        cmocka_unit_test(crowded_singular_values_are_resolved),
        cmocka_unit_test(nearly_equal_pairs_are_not_mistaken),
        cmocka_unit_test(a_start_at_the_neighbour_is_not_mistaken),
        cmocka_unit_test(special_matrices),
        cmocka_unit_test(long_products_with_extreme_scales),
        cmocka_unit_test(a_bad_neighbour_does_no_harm),
        cmocka_unit_test(too_few_iterations_are_told),
        cmocka_unit_test(a_tolerance_of_zero_gives_rounding_level),
        cmocka_unit_test(a_stop_request_ends_it),
    };
    spectrum_set_blas_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
