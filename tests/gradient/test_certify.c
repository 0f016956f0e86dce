/* Proven verdicts: never wrong, held against quadruple precision, and given wherever they can be had. */
#include "networks.h"

#include "gradient/certify.h"
#include "quad_norm.h"

enum { LAGS = 5, PLANE = 20, QUAD_SIZE = 8, LARGEST_LAG = 64 };
static const long lags[LAGS] = { 1, 2, 3, 8, LARGEST_LAG };
static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .steps = 70 };

static struct batch batch_of(const struct activation *activation, long count, const double *radii, const double *gammas)
{
    struct batch batch = batch_of_cells(&quiet, activation, count, radii, gammas, lags, LAGS);
    batch.options.certify = true;
    return batch;
}

struct tally {
    long cells, verdicts[4], confirmed_cells, confirmed;
    double narrowest_hold, widest_open; /* of |ln R|, among those held against quadruple precision */
};

/* ratios[LAGS] := R_l of certify.h for one chain, from the stored doubles, with some l d 2^-110. */
static void exact_ratios(struct weights *weights, bool is_untied, const struct trajectory *trajectory, long chain,
                         quad *ratios)
{
    int d = (int)weights_hidden_size(weights);
    quad product[QUAD_SIZE * QUAD_SIZE] = { 0 }, next[QUAD_SIZE * QUAD_SIZE], copy[QUAD_SIZE * QUAD_SIZE];
    quad norm = 0;
    for (int i = 0; i < d; i++)
        product[i * d + i] = 1;
    for (long step = 0, lag = 0; step < LARGEST_LAG; step++) {
        const double *w, *derivative = trajectory ? trajectory_derivative(trajectory, step, chain) : NULL;
        require(weights_values(weights, quiet.steps - step, &w));
        if (step == 0 || is_untied)
            norm = quad_norm_of(d, w);
        quad scale = 1 / norm;
        if (trajectory)
            scale *= exp(trajectory->log_shifts[step * trajectory->chains + chain]); /* 0 or far below all bounds */
        for (int row = 0; row < d; row++)
            for (int column = 0; column < d; column++) {
                quad sum = 0;
                for (int k = 0; k < d; k++)
                    sum += product[k * d + row] * w[column * d + k];
                next[column * d + row] = sum * scale * (derivative ? derivative[column] : 1.0);
            }
        memcpy(product, next, sizeof product);
        if (lags[lag] == step + 1) {
            memcpy(copy, product, sizeof copy);
            ratios[lag++] = quad_norm(d, copy);
        }
    }
}

/* ln R, of which quadruple precision knows the sign even where R is 1 - 1e-17. */
static double log_ratio(quad ratio)
{
    double distance = (double)(ratio - 1);
    return fabs(distance) < 1e-3 ? log1p(distance) : log((double)ratio);
}

static void confirm_cell(struct weights *weights, bool is_untied, const struct trajectory *trajectory, long chain,
                         const uint8_t *verdicts, const char *what, struct tally *tally)
{
    quad ratios[LAGS];
    double d = (double)weights_hidden_size(weights);
    exact_ratios(weights, is_untied, trajectory, chain, ratios);
    tally->confirmed_cells++;
    for (int i = 0; i < LAGS; i++) {
        double distance = -log_ratio(ratios[i]);
        if (verdicts[i] == BOUND_HOLDS) {
            if (!(distance > 0))
                fail_msg("%s: lag %ld is said to hold, but ln R = %.3g", what, lags[i], -distance);
            tally->confirmed++;
            tally->narrowest_hold = fmin(tally->narrowest_hold, distance);
        } else {
            /* What proofs can decide they must: beyond their resolution, the tolerance of the norms that say where a
             * proof is worth trying, and as much again because the two numbers may lie on either side. */
            assert_int_equal(verdicts[i], BOUND_WITHIN_ROUNDING);
            if (distance > 2e-10 + certify_resolution((double)lags[i], (long)d))
                fail_msg("%s: lag %ld is left open at ln R = %.3g", what, lags[i], -distance);
            tally->widest_open = fmax(tally->widest_open, distance);
        }
    }
}

/* The cells of a batch against quadruple precision; the trajectory is run again and has the same bits. */
static void confirm_cells(const struct ensemble *ensemble, long d, long replica, const struct batch *batch,
                          const uint8_t *verdicts, const char *what, struct tally *tally)
{
    struct weights *weights;
    struct weight_spectrum spectrum;
    struct trajectory trajectory;
    struct chain chains[PLANE];
    bool is_identity = batch->activation->is_identity, is_untied = ensemble->kind->spectrum == SPECTRUM_NONE;
    const struct network_key key = { ensemble, TEST_SEED, d, replica };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &spectrum));
    require(weights_open(&key, batch->native || is_untied ? 1 : spectrum.radius, &weights));
    for (long cell = 0; cell < batch->count; cell++)
        chains[cell] = batch_chain(batch, cell);
    require(
        trajectory_run(batch->model, weights, batch->count, chains, LARGEST_LAG, KEEP_DERIVATIVES, NULL, &trajectory));
    for (long cell = 0; cell < (is_identity ? 1 : batch->count); cell += 11)
        confirm_cell(weights, is_untied, is_identity ? NULL : &trajectory, cell, verdicts + cell * LAGS, what, tally);
    trajectory_destroy(&trajectory);
    weights_close(weights);
}

/* A plane of radii and gammas on one network; vanishing, marginal and chaotic. */
static void certify_network(const char *ensemble_name, const struct activation *activation, long d, long replica,
                            struct tally *tally)
{
    static const double steps[] = { 0.3, 0.7, 1.0, 1.3, 2.5 }, bounds[] = { 0.2, 0.9, 1.0, 1.7 };
    double radii[PLANE], gammas[PLANE];
    char what[128];
    struct ensemble ensemble = ensemble_named(ensemble_name);
    struct weight_spectrum spectrum;
    require(weights_spectrum(&(struct network_key){ &ensemble, TEST_SEED, d, replica }, NO_DISTRIBUTION, &spectrum));
    bool native = spectrum.radius == 0;
    long count = native ? 4 : PLANE;
    for (int i = 0; i < PLANE; i++) {
        radii[i] = steps[i / 4];
        gammas[i] = bounds[i % 4];
    }
    struct batch batch = batch_of(activation, count, native ? NULL : radii, gammas);
    struct measured m = measure_network(&ensemble, d, replica, batch);
    snprintf(what, sizeof what, "%s, %s, d = %ld, replica %ld", ensemble_name, activation->name, d, replica);
    for (long i = 0; i < count * LAGS; i++) {
        assert_int_equal(first_failure(&m.outcomes[i / LAGS]), JACOBIAN_FOUND);
        assert_in_range(m.verdicts[i], BOUND_HOLDS, BOUND_VIOLATED);
        if (m.verdicts[i] == BOUND_VIOLATED)
            fail_msg("%s: violated at ln J = %.17g, ln bound = %.17g", what, m.log_norms[i], m.log_bounds[i]);
        if (m.verdicts[i] == BOUND_HOLDS)
            assert_true(m.log_norms[i] < m.log_bounds[i]);
        tally->verdicts[m.verdicts[i]]++;
    }
    tally->cells += count;
    /* Closed forms say what exact arithmetic gives for an exactly normal W; the stored one is off by rounding. */
    if (d <= QUAD_SIZE && m.methods[0] != METHOD_CLOSED_FORM && spectrum.norm != 0)
        confirm_cells(&ensemble, d, replica, &batch, m.verdicts, what, tally);
    measured_destroy(&m);
}

static void ten_thousand_cells_are_never_violated(void **state)
{
    (void)state;
    static const long sizes[] = { 2, 3, 5, QUAD_SIZE, 24 };
    struct tally tally = { .narrowest_hold = INFINITY };
    for (size_t e = 0; drawn_ensemble(e); e++)
        for (size_t a = 0; a < activation_count(); a++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
                certify_network(drawn_ensemble(e), activation_at(a), sizes[s], (long)(a % 3), &tally);
    print_message("%ld cells, verdicts: %ld hold, %ld within rounding, %ld violated\n", tally.cells,
                  tally.verdicts[BOUND_HOLDS], tally.verdicts[BOUND_WITHIN_ROUNDING], tally.verdicts[BOUND_VIOLATED]);
    print_message("%ld cells in quadruple precision: %ld `holds` confirmed, the narrowest by ln R = -%.2g; the widest "
                  "left open %.2g\n",
                  tally.confirmed_cells, tally.confirmed, tally.narrowest_hold, tally.widest_open);
    assert_true(tally.cells >= 10000 && tally.confirmed_cells >= 500);
}

/* ---- doctored derivatives: a gamma that is not the bound it should be ---- */

enum { DOCTORED_SIZE = 24 };

/* The verdicts where every derivative is `derivative` but one in each row, which is `other`; certify_bounds is told
 * norms that are off by `lie`. */
static void certify_misled(const char *ensemble_name, double derivative, double other, double lie, uint8_t *verdicts)
{
    static _Alignas(64) double derivatives[LARGEST_LAG * DOCTORED_SIZE];
    static double log_shifts[LARGEST_LAG];
    struct ensemble ensemble = ensemble_named(ensemble_name);
    struct weight_spectrum spectrum;
    struct weights *weights;
    struct gradient_context context = { 0 };
    double log_norms[LAGS], log_bounds[LAGS];
    enum jacobian_outcome outcome;
    for (int i = 0; i < LARGEST_LAG * DOCTORED_SIZE; i++)
        derivatives[i] = i % DOCTORED_SIZE == 3 ? other : derivative;
    struct trajectory doctored = { .hidden_size = DOCTORED_SIZE,
                                   .chains = 1,
                                   .window = LARGEST_LAG,
                                   .derivatives = derivatives,
                                   .log_shifts = log_shifts };
    require(
        weights_spectrum(&(struct network_key){ &ensemble, TEST_SEED, DOCTORED_SIZE, 0 }, NO_DISTRIBUTION, &spectrum));
    require(weights_open(&(struct network_key){ &ensemble, TEST_SEED, DOCTORED_SIZE, 0 }, 1, &weights));
    struct jacobian_problem problem = { .weights = weights,
                                        .trajectory = &doctored,
                                        .steps = quiet.steps,
                                        .chains = 1,
                                        .lags = lags,
                                        .lag_count = LAGS,
                                        .tolerance = 1e-10 };
    require(jacobian_norms_explicit(&problem, &context, log_norms, NULL, &outcome));
    for (int i = 0; i < LAGS; i++) {
        log_bounds[i] = (double)lags[i] * log(spectrum.norm);
        log_norms[i] += lie;
    }
    require(certify_bounds(&problem, &context, log_norms, log_bounds, &outcome, verdicts));
    weights_close(weights);
}

static void certify_doctored(const char *ensemble_name, double derivative, double other, uint8_t *verdicts)
{
    certify_misled(ensemble_name, derivative, other, 0, verdicts);
}

static void assert_all(const uint8_t *verdicts, enum bound_verdict expected)
{
    for (int i = 0; i < LAGS; i++)
        assert_int_equal(verdicts[i], expected);
}

/* Orthogonal W and equal derivatives 1 + delta: R_l = (1 + delta)^l up to the rounding of W, some l d u. */
static void a_bound_that_is_too_small_is_found_violated(void **state)
{
    (void)state;
    uint8_t verdicts[LAGS];
    static const double excesses[] = { 1e-3, 1e-6, 1e-9, 1e-11 };
    for (size_t i = 0; i < sizeof excesses / sizeof *excesses; i++) {
        certify_doctored("orthogonal", 1 + excesses[i], 1 + excesses[i], verdicts);
        assert_all(verdicts, BOUND_VIOLATED);
        certify_doctored("cycle", 1 + excesses[i], 0, verdicts); /* one dead unit ends all products of 24 steps */
        for (int lag = 0; lag < LAGS; lag++)
            assert_int_equal(verdicts[lag], lags[lag] < DOCTORED_SIZE ? BOUND_VIOLATED : BOUND_HOLDS);
        /* Powers of ginibre grow less than those of its norm: the excess is lost from lag 2 on. */
        certify_doctored("ginibre", 1 + excesses[i], 1 + excesses[i], verdicts);
        assert_int_equal(verdicts[0], BOUND_VIOLATED);
        for (int lag = 1; lag < LAGS; lag++)
            assert_int_equal(verdicts[lag], BOUND_HOLDS);
    }
}

static void near_equality_is_within_rounding(void **state)
{
    (void)state;
    uint8_t verdicts[LAGS];
    static const double nearly_one[] = { 1, 1 + 0x1p-52, 1 + 0x1p-50 };
    for (size_t i = 0; i < sizeof nearly_one / sizeof *nearly_one; i++) {
        certify_doctored("orthogonal", nearly_one[i], nearly_one[i], verdicts);
        assert_all(verdicts, BOUND_WITHIN_ROUNDING);
        certify_doctored("cycle", nearly_one[i], 1, verdicts);
        assert_all(verdicts, BOUND_WITHIN_ROUNDING);
    }
    /* One ulp below 1 in every derivative is a proof without any product; in all but one it is none. */
    certify_doctored("orthogonal", 1 - 0x1p-53, 1 - 0x1p-53, verdicts);
    assert_all(verdicts, BOUND_HOLDS);
    certify_doctored("orthogonal", 1 - 0x1p-53, 1, verdicts);
    assert_all(verdicts, BOUND_WITHIN_ROUNDING);
    /* A cyclic shift carries every unit past the one with 0.9 within 24 steps, and not before. */
    certify_doctored("cycle", 1, 0.9, verdicts);
    for (int lag = 0; lag < LAGS; lag++)
        assert_int_equal(verdicts[lag], lags[lag] < DOCTORED_SIZE ? BOUND_WITHIN_ROUNDING : BOUND_HOLDS);
    /* Orthogonal W mixes all units: what one derivative takes is missing from the second step on. */
    certify_doctored("orthogonal", 0, 1, verdicts);
    assert_int_equal(verdicts[0], BOUND_WITHIN_ROUNDING);
    for (int lag = 1; lag < LAGS; lag++)
        assert_int_equal(verdicts[lag], BOUND_HOLDS);
}

/* Computed norms say where a proof is worth trying; they are no part of it. */
static void wrong_norms_prove_nothing(void **state)
{
    (void)state;
    uint8_t verdicts[LAGS];
    for (double lie = -1; lie <= 1; lie += 0.4) {
        certify_misled("orthogonal", 1, 1, lie, verdicts);
        assert_all(verdicts, BOUND_WITHIN_ROUNDING);
        certify_misled("symmetric", 1, 1, lie, verdicts);
        assert_all(verdicts, BOUND_WITHIN_ROUNDING);
        certify_misled("ginibre", 1, 1, lie, verdicts);
        assert_int_equal(verdicts[0], BOUND_WITHIN_ROUNDING);
        for (int lag = 1; lag < LAGS; lag++)
            assert_int_not_equal(verdicts[lag], BOUND_VIOLATED);
    }
}

/* ---- bits and costs ---- */

static void verdicts_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    enum { CELLS = 9 };
    double radii[CELLS], gammas[CELLS];
    static const char *const names[] = { "orthogonal", "untied", "ginibre" };
    for (int i = 0; i < CELLS; i++) {
        radii[i] = 0.6 + 0.2 * i;
        gammas[i] = i % 2 ? 0.75 : 1.0;
    }
    for (size_t name = 0; name < 3; name++) {
        struct ensemble ensemble = ensemble_named(names[name]);
        struct batch batch = batch_of(activation_find("leaky_relu"), CELLS, radii, gammas);
        struct measured together = measure_network(&ensemble, 17, 0, batch);
        for (int i = 0; i < CELLS; i += 4) {
            struct measured alone = measure_network(&ensemble, 17, 0, batch_cell(batch, i));
            assert_memory_equal(alone.verdicts, together.verdicts + i * LAGS, LAGS);
            measured_destroy(&alone);
        }
        measured_destroy(&together);
    }
}

static double flops_of(const char *ensemble_name, const char *activation, bool certify)
{
    enum { SIZE = 96, CHAINS = 4 };
    static const double radii[CHAINS] = { 0.6, 0.9, 1.0, 1.4 }, gammas[CHAINS] = { 1, 1, 1, 1 };
    struct ensemble ensemble = ensemble_named(ensemble_name);
    struct gradient_context context = { 0 };
    struct batch batch = batch_of(activation_find(activation), CHAINS, radii, gammas);
    batch.options.certify = certify;
    batch.measures |= measure_set("frobenius_norm"); /* so that the method is explicit */
    require(weights_spectrum(&(struct network_key){ &ensemble, TEST_SEED, SIZE, 0 }, NO_DISTRIBUTION, &batch.spectrum));
    require(
        weights_open(&(struct network_key){ &ensemble, TEST_SEED, SIZE, 0 }, batch.spectrum.radius, &batch.weights));
    struct measured m = measured_create(&batch);
    struct batch_results results = { m.values, m.outcomes, m.methods };
    require(batch_measure(&batch, &context, &results));
    weights_close(batch.weights);
    measured_destroy(&m);
    return context.flops;
}

/* Whatever there is to prove, it costs at most as much as the explicit run. */
static void proofs_cost_no_more_than_the_run(void **state)
{
    (void)state;
    static const char *const ensembles[] = { "ginibre", "orthogonal", "symmetric", "nonnormal" };
    static const char *const activations[] = { "tanh", "relu", "leaky_relu", "hard_tanh", "identity" };
    double dearest = 0;
    for (size_t e = 0; e < 4; e++)
        for (size_t a = 0; a < 5; a++)
            dearest = fmax(dearest, flops_of(ensembles[e], activations[a], true) /
                                        flops_of(ensembles[e], activations[a], false));
    print_message("a certified explicit run has at most %.3f times the operations of a plain one\n", dearest);
    assert_true(dearest <= 2);
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_thousand_cells_are_never_violated),
        cmocka_unit_test(a_bound_that_is_too_small_is_found_violated),
        cmocka_unit_test(near_equality_is_within_rounding),
        cmocka_unit_test(wrong_norms_prove_nothing),
        cmocka_unit_test(verdicts_do_not_depend_on_the_batch),
        cmocka_unit_test(proofs_cost_no_more_than_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
