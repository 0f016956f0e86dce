/* Chains: the networks that run side by side over one W_unit. Not collective. */
#ifndef GRADSWEEP_MODEL_CHAIN_H
#define GRADSWEEP_MODEL_CHAIN_H

#include "model/activation.h"
#include "model/model.h"

/* One network over one W_unit: a point of the (activation, rho, gamma) plane, and how strongly it is driven. */
struct chain {
    const struct activation *activation;
    double gain;                      /* W = gain * W_unit */
    double gamma;                     /* derivative bound */
    const struct drive_scales *drive; /* borrowed; NULL: as the model says */
};

/* ends[count] := where the run of chains that are activated like each one ends; and that are driven like it. Neighbours
 * are, whose cells are neighbours. */
void chains_activated_ends(long count, const struct chain *chains, long *ends);
void chains_driven_ends(long count, const struct chain *chains, long *ends);

#endif
