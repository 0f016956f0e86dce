/* Norms of products with one scale and with one for each row, and by Lanczos, against each other and against an SVD of
 * the product, on the same stored trajectory.
 *
 * The whole grid of sizes and lags takes some minutes; without an argument a sample of it runs. "--full" runs all. */
#include "networks.h"

void dgemm_(const char *, const char *, const int *, const int *, const int *, const double *, const double *,
            const int *, const double *, const int *, const double *, double *, const int *);

static bool full;
static double worst;

/* 1e-9 in the logarithm is what is promised. What is to be expected: each product step is off by about d u = 3e-14
 * relative, so 4096 of them by 1e-10 for normal or mildly non-normal W, and the tolerance of the norms is 1e-10. */
static const double AGREEMENT = 1e-9;

/* The plain way: J_l^T by dgemm, scaled to its largest element at each step, and a full SVD. */
static double log_norm_by_svd(struct weights *weights, const struct trajectory *trajectory, long chain, long lag)
{
    int d = (int)weights_hidden_size(weights);
    size_t count = (size_t)d * (size_t)d;
    const double *w, one = 1, zero = 0;
    double *product = calloc(count, sizeof *product), *next = calloc(count, sizeof *next), log_scale = 0, norm;
    require(weights_values(weights, 1, &w));
    for (int i = 0; i < d; i++)
        product[i * d + i] = 1;
    for (long step = 0; step < lag; step++) {
        double largest = 0;
        dgemm_("T", "N", &d, &d, &d, &one, w, &d, product, &d, &zero, next, &d);
        for (size_t i = 0; i < count; i++) {
            product[i] = next[i] * (trajectory ? trajectory_derivative(trajectory, step, chain)[i % (size_t)d] : 1);
            largest = fmax(largest, fabs(product[i]));
        }
        if (trajectory)
            log_scale += trajectory->log_shifts[step * trajectory->chains + chain];
        if (largest == 0)
            break;
        log_scale += log(largest);
        for (size_t i = 0; i < count; i++)
            product[i] /= largest;
    }
    require(spectrum_norm(d, product, &norm));
    free(product);
    free(next);
    return log(norm) + log_scale;
}

static void compare(const char *what, long d, long lag, double a, double b)
{
    if (a == b)
        return; /* -inf too */
    double difference = fabs(a - b);
    worst = fmax(worst, difference);
    if (!(difference <= AGREEMENT))
        fail_msg("%s, d = %ld, lag = %ld: %.17g and %.17g differ by %.3g", what, d, lag, a, b, difference);
}

enum { CHAINS = 3, LAGS = 6, MOST_OF_WIDE_ROWS = 4200 };

/* Chains and lags stand side by side for the sake of speed alone: no neighbour moves a bit. */
static void check_alone(const struct jacobian_problem *problem, struct gradient_context *context, long chain,
                        const double *log_norms)
{
    for (long lag = 0; lag < problem->lag_count; lag++) {
        struct jacobian_problem alone = *problem;
        double log_norm;
        enum jacobian_outcome outcome;
        bool fell_back;
        alone.first_chain += chain;
        alone.chains = 1;
        alone.lags += lag;
        alone.lag_count = 1;
        require(jacobian_norms_implicit(&alone, context, &log_norm, &outcome, &fell_back));
        assert_true(log_norm == log_norms[chain * problem->lag_count + lag]);
    }
}

/* Rows with exponents of their own are needed where one scale for all is too narrow; elsewhere they find the same. */
static void compare_wide(const char *what, const struct jacobian_problem *problem, struct gradient_context *context,
                         long chain, const double *log_norms, const double *log_frobenius)
{
    double wide_norms[LAGS], wide_frobenius[LAGS];
    enum jacobian_outcome outcome;
    require(jacobian_norms_wide(problem, context, chain, wide_norms, wide_frobenius, &outcome));
    assert_int_equal(outcome, JACOBIAN_FOUND);
    for (long lag = 0; lag < problem->lag_count; lag++) {
        const long d = weights_hidden_size(problem->weights);
        compare(what, d, problem->lags[lag], log_norms[lag], wide_norms[lag]);
        compare(what, d, problem->lags[lag], log_frobenius[lag], wide_frobenius[lag]);
    }
}

static void compare_methods(const char *ensemble_name, const char *activation_name, long d, const long *lags,
                            long lag_count)
{
    struct ensemble ensemble = ensemble_named(ensemble_name);
    const struct activation *activation = activation_find(activation_name);
    struct model model = { .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1,
                           .steps = lags[lag_count - 1] + 20 };
    /* Below, at and above the edge of chaos: vanishing, marginal and exploding products. */
    const struct chain chains[CHAINS] = { { activation, 0.7, 0.8, NULL },
                                          { activation, 1.0, 1.0, NULL },
                                          { activation, 1.4, 1.0, NULL } };
    struct weights *weights;
    struct weight_spectrum spectrum;
    struct trajectory trajectory;
    struct gradient_context context = { 0 };
    bool is_identity = activation->is_identity;
    const struct network_key key = { &ensemble, TEST_SEED, d, 0 };
    require(weights_spectrum(&key, NO_DISTRIBUTION, &spectrum));
    if (spectrum.radius == 0)
        return; /* sparse and small: no radius to rescale to */
    require(weights_open(&key, spectrum.radius, &weights));
    require(trajectory_run(&model, weights, CHAINS, chains, lags[lag_count - 1], KEEP_DERIVATIVES, NULL, &trajectory));
    struct jacobian_problem problem = { .weights = weights,
                                        .trajectory = is_identity ? NULL : &trajectory,
                                        .steps = model.steps,
                                        .chains = is_identity ? 1 : CHAINS,
                                        .lags = lags,
                                        .lag_count = lag_count,
                                        .tolerance = 1e-10 };
    double explicit_norms[CHAINS * LAGS], log_frobenius[CHAINS * LAGS], implicit_norms[CHAINS * LAGS];
    enum jacobian_outcome outcomes[CHAINS];
    bool fell_back[CHAINS];
    require(jacobian_norms_explicit(&problem, &context, explicit_norms, log_frobenius, outcomes));
    for (long chain = 0; chain < problem.chains; chain++) {
        assert_int_equal(outcomes[chain], JACOBIAN_FOUND);
        if (d * lags[lag_count - 1] <= MOST_OF_WIDE_ROWS)
            compare_wide(ensemble_name, &problem, &context, chain, explicit_norms + chain * lag_count,
                         log_frobenius + chain * lag_count);
    }
    require(jacobian_norms_implicit(&problem, &context, implicit_norms, outcomes, fell_back));
    for (long chain = 0; chain < problem.chains; chain++) {
        assert_int_equal(outcomes[chain], JACOBIAN_FOUND);
        if (d <= 64 && !fell_back[chain])
            check_alone(&problem, &context, chain, implicit_norms);
        for (long lag = 0; lag < lag_count; lag++) {
            char what[128];
            double a = explicit_norms[chain * lag_count + lag], b = implicit_norms[chain * lag_count + lag];
            snprintf(what, sizeof what, "%s, %s, chain %ld%s", ensemble_name, activation_name, chain,
                     fell_back[chain] ? " (fell back)" : "");
            compare(what, d, lags[lag], a, b);
            bool is_affordable = full || d * lags[lag] <= 20000;
            if (is_affordable)
                compare(what, d, lags[lag], a, log_norm_by_svd(weights, problem.trajectory, chain, lags[lag]));
        }
    }
    trajectory_destroy(&trajectory);
    weights_close(weights);
}

static void methods_agree_with_each_other_and_with_an_svd(void **state)
{
    (void)state;
    static const char *const ensembles[] = { "ginibre", "orthogonal", "symmetric", "sparse" };
    static const char *const activations[] = { "identity", "tanh", "relu" };
    static const long sizes[] = { 1, 2, 3, 16, 64, 257 }, lags[LAGS] = { 1, 2, 7, 64, 700, 4096 };
    for (size_t e = 0; e < 4; e++)
        for (size_t a = 0; a < 3; a++)
            for (size_t s = 0; s < 6; s++) {
                long lag_count = full || sizes[s] <= 16 ? LAGS : sizes[s] == 64 ? 5 : 4;
                compare_methods(ensembles[e], activations[a], sizes[s], lags, lag_count);
            }
    print_message("worst difference of logarithms: %.2g\n", worst);
}

/* Where the plain product underflows: lag 4096 at d = 64, ln ||J|| near -4096 (ln 0.56 + ...). */
static void long_products_stay_finite(void **state)
{
    (void)state;
    static const long lags[] = { 4096 };
    compare_methods("ginibre", "tanh", 64, lags, 1);
}

int main(int argc, char **argv)
{
    full = argc > 1 && strcmp(argv[1], "--full") == 0;
    spectrum_set_blas_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_agree_with_each_other_and_with_an_svd),
        cmocka_unit_test(long_products_stay_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
