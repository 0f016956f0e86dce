/* The error of identity networks in left eigenvectors, against closed forms, extended precision and itself. */
#include "networks.h"

#include "linalg/eigenbasis.h"
#include "model/loss.h"

#include <complex.h>

static const double UNIT_ROUNDOFF = 0x1p-53;
static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .steps = 300 };
static const struct model linear = {
    .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .loss = LOSS_LINEAR, .steps = 300
};

enum { LAGS = 4, CELLS = 2 };
static const long lags[LAGS] = { 1, 2, 16, 256 };
static const double radii[CELLS] = { 0.5, 1.25 }, gammas[CELLS] = { 0.75, 1.0 };

struct expanded {
    double *log_norms, *residuals, *log_coefficients, *conditions; /* [cells] of [LAGS], [LAGS], [d], 1 */
    struct measured measured;
    struct batch batch;
};

static void fill_with_nan(double *values, long count)
{
    for (long i = 0; i < count; i++)
        values[i] = NAN;
}

static struct batch batch_of(const char *activation, bool native)
{
    return (struct batch){ .model = &quiet,
                           .activation = activation_find(activation),
                           .count = CELLS,
                           .native = native,
                           .couplings = couplings_of(CELLS, native ? NULL : radii, gammas),
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10 };
}

/* The batch's weights stay open: expanded.batch.weights. */
static struct expanded measure_expanded(const struct ensemble *ensemble, long d, struct batch batch)
{
    struct expanded e;
    struct gradient_context context = { 0 };
    memset(&e, 0, sizeof e);
    batch.measures = measure_set("expansion");
    batch.options.lengths[ALONG_INDEX] = d;
    const struct network_key key = { ensemble, TEST_SEED, d, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &batch.spectrum));
    require(weights_open(&key, batch.native ? 1.0 : batch.spectrum.radius, &batch.weights));
    e.measured = measured_create(&batch);
    long tensor = batch.count * batch.lag_count;
    e.log_norms = measured_array(&e.measured, batch.measures, "log_expansion_norm", tensor, sizeof(double));
    e.residuals = measured_array(&e.measured, batch.measures, "expansion_residual", tensor, sizeof(double));
    e.log_coefficients =
        measured_array(&e.measured, batch.measures, "log_expansion_coefficient", batch.count * d, sizeof(double));
    e.conditions = measured_array(&e.measured, batch.measures, "eigenbasis_condition", batch.count, sizeof(double));
    fill_with_nan(e.log_norms, tensor);
    fill_with_nan(e.residuals, tensor);
    fill_with_nan(e.log_coefficients, batch.count * d);
    fill_with_nan(e.conditions, batch.count);
    struct batch_results results = { e.measured.values, e.measured.outcomes, e.measured.methods };
    require(batch_measure(&batch, &context, &results));
    for (long cell = 0; cell < batch.count; cell++)
        assert_int_equal(first_failure(&e.measured.outcomes[cell]), JACOBIAN_FOUND);
    e.batch = batch;
    return e;
}

static void expanded_destroy(struct expanded *e)
{
    weights_close(e->batch.weights);
    measured_destroy(&e->measured);
}

/* ln ||e_l|| in long doubles, which reach to e^11000: x_T by the network's own steps, e_l backwards. e_0 = x_T. */
static long double log_error_norm(const struct expanded *e, long cell, long lag)
{
    const struct batch *batch = &e->batch;
    const long d = weights_hidden_size(batch->weights);
    long double error[64], next[64], square = 0;
    struct chain chain = batch_chain(batch, cell);
    struct trajectory trajectory;
    const double *w;
    require(trajectory_run(batch->model, batch->weights, 1, &chain, 1, KEEP_DERIVATIVES, NULL, &trajectory));
    require(weights_values(batch->weights, 1, &w));
    for (long i = 0; i < d; i++)
        error[i] = scalbnl(block_column(&trajectory.final_state, 0)[i], (int)trajectory.final_exponents[0]);
    trajectory_destroy(&trajectory);
    for (long step = 0; step < lag; step++) {
        for (long j = 0; j < d; j++) {
            next[j] = 0;
            for (long i = 0; i < d; i++)
                next[j] += error[i] * (long double)w[i + j * d];
            next[j] *= (long double)chain.gain * (long double)chain.gamma;
        }
        memcpy(error, next, sizeof error);
    }
    for (long i = 0; i < d; i++)
        square += error[i] * error[i];
    return 0.5L * logl(square);
}

struct worst {
    double residual, residual_share, norm, norm_share;
};

/* Allowed is c cond u d (l + 1), c = 4: eigenvalues and vectors of dgeev are those of a matrix that differs from W by
 * about d u ||W||, which moves an eigenvalue by up to cond times that, and its l-th power by l times as much. */
static void compare_cells(const struct expanded *e, struct worst *worst)
{
    const double d = (double)weights_hidden_size(e->batch.weights);
    for (long i = 0; i < CELLS * LAGS; i++) {
        double l = (double)lags[i % LAGS], condition = e->conditions[i / LAGS];
        double allowed = 4 * condition * UNIT_ROUNDOFF * d * (l + 1),
               truth = (double)log_error_norm(e, i / LAGS, (long)l);
        double error = fabs(e->log_norms[i] - truth), allowed_log = allowed + 4 * UNIT_ROUNDOFF * fabs(truth);
        if (!(e->residuals[i] <= allowed))
            fail_msg("%s, d = %g, lag %g: residual %g, condition %g, allowed %g",
                     weights_ensemble(e->batch.weights)->label, d, l, e->residuals[i], condition, allowed);
        if (!(error <= allowed_log))
            fail_msg("%s, d = %g, lag %g: ln of the sum's norm %.17g is not %.17g within %g",
                     weights_ensemble(e->batch.weights)->label, d, l, e->log_norms[i], truth, allowed_log);
        worst->residual = fmax(worst->residual, e->residuals[i]);
        worst->residual_share = fmax(worst->residual_share, e->residuals[i] / allowed);
        worst->norm = fmax(worst->norm, error);
        worst->norm_share = fmax(worst->norm_share, error / allowed_log);
    }
}

static void sums_equal_the_errors_carried_back(void **state)
{
    (void)state;
    static const char *const names[] = { "ginibre",       "uniform",  "orthogonal", "symmetric",
                                         "antisymmetric", "elliptic", "nonnormal",  "cycle" };
    static const long sizes[] = { 1, 2, 3, 4, 9, 32, 63 };
    for (size_t name = 0; name < sizeof names / sizeof *names; name++) {
        struct ensemble ensemble = ensemble_named(names[name]);
        struct worst worst = { 0 };
        double condition = 0;
        for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
            if (ensemble_radius_is_zero(&ensemble, sizes[size]))
                continue;
            struct expanded e = measure_expanded(&ensemble, sizes[size], batch_of("identity", false));
            compare_cells(&e, &worst);
            condition = fmax(condition, e.conditions[0]);
            expanded_destroy(&e);
        }
        print_message("%s: worst residual %.1e (%.2f of allowed), worst error of ln norm %.1e (%.2f); condition %.1e\n",
                      names[name], worst.residual, worst.residual_share, worst.norm, worst.norm_share, condition);
    }
}

/* W = [[2, 1], [0, 1/2]]: q_1 = (1, 2/3) / |.|, q_2 = (0, 1); their angle gives the condition, and e_0 = c, drawn for a
 * linear loss, the coefficients. Right eigenvectors would be (1, 0) and (1, -3/2) / |.|, of the same condition. */
static void real_eigenvalues_follow_the_closed_form(void **state)
{
    (void)state;
    static const double w[] = { 2, 0, 1, 0.5 };
    struct ensemble ensemble = ensemble_given();
    given_values = w;
    struct batch batch = batch_of("identity", true);
    batch.model = &linear;
    struct expanded e = measure_expanded(&ensemble, 2, batch);
    struct loss *loss;
    const double zero[2] = { 0 }, length = sqrt(1 + 4.0 / 9.0), cosine = 2.0 / 3.0 / length;
    double error[2];
    require(loss_open(&linear, e.batch.weights, &loss));
    loss_gradient(loss, zero, 0, error);
    loss_close(loss);
    for (int cell = 0; cell < CELLS; cell++) {
        /* a few roundings */
        assert_true(fabs(e.conditions[cell] / sqrt((1 + cosine) / (1 - cosine)) - 1) < 1e-14);
        assert_true(fabs(e.log_coefficients[2 * cell] - log(fabs(error[0] * length))) < 1e-14);
        assert_true(fabs(e.log_coefficients[2 * cell + 1] - log(fabs(error[1] - error[0] * 2 / 3))) < 1e-14);
    }
    expanded_destroy(&e);
}

/* W = [[0, -4], [1, 0]]: lambda = +-2i, q = (1, +-2i) / sqrt 5, condition 2, and both coefficients are of size
 * sqrt(5) / 2 |e_1 - i e_2 / 2|. */
static void complex_eigenvalues_follow_the_closed_form(void **state)
{
    (void)state;
    static const double w[] = { 0, 1, -4, 0 }, error[2] = { 0.3, -1.7 };
    struct eigenbasis basis;
    double re[2], im[2], sum[2];
    require(eigenbasis_create(2, w, &basis));
    assert_true(fabs(basis.condition - 2) < 1e-14);
    assert_true(fabs(basis.eigenvalue_im[0] - 2) < 1e-15 && basis.eigenvalue_im[1] == -basis.eigenvalue_im[0]);
    eigenbasis_expand(&basis, error, re, im);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(hypot(re[i], im[i]) - sqrt(5) / 2 * hypot(error[0], error[1] / 2)) < 1e-14);
    assert_true(re[0] == re[1] && im[0] == -im[1]);
    eigenbasis_combine(&basis, re, im, sum);
    assert_true(fabs(sum[0] - error[0]) < 1e-15 && fabs(sum[1] - error[1]) < 1e-15);
    eigenbasis_destroy(&basis);
}

/* The unit vector q_i of a basis, complex. */
static void take_vector(const struct eigenbasis *basis, long i, double complex *q)
{
    const long d = basis->dimension;
    const double im = basis->eigenvalue_im[i];
    const double *first = basis->basis + (im < 0 ? i - 1 : i) * d, *second = first + d;
    for (long row = 0; row < d; row++)
        q[row] = im == 0 ? first[row] : (first[row] + (im > 0 ? I : -I) * second[row]) / M_SQRT2;
}

/* q_i W = lambda_i q_i, ||q_i|| = 1, descending moduli, pairs beside each other with +im first. */
static void vectors_are_left_eigenvectors(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_named("ginibre");
    for (long d = 1; d <= 37; d += 4) {
        double values[37 * 37], unused, worst = 0, re[37], im[37];
        double complex q[37];
        struct eigenbasis basis;
        require(ensemble_draw(&(struct network_key){ &ensemble, TEST_SEED, d, 0 }, 0, values, &unused));
        require(eigenbasis_create(d, values, &basis));
        require(eigenbasis_values(d, values, re, im));
        assert_memory_equal(re, basis.eigenvalue_re, (size_t)d * sizeof *re);
        assert_memory_equal(im, basis.eigenvalue_im, (size_t)d * sizeof *im);
        for (long i = 0; i < d; i++) {
            double square = 0;
            take_vector(&basis, i, q);
            for (long j = 0; j < d; j++) {
                double complex product = -(re[i] + I * im[i]) * q[j];
                for (long k = 0; k < d; k++)
                    product += q[k] * values[k + j * d];
                worst = fmax(worst, cabs(product));
                square += creal(q[j] * conj(q[j]));
            }
            assert_true(fabs(square - 1) < 1e-14);
            assert_true(i == 0 || hypot(re[i], im[i]) <= hypot(re[i - 1], im[i - 1]));
            if (im[i] > 0)
                assert_true(re[i + 1] == re[i] && im[i + 1] == -im[i]);
        }
        assert_true(worst < 1e-13); /* backward error of dgeev, some d u ||W|| */
        eigenbasis_destroy(&basis);
    }
}

/* || sum_i c_i lambda_i^l q_i - e W^l || / ||e W^l||, l = 3, with the basis of the matrix given. */
static double residual_with(const double *w, const double *of, long d)
{
    struct eigenbasis basis;
    double error[8], next[8], re[8], im[8], sum[8], distance = 0, square = 0;
    require(eigenbasis_create(d, of, &basis));
    for (long i = 0; i < d; i++)
        error[i] = 1.0 / (double)(i + 1);
    eigenbasis_expand(&basis, error, re, im);
    for (int step = 0; step < 3; step++) {
        for (long i = 0; i < d; i++) {
            double complex term = (re[i] + I * im[i]) * (basis.eigenvalue_re[i] + I * basis.eigenvalue_im[i]);
            re[i] = creal(term);
            im[i] = cimag(term);
        }
        for (long j = 0; j < d; j++) {
            next[j] = 0;
            for (long i = 0; i < d; i++)
                next[j] += error[i] * w[i + j * d];
        }
        memcpy(error, next, sizeof error);
    }
    eigenbasis_combine(&basis, re, im, sum);
    for (long i = 0; i < d; i++) {
        distance += (sum[i] - error[i]) * (sum[i] - error[i]);
        square += error[i] * error[i];
    }
    eigenbasis_destroy(&basis);
    return sqrt(distance / square);
}

/* Left eigenvectors of W^T are the right ones of W. */
static void right_eigenvectors_are_wrong(void **state)
{
    (void)state;
    enum { D = 8 };
    double w[D * D], transposed[D * D], unused;
    static const char *const names[] = { "ginibre", "nonnormal", "elliptic", "symmetric" };
    for (size_t name = 0; name < 4; name++) {
        struct ensemble ensemble = ensemble_named(names[name]);
        require(ensemble_draw(&(struct network_key){ &ensemble, TEST_SEED, D, 0 }, 0, w, &unused));
        for (long i = 0; i < D * D; i++)
            transposed[i] = w[i / D + i % D * D];
        assert_true(residual_with(w, w, D) < 1e-12);
        if (name < 3) /* of a symmetric matrix both are the same */
            assert_true(residual_with(w, transposed, D) > 0.1);
        else
            assert_true(residual_with(w, transposed, D) < 1e-12);
    }
}

/* A Jordan block has no basis: its condition says so, and there is no sum to compare. */
static void defective_weights_are_reported(void **state)
{
    (void)state;
    static const double jordan[] = { 0.9, 0, 0, 5, 0.9, 0, 0, 5, 0.9 };
    struct ensemble given = ensemble_given(), chain = ensemble_named("chain");
    given_values = jordan;
    for (int which = 0; which < 2; which++) {
        struct expanded e = measure_expanded(which ? &chain : &given, 3, batch_of("identity", true));
        for (int i = 0; i < CELLS * LAGS; i++) {
            assert_true(e.conditions[i / LAGS] * UNIT_ROUNDOFF > 1);
            assert_true(isnan(e.log_norms[i]) && isnan(e.residuals[i]));
        }
        expanded_destroy(&e);
    }
}

/* Near a Jordan block the residual is as large as the condition lets it be, and no larger. */
static void nearly_defective_weights_lose_digits(void **state)
{
    (void)state;
    static double w[4] = { 0.9, 0, 5, 0.9 };
    struct ensemble given = ensemble_given();
    given_values = w;
    for (double gap = 1e-2; gap > 1e-13; gap *= 1e-2) {
        struct worst worst = { 0 };
        w[3] = 0.9 + gap;
        struct expanded e = measure_expanded(&given, 2, batch_of("identity", true));
        /* q_1 = (gap, -5)..., q_2 = (0, 1): their sine is about gap / 5 */
        assert_true(fabs(e.conditions[0] * gap / 10 - 1) < 0.01);
        compare_cells(&e, &worst);
        print_message("gap %.0e: condition %.1e, worst residual %.1e\n", gap, e.conditions[0], worst.residual);
        expanded_destroy(&e);
    }
}

/* e_0 = x_T = 0: nothing to expand. */
static void an_error_of_zero_has_no_residual(void **state)
{
    (void)state;
    static const struct model silent = { .initial_state = INITIAL_STATE_ZERO, .steps = 300 };
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = batch_of("identity", false);
    batch.model = &silent;
    struct expanded e = measure_expanded(&ensemble, 5, batch);
    for (int i = 0; i < CELLS * LAGS; i++)
        assert_true(e.log_norms[i] == -INFINITY && isnan(e.residuals[i]));
    assert_true(e.log_coefficients[0] == -INFINITY && e.conditions[0] >= 1);
    expanded_destroy(&e);
}

/* Far beyond the range of doubles, with states that left it as well: ln|e_l| = ln|x_T| + l ln|w gamma|. */
static void logarithms_go_beyond_the_range(void **state)
{
    (void)state;
    static const struct model longer = { .initial_state = INITIAL_STATE_GAUSSIAN,
                                         .initial_state_scale = 1.0,
                                         .steps = 3000 };
    static const long far[] = { 2000, 3000 };
    const double values[] = { -1e-3, 40.0 };
    struct ensemble given = ensemble_given();
    for (int which = 0; which < 2; which++) {
        given_values = &values[which];
        struct batch batch = batch_of("identity", true);
        batch.model = &longer;
        batch.lags = far;
        batch.lag_count = 2;
        struct expanded e = measure_expanded(&given, 1, batch);
        for (long i = 0; i < CELLS * 2; i++) {
            double step = log(fabs(values[which]) * gammas[i / 2]);
            double expected = e.log_coefficients[i / 2] + (double)far[i % 2] * step;
            assert_true(fabs(e.log_norms[i] - expected) <= 1e-14 * fabs(expected)); /* logarithms of 1e4 and more */
            assert_true(fabs(expected) > 10000);
            assert_true(e.residuals[i] <= 4 * UNIT_ROUNDOFF * (double)far[i % 2]);
        }
        expanded_destroy(&e);
    }
}

static void other_activations_get_nan(void **state)
{
    (void)state;
    struct ensemble ensemble = ensemble_named("ginibre");
    struct expanded e = measure_expanded(&ensemble, 6, batch_of("tanh", false));
    for (int i = 0; i < CELLS * LAGS; i++)
        assert_true(isnan(e.log_norms[i]) && isnan(e.residuals[i]) && isnan(e.conditions[i / LAGS]));
    expanded_destroy(&e);
}

static void cells_do_not_depend_on_their_neighbours(void **state)
{
    (void)state;
    enum { D = 21 };
    struct ensemble ensemble = ensemble_named("ginibre");
    struct batch batch = batch_of("identity", false);
    struct expanded together = measure_expanded(&ensemble, D, batch);
    struct expanded alone = measure_expanded(&ensemble, D, batch_cell(batch, 1));
    assert_memory_equal(alone.log_norms, together.log_norms + LAGS, LAGS * sizeof(double));
    assert_memory_equal(alone.residuals, together.residuals + LAGS, LAGS * sizeof(double));
    assert_memory_equal(alone.log_coefficients, together.log_coefficients + D, D * sizeof(double));
    expanded_destroy(&alone);
    expanded_destroy(&together);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_equal_the_errors_carried_back),
        cmocka_unit_test(real_eigenvalues_follow_the_closed_form),
        cmocka_unit_test(complex_eigenvalues_follow_the_closed_form),
        cmocka_unit_test(vectors_are_left_eigenvectors),
        cmocka_unit_test(right_eigenvectors_are_wrong),
        cmocka_unit_test(defective_weights_are_reported),
        cmocka_unit_test(nearly_defective_weights_lose_digits),
        cmocka_unit_test(an_error_of_zero_has_no_residual),
        cmocka_unit_test(logarithms_go_beyond_the_range),
        cmocka_unit_test(other_activations_get_nan),
        cmocka_unit_test(cells_do_not_depend_on_their_neighbours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
