#include "model/loss.h"

#include "base/memory.h"
#include "model/ensemble_draw.h"
#include "model/scaled_state.h"

#include <limits.h>
#include <math.h>
#include <string.h>

struct loss {
    enum loss_kind kind;
    long hidden_size;
    long classes;
    long target;
    double *direction; /* c [d] */
    double *readout;   /* V [classes, d], row-major */
    double *logits;    /* [classes] */
};

static struct random_stream stream_of(const struct weights *weights, const char *role)
{
    return ensemble_stream(weights_ensemble(weights), weights_seed(weights), weights_hidden_size(weights),
                           weights_replica(weights), role);
}

/* A normal vector divided by its length is uniform on the sphere. */
static void draw_direction(const struct weights *weights, long hidden_size, double *direction)
{
    struct random_stream stream = stream_of(weights, "loss_direction");
    double square = 0;
    random_normal(&stream, 0, 0, (uint64_t)hidden_size, direction);
    for (long i = 0; i < hidden_size; i++)
        square += direction[i] * direction[i];
    for (long i = 0; i < hidden_size; i++)
        direction[i] /= sqrt(square);
}

static void draw_readout(const struct weights *weights, struct loss *loss)
{
    struct random_stream readout = stream_of(weights, "readout"), target = stream_of(weights, "target");
    double scale = 1 / sqrt((double)loss->hidden_size), uniform;
    random_normal(&readout, 0, 0, (uint64_t)(loss->classes * loss->hidden_size), loss->readout);
    for (long i = 0; i < loss->classes * loss->hidden_size; i++)
        loss->readout[i] *= scale;
    random_uniform(&target, 0, 0, 1, &uniform);
    loss->target = (long)(uniform * (double)loss->classes);
}

enum status loss_open(const struct model *model, const struct weights *weights, struct loss **opened)
{
    struct loss *loss = NULL;
    long d = weights_hidden_size(weights);
    enum status status = STATUS_OK;
    *opened = NULL;
    TRY(memory_allocate(&loss, 1, "a loss"));
    *loss = (struct loss){ .kind = model->loss, .hidden_size = d, .classes = model->loss_classes };
    if (loss->kind == LOSS_LINEAR) {
        TRY_OR(failed, memory_allocate(&loss->direction, d, "the direction of a linear loss"));
        draw_direction(weights, d, loss->direction);
    }
    if (loss->kind == LOSS_CROSS_ENTROPY) {
        TRY_OR(failed, memory_allocate(&loss->readout, loss->classes * d, "the readout of a loss"));
        TRY_OR(failed, memory_allocate(&loss->logits, loss->classes, "the logits of a loss"));
        draw_readout(weights, loss);
    }
    *opened = loss;
    return STATUS_OK;

failed:
    loss_close(loss);
    return status;
}

void loss_close(struct loss *loss)
{
    if (loss == NULL)
        return;
    memory_free(loss->direction);
    memory_free(loss->readout);
    memory_free(loss->logits);
    memory_free(loss);
}

static double scaled(double mantissa, int64_t exponent)
{
    int64_t limited = exponent > INT_MAX / 2 ? INT_MAX / 2 : exponent < INT_MIN / 2 ? INT_MIN / 2 : exponent;
    return scalbn(mantissa, (int)limited);
}

/* loss->logits := V x - its largest entry; differences are formed before the scale, so that they cannot be inf - inf.
 * Returns ln sum exp(logits). */
static double shift_logits(const struct loss *loss, const double *state, int64_t exponent)
{
    double largest = -INFINITY, sum = 0;
    for (long c = 0; c < loss->classes; c++) {
        const double *row = loss->readout + c * loss->hidden_size;
        double logit = 0;
        for (long i = 0; i < loss->hidden_size; i++)
            logit += row[i] * state[i];
        loss->logits[c] = logit;
        largest = fmax(largest, logit);
    }
    for (long c = 0; c < loss->classes; c++) {
        loss->logits[c] = scaled(loss->logits[c] - largest, exponent);
        sum += exp(loss->logits[c]);
    }
    return log(sum);
}

static void cross_entropy_gradient(const struct loss *loss, const double *state, int64_t exponent, double *gradient)
{
    double log_sum = shift_logits(loss, state, exponent);
    memset(gradient, 0, (size_t)loss->hidden_size * sizeof *gradient);
    for (long c = 0; c < loss->classes; c++) {
        /* p - 1 at the target, without cancellation where p is nearly 1. */
        double log_p = loss->logits[c] - log_sum, error = c == loss->target ? expm1(log_p) : exp(log_p);
        const double *row = loss->readout + c * loss->hidden_size;
        for (long i = 0; i < loss->hidden_size; i++)
            gradient[i] += error * row[i];
    }
}

int64_t loss_gradient(const struct loss *loss, const double *state, int64_t exponent, double *gradient)
{
    size_t bytes = (size_t)loss->hidden_size * sizeof *gradient;
    switch (loss->kind) {
    case LOSS_SQUARED:
        memcpy(gradient, state, bytes);
        return exponent;
    case LOSS_LINEAR:
        memcpy(gradient, loss->direction, bytes);
        return 0;
    case LOSS_CROSS_ENTROPY:
        break;
    }
    cross_entropy_gradient(loss, state, exponent, gradient);
    return scaled_state_normalise(loss->hidden_size, gradient, 0);
}

double loss_value(const struct loss *loss, const double *state, int64_t exponent)
{
    double sum = 0;
    switch (loss->kind) {
    case LOSS_SQUARED:
        for (long i = 0; i < loss->hidden_size; i++)
            sum += 0.5 * scaled(state[i], exponent) * scaled(state[i], exponent);
        return sum;
    case LOSS_LINEAR:
        for (long i = 0; i < loss->hidden_size; i++)
            sum += loss->direction[i] * scaled(state[i], exponent);
        return sum;
    case LOSS_CROSS_ENTROPY:
        break;
    }
    double log_sum = shift_logits(loss, state, exponent);
    return log_sum - loss->logits[loss->target];
}
