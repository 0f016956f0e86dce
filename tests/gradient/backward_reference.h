/* Networks of a few units and their gradients by W, written down a second time in long double: forward for complex W
 * (an imaginary step in one entry differentiates without cancellation), and backward as plain loops. Long double
 * reaches to exp(+-11000), so that nothing is scaled. Include after networks.h. */
#ifndef GRADSWEEP_TESTS_BACKWARD_REFERENCE_H
#define GRADSWEEP_TESTS_BACKWARD_REFERENCE_H

#include "gradient/backward.h"
#include "model/loss_reference.h"

struct reference_network {
    struct ensemble ensemble;
    struct model model;
    struct chain chain;
    long d, replica;
    double unit[REFERENCE_LARGEST * REFERENCE_LARGEST]; /* column-major */
    struct reference_loss loss;
};

/* The network that weights_open gives with REFERENCE_SEED and this divisor. */
static inline struct reference_network reference_network_of(const struct ensemble *ensemble, const struct model *model,
                                                            struct chain chain, long d, long replica, double divisor)
{
    struct reference_network network = {
        .ensemble = *ensemble, .model = *model, .chain = chain, .d = d, .replica = replica
    };
    double radius;
    require(ensemble_draw(&(struct network_key){ ensemble, REFERENCE_SEED, d, replica }, 0, network.unit, &radius));
    for (long i = 0; i < d * d; i++)
        network.unit[i] /= divisor;
    network.loss = reference_loss_draw(ensemble, model, d, replica);
    return network;
}

static inline long double complex reference_erf(long double complex z)
{
    long double x = creall(z);
    return erfl(x) + I * cimagl(z) * 2 / sqrtl(acosl(-1)) * expl(-x * x); /* exact for an infinitesimal step */
}

/* phi, for an argument with an infinitesimal imaginary part. */
static inline long double complex reference_phi_complex(const char *name, long double complex z)
{
    long double x = creall(z);
    if (strcmp(name, "identity") == 0)
        return z;
    if (strcmp(name, "tanh") == 0)
        return ctanhl(z);
    if (strcmp(name, "sigmoid") == 0)
        return 1 / (1 + cexpl(-z));
    if (strcmp(name, "relu") == 0)
        return x > 0 ? z : 0;
    if (strcmp(name, "leaky_relu") == 0)
        return x > 0 ? z : 0.01L * z;
    if (strcmp(name, "softsign") == 0)
        return z / (1 + (x < 0 ? -z : z));
    if (strcmp(name, "erf") == 0)
        return reference_erf(z);
    if (strcmp(name, "hard_tanh") == 0)
        return fabsl(x) < 1 ? z : copysignl(1, x);
    if (strcmp(name, "sin") == 0)
        return csinl(z);
    if (strcmp(name, "gelu") == 0)
        return z * 0.5L * (1 + reference_erf(z * sqrtl(0.5L)));
    if (strcmp(name, "silu") == 0)
        return z / (1 + cexpl(-z));
    if (strcmp(name, "elu") == 0)
        return x > 0 ? z : cexpl(z) - 1;
    fail_msg("no reference for %s", name);
    return 0;
}

/* Losses of x_1 .. x_T with W[row, column] + step: *last is eps_T, *total their sum. */
static inline void reference_losses(const struct reference_network *network, long row, long column,
                                    long double complex step, long double complex *last, long double complex *total)
{
    const long d = network->d;
    const struct activation *activation = network->chain.activation;
    const long double slope = network->chain.gamma / (long double)activation->derivative_supremum;
    long double start[REFERENCE_LARGEST], drive[REFERENCE_LARGEST];
    long double complex x[REFERENCE_LARGEST], sigma[REFERENCE_LARGEST];
    reference_start(&network->ensemble, &network->model, d, network->replica, start);
    for (long i = 0; i < d; i++)
        x[i] = start[i];
    *total = 0;
    for (long t = 1; t <= network->model.steps; t++) {
        reference_drive(&network->ensemble, &network->model, d, network->replica, t, drive);
        for (long j = 0; j < d; j++)
            sigma[j] = slope * reference_phi_complex(activation->name, x[j]);
        for (long i = 0; i < d; i++) {
            x[i] = drive[i];
            for (long j = 0; j < d; j++)
                x[i] += network->chain.gain * (long double)network->unit[j * d + i] * sigma[j];
        }
        x[row] += step * sigma[column];
        *last = reference_loss_value(&network->loss, x);
        *total += *last;
    }
}

/* d eps_T/dW and d sum_t eps_t/dW, [d * d] column-major, by imaginary steps. */
static inline void reference_gradients(const struct reference_network *network, long double *last, long double *total)
{
    const long double h = 1e-30L;
    for (long i = 0; i < network->d; i++)
        for (long j = 0; j < network->d; j++) {
            long double complex a = 0, b = 0;
            reference_losses(network, i, j, h * I, &a, &b);
            last[j * network->d + i] = cimagl(a) / h;
            total[j * network->d + i] = cimagl(b) / h;
        }
}

/* A gradient found by the code under test, and how far it is from the expected one, relative to that one's norm. */
static inline double gradient_distance(long d, const struct contribution_sum *found, const long double *expected)
{
    long double difference = 0, norm = 0;
    for (long i = 0; i < d; i++)
        for (long j = 0; j < d; j++) {
            long double entry = found->exponent == INT64_MIN ? 0 : block_column(&found->matrix.part, j)[i];
            entry = scalbnl(entry, found->exponent == INT64_MIN ? 0 : (int)found->exponent) - expected[j * d + i];
            difference += entry * entry;
            norm += expected[j * d + i] * expected[j * d + i];
        }
    return (double)sqrtl(norm > 0 ? difference / norm : difference);
}

/* What the code under test finds for the last and the total loss of each chain: gradients[2 * chains]. `transposed`
 * (or NULL) are weights to step back through instead of the true ones. */
struct swept {
    struct contribution_sum *gradients;
    struct backward_column *columns;
    long count;
};

static inline struct swept sweep_back(const struct model *model, struct weights *weights, struct weights *transposed,
                                      long chains, const struct chain *chain, const long *lags, long lag_count)
{
    struct swept swept = { .count = 2 * chains };
    struct trajectory trajectory;
    struct loss *loss;
    struct gradient_context context = { 0 };
    swept.gradients = calloc((size_t)swept.count, sizeof *swept.gradients);
    swept.columns = calloc((size_t)swept.count, sizeof *swept.columns);
    require(trajectory_run(model, weights, chains, chain, model->steps, KEEP_STATES, NULL, &trajectory));
    require(loss_open(model, weights, &loss));
    for (long i = 0; i < swept.count; i++) {
        swept.columns[i] = (struct backward_column){ .chain = i / 2, .last_step = model->steps, .is_total = i % 2 };
        swept.columns[i].gradient = &swept.gradients[i];
        swept.columns[i].log_errors = calloc((size_t)lag_count, sizeof(double));
        swept.columns[i].log_contributions = calloc((size_t)lag_count, sizeof(double));
    }
    struct backward_problem problem = { .weights = transposed ? transposed : weights,
                                        .trajectory = &trajectory,
                                        .chains = chain,
                                        .loss = loss,
                                        .steps = model->steps,
                                        .lags = lags,
                                        .lag_count = lag_count };
    require(backward_sweep(&problem, &context, swept.count, swept.columns));
    loss_close(loss);
    trajectory_destroy(&trajectory);
    return swept;
}

static inline void swept_destroy(struct swept *swept)
{
    for (long i = 0; i < swept->count; i++) {
        contribution_sum_destroy(&swept->gradients[i]);
        free(swept->columns[i].log_errors);
        free(swept->columns[i].log_contributions);
    }
    free(swept->gradients);
    free(swept->columns);
}

#endif
