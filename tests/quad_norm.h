/* Spectral norms in quadruple precision (113 bits), for small matrices: what proofs in double precision are held
 * against. */
#ifndef GRADSWEEP_TESTS_QUAD_NORM_H
#define GRADSWEEP_TESTS_QUAD_NORM_H

#include <float.h>
#include <stdlib.h>

#if LDBL_MANT_DIG == 113 /* on 64-bit ARM */
typedef long double quad;
#elif defined(__SIZEOF_FLOAT128__)
typedef __float128 quad;
#else
#error "this compiler has no numbers of 113 bits: configure with -DGRADSWEEP_BUILD_TESTS=OFF"
#endif

static inline quad quad_abs(quad x)
{
    return x < 0 ? -x : x;
}

/* From the double root by Newton's iteration, which doubles the digits that are right each time, for x within the range
 * of doubles; 0 below it. */
static inline quad quad_sqrt(quad x)
{
    if ((double)x <= 0)
        return 0;
    quad root = __builtin_sqrt((double)x);
    for (int i = 0; i < 2; i++)
        root = (root + x / root) / 2;
    return root;
}

/* ||A||_2 of a[d * d], column-major and overwritten: one-sided Jacobi, which makes its columns orthogonal by rotations;
 * the longest is then the norm, right to some d 2^-112. */
static inline quad quad_norm(int d, quad *a)
{
    for (int sweep = 0, rotated = 1; sweep < 60 && rotated; sweep++) {
        rotated = 0;
        for (int p = 0; p < d; p++)
            for (int q = p + 1; q < d; q++) {
                quad *x = a + p * d, *y = a + q * d, xx = 0, yy = 0, xy = 0;
                for (int i = 0; i < d; i++) {
                    xx += x[i] * x[i];
                    yy += y[i] * y[i];
                    xy += x[i] * y[i];
                }
                if (quad_abs(xy) <= quad_sqrt(xx * yy) * (quad)0x1p-108)
                    continue;
                rotated = 1;
                quad zeta = (yy - xx) / (2 * xy), root = quad_sqrt(1 + zeta * zeta);
                quad t = (zeta < 0 ? -1 : 1) / (quad_abs(zeta) + root), c = 1 / quad_sqrt(1 + t * t), s = c * t;
                for (int i = 0; i < d; i++) {
                    quad xi = x[i];
                    x[i] = c * xi - s * y[i];
                    y[i] = s * xi + c * y[i];
                }
            }
    }
    quad largest = 0;
    for (int j = 0; j < d; j++) {
        quad sum = 0;
        for (int i = 0; i < d; i++)
            sum += a[j * d + i] * a[j * d + i];
        largest = sum > largest ? sum : largest;
    }
    return quad_sqrt(largest);
}

/* The same for doubles, which are kept. */
static inline quad quad_norm_of(int d, const double *a)
{
    quad *copy = malloc((size_t)(d * d) * sizeof *copy);
    for (int i = 0; i < d * d; i++)
        copy[i] = a[i];
    quad norm = quad_norm(d, copy);
    free(copy);
    return norm;
}

#endif
