/* Ensembles by name, for tests with cmocka and without. */
#ifndef GRADSWEEP_TESTS_MODEL_ENSEMBLES_H
#define GRADSWEEP_TESTS_MODEL_ENSEMBLES_H

#include "model/ensemble.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* An ensemble of that kind with its default parameters, but for the first, where it is not NaN. */
static inline struct ensemble ensemble_of(const char *name, double parameter)
{
    struct ensemble ensemble = { .kind = ensemble_kind_find(name), .label = (char *)(uintptr_t)name };
    if (ensemble.kind == NULL) {
        fprintf(stderr, "no ensemble is named \"%s\"\n", name);
        abort();
    }
    for (size_t i = 0; i < ensemble.kind->parameter_count; i++)
        ensemble.parameters[i] = i == 0 && !isnan(parameter) ? parameter : ensemble.kind->parameters[i].default_value;
    return ensemble;
}

/* The names of all kinds that have a law, one after the other; NULL behind the last. */
static inline const char *drawn_ensemble(size_t number)
{
    for (size_t i = 0; i < ensemble_kind_count(); i++)
        if (!ensemble_kind_at(i)->is_file && number-- == 0)
            return ensemble_kind_at(i)->name;
    return NULL;
}

#endif
