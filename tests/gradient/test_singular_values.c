/* All singular values of Jacobian products against extended precision, closed forms and identities. */
#include "extended.h"
#include "networks.h"

#include "linalg/graded.h"

static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .steps = 164 };
static const double UNIT_ROUNDOFF = 0x1p-53;

/* Cells of one network with all their singular values, [count][lag_count][index_size]. */
struct spectra {
    double *log_values;
    struct measured measured;
    struct weights *weights; /* W_unit */
    double radius;
};

static void spectra_destroy(struct spectra *spectra)
{
    measured_destroy(&spectra->measured);
    weights_close(spectra->weights);
}

static struct spectra measure_spectra(const struct ensemble *ensemble, long d, struct batch batch)
{
    struct spectra s;
    struct gradient_context context = { 0 };
    memset(&s, 0, sizeof s);
    batch.measures |= measure_set("singular_values");
    if (batch.options.lengths[ALONG_INDEX] == 0)
        batch.options.lengths[ALONG_INDEX] = d;
    const struct network_key key = { ensemble, TEST_SEED, d, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &batch.spectrum));
    bool is_unscaled = batch.native || ensemble->kind->spectrum == SPECTRUM_NONE;
    require(weights_open(&key, is_unscaled ? 1.0 : batch.spectrum.radius, &s.weights));
    batch.weights = s.weights;
    s.measured = measured_create(&batch);
    long count = batch.count * batch.lag_count * batch.options.lengths[ALONG_INDEX];
    s.log_values = measured_array(&s.measured, batch.measures, "log_singular_value", count, sizeof(double));
    for (long i = 0; i < count; i++)
        s.log_values[i] = NAN;
    struct batch_results results = { s.measured.values, s.measured.outcomes, s.measured.methods };
    require(batch_measure(&batch, &context, &results));
    return s;
}

/* sigma_1 / sigma_d of W: the singular values of J_1 of identity. Only its size matters here. */
static double condition_of(const struct ensemble *ensemble, long d)
{
    const long lag = 1;
    const double one = 1.0;
    struct batch batch = batch_of_cells(&quiet, activation_find("identity"), 1, NULL, &one, &lag, 1);
    struct spectra s = measure_spectra(ensemble, d, batch);
    double condition = exp(s.log_values[0] - s.log_values[d - 1]);
    spectra_destroy(&s);
    return condition;
}

enum { COMPARED_LAGS = 3, LARGEST_LAG = 64 };
static const long compared_lags[COMPARED_LAGS] = { 1, 8, LARGEST_LAG };

struct worst {
    double error; /* of ln s */
    double share; /* of the allowed error */
    double least; /* ln s */
};

/* The values of one lag. Allowed is |error of ln s| <= c l cond(W) u with c = 4 d, because each of the d reflections of
 * a QR decomposition rounds a row a few times; and the rounding of ln s itself. One network in eight exceeds this, by
 * up to 20 times, where the values turn on the last bits of W as strongly (linalg/graded.h); which ones do is another
 * matter on each kind of CPU. */
static void compare_lag(const struct spectra *s, const struct batch *batch, long d, double condition, int lag,
                        const double *const *diagonals, struct worst *worst)
{
    static extended expected[EXTENDED_MAX];
    const double *w, l = (double)batch->lags[lag], scale = l * log(batch->couplings[0]);
    require(weights_values(s->weights, 1, &w));
    extended_product_values(d, batch->lags[lag], w, diagonals, expected);
    for (long i = 0; i < d; i++) {
        double found = s->log_values[lag * d + i], error = (double)fabsl((extended)(found - scale) - expected[i]);
        double allowed = 20 * 4 * (double)d * l * condition * UNIT_ROUNDOFF + 4 * UNIT_ROUNDOFF * fabs(found);
        if (!(error <= allowed))
            fail_msg("d = %ld, lag %g: ln s_%ld is %.17g, not %.17Lg within %g", d, l, i, found - scale, expected[i],
                     allowed);
        worst->error = fmax(worst->error, error);
        worst->share = fmax(worst->share, error / allowed);
        worst->least = fmin(worst->least, found);
    }
    /* The norm is found by another method, to its tolerance. */
    double largest = s->log_values[lag * d], norm = s->measured.log_norms[lag];
    assert_true(fabs(largest - norm) <= batch->tolerance + (double)d * l * UNIT_ROUNDOFF);
}

static struct worst compare_network(const char *name, const char *activation, long d, double gain)
{
    struct ensemble ensemble = ensemble_named(name);
    const double gamma = 1.0, condition = condition_of(&ensemble, d);
    struct batch batch =
        batch_of_cells(&quiet, activation_find(activation), 1, &gain, &gamma, compared_lags, COMPARED_LAGS);
    struct spectra s = measure_spectra(&ensemble, d, batch);
    struct chain chain = batch_chain(&batch, 0);
    struct trajectory trajectory;
    const double *diagonals[LARGEST_LAG];
    struct worst worst = { 0 };
    require(trajectory_run(&quiet, s.weights, 1, &chain, LARGEST_LAG, KEEP_DERIVATIVES, NULL, &trajectory));
    for (int k = 0; k < LARGEST_LAG; k++)
        diagonals[k] = trajectory_derivative(&trajectory, k, 0);
    for (int lag = 0; lag < COMPARED_LAGS; lag++)
        compare_lag(&s, &batch, d, condition, lag, diagonals, &worst);
    print_message("%s %s d=%ld g=%g: worst error of ln s %.1e, %.2f of the bound; least ln s %.0f, cond(W) %.1e\n",
                  name, activation, d, gain, worst.error, worst.share, worst.least, condition);
    trajectory_destroy(&trajectory);
    spectra_destroy(&s);
    return worst;
}

static void values_agree_with_extended_precision(void **state)
{
    (void)state;
    static const char *const names[] = { "ginibre", "orthogonal", "nonnormal" };
    static const double gains[] = { 0.5, 3.0, 10.0 };
    double least = 0;
    for (size_t name = 0; name < 3; name++)
        for (size_t g = 0; g < 3; g++)
            for (long d = 21; d <= 64; d += 43) {
                struct worst worst = compare_network(names[name], "tanh", d, gains[g]);
                least = fmin(least, worst.least);
            }
    assert_true(least < -2500); /* thousands below the largest, which is near 0 */
}

/* Powers of one W, where the first factors need not come in the order in which the product is graded. */
static void values_of_powers_agree_with_extended_precision(void **state)
{
    (void)state;
    static const char *const names[] = { "ginibre", "orthogonal", "nonnormal", "elliptic" };
    for (size_t name = 0; name < 4; name++)
        for (long d = 1; d <= 33; d += 16)
            compare_network(names[name], "identity", d, 1.5);
}
/* sum ln s = l ln|det W| + sum ln|diagonals|: an identity, and no method but the program's. From LU of W with partial
 * pivoting, whose error in ln|det| is below d cond u; the sum over d values of the error above. */
static double log_determinant(long d, const double *w)
{
    static struct extended_matrix a;
    extended sum = 0;
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++)
            a.at[i][j] = w[i + j * d];
    for (long k = 0; k < d; k++) {
        long pivot = k;
        for (long i = k + 1; i < d; i++)
            pivot = fabsl(a.at[i][k]) > fabsl(a.at[pivot][k]) ? i : pivot;
        for (long j = k; j < d; j++) {
            extended swap = a.at[k][j];
            a.at[k][j] = a.at[pivot][j];
            a.at[pivot][j] = swap;
        }
        for (long i = k + 1; i < d; i++)
            for (long j = d - 1; j >= k; j--)
                a.at[i][j] -= a.at[i][k] / a.at[k][k] * a.at[k][j];
        sum += logl(fabsl(a.at[k][k]));
    }
    return (double)sum;
}

static void values_keep_the_determinant(void **state)
{
    (void)state;
    enum { D = 50, LAG = 60 };
    const long lag = LAG;
    const double gain = 4.0, gamma = 0.9;
    struct ensemble ensemble = ensemble_named("ginibre");
    static const char *const activations[] = { "tanh", "sigmoid", "softsign", "sin" };
    for (size_t a = 0; a < 4; a++) {
        struct batch batch = batch_of_cells(&quiet, activation_find(activations[a]), 1, &gain, &gamma, &lag, 1);
        struct spectra s = measure_spectra(&ensemble, D, batch);
        struct chain chain = batch_chain(&batch, 0);
        struct trajectory trajectory;
        const double *w;
        require(trajectory_run(&quiet, s.weights, 1, &chain, LAG, KEEP_DERIVATIVES, NULL, &trajectory));
        require(weights_values(s.weights, 1, &w));
        double expected = LAG * (log_determinant(D, w) + D * log(gain * gamma)), found = 0;
        for (long k = 0; k < LAG; k++)
            for (long i = 0; i < D; i++)
                expected += log(fabs(trajectory_derivative(&trajectory, k, 0)[i]));
        for (long i = 0; i < D; i++)
            found += s.log_values[i];
        print_message("%s: sum of ln s %.6f, relative error %.1e\n", activations[a], expected,
                      fabs(found / expected - 1));
        assert_true(fabs(found - expected) <= 1e-12 * fabs(expected));
        trajectory_destroy(&trajectory);
        spectra_destroy(&s);
    }
}

/* Identity: one chain serves the plane; cycle and orthogonal: all values are (g gamma)^l. Beyond d there is NaN. */
static void a_plane_of_identity_shares_its_values(void **state)
{
    (void)state;
    enum { CELLS = 3, D = 6, WIDTH = 9 };
    const double radii[CELLS] = { 0.5, 1.0, 1.7 }, gammas[CELLS] = { 1.0, 0.25, 0.75 };
    static const char *const names[] = { "orthogonal", "cycle" };
    for (size_t name = 0; name < 2; name++) {
        struct ensemble ensemble = ensemble_named(names[name]);
        struct batch batch =
            batch_of_cells(&quiet, activation_find("identity"), CELLS, radii, gammas, compared_lags, COMPARED_LAGS);
        batch.options.lengths[ALONG_INDEX] = WIDTH;
        struct spectra s = measure_spectra(&ensemble, D, batch);
        for (int cell = 0; cell < CELLS; cell++)
            for (int lag = 0; lag < COMPARED_LAGS; lag++)
                for (int i = 0; i < WIDTH; i++) {
                    double value = s.log_values[(cell * COMPARED_LAGS + lag) * WIDTH + i];
                    double expected = (double)compared_lags[lag] * log(radii[cell] * gammas[cell]);
                    if (i >= D)
                        assert_true(isnan(value));
                    else /* 64 steps of rounding, and of W's own orthogonality */
                        assert_true(fabs(value - expected) <= 1e-13 * (1 + fabs(expected)));
                }
        spectra_destroy(&s);
    }
}

/* One superdiagonal a: J_l has d - l singular values a^l, and the others are exactly 0. */
static void a_chain_has_exact_zeros(void **state)
{
    (void)state;
    enum { D = 7, LAGS = 4 };
    const long lags[LAGS] = { 1, 2, 5, 8 };
    const double gamma = 0.5;
    struct ensemble ensemble = ensemble_named("chain");
    ensemble.parameters[0] = 3.3;
    struct batch batch = batch_of_cells(&quiet, activation_find("identity"), 1, NULL, &gamma, lags, LAGS);
    struct spectra s = measure_spectra(&ensemble, D, batch);
    for (int lag = 0; lag < LAGS; lag++)
        for (long i = 0; i < D; i++) {
            double value = s.log_values[lag * D + i];
            if (i < D - lags[lag]) /* a rounding a step */
                assert_true(fabs(value - (double)lags[lag] * log(3.3 * gamma)) < 1e-14);
            else
                assert_true(value == -INFINITY);
        }
    spectra_destroy(&s);
}

/* A unit that nothing leads to: W has a row of zeros, and every J_l exactly one singular value that is 0. */
static void a_row_of_zeros_leaves_an_exact_zero(void **state)
{
    (void)state;
    enum { D = 6 };
    static double w[D * D];
    const double gamma = 1.0;
    double unused;
    struct ensemble drawn = ensemble_named("ginibre"), given = ensemble_given();
    for (long zero = 0; zero < D; zero++) {
        require(ensemble_draw(&(struct network_key){ &drawn, TEST_SEED, D, zero }, 0, w, &unused));
        for (long j = 0; j < D; j++)
            w[zero + j * D] = 0;
        given_values = w;
        struct batch batch =
            batch_of_cells(&quiet, activation_find("tanh"), 1, NULL, &gamma, compared_lags, COMPARED_LAGS);
        struct spectra s = measure_spectra(&given, D, batch);
        for (int lag = 0; lag < COMPARED_LAGS; lag++) {
            assert_true(s.log_values[lag * D + D - 1] == -INFINITY);
            assert_true(s.log_values[lag * D + D - 2] > -INFINITY);
        }
        spectra_destroy(&s);
    }
}

/* All units saturated: x = +-300, where tanh' = 4 exp(-600) has left its logarithm to the step's shift. */
static void saturated_steps_keep_their_logarithm(void **state)
{
    (void)state;
    static const double w = 300.0;
    const double gamma = 1.0;
    struct ensemble given = ensemble_given();
    given_values = &w;
    struct batch batch = batch_of_cells(&quiet, activation_find("tanh"), 1, NULL, &gamma, compared_lags, COMPARED_LAGS);
    struct spectra s = measure_spectra(&given, 1, batch);
    for (int lag = 0; lag < COMPARED_LAGS; lag++) {
        double expected = (double)compared_lags[lag] * (log(300.0) + log(4.0) - 600.0);
        assert_true(fabs(s.log_values[lag] / expected - 1) < 1e-15 * 8); /* a few roundings of numbers of its size */
    }
    spectra_destroy(&s);
}

/* relu: every unit that is off takes one singular value away, exactly, and the number of those left never rises. */
static void dead_units_leave_exact_zeros(void **state)
{
    (void)state;
    enum { D = 24, LAGS = 5 };
    const long lags[LAGS] = { 1, 2, 3, 4, 30 };
    const double gain = 1.4, gamma = 1.0;
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = batch_of_cells(&quiet, activation_find("relu"), 1, &gain, &gamma, lags, LAGS);
    struct spectra s = measure_spectra(&ensemble, D, batch);
    struct chain chain = batch_chain(&batch, 0);
    struct trajectory trajectory;
    require(trajectory_run(&quiet, s.weights, 1, &chain, 30, KEEP_DERIVATIVES, NULL, &trajectory));
    for (int lag = 0; lag < LAGS; lag++) {
        long fewest = D, found = 0;
        for (long k = 0; k < lags[lag]; k++) {
            long on = 0;
            for (long i = 0; i < D; i++)
                on += trajectory_derivative(&trajectory, k, 0)[i] != 0;
            fewest = on < fewest ? on : fewest;
        }
        assert_true(fewest > 0 && fewest < D);
        for (long i = 0; i < D; i++)
            found += s.log_values[lag * D + i] > -INFINITY;
        assert_int_equal(found, fewest); /* W is generic: no other zeros */
        for (long i = 0; i < found; i++) /* and none is noise that took the place of one */
            assert_true(s.log_values[lag * D + i] > -30.0 * (double)lags[lag]);
    }
    trajectory_destroy(&trajectory);
    spectra_destroy(&s);
}

/* Untied weights: the sum over all singular values is that of ln|det W_t|, and the largest is the norm. */
static void untied_weights_take_each_step_its_own(void **state)
{
    (void)state;
    enum { D = 12, LAGS = 2 };
    const long lags[LAGS] = { 1, 20 };
    const double gain = 1.2, gamma = 0.5;
    struct ensemble ensemble = ensemble_named("untied");
    struct batch batch = batch_of_cells(&quiet, activation_find("identity"), 1, &gain, &gamma, lags, LAGS);
    struct spectra s = measure_spectra(&ensemble, D, batch);
    for (int lag = 0; lag < LAGS; lag++) {
        double expected = 0, found = 0;
        const double *w;
        for (long k = 0; k < lags[lag]; k++) {
            require(weights_values(s.weights, quiet.steps - k, &w));
            expected += log_determinant(D, w) + D * log(gain * gamma);
        }
        for (long i = 0; i < D; i++)
            found += s.log_values[lag * D + i];
        assert_true(fabs(found - expected) <= 1e-12 * (1 + fabs(expected)));
        assert_true(fabs(s.log_values[lag * D] - s.measured.log_norms[lag]) <= 1e-10);
    }
    spectra_destroy(&s);
}

/* The same bits alone and beside others, in one group of chains and in the next. */
static void cells_do_not_depend_on_their_neighbours(void **state)
{
    (void)state;
    enum { CELLS = 12, D = 30 };
    const long lags[] = { 3, 17 };
    double radii[CELLS], gammas[CELLS];
    struct ensemble ensemble = ensemble_named("sparse");
    for (int i = 0; i < CELLS; i++) {
        radii[i] = 0.5 + 0.3 * i;
        gammas[i] = i % 3 ? 0.75 : 1.0;
    }
    struct batch batch = batch_of_cells(&quiet, activation_find("tanh"), CELLS, radii, gammas, lags, 2);
    struct spectra together = measure_spectra(&ensemble, D, batch);
    for (int i = 0; i < CELLS; i += 5) {
        struct spectra alone = measure_spectra(&ensemble, D, batch_cell(batch, i));
        assert_memory_equal(alone.log_values, together.log_values + i * 2 * D, 2 * D * sizeof(double));
        spectra_destroy(&alone);
    }
    spectra_destroy(&together);
}

/* Derivatives from 1 to 1e-200 in one step: rows keep their digits however small they are. */
static void tiny_rows_keep_their_digits(void **state)
{
    (void)state;
    enum { D = 4 };
    struct graded_product product;
    struct block factor;
    double log_values[D];
    bool is_finite = false;
    int sweeps = 0;
    require(graded_create(D, &product));
    require(block_create(D, D, &factor));
    for (long i = 0; i < D; i++) /* diag(10^-70 i) times a Hadamard matrix, whose rows are orthogonal */
        for (long j = 0; j < D; j++)
            block_column(&factor, j)[i] = pow(10.0, -70.0 * (double)i) * (__builtin_parityl(i & j) ? -1.0 : 1.0);
    require(graded_absorb(&product, &factor, D, &is_finite));
    assert_true(is_finite);
    require(graded_singular_values(&product, log_values, &sweeps));
    for (long i = 0; i < D; i++)
        assert_true(fabs(log_values[i] - (log(2.0) - 70.0 * (double)i * log(10.0))) < 1e-13 * (1 + 161.0 * (double)i));
    block_column(&factor, 2)[1] = NAN;
    require(graded_absorb(&product, &factor, D, &is_finite));
    assert_false(is_finite);
    block_destroy(&factor);
    graded_destroy(&product);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_agree_with_extended_precision),
        cmocka_unit_test(values_of_powers_agree_with_extended_precision),
        cmocka_unit_test(values_keep_the_determinant),
        cmocka_unit_test(a_plane_of_identity_shares_its_values),
        cmocka_unit_test(a_chain_has_exact_zeros),
        cmocka_unit_test(a_row_of_zeros_leaves_an_exact_zero),
        cmocka_unit_test(saturated_steps_keep_their_logarithm),
        cmocka_unit_test(dead_units_leave_exact_zeros),
        cmocka_unit_test(untied_weights_take_each_step_its_own),
        cmocka_unit_test(cells_do_not_depend_on_their_neighbours),
        cmocka_unit_test(tiny_rows_keep_their_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
