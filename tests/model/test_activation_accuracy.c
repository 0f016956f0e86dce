/* Activations to the last bits: within six units of the last place, never above the supremum, and the same for every
 * instruction set, place and count. */
#include "linalg/instruction_set.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/activation_at.h"

static const double u = DBL_EPSILON / 2;

static bool is(const struct activation *activation, const char *name)
{
    return strcmp(activation->name, name) == 0;
}

/* ---- in long double: eleven more bits, and a range that reaches to exp(-11000) ---- */

/* exp(-factor x^2), the rounding of the square made good. */
static long double exp_minus_square(long double x, long double factor)
{
    const long double square = x * x;
    return isinf(square) ? 0 : expl(-factor * square) * (1 - factor * fmal(x, x, -square));
}

/* Phi(x), below 0 with the roundings of x / sqrt 2 made good: erfc falls like exp(-z^2), by 2 z a unit. */
static long double gaussian_integral(long double x)
{
    const long double root_half = 0.7071067811865475244008443621048490392848L, root_half_low = 1.8950325588932571e-20L;
    const long double z = -x * root_half, lost = fmal(-x, root_half, -z) - x * root_half_low;
    return 0.5L * erfcl(z) * (z > 1 ? 1 - 2 * z * lost : 1);
}

/* phi(x), phi'(x) and ln |phi'(x)|; `cancelling`: what phi' is the difference of, where it is one. */
struct truth {
    long double value, derivative, logarithm, cancelling;
};

static struct truth of_tanh(long double x)
{
    const long double sine = sinhl(x), small = fabsl(x);
    return (struct truth){ tanhl(x), 4 / (expl(small) + expl(-small)) / (expl(small) + expl(-small)),
                           small < 1 ? -log1pl(sine * sine) : -2 * (small + log1pl(expl(-2 * small)) - M_LN2l), 0 };
}

static struct truth of_sigmoid(long double x)
{
    const long double e = expl(-fabsl(x));
    return (struct truth){ (x < 0 ? e : 1) / (1 + e), e / (1 + e) / (1 + e), -fabsl(x) - 2 * log1pl(e), 0 };
}

static struct truth of_softsign(long double x)
{
    const long double sum = 1 + fabsl(x);
    return (struct truth){ x / sum, 1 / sum / sum, -2 * log1pl(fabsl(x)), 0 };
}

static struct truth of_erf(long double x)
{
    return (struct truth){ erfl(x), M_2_SQRTPIl * exp_minus_square(x, 1), logl(M_2_SQRTPIl) - x * x, 0 };
}

static struct truth of_sin(long double x)
{
    const long double sine = sinl(x), cosine = fabsl(cosl(x));
    return (struct truth){ sine, cosl(x), cosine > 0.5L ? 0.5L * log1pl(-sine * sine) : logl(cosine), 0 };
}

static struct truth of_gelu(long double x)
{
    const long double density = M_2_SQRTPIl * M_SQRT1_2l / 2 * exp_minus_square(x, 0.5L);
    const long double integral = gaussian_integral(x), derivative = integral + (density > 0 ? x * density : 0);
    /* beyond the range of long double: Mills's ratio by its asymptotic series, the next term 105/t^9 */
    const long double t = -x, mills = (1 - (1 - (3 - 15 / (t * t)) / (t * t)) / (t * t)) / t;
    const long double far = -x * x / 2 - 0.5L * logl(2 * M_PIl) + logl(t - mills);
    return (struct truth){ x < -140 ? -0.0L : x * integral, derivative, x < -140 ? far : logl(fabsl(derivative)),
                           integral };
}

static struct truth of_silu(long double x)
{
    const long double e = expl(-fabsl(x)), numerator = x < 0 ? 1 + x + e : 1 + e + x * e;
    const long double scale = (x < 0 ? e : 1) / (1 + e) / (1 + e);
    return (struct truth){ x < 0 ? (e > 0 ? x * e : -0.0L) / (1 + e) : x / (1 + e),
                           scale > 0 ? scale * numerator : -0.0L,
                           (x < 0 ? x : 0) - 2 * log1pl(e) + logl(fabsl(numerator)), scale * e };
}

static struct truth of_elu(long double x)
{
    return x > 0 ? (struct truth){ x, 1, 0, 0 } : (struct truth){ expm1l(x), expl(x), x, 0 };
}

static struct truth of_lines(long double x, long double below, long double leak, long double above)
{
    const bool is_inside = below < x && x < above;
    return (struct truth){ is_inside ? x : leak * x, is_inside ? 1 : leak, is_inside ? 0 : logl(leak), 0 };
}

/* An activation without a reference here fails. */
static struct truth truth_of(const struct activation *activation, long double x)
{
    if (is(activation, "tanh"))
        return of_tanh(x);
    if (is(activation, "sigmoid"))
        return of_sigmoid(x);
    if (is(activation, "softsign"))
        return of_softsign(x);
    if (is(activation, "erf"))
        return of_erf(x);
    if (is(activation, "sin"))
        return of_sin(x);
    if (is(activation, "gelu"))
        return of_gelu(x);
    if (is(activation, "silu"))
        return of_silu(x);
    if (is(activation, "elu"))
        return of_elu(x);
    if (is(activation, "identity"))
        return of_lines(x, -INFINITY, 0, INFINITY);
    if (is(activation, "relu"))
        return of_lines(x, 0, 0, INFINITY);
    if (is(activation, "leaky_relu"))
        return of_lines(x, 0, 0.01, INFINITY);
    if (!is(activation, "hard_tanh"))
        fail_msg("no reference for the activation %s", activation->name);
    struct truth truth = of_lines(x, -1, 0, 1);
    truth.value = fmaxl(-1, fminl(1, x));
    return truth;
}

/* sup|phi'|, of which the table has the nearest double. */
static long double supremum_of(const struct activation *activation)
{
    if (is(activation, "erf"))
        return M_2_SQRTPIl;
    if (is(activation, "gelu"))
        return (1 + erfl(1)) / 2 + expl(-1) * M_2_SQRTPIl / 2;
    if (is(activation, "silu"))
        return of_silu(2.399357280520467667832739697949L).derivative;
    return activation->derivative_supremum;
}

/* ---- where ---- */

enum { MOST_POINTS = 120000 };

static double *points;
static long point_count;

static void add_point(double x)
{
    assert_true(point_count + 2 <= MOST_POINTS);
    points[point_count++] = x;
    points[point_count++] = -x;
}

/* x and its neighbours */
static void add_place(double x)
{
    add_point(x);
    add_point(nextafter(x, INFINITY));
    add_point(nextafter(x, 0));
}

static int make_points(void **state)
{
    (void)state;
    points = malloc(MOST_POINTS * sizeof *points);
    if (points == NULL)
        return -1;
    for (int exponent = -1074; exponent < 1024; exponent++) { /* subnormal ones too, and huge ones */
        add_point(ldexp(1, exponent));
        add_point(ldexp(1.3710937 + 1e-3 * (exponent % 100), exponent));
    }
    for (double x = 0; x < 45; x += 0.00271828)
        add_point(x);
    for (double x = 45; x < 760; x += 0.0871) /* where exponentials leave the range */
        add_point(x);
    for (int k = 1; k < 3000; k++) /* zeros of sine and cosine */
        add_place(k * M_PI_2);
    for (double x = 1e6; x < 1e300; x *= 1.7) {
        add_point(x);
        add_place(fabs(rint(x / M_PI_2)) * M_PI_2);
    }
    const double places[] = {
        DBL_MIN, 0x1p-28, 0.5, 0.7, 0.75179162, 1, M_SQRT1_2, M_SQRT2, 1.27846454, 2.3993572805, 0x1p45, DBL_MAX / 2
    }; /* seams, zeros and maxima of derivatives */
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        add_place(places[i]);
    add_point(0);
    add_point(DBL_MAX);
    return 0;
}

static int free_points(void **state)
{
    (void)state;
    free(points);
    return 0;
}

/* ---- accuracy ---- */

/* A unit in the last place of the double next to x. */
static long double unit_of(long double x)
{
    int exponent;
    frexpl(fabsl(x), &exponent);
    return ldexpl(1, exponent > -1021 ? exponent - 53 : -1074);
}

static void everything_is_within_six_units(void **state)
{
    (void)state;
    double *values = malloc(MOST_POINTS * sizeof *values), *slopes = malloc(MOST_POINTS * sizeof *slopes),
           *logarithms = malloc(MOST_POINTS * sizeof *logarithms);
    assert_true(values != NULL && slopes != NULL && logarithms != NULL);
    for (size_t n = 0; n < activation_count(); n++) {
        const struct activation *activation = activation_at(n);
        const long double supremum = supremum_of(activation);
        assert_true((double)supremum == activation->derivative_supremum);
        activation_values(activation, point_count, points, 1, values);
        activation_derivatives(activation, point_count, points, slopes);
        activation_log_derivatives(activation, point_count, points, logarithms);
        for (long i = 0; i < point_count; i++) {
            const struct truth truth = truth_of(activation, points[i]);
            /* next to a zero of phi', the error is that of the terms whose difference it is */
            const long double terms = fmaxl(fabsl(truth.derivative), truth.cancelling), loss = terms / truth.derivative;
            const long double bound = 6 * u * fmaxl(1, fabsl(truth.logarithm)) * fmaxl(1, fabsl(loss));
            if (!(fabsl(values[i] - truth.value) <= 6 * unit_of(truth.value)) ||
                !(fabsl(slopes[i] - truth.derivative / supremum) <= 6 * unit_of(terms / supremum)) ||
                !(logarithms[i] == (double)truth.logarithm || fabsl(logarithms[i] - truth.logarithm) <= bound))
                fail_msg("%s at %a: %a, %a, %a instead of %La, %La, %La", activation->name, points[i], values[i],
                         slopes[i], logarithms[i], truth.value, truth.derivative / supremum, truth.logarithm);
        }
    }
    free(values);
    free(slopes);
    free(logarithms);
}

/* What verdicts rest on: not the last bit of |phi'| / sup|phi'| is above 1, here for ten thousand doubles in a row on
 * either side of each place where it may be largest. */
static void no_derivative_passes_its_supremum(void **state)
{
    (void)state;
    enum { IN_A_ROW = 20000 };
    const double places[] = { 0, 1e-3, 1, M_SQRT2, 2.3993572805204677, 40 };
    double x[IN_A_ROW], slopes[IN_A_ROW];
    for (size_t n = 0; n < activation_count(); n++)
        for (size_t p = 0; p < 2 * sizeof places / sizeof *places; p++) {
            const double sign = p % 2 == 0 ? 1 : -1;
            x[0] = sign * places[p / 2];
            for (int i = 0; i < IN_A_ROW / 2; i++)
                x[0] = nextafter(x[0], -INFINITY);
            for (int i = 1; i < IN_A_ROW; i++)
                x[i] = nextafter(x[i - 1], INFINITY);
            activation_derivatives(activation_at(n), IN_A_ROW, x, slopes);
            for (int i = 0; i < IN_A_ROW; i++)
                assert_true(fabs(slopes[i]) <= 1);
        }
    for (size_t n = 0; n < activation_count(); n++)
        for (long i = 0; i < point_count; i++)
            assert_true(fabs(slope_at(activation_at(n), points[i])) <= 1);
}

/* 1 - tanh^2 rounds to 1 exactly as long as tanh^2 < 2^-54. */
static void tanh_is_steepest_at_zero_and_nowhere_else(void **state)
{
    (void)state;
    const struct activation *activation = activation_find("tanh");
    for (double x = 0x1p-27 - 0x1p-60; x > DBL_MIN; x *= 0.9)
        assert_true(slope_at(activation, x) == 1 && slope_at(activation, -x) == 1);
    assert_true(slope_at(activation, 0x1.8p-27) == 1 - u);
}

static void odd_activations_are_odd_to_the_last_bit(void **state)
{
    (void)state;
    static const char *const odd[] = { "identity", "tanh", "softsign", "erf", "hard_tanh", "sin" };
    for (size_t n = 0; n < sizeof odd / sizeof *odd; n++) {
        const struct activation *activation = activation_find(odd[n]);
        for (long i = 0; i < point_count; i++) {
            assert_true(value_at(activation, -points[i]) == -value_at(activation, points[i]));
            assert_true(slope_at(activation, -points[i]) == slope_at(activation, points[i]));
        }
    }
}

/* ---- the same bits ---- */

typedef void evaluation(const struct activation *activation, long count, const double *x, double *results);

static void evaluate_values(const struct activation *activation, long count, const double *x, double *results)
{
    activation_values(activation, count, x, 0.7, results);
}

static void evaluate_slopes(const struct activation *activation, long count, const double *x, double *results)
{
    activation_derivatives(activation, count, x, results);
}

static void evaluate_logarithms(const struct activation *activation, long count, const double *x, double *results)
{
    activation_log_derivatives(activation, count, x, results);
}

static void evaluate_values_with_slopes(const struct activation *activation, long count, const double *x,
                                        double *results)
{
    double *slopes = calloc((size_t)count, sizeof *slopes);
    assert_non_null(slopes);
    activation_values_and_derivatives(activation, count, x, 0.7, results, slopes);
    free(slopes);
}

static void evaluate_slopes_with_values(const struct activation *activation, long count, const double *x,
                                        double *results)
{
    double *values = calloc((size_t)count, sizeof *values);
    assert_non_null(values);
    activation_values_and_derivatives(activation, count, x, 0.7, values, results);
    free(values);
}

static evaluation *const evaluations[] = { evaluate_values, evaluate_slopes, evaluate_logarithms,
                                           evaluate_values_with_slopes, evaluate_slopes_with_values };
enum { EVALUATIONS = sizeof evaluations / sizeof *evaluations };

static void a_result_depends_on_its_argument_alone(void **state)
{
    (void)state;
    enum { LENGTH = 41 };
    double x[LENGTH], whole[LENGTH], part[LENGTH + 1];
    for (int i = 0; i < LENGTH; i++)
        x[i] = ldexp(3 * sin(i * i + 1), i % 7 - 2);
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (size_t n = 0; n < activation_count() * EVALUATIONS && instruction_set_select((enum instruction_set)set);
             n++) {
            const struct activation *activation = activation_at(n / EVALUATIONS);
            evaluations[n % EVALUATIONS](activation, LENGTH, x, whole);
            for (long first = 0; first < LENGTH; first++)
                for (long count = 1; first + count <= LENGTH; count++) {
                    part[count] = 17; /* nothing is written behind the end */
                    evaluations[n % EVALUATIONS](activation, count, x + first, part);
                    assert_memory_equal(part, whole + first, (size_t)count * sizeof *part);
                    assert_true(part[count] == 17);
                }
        }
}

/* The sign of what is no number is the compiler's choice. */
static void expect_bits(const double *values, const double *expected, int count)
{
    for (int i = 0; i < count; i++)
        assert_true((isnan(values[i]) && isnan(expected[i])) ||
                    memcmp(&values[i], &expected[i], sizeof values[i]) == 0);
}

/* Also beyond the magnitude up to which the loops are right, at zeros, kinks and what is no number. */
static void both_at_once_are_what_each_is_alone(void **state)
{
    (void)state;
    enum { SPECIAL = 12, LENGTH = 64 };
    static const double special[SPECIAL] = { 0, -0.0, 0.5, -0.75, 1, -1, 19, -320, 1000, 1e300, -INFINITY, NAN };
    double x[LENGTH], values[LENGTH], slopes[LENGTH], values_alone[LENGTH], slopes_alone[LENGTH];
    for (int i = 0; i < LENGTH; i++)
        x[i] = i < SPECIAL ? special[i] : ldexp(sin(i * i + 1), i % 13 - 3);
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (size_t n = 0; n < activation_count() && instruction_set_select((enum instruction_set)set); n++) {
            activation_values(activation_at(n), LENGTH, x, 0.7, values_alone);
            activation_derivatives(activation_at(n), LENGTH, x, slopes_alone);
            activation_values_and_derivatives(activation_at(n), LENGTH, x, 0.7, values, slopes);
            expect_bits(values, values_alone, LENGTH);
            expect_bits(slopes, slopes_alone, LENGTH);
        }
}

/* This machine has no such instructions: what was skipped has not passed. */
static bool lacks_instructions = false;

static void check_bits(enum instruction_set set)
{
    double *expected = malloc(MOST_POINTS * sizeof *expected), *results = malloc(MOST_POINTS * sizeof *results);
    assert_true(expected != NULL && results != NULL);
    for (size_t n = 0; n < activation_count() * EVALUATIONS; n++) {
        assert_true(instruction_set_select(INSTRUCTIONS_PLAIN));
        evaluations[n % EVALUATIONS](activation_at(n / EVALUATIONS), point_count, points, expected);
        if (!instruction_set_select(set)) {
            lacks_instructions = true;
            break;
        }
        evaluations[n % EVALUATIONS](activation_at(n / EVALUATIONS), point_count, points, results);
        assert_memory_equal(results, expected, (size_t)point_count * sizeof *results);
    }
    free(expected);
    free(results);
    if (lacks_instructions)
        skip();
}

static void avx2_gives_the_bits_of_plain_loops(void **state)
{
    (void)state;
    check_bits(INSTRUCTIONS_AVX2);
}

static void avx512_gives_the_bits_of_plain_loops(void **state)
{
    (void)state;
    check_bits(INSTRUCTIONS_AVX512);
}

/* What is not finite, on every instruction set and beside finite neighbours: NaN stays, an infinite x is the largest
 * double. */
static void nan_stays_and_infinity_is_the_largest_double(void **state)
{
    (void)state;
    enum { LENGTH = 19 };
    double x[LENGTH], bounded[LENGTH], results[LENGTH], expected[LENGTH];
    for (int i = 0; i < LENGTH; i++) {
        x[i] = i % 5 == 1 ? NAN : i % 5 == 2 ? INFINITY : i % 5 == 3 ? -INFINITY : 0.1 * i;
        bounded[i] = isinf(x[i]) ? copysign(DBL_MAX, x[i]) : x[i];
    }
    for (int set = INSTRUCTIONS_AVX512; set <= INSTRUCTIONS_PLAIN; set++)
        for (size_t n = 0; n < activation_count() * EVALUATIONS && instruction_set_select((enum instruction_set)set);
             n++) {
            evaluations[n % EVALUATIONS](activation_at(n / EVALUATIONS), LENGTH, x, results);
            evaluations[n % EVALUATIONS](activation_at(n / EVALUATIONS), LENGTH, bounded, expected);
            for (int i = 0; i < LENGTH; i++)
                assert_true(isnan(x[i]) ? isnan(results[i]) : results[i] == expected[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_within_six_units),
        cmocka_unit_test(no_derivative_passes_its_supremum),
        cmocka_unit_test(tanh_is_steepest_at_zero_and_nowhere_else),
        cmocka_unit_test(odd_activations_are_odd_to_the_last_bit),
        cmocka_unit_test(a_result_depends_on_its_argument_alone),
        cmocka_unit_test(both_at_once_are_what_each_is_alone),
        cmocka_unit_test(avx2_gives_the_bits_of_plain_loops),
        cmocka_unit_test(avx512_gives_the_bits_of_plain_loops),
        cmocka_unit_test(nan_stays_and_infinity_is_the_largest_double),
    };
    const int failures = cmocka_run_group_tests(tests, make_points, free_points);
    return failures == 0 && lacks_instructions ? 77 : failures;
}
