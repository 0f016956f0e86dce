/* Matrices for the tests of linalg/, column-major, made from fixed seeds. */
#ifndef GRADSWEEP_TESTS_LINALG_MATRICES_H
#define GRADSWEEP_TESTS_LINALG_MATRICES_H

#include "base/memory.h"
#include "base/random.h"
#include "linalg/spectrum.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h> /* needs those before it */

static inline double *new_matrix(long d)
{
    double *values = NULL;
    assert_int_equal(memory_allocate(&values, d * d, "a test matrix"), STATUS_OK);
    return values;
}

/* Independent normal elements of variance 1/d. */
static inline double *new_ginibre(long d, uint64_t seed)
{
    double *values = new_matrix(d);
    struct random_stream stream = random_stream_open(seed, "test ginibre");
    random_normal(&stream, (uint64_t)d, 0, (uint64_t)(d * d), values);
    for (long i = 0; i < d * d; i++)
        values[i] /= sqrt((double)d);
    return values;
}

static inline double *new_orthogonal(long d, uint64_t seed)
{
    double *values = new_ginibre(d, seed);
    assert_int_equal(spectrum_orthogonalise(d, values), STATUS_OK);
    return values;
}

/* (G + G^T)/sqrt 8 */
static inline double *new_symmetric(long d, uint64_t seed)
{
    double *general = new_ginibre(d, seed), *values = new_matrix(d);
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++)
            values[i + j * d] = (general[i + j * d] + general[j + i * d]) / sqrt(8.0);
    memory_free(general);
    return values;
}

/* |x - y| <= bound, said with the numbers where it fails. */
#define assert_within(x, y, bound)                                                                           \
    do {                                                                                                     \
        double within_x_ = (x), within_y_ = (y), within_bound_ = (bound);                                    \
        if (!(fabs(within_x_ - within_y_) <= within_bound_))                                                 \
            fail_msg("%s = %.17g is not %s = %.17g within %.3g (off by %.3g)", #x, within_x_, #y, within_y_, \
                     within_bound_, within_x_ - within_y_);                                                  \
    } while (0)

#endif
