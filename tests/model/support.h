/* What the tests of model/ share. Include after cmocka.h. */
#ifndef GRADSWEEP_TESTS_MODEL_SUPPORT_H
#define GRADSWEEP_TESTS_MODEL_SUPPORT_H

#include "model/ensemble.h"

#include <math.h>

/* An ensemble of that kind with its default parameters, but for the first, where it is not NaN. */
static inline struct ensemble ensemble_of(const char *name, double parameter)
{
    struct ensemble ensemble = { .kind = ensemble_kind_find(name), .label = (char *)name };
    assert_non_null(ensemble.kind);
    for (size_t i = 0; i < ensemble.kind->parameter_count; i++)
        ensemble.parameters[i] = i == 0 && !isnan(parameter) ? parameter : ensemble.kind->parameters[i].default_value;
    return ensemble;
}

/* Draws at step 0 into values[d * d]; gives the radius where the law draws it, else NaN. */
static inline double draw(const struct ensemble *ensemble, uint64_t seed, long d, long replica, double *values)
{
    double radius = NAN;
    assert_int_equal(ensemble_draw(ensemble, seed, d, replica, 0, values, &radius), STATUS_OK);
    return radius;
}

static inline double at(const double *values, long d, long i, long j)
{
    return values[j * d + i];
}

#endif
