/* W as drawn for its spectrum, for the chains that come later and would draw it once more: of as many networks as there
 * is room for. Drawing a small W takes as long as some of the steps of its chains. Not collective. */
#ifndef GRADSWEEP_MODEL_KEPT_DRAWS_H
#define GRADSWEEP_MODEL_KEPT_DRAWS_H

#include "model/ensemble.h"

enum { KEPT_DRAWS_BYTES = 12 << 20 }; /* at the most, of which those are taken that have something in them */

struct kept_draws;

/* Without any; release with kept_draws_close. Errors: STATUS_MEMORY. */
CHECKED enum status kept_draws_open(struct kept_draws **kept);
void kept_draws_close(struct kept_draws *kept);
SCOPED_HANDLE(kept_draws, kept_draws_close)

/* ensemble_draw at step 0, whose values[d * d] and radius are kept where there is room; `kept` NULL: they are not.
 * Files are not kept: they may change. Errors as ensemble_draw. */
CHECKED enum status kept_draws_draw(struct kept_draws *kept, const struct network_key *key, double *values,
                                    double *radius);

/* The same, but what was kept is copied. */
CHECKED enum status kept_draws_take(const struct kept_draws *kept, const struct network_key *key, double *values,
                                    double *radius);

#endif
