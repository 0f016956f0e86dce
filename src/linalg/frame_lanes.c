#include "linalg/frame_lanes.h"

#include "base/power_of_two.h"
#include "linalg/householder.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { AT_ONCE = 4, SUMS = 8 };

typedef double vector __attribute__((vector_size(FRAME_LANES * sizeof(double))));
typedef int64_t bits __attribute__((vector_size(FRAME_LANES * sizeof(double))));

/* No function, nor are vectors handed to any by value: how that is done depends on the instruction set. */
#define SELECT_WHERE(condition, yes, no) ((vector)(((condition) & (bits)(yes)) | (~(condition) & (bits)(no))))

/* What the reflection before is still to subtract from rows, as in householder.c: v times products, v of a head for the
 * first of them. */
struct pending {
    const vector *v, *head;
    vector *products;
};

/* `count` columns: rows -= what is pending, whose products then are those of the next reflection, factor v^T rows; the
 * first of v is 1. In the order of householder.c: sums over odd and even rows apart. */
static inline __attribute__((always_inline)) void pass_columns(const int count, long length, long stride,
                                                               const vector *v, const vector *factor,
                                                               const struct pending *pending, long place, vector *row)
{
    vector even[AT_ONCE], odd[AT_ONCE] = { 0 }, before[AT_ONCE];
    const vector *w = pending->v;
    long i = 1;
#pragma GCC unroll 4
    for (int c = 0; c < count; c++) {
        before[c] = pending->products[place + c];
        even[c] = row[c] -= *pending->head * before[c];
    }
    for (; i + 1 < length; i += 2) {
        vector *first = row + i * stride, *second = first + stride;
        const vector v_first = v[i], w_first = w[i], v_second = v[i + 1], w_second = w[i + 1];
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
            odd[c] += v[i] * (row[i * stride + c] -= w[i] * before[c]);
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        pending->products[place + c] = *factor * (even[c] + odd[c]);
}

/* Columns first .. columns-1. */
static inline __attribute__((always_inline)) void pass(long length, long stride, long columns, long first,
                                                       const vector *v, const vector *factor,
                                                       const struct pending *pending, vector *row)
{
    long c = first;
    for (; c + AT_ONCE <= columns; c += AT_ONCE)
        pass_columns(AT_ONCE, length, stride, v, factor, pending, c, row + c);
    if (columns - c == 3)
        pass_columns(3, length, stride, v, factor, pending, c, row + c);
    else if (columns - c == 2)
        pass_columns(2, length, stride, v, factor, pending, c, row + c);
    else if (columns - c == 1)
        pass_columns(1, length, stride, v, factor, pending, c, row + c);
}

/* householder_hold_squares of one lane; of v the elements behind its first, of which *rest := the sum of squares. */
static bool hold_squares(long length, int lane, vector *v, vector *first, vector *rest, vector *unscale)
{
    double sums[SUMS] = { 0 }, head = (*first)[lane];
    int shift = 0;
    if (!householder_hold_squares(length, FRAME_LANES, (double *)v + lane, &head, &shift))
        return false;
    if (shift == 0)
        return true;
    for (long i = 1; i < length; i++)
        sums[i % SUMS] += v[i][lane] * v[i][lane];
    (*first)[lane] = head;
    (*unscale)[lane] = scalbn((*unscale)[lane], shift);
    (*rest)[lane] = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    return true;
}

/* As find_reflection there, for a column from its diagonal on whose elements are `stride` vectors apart, less what is
 * pending of it, `product`. */
static inline __attribute__((always_inline)) void find_reflection(long length, long stride, const vector *column,
                                                                  const struct pending *pending, const vector *product,
                                                                  const vector *scale, vector *unscale, vector *v,
                                                                  vector *factor, vector *diagonal)
{
    const vector head = column[0] - *pending->head * *product, one = (vector){ 0 } + 1;
    const bits sign = (bits)(-(vector){ 0 });
    vector sums[SUMS], root, first = head * *scale;
#pragma GCC unroll 8
    for (int s = 0; s < SUMS; s++) /* no call of memset */
        sums[s] = (vector){ 0 };
    for (long i = 1; i < length; i += SUMS)
#pragma GCC unroll 8
        for (int s = 0; s < SUMS; s++)
            if (i + s < length) {
                const vector element = (column[(i + s) * stride] - pending->v[i + s] * *product) * *scale;
                v[i + s] = element;
                sums[(1 + s) % SUMS] += element * element;
            }
    vector rest = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    vector square = first * first + rest;
    const vector least = (vector){ 0 } + HOUSEHOLDER_LEAST_SQUARE, most = (vector){ 0 } + HOUSEHOLDER_MOST_SQUARE;
    const bits size = (bits)square & ~sign; /* as integers doubles have the same order, NaN behind all of them */
    bits is_done = (((bits)rest & ~sign) - 1) >> 63; /* where it is zero */
    const bits is_doubtful = is_done | (size - (bits)least) >> 63 | ((bits)most - size) >> 63;
    if ((is_doubtful[0] | is_doubtful[1] | is_doubtful[2] | is_doubtful[3] | is_doubtful[4] | is_doubtful[5] |
         is_doubtful[6] | is_doubtful[7]) != 0) {
        for (int lane = 0; lane < FRAME_LANES; lane++)
            if (is_doubtful[lane] != 0)
                is_done[lane] = hold_squares(length, lane, v, &first, &rest, unscale) ? 0 : -1;
        square = first * first + rest;
    }
    for (int lane = 0; lane < FRAME_LANES; lane++)
        root[lane] = sqrt(square[lane]);
    const vector norm = (vector)((bits)root ^ (~(bits)first & sign));
    const vector inverse = SELECT_WHERE(is_done, (vector){ 0 }, one / (first - norm));
    v[0] = one;
    for (long i = 1; i < length; i++)
        v[i] *= inverse;
    *factor = SELECT_WHERE(is_done, (vector){ 0 }, (norm - first) / norm);
    *diagonal = SELECT_WHERE(is_done, head, norm * *unscale);
}

/* At first nothing is pending: zero times zero. */
static inline __attribute__((always_inline)) void triangulate(long dimension, long columns, vector *rows,
                                                              const int *const *size_exponents, vector *reflections,
                                                              vector *factors, vector *diagonal)
{
    const long stride = frame_lanes_stride(columns);
    vector products[FRAME_LANES_WIDEST] = { 0 }, none = { 0 };
    struct pending pending = { reflections, &none, products };
    memset(reflections, 0, (size_t)dimension * sizeof *reflections);
    for (long k = 0; k < columns; k++) {
        vector scale, unscale, *v = reflections + k * dimension;
        for (int lane = 0; lane < FRAME_LANES; lane++) {
            scale[lane] = power_of_two(-size_exponents[lane][k]);
            unscale[lane] = power_of_two(size_exponents[lane][k]);
        }
        find_reflection(dimension - k, stride, rows + k * stride + k, &pending, &products[k], &scale, &unscale, v,
                        &factors[k], &diagonal[k]);
        pass(dimension - k, stride, columns, k + 1, v, &factors[k], &pending, rows + k * stride);
        pending.v = v + 1;
        pending.head = v + 1;
    }
}

static inline __attribute__((always_inline)) void form(long dimension, long columns, vector *rows,
                                                       const vector *reflections, const vector *factors)
{
    const long stride = frame_lanes_stride(columns);
    vector products[FRAME_LANES_WIDEST] = { 0 }, none = { 0 };
    struct pending pending = { rows, &none, products };
    memset(rows, 0, (size_t)(dimension * stride) * sizeof *rows);
    for (long k = columns - 1; k >= 0; k--) {
        const vector *v = reflections + k * dimension;
        rows[k * stride + k] = (vector){ 0 } + 1;
        pass(dimension - k, stride, columns, k, v, &factors[k], &pending, rows + k * stride);
        pending.v = v - 1;
    }
    for (long c = 0; c < columns; c++)
        rows[c] -= products[c];
    for (long i = 1; i < dimension; i++)
        for (long c = 0; c < columns; c++)
            rows[i * stride + c] -= reflections[i] * products[c];
}

VECTORISED static void factor(long dimension, long columns, vector *rows, const int *const *size_exponents,
                              vector *reflections, vector *diagonal)
{
    vector factors[FRAME_LANES_WIDEST];
    triangulate(dimension, columns, rows, size_exponents, reflections, factors, diagonal);
    form(dimension, columns, rows, reflections, factors);
}

void frame_lanes_factor(long dimension, long columns, double *rows, const int *const *size_exponents,
                        double *reflections, double *diagonal)
{
    assert(columns <= FRAME_LANES_WIDEST && columns <= dimension);
    factor(dimension, columns, (vector *)rows, size_exponents, (vector *)reflections, (vector *)diagonal);
}
