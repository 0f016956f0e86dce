#include "model/network.h"

#include "base/memory.h"
#include "linalg/vectorised.h"

#include <math.h>
#include <string.h>

static void draw_scaled(const struct random_stream *stream, long count, double scale, double *values)
{
    random_normal(stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] *= scale;
}

/* w_in from a file, [d, m] row-major, or NULL: ~ N(0, 1/m), entry (i, j) from element i m + j. */
static enum status take_input_weights(const struct weights *weights, const double *given, struct network *network)
{
    const long m = network->input_size, d = network->hidden_size;
    SCOPED_MEMORY double *drawn = NULL;
    TRY(block_create(d, m, &network->input_weights));
    if (given == NULL) {
        const struct random_stream stream = ensemble_stream(weights_key(weights), "input_weights");
        TRY(memory_allocate(&drawn, d * m, "input weights"));
        draw_scaled(&stream, d * m, sqrt(1.0 / (double)m), drawn);
    }
    const double *rows = given ? given : drawn;
    for (long j = 0; j < m; j++)
        for (long i = 0; i < d; i++)
            block_column(&network->input_weights, j)[i] = rows[i * m + j];
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
    const bool is_drawn = network->given_inputs == NULL && network->model->input == INPUT_GAUSSIAN;
    if (is_drawn)
        TRY(memory_allocate(&network->drawn_inputs, steps_at_once(network) * network->input_size, "inputs"));
    else if (network->given_inputs == NULL)
        TRY(memory_allocate(&network->computed_input, network->input_size, "inputs"));
    network->inputs = ensemble_stream(weights_key(weights), "inputs");
    const double *input_weights = given->values[NETWORK_INPUT_WEIGHTS];
    if (input_weights == NULL)
        input_weights = network->model->input_arrays.values[NETWORK_INPUT_WEIGHTS];
    return take_input_weights(weights, input_weights, network);
}

static enum status open_bias(const struct weights *weights, struct network *network)
{
    const double *given = weights_given(weights)->values[NETWORK_BIAS];
    const size_t d = (size_t)network->hidden_size;
    if (given == NULL && network->model->bias != BIAS_GAUSSIAN)
        return STATUS_OK;
    TRY(memory_allocate(&network->bias, block_stride(network->hidden_size), "bias"));
    network->is_bias_drawn = given == NULL;
    if (given != NULL)
        memcpy(network->bias, given, d * sizeof *given);
    else {
        const struct random_stream stream = ensemble_stream(weights_key(weights), "bias");
        random_normal(&stream, 0, 0, d, network->bias);
    }
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
    block_destroy(&network->input_weights);
    memory_free(network->computed_input);
    memory_free(network->drawn_inputs);
    memory_free(network->bias);
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
    if (network->given_inputs != NULL)
        network->input = network->given_inputs + (step - 1) * m;
    else if (model->input == INPUT_GAUSSIAN)
        network->input = draw_input(network, step);
    else {
        for (long j = 0; j < m; j++) {
            double turns = fmod((double)step, model->input_period) / model->input_period + (double)j / (2 * (double)m);
            network->computed_input[j] = sin(2 * M_PI * (turns - floor(turns)));
        }
        network->input = network->computed_input;
    }
}

VECTORISED bool network_drive(const struct network *network, struct drive_scales scales, double *drive)
{
    const long m = network->input_size, stride = block_stride(network->hidden_size);
    const double input_scale = network->given_inputs ? 1 : scales.input;
    const double bias_scale = network->is_bias_drawn ? scales.bias : 1;
    block_words others = { 0 };
    uint64_t any = 0;
    for (long i = 0; i < stride; i += BLOCK_ROW_UNIT) {
        block_rows sum = { 0 };
        if (network->bias != NULL)
            sum = bias_scale * *(const block_rows *)(network->bias + i);
        for (long j = 0; j < m; j++)
            sum += *(const block_rows *)(network->input_weights.values + j * stride + i) *
                   (input_scale * network->input[j]);
        *(block_rows *)(drive + i) = sum;
        others |= (block_words)sum << 1; /* -0 is zero too */
    }
    for (int lane = 0; lane < BLOCK_ROW_UNIT; lane++)
        any |= others[lane];
    return any != 0;
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
