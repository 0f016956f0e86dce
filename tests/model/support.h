/* What the tests of model/ share. Include after cmocka.h. */
#ifndef GRADSWEEP_TESTS_MODEL_SUPPORT_H
#define GRADSWEEP_TESTS_MODEL_SUPPORT_H

#include "model/ensembles.h"

/* Draws at step 0 into values[d * d]; gives the radius where the law draws it, else NaN. */
static inline double draw(const struct ensemble *ensemble, uint64_t seed, long d, long replica, double *values)
{
    double radius = NAN;
    assert_int_equal(ensemble_draw(&(struct network_key){ ensemble, seed, d, replica }, 0, values, &radius), STATUS_OK);
    return radius;
}

static inline double at(const double *values, long d, long i, long j)
{
    return values[j * d + i];
}

#endif
