#include "model/loss.h"

#include "base/memory.h"
#include "base/power_of_two.h"
#include "linalg/basis.h"
#include "model/scaled_state.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct loss {
    enum loss_kind kind;
    long hidden_size;
    long classes;
    long target;
    double *direction;         /* c [d] */
    struct block readout;      /* V^T [d, classes] */
    double *logits;            /* [classes] */
    const double *given_error; /* e_0 [d] of a file ensemble; NULL where it has none */
};

/* A normal vector divided by its length is uniform on the sphere. */
static void draw_direction(const struct weights *weights, long hidden_size, double *direction)
{
    struct random_stream stream = ensemble_stream(weights_key(weights), "loss_direction");
    double square = 0;
    random_normal(&stream, 0, 0, (uint64_t)hidden_size, direction);
    for (long i = 0; i < hidden_size; i++)
        square += direction[i] * direction[i];
    for (long i = 0; i < hidden_size; i++)
        direction[i] /= sqrt(square);
}

static void draw_readout(const struct weights *weights, struct loss *loss)
{
    struct random_stream readout = ensemble_stream(weights_key(weights), "readout"),
                         target = ensemble_stream(weights_key(weights), "target");
    double scale = 1 / sqrt((double)loss->hidden_size), uniform;
    for (long c = 0; c < loss->classes; c++) { /* V is drawn by rows */
        double *row = block_column(&loss->readout, c);
        random_normal(&readout, 0, (uint64_t)(c * loss->hidden_size), (uint64_t)loss->hidden_size, row);
        basis_scale(row, loss->hidden_size, scale);
    }
    random_uniform(&target, 0, 0, 1, &uniform);
    loss->target = (long)(uniform * (double)loss->classes);
}

enum status loss_open(const struct model *model, const struct weights *weights, struct loss **opened)
{
    SCOPED(loss) *loss = NULL;
    long d = weights_hidden_size(weights);
    *opened = NULL;
    TRY(memory_allocate(&loss, 1, "a loss"));
    *loss = (struct loss){ .kind = model->loss, .hidden_size = d, .classes = model->loss_classes };
    loss->given_error = weights_given(weights)->values[NETWORK_ERROR];
    const bool is_drawn = loss->given_error == NULL;
    if (is_drawn && loss->kind == LOSS_LINEAR) {
        TRY(memory_allocate(&loss->direction, d, "the direction of a linear loss"));
        draw_direction(weights, d, loss->direction);
    }
    if (is_drawn && loss->kind == LOSS_CROSS_ENTROPY) {
        TRY(block_create(d, loss->classes, &loss->readout));
        TRY(memory_allocate(&loss->logits, loss->classes, "the logits of a loss"));
        draw_readout(weights, loss);
    }
    *opened = scope_keep(&loss);
    return STATUS_OK;
}

void loss_close(struct loss *loss)
{
    if (loss == NULL)
        return;
    memory_free(loss->direction);
    block_destroy(&loss->readout);
    memory_free(loss->logits);
    memory_free(loss);
}

bool loss_is_given(const struct loss *loss)
{
    return loss->given_error != NULL;
}

/* loss->logits := V x - its largest entry; differences are formed before the scale, so that they cannot be inf - inf.
 * Returns the class of the largest. */
static long shift_logits(const struct loss *loss, const double *state, int64_t exponent)
{
    long largest = 0;
    basis_overlaps(loss->readout.values, loss->readout.stride, loss->classes, state, loss->logits);
    for (long c = 1; c < loss->classes; c++)
        if (loss->logits[c] > loss->logits[largest])
            largest = c;
    double subtracted = loss->logits[largest];
    for (long c = 0; c < loss->classes; c++)
        loss->logits[c] = power_of_two_scale(loss->logits[c] - subtracted, exponent);
    return largest;
}

/* ln sum exp(logits) of shifted logits, to full relative accuracy where it is nearly 0. */
static double log_sum_exp(const struct loss *loss, long largest)
{
    double others = 0;
    for (long c = 0; c < loss->classes; c++)
        others += c == largest ? 0 : exp(loss->logits[c]);
    return log1p(others);
}

/* Below this exp(logit) is taken to be 0: not a digit of it is known. */
static const double LEAST_LOGIT = -1 / DBL_EPSILON;

/* Where all classes but the target are less likely than exp(this), one power of two is taken out of them. */
static const double LEAST_UNSCALED_LOGIT = -600;

/* The errors by the logits are the probabilities p, less 1 at the target: minus the sum of the others', which does not
 * cancel where the target is nearly certain. All are divided by 2^(returned exponent), lest they underflow. */
static int64_t logit_errors(const struct loss *loss, const double *state, int64_t exponent)
{
    double greatest = -INFINITY, sum = 0, others = 0;
    shift_logits(loss, state, exponent);
    for (long c = 0; c < loss->classes; c++)
        greatest = c == loss->target ? greatest : fmax(greatest, loss->logits[c]);
    bool is_certain = greatest < LEAST_UNSCALED_LOGIT && greatest > LEAST_LOGIT;
    double power = is_certain ? nearbyint(greatest / M_LN2) : 0;
    for (long c = 0; c < loss->classes; c++) {
        loss->logits[c] = exp(loss->logits[c] - power * M_LN2);
        sum += loss->logits[c];
    }
    if (is_certain)
        sum = 1; /* of all exp(logits): the target's own */
    for (long c = 0; c < loss->classes; c++) {
        loss->logits[c] /= sum;
        others += c == loss->target ? 0 : loss->logits[c];
    }
    loss->logits[loss->target] = -others;
    return (int64_t)power;
}

static int64_t cross_entropy_gradient(const struct loss *loss, const double *state, int64_t exponent, double *gradient)
{
    int64_t error_exponent = logit_errors(loss, state, exponent);
    memset(gradient, 0, (size_t)loss->readout.stride * sizeof *gradient);
    basis_add(loss->readout.values, loss->readout.stride, loss->classes, loss->logits, gradient);
    return scaled_state_normalise(loss->hidden_size, gradient, error_exponent);
}

int64_t loss_gradient(const struct loss *loss, const double *state, int64_t exponent, double *gradient)
{
    size_t bytes = (size_t)loss->hidden_size * sizeof *gradient;
    if (loss->given_error != NULL) {
        memcpy(gradient, loss->given_error, bytes);
        return scaled_state_normalise(loss->hidden_size, gradient, 0);
    }
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
    return cross_entropy_gradient(loss, state, exponent, gradient);
}

double loss_value(const struct loss *loss, const double *state, int64_t exponent)
{
    double sum = 0;
    if (loss->given_error != NULL) {
        for (long i = 0; i < loss->hidden_size; i++)
            sum += loss->given_error[i] * power_of_two_scale(state[i], exponent);
        return sum;
    }
    switch (loss->kind) {
    case LOSS_SQUARED:
        for (long i = 0; i < loss->hidden_size; i++)
            sum += 0.5 * power_of_two_scale(state[i], exponent) * power_of_two_scale(state[i], exponent);
        return sum;
    case LOSS_LINEAR:
        for (long i = 0; i < loss->hidden_size; i++)
            sum += loss->direction[i] * power_of_two_scale(state[i], exponent);
        return sum;
    case LOSS_CROSS_ENTROPY:
        break;
    }
    double log_sum = log_sum_exp(loss, shift_logits(loss, state, exponent));
    return log_sum - loss->logits[loss->target];
}
