/* When a chain without drive has come so near to 0 that its derivatives are those at 0 from then on, to the bit: where
 * no more than the derivatives is asked for, its states need not be carried any further. Private to model/.
 *
 * Within activation->linear_within of 0, phi' / sup|phi'| is the double that it is at 0, and |phi(x)| is at most
 * |phi'(0) x|. A step then is x -> kappa (W_unit + F) x, with F what rounding changes and the curvature takes away, so
 * that ||x_{t+j}|| <= K (1 + K kappa ||F||)^j ||x_t|| with K = sup_j ||(kappa W_unit)^j||. With B_k >= ||W_unit^(2^k)||
 * and a_k = kappa^(2^k) B_k, j in binary digits gives K <= prod_{k<m} max(1, a_k) as soon as a_m <= 1. Not collective.
 */
#ifndef GRADSWEEP_MODEL_SETTLING_H
#define GRADSWEEP_MODEL_SETTLING_H

#include "model/chain.h"
#include "model/weights.h"

#include <stdbool.h>
#include <stdint.h>

struct settling {
    double *radii; /* [chains]: of the ball around 0, in the maximum norm, in which a chain has settled; 0: none is
                      known. NULL: of none */
};

/* The balls of chains[count] without drive over so many steps. None are known of weights on a grid, of untied ones and
 * of activations that are straight nowhere around 0; nor where looking for them would cost an eighth of the steps.
 * Release with settling_close, also where this fails. Errors: STATUS_MEMORY. */
CHECKED enum status settling_open(struct weights *weights, long steps, long count, const struct chain *chains,
                                  struct settling *settling);
void settling_close(struct settling *settling);
SCOPED_VALUE(settling, settling_close)

/* Whether a chain whose state is 2^exponent * mantissas[rows] has settled. */
bool settling_has_settled(const struct settling *settling, long chain, long rows, const double *mantissas,
                          int64_t exponent);

#endif
