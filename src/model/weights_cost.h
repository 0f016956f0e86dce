/* What it costs to draw W, and to find its spectral radius, norm and eigenvalues: a function of the law and its shape
 * alone (linalg/cost.h). Not collective. */
#ifndef GRADSWEEP_MODEL_WEIGHTS_COST_H
#define GRADSWEEP_MODEL_WEIGHTS_COST_H

#include "linalg/cost.h"
#include "model/ensemble.h"

/* Drawing and packing W, [d, d], once. */
struct cost weights_cost_draw(const struct ensemble *ensemble, long hidden_size);

/* Drawing the W of one step, where each has its own. */
struct cost weights_cost_step(const struct ensemble *ensemble, long hidden_size);

/* The exact rank of W, which a rank alone finds of each W that may be singular. */
struct cost weights_cost_rank(const struct ensemble *ensemble, long hidden_size);

/* Spectral radius and norm of W, with its draw. */
struct cost weights_cost_spectrum(const struct ensemble *ensemble, long hidden_size, long distribute_from);

/* All eigenvalues of W with their vectors, beside its draw. */
struct cost weights_cost_eigenvalues(long hidden_size);

/* Bytes that each rank of a team needs at most to draw W and to keep it packed, and to find its spectrum. */
double weights_cost_draw_bytes(const struct ensemble *ensemble, long hidden_size, int team_size);
double weights_cost_spectrum_bytes(const struct ensemble *ensemble, long hidden_size, int team_size,
                                   long distribute_from);

#endif
