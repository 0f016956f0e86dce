/* Ensembles: every law has its moments and its structure, and a draw is what its key says. */
#include "base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/support.h"

enum { SMALL = 12, LARGE = 60, REPLICAS = 20 };

static void kinds_are_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < ensemble_kind_count(); i++)
        assert_ptr_equal(ensemble_kind_find(ensemble_kind_at(i)->name), ensemble_kind_at(i));
    assert_non_null(ensemble_kind_find("ginibre"));
    assert_null(ensemble_kind_find("Ginibre"));
    assert_null(ensemble_kind_at(ensemble_kind_count()));
}

static void defaults_are_in_range(void **state)
{
    (void)state;
    for (size_t i = 0; i < ensemble_kind_count(); i++) {
        const struct ensemble_kind *kind = ensemble_kind_at(i);
        for (size_t k = 0; k < kind->parameter_count; k++) {
            const struct ensemble_parameter *parameter = &kind->parameters[k];
            assert_true(parameter->default_value >= parameter->lowest);
            assert_true(parameter->default_value <= parameter->highest);
            assert_true(!parameter->lowest_excluded || parameter->default_value > parameter->lowest);
        }
    }
}

static void draws_are_keyed_by_their_description(void **state)
{
    (void)state;
    char text[128];
    struct ensemble sparse = ensemble_of("sparse", 0.1), elliptic = ensemble_of("elliptic", -0.0);
    ensemble_describe_draw(&(struct network_key){ .ensemble = &sparse, .hidden_size = 8, .replica = 2 }, "weights",
                           text, sizeof text);
    assert_string_equal(text, "sparse{density=0.10000000000000001} d=8 replica=2 role=weights");
    ensemble_describe_draw(&(struct network_key){ .ensemble = &elliptic, .hidden_size = 16, .replica = 0 }, "bias",
                           text, sizeof text);
    assert_string_equal(text, "elliptic{tau=0} d=16 replica=0 role=bias");
    struct ensemble ginibre = ensemble_of("ginibre", NAN);
    ensemble_describe_draw(&(struct network_key){ .ensemble = &ginibre, .hidden_size = 65536, .replica = 2147483648 },
                           "inputs", text, sizeof text);
    assert_string_equal(text, "ginibre d=65536 replica=2147483648 role=inputs");
    const struct network_key key = { .ensemble = &ginibre, .hidden_size = 1, .replica = 0 };
    ensemble_describe_draw(&key, "inputs", text, sizeof text);
    assert_string_equal(text, "ginibre d=1 replica=0 role=inputs");
    ensemble_describe_draw(&key, "inputs", text, 5); /* cut, not overrun */
    assert_string_equal(text, "gini");
}

/* Any rank may draw any entry of these alone: (i, j) is element i d + j of the stream. */
static void an_entry_is_its_element_of_the_stream(void **state)
{
    (void)state;
    double values[SMALL * SMALL], element;
    struct ensemble ginibre = ensemble_of("ginibre", NAN), uniform = ensemble_of("uniform", NAN);
    struct random_stream stream = random_stream_open(7, "ginibre d=12 replica=3 role=weights");
    draw(&ginibre, 7, SMALL, 3, values);
    for (long i = 0; i < SMALL; i++)
        for (long j = 0; j < SMALL; j++) {
            random_normal(&stream, 0, (uint64_t)(i * SMALL + j), 1, &element);
            assert_true(at(values, SMALL, i, j) == element * sqrt(1.0 / SMALL));
        }
    stream = random_stream_open(7, "uniform d=12 replica=3 role=weights");
    draw(&uniform, 7, SMALL, 3, values);
    random_uniform(&stream, 0, 5 * SMALL + 2, 1, &element);
    assert_true(at(values, SMALL, 5, 2) == sqrt(3.0 / SMALL) * (2 * element - 1));
}

/* Sums over the pairs i < j and the diagonal of so many replicas. */
struct moments {
    double pairs, mean, variance, product, diagonals, diagonal_mean, diagonal_variance;
};

static struct moments measure(const struct ensemble *ensemble, long d, long replicas)
{
    static double values[LARGE * LARGE];
    struct moments sum = { 0 };
    for (long replica = 0; replica < replicas; replica++) {
        draw(ensemble, 11, d, replica, values);
        for (long j = 0; j < d; j++) {
            double diagonal = at(values, d, j, j);
            sum.diagonals++;
            sum.diagonal_mean += diagonal;
            sum.diagonal_variance += diagonal * diagonal;
            for (long i = 0; i < j; i++) {
                double upper = at(values, d, i, j), lower = at(values, d, j, i);
                sum.pairs++;
                sum.mean += (upper + lower) / 2;
                sum.variance += (upper * upper + lower * lower) / 2;
                sum.product += upper * lower;
            }
        }
    }
    sum.mean /= sum.pairs;
    sum.variance /= sum.pairs;
    sum.product /= sum.pairs;
    sum.diagonal_mean /= sum.diagonals;
    sum.diagonal_variance /= sum.diagonals;
    return sum;
}

/* d times the expected variances, the correlation of opposite entries, and the kurtosis E x^4 / (E x^2)^2. */
struct law {
    const char *name;
    double parameter, variance, diagonal, correlation, kurtosis;
};

/* Within 5 standard errors (a false alarm has chance 1e-6 each, and the seed is fixed). Standard errors are those of
 * one entry a pair: opposite entries may be one number. Haar entries are Gaussian up to terms 1/d smaller. */
static void entries_have_their_moments(void **state)
{
    (void)state;
    static const struct law laws[] = {
        { "ginibre", NAN, 1, 1, 0, 3 },
        { "untied", NAN, 1, 1, 0, 3 },
        { "uniform", NAN, 1, 1, 0, 1.8 },
        { "sparse", 0.25, 1, 1, 0, 12 },
        { "orthogonal", NAN, 1, 1, 0, 3 },
        { "symmetric", NAN, 0.25, 0.5, 1, 3 },
        { "antisymmetric", NAN, 0.25, 0, -1, 3 },
        { "elliptic", 0.6, 1 / 2.56, 1.6 / 2.56, 0.6, 3 },
        { "elliptic", -0.3, 1 / 1.69, 0.7 / 1.69, -0.3, 3 },
        { "elliptic", 0, 1, 1, 0, 3 },
    };
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        const struct law *law = &laws[k];
        struct ensemble ensemble = ensemble_of(law->name, law->parameter);
        struct moments found = measure(&ensemble, LARGE, REPLICAS);
        double variance = law->variance / LARGE, diagonal = law->diagonal / LARGE;
        double root = sqrt(found.pairs), diagonal_root = sqrt(found.diagonals);
        assert_true(fabs(found.mean) <= 5 * sqrt(variance) / root);
        assert_true(fabs(found.variance - variance) <= 5 * sqrt(law->kurtosis - 1) * variance / root);
        double product_deviation = sqrt(1 + law->correlation * law->correlation) * variance;
        assert_true(fabs(found.product - law->correlation * variance) <= 5 * product_deviation / root);
        assert_true(fabs(found.diagonal_mean) <= 5 * sqrt(diagonal) / diagonal_root);
        assert_true(fabs(found.diagonal_variance - diagonal) <= 5 * sqrt(law->kurtosis - 1) * diagonal / diagonal_root);
    }
}

static void uniform_stays_within_its_bounds_and_reaches_them(void **state)
{
    (void)state;
    static double values[LARGE * LARGE];
    struct ensemble uniform = ensemble_of("uniform", NAN);
    double bound = sqrt(3.0 / LARGE), lowest = 0, highest = 0;
    draw(&uniform, 1, LARGE, 0, values);
    for (long i = 0; i < LARGE * LARGE; i++) {
        lowest = fmin(lowest, values[i]);
        highest = fmax(highest, values[i]);
    }
    assert_true(lowest > -bound && highest < bound);
    assert_true(lowest < -0.99 * bound && highest > 0.99 * bound);
}

static void sparse_has_its_density(void **state)
{
    (void)state;
    static double values[LARGE * LARGE];
    const double density = 0.1, count = (double)LARGE * LARGE;
    struct ensemble sparse = ensemble_of("sparse", density), dense = ensemble_of("sparse", 1);
    long filled = 0;
    draw(&sparse, 1, LARGE, 0, values);
    for (long i = 0; i < LARGE * LARGE; i++)
        filled += values[i] != 0;
    assert_true(fabs((double)filled - density * count) <= 5 * sqrt(count * density * (1 - density)));
    draw(&dense, 1, LARGE, 0, values);
    for (long i = 0; i < LARGE * LARGE; i++)
        assert_true(values[i] != 0);
}

static void symmetric_laws_are_symmetric_to_the_last_bit(void **state)
{
    (void)state;
    static const struct law laws[] = { { .name = "symmetric", .parameter = NAN, .correlation = 1 },
                                       { .name = "antisymmetric", .parameter = NAN, .correlation = -1 },
                                       { .name = "elliptic", .parameter = 1, .correlation = 1 },
                                       { .name = "elliptic", .parameter = -1, .correlation = -1 } };
    double values[SMALL * SMALL];
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        struct ensemble ensemble = ensemble_of(laws[k].name, laws[k].parameter);
        draw(&ensemble, 1, SMALL, 0, values);
        for (long j = 0; j < SMALL; j++)
            for (long i = 0; i < SMALL; i++)
                assert_true(at(values, SMALL, i, j) == laws[k].correlation * at(values, SMALL, j, i));
    }
}

/* A trace of Haar matrices has mean 0 and variance 1; a QR decomposition whose signs are left to LAPACK would have a
 * mean far from 0 here. */
static void orthogonal_is_orthogonal_and_without_bias(void **state)
{
    (void)state;
    enum { DRAWS = 400 };
    double values[SMALL * SMALL], trace = 0;
    struct ensemble orthogonal = ensemble_of("orthogonal", NAN);
    for (long replica = 0; replica < DRAWS; replica++) {
        draw(&orthogonal, 1, SMALL, replica, values);
        for (long i = 0; i < SMALL; i++) {
            trace += at(values, SMALL, i, i);
            for (long j = 0; j <= i; j++) {
                double dot = 0;
                for (long k = 0; k < SMALL; k++)
                    dot += at(values, SMALL, k, i) * at(values, SMALL, k, j);
                assert_true(fabs(dot - (i == j)) < 1e-14); /* some d u */
            }
        }
    }
    assert_true(fabs(trace / DRAWS) < 5 / sqrt(DRAWS));
}

static void shifts_take_from_the_successor(void **state)
{
    (void)state;
    double values[SMALL * SMALL];
    struct ensemble cycle = ensemble_of("cycle", NAN), chain = ensemble_of("chain", -2.5);
    draw(&cycle, 1, SMALL, 0, values);
    for (long i = 0; i < SMALL; i++)
        for (long j = 0; j < SMALL; j++)
            assert_true(at(values, SMALL, i, j) == (j == (i + 1) % SMALL));
    draw(&chain, 1, SMALL, 0, values);
    for (long i = 0; i < SMALL; i++)
        for (long j = 0; j < SMALL; j++)
            assert_true(at(values, SMALL, i, j) == (j == i + 1 ? -2.5 : 0));
    draw(&cycle, 1, 1, 0, values);
    assert_true(values[0] == 1);
    draw(&chain, 1, 1, 0, values);
    assert_true(values[0] == 0);
}

struct sample {
    double count, sum, square;
};

static void add(struct sample *sample, double value)
{
    sample->count++;
    sample->sum += value;
    sample->square += value * value;
}

/* Within 5 standard errors, estimated from the sample. */
static void assert_mean(const struct sample *sample, double expected)
{
    double mean = sample->sum / sample->count, variance = sample->square / sample->count - mean * mean;
    assert_true(fabs(mean - expected) < 5 * sqrt(variance / sample->count));
}

/* tr W W^T = sum |lambda|^2 + sum N_ij^2: d/2 (1/3 for a real eigenvalue) and departure^2 times the entries over d. */
static void nonnormal_has_the_size_its_schur_form_says(void **state)
{
    (void)state;
    enum { DRAWS = 200, ODD = SMALL + 1 };
    const double departure = 3;
    double values[ODD * ODD];
    struct sample sizes = { 0 };
    struct ensemble nonnormal = ensemble_of("nonnormal", departure);
    for (long replica = 0; replica < DRAWS; replica++) {
        double size = 0, radius = draw(&nonnormal, 1, ODD, replica, values);
        assert_true(radius > 0 && radius < 1);
        for (long i = 0; i < ODD * ODD; i++)
            size += values[i] * values[i];
        add(&sizes, size);
    }
    double entries = ODD * (ODD - 1) / 2.0 - SMALL / 2.0;
    assert_mean(&sizes, SMALL / 2.0 + 1 / 3.0 + departure * departure * entries / ODD);
}

/* Without departure W is normal, so that sum lambda = tr W, sum lambda^2 = tr W^2 and sum |lambda|^2 = tr W W^T: means
 * 0, 0 and 1/2 an eigenvalue for the uniform disc; for d = 1 W itself, with means 0 and 1/3 on [-1, 1]. */
static void eigenvalues_are_uniform_on_the_disc(void **state)
{
    (void)state;
    enum { DRAWS = 2000, FEW = 4 };
    double values[FEW * FEW];
    struct sample trace = { 0 }, trace_square = { 0 }, size = { 0 }, single = { 0 }, single_square = { 0 };
    struct ensemble nonnormal = ensemble_of("nonnormal", 0);
    for (long replica = 0; replica < DRAWS; replica++) {
        double sums[3] = { 0 };
        draw(&nonnormal, 1, FEW, replica, values);
        for (long i = 0; i < FEW; i++) {
            sums[0] += at(values, FEW, i, i);
            for (long j = 0; j < FEW; j++) {
                sums[1] += at(values, FEW, i, j) * at(values, FEW, j, i);
                sums[2] += at(values, FEW, i, j) * at(values, FEW, i, j);
            }
        }
        add(&trace, sums[0]);
        add(&trace_square, sums[1]);
        add(&size, sums[2]);
        draw(&nonnormal, 1, 1, replica, values);
        add(&single, values[0]);
        add(&single_square, values[0] * values[0]);
    }
    assert_mean(&trace, 0);
    assert_mean(&trace_square, 0);
    assert_mean(&size, FEW / 2.0);
    assert_mean(&single, 0);
    assert_mean(&single_square, 1 / 3.0);
}

/* Without departure: tr W = sum lambda and tr W W^T = sum |lambda|^2. Those of column k are elements k and k + 1 of
 * their stream; the last of an odd number is real. */
static void eigenvalues_are_their_elements_of_the_stream(void **state)
{
    (void)state;
    enum { ODD = 5 };
    double values[ODD * ODD], uniform[ODD], sum = 0, square = 0, largest = 0;
    struct ensemble nonnormal = ensemble_of("nonnormal", 0);
    const struct random_stream stream =
        random_stream_open(7, "nonnormal{departure=0} d=5 replica=3 role=weights/eigenvalues");
    random_uniform(&stream, 0, 0, ODD, uniform);
    for (long k = 0; k < ODD; k++) {
        const bool is_real = k == ODD - 1;
        const double *pair = &uniform[k - k % 2];
        const double modulus = is_real ? fabs(2 * pair[0] - 1) : sqrt(pair[0]);
        sum += is_real ? 2 * pair[0] - 1 : modulus * cos(acos(-1) * pair[1]);
        square += modulus * modulus;
        largest = fmax(largest, modulus);
    }
    assert_true(draw(&nonnormal, 7, ODD, 3, values) == largest);
    for (long i = 0; i < ODD * ODD; i++) {
        sum -= i % (ODD + 1) == 0 ? values[i] : 0;
        square -= values[i] * values[i];
    }
    assert_true(fabs(sum) < 1e-14 && fabs(square) < 1e-14);
}

static void without_departure_nonnormal_is_normal(void **state)
{
    (void)state;
    double values[SMALL * SMALL];
    struct ensemble nonnormal = ensemble_of("nonnormal", 0);
    draw(&nonnormal, 1, SMALL, 0, values);
    for (long i = 0; i < SMALL; i++)
        for (long j = 0; j < SMALL; j++) {
            double commutator = 0;
            for (long k = 0; k < SMALL; k++)
                commutator += at(values, SMALL, i, k) * at(values, SMALL, j, k) -
                              at(values, SMALL, k, i) * at(values, SMALL, k, j);
            assert_true(fabs(commutator) < 1e-14); /* some d u */
        }
}

static bool draws_differ(const struct ensemble *a, uint64_t seed_a, long replica_a, const struct ensemble *b,
                         uint64_t seed_b, long replica_b)
{
    double first[SMALL * SMALL], second[SMALL * SMALL];
    draw(a, seed_a, SMALL, replica_a, first);
    draw(b, seed_b, SMALL, replica_b, second);
    return memcmp(first, second, sizeof first) != 0;
}

static void each_part_of_the_key_counts_and_nothing_else(void **state)
{
    (void)state;
    for (size_t k = 0; k < ensemble_kind_count(); k++) {
        if (ensemble_kind_at(k)->is_file) /* read, not drawn */
            continue;
        struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN), renamed = ensemble;
        bool is_random = strcmp(ensemble.kind->name, "cycle") != 0 && strcmp(ensemble.kind->name, "chain") != 0;
        renamed.label = (char *)"another label";
        assert_false(draws_differ(&ensemble, 5, 1, &renamed, 5, 1));
        assert_int_equal(draws_differ(&ensemble, 5, 1, &ensemble, 6, 1), is_random);
        assert_int_equal(draws_differ(&ensemble, 5, 1, &ensemble, 5, 2), is_random);
    }
    struct ensemble little = ensemble_of("sparse", 0.4), more = ensemble_of("sparse", 0.5);
    assert_true(draws_differ(&little, 5, 1, &more, 5, 1));
}

static void only_untied_changes_with_the_step(void **state)
{
    (void)state;
    double first[SMALL * SMALL], second[SMALL * SMALL], radius;
    for (size_t k = 0; k < ensemble_kind_count(); k++) {
        if (ensemble_kind_at(k)->is_file)
            continue;
        struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN);
        const struct network_key key = { &ensemble, 5, SMALL, 0 };
        assert_int_equal(ensemble_draw(&key, 3, first, &radius), STATUS_OK);
        assert_int_equal(ensemble_draw(&key, 4, second, &radius), STATUS_OK);
        bool differ = memcmp(first, second, sizeof first) != 0;
        assert_int_equal(differ, ensemble.kind->is_fresh_at_every_step);
        assert_int_equal(differ, strcmp(ensemble.kind->name, "untied") == 0);
    }
}

enum { WIDE = 301, NARROW = 21 };

static void check_parts(long d, size_t count, const struct matrix_part *parts)
{
    static double whole[WIDE * WIDE], values[WIDE * WIDE];
    for (size_t k = 0; k < ensemble_kind_count(); k++) {
        struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN);
        if (ensemble.kind->is_file || ensemble.kind->draw_part == NULL)
            continue;
        const struct network_key key = { &ensemble, 5, d, 2 };
        double radius;
        assert_int_equal(ensemble_draw(&key, 3, whole, &radius), STATUS_OK);
        for (size_t p = 0; p < count; p++) {
            const struct matrix_part *part = &parts[p];
            memset(values, 0x7f, sizeof values);
            assert_int_equal(ensemble.kind->draw_part(&key, 3, part, values), STATUS_OK);
            for (long j = 0; j < part->columns; j++)
                assert_memory_equal(values + j * part->rows, whole + (part->first_column + j) * d + part->first_row,
                                    (size_t)part->rows * sizeof *values);
        }
    }
}

/* Whatever its place and shape, beside and across the tiles that it is drawn in; of W with short rows, which are drawn
 * together where they are whole. */
static void every_part_is_that_piece_of_the_whole(void **state)
{
    (void)state;
    static const struct matrix_part of_wide[] = { { 0, WIDE, 0, WIDE },    { 0, 1, 0, WIDE },
                                                  { 17, WIDE - 17, 3, 1 }, { 1, 15, 255, 3 },
                                                  { 127, 130, 129, 172 },  { WIDE - 1, 1, WIDE - 1, 1 },
                                                  { 5, 283, 7, 258 } };
    static const struct matrix_part of_narrow[] = { { 0, NARROW, 0, NARROW },
                                                    { 3, 15, 0, NARROW },
                                                    { NARROW - 1, 1, 0, NARROW },
                                                    { 2, 19, 1, NARROW - 1 },
                                                    { 4, 13, 0, 5 } };
    check_parts(WIDE, sizeof of_wide / sizeof *of_wide, of_wide);
    check_parts(NARROW, sizeof of_narrow / sizeof *of_narrow, of_narrow);
}

static void structure_is_known_in_advance(void **state)
{
    (void)state;
    static const char *const normal[] = { "orthogonal", "cycle", "symmetric", "antisymmetric" };
    int normal_count = 0;
    for (size_t k = 0; k < ensemble_kind_count(); k++) {
        struct ensemble ensemble = ensemble_of(ensemble_kind_at(k)->name, NAN);
        normal_count += ensemble_is_normal(&ensemble);
        assert_int_equal(ensemble_radius_is_zero(&ensemble, 2), strcmp(ensemble.kind->name, "chain") == 0);
    }
    assert_int_equal(normal_count, 4);
    for (int i = 0; i < 4; i++) {
        struct ensemble ensemble = ensemble_of(normal[i], NAN);
        assert_true(ensemble_is_normal(&ensemble));
        assert_int_equal(ensemble_radius_is_zero(&ensemble, 1), i == 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_found),
        cmocka_unit_test(defaults_are_in_range),
        cmocka_unit_test(draws_are_keyed_by_their_description),
        cmocka_unit_test(an_entry_is_its_element_of_the_stream),
        cmocka_unit_test(entries_have_their_moments),
        cmocka_unit_test(uniform_stays_within_its_bounds_and_reaches_them),
        cmocka_unit_test(sparse_has_its_density),
        cmocka_unit_test(symmetric_laws_are_symmetric_to_the_last_bit),
        cmocka_unit_test(orthogonal_is_orthogonal_and_without_bias),
        cmocka_unit_test(shifts_take_from_the_successor),
        cmocka_unit_test(nonnormal_has_the_size_its_schur_form_says),
        cmocka_unit_test(eigenvalues_are_uniform_on_the_disc),
        cmocka_unit_test(eigenvalues_are_their_elements_of_the_stream),
        cmocka_unit_test(without_departure_nonnormal_is_normal),
        cmocka_unit_test(each_part_of_the_key_counts_and_nothing_else),
        cmocka_unit_test(only_untied_changes_with_the_step),
        cmocka_unit_test(every_part_is_that_piece_of_the_whole),
        cmocka_unit_test(structure_is_known_in_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
