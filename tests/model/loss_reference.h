/* The losses written down a second time, for complex arguments in long double: an imaginary step h gives the derivative
 * without cancellation, Im f(x + i h)/h. Include after cmocka.h. */
#ifndef GRADSWEEP_TESTS_MODEL_LOSS_REFERENCE_H
#define GRADSWEEP_TESTS_MODEL_LOSS_REFERENCE_H

#include "model/loss.h"
#include "model/reference.h"

#include <complex.h>

enum { REFERENCE_CLASSES = 16 };

struct reference_loss {
    enum loss_kind kind;
    long d, classes, target;
    double direction[REFERENCE_LARGEST];
    double readout[REFERENCE_CLASSES * REFERENCE_LARGEST]; /* row-major */
};

static inline struct reference_loss reference_loss_draw(const struct ensemble *ensemble, const struct model *model,
                                                        long d, long replica)
{
    struct reference_loss loss = { .kind = model->loss, .d = d, .classes = model->loss_classes };
    struct random_stream directions = reference_stream(ensemble, d, replica, "loss_direction"),
                         readouts = reference_stream(ensemble, d, replica, "readout"),
                         targets = reference_stream(ensemble, d, replica, "target");
    double square = 0, uniform = 0;
    random_normal(&directions, 0, 0, (uint64_t)d, loss.direction);
    for (long i = 0; i < d; i++)
        square += loss.direction[i] * loss.direction[i];
    for (long i = 0; i < d; i++)
        loss.direction[i] /= sqrt(square);
    random_normal(&readouts, 0, 0, (uint64_t)(loss.classes * d), loss.readout);
    for (long i = 0; i < loss.classes * d; i++)
        loss.readout[i] *= 1 / sqrt((double)d);
    random_uniform(&targets, 0, 0, 1, &uniform);
    loss.target = (long)floor(uniform * (double)loss.classes);
    return loss;
}

static inline long double complex reference_cross_entropy(const struct reference_loss *loss,
                                                          const long double complex *x)
{
    long double complex logits[REFERENCE_CLASSES], sum = 0;
    long double largest = -INFINITY;
    for (long c = 0; c < loss->classes; c++) {
        logits[c] = 0;
        for (long i = 0; i < loss->d; i++)
            logits[c] += loss->readout[c * loss->d + i] * x[i];
        largest = fmaxl(largest, creall(logits[c]));
    }
    for (long c = 0; c < loss->classes; c++)
        sum += cexpl(logits[c] - largest);
    return clogl(sum) + largest - logits[loss->target];
}

static inline long double complex reference_loss_value(const struct reference_loss *loss, const long double complex *x)
{
    long double complex sum = 0;
    switch (loss->kind) {
    case LOSS_SQUARED:
        for (long i = 0; i < loss->d; i++)
            sum += 0.5L * x[i] * x[i];
        return sum;
    case LOSS_LINEAR:
        for (long i = 0; i < loss->d; i++)
            sum += loss->direction[i] * x[i];
        return sum;
    case LOSS_CROSS_ENTROPY:
        break;
    }
    return reference_cross_entropy(loss, x);
}

/* d eps/dx at a real x, by the formula; softmax by differences of logits, so that it holds at any size. */
static inline void reference_loss_gradient(const struct reference_loss *loss, const long double *x,
                                           long double *gradient)
{
    for (long i = 0; i < loss->d; i++)
        gradient[i] = loss->kind == LOSS_SQUARED ? x[i] : loss->kind == LOSS_LINEAR ? loss->direction[i] : 0;
    if (loss->kind != LOSS_CROSS_ENTROPY)
        return;
    long double logits[REFERENCE_CLASSES];
    for (long c = 0; c < loss->classes; c++) {
        logits[c] = 0;
        for (long i = 0; i < loss->d; i++)
            logits[c] += loss->readout[c * loss->d + i] * x[i];
    }
    for (long c = 0; c < loss->classes; c++) {
        if (c == loss->target)
            continue;
        long double inverse = 0; /* 1/p_c */
        for (long other = 0; other < loss->classes; other++)
            inverse += expl(logits[other] - logits[c]);
        for (long i = 0; i < loss->d; i++) /* p - 1 at the target is minus the sum of the others' p */
            gradient[i] +=
                (loss->readout[c * loss->d + i] - (long double)loss->readout[loss->target * loss->d + i]) / inverse;
    }
}

/* The cross entropy of a real x, ln(1 + sum of exp(logit - the target's)): right where it is nearly 0. */
static inline long double reference_small_cross_entropy(const struct reference_loss *loss, const long double *x)
{
    long double sum = 0;
    for (long c = 0; c < loss->classes; c++) {
        long double difference = 0;
        for (long i = 0; i < loss->d; i++)
            difference +=
                (loss->readout[c * loss->d + i] - (long double)loss->readout[loss->target * loss->d + i]) * x[i];
        sum += c == loss->target ? 0 : expl(difference);
    }
    return log1pl(sum);
}

#endif
