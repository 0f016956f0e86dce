/* What drives a network, as the sweep file's `model` section says it. Plain data; strings owned by the sweep. */
#ifndef GRADSWEEP_MODEL_MODEL_H
#define GRADSWEEP_MODEL_MODEL_H

enum input_kind { INPUT_NONE, INPUT_GAUSSIAN, INPUT_SINE, INPUT_FILE };
enum bias_kind { BIAS_ZERO, BIAS_GAUSSIAN };
enum initial_state_kind { INITIAL_STATE_ZERO, INITIAL_STATE_GAUSSIAN };
enum loss_kind { LOSS_SQUARED, LOSS_LINEAR, LOSS_CROSS_ENTROPY };

struct model {
    enum input_kind input;
    long input_size; /* m */
    double input_scale;
    double input_period; /* sine: i_t[j] = scale sin(2 pi (t/period + j/m)) */
    char *input_path;

    enum bias_kind bias;
    double bias_scale;

    enum initial_state_kind initial_state;
    double initial_state_scale;

    enum loss_kind loss;
    long loss_classes; /* cross_entropy */

    long steps; /* T, the effective number */
};

#endif
