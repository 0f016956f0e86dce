#include "linalg/basis.h"

#include "linalg/vectorised.h"

#include <math.h>

VECTORISED void basis_overlaps(const double *basis, long stride, long count, const double *vector, double *result)
{
    for (long j = 0; j < count; j++) {
        const double *column = basis + j * stride;
        double sums[8] = { 0 };
        for (long i = 0; i < stride; i += 8)
            for (int lane = 0; lane < 8; lane++)
                sums[lane] += column[i + lane] * vector[i + lane];
        result[j] = ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
    }
}

/* Four columns a pass spare the traffic on `vector`. */
VECTORISED void basis_add(const double *basis, long stride, long count, const double *coefficients,
                          double *restrict vector)
{
    long j = 0;
    for (; j + 4 <= count; j += 4) {
        const double *restrict b = basis + j * stride;
        const double c0 = coefficients[j], c1 = coefficients[j + 1], c2 = coefficients[j + 2], c3 = coefficients[j + 3];
        for (long i = 0; i < stride; i++)
            vector[i] += (c0 * b[i] + c1 * b[i + stride]) + (c2 * b[i + 2 * stride] + c3 * b[i + 3 * stride]);
    }
    for (; j < count; j++) {
        const double *restrict b = basis + j * stride;
        const double c = coefficients[j];
        for (long i = 0; i < stride; i++)
            vector[i] += c * b[i];
    }
}

VECTORISED void basis_scale(double *vector, long stride, double factor)
{
    for (long i = 0; i < stride; i++)
        vector[i] *= factor;
}

double basis_norm(const double *vector, long stride)
{
    double square = 0;
    basis_overlaps(vector, stride, 1, vector, &square);
    return sqrt(square);
}

double basis_orthogonalise(const double *basis, long stride, long count, double *vector, double *coefficients)
{
    basis_overlaps(basis, stride, count, vector, coefficients);
    double last = coefficients[count - 1];
    for (long j = 0; j < count; j++)
        coefficients[j] = -coefficients[j];
    basis_add(basis, stride, count, coefficients, vector);
    return last;
}
