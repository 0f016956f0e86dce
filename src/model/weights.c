#include "model/weights.h"

#include "base/memory.h"

#include <math.h>

struct weights {
    const struct ensemble *ensemble;
    uint64_t seed;
    long hidden_size;
    long replica;
    double divisor;
    long step;      /* whose W_unit is drawn; 0 for tied weights, and until the first step of untied ones */
    double *values; /* W_unit [d, d], column-major */
    struct matrix *matrix;
    struct network_arrays given; /* of a file ensemble */
};

static enum status draw_unit(struct weights *weights, long step)
{
    long d = weights->hidden_size;
    double radius_drawn = NAN; /* known to whoever gave the divisor */
    TRY(ensemble_draw(weights->ensemble, weights->seed, d, weights->replica, step, weights->values, &radius_drawn));
    for (long i = 0; i < d * d; i++)
        weights->values[i] /= weights->divisor;
    matrix_destroy(weights->matrix);
    weights->matrix = NULL;
    TRY(matrix_create(d, weights->values, true, &weights->matrix));
    weights->step = step;
    return STATUS_OK;
}

enum status weights_open(const struct ensemble *ensemble, uint64_t seed, long hidden_size, long replica, double divisor,
                         struct weights **weights)
{
    *weights = NULL;
    if (!(divisor > 0) || isinf(divisor))
        return status_fail(STATUS_NUMERICAL,
                           "the spectral radius of %s weights, hidden size %ld, replica %ld, is %g: they cannot be "
                           "rescaled to another one; use spectral_radius: native",
                           ensemble->label, hidden_size, replica, divisor);
    enum status status = STATUS_OK;
    struct weights *made = NULL;
    TRY_OR(failed, memory_allocate(&made, 1, "weights"));
    *made = (struct weights){
        .ensemble = ensemble, .seed = seed, .hidden_size = hidden_size, .replica = replica, .divisor = divisor
    };
    if (ensemble->kind->is_file)
        TRY_OR(failed, network_arrays_read(&ensemble->source, &made->given));
    TRY_OR(failed, memory_allocate(&made->values, hidden_size * hidden_size, "a weight matrix"));
    if (!ensemble->kind->is_fresh_at_every_step)
        TRY_OR(failed, draw_unit(made, 0));
    *weights = made;
    return STATUS_OK;

failed:
    weights_close(made);
    return status;
}

void weights_close(struct weights *weights)
{
    if (weights == NULL)
        return;
    matrix_destroy(weights->matrix);
    network_arrays_free(&weights->given);
    memory_free(weights->values);
    memory_free(weights);
}

/* Draws the step's matrix where there is one a step, unless it is the one at hand. */
static enum status go_to_step(struct weights *weights, long step)
{
    if (!weights->ensemble->kind->is_fresh_at_every_step || (weights->matrix != NULL && weights->step == step))
        return STATUS_OK;
    return draw_unit(weights, step);
}

enum status weights_at(struct weights *weights, long step, const struct matrix **matrix)
{
    TRY(go_to_step(weights, step));
    *matrix = weights->matrix;
    return STATUS_OK;
}

enum status weights_values(struct weights *weights, long step, const double **values)
{
    TRY(go_to_step(weights, step));
    *values = weights->values;
    return STATUS_OK;
}

const struct network_arrays *weights_given(const struct weights *weights)
{
    return &weights->given;
}

const struct ensemble *weights_ensemble(const struct weights *weights)
{
    return weights->ensemble;
}

long weights_hidden_size(const struct weights *weights)
{
    return weights->hidden_size;
}

long weights_replica(const struct weights *weights)
{
    return weights->replica;
}

uint64_t weights_seed(const struct weights *weights)
{
    return weights->seed;
}
