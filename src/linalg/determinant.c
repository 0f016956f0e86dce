#include "linalg/determinant.h"

#include "base/memory.h"
#include "base/random.h"
#include "linalg/lapack.h"

#include <math.h>

enum { BALANCE_ROUNDS = 3, INVERSE_ITERATIONS = 8 };

/* exponents[i] += that of the norm of row (or column) i of B, of `count` elements that are `stride` apart. */
static void take_norms(long dimension, const double *values, long next, long stride, const int *others, int *exponents)
{
    for (long i = 0; i < dimension; i++) {
        double sum = 0;
        int largest = 0, exponent = 0;
        const double *row = values + i * next;
        for (long k = 0; k < dimension; k++) { /* the largest exponent, lest squares leave the range of doubles */
            if (row[k * stride] == 0)
                continue;
            frexp(row[k * stride], &exponent);
            exponent -= others[k];
            largest = sum == 0 || exponent > largest ? exponent : largest;
            sum = 1;
        }
        if (sum == 0)
            continue;
        sum = 0;
        for (long k = 0; k < dimension; k++) {
            const double element = ldexp(row[k * stride], -others[k] - largest);
            sum += element * element;
        }
        exponents[i] = (int)rint(0.5 * log2(sum)) + largest;
    }
}

void determinant_balance(long dimension, const double *values, int *row_exponents, int *column_exponents)
{
    for (long i = 0; i < dimension; i++)
        row_exponents[i] = column_exponents[i] = 0;
    for (int round = 0; round < BALANCE_ROUNDS; round++) {
        take_norms(dimension, values, 1, dimension, column_exponents, row_exponents);
        take_norms(dimension, values, dimension, 1, row_exponents, column_exponents);
    }
}

static double norm_of(long dimension, const double *vector)
{
    double sum = 0;
    for (long i = 0; i < dimension; i++)
        sum += vector[i] * vector[i];
    return sqrt(sum);
}

/* ||B^-1||_2 as sqrt ||(B^T B)^-1 x|| of a unit vector that this turns to the one it grows most. */
static enum status iterate(long dimension, const double *factors, const int *pivots, double *inverse_norm)
{
    SCOPED_MEMORY double *vector = NULL;
    const int n = (int)dimension, one = 1;
    const struct random_stream stream = random_stream_open(1, "inverse iteration");
    int info = 0;
    TRY(memory_allocate(&vector, dimension, "a vector"));
    random_normal(&stream, 0, 0, (uint64_t)dimension, vector);
    for (int i = 0; i < INVERSE_ITERATIONS; i++) {
        const double norm = norm_of(dimension, vector);
        for (long k = 0; k < dimension; k++)
            vector[k] /= norm;
        dgetrs_("T", &n, &one, factors, &n, pivots, vector, &n, &info, 1);
        TRY(lapack_check(info, "dgetrs", dimension));
        dgetrs_("N", &n, &one, factors, &n, pivots, vector, &n, &info, 1);
        TRY(lapack_check(info, "dgetrs", dimension));
    }
    *inverse_norm = sqrt(norm_of(dimension, vector));
    return STATUS_OK;
}

enum status determinant_find(long dimension, const double *values, const int *row_exponents,
                             const int *column_exponents, double *log_determinant, double *inverse_norm)
{
    const int n = (int)dimension;
    SCOPED_MEMORY double *factors = NULL;
    SCOPED_MEMORY int *pivots = NULL;
    int info = 0;
    TRY(memory_allocate(&factors, dimension * dimension, "the factors of a matrix"));
    TRY(memory_allocate(&pivots, dimension, "pivots"));
    for (long j = 0; j < dimension; j++)
        for (long i = 0; i < dimension; i++)
            factors[i + j * dimension] = ldexp(values[i + j * dimension], -row_exponents[i] - column_exponents[j]);
    dgetrf_(&n, &n, factors, &n, pivots, &info);
    *log_determinant = info > 0 ? -INFINITY : 0;
    if (inverse_norm)
        *inverse_norm = INFINITY;
    if (info != 0)
        return info > 0 ? STATUS_OK : lapack_check(info, "dgetrf", dimension);
    for (long i = 0; i < dimension; i++)
        *log_determinant += log(fabs(factors[i + i * dimension])) + M_LN2 * (row_exponents[i] + column_exponents[i]);
    return inverse_norm ? iterate(dimension, factors, pivots, inverse_norm) : STATUS_OK;
}

enum status determinant_minors(const struct block *a, const struct block *b, double *minors)
{
    const long d = a->rows, count = a->columns;
    const int m = (int)count, k = (int)d, lda = (int)a->stride, ldb = (int)b->stride;
    const double one = 1, zero = 0;
    SCOPED_MEMORY double *product = NULL;
    double sum = 0;
    TRY(memory_allocate(&product, count * count, "minors of a frame"));
    dgemm_("T", "N", &m, &m, &k, &one, a->values, &lda, b->values, &ldb, &zero, product, &m, 1, 1);
    for (long j = 0; j < count; j++) {
        const double *pivot = product + j * count;
        minors[j] = sum += log(fabs(pivot[j]));
        for (long column = j + 1; column < count; column++) {
            double *to = product + column * count;
            const double factor = to[j] / pivot[j];
            for (long i = j + 1; i < count; i++)
                to[i] -= factor * pivot[i];
        }
    }
    return STATUS_OK;
}
