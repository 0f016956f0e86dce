/* Losses eps_t(x_t) and their gradients d eps_t/dx_t, for scaled states. What a loss draws (c, V, the target class) is
 * keyed by the network. Not collective. */
#ifndef GRADSWEEP_MODEL_LOSS_H
#define GRADSWEEP_MODEL_LOSS_H

#include "model/model.h"
#include "model/weights.h"

#include <stdbool.h>

struct loss;

/* Draws what the loss needs: c uniform on the unit sphere (linear); V ~ N(0, 1/d) [classes, d] and a target class
 * (cross_entropy). Nothing where the weights come from a file that holds `error`: that is then e_0, whatever the
 * model's loss. `model` and `weights` must outlive it. Release with loss_close. Errors: STATUS_MEMORY. */
CHECKED enum status loss_open(const struct model *model, const struct weights *weights, struct loss **loss);
void loss_close(struct loss *loss);
SCOPED_HANDLE(loss, loss_close)

/* True where d eps_T/dx_T was given as such, so that there is no loss at other times. */
bool loss_is_given(const struct loss *loss);

/* State and gradient are columns as in a block: padded with zeros to block_stride(d).
 *
 * d eps/dx at x = 2^exponent * state: gradient[d] mantissas, times 2^(returned exponent), their largest within
 * 2^-332 .. 2^332 unless all are 0. squared: x. linear: c. cross_entropy: V^T (softmax(V x) - target), where a state
 * beyond double precision makes the softmax an indicator of its largest entry. A given error is the gradient of
 * eps_T at any x. */
int64_t loss_gradient(const struct loss *loss, const double *state, int64_t exponent, double *gradient);

/* eps itself, in double precision; for finite differences. Infinite where it overflows. For a given error, error . x.
 */
double loss_value(const struct loss *loss, const double *state, int64_t exponent);

#endif
