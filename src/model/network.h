/* What drives one network besides its weights: input weights, inputs, bias and initial state; private to model/.
 * What the file of a file ensemble holds comes first, then the model's own file or law. All that is drawn is drawn for
 * (ensemble, d, replica), like the weights, in draws that a scale only multiplies. Not collective. */
#ifndef GRADSWEEP_MODEL_NETWORK_H
#define GRADSWEEP_MODEL_NETWORK_H

#include "base/random.h"
#include "linalg/block.h"
#include "model/model.h"
#include "model/weights.h"

#include <stdbool.h>

struct network {
    const struct model *model;
    long hidden_size;
    long input_size;            /* m; 0 without inputs */
    const double *given_inputs; /* [T, m] of its sequence, row-major; NULL where the model draws or computes them */
    struct random_stream inputs;
    struct block input_weights; /* w_in [d, m] */
    const double *input;        /* i_t [m]; without its scale where it is not given */
    double *computed_input;     /* the same where it is computed */
    double *drawn_inputs;       /* those of the steps drawn_first .. drawn_end - 1, [steps, m], where they are drawn */
    long drawn_first, drawn_end;
    double *bias; /* b [stride of d], likewise; NULL where it is zero */
    bool is_bias_drawn;
};

/* Takes or draws input weights and bias. `model` and `weights` must outlive it. Release with network_close. Errors:
 * STATUS_MEMORY; STATUS_INTERNAL for inputs from a file that are not in memory. */
CHECKED enum status network_open(const struct model *model, const struct weights *weights, struct network *network);
void network_close(struct network *network);
SCOPED_VALUE(network, network_close)

/* Whether there are inputs or a bias at all. */
static inline bool network_is_driven(const struct network *network)
{
    return network->input_size > 0 || network->bias != NULL;
}

/* Takes, draws or computes i_t, t = step, for network_drive. */
void network_take_input(struct network *network, long step);

/* drive[stride of d], 64-byte aligned := w_in i_t + b of the step that was taken, summed over the inputs in ascending
 * order from the bias, and zeros. The scales multiply what is drawn or computed, not what a file gives. False where it
 * is zero everywhere; `drive` is filled then too. */
bool network_drive(const struct network *network, struct drive_scales scales, double *drive);

/* state[d] := x_0. */
void network_initial_state(const struct model *model, const struct weights *weights, double *state);

#endif
