/* Statistics of what drives a network: inputs, input weights, bias and initial state, as the model makes them. Inputs
 * have full rank and their variance; nothing is correlated with anything else. Seeds are fixed, and the bounds hold for
 * a fresh seed too, but for the probabilities that stand beside them. */
#include "model/network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

enum { SEED = 2013, MOST_INPUTS = 8 };

static void open_network(const struct ensemble *ensemble, const struct model *model, long d, long replica,
                         struct weights **weights, struct network *network)
{
    assert_int_equal(weights_open(&(struct network_key){ ensemble, SEED, d, replica }, 1, weights), STATUS_OK);
    assert_int_equal(network_open(model, *weights, network), STATUS_OK);
}

static double *new_drive(long d)
{
    double *drive = NULL;
    assert_int_equal(memory_allocate(&drive, block_stride(d), "a drive"), STATUS_OK);
    return drive;
}

static void close_network(struct weights *weights, struct network *network)
{
    network_close(network);
    weights_close(weights);
}

static struct model model_of(enum input_kind input, long m, double period)
{
    return (struct model){ .input = input,
                           .input_size = m,
                           .input_scale = 0.7,
                           .input_period = period,
                           .bias = BIAS_GAUSSIAN,
                           .bias_scale = 0.3,
                           .initial_state = INITIAL_STATE_GAUSSIAN,
                           .initial_state_scale = 1.5,
                           .steps = 1000 };
}

/* columns[m][steps] := i_t for t = 1..steps of a network, a column a component. */
static void fill_inputs(const struct ensemble *ensemble, const struct model *model, long d, long replica, long steps,
                        double *columns)
{
    struct weights *weights;
    struct network network;
    double *drive = new_drive(d);
    open_network(ensemble, model, d, replica, &weights, &network);
    assert_int_equal(network.input_size, model->input_size);
    for (long t = 1; t <= steps; t++) {
        network_take_input(&network, t);
        (void)network_drive(&network, model_drive(network.model), drive);
        for (long j = 0; j < model->input_size; j++)
            columns[j * steps + t - 1] = model->input_scale * network.input[j];
    }
    close_network(weights, &network);
    memory_free(drive);
}

static double dot(const double *x, const double *y, long count)
{
    double sum = 0;
    for (long i = 0; i < count; i++)
        sum += x[i] * y[i];
    return sum;
}

/* pivots[m] := what is left of each column beside those before it, the largest first: the diagonal of R in a QR
 * factorisation with column pivoting. The k-th singular value is at most sqrt(m - k) times the k-th of them, and the
 * last is at least the smallest singular value. Overwrites the columns. */
static void find_pivots(double *columns, long m, long steps, double *pivots)
{
    for (long k = 0; k < m; k++) {
        long largest = k;
        for (long j = k; j < m; j++)
            if (dot(columns + j * steps, columns + j * steps, steps) >
                dot(columns + largest * steps, columns + largest * steps, steps))
                largest = j;
        for (long t = 0; t < steps; t++) {
            const double swap = columns[k * steps + t];
            columns[k * steps + t] = columns[largest * steps + t];
            columns[largest * steps + t] = swap;
        }
        const double square = dot(columns + k * steps, columns + k * steps, steps);
        pivots[k] = sqrt(square);
        for (long j = k + 1; j < m && square > 0; j++)
            for (int twice = 0; twice < 2; twice++) {
                const double part = dot(columns + k * steps, columns + j * steps, steps) / square;
                for (long t = 0; t < steps; t++)
                    columns[j * steps + t] -= part * columns[k * steps + t];
            }
    }
}

/* All components of a sine have one frequency: they are sums of its sine and its cosine, and so of rank 2, in
 * quadrature for m = 2, for any m above 1. Only periods of 1 and 2 steps, whose cosine or sine is 0 at every whole t,
 * leave 1. */
static void sine_inputs_have_the_rank_of_one_frequency(void **state)
{
    (void)state;
    static const double periods[] = { 2.5, 3, 7.5, 10, 100, 1e3, 0.3 };
    enum { STEPS = 3000 };
    const struct ensemble cycle = ensemble_of("cycle", NAN);
    double *columns = malloc(MOST_INPUTS * STEPS * sizeof *columns), pivots[MOST_INPUTS];
    for (size_t p = 0; p < sizeof periods / sizeof *periods; p++)
        for (long m = 1; m <= MOST_INPUTS; m++) {
            const struct model model = model_of(INPUT_SINE, m, periods[p]);
            fill_inputs(&cycle, &model, 4, 0, STEPS, columns);
            find_pivots(columns, m, STEPS, pivots);
            /* Components j and k stand at an angle of pi (j - k)/m, of which the best pair has a sine of 0.86 or more;
             * over 3 periods or more in 3000 steps, whole or not, their products are right to a third. */
            const double length = model.input_scale * sqrt(STEPS / 2.0);
            assert_true(pivots[0] > 0.8 * length && pivots[0] < 1.2 * length);
            if (m > 1)
                assert_true(pivots[1] > 0.6 * length);
            for (long k = 2; k < m; k++) /* rounding of angles, 2 pi u each, and of sums */
                assert_true(pivots[k] < 1e-12 * length);
        }
    for (int period = 1; period <= 2; period++) {
        const struct model model = model_of(INPUT_SINE, 2, period);
        fill_inputs(&cycle, &model, 4, 0, STEPS, columns);
        find_pivots(columns, 2, STEPS, pivots);
        assert_true(pivots[0] > 1 && pivots[1] < 1e-12 * pivots[0]);
    }
    free(columns);
}

/* Over whole periods of P > 2 steps the mean of sin^2 is 1/2 exactly, of a product of components j and k
 * cos(pi (j - k)/m)/2. At every single t the squares add up to m/2 for m > 1, so that a drive by sines is as strong at
 * any time. */
static void sine_inputs_have_their_variance(void **state)
{
    (void)state;
    enum { PERIOD = 12, STEPS = 25 * PERIOD };
    const struct ensemble cycle = ensemble_of("cycle", NAN);
    double columns[MOST_INPUTS * STEPS];
    for (long m = 1; m <= MOST_INPUTS; m++) {
        const struct model model = model_of(INPUT_SINE, m, PERIOD);
        const double variance = model.input_scale * model.input_scale / 2;
        fill_inputs(&cycle, &model, 4, 0, STEPS, columns);
        for (long j = 0; j < m; j++)
            for (long k = 0; k < m; k++) {
                const double mean = dot(columns + j * STEPS, columns + k * STEPS, STEPS) / STEPS;
                assert_true(fabs(mean - variance * cos(M_PI * (double)(j - k) / (double)m)) < 1e-14);
            }
        for (long t = 0; t < STEPS && m > 1; t++) {
            double square = 0;
            for (long j = 0; j < m; j++)
                square += columns[j * STEPS + t] * columns[j * STEPS + t];
            assert_true(fabs(square - variance * (double)m) < 1e-14 * (double)m);
        }
    }
}

/* The smallest singular value of a T x m matrix of standard normals is above sqrt(T) - sqrt(m) - s but for a
 * probability of exp(-s^2/2) (Davidson and Szarek 2001, Theorem II.13); s = 7: 2e-11. */
static void gaussian_inputs_have_full_rank(void **state)
{
    (void)state;
    enum { STEPS = 400 };
    const struct ensemble cycle = ensemble_of("cycle", NAN);
    double columns[MOST_INPUTS * STEPS], pivots[MOST_INPUTS];
    for (long m = 1; m <= MOST_INPUTS; m++) {
        const struct model model = model_of(INPUT_GAUSSIAN, m, 0);
        fill_inputs(&cycle, &model, 4, 0, STEPS, columns);
        find_pivots(columns, m, STEPS, pivots);
        for (long k = 0; k < m; k++)
            assert_true(pivots[k] > model.input_scale * (sqrt(STEPS) - sqrt((double)m) - 7));
    }
}

/* ---- all that is drawn, for all networks ---- */

enum { ROLES = 4, REPLICAS = 3, SIZES = 2, ENSEMBLES = 5, NETWORKS = REPLICAS * SIZES * ENSEMBLES, INPUTS = 3 };
enum { SHORTEST = 256, LONGEST = 1200 };

/* One draw: standard normal if the law is right. */
struct draw {
    long count;
    double values[LONGEST];
};

static void keep(const double *values, long count, double scale, struct draw *drawn)
{
    drawn->count = count < LONGEST ? count : LONGEST;
    for (long i = 0; i < drawn->count; i++)
        drawn->values[i] = values[i] / scale;
}

/* Inputs over 400 steps, w_in, b and x_0. */
static void draw_network(const struct ensemble *ensemble, long d, long replica, struct draw draws[ROLES])
{
    enum { STEPS = LONGEST / INPUTS };
    const struct model model = model_of(INPUT_GAUSSIAN, INPUTS, 0);
    struct weights *weights;
    struct network network;
    double *drive = new_drive(d), *input_weights = calloc((size_t)(d * INPUTS), sizeof *input_weights);
    double columns[INPUTS * STEPS];
    assert_non_null(input_weights);
    open_network(ensemble, &model, d, replica, &weights, &network);
    for (long t = 1; t <= STEPS; t++) {
        network_take_input(&network, t);
        (void)network_drive(&network, model_drive(network.model), drive);
        memcpy(columns + (t - 1) * INPUTS, network.input, INPUTS * sizeof *columns);
    }
    keep(columns, INPUTS * STEPS, 1, &draws[0]); /* the scale multiplies the drive alone */
    for (long i = 0; i < d * INPUTS; i++)
        input_weights[i] = block_column(&network.input_weights, i % INPUTS)[i / INPUTS];
    keep(input_weights, d * INPUTS, sqrt(1.0 / INPUTS), &draws[1]);
    keep(network.bias, d, 1, &draws[2]);
    network_initial_state(&model, weights, drive);
    keep(drive, d, model.initial_state_scale, &draws[3]);
    close_network(weights, &network);
    free(input_weights);
    memory_free(drive);
}

static struct draw *draw_all(void)
{
    static const long sizes[SIZES] = { SHORTEST, SHORTEST + 1 };
    const struct ensemble ensembles[ENSEMBLES] = { ensemble_of("ginibre", NAN), ensemble_of("uniform", NAN),
                                                   ensemble_of("cycle", NAN), ensemble_of("sparse", 0.1),
                                                   ensemble_of("sparse", 0.2) };
    struct draw *draws = malloc(NETWORKS * ROLES * sizeof *draws), *next = draws;
    for (int ensemble = 0; ensemble < ENSEMBLES; ensemble++)
        for (int size = 0; size < SIZES; size++)
            for (int replica = 0; replica < REPLICAS; replica++, next += ROLES)
                draw_network(&ensembles[ensemble], sizes[size], replica, next);
    return draws;
}

/* The sum X of n squares of standard normals is chi-square: X - n is outside -2 sqrt(n s) .. 2 sqrt(n s) + 2 s with
 * probability at most exp(-s) on either side, exactly, for any n (Laurent and Massart 2000, Lemma 1). s = 20: 2e-9, for
 * each of 120 draws. */
static void draws_have_their_variance(void **state)
{
    (void)state;
    const double s = 20;
    struct draw *draws = draw_all();
    for (int i = 0; i < NETWORKS * ROLES; i++) {
        const double n = (double)draws[i].count, excess = dot(draws[i].values, draws[i].values, draws[i].count) - n;
        assert_true(excess > -2 * sqrt(n * s) && excess < 2 * sqrt(n * s) + 2 * s);
    }
    free(draws);
}

/* Of two independent vectors of n standard normals the cosine is a coordinate of a random point on the sphere in n
 * dimensions: of variance 1/n, and beyond z/sqrt(n) with a probability below that of a normal beyond z, 6e-7 at z = 5.
 * Here stand 7140 pairs of draws, of every two networks that differ in ensemble, parameter, hidden size or replica, and
 * of every two roles: 4e-3 for a fresh seed, with the one that is fixed never. A draw that served twice has a cosine of
 * 1. */
static void draws_are_uncorrelated(void **state)
{
    (void)state;
    double worst = 0;
    struct draw *draws = draw_all();
    for (int i = 0; i < NETWORKS * ROLES; i++)
        for (int k = 0; k < i; k++) {
            const long n = draws[i].count < draws[k].count ? draws[i].count : draws[k].count;
            const double cosine =
                dot(draws[i].values, draws[k].values, n) /
                sqrt(dot(draws[i].values, draws[i].values, n) * dot(draws[k].values, draws[k].values, n));
            worst = fmax(worst, fabs(cosine) * sqrt((double)n));
        }
    free(draws);
    print_message("the largest of 7140 correlation coefficients is %.2f sigma\n", worst);
    assert_true(worst < 5);
}

/* Likewise components of one input, at one time and up to three steps apart. */
static void components_and_times_are_uncorrelated(void **state)
{
    (void)state;
    enum { STEPS = 1000, COMPONENTS = 6, SHIFTS = 4 };
    const struct ensemble cycle = ensemble_of("cycle", NAN);
    const struct model model = model_of(INPUT_GAUSSIAN, COMPONENTS, 0);
    double *columns = malloc(COMPONENTS * STEPS * sizeof *columns);
    fill_inputs(&cycle, &model, 4, 0, STEPS, columns);
    for (long j = 0; j < COMPONENTS; j++)
        for (long k = 0; k < COMPONENTS; k++)
            for (long shift = 0; shift < SHIFTS; shift++) {
                if (shift == 0 && k >= j)
                    continue;
                const long n = STEPS - shift;
                const double *x = columns + j * STEPS, *y = columns + k * STEPS + shift;
                assert_true(fabs(dot(x, y, n)) < 5 * sqrt(dot(x, x, n) * dot(y, y, n) / (double)n));
            }
    free(columns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sine_inputs_have_the_rank_of_one_frequency),
        cmocka_unit_test(sine_inputs_have_their_variance),
        cmocka_unit_test(gaussian_inputs_have_full_rank),
        cmocka_unit_test(draws_have_their_variance),
        cmocka_unit_test(draws_are_uncorrelated),
        cmocka_unit_test(components_and_times_are_uncorrelated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
