#include "linalg/householder.h"

#include "base/power_of_two.h"
#include "linalg/block.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8, AT_ONCE = 4, MOST_VECTORS = HOUSEHOLDER_WIDEST / LANES };

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t bits __attribute__((vector_size(LANES * sizeof(double))));
typedef double unaligned_vector __attribute__((vector_size(LANES * sizeof(double)), aligned(8)));

#define INLINED      static inline __attribute__((always_inline))
#define LANE_NUMBERS ((bits){ 0, 1, 2, 3, 4, 5, 6, 7 })

long householder_stride(long rows)
{
    return block_stride(rows) + LANES;
}

/* ---- a reflection ---- */

INLINED double sum_of(const vector *sums)
{
    const vector s = *sums;
    return ((s[0] + s[1]) + (s[2] + s[3])) + ((s[4] + s[5]) + (s[6] + s[7]));
}

/* Elements first .. first+LANES-1 of a column whose elements are `stride` apart; the last one behind its end. Loaded
 * one by one into a vector: through memory, the vector would wait for all that was stored. */
INLINED void take_elements(long length, long stride, const double *column, long first, vector *elements)
{
    const double *at = column + first * stride;
    vector taken;
    if (first + LANES <= length) {
        *elements = (vector){ at[0],          at[stride],     at[2 * stride], at[3 * stride],
                              at[4 * stride], at[5 * stride], at[6 * stride], at[7 * stride] };
        return;
    }
    for (int lane = 0; lane < LANES; lane++) {
        taken[lane] = *at;
        at += first + lane + 1 < length ? stride : 0;
    }
    *elements = taken;
}

bool householder_hold_squares(long length, long stride, double *v, double *first, int *exponent)
{
    double largest = 0;
    int shift;
    for (long i = 1; i < length; i++) {
        const double size = fabs(v[i * stride]);
        largest = isnan(size) || size > largest ? size : largest;
    }
    if (largest == 0)
        return false;
    largest = fmax(largest, fabs(*first));
    if (!isfinite(largest) ||
        (largest * largest >= HOUSEHOLDER_LEAST_SQUARE && largest * largest <= HOUSEHOLDER_MOST_SQUARE))
        return true;
    frexp(largest, &shift);
    for (long i = 1; i < length; i++)
        v[i * stride] = scalbn(v[i * stride], -shift);
    *first = scalbn(*first, -shift);
    *exponent += shift;
    return true;
}

/* In the order of find_reflection. */
INLINED double sum_of_squares(long length, const double *v)
{
    vector sums = { 0 };
    for (long i = 0; i < length; i += LANES)
        sums += *(const vector *)(v + i) * *(const vector *)(v + i);
    return sum_of(&sums);
}

/* The column from its diagonal on, less w times product, becomes the v, with v[0] = 1 and zeros behind its end up to a
 * whole vector, of the reflection I - *factor v v^T that takes the column to a multiple of e_1, which is returned.
 * Numbers are about 2^exponent, whose squares may not be doubles. */
INLINED double find_reflection(long length, long stride, const double *column, const double *w, double product,
                               int exponent, double *v, double *factor)
{
    const double scale = power_of_two(-exponent), head = column[0] - w[0] * product;
    double first = head * scale;
    vector *at = (vector *)v, sums = { 0 };
    for (long i = 0; i < length; i += LANES) {
        vector elements;
        take_elements(length, stride, column, i, &elements);
        elements = (elements - *(const unaligned_vector *)(w + i) * product) * scale;
        if (i == 0)
            elements = (vector)((bits)elements & (LANE_NUMBERS > 0));
        if (length - i < LANES)
            elements = (vector)((bits)elements & (LANE_NUMBERS < length - i));
        sums += elements * elements;
        at[i / LANES] = elements;
    }
    double rest = sum_of(&sums);
    *factor = 0;
    const double square = first * first + rest;
    if (rest == 0 || !(square >= HOUSEHOLDER_LEAST_SQUARE && square <= HOUSEHOLDER_MOST_SQUARE)) {
        if (!householder_hold_squares(length, 1, v, &first, &exponent)) {
            v[0] = 1;
            return head;
        }
        rest = sum_of_squares(length, v);
    }
    const double norm = -copysign(sqrt(first * first + rest), first), inverse = 1 / (first - norm);
    for (long i = 0; i < length; i += LANES)
        at[i / LANES] *= inverse;
    v[0] = 1;
    *factor = (norm - first) / norm;
    return norm * power_of_two(exponent);
}

/* ---- passes over the rows ---- */

/* What the reflection before is still to subtract from rows: v times products, v of a head for the first of them. */
struct pending {
    const double *v;
    double head;
    vector *products;
};

/* Columns of `count` vectors: rows -= what is pending, whose products then are those of the next reflection, factor
 * v^T rows; v is of `length` elements, the first of which is 1. So each row is fetched once for the two of them. Sums
 * over odd and even rows apart, so that none waits for the one before it. */
INLINED void pass_vectors(const int count, long length, long vectors, const double *v, double factor,
                          const struct pending *pending, long place, vector *row)
{
    vector even[AT_ONCE], odd[AT_ONCE] = { 0 }, before[AT_ONCE];
    const double *w = pending->v;
#pragma GCC unroll 4
    for (int c = 0; c < count; c++) {
        before[c] = pending->products[place + c];
        even[c] = row[c] -= pending->head * before[c];
    }
    long i = 1;
    for (; i + 1 < length; i += 2) {
        vector *first = row + i * vectors, *second = first + vectors;
        const double v_first = v[i], w_first = w[i], v_second = v[i + 1], w_second = w[i + 1];
#pragma GCC unroll 4
        for (int c = 0; c < count; c++) {
            const vector one = first[c] - w_first * before[c], other = second[c] - w_second * before[c];
            first[c] = one;
            second[c] = other;
            odd[c] += v_first * one;
            even[c] += v_second * other;
        }
    }
    if (i < length)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            odd[c] += v[i] * (row[i * vectors + c] -= w[i] * before[c]);
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        pending->products[place + c] = factor * (even[c] + odd[c]);
}

/* Vectors first .. end-1 of the rows, `vectors` of them each. */
INLINED void pass(long length, long vectors, long first, long end, const double *v, double factor,
                  const struct pending *pending, double *rows)
{
    vector *row = (vector *)rows;
    long c = first;
    for (; c + AT_ONCE <= end; c += AT_ONCE)
        pass_vectors(AT_ONCE, length, vectors, v, factor, pending, c, row + c);
    if (end - c == 3)
        pass_vectors(3, length, vectors, v, factor, pending, c, row + c);
    else if (end - c == 2)
        pass_vectors(2, length, vectors, v, factor, pending, c, row + c);
    else if (end - c == 1)
        pass_vectors(1, length, vectors, v, factor, pending, c, row + c);
}

/* At first nothing is pending: zero times zero, not what may stand in `values`, which need not be finite. Columns
 * before the next one in its vector are of no use any more. */
VECTORISED static void factor(struct reflectors *reflectors, long stride, double *values, const int *size_exponents,
                              double *diagonal)
{
    const long rows = reflectors->rows, columns = reflectors->columns, count = stride / LANES;
    double products[HOUSEHOLDER_WIDEST] __attribute__((aligned(64))) = { 0 };
    struct pending pending = { reflectors->values, 0, (vector *)products };
    memset(reflectors->values, 0, (size_t)reflectors->stride * sizeof *values);
    for (long k = 0; k < columns; k++) {
        double *v = reflectors->values + k * reflectors->stride;
        const long length = rows - k;
        diagonal[k] = find_reflection(length, stride, values + k * stride + k, pending.v, products[k],
                                      size_exponents[k], v, &reflectors->factors[k]);
        for (long i = (length + LANES - 1) / LANES; i < reflectors->stride / LANES; i++)
            ((vector *)v)[i] = (vector){ 0 };
        if (k + 1 < columns)
            pass(length, count, (k + 1) / LANES, count, v, reflectors->factors[k], &pending, values + k * stride);
        pending.v = v + 1;
        pending.head = v[1];
    }
}

void householder_factor(struct reflectors *reflectors, long stride, double *values, const int *size_exponents,
                        double *diagonal)
{
    assert(reflectors->columns <= HOUSEHOLDER_WIDEST && reflectors->columns <= reflectors->rows);
    assert(stride % LANES == 0);
    factor(reflectors, stride, values, size_exponents, diagonal);
}

/* ---- all reflections ---- */

/* rows -= v products. */
INLINED void subtract(long length, long vectors, const double *v, const vector *products, double *values)
{
    vector *row = (vector *)values;
    for (long i = 0; i < length; i++, row += vectors)
        for (long c = 0; c < vectors; c++)
            row[c] -= v[i] * products[c];
}

VECTORISED static void vectors(const struct reflectors *reflectors, long stride, double *values)
{
    const long rows = reflectors->rows;
    vector products[MOST_VECTORS] = { 0 };
    struct pending pending = { values, 0, products };
    memset(values, 0, (size_t)(rows * stride) * sizeof *values);
    for (long k = reflectors->columns - 1; k >= 0; k--) {
        const double *v = reflectors->values + k * reflectors->stride;
        values[k * stride + k] = 1;
        pass(rows - k, stride / LANES, k / LANES, stride / LANES, v, reflectors->factors[k], &pending,
             values + k * stride);
        pending.v = v - 1;
    }
    subtract(rows, stride / LANES, reflectors->values, products, values);
}

void householder_vectors(const struct reflectors *reflectors, long stride, double *values)
{
    vectors(reflectors, stride, values);
}

/* overlaps[j] := u_j^T v of `count` of them, `stride` apart, in eight sums each. */
INLINED void multiply_by(const int count, long length, long stride, const double *v, const double *u, double *overlaps)
{
    vector sums[AT_ONCE] = { 0 };
    for (long i = 0; i < length; i += LANES) {
        const vector own = *(const vector *)(v + i);
#pragma GCC unroll 4
        for (int j = 0; j < count; j++)
            sums[j] += own * *(const unaligned_vector *)(u + j * stride + i);
    }
    for (int j = 0; j < count; j++)
        overlaps[j] = sum_of(&sums[j]);
}

/* overlaps[j] := v_j^T v_k, j < k: element i of v_k stands beside element i + k - j of v_j. */
VECTORISED static void find_overlaps(const struct reflectors *reflectors, long k, double *overlaps)
{
    const long apart = reflectors->stride - 1, length = reflectors->rows - k;
    const double *v = reflectors->values + k * reflectors->stride, *u = reflectors->values + k;
    long j = 0;
    for (; j + AT_ONCE <= k; j += AT_ONCE)
        multiply_by(AT_ONCE, length, apart, v, u + j * apart, overlaps + j);
    for (; j < k; j++)
        multiply_by(1, length, apart, v, u + j * apart, overlaps + j);
}

/* Column k of T: -factor T (V^T v_k), where V has the columns before it; factor on the diagonal. */
void householder_triangle(const struct reflectors *reflectors, long stride, double *triangle)
{
    for (long k = 0; k < reflectors->columns; k++) {
        double overlaps[HOUSEHOLDER_WIDEST], *column = triangle + k * stride;
        find_overlaps(reflectors, k, overlaps);
        memset(column, 0, (size_t)stride * sizeof *column);
        for (long j = 0; j < k; j++) {
            const double share = -reflectors->factors[k] * overlaps[j], *earlier = triangle + j * stride;
            for (long i = 0; i < k; i++)
                column[i] += share * earlier[i];
        }
        column[k] = reflectors->factors[k];
    }
}
