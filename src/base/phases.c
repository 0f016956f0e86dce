#include "base/phases.h"

#include "base/clock.h"

#include <stddef.h>

static const struct {
    const char *name, *meaning;
} texts[PHASES] = {
    [PHASE_DRAWING] = { "drawing", "weights, drawn or read, and packed" },
    [PHASE_SPECTRA] = { "spectra", "spectral radius, norm and eigenvalues of W" },
    [PHASE_TRAJECTORY] = { "trajectory", "states and derivatives" },
    [PHASE_PRODUCTS] = { "products", "whole products of step Jacobians" },
    [PHASE_NORMS] = { "norms", "largest singular values of products" },
    [PHASE_MEASURES] = { "measures", "the functions of the other measures" },
    [PHASE_STORE] = { "store", "the results file" },
    [PHASE_WAITING] = { "waiting", "for a unit of work, and for the last rank" },
    [PHASE_OTHER] = { "other", "what is between them" },
};

const char *phase_name(enum phase phase)
{
    return texts[phase].name;
}

const char *phase_meaning(enum phase phase)
{
    return texts[phase].meaning;
}

struct phases phases_start(void)
{
    return (struct phases){ .current = PHASE_OTHER, .since = clock_seconds() };
}

enum phase phases_enter(struct phases *phases, enum phase phase)
{
    if (phases == NULL)
        return PHASE_OTHER;
    const enum phase left = phases->current;
    const double now = clock_seconds();
    phases->seconds[left] += now - phases->since;
    phases->since = now;
    phases->current = phase;
    return left;
}

struct phase_visit phases_visit(struct phases *phases, enum phase phase)
{
    return (struct phase_visit){ phases, phases_enter(phases, phase) };
}

void phases_leave(struct phase_visit *visit)
{
    phases_enter(visit->phases, visit->before);
}
