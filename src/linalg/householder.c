#include "linalg/householder.h"

#include "base/power_of_two.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { LANES = 8, AT_ONCE = 4 };

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

/* ---- passes over the rows ---- */

/* products of `count` vectors of columns: v^T rows. Sums over odd and even rows apart, so that none waits for the one
 * before it. */
static inline __attribute__((always_inline)) void multiply_vectors(const int count, long rows, long vectors,
                                                                   const double *v, const vector *row, vector *products)
{
    vector even[AT_ONCE] = { 0 }, odd[AT_ONCE] = { 0 };
    long i = 0;
    for (; i + 1 < rows; i += 2) {
        const vector *first = row + i * vectors, *second = first + vectors;
#pragma GCC unroll 4
        for (int c = 0; c < count; c++) {
            even[c] += v[i] * first[c];
            odd[c] += v[i + 1] * second[c];
        }
    }
    if (i < rows)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            even[c] += v[i] * row[i * vectors + c];
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        products[c] = even[c] + odd[c];
}

/* rows -= v products^T. */
static inline __attribute__((always_inline)) void subtract_vectors(const int count, long rows, long vectors,
                                                                   const double *v, const vector *products, vector *row)
{
    vector kept[AT_ONCE];
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        kept[c] = products[c];
    for (long i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            row[i * vectors + c] -= v[i] * kept[c];
}

#define IN_GROUPS(pass, ...)            \
    do {                                \
        for (; left >= AT_ONCE;) {      \
            pass(AT_ONCE, __VA_ARGS__); \
            c += AT_ONCE;               \
            left -= AT_ONCE;            \
        }                               \
        if (left == 3)                  \
            pass(3, __VA_ARGS__);       \
        else if (left == 2)             \
            pass(2, __VA_ARGS__);       \
        else if (left == 1)             \
            pass(1, __VA_ARGS__);       \
    } while (0)

VECTORISED static void multiply_rows(long rows, long stride, const double *v, const double *values, double *products)
{
    const vector *row = (const vector *)values;
    vector *product = (vector *)products;
    long c = 0, left = stride / LANES;
    IN_GROUPS(multiply_vectors, rows, stride / LANES, v, row + c, product + c);
}

/* From the vector on that holds column `first`. */
VECTORISED static void subtract_rows(long rows, long stride, long first, const double *v, const double *products,
                                     double *values)
{
    vector *row = (vector *)values;
    const vector *product = (const vector *)products;
    long c = first / LANES, left = stride / LANES - c;
    IN_GROUPS(subtract_vectors, rows, stride / LANES, v, product + c, row + c);
}

/* v := scale * v, and the sum of squares of what it is then, in eight sums. `rows` is rounded up to whole vectors: v is
 * zero behind its end. */
VECTORISED static double scale_and_square(long rows, double scale, double *v)
{
    vector *at = (vector *)v, sums = { 0 };
    for (long i = 0; i * LANES < rows; i++) {
        at[i] *= scale;
        sums += at[i] * at[i];
    }
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

VECTORISED static void scale_vector(long rows, double scale, double *v)
{
    vector *at = (vector *)v;
    for (long i = 0; i * LANES < rows; i++)
        at[i] *= scale;
}

/* ---- a reflection ---- */

double householder_find(long rows, int exponent, double *v, double *factor)
{
    const double scale = power_of_two(-exponent), head = v[0], first = head * scale;
    v[0] = 0;
    const double rest = scale_and_square(rows, scale, v);
    v[0] = 1;
    *factor = 0;
    if (rest == 0)
        return head;
    const double norm = -copysign(sqrt(first * first + rest), first);
    scale_vector(rows, 1 / (first - norm), v);
    v[0] = 1;
    *factor = (norm - first) / norm;
    return norm * power_of_two(exponent);
}

/* Column `k` of T: -factor T (V^T v_k), where V has the columns before it; factor on the diagonal. Rows of `triangle`
 * are columns of T. */
static void extend_triangle(long k, long stride, const double *overlaps, double factor, double *triangle)
{
    double *column = triangle + k * stride;
    memset(column, 0, (size_t)stride * sizeof *column);
    for (long j = 0; j < k; j++) {
        const double share = -factor * overlaps[j], *earlier = triangle + j * stride;
        for (long i = 0; i < k; i++)
            column[i] += share * earlier[i];
    }
    column[k] = factor;
}

/* The vector of column k, from its diagonal on, aligned and zero behind its end. */
static void take_column(long rows, long stride, long k, const double *values, double *v)
{
    const long length = rows - k;
    for (long i = 0; i < length; i++)
        v[i] = values[(k + i) * stride + k];
    for (long i = length; i % LANES != 0; i++)
        v[i] = 0;
}

void householder_factor(long rows, long columns, long stride, double *values, const int *size_exponents,
                        double *diagonal, double *triangle, double *room)
{
    double *v = room;
    double products[HOUSEHOLDER_WIDEST] __attribute__((aligned(64))), factor;
    assert(columns <= HOUSEHOLDER_WIDEST && columns <= rows && stride % LANES == 0);
    for (long k = 0; k < columns; k++) {
        take_column(rows, stride, k, values, v);
        diagonal[k] = householder_find(rows - k, size_exponents[k], v, &factor);
        multiply_rows(rows - k, stride, v, values + k * stride, products);
        extend_triangle(k, stride, products, factor, triangle);
        for (long c = 0; c < stride; c++)
            products[c] = c > k ? factor * products[c] : 0;
        if (k + 1 < columns)
            subtract_rows(rows - k, stride, k + 1, v, products, values + k * stride);
        for (long i = k; i < rows; i++)
            values[i * stride + k] = v[i - k];
        for (long i = 0; i < k; i++)
            values[i * stride + k] = 0;
    }
}
