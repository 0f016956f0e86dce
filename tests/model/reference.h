/* A network written down a second time, as plainly as possible, in long double: x_t = gain W_unit sigma(x_{t-1}) +
 * drive. Its range reaches to exp(+-11000), so that it needs no scaling. Include after cmocka.h. */
#ifndef GRADSWEEP_TESTS_MODEL_REFERENCE_H
#define GRADSWEEP_TESTS_MODEL_REFERENCE_H

#include "base/random.h"
#include "model/activation_at.h"
#include "model/support.h"
#include "model/trajectory.h"

#include <math.h>

enum { REFERENCE_SEED = 17, REFERENCE_LARGEST = 16 };

/* phi where x may be beyond double precision: its linear part at 0, or its asymptote. */
static inline long double reference_phi(const struct activation *activation, long double x)
{
    bool bounded = activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
    if (activation->vanishes_at_zero && fabsl(x) < 1e-100L)
        return activation->slope_at_zero[x > 0] * x;
    if (!bounded && fabsl(x) > 1e300L)
        return activation->slope_at_infinity[x > 0] * x;
    return value_at(activation, (double)x);
}

static inline struct random_stream reference_stream(const struct ensemble *ensemble, long d, long replica,
                                                    const char *role)
{
    char text[256];
    ensemble_describe_draw(&(struct network_key){ .ensemble = ensemble, .hidden_size = d, .replica = replica }, role,
                           text, sizeof text);
    return random_stream_open(REFERENCE_SEED, text);
}

/* w_in i_t + b */
static inline void reference_drive(const struct ensemble *ensemble, const struct model *model, long d, long replica,
                                   long step, long double *drive)
{
    double weights[REFERENCE_LARGEST * REFERENCE_LARGEST], input[REFERENCE_LARGEST], bias[REFERENCE_LARGEST];
    long m = model->input == INPUT_NONE ? 0 : model->input_size;
    struct random_stream inputs = reference_stream(ensemble, d, replica, "inputs"),
                         input_weights = reference_stream(ensemble, d, replica, "input_weights"),
                         biases = reference_stream(ensemble, d, replica, "bias");
    random_normal(&biases, 0, 0, (uint64_t)d, bias);
    random_normal(&input_weights, 0, 0, (uint64_t)(d * m), weights);
    random_normal(&inputs, (uint64_t)step, 0, (uint64_t)m, input);
    for (long j = 0; j < m && model->input == INPUT_SINE; j++)
        input[j] = (double)sinl(6.283185307179586476925L *
                                ((long double)step / model->input_period + (long double)j / (2 * m)));
    for (long i = 0; i < d; i++) {
        drive[i] = model->bias == BIAS_GAUSSIAN ? model->bias_scale * bias[i] : 0;
        for (long j = 0; j < m; j++)
            drive[i] += sqrt(1.0 / (double)m) * weights[i * m + j] * model->input_scale * input[j];
    }
}

static inline void reference_start(const struct ensemble *ensemble, const struct model *model, long d, long replica,
                                   long double *x)
{
    double drawn[REFERENCE_LARGEST];
    struct random_stream stream = reference_stream(ensemble, d, replica, "initial_state");
    random_normal(&stream, 0, 0, (uint64_t)d, drawn);
    for (long i = 0; i < d; i++)
        x[i] = model->initial_state == INITIAL_STATE_ZERO ? 0 : model->initial_state_scale * drawn[i];
}

/* next := gain W_unit sigma(x) + drive, W_unit column-major. */
static inline void reference_step(const struct chain *chain, const double *unit, long d, const long double *drive,
                                  const long double *x, long double *next)
{
    for (long i = 0; i < d; i++) {
        long double sum = 0;
        for (long j = 0; j < d; j++)
            sum += unit[j * d + i] * reference_phi(chain->activation, x[j]);
        next[i] = chain->gain * chain->gamma / (long double)chain->activation->derivative_supremum * sum + drive[i];
    }
}

/* x := x_T */
static inline void reference_run(const struct ensemble *ensemble, const struct model *model, const struct chain *chain,
                                 long d, long replica, double divisor, long double *x)
{
    double unit[REFERENCE_LARGEST * REFERENCE_LARGEST], radius;
    long double drive[REFERENCE_LARGEST], next[REFERENCE_LARGEST];
    reference_start(ensemble, model, d, replica, x);
    for (long step = 1; step <= model->steps; step++) {
        assert_int_equal(
            ensemble_draw(&(struct network_key){ ensemble, REFERENCE_SEED, d, replica }, step, unit, &radius),
            STATUS_OK);
        for (long i = 0; i < d * d; i++)
            unit[i] /= divisor;
        reference_drive(ensemble, model, d, replica, step, drive);
        reference_step(chain, unit, d, drive, x, next);
        for (long i = 0; i < d; i++)
            x[i] = next[i];
    }
}

/* Runs `count` chains over weights drawn with REFERENCE_SEED; release with trajectory_destroy. */
static inline struct trajectory trajectory_of(const struct ensemble *ensemble, const struct model *model, long d,
                                              long replica, double divisor, long count, const struct chain *chains,
                                              long window)
{
    struct weights *weights = NULL;
    struct trajectory trajectory;
    assert_int_equal(weights_open(&(struct network_key){ ensemble, REFERENCE_SEED, d, replica }, divisor, &weights),
                     STATUS_OK);
    assert_int_equal(trajectory_run(model, weights, count, chains, window, KEEP_DERIVATIVES, NULL, &trajectory),
                     STATUS_OK);
    weights_close(weights);
    return trajectory;
}

/* Element i of x_T. */
static inline long double final_element(const struct trajectory *trajectory, long chain, long i)
{
    return scalbnl(block_column(&trajectory->final_state, chain)[i], (int)trajectory->final_exponents[chain]);
}

/* ln ||x_T|| */
static inline double final_log_norm(const struct trajectory *trajectory, long chain)
{
    long double sum = 0;
    for (long i = 0; i < trajectory->hidden_size; i++)
        sum += (long double)block_column(&trajectory->final_state, chain)[i] *
               block_column(&trajectory->final_state, chain)[i];
    return (double)(0.5L * logl(sum) + (long double)trajectory->final_exponents[chain] * M_LN2);
}

#endif
