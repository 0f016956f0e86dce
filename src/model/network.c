#include "model/network.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

static void draw_scaled(const struct random_stream *stream, long count, double scale, double *values)
{
    random_normal(stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] *= scale;
}

/* w_in ~ N(0, 1/m), entry (i, j) from element i m + j. */
static enum status draw_input_weights(const struct weights *weights, struct network *network)
{
    long m = network->input_size, count = network->hidden_size * m;
    TRY(memory_allocate(&network->drawn_input_weights, count, "input weights"));
    struct random_stream stream = ensemble_stream(weights_key(weights), "input_weights");
    draw_scaled(&stream, count, sqrt(1.0 / (double)m), network->drawn_input_weights);
    network->input_weights = network->drawn_input_weights;
    return STATUS_OK;
}

/* Inputs of the ensemble's file, else those of the model. */
static enum status find_inputs(const struct network_arrays *given, long replica, struct network *network)
{
    const struct model *model = network->model;
    const struct network_arrays *source = given;
    if (given->values[NETWORK_INPUTS] == NULL) {
        if (model->input != INPUT_FILE) {
            network->input_size = model->input == INPUT_NONE ? 0 : model->input_size;
            return STATUS_OK;
        }
        source = &model->input_arrays;
        if (source->values[NETWORK_INPUTS] == NULL)
            return status_fail(STATUS_INTERNAL, "the inputs of %s are not in memory",
                               model->input_source.path ? model->input_source.path : "a file without a name");
    }
    const struct network_shape *shape = &source->shapes[NETWORK_INPUTS];
    network->given_inputs = source->values[NETWORK_INPUTS];
    /* All sequences of the model's own file are there, and one of those of the network's. */
    if (source != given && shape->sequences > 0)
        network->given_inputs += replica * shape->sizes[0] * shape->sizes[1];
    network->input_size = shape->sizes[1];
    return STATUS_OK;
}

/* Steps whose inputs are drawn together. */
static long steps_at_once(const struct network *network)
{
    enum { INPUTS_AT_ONCE = 256 };
    return network->input_size < INPUTS_AT_ONCE ? INPUTS_AT_ONCE / network->input_size : 1;
}

static enum status open_inputs(const struct weights *weights, struct network *network)
{
    const struct network_arrays *given = weights_given(weights);
    TRY(find_inputs(given, weights_key(weights)->replica, network));
    if (network->input_size == 0)
        return STATUS_OK;
    TRY(memory_allocate(&network->input, network->input_size, "inputs"));
    if (network->given_inputs == NULL && network->model->input == INPUT_GAUSSIAN)
        TRY(memory_allocate(&network->drawn_inputs, steps_at_once(network) * network->input_size, "inputs"));
    network->inputs = ensemble_stream(weights_key(weights), "inputs");
    network->input_weights = given->values[NETWORK_INPUT_WEIGHTS];
    if (network->input_weights == NULL)
        network->input_weights = network->model->input_arrays.values[NETWORK_INPUT_WEIGHTS];
    return network->input_weights != NULL ? STATUS_OK : draw_input_weights(weights, network);
}

static enum status open_bias(const struct weights *weights, struct network *network)
{
    network->bias = weights_given(weights)->values[NETWORK_BIAS];
    if (network->bias != NULL || network->model->bias != BIAS_GAUSSIAN)
        return STATUS_OK;
    TRY(memory_allocate(&network->drawn_bias, network->hidden_size, "bias"));
    struct random_stream stream = ensemble_stream(weights_key(weights), "bias");
    random_normal(&stream, 0, 0, (uint64_t)network->hidden_size, network->drawn_bias);
    network->bias = network->drawn_bias;
    return STATUS_OK;
}

enum status network_open(const struct model *model, const struct weights *weights, struct network *network)
{
    SCOPED(network) opened = { .model = model, .hidden_size = weights_hidden_size(weights) };
    TRY(open_inputs(weights, &opened));
    TRY(open_bias(weights, &opened));
    *network = scope_keep(&opened);
    return STATUS_OK;
}

void network_close(struct network *network)
{
    memory_free(network->drawn_input_weights);
    memory_free(network->input);
    memory_free(network->drawn_inputs);
    memory_free(network->drawn_bias);
    *network = (struct network){ 0 };
}

/* Draws i_step, and those of the steps after it with it, unless it has been. */
static const double *draw_input(struct network *network, long step)
{
    const long m = network->input_size;
    if (step < network->drawn_first || step >= network->drawn_end) {
        const long left = network->model->steps - step + 1, most = steps_at_once(network);
        const long count = left < 1 ? 1 : left < most ? left : most;
        random_normal_of_steps(&network->inputs, (uint64_t)step, (uint64_t)count, (uint64_t)m, network->drawn_inputs);
        network->drawn_first = step;
        network->drawn_end = step + count;
    }
    return network->drawn_inputs + (step - network->drawn_first) * m;
}

/* Row t - 1 of given inputs, or N(0, 1), or sin(2 pi (t/period + j/(2m))), whose whole turns are taken off first: they
 * would cost the angle its last digits. Half a turn for all components together: of two, one is a sine and the other
 * its cosine, and no two are each other's negative, as they would be at half a turn. */
void network_take_input(struct network *network, long step)
{
    const struct model *model = network->model;
    long m = network->input_size;
    if (m == 0)
        return;
    if (network->given_inputs != NULL) {
        memcpy(network->input, network->given_inputs + (step - 1) * m, (size_t)m * sizeof *network->input);
        return;
    }
    if (model->input == INPUT_GAUSSIAN)
        memcpy(network->input, draw_input(network, step), (size_t)m * sizeof *network->input);
    else
        for (long j = 0; j < m; j++) {
            double turns = fmod((double)step, model->input_period) / model->input_period + (double)j / (2 * (double)m);
            network->input[j] = sin(2 * M_PI * (turns - floor(turns)));
        }
}

bool network_drive(const struct network *network, struct drive_scales scales, double *drive)
{
    const long m = network->input_size;
    const double input_scale = network->given_inputs ? 1 : scales.input;
    const double bias_scale = network->drawn_bias ? scales.bias : 1;
    bool is_driven = false;
    if (m == 0 && network->bias == NULL) {
        memset(drive, 0, (size_t)network->hidden_size * sizeof *drive);
        return false;
    }
    for (long i = 0; i < network->hidden_size; i++) {
        double sum = network->bias != NULL ? bias_scale * network->bias[i] : 0;
        for (long j = 0; j < m; j++)
            sum += network->input_weights[i * m + j] * (input_scale * network->input[j]);
        drive[i] = sum;
        is_driven = is_driven || sum != 0;
    }
    return is_driven;
}

void network_initial_state(const struct model *model, const struct weights *weights, double *state)
{
    long d = weights_hidden_size(weights);
    const double *given = weights_given(weights)->values[NETWORK_INITIAL_STATE];
    if (given != NULL) {
        memcpy(state, given, (size_t)d * sizeof *state);
        return;
    }
    if (model->initial_state == INITIAL_STATE_ZERO) {
        for (long i = 0; i < d; i++)
            state[i] = 0;
        return;
    }
    struct random_stream stream = ensemble_stream(weights_key(weights), "initial_state");
    draw_scaled(&stream, d, model->initial_state_scale, state);
}
