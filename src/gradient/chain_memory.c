/* What chains take of memory. */
#include "gradient/chain_cost_internal.h"
#include "gradient/jacobian_internal.h"
#include "gradient/jacobian_powers.h"
#include "gradient/jacobian_support.h"
#include "linalg/truncation.h"

#include <math.h>

static const double WINDOW_BYTES = 512e6;   /* of chains side by side */
static const double LANCZOS_VECTORS = 32.0; /* that it keeps */

long chain_window(const struct chain_question *question)
{
    if (measure_any_needs(question->measures, NEEDS_STATES))
        return question->model->steps;
    const long largest_lag = question->lags[question->lag_count - 1];
    const long window = measure_window(question->measures, question->options);
    return window > largest_lag ? window : largest_lag;
}

/* Doubles that a chain's trajectory keeps. */
static double window_elements(const struct chain_question *question)
{
    double d = (double)question->hidden_size;
    if (measure_any_needs(question->measures, NEEDS_STATES))
        return 3.0 * d * (double)chain_window(question); /* derivatives, states and what they activate */
    if (question->activation->is_identity && !measure_any_needs(question->measures, NEEDS_TRAJECTORY))
        return 0.0;
    return d * (double)chain_window(question);
}

/* Doubles of powers of steps, packed twice, beside room for columns. All that settle at 0 share theirs, and so do those
 * of straight lines; chains that settle elsewhere have their own. */
static double powers_elements(const struct chain_question *question, double chains)
{
    const double d = (double)question->hidden_size;
    const bool is_identity = question->activation->is_identity;
    const int squarings = is_identity || question->model->input == INPUT_NONE
                              ? chain_squarings(question, question->lags[question->lag_count - 1])
                              : 0;
    const bool is_shared = is_identity || question->hidden_size > JACOBIAN_POWERS_LARGEST_OF_A_CHAIN ||
                           (!chain_is_driven(question) && question->activation->vanishes_at_zero);
    const double matrices = squarings == 0 ? 0.0 : is_shared ? squarings : chains * (squarings + 1.0);
    const double elements = 2.0 * d * d / fmax(question->team_size, 1.0),
                 columns = d < CHAIN_PRODUCT_COLUMNS ? 0.0 : CHAIN_PRODUCT_COLUMNS * d;
    return matrices > 0.0 ? matrices * (elements + columns) + 2.0 * columns : 0.0;
}

/* Doubles of the whole products that stand beside each other, J_l^T and the next one. */
static double product_elements(const struct chain_question *question, double chains)
{
    double d = (double)question->hidden_size;
    if (chain_method(question) != METHOD_EXPLICIT)
        return powers_elements(question, chains);
    if (chain_may_truncate(question)) /* with probes, and the copy that is looked at */
        return chain_truncated_width(question, chains) * 2.0 * d * (d + TRUNCATION_PROBES) +
               d * (d + TRUNCATION_ROUNDING_COLUMNS);
    return fmin(chains, fmax(1.0, floor(CHAIN_PRODUCT_COLUMNS / d))) * 2.0 * d * d / fmax(question->team_size, 1.0);
}

/* Doubles of one chain's trajectory on its way, which may be gone on with: the state, its activation and the drive. */
static const double COURSE_VECTORS = 3.0;

/* Doubles that Lanczos keeps of one column. */
static double lanczos_elements(const struct chain_question *question)
{
    return chain_method(question) == METHOD_IMPLICIT ? (double)question->hidden_size * LANCZOS_VECTORS : 0.0;
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

/* Doubles of what is kept beside W where some units have zero derivatives all the time (gradient/jacobian_support.h).
 */
static double support_elements(const struct chain_question *question, double chains)
{
    const double units = JACOBIAN_SUPPORT_LARGEST_SHARE * (double)question->hidden_size,
                 largest = (double)question->lags[question->lag_count - 1];
    const bool may_be_there = question->activation->is_flat_somewhere && question->team_size <= 1 &&
                              chain_method(question) == METHOD_IMPLICIT;
    return may_be_there ? 2.0 * units * (units + CHAIN_PRODUCT_COLUMNS) + chains * largest * units : 0.0;
}

double chain_cost_block_bytes(const struct chain_question *question, double chains)
{
    double d = (double)question->hidden_size;
    double vectors = chain_cost_bytes(question) - 8.0 * product_elements(question, 1.0);
    double cyclic = chain_method(question) == METHOD_EXPLICIT && question->team_size > 1
                        ? 8.0 * d * d / question->team_size /* W^T once more, block-cyclic */
                        : 0.0;
    bool identity_alone = question->activation->is_identity && !measure_any_needs(question->measures, NEEDS_TRAJECTORY);
    double different = identity_alone ? 1.0 : chains, course = identity_alone ? 0.0 : COURSE_VECTORS * d;
    /* Powers of W by which chains are known to settle; gone before the window is there. */
    const bool settles = question->activation->linear_within > 0 && question->team_size <= 1;
    const double powers = settles ? 3.0 * d * d + different * course : 0.0;
    double further_lags = (double)chain_cost_lags_side_by_side((long)different, question->lag_count) - 1.0;
    return fmax(8.0 * powers, different * (vectors + 8.0 * (course + further_lags * lanczos_elements(question))) +
                                  8.0 * (product_elements(question, chains) + support_elements(question, different)) +
                                  cyclic + measure_bytes(question));
}
