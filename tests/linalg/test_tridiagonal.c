/* The top eigenpair of a tridiagonal matrix against Sturm's count in long double. */
#include "linalg/tridiagonal.h"

#include "linalg/matrices.h"

enum { LARGEST = 400 };

static const double u = 0x1p-53;

struct tridiagonal {
    long n;
    double diagonal[LARGEST], off_diagonal[LARGEST];
};

/* Sturm's count with eleven more bits. */
static bool is_above_all(const struct tridiagonal *t, long double value)
{
    long double pivot = t->diagonal[0] - value;
    for (long i = 1; i < t->n && pivot < 0; i++)
        pivot = t->diagonal[i] - value - t->off_diagonal[i - 1] / pivot * t->off_diagonal[i - 1];
    return pivot < 0;
}

static long double norm_of(const struct tridiagonal *t)
{
    long double norm = 0;
    for (long i = 0; i < t->n; i++)
        norm = fmaxl(norm, fabsl((long double)t->diagonal[i]) + (i > 0 ? fabs(t->off_diagonal[i - 1]) : 0) +
                               (i < t->n - 1 ? fabs(t->off_diagonal[i]) : 0));
    return norm;
}

static long double largest_eigenvalue(const struct tridiagonal *t)
{
    long double low = -norm_of(t), high = norm_of(t);
    for (int i = 0; i < 80; i++) {
        const long double middle = (low + high) / 2;
        if (is_above_all(t, middle))
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* ||T v - theta v|| for a v of unit length. */
static double residual_of(const struct tridiagonal *t, double theta, const double *v)
{
    double square = 0, length = 0;
    for (long i = 0; i < t->n; i++) {
        double element = (t->diagonal[i] - theta) * v[i];
        element += i > 0 ? t->off_diagonal[i - 1] * v[i - 1] : 0;
        element += i < t->n - 1 ? t->off_diagonal[i] * v[i + 1] : 0;
        square += element * element;
        length += v[i] * v[i];
    }
    assert_true(fabs(length - 1) < 1e-13);
    return sqrt(square);
}

/* The value is right to 20 u of the norm: the margin of the proof, 16 u, and the last rounding. A pair that close has a
 * residual of that size; where eigenvalues lie closer together than that, the vector is of their common space. */
static void check(const struct tridiagonal *t)
{
    double theta, vector[LARGEST], work[2 * LARGEST];
    tridiagonal_top(t->n, t->diagonal, t->off_diagonal, &theta, vector, work);
    const long double norm = norm_of(t), truth = largest_eigenvalue(t);
    assert_true(fabsl(theta - truth) <= 20 * u * norm);
    assert_true(residual_of(t, theta, vector) <= 40 * u * (double)norm);
}

static void random_ones(void **state)
{
    (void)state;
    const struct random_stream stream = random_stream_open(5, "tridiagonal");
    for (long n = 1; n <= 60; n++)
        for (uint64_t draw = 0; draw < 20; draw++) {
            struct tridiagonal t = { .n = n };
            random_normal(&stream, draw, (uint64_t)(1000 * n), (uint64_t)n, t.diagonal);
            random_normal(&stream, draw, (uint64_t)(1000 * n + 500), (uint64_t)n, t.off_diagonal);
            const double scale = ldexp(1, (int)(draw % 5) * 100 - 200);
            for (long i = 0; i < n; i++) {
                t.diagonal[i] *= scale;
                t.off_diagonal[i] *= scale * (draw % 3 == 0 ? 1e-6 : 1);
            }
            check(&t);
        }
}

/* What Lanczos makes of A^T A: 2 on the diagonal, 1 beside it, eigenvalues 2 + 2 cos(k pi / (n + 1)) that crowd at the
 * top like 1/n^2. */
static void crowded_ones(void **state)
{
    (void)state;
    for (long n = 2; n <= LARGEST; n += n < 20 ? 1 : 37) {
        struct tridiagonal t = { .n = n };
        for (long i = 0; i < n; i++) {
            t.diagonal[i] = 2;
            t.off_diagonal[i] = 1;
        }
        check(&t);
        double theta, vector[LARGEST], work[2 * LARGEST];
        tridiagonal_top(n, t.diagonal, t.off_diagonal, &theta, vector, work);
        assert_true(fabs(theta - (2 + 2 * cos(M_PI / (double)(n + 1)))) <= 20 * u * 4);
    }
}

/* Wilkinson's W21+, whose two largest eigenvalues agree to 15 digits, copies of it glued together, and blocks that do
 * not touch. */
static void clusters(void **state)
{
    (void)state;
    const double glues[] = { 0, 1e-300, 1e-14, 1e-7 };
    for (size_t g = 0; g < sizeof glues / sizeof *glues; g++)
        for (long copies = 1; copies <= 10; copies++) {
            struct tridiagonal t = { .n = 21 * copies };
            for (long i = 0; i < t.n; i++) {
                t.diagonal[i] = fabs((double)(i % 21 - 10));
                t.off_diagonal[i] = i % 21 == 20 ? glues[g] : 1;
            }
            check(&t);
        }
}

static void special_ones(void **state)
{
    (void)state;
    struct tridiagonal t = { .n = 5 };
    check(&t); /* 0 */
    for (int i = 0; i < 5; i++)
        t.diagonal[i] = -3;
    check(&t); /* all eigenvalues equal, and negative */
    t.diagonal[4] = -2.5;
    t.off_diagonal[0] = 1e-200;
    check(&t);
    struct tridiagonal graded = { .n = 30 };
    for (int i = 0; i < 30; i++) {
        graded.diagonal[i] = pow(10, -i);
        graded.off_diagonal[i] = pow(10, -i) / 3;
    }
    check(&graded);
}

/* Lanczos accepts a value by the last component of its vector, some 1e-60 here: right to many digits all the same. */
static void tiny_last_components(void **state)
{
    (void)state;
    struct tridiagonal t = { .n = 31, .diagonal = { 2 } };
    for (int i = 0; i < 31; i++) {
        t.diagonal[i] = i == 0 ? 2 : 1 + 0.1 * sin(i);
        t.off_diagonal[i] = 0.01;
    }
    double theta, vector[LARGEST], work[2 * LARGEST];
    tridiagonal_top(t.n, t.diagonal, t.off_diagonal, &theta, vector, work);
    const long double exact = largest_eigenvalue(&t);
    long double ratio = 1, pivot = t.diagonal[30] - exact; /* of a component to the one before it, from the end up */
    for (int i = 29; i >= 0; i--) {
        ratio *= -t.off_diagonal[i] / pivot;
        pivot = t.diagonal[i] - exact - t.off_diagonal[i] / pivot * t.off_diagonal[i];
    }
    assert_true(fabsl(ratio) < 1e-58L);
    assert_true(fabsl(vector[30] / vector[0] / ratio - 1) < 1e-12L); /* thirty factors */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ones),  cmocka_unit_test(crowded_ones),         cmocka_unit_test(clusters),
        cmocka_unit_test(special_ones), cmocka_unit_test(tiny_last_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
