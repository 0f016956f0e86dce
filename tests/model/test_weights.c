/* Weights: spectra by construction and by computation, and the matrices that are handed out. */
#include "model/weights.h"

#include "linalg/spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

enum { D = 24, NEVER = 1 << 20 };

static struct weight_spectrum spectrum_of(const char *name, double parameter, long d, long replica,
                                          long distribute_from)
{
    struct ensemble ensemble = ensemble_of(name, parameter);
    struct weight_spectrum spectrum;
    assert_int_equal(weights_spectrum(&(struct network_key){ &ensemble, 3, d, replica }, distribute_from, &spectrum),
                     STATUS_OK);
    return spectrum;
}

static double relative(double found, double expected)
{
    return fabs(found - expected) / fabs(expected);
}

static void norm_and_radius_by_construction_are_those_of_the_matrix(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double parameter;
        double radius_tolerance;
    } cases[] = { /* radii are compared with those LAPACK finds: right to cond(eigenvalue) u, which is u for normal W */
                  { "orthogonal", NAN, 1e-13 },    { "cycle", NAN, 1e-13 },    { "symmetric", NAN, 1e-13 },
                  { "antisymmetric", NAN, 1e-13 }, { "nonnormal", 0, 1e-13 },  { "nonnormal", 1, 1e-11 },
                  { "ginibre", NAN, 1e-15 },       { "elliptic", 0.5, 1e-15 }, { "sparse", 0.3, 1e-15 },
                  { "uniform", NAN, 1e-15 }
    };
    double values[D * D], radius, norm;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        struct ensemble ensemble = ensemble_of(cases[k].name, cases[k].parameter);
        struct weight_spectrum spectrum = spectrum_of(cases[k].name, cases[k].parameter, D, 1, NEVER);
        draw(&ensemble, 3, D, 1, values);
        assert_int_equal(spectrum_radius(D, values, &radius), STATUS_OK);
        assert_int_equal(spectrum_norm(D, values, &norm), STATUS_OK);
        assert_true(relative(spectrum.radius, radius) <= cases[k].radius_tolerance);
        assert_true(relative(spectrum.norm, norm) <= spectrum.log_norm_error + spectrum_norm_error(D));
        assert_true(spectrum.log_norm_error > 0 && spectrum.log_norm_error < 1e-13);
        if (ensemble_is_normal(&ensemble))
            assert_true(spectrum.norm == spectrum.radius);
    }
}

static void normal_laws_that_are_certain(void **state)
{
    (void)state;
    assert_true(spectrum_of("orthogonal", NAN, D, 0, NEVER).radius == 1);
    assert_true(spectrum_of("orthogonal", NAN, D, 0, NEVER).norm == 1);
    assert_true(spectrum_of("cycle", NAN, 1, 0, NEVER).norm == 1);
    assert_true(spectrum_of("antisymmetric", NAN, 1, 0, NEVER).radius == 0);
    assert_true(spectrum_of("antisymmetric", NAN, 1, 0, NEVER).norm == 0);
}

static void a_chain_is_nilpotent(void **state)
{
    (void)state;
    struct weight_spectrum chain = spectrum_of("chain", -2.5, 5, 0, NEVER),
                           single = spectrum_of("chain", 3, 1, 0, NEVER);
    assert_true(chain.radius == 0 && chain.norm == 2.5 && chain.log_norm_error == 0);
    assert_true(single.radius == 0 && single.norm == 0 && single.log_norm_error == 0);
}

static void untied_weights_have_no_spectrum(void **state)
{
    (void)state;
    struct weight_spectrum spectrum = spectrum_of("untied", NAN, 5, 0, NEVER);
    assert_true(isnan(spectrum.radius) && isnan(spectrum.norm));
}

/* d = 8, density 0.1: about 30% of the draws have no cycle, which makes every eigenvalue 0; in the others the radius is
 * positive, however small. */
static void a_pattern_without_cycles_has_radius_zero(void **state)
{
    (void)state;
    enum { SIZE = 8, DRAWS = 500 };
    struct ensemble sparse = ensemble_of("sparse", 0.1);
    double values[SIZE * SIZE], power[SIZE * SIZE], square[SIZE * SIZE];
    int zeros = 0;
    for (long replica = 0; replica < DRAWS; replica++) {
        struct weight_spectrum spectrum = spectrum_of("sparse", 0.1, SIZE, replica, NEVER);
        draw(&sparse, 3, SIZE, replica, values);
        memcpy(power, values, sizeof power);
        for (int doubling = 0; doubling < 3; doubling++) { /* |W|^8: no cancellation, so 0 means no path of 8 steps */
            for (long j = 0; j < SIZE; j++)
                for (long i = 0; i < SIZE; i++) {
                    square[j * SIZE + i] = 0;
                    for (long k = 0; k < SIZE; k++)
                        square[j * SIZE + i] += fabs(at(power, SIZE, i, k)) * fabs(at(power, SIZE, k, j));
                }
            memcpy(power, square, sizeof power);
        }
        bool nilpotent = true;
        for (long i = 0; i < SIZE * SIZE; i++)
            nilpotent = nilpotent && power[i] == 0;
        assert_int_equal(spectrum.radius == 0, nilpotent);
        if (nilpotent) /* squaring alone would underflow, and find nothing */
            assert_true(spectrum_of("sparse", 0.1, SIZE, replica, 1).radius == 0);
        zeros += spectrum.radius == 0;
        bool has_diagonal = false, have_trace = true;
        for (long i = 0; i < SIZE; i++)
            has_diagonal = has_diagonal || at(values, SIZE, i, i) != 0;
        const struct network_key key = { &sparse, 3, SIZE, replica };
        struct weights *weights;
        assert_int_equal(weights_open(&key, 1.0, &weights), STATUS_OK);
        assert_int_equal(weights_have_trace(weights, &have_trace), STATUS_OK);
        assert_int_equal(have_trace, has_diagonal); /* no sum of random numbers is 0 */
        assert_true(!have_trace || !nilpotent);
        weights_close(weights);
    }
    assert_in_range(zeros, DRAWS / 5, DRAWS / 2);
}

/* The two agree to what LAPACK promises; the squaring is right to about d u as well. */
static void from_distribute_from_on_the_radius_comes_by_squaring(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    double values[D * D], by_squaring;
    draw(&ginibre, 3, D, 1, values);
    assert_int_equal(spectrum_radius_by_squaring(D, values, NULL, &by_squaring), STATUS_OK);
    assert_true(spectrum_of("ginibre", NAN, D, 1, D).radius == by_squaring);
    double by_lapack = spectrum_of("ginibre", NAN, D, 1, D + 1).radius;
    assert_true(by_lapack != by_squaring); /* the last bits tell them apart */
    assert_true(relative(by_squaring, by_lapack) < 1e-12);
}

/* A circular law's edge: loosely, the radius of a finite matrix lies a few percent off. */
static void a_large_ginibre_matrix_has_radius_near_one(void **state)
{
    (void)state;
    struct weight_spectrum spectrum = spectrum_of("ginibre", NAN, 200, 0, NEVER);
    assert_true(fabs(spectrum.radius - 1) < 0.15);
    assert_true(fabs(spectrum.norm - 2) < 0.2);
}

static struct weights *open_weights(const struct ensemble *ensemble, double divisor)
{
    struct weights *weights = NULL;
    assert_int_equal(weights_open(&(struct network_key){ ensemble, 3, D, 1 }, divisor, &weights), STATUS_OK);
    assert_non_null(weights);
    return weights;
}

static void the_unit_matrix_is_the_drawn_one_divided(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    double drawn[D * D], radius = spectrum_of("ginibre", NAN, D, 1, NEVER).radius, unit_radius;
    struct weights *weights = open_weights(&ginibre, radius);
    const double *values = NULL;
    assert_int_equal(weights_values(weights, 1, &values), STATUS_OK);
    draw(&ginibre, 3, D, 1, drawn);
    for (long i = 0; i < D * D; i++)
        assert_true(values[i] == drawn[i] / radius);
    assert_int_equal(spectrum_radius(D, values, &unit_radius), STATUS_OK);
    assert_true(fabs(unit_radius - 1) < 1e-12);
    assert_ptr_equal(weights_ensemble(weights), &ginibre);
    assert_int_equal(weights_hidden_size(weights), D);
    assert_int_equal(weights_key(weights)->replica, 1);
    assert_int_equal(weights_seed(weights), 3);
    weights_close(weights);
}

/* Both packed forms hold what weights_values shows, at each step. */
static void assert_packed_is(struct weights *weights, long step, const double *expected)
{
    struct block identity, product;
    const struct matrix *matrix = NULL;
    assert_int_equal(weights_at(weights, step, &matrix), STATUS_OK);
    assert_int_equal(block_create(D, D, &identity), STATUS_OK);
    assert_int_equal(block_create(D, D, &product), STATUS_OK);
    for (long j = 0; j < D; j++)
        block_column(&identity, j)[j] = 1;
    assert_int_equal(matrix_apply(matrix, &identity, &product), STATUS_OK);
    for (long j = 0; j < D; j++)
        assert_memory_equal(block_column(&product, j), expected + j * D, D * sizeof(double));
    assert_int_equal(matrix_apply_transposed(matrix, &identity, &product), STATUS_OK);
    for (long j = 0; j < D; j++)
        for (long i = 0; i < D; i++)
            assert_true(block_column(&product, j)[i] == expected[i * D + j]);
    block_destroy(&identity);
    block_destroy(&product);
}

static void tied_weights_are_the_same_at_every_step(void **state)
{
    (void)state;
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    struct weights *weights = open_weights(&ginibre, 1);
    double drawn[D * D];
    draw(&ginibre, 3, D, 1, drawn);
    assert_packed_is(weights, 1, drawn);
    assert_packed_is(weights, 9, drawn);
    weights_close(weights);
}

static void untied_weights_are_drawn_for_their_step_in_any_order(void **state)
{
    (void)state;
    static const long steps[] = { 1, 2, 2, 7, 1 };
    struct ensemble untied = ensemble_of("untied", NAN);
    struct weights *weights = open_weights(&untied, 1);
    double expected[D * D], radius;
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        const double *values = NULL;
        assert_int_equal(ensemble_draw(&(struct network_key){ &untied, 3, D, 1 }, steps[k], expected, &radius),
                         STATUS_OK);
        assert_int_equal(weights_values(weights, steps[k], &values), STATUS_OK);
        assert_memory_equal(values, expected, sizeof expected);
        const struct matrix *first = NULL, *again = NULL; /* asking twice does not take away what was handed out */
        assert_int_equal(weights_at(weights, steps[k], &first), STATUS_OK);
        assert_int_equal(weights_at(weights, steps[k], &again), STATUS_OK);
        assert_ptr_equal(first, again);
        assert_packed_is(weights, steps[k], expected);
    }
    weights_close(weights);
}

static void a_radius_that_is_none_is_refused(void **state)
{
    (void)state;
    static const double divisors[] = { 0, -1, NAN, INFINITY };
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    for (size_t k = 0; k < sizeof divisors / sizeof *divisors; k++) {
        struct weights *weights = NULL;
        assert_int_equal(weights_open(&(struct network_key){ &ginibre, 3, D, 1 }, divisors[k], &weights),
                         STATUS_NUMERICAL);
        assert_null(weights);
        assert_non_null(strstr(status_message(), "spectral_radius: native"));
        assert_non_null(strstr(status_message(), "ginibre"));
    }
    weights_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norm_and_radius_by_construction_are_those_of_the_matrix),
        cmocka_unit_test(normal_laws_that_are_certain),
        cmocka_unit_test(a_chain_is_nilpotent),
        cmocka_unit_test(untied_weights_have_no_spectrum),
        cmocka_unit_test(a_pattern_without_cycles_has_radius_zero),
        cmocka_unit_test(from_distribute_from_on_the_radius_comes_by_squaring),
        cmocka_unit_test(a_large_ginibre_matrix_has_radius_near_one),
        cmocka_unit_test(the_unit_matrix_is_the_drawn_one_divided),
        cmocka_unit_test(tied_weights_are_the_same_at_every_step),
        cmocka_unit_test(untied_weights_are_drawn_for_their_step_in_any_order),
        cmocka_unit_test(a_radius_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
