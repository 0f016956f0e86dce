/* What drives a network, as the sweep file's `model` section says it. Plain data; strings owned by the sweep. */
#ifndef GRADSWEEP_MODEL_MODEL_H
#define GRADSWEEP_MODEL_MODEL_H

#include "model/network_file.h"

enum input_kind { INPUT_NONE, INPUT_GAUSSIAN, INPUT_SINE, INPUT_FILE };
enum bias_kind { BIAS_ZERO, BIAS_GAUSSIAN };
enum initial_state_kind { INITIAL_STATE_ZERO, INITIAL_STATE_GAUSSIAN };
enum loss_kind { LOSS_SQUARED, LOSS_LINEAR, LOSS_CROSS_ENTROPY };

/* How strongly a network is driven: what its draws are multiplied by. */
struct drive_scales {
    double input; /* also the amplitude of sine inputs */
    double bias;
};

struct model {
    enum input_kind input;
    long input_size; /* m; of gaussian and sine */
    double input_scale;
    double input_period;                /* sine: i_t[j] = scale sin(2 pi (t/period + j/(2m))) */
    struct network_source input_source; /* file: inputs and, where it is there, w_in */
    struct network_arrays input_arrays; /* the same once they are in memory (sweep_load), as runs need them */

    enum bias_kind bias;
    double bias_scale;

    enum initial_state_kind initial_state;
    double initial_state_scale;

    enum loss_kind loss;
    long loss_classes; /* cross_entropy */

    long steps; /* T, the effective number */
};

/* What chains have that are not given other scales. */
static inline struct drive_scales model_drive(const struct model *model)
{
    return (struct drive_scales){ model->input_scale, model->bias_scale };
}

#endif
