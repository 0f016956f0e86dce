#include "model/network.h"

#include "base/memory.h"
#include "model/ensemble_draw.h"

#include <math.h>

static struct random_stream open_stream(const struct weights *weights, const char *role)
{
    return ensemble_stream(weights_ensemble(weights), weights_seed(weights), weights_hidden_size(weights),
                           weights_replica(weights), role);
}

static void draw_scaled(const struct random_stream *stream, long count, double scale, double *values)
{
    random_normal(stream, 0, 0, (uint64_t)count, values);
    for (long i = 0; i < count; i++)
        values[i] *= scale;
}

/* w_in ~ N(0, 1/m), entry (i, j) from element i m + j. */
static enum status open_inputs(const struct weights *weights, struct network *network)
{
    const struct model *model = network->model;
    if (model->input != INPUT_GAUSSIAN && model->input != INPUT_SINE)
        return status_fail(STATUS_INPUT, "model.input: inputs from a file are not available; use gaussian or sine");
    long m = model->input_size, count = network->hidden_size * m;
    TRY(memory_allocate(&network->input_weights, count, "input weights"));
    TRY(memory_allocate(&network->input, m, "inputs"));
    struct random_stream stream = open_stream(weights, "input_weights");
    draw_scaled(&stream, count, sqrt(1.0 / (double)m), network->input_weights);
    network->inputs = open_stream(weights, "inputs");
    return STATUS_OK;
}

enum status network_open(const struct model *model, const struct weights *weights, struct network *network)
{
    enum status status = STATUS_OK;
    *network = (struct network){ .model = model, .hidden_size = weights_hidden_size(weights) };
    if (model->input != INPUT_NONE)
        TRY_OR(failed, open_inputs(weights, network));
    if (model->bias == BIAS_GAUSSIAN) {
        TRY_OR(failed, memory_allocate(&network->bias, network->hidden_size, "bias"));
        struct random_stream stream = open_stream(weights, "bias");
        draw_scaled(&stream, network->hidden_size, model->bias_scale, network->bias);
    }
    return STATUS_OK;

failed:
    network_close(network);
    return status;
}

void network_close(struct network *network)
{
    memory_free(network->input_weights);
    memory_free(network->input);
    memory_free(network->bias);
    *network = (struct network){ 0 };
}

/* i_t[m] := scale * N(0, 1), or scale * sin(2 pi (t/period + j/m)), whose whole turns are taken off first: they would
 * cost the angle its last digits. */
static void fill_input(struct network *network, long step)
{
    const struct model *model = network->model;
    long m = model->input_size;
    if (model->input == INPUT_GAUSSIAN)
        random_normal(&network->inputs, (uint64_t)step, 0, (uint64_t)m, network->input);
    else
        for (long j = 0; j < m; j++) {
            double turns = fmod((double)step, model->input_period) / model->input_period + (double)j / (double)m;
            network->input[j] = sin(2 * M_PI * (turns - floor(turns)));
        }
    for (long j = 0; j < m; j++)
        network->input[j] *= model->input_scale;
}

bool network_drive(struct network *network, long step, double *drive)
{
    long m = network->input_weights != NULL ? network->model->input_size : 0;
    bool is_driven = false;
    if (m > 0)
        fill_input(network, step);
    for (long i = 0; i < network->hidden_size; i++) {
        double sum = network->bias != NULL ? network->bias[i] : 0;
        for (long j = 0; j < m; j++)
            sum += network->input_weights[i * m + j] * network->input[j];
        drive[i] = sum;
        is_driven = is_driven || sum != 0;
    }
    return is_driven;
}

void network_initial_state(const struct model *model, const struct weights *weights, double *state)
{
    long d = weights_hidden_size(weights);
    if (model->initial_state == INITIAL_STATE_ZERO) {
        for (long i = 0; i < d; i++)
            state[i] = 0;
        return;
    }
    struct random_stream stream = open_stream(weights, "initial_state");
    draw_scaled(&stream, d, model->initial_state_scale, state);
}
