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

/* Of a product over l steps the directions that count are some d (1 - exp(-DIRECTIONS_FALL / l)), as of powers of a
 * random matrix: measured from d = 48 to 256, lags to 1024, between 20 where units are driven and 40. */
static const double DIRECTIONS_FALL = 28.0;
static const double PACKING_SECONDS = 1e-9; /* an element of a power: scaled, and packed twice */
static const double ELIMINATION_RATE = 5e9; /* operations a second of a look at them */

/* Over more steps than this part of sqrt(d) the bound on powers is above what the tolerance leaves it, as a rule. */
static const double POWERS_REACH = 7000.0;

/* Lanczos' vectors on a product that was just formed, and fits the cache, beside dgemv on a matrix of its own. */
static const double CACHE_BYTES = 1e6, CACHE_GAIN = 1.6;

static double anchors_of(const struct chain_question *question)
{
    return question->anchors > 0 ? (double)question->anchors : 1.0;
}

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

double chain_factors(const struct chain_question *question, long lag, long run)
{
    const long steps = lag < run ? lag : run;
    if ((double)steps * sqrt((double)question->hidden_size) > POWERS_REACH)
        return (double)lag;
    const long power = 1L << chain_squarings(question, steps);
    return (double)(lag - steps + steps / power + __builtin_popcountl((unsigned long)(steps % power)));
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
    return chain_is_of_straight_lines(question->activation) && question->activation->is_flat_somewhere &&
                   !chain_is_driven(question) && question->team_size <= 1 &&
                   question->lags[question->lag_count - 1] >= JACOBIAN_SUPPORT_SHORTEST_WINDOW
               ? 4.0 / 9.0
               : 1.0;
}

static bool goes_through_steps(const struct chain_question *question, long lag)
{
    return chain_factors(question, lag, question->activation->is_identity ? lag : 0) >= (double)lag;
}

/* The longest of the lags before a position, from `first` on, that goes through its steps; 0: there is none. */
static long shorter_lag(const struct chain_question *question, long first, long position)
{
    while (position > first && !goes_through_steps(question, question->lags[position - 1]))
        position--;
    return position > first ? question->lags[position - 1] : 0;
}

/* What Lanczos takes of `count` lags from `first` on that stand side by side, one chain's share of so many. Each goes
 * through the steps of its lag, where all those that are longer go with it as long as they have not converged; and
 * those by powers of W one by one, with a pass through the steps in the end. */
static struct cost lags_cost(const struct chain_question *question, long first, long count, double chains)
{
    const long d = question->hidden_size;
    const double inner = inner_share(question);
    struct cost cost = { 0 };
    double together = 0.0, most = 0.0; /* iterations of those that go through a step, and of the last one to converge */
    for (long i = first + count - 1; i >= first; i--) {
        const long lag = question->lags[i];
        const double iterations = chain_cost_iterations(question, (double)lag);
        if (is_norm_known(question, lag))
            continue;
        cost.seconds += cost_lanczos_seconds(d, iterations);
        if (!goes_through_steps(question, lag)) {
            const double factors = chain_factors(question, lag, lag);
            cost = cost_add(cost, cost_narrow(d, 2.0 * iterations * factors, 1.0));
            cost = cost_add(cost, cost_narrow(d, (double)lag, 2.0));
            continue;
        }
        together += iterations;
        most = fmax(most, iterations);
        const long shorter = shorter_lag(question, first, i);
        const double outermost = shorter == 0 ? 1.0 : 0.0,
                     steps = outermost + inner * ((double)(lag - shorter) - outermost);
        cost = cost_add(cost, cost_narrow(d, 2.0 * steps * together, chains * together / most));
    }
    return cost;
}

/* Lanczos through the factors; for identity there is but one chain, and its powers. */
static struct cost implicit_cost(const struct chain_question *question, double chains)
{
    const long together = chain_cost_lags_side_by_side((long)chains, question->lag_count);
    struct cost cost = powers_cost(question);
    for (long first = 0; first < question->lag_count; first += together) {
        const long left = question->lag_count - first;
        cost = cost_add(cost, lags_cost(question, first, left < together ? left : together, chains));
    }
    return cost;
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
    const double of_element = chain_is_of_straight_lines(question->activation) ? STRAIGHT_SECONDS : ACTIVATION_SECONDS;
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
        alike += chain_is_of_straight_lines(question->activation) || chain_run(question, native, couplings[i]) > window;
    if (alike < 2)
        return (struct cost){ 0 };
    return cost_times(cost_add(norms_cost(question, chain_method(question), 1.0), certify_cost(question)),
                      anchors_of(question));
}

struct cost chain_cost_measures(const struct chain_question *question)
{
    struct cost cost = { 0 };
    const struct model model = chain_model(question);
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
