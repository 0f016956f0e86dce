#include "linalg/frame_small.h"

#include "linalg/block.h"
#include "linalg/householder.h"
#include "linalg/vectorised.h"

#include <string.h>

enum { LANES = 8 };

typedef double vector __attribute__((vector_size(LANES * sizeof(double))));

/* Columns of `count` vectors from `rows` on: rows -= factor v (v^T rows), v of `length` elements, the first of which is
 * 1. Sums over odd and even rows apart, so that none waits for the one before it. */
static inline __attribute__((always_inline)) void reflect_vectors(const int count, long length, long stride,
                                                                  const double *v, double factor, double *rows)
{
    vector even[4], odd[4] = { 0 };
    const long vectors = stride / LANES;
    vector *row = (vector *)rows;
#pragma GCC unroll 4
    for (int c = 0; c < count; c++)
        even[c] = row[c];
    long i = 1;
    for (; i + 1 < length; i += 2) {
        const vector *first = row + i * vectors, *second = first + vectors;
#pragma GCC unroll 4
        for (int c = 0; c < count; c++) {
            odd[c] += v[i] * first[c];
            even[c] += v[i + 1] * second[c];
        }
    }
    if (i < length)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            odd[c] += v[i] * row[i * vectors + c];
    vector product[4];
#pragma GCC unroll 4
    for (int c = 0; c < count; c++) {
        product[c] = factor * (even[c] + odd[c]);
        row[c] -= product[c];
    }
    for (i = 1; i < length; i++)
#pragma GCC unroll 4
        for (int c = 0; c < count; c++)
            row[i * vectors + c] -= v[i] * product[c];
}

/* The same from the vector that holds column `first` on: columns before it in that vector are of no use any more. */
VECTORISED static void reflect(long length, long stride, long first, const double *v, double factor, double *rows)
{
    long c = first / LANES * LANES;
    for (; c + 4 * LANES <= stride; c += 4 * LANES)
        reflect_vectors(4, length, stride, v, factor, rows + c);
    switch ((stride - c) / LANES) {
    case 3:
        reflect_vectors(3, length, stride, v, factor, rows + c);
        break;
    case 2:
        reflect_vectors(2, length, stride, v, factor, rows + c);
        break;
    case 1:
        reflect_vectors(1, length, stride, v, factor, rows + c);
        break;
    default:
        break;
    }
}

/* The column from its diagonal on, zero behind its end up to a whole vector. */
static void take_column(long length, long stride, const double *column, double *v)
{
    for (long i = 0; i < length; i++)
        v[i] = column[i * stride];
    for (long i = length; i % LANES != 0; i++)
        v[i] = 0;
}

void frame_small_factor(long dimension, long columns, double *rows, const int *size_exponents, double *reflections,
                        double *factors, double *diagonal)
{
    const long stride = block_stride(columns), length = block_stride(dimension);
    for (long k = 0; k < columns; k++) {
        double *v = reflections + k * length;
        take_column(dimension - k, stride, rows + k * stride + k, v);
        diagonal[k] = householder_find(dimension - k, size_exponents[k], v, &factors[k]);
        if (factors[k] != 0 && k + 1 < columns)
            reflect(dimension - k, stride, k + 1, v, factors[k], rows + k * stride);
    }
    memset(rows, 0, (size_t)(dimension * stride) * sizeof *rows);
    for (long k = columns - 1; k >= 0; k--) {
        rows[k * stride + k] = 1;
        if (factors[k] != 0)
            reflect(dimension - k, stride, k, reflections + k * length, factors[k], rows + k * stride);
    }
}
