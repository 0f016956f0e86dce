/* What is expected of chains before they have run: which of them are alike, how long they move, and how many iterations
 * of Lanczos their products take. From properties of the law of W and of the activation. */
#include "gradient/chain_cost_internal.h"

#include <math.h>

/* Of Lanczos to a tolerance of 1e-10. For one step the largest singular values lie d^(-2/3) apart, relative to each
 * other, and it takes some d^(1/3) iterations; over a lag they part, and these fall like a power of the lag, a steeper
 * one where W is normal. Measured from d = 16 to 1024, lags to 1024.
 *
 * Where all singular values of W are equal, those of products are the derivatives' doing. These crowd below 1 where
 * phi' has its maximum at 0 and falls on both sides, which takes twice as many, and still some at long lags, where they
 * lie in pairs; else many of them are equal. */
static const double ITERATIONS_OF_A_STEP = 6.5, FEWEST_ITERATIONS = 2.5;
static const double ITERATIONS_FALL = -0.37, ITERATIONS_FALL_WHERE_NORMAL = -0.45;
static const double ITERATIONS_WHERE_ALL_ONE = 1.1, ITERATIONS_WHERE_CROWDED = 2.0,
                    ITERATIONS_FALL_WHERE_CROWDED = -0.30;

/* Derivatives that lie so many bits apart make one more part, on average. It takes as long as so many steps: numbers
 * below the range of normal doubles, which make up much of its frame, take the processor longer. Measured of erf from d
 * = 64 to 256. */
static const double BITS_OF_A_PART = 900.0, STEPS_OF_A_PART = 6.5;

/* States below exp(-20) are not seen any more beside 1 in a derivative. */
static const double LOG_VANISHED = -20.0;

struct model chain_model(const struct chain_question *question)
{
    struct model model = *question->model;
    model.steps -= question->anchor_span / 2;
    return model;
}

bool chain_is_driven(const struct chain_question *question)
{
    return question->model->input != INPUT_NONE || question->model->bias != BIAS_ZERO ||
           question->ensemble->kind->is_file;
}

bool chain_is_of_straight_lines(const struct activation *activation)
{
    return activation->vanishes_at_zero && activation->slope_at_zero[0] == activation->slope_at_infinity[0] &&
           activation->slope_at_zero[1] == activation->slope_at_infinity[1];
}

/* ---- iterations ---- */

static bool has_maximum_at_zero(const struct activation *activation)
{
    return !activation->is_piecewise_linear && activation->slope_at_zero[0] == activation->derivative_supremum &&
           activation->slope_at_zero[1] == activation->derivative_supremum;
}

double chain_cost_iterations(const struct chain_question *question, double lag)
{
    const double d = (double)question->hidden_size;
    double crowd = 1.0, fall = ITERATIONS_FALL;
    if (question->ensemble->kind->spectrum == SPECTRUM_ALL_ONE) {
        const bool are_crowded = has_maximum_at_zero(question->activation);
        crowd = are_crowded ? ITERATIONS_WHERE_CROWDED : ITERATIONS_WHERE_ALL_ONE;
        fall = are_crowded ? ITERATIONS_FALL_WHERE_CROWDED : ITERATIONS_FALL;
    } else if (ensemble_is_normal(question->ensemble))
        fall = ITERATIONS_FALL_WHERE_NORMAL;
    return fmin(d, crowd * fmax(FEWEST_ITERATIONS, ITERATIONS_OF_A_STEP * cbrt(d) * pow(lag, fall)));
}

/* ---- states that vanish ---- */

/* By how much kappa = 1 multiplies small states, of a W whose radius is 1. */
static double gain_of_small_states(const struct activation *activation)
{
    return fmax(fabs(activation->slope_at_zero[0]), fabs(activation->slope_at_zero[1])) /
           activation->derivative_supremum;
}

/* The same of large ones, which have half of their units on each side: their mean square. */
static double gain_of_large_states(const struct activation *activation)
{
    return hypot(activation->slope_at_infinity[0], activation->slope_at_infinity[1]) / sqrt(2.0) /
           activation->derivative_supremum;
}

/* The steps after which states are exp(log_size); infinite where they do not vanish. */
static double steps_until(const struct activation *activation, double coupling, double log_size)
{
    const double small = coupling * gain_of_small_states(activation),
                 large = coupling * gain_of_large_states(activation);
    return small < 1.0 && large < 1.0 ? log_size / log(small) : INFINITY;
}

/* What Lanczos takes at all lags, in products with a vector, where the last `run` steps are equal. */
static double factors_of_lags(const struct chain_question *question, long run)
{
    double sum = 0.0;
    for (long i = 0; i < question->lag_count; i++)
        sum += chain_cost_iterations(question, (double)question->lags[i]) *
               chain_factors(question, question->lags[i], run);
    return sum;
}

/* The same as a share of what it takes without equal steps; explicit chains take all of them. */
static double share_of_run(const struct chain_question *question, double run)
{
    return chain_method(question) == METHOD_IMPLICIT
               ? factors_of_lags(question, (long)fmax(run, 0.0)) / factors_of_lags(question, 0)
               : 1.0;
}

double chain_run(const struct chain_question *question, bool native, double coupling)
{
    const bool may_vanish = !native && !question->ensemble->kind->is_fresh_at_every_step;
    return may_vanish ? fmax(0.0, (double)chain_model(question).steps -
                                      steps_until(question->activation, coupling, LOG_VANISHED))
                      : 0.0;
}

double chain_cost_unlike(const struct chain_question *question, bool native, long count, const double *couplings)
{
    const long side_by_side = question->side_by_side ? question->side_by_side : chain_cost_side_by_side(question);
    const double blocks = ceil((double)count / (double)side_by_side),
                 window = (double)question->lags[question->lag_count - 1];
    double vanished = 0.0, others = 0.0;
    if (chain_is_driven(question) || !question->activation->vanishes_at_zero)
        return 1.0;
    if (chain_is_of_straight_lines(question->activation))
        return blocks / (double)count * share_of_run(question, window);
    for (long i = 0; i < count; i++) {
        const double run = chain_run(question, native, couplings[i]);
        if (run > window)
            vanished++;
        else
            others += share_of_run(question, run);
    }
    return (others + fmin(vanished, blocks) * share_of_run(question, window)) / (double)count;
}

/* From there on derivatives are those at 0, some e^5 of growth on the way included. */
static double log_settled(const struct activation *activation)
{
    return log(activation->linear_within) - 5.0;
}

double chain_cost_moving(const struct chain_question *question, bool native, long count, const double *couplings)
{
    const struct activation *activation = question->activation;
    const double steps = (double)chain_model(question).steps;
    double taken = 0.0;
    if (native || chain_is_driven(question) || question->ensemble->kind->is_fresh_at_every_step ||
        question->team_size > 1 || activation->is_identity || activation->linear_within == 0 ||
        measure_any_needs(question->measures, NEEDS_STATES))
        return 1.0;
    for (long i = 0; i < count; i++)
        taken += fmin(1.0, steps_until(activation, couplings[i], log_settled(activation)) / steps);
    return taken / (double)count;
}

/* ---- derivatives far apart ---- */

/* The bits between the derivative of the unit that is furthest out, of d saturated ones, and the largest there is. */
static double bits_of_derivatives(const struct activation *activation, double coupling, double hidden_size)
{
    const double outermost = 1e3; /* where whatever is bounded is at its bound */
    double bound, logarithm;
    activation_values(activation, 1, &outermost, coupling / activation->derivative_supremum, &bound);
    const double furthest = fabs(bound) * sqrt(2.0 * log(fmax(hidden_size, 2.0)));
    activation_log_derivatives(activation, 1, &furthest, &logarithm);
    return -logarithm / M_LN2;
}

double chain_cost_cutting(const struct chain_question *question, long count, const double *couplings)
{
    const struct activation *activation = question->activation;
    const bool is_bounded = activation->slope_at_infinity[0] == 0 && activation->slope_at_infinity[1] == 0;
    double sum = 0.0;
    if (!is_bounded || activation->is_piecewise_linear || activation->beyond != NULL)
        return 1.0;
    for (long i = 0; i < count; i++) {
        const double bits = bits_of_derivatives(activation, couplings[i], (double)question->hidden_size);
        sum += 1.0 + STEPS_OF_A_PART * fmax(0.0, bits / BITS_OF_A_PART - 1.0);
    }
    return sum / (double)count;
}
