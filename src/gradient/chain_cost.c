#include "gradient/chain_cost.h"

#include "model/weights_cost.h"

#include <math.h>

static const double WINDOW_BYTES = 512e6;         /* of chains side by side */
static const double PRODUCT_COLUMNS = 128.0;      /* of whole products side by side */
static const double LANCZOS_ITERATIONS = 16.0;    /* per lag; measured 5 to 40 */
static const double FRESH_NORM_ITERATIONS = 40.0; /* of Lanczos for the norm of one step's W */
static const double ACTIVATION_SECONDS = 4e-9;    /* value and derivative of one element */

double chain_cost_width(const struct chain_question *question)
{
    return question->side_by_side ? (double)question->side_by_side : CHAINS_SIDE_BY_SIDE;
}

/* Whole products, and their largest singular values. The rates of this and of implicit_cost choose the method. */
static struct cost explicit_cost(const struct chain_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->lags[question->lag_count - 1];
    double iterations = (double)question->lag_count * fmin(LANCZOS_ITERATIONS, d);
    struct cost norms = { .flops = iterations * 4.0 * d * d };
    norms.seconds = cost_vector_seconds(question->hidden_size, norms.flops) + cost_lanczos_seconds(iterations);
    norms.gathered_bytes = iterations * 2.0 * 8.0 * d;
    norms.messages = iterations * 2.0;
    struct cost sum = cost_add(cost_squares(question->hidden_size, steps), norms);
    if (question->ensemble->kind->is_fresh_at_every_step)
        sum.seconds += steps * (weights_cost_draw(question->ensemble, question->hidden_size).seconds +
                                cost_vector_seconds(question->hidden_size, FRESH_NORM_ITERATIONS * 4.0 * d * d));
    return sum;
}

long chain_cost_lags_side_by_side(long chains, long lag_count)
{
    long fitting = CHAINS_SIDE_BY_SIDE / chains;
    return fitting < 1 ? 1 : fitting < lag_count ? fitting : lag_count;
}

/* Lanczos through the factors; for identity there is but one chain. Of the lags that stand side by side the longest
 * alone goes through all of its steps. */
static struct cost implicit_cost(const struct chain_question *question, double iterations, double chains)
{
    double sum_of_lags = 0.0, passes = 0.0, d = (double)question->hidden_size;
    long together = chain_cost_lags_side_by_side((long)chains, question->lag_count);
    for (long i = 0; i < question->lag_count; i++) {
        sum_of_lags += (double)question->lags[i];
        if ((i + 1) % together == 0 || i + 1 == question->lag_count)
            passes += (double)question->lags[i];
    }
    iterations = fmin(iterations, d);
    struct cost cost =
        cost_narrow(question->hidden_size, iterations * 2.0 * sum_of_lags, chains * sum_of_lags / passes);
    cost.seconds += cost_lanczos_seconds(iterations * (double)question->lag_count);
    return cost;
}

static struct cost trajectory_cost(const struct chain_question *question)
{
    double d = (double)question->hidden_size, steps = (double)question->model->steps;
    struct cost cost = cost_narrow(question->hidden_size, steps, chain_cost_width(question));
    cost.seconds += steps * d * ACTIVATION_SECONDS;
    cost.replicated += steps * d * ACTIVATION_SECONDS;
    if (question->ensemble->kind->is_fresh_at_every_step)
        cost.seconds += steps * weights_cost_draw(question->ensemble, question->hidden_size).seconds;
    return cost;
}

enum jacobian_method chain_method(const struct chain_question *question)
{
    bool wants_products = measure_any_needs(question->measures, NEEDS_PRODUCTS);
    bool is_known = ensemble_is_normal(question->ensemble) || question->ensemble->kind->spectrum == SPECTRUM_NILPOTENT;
    if (question->activation->is_identity && is_known && !wants_products)
        return METHOD_CLOSED_FORM;
    if (wants_products || question->ensemble->kind->is_fresh_at_every_step)
        return METHOD_EXPLICIT;
    double by_vectors = implicit_cost(question, LANCZOS_ITERATIONS, CHAINS_SIDE_BY_SIDE).seconds;
    return explicit_cost(question).seconds <= by_vectors ? METHOD_EXPLICIT : METHOD_IMPLICIT;
}

/* What proofs typically take: one product and one Cholesky decomposition. */
static struct cost certify_cost(const struct chain_question *question)
{
    double d = (double)question->hidden_size;
    if (!question->options->certify)
        return (struct cost){ 0 };
    return cost_lapack(question->hidden_size, (2.0 + 4.0 / 3.0) * d * d * d);
}

struct cost chain_cost(const struct chain_question *question)
{
    /* The norms of identity need no states. */
    struct cost trajectory = question->activation->is_identity ? (struct cost){ 0 } : trajectory_cost(question);
    struct cost common = cost_add(trajectory, certify_cost(question));
    switch (chain_method(question)) {
    case METHOD_EXPLICIT:
        return cost_add(common, explicit_cost(question));
    case METHOD_IMPLICIT:
        return cost_add(common, implicit_cost(question, LANCZOS_ITERATIONS,
                                              question->activation->is_identity ? 1.0 : chain_cost_width(question)));
    case METHOD_CLOSED_FORM:
        break;
    }
    return (struct cost){ .flops = 0.0, .seconds = 1e-6 };
}

struct cost chain_cost_measures(const struct chain_question *question)
{
    struct cost cost = { 0 };
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        if (question->measures & 1u << number && measure->cost)
            cost = cost_add(cost, measure->cost(question));
    }
    if (question->activation->is_identity && measure_any_needs(question->measures, NEEDS_TRAJECTORY))
        cost = cost_add(cost, trajectory_cost(question));
    return cost;
}

/* Doubles that a chain's trajectory keeps. */
static double window_elements(const struct chain_question *question)
{
    double d = (double)question->hidden_size;
    if (measure_any_needs(question->measures, NEEDS_STATES))
        return 3.0 * d * (double)question->model->steps; /* derivatives, states and what they activate */
    if (question->activation->is_identity && !measure_any_needs(question->measures, NEEDS_TRAJECTORY))
        return 0.0;
    return d * (double)question->lags[question->lag_count - 1];
}

/* Doubles of the whole products that stand beside each other, J_l^T and the next one. */
static double product_elements(const struct chain_question *question, double chains)
{
    double d = (double)question->hidden_size;
    if (chain_method(question) != METHOD_EXPLICIT)
        return 0.0;
    return fmin(chains, fmax(1.0, floor(PRODUCT_COLUMNS / d))) * 2.0 * d * d / fmax(question->team_size, 1.0);
}

/* Doubles that Lanczos keeps of one column. */
static double lanczos_elements(const struct chain_question *question)
{
    return chain_method(question) == METHOD_IMPLICIT ? (double)question->hidden_size * 2.0 * LANCZOS_ITERATIONS : 0.0;
}

double chain_cost_bytes(const struct chain_question *question)
{
    return 8.0 * (window_elements(question) + lanczos_elements(question) + product_elements(question, 1.0));
}

long chain_cost_side_by_side(const struct chain_question *question)
{
    double fitting = WINDOW_BYTES / (chain_cost_bytes(question) + 1.0);
    return fitting < 1.0 ? 1 : fitting > CHAINS_SIDE_BY_SIDE ? CHAINS_SIDE_BY_SIDE : (long)fitting;
}

/* Bytes that the measures and proofs need for themselves, however many chains stand side by side: one after the other.
 */
static double measure_bytes(const struct chain_question *question)
{
    double d = (double)question->hidden_size;
    double bytes = question->options->certify ? 8.0 * 4.0 * d * d : 0.0; /* two products, W, and a Gram matrix */
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        if (question->measures & 1u << number && measure->bytes)
            bytes = fmax(bytes, measure->bytes(question));
    }
    return bytes;
}

double chain_cost_block_bytes(const struct chain_question *question, double chains)
{
    double d = (double)question->hidden_size;
    double vectors = chain_cost_bytes(question) - 8.0 * product_elements(question, 1.0);
    double cyclic = chain_method(question) == METHOD_EXPLICIT && question->team_size > 1
                        ? 8.0 * d * d / question->team_size /* W^T once more, block-cyclic */
                        : 0.0;
    bool identity_alone = question->activation->is_identity && !measure_any_needs(question->measures, NEEDS_TRAJECTORY);
    double different = identity_alone ? 1.0 : chains;
    double further_lags = (double)chain_cost_lags_side_by_side((long)different, question->lag_count) - 1.0;
    return different * (vectors + further_lags * 8.0 * lanczos_elements(question)) +
           8.0 * product_elements(question, chains) + cyclic + measure_bytes(question);
}
