#include "gradient/chain_cost.h"

#include "gradient/chain_cost_internal.h"
#include "gradient/jacobian_internal.h"
#include "gradient/jacobian_powers.h"
#include "gradient/jacobian_support.h"
#include "linalg/lanes.h"
#include "linalg/truncation.h"
#include "model/weights_cost.h"

#include <math.h>

static const double ACTIVATION_SECONDS = 1.5e-9, STRAIGHT_SECONDS = 4e-10; /* of an element; of one on straight lines */
static const double STEP_SECONDS = 7e-9, INPUT_SECONDS = 2e-8; /* of a chain beside these; of a number for all chains */

/* Of Lanczos to a tolerance of 1e-10. For one step the largest singular values lie d^(-2/3) apart, relative to each
 * other, and it takes some d^(1/3) iterations; over a lag they part, and these fall like a power of the lag. Measured
 * from d = 16 to 1024, lags to 1024; twice to three times as many where all singular values of W are equal. */
static const double ITERATIONS_OF_A_STEP = 6.5, ITERATIONS_FALL = -0.37, FEWEST_ITERATIONS = 2.5;
static const double ITERATIONS_WHERE_ALL_ONE = 1.6;

/* Of a product over l steps the directions that count are some d (1 - exp(-DIRECTIONS_FALL / l)), as of powers of a
 * random matrix: measured from d = 48 to 256, lags to 1024, between 20 where units are driven and 40. */
static const double DIRECTIONS_FALL = 28.0;
static const double PACKING_SECONDS = 1e-9; /* an element of a power: scaled, and packed twice */
static const double ELIMINATION_RATE = 5e9; /* operations a second of a look at them */

/* Lanczos' vectors on a product that was just formed, and fits the cache, beside dgemv on a matrix of its own. */
static const double CACHE_BYTES = 1e6, CACHE_GAIN = 1.6;

static double anchors_of(const struct chain_question *question)
{
    return question->anchors > 0 ? (double)question->anchors : 1.0;
}

/* The model that ends at the mean of the anchors: what is proportional to T costs on average what it costs there. */
static struct model model_of_mean_anchor(const struct chain_question *question)
{
    struct model model = *question->model;
    model.steps -= question->anchor_span / 2;
    return model;
}

/* States below exp(-20) are not seen any more beside 1 in a derivative. */
static const double LOG_VANISHED = -20.0;

double chain_cost_width(const struct chain_question *question)
{
    return question->side_by_side ? (double)question->side_by_side : CHAINS_SIDE_BY_SIDE;
}

static double unlike_share(const struct chain_question *question)
{
    return question->unlike > 0.0 ? question->unlike : 1.0;
}

double chain_cost_unlike_width(const struct chain_question *question)
{
    return fmax(1.0, unlike_share(question) * chain_cost_width(question));
}

bool chain_is_driven(const struct chain_question *question)
{
    return question->model->input != INPUT_NONE || question->model->bias != BIAS_ZERO ||
           question->ensemble->kind->is_file;
}

/* phi(c x) = c phi(x) for c > 0. */
static bool is_of_straight_lines(const struct activation *activation)
{
    return activation->vanishes_at_zero && activation->slope_at_zero[0] == activation->slope_at_infinity[0] &&
           activation->slope_at_zero[1] == activation->slope_at_infinity[1];
}

static bool may_take_powers(const struct chain_question *question)
{
    return question->team_size <= 1 && !question->options->certify && !question->ensemble->kind->is_fresh_at_every_step;
}

int chain_squarings(const struct chain_question *question, long run)
{
    return may_take_powers(question)
               ? jacobian_powers_squarings(question->hidden_size, run, question->activation->is_identity)
               : 0;
}

/* Products with a vector that J_lag takes where its last `run` steps are equal. */
static double factors_of(const struct chain_question *question, long lag, long run)
{
    const long steps = lag < run ? lag : run, power = 1L << chain_squarings(question, steps);
    return (double)(lag - steps + steps / power + __builtin_popcountl((unsigned long)(steps % power)));
}

/* What Lanczos takes at all lags, in products with a vector, where the last `run` steps are equal. */
static double factors_of_lags(const struct chain_question *question, long run)
{
    double sum = 0.0;
    for (long i = 0; i < question->lag_count; i++)
        sum +=
            chain_cost_iterations(question, (double)question->lags[i]) * factors_of(question, question->lags[i], run);
    return sum;
}

/* The same as a share of what it takes without equal steps; explicit chains take all of them. */
static double share_of_run(const struct chain_question *question, double run)
{
    return chain_method(question) == METHOD_IMPLICIT
               ? factors_of_lags(question, (long)fmax(run, 0.0)) / factors_of_lags(question, 0)
               : 1.0;
}

/* Equal steps at the end of a chain whose states vanish; 0: they do not. */
static double run_of(const struct chain_question *question, bool native, double coupling)
{
    const bool vanishes = coupling < 1 && !native && !question->ensemble->kind->is_fresh_at_every_step;
    return vanishes ? (double)model_of_mean_anchor(question).steps - LOG_VANISHED / log(coupling) : 0.0;
}

double chain_cost_unlike(const struct chain_question *question, bool native, long count, const double *couplings)
{
    const double blocks = ceil((double)count / (double)chain_cost_side_by_side(question)),
                 window = (double)question->lags[question->lag_count - 1];
    double vanished = 0.0, others = 0.0;
    if (chain_is_driven(question) || !question->activation->vanishes_at_zero)
        return 1.0;
    if (is_of_straight_lines(question->activation))
        return blocks / (double)count * share_of_run(question, window);
    for (long i = 0; i < count; i++) {
        const double run = run_of(question, native, couplings[i]);
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
    const double steps = (double)model_of_mean_anchor(question).steps;
    double taken = 0.0;
    if (native || chain_is_driven(question) || question->ensemble->kind->is_fresh_at_every_step ||
        question->team_size > 1 || question->activation->is_identity || question->activation->linear_within == 0 ||
        measure_any_needs(question->measures, NEEDS_STATES))
        return 1.0;
    for (long i = 0; i < count; i++)
        taken += couplings[i] < 1 ? fmin(1.0, log_settled(question->activation) / (steps * log(couplings[i]))) : 1.0;
    return taken / (double)count;
}

double chain_cost_iterations(const struct chain_question *question, double lag)
{
    const double d = (double)question->hidden_size;
    const double all_one = question->ensemble->kind->spectrum == SPECTRUM_ALL_ONE ? ITERATIONS_WHERE_ALL_ONE : 1.0;
    return fmin(d, all_one * fmax(FEWEST_ITERATIONS, ITERATIONS_OF_A_STEP * cbrt(d) * pow(lag, ITERATIONS_FALL)));
}

bool chain_may_truncate(const struct chain_question *question)
{
    return question->hidden_size > LANES_LARGEST_DIMENSION && question->team_size <= 1 && !question->options->certify &&
           !measure_any_needs(question->measures, NEEDS_PRODUCTS) &&
           jacobian_is_long(question->lags[question->lag_count - 1]);
}

/* Whether they do. Where all singular values of W are equal, nothing becomes so as long as units are not saturated. */
static bool is_truncated(const struct chain_question *question)
{
    return chain_may_truncate(question) && question->ensemble->kind->spectrum != SPECTRUM_ALL_ONE;
}

/* The columns that a product over such a lag has. */
static double columns_left(const struct chain_question *question, double lag)
{
    const double d = (double)question->hidden_size;
    return is_truncated(question) && lag >= TRUNCATION_FIRST_LOOK ? fmax(1.0, d * -expm1(-DIRECTIONS_FALL / lag)) : d;
}

double chain_truncated_width(const struct chain_question *question, double chains)
{
    return fmin(chains, (double)jacobian_truncated_group(question->hidden_size));
}

/* Those, with their probes, from look to look. */
static struct cost truncated_products_cost(const struct chain_question *question)
{
    const double d = (double)question->hidden_size, last = (double)question->lags[question->lag_count - 1];
    const double width = (double)jacobian_truncated_group(question->hidden_size);
    struct cost sum = cost_squares(question->hidden_size, TRUNCATION_FIRST_LOOK);
    double columns = d, look = TRUNCATION_FIRST_LOOK;
    while (look < last) {
        const double left = columns_left(question, look), next = fmin(last, TRUNCATION_LOOK_RATIO * look + 2.0);
        const double all = left + TRUNCATION_PROBES;
        sum = cost_add(sum, cost_narrow(question->hidden_size, (next - look) * all, width * all));
        sum.seconds += 6.0 * d * columns * left / ELIMINATION_RATE;
        columns = left;
        look = next;
    }
    return sum;
}

/* One chain's share of what the weights of steps cost where each step has its own: they are drawn for as many chains as
 * stand beside each other as whole products, and their norms are found once for all chains. */
static struct cost norms_of_steps(const struct chain_question *question, double steps)
{
    const double d = (double)question->hidden_size;
    const double width = question->activation->is_identity ? 1.0 : chain_cost_width(question);
    const double group = chain_may_truncate(question) ? chain_truncated_width(question, width)
                                                      : fmax(1.0, fmin(width, floor(CHAIN_PRODUCT_COLUMNS / d)));
    const struct cost drawing = weights_cost_step(question->ensemble, question->hidden_size);
    struct cost norms = drawing;
    norms.seconds += cost_vector_seconds(question->hidden_size, chain_cost_iterations(question, 1.0) * 4.0 * d * d);
    return cost_add(cost_times(drawing, steps / group), cost_times(norms, steps / width));
}

/* ||J_1|| of identity is ||W||. */
static bool is_norm_known(const struct chain_question *question, long lag)
{
    return lag == 1 && question->activation->is_identity && !question->ensemble->kind->is_fresh_at_every_step &&
           !measure_any_needs(question->measures, NEEDS_PRODUCTS);
}

/* Whole products, and their largest singular values. The rates of this and of implicit_cost choose the method. */
static struct cost explicit_cost(const struct chain_question *question)
{
    const double d = (double)question->hidden_size, steps = (double)question->lags[question->lag_count - 1];
    double iterations = 0.0;
    struct cost norms = { 0 };
    for (long i = 0; i < question->lag_count; i++) {
        const double lag = (double)question->lags[i], of_lag = chain_cost_iterations(question, lag);
        if (is_norm_known(question, question->lags[i]))
            continue;
        norms.seconds += cost_lanczos_seconds(question->hidden_size, of_lag);
        norms.flops += of_lag * 4.0 * d * columns_left(question, lag);
        iterations += of_lag;
    }
    const bool is_in_cache = 8.0 * d * d <= CACHE_BYTES;
    norms.seconds += cost_vector_seconds(question->hidden_size, norms.flops) / (is_in_cache ? CACHE_GAIN : 1.0);
    norms.gathered_bytes = iterations * 2.0 * 8.0 * d;
    norms.messages = iterations * 2.0;
    const struct cost products =
        is_truncated(question) ? truncated_products_cost(question) : cost_squares(question->hidden_size, steps);
    struct cost sum = cost_add(products, norms);
    if (question->ensemble->kind->is_fresh_at_every_step)
        sum = cost_add(sum, norms_of_steps(question, steps));
    return sum;
}

long chain_cost_lags_side_by_side(long chains, long lag_count)
{
    long fitting = CHAINS_SIDE_BY_SIDE / chains;
    return fitting < 1 ? 1 : fitting < lag_count ? fitting : lag_count;
}

/* Powers of identity's W, and the look at each: columns that go through as many steps. */
static struct cost powers_cost(const struct chain_question *question)
{
    const long d = question->hidden_size;
    const int squarings =
        question->activation->is_identity ? chain_squarings(question, question->lags[question->lag_count - 1]) : 0;
    if (squarings == 0)
        return (struct cost){ 0 };
    struct cost cost = cost_squares(d, squarings);
    cost.seconds += squarings * 4.0 * (double)(d * d) * PACKING_SECONDS;
    return cost_add(
        cost, cost_narrow(d, JACOBIAN_POWERS_PROBES * ((1 << squarings) + 2.0 * squarings), JACOBIAN_POWERS_PROBES));
}

/* Without a drive, half of all units of straight lines are silent, and two thirds are heard at some step of a window:
 * what a step costs but for the outermost (gradient/jacobian_support.h). */
static double inner_share(const struct chain_question *question)
{
    return is_of_straight_lines(question->activation) && question->activation->is_flat_somewhere &&
                   !chain_is_driven(question) && question->team_size <= 1 &&
                   question->lags[question->lag_count - 1] >= JACOBIAN_SUPPORT_SHORTEST_WINDOW
               ? 4.0 / 9.0
               : 1.0;
}

/* Lanczos through the factors; for identity there is but one chain, and its powers. Of the lags that stand side by side
 * the longest alone goes through all of its steps. */
static struct cost implicit_cost(const struct chain_question *question, double chains)
{
    const bool is_identity = question->activation->is_identity;
    const double inner = inner_share(question);
    double steps = 0.0, all = 0.0, passes = 0.0, seconds = 0.0;
    long together = chain_cost_lags_side_by_side((long)chains, question->lag_count);
    for (long i = 0; i < question->lag_count; i++) {
        const long lag = question->lags[i];
        const double iterations = chain_cost_iterations(question, (double)lag),
                     factors = factors_of(question, lag, is_identity ? lag : 0);
        if (is_norm_known(question, lag))
            continue;
        steps += iterations * (1.0 + inner * (factors - 1.0)) +
                 (factors < (double)lag ? 0.5 * (double)lag : 0.0); /* looked at by steps */
        seconds += cost_lanczos_seconds(question->hidden_size, iterations);
        all += factors;
        if ((i + 1) % together == 0 || i + 1 == question->lag_count || factors == 1.0)
            passes += factors;
    }
    struct cost cost = cost_narrow(question->hidden_size, 2.0 * steps, passes > 0.0 ? chains * all / passes : 1.0);
    cost.seconds += seconds;
    return cost_add(cost, powers_cost(question));
}

struct cost chain_cost_steps(const struct chain_question *question, double steps)
{
    if (!question->ensemble->kind->is_fresh_at_every_step)
        return (struct cost){ 0 };
    return cost_times(weights_cost_step(question->ensemble, question->hidden_size), steps / chain_cost_width(question));
}

static struct cost trajectory_cost(const struct chain_question *question)
{
    const double moving = question->moving > 0.0 ? question->moving : 1.0;
    double d = (double)question->hidden_size, steps = moving * (double)question->model->steps;
    struct cost cost = cost_narrow(question->hidden_size, steps, moving * chain_cost_width(question));
    const double of_element = is_of_straight_lines(question->activation) ? STRAIGHT_SECONDS : ACTIVATION_SECONDS;
    const double inputs = question->model->input == INPUT_GAUSSIAN ? (double)question->model->input_size : 0.0;
    const double of_step = STEP_SECONDS + d * of_element + inputs * INPUT_SECONDS / chain_cost_width(question);
    cost.seconds += steps * of_step;
    cost.replicated += steps * of_step;
    return cost_add(cost, chain_cost_steps(question, steps));
}

enum jacobian_method chain_method(const struct chain_question *question)
{
    bool wants_products = measure_any_needs(question->measures, NEEDS_PRODUCTS);
    bool is_known = ensemble_is_normal(question->ensemble) || question->ensemble->kind->spectrum == SPECTRUM_NILPOTENT;
    if (question->activation->is_identity && is_known && !wants_products)
        return METHOD_CLOSED_FORM;
    if (wants_products || question->ensemble->kind->is_fresh_at_every_step)
        return METHOD_EXPLICIT;
    if (question->hidden_size <= LANES_LARGEST_DIMENSION) /* at the full rate even then */
        return METHOD_EXPLICIT;
    double by_vectors = implicit_cost(question, CHAINS_SIDE_BY_SIDE).seconds;
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

static bool is_in_lanes(const struct chain_question *question)
{
    return question->hidden_size <= LANES_LARGEST_DIMENSION && question->team_size <= 1 &&
           !question->ensemble->kind->is_fresh_at_every_step;
}

bool chain_cost_has_products(const struct chain_question *question)
{
    return chain_method(question) == METHOD_EXPLICIT;
}

/* Of the method that was chosen. */
static struct cost norms_cost(const struct chain_question *question, enum jacobian_method method, double width)
{
    if (method == METHOD_EXPLICIT)
        return is_in_lanes(question) ? jacobian_lanes_cost(question->hidden_size, question->lag_count, question->lags)
                                     : explicit_cost(question);
    return implicit_cost(question, width);
}

struct cost chain_cost(const struct chain_question *question)
{
    /* The norms of identity need no states. */
    struct cost trajectory = question->activation->is_identity ? (struct cost){ 0 } : trajectory_cost(question);
    const enum jacobian_method method = chain_method(question);
    if (method == METHOD_CLOSED_FORM)
        return (struct cost){ .flops = 0.0, .seconds = 1e-6 };
    const double width = question->activation->is_identity ? 1.0 : chain_cost_unlike_width(question);
    struct cost norms = cost_add(norms_cost(question, method, width), certify_cost(question));
    if (!question->activation->is_identity)
        norms = cost_times(norms, unlike_share(question));
    if (!question->activation->is_identity || question->ensemble->kind->is_fresh_at_every_step)
        norms = cost_times(norms, anchors_of(question));
    return cost_add(trajectory, norms);
}

struct cost chain_cost_shared(const struct chain_question *question, bool native, long count, const double *couplings)
{
    const double window = (double)question->lags[question->lag_count - 1];
    long alike = 0;
    if (chain_is_driven(question) || question->activation->is_identity || !question->activation->vanishes_at_zero)
        return (struct cost){ 0 };
    for (long i = 0; i < count; i++)
        alike += is_of_straight_lines(question->activation) || run_of(question, native, couplings[i]) > window;
    if (alike < 2)
        return (struct cost){ 0 };
    return cost_times(cost_add(norms_cost(question, chain_method(question), 1.0), certify_cost(question)),
                      anchors_of(question));
}

struct cost chain_cost_measures(const struct chain_question *question)
{
    struct cost cost = { 0 };
    const struct model model = model_of_mean_anchor(question);
    struct chain_question at_anchor = *question;
    at_anchor.model = &model;
    for (int number = 0; number < MEASURES; number++) {
        const struct measure *measure = measure_at(number);
        if (question->measures & 1u << number && measure->cost)
            cost = cost_add(cost, measure->cost(&at_anchor));
    }
    cost = cost_times(cost, anchors_of(question));
    if (question->activation->is_identity && measure_any_needs(question->measures, NEEDS_TRAJECTORY))
        cost = cost_add(cost, trajectory_cost(question));
    return cost;
}
