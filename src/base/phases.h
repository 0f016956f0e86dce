/* Where the time of a process goes. It is in one phase at a time, so that the seconds of all phases add up to the time
 * that has passed. A change of phase reads the clock once: it is for what a batch does, never for a column of it. Not
 * collective. */
#ifndef GRADSWEEP_BASE_PHASES_H
#define GRADSWEEP_BASE_PHASES_H

#include "base/scope.h"

enum phase {
    PHASE_DRAWING,    /* random weights, drawn or read, and packed */
    PHASE_SPECTRA,    /* spectral radius, norm and eigenvalues of W */
    PHASE_TRAJECTORY, /* states and derivatives */
    PHASE_PRODUCTS,   /* whole products of step Jacobians */
    PHASE_NORMS,      /* their largest singular values, by products with vectors where that is the method */
    PHASE_MEASURES,   /* the functions of the other measures */
    PHASE_STORE,      /* results to the file, and what is read of it */
    PHASE_WAITING,    /* for the next unit, and in the end for the other ranks */
    PHASE_OTHER,      /* what is between them */
    PHASES
};

struct phases {
    enum phase current;
    double since;           /* clock_seconds() when it was entered */
    double seconds[PHASES]; /* of what is over */
};

/* One word, as in results files and in what `info` prints; and what it stands for, for people. Constants. */
const char *phase_name(enum phase phase);
const char *phase_meaning(enum phase phase);

/* All at zero, in PHASE_OTHER from now on. */
struct phases phases_start(void);

/* Enters a phase and returns the one that was left, to which a part of a larger whole goes back. NULL keeps no account:
 * PHASE_OTHER. */
enum phase phases_enter(struct phases *phases, enum phase phase);

/* Such a part, until the end of the scope of its owner: SCOPED(phase_visit) visit = phases_visit(phases, phase). */
struct __attribute__((unused)) phase_visit { /* nobody asks anything of a visit */
    struct phases *phases;
    enum phase before;
};
struct phase_visit phases_visit(struct phases *phases, enum phase phase);
void phases_leave(struct phase_visit *visit);
SCOPED_VALUE(phase_visit, phases_leave)

#endif
