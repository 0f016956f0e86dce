/* The norms of step Jacobians against a full SVD of each, and the chain of bounds they stand in. */
#include "measures.h"
#include "networks.h"

enum { LAGS = 5, CELLS = 6, LARGEST_LAG = 40 };
static const long lags[LAGS] = { 1, 2, 5, 16, LARGEST_LAG };
static const struct model quiet = { .initial_state = INITIAL_STATE_GAUSSIAN, .initial_state_scale = 1.0, .steps = 60 };
static const double radii[CELLS] = { 0.5, 0.5, 1.0, 1.0, 1.6, 1.6 }, gammas[CELLS] = { 0.3, 1.0, 0.3, 1.0, 0.3, 1.0 };

/* Of the sum: the tolerance, and as much for rounding, l 8 d u < 1e-12 here. */
static const double TOLERANCE = 2e-10;

static struct batch batch_of(const struct activation *activation, bool native)
{
    return (struct batch){ .model = &quiet,
                           .activation = activation,
                           .count = native ? 2 : CELLS,
                           .native = native,
                           .couplings = couplings_of(native ? 2 : CELLS, native ? NULL : radii, gammas),
                           .lags = lags,
                           .lag_count = LAGS,
                           .tolerance = 1e-10,
                           .measures = measure_set("step_bound") };
}

struct with_steps {
    struct measured measured;
    double *sums, *maxima;
};

/* The datasets of step_bound come after those of the norms. */
static struct with_steps measure_steps(const struct ensemble *ensemble, long d, struct batch batch)
{
    struct with_steps w;
    struct gradient_context context = { 0 };
    bool is_untied = ensemble->kind->spectrum == SPECTRUM_NONE;
    const struct network_key key = { ensemble, TEST_SEED, d, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &batch.spectrum));
    require(weights_open(&key, batch.native || is_untied ? 1.0 : batch.spectrum.radius, &batch.weights));
    w.measured = measured_create(&batch);
    w.sums = measured_array(&w.measured, batch.measures, "log_step_bound", batch.count * LAGS, sizeof(double));
    w.maxima = measured_array(&w.measured, batch.measures, "log_step_norm_max", batch.count * LAGS, sizeof(double));
    struct batch_results results = { w.measured.values, w.measured.outcomes, w.measured.methods };
    require(batch_measure(&batch, &context, &results));
    weights_close(batch.weights);
    return w;
}

static bool has_radius(const struct ensemble *ensemble, long d)
{
    struct weight_spectrum spectrum;
    require(weights_spectrum(&(struct network_key){ ensemble, TEST_SEED, d, 0 }, NO_DISTRIBUTION, &spectrum));
    return spectrum.radius != 0; /* NaN for untied: the radius is a gain */
}

static void assert_below(double small, double large, double slack, const char *what, double *worst)
{
    if (small == large) /* -inf too */
        return;
    *worst = fmax(*worst, small - large);
    if (!(small <= large + slack))
        fail_msg("%s: %.17g is above %.17g", what, small, large);
}

static void bounds_stand_in_a_chain(void **state)
{
    (void)state;
    double worst = -INFINITY;
    for (size_t e = 0; drawn_ensemble(e); e++)
        for (size_t a = 0; a < activation_count(); a++)
            for (long d = 1; d <= 33; d += 16) {
                struct ensemble ensemble = ensemble_named(drawn_ensemble(e));
                bool native = !has_radius(&ensemble, d);
                struct batch batch = batch_of(activation_at(a), native);
                struct with_steps w = measure_steps(&ensemble, d, batch);
                char what[128];
                snprintf(what, sizeof what, "%s, %s, d = %ld", ensemble.kind->name, activation_at(a)->name, d);
                for (long i = 0; i < batch.count * LAGS; i++) {
                    double lag = (double)lags[i % LAGS], previous = i % LAGS ? w.maxima[i - 1] : -INFINITY;
                    assert_int_equal(first_failure(&w.measured.outcomes[i / LAGS]), JACOBIAN_FOUND);
                    assert_below(w.measured.log_norms[i], w.sums[i], TOLERANCE, what, &worst);
                    assert_below(w.sums[i], lag * w.maxima[i], TOLERANCE, what, &worst);
                    if (!ensemble.kind->is_fresh_at_every_step) /* its W differ: eta^l may exceed the sum of norms */
                        assert_below(lag * w.maxima[i], w.measured.log_bounds[i], TOLERANCE, what, &worst);
                    assert_below(w.sums[i], w.measured.log_bounds[i], TOLERANCE, what, &worst);
                    assert_true(w.maxima[i] >= previous);
                }
                measured_destroy(&w.measured);
            }
    print_message("the chain of bounds is exceeded by at most %.2g\n", worst);
}

static void identity_makes_all_bounds_equal(void **state)
{
    (void)state;
    for (size_t e = 0; drawn_ensemble(e); e++) {
        struct ensemble ensemble = ensemble_named(drawn_ensemble(e));
        bool native = !has_radius(&ensemble, 12), is_untied = ensemble.kind->is_fresh_at_every_step;
        struct with_steps w = measure_steps(&ensemble, 12, batch_of(activation_find("identity"), native));
        for (long i = 0; i < (native ? 2 : CELLS) * LAGS; i++) {
            assert_true(w.sums[i] == w.measured.log_bounds[i]); /* bit for bit */
            if (!is_untied)
                assert_true((double)lags[i % LAGS] * w.maxima[i] == w.sums[i]);
            if (w.measured.methods[i / LAGS] == METHOD_CLOSED_FORM && lags[i % LAGS] < 12)
                assert_true(w.measured.log_norms[i] == w.sums[i]);
        }
        measured_destroy(&w.measured);
    }
}

/* sums[LAGS], maxima[LAGS]: by a full SVD of every W diag(D), normalised. */
static void norms_by_svd(struct weights *weights, const struct trajectory *trajectory, long chain, double *sums,
                         double *maxima)
{
    long d = weights_hidden_size(weights);
    double *dense = calloc((size_t)(d * d), sizeof *dense), sum = 0, largest = -INFINITY, norm;
    for (long i = 0, lag = 0; i < LARGEST_LAG; i++) {
        const double *w, *derivative = trajectory_derivative(trajectory, i, chain);
        require(weights_values(weights, quiet.steps - i, &w));
        for (long k = 0; k < d * d; k++)
            dense[k] = w[k] * derivative[k / d];
        require(spectrum_norm(d, dense, &norm));
        double log_norm = log(norm) + trajectory->log_shifts[i * trajectory->chains + chain];
        sum += log_norm;
        largest = fmax(largest, log_norm);
        if (lags[lag] == i + 1) {
            sums[lag] = sum;
            maxima[lag++] = largest;
        }
    }
    free(dense);
}

static void compare_with_svd(const struct ensemble *ensemble, const struct activation *activation, long d,
                             double *worst_sum, double *worst_maximum)
{
    struct batch batch = batch_of(activation, !has_radius(ensemble, d));
    struct with_steps w = measure_steps(ensemble, d, batch);
    struct weight_spectrum spectrum;
    struct trajectory trajectory;
    struct chain chains[CELLS];
    bool unscaled = batch.native || ensemble->kind->spectrum == SPECTRUM_NONE;
    const struct network_key key = { ensemble, TEST_SEED, d, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &spectrum));
    require(weights_open(&key, unscaled ? 1.0 : spectrum.radius, &batch.weights));
    for (long cell = 0; cell < batch.count; cell++)
        chains[cell] = batch_chain(&batch, cell);
    require(
        trajectory_run(&quiet, batch.weights, batch.count, chains, LARGEST_LAG, KEEP_DERIVATIVES, NULL, &trajectory));
    for (long cell = 0; cell < batch.count; cell++) {
        double sums[LAGS], maxima[LAGS], log_step = log(chains[cell].gain);
        norms_by_svd(batch.weights, &trajectory, cell, sums, maxima);
        for (int i = 0; i < LAGS; i++) {
            double expected = sums[i] + (double)lags[i] * log_step, found = w.sums[cell * LAGS + i];
            double largest = maxima[i] + log_step, found_largest = w.maxima[cell * LAGS + i];
            if (found != expected) {
                *worst_sum = fmax(*worst_sum, fabs(found - expected));
                assert_true(fabs(found - expected) <= TOLERANCE);
            }
            if (found_largest != largest) {
                *worst_maximum = fmax(*worst_maximum, fabs(found_largest - largest));
                assert_true(fabs(found_largest - largest) <= TOLERANCE / LARGEST_LAG);
            }
        }
    }
    trajectory_destroy(&trajectory);
    weights_close(batch.weights);
    measured_destroy(&w.measured);
}

static void step_norms_agree_with_an_svd(void **state)
{
    (void)state;
    static const char *const activations[] = { "tanh", "relu", "gelu" };
    static const long sizes[] = { 1, 2, 17, 48 };
    double worst_sum = 0, worst_maximum = 0;
    for (size_t e = 0; drawn_ensemble(e); e++)
        for (size_t a = 0; a < 3; a++)
            for (size_t s = 0; s < 4; s++) {
                struct ensemble ensemble = ensemble_named(drawn_ensemble(e));
                compare_with_svd(&ensemble, activation_find(activations[a]), sizes[s], &worst_sum, &worst_maximum);
            }
    print_message("against an SVD of every step: sums err by at most %.2g, maxima by %.2g\n", worst_sum, worst_maximum);
}

static void steps_do_not_depend_on_the_batch(void **state)
{
    (void)state;
    static const char *const names[] = { "ginibre", "untied" };
    for (size_t name = 0; name < 2; name++) {
        struct ensemble ensemble = ensemble_named(names[name]);
        struct batch batch = batch_of(activation_find("tanh"), false);
        struct with_steps together = measure_steps(&ensemble, 21, batch);
        for (int cell = 1; cell < CELLS; cell += 2) {
            struct with_steps alone = measure_steps(&ensemble, 21, batch_cell(batch, cell));
            assert_memory_equal(alone.sums, together.sums + cell * LAGS, LAGS * sizeof(double));
            assert_memory_equal(alone.maxima, together.maxima + cell * LAGS, LAGS * sizeof(double));
            measured_destroy(&alone.measured);
        }
        measured_destroy(&together.measured);
    }
}

int main(void)
{
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_stand_in_a_chain),
        cmocka_unit_test(identity_makes_all_bounds_equal),
        cmocka_unit_test(step_norms_agree_with_an_svd),
        cmocka_unit_test(steps_do_not_depend_on_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
