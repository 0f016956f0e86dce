/* What drives one network besides its weights: input weights, inputs, bias and initial state; private to model/.
 * All is drawn for (ensemble, d, replica), like the weights, in draws that a scale only multiplies. Not collective. */
#ifndef GRADSWEEP_MODEL_NETWORK_H
#define GRADSWEEP_MODEL_NETWORK_H

#include "base/random.h"
#include "model/model.h"
#include "model/weights.h"

#include <stdbool.h>

struct network {
    const struct model *model;
    long hidden_size;
    struct random_stream inputs;
    double *input_weights; /* w_in [d, m], row-major; NULL without inputs */
    double *input;         /* i_t [m] */
    double *bias;          /* b [d]; NULL where it is zero */
};

/* Draws input weights and bias. `model` and `weights` must outlive it. Release with network_close. Errors:
 * STATUS_MEMORY; STATUS_INPUT for a kind of input that this version cannot read. */
CHECKED enum status network_open(const struct model *model, const struct weights *weights, struct network *network);
void network_close(struct network *network);

/* drive[d] := w_in i_t + b, t = step, summed over the inputs in ascending order from the bias. False where it is zero
 * everywhere; `drive` is filled then too. */
bool network_drive(struct network *network, long step, double *drive);

/* state[d] := x_0. */
void network_initial_state(const struct model *model, const struct weights *weights, double *state);

#endif
