#include "linalg/frame_lanes.h"

#include "base/power_of_two.h"
#include "linalg/vectorised.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { AT_ONCE = 4, SUMS = 8 };

typedef double vector __attribute__((vector_size(FRAME_LANES * sizeof(double))));
typedef int64_t bits __attribute__((vector_size(FRAME_LANES * sizeof(double))));

/* No function, nor are vectors handed to any by value: how that is done depends on the instruction set. */
#define SELECT_WHERE(condition, yes, no) ((vector)(((condition) & (bits)(yes)) | (~(condition) & (bits)(no))))

/* `count` columns: rows -= factor v (v^T rows), the first of v is 1. In the order of householder.c: sums over odd and
 * even rows apart. */
static inline __attribute__((always_inline)) void reflect_columns(const int count, long length, long stride,
                                                                  const vector *v, const vector *factor, vector *row)
{
    vector even[AT_ONCE], odd[AT_ONCE] = { 0 }, product[AT_ONCE];
    long i = 1;
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        even[c] = row[c];
    for (; i + 1 < length; i += 2)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++) {
            odd[c] += v[i] * row[i * stride + c];
            even[c] += v[i + 1] * row[(i + 1) * stride + c];
        }
    if (i < length)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            odd[c] += v[i] * row[i * stride + c];
#pragma GCC unroll 4
    for (int c = 0; c < count; c++) {
        product[c] = *factor * (even[c] + odd[c]);
        row[c] -= product[c];
    }
    for (i = 1; i < length; i++)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            row[i * stride + c] -= v[i] * product[c];
}

/* Columns first .. columns-1. */
static inline __attribute__((always_inline)) void reflect(long length, long stride, long columns, long first,
                                                          const vector *v, const vector *factor, vector *row)
{
    long c = first;
    for (; c + AT_ONCE <= columns; c += AT_ONCE)
        reflect_columns(AT_ONCE, length, stride, v, factor, row + c);
    for (; c < columns; c++)
        reflect_columns(1, length, stride, v, factor, row + c);
}

/* As find_reflection there, for a column from its diagonal on whose elements are `stride` vectors apart. */
static inline __attribute__((always_inline)) void find_reflection(long length, long stride, const vector *column,
                                                                  const vector *scale, const vector *unscale, vector *v,
                                                                  vector *factor, vector *diagonal)
{
    const vector head = column[0], first = head * *scale, one = (vector){ 0 } + 1;
    const bits sign = (bits)(-(vector){ 0 });
    vector sums[SUMS] = { 0 }, root;
    for (long i = 1; i < length; i++) {
        v[i] = column[i * stride] * *scale;
        sums[i % SUMS] += v[i] * v[i];
    }
    const vector rest = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    const vector square = first * first + rest;
    for (int lane = 0; lane < FRAME_LANES; lane++)
        root[lane] = sqrt(square[lane]);
    const bits is_done = rest == (vector){ 0 };
    const vector norm = (vector)((bits)root ^ (~(bits)first & sign));
    const vector inverse = SELECT_WHERE(is_done, (vector){ 0 }, one / (first - norm));
    for (long i = 1; i < length; i++)
        v[i] *= inverse;
    *factor = SELECT_WHERE(is_done, (vector){ 0 }, (norm - first) / norm);
    *diagonal = SELECT_WHERE(is_done, head, norm * *unscale);
}

VECTORISED static void factor(long dimension, long columns, vector *rows, const int *const *size_exponents,
                              vector *reflections, vector *diagonal)
{
    const long stride = frame_lanes_stride(columns);
    vector factors[FRAME_LANES_WIDEST];
    for (long k = 0; k < columns; k++) {
        vector scale, unscale;
        for (int lane = 0; lane < FRAME_LANES; lane++) {
            scale[lane] = power_of_two(-size_exponents[lane][k]);
            unscale[lane] = power_of_two(size_exponents[lane][k]);
        }
        find_reflection(dimension - k, stride, rows + k * stride + k, &scale, &unscale, reflections + k * dimension,
                        &factors[k], &diagonal[k]);
        reflect(dimension - k, stride, columns, k + 1, reflections + k * dimension, &factors[k], rows + k * stride);
    }
    memset(rows, 0, (size_t)(dimension * stride) * sizeof *rows);
    for (long k = columns - 1; k >= 0; k--) {
        rows[k * stride + k] = (vector){ 0 } + 1;
        reflect(dimension - k, stride, columns, k, reflections + k * dimension, &factors[k], rows + k * stride);
    }
}

void frame_lanes_factor(long dimension, long columns, double *rows, const int *const *size_exponents,
                        double *reflections, double *diagonal)
{
    assert(columns <= FRAME_LANES_WIDEST && columns <= dimension);
    factor(dimension, columns, (vector *)rows, size_exponents, (vector *)reflections, (vector *)diagonal);
}
