/* The argument. R(a..b) is the ratio of certify.h for the steps a..b of a chain, counted back from T; b_i > 0 a proven
 * lower bound of ||W_i||_2, kappa_i b_i an upper one, m_i = max |D_i| exp(log_shift_i), u = 2^-53.
 * 1. R(1..l) <= R(1..k) prod_{k<i<=l} m_i, because a norm of a product is at most the product of the norms, and
 *    ||W_i diag(D_i)|| <= ||W_i|| m_i. With k = 0 no norm of W is needed, and nothing is rounded but logarithms.
 * 2. P_i = fl(D_i W_i^T P_{i-1}) 2^(-e_i), P_1 = fl(D_1 W_1^T), is computed by chains of d fused multiply-adds, each
 *    element right to gamma_d |W_i|^T |P_{i-1}| (Higham, section 3.1), and one product, right to u. So its distance E_i
 *    from J_i^T, in Frobenius norm and in units of b_1 ... b_i, obeys
 *        E_i <= m_i (kappa_i E_{i-1} + gamma_d (||W_i||_F / b_i) F_{i-1}) + 2 u F_i + underflow,
 *    F_i = ||P_i||_F 2^e_i / (b_1 ... b_i). Powers of two are exact. It is some i d^2 u at most: constants are
 * generous.
 * 3. R(1..k) <= F_k + E_k. Where that is not below 1, Cholesky proves ||P_k|| 2^e_k <= a b_1 ... b_k for a number a < 1
 *    (linalg/certified_norm.c), and R(1..k) <= a + E_k; once for the first lag it can prove, by 1. for all later ones.
 * 4. R(1..l) >= ||P_l v|| 2^e_l / (||v|| prod kappa_i b_i) - E_l for any v: above 1 it proves a violation. */
#include "gradient/certify.h"

#include "base/memory.h"
#include "gradient/jacobian_internal.h"
#include "linalg/certified_norm.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double UNIT_ROUNDOFF = 0x1p-53;

/* What is multiplied into error terms: they are sums of a few positive products, whose own rounding is far below it,
 * and exponentials of logarithms that are right to 1e-9. */
static const double GENEROUS = 1.01;

double certify_resolution(double lag, long hidden_size)
{
    double d = (double)hidden_size;
    return 8.0 * (lag + 4.0) * d * (d + 8.0) * UNIT_ROUNDOFF;
}

/* ---- one weight matrix ---- */

struct weight_bounds {
    long step;              /* that they are of; 0: none yet */
    double log_lower;       /* ln b; -inf where there is no bound above 0 */
    double norm_ratio;      /* kappa */
    double frobenius_ratio; /* at least ||W||_F / b */
};

static enum status find_weight_bounds(const struct jacobian_problem *problem, struct gradient_context *context,
                                      long step, struct weight_bounds *bounds)
{
    long d = weights_hidden_size(problem->weights);
    double lower = 0.0, slack = certify_resolution(1.0, d);
    const double *values;
    SCOPED(block) w = { 0 };
    int64_t exponent = 0;
    bool proven = false;
    TRY(weights_values(problem->weights, step, &values));
    TRY(block_create(d, d, &w));
    for (long column = 0; column < d; column++)
        memcpy(block_column(&w, column), values + column * d, (size_t)d * sizeof *values);
    block_balance(&w, &exponent);
    TRY(certified_norm_lower(&w, weights_seed(problem->weights), context->stop_requested, &lower));
    if (lower > 0.0)
        TRY(certified_norm_is_at_most(&w, lower * (1.0 + slack), &proven));
    double frobenius = certified_frobenius_upper(&w);
    *bounds = (struct weight_bounds){ .step = step,
                                      .log_lower = log(lower) + (double)exponent * LOG_2,
                                      .frobenius_ratio = GENEROUS * frobenius / lower,
                                      .norm_ratio = proven ? 1.0 + 2.0 * slack : GENEROUS * frobenius / lower };
    context->flops += 4.0 / 3.0 * (double)d * (double)d * (double)d;
    return STATUS_OK;
}

/* ---- the walk along one chain ---- */

struct walk {
    const struct jacobian_problem *problem;
    struct gradient_context *context;
    const double *log_norms, *log_bounds; /* [lag_count] */
    uint8_t *verdicts;                    /* [lag_count] */
    long chain;
    double *log_factors; /* [largest lag]: ln m_i */
    struct block product, next;
    struct weight_bounds bounds; /* of the last step; of all of them where weights are tied */
    long step_index;             /* steps taken */
    int64_t exponent;
    double log_scale;       /* ln (b_1 ... b_k) */
    double log_scale_upper; /* ln prod kappa_i b_i, relative to the former */
    double log_error;       /* bound on the rounding of the sums of logarithms, absolute */
    double frobenius;       /* F_k, at least */
    double error;           /* E_k, at least */
};

static void walk_close(struct walk *walk)
{
    block_destroy(&walk->product);
    block_destroy(&walk->next);
    memory_free(walk->log_factors);
}
SCOPED_VALUE(walk, walk_close)

static const double *diagonal_of(const struct walk *walk, long step_index)
{
    return walk->problem->trajectory ? jacobian_diagonal(walk->problem, step_index, walk->chain) : NULL;
}

static double largest_derivative(const struct walk *walk, long step_index)
{
    const double *diagonal = diagonal_of(walk, step_index);
    double largest = 0.0;
    if (!diagonal)
        return 1.0;
    for (long i = 0; i < walk->product.rows; i++)
        largest = fmax(largest, fabs(diagonal[i]));
    return largest;
}

/* At least ln prod m_i over steps from .. to-1. A logarithm is right to an ulp or two, and where all of them have one
 * sign so has their sum: a factor below 1 by one ulp is enough. */
static double log_factor_upper(const struct walk *walk, long from, long to)
{
    double negative = 0.0, positive = 0.0, relative = 4.0 * ((double)(to - from) + 4.0) * UNIT_ROUNDOFF;
    for (long i = from; i < to; i++)
        *(walk->log_factors[i] < 0.0 ? &negative : &positive) += walk->log_factors[i];
    double upper = positive * (1.0 + relative) + negative * (1.0 - relative);
    /* The difference itself is rounded to nearest, which keeps its sign. */
    return upper;
}

/* A lag is worth a proof where the numbers say that it can be had: +1 holds, -1 violated, 0 neither. */
static int expectation(const struct walk *walk, long i)
{
    double distance = walk->log_bounds[i] - walk->log_norms[i];
    double resolution = certify_resolution((double)walk->problem->lags[i], walk->product.rows);
    if (walk->verdicts[i] != BOUND_WITHIN_ROUNDING || isnan(distance) || isinf(walk->log_bounds[i]))
        return 0;
    return distance > resolution ? 1 : distance < -resolution ? -1 : 0;
}

/* R(1..k) <= exp(log_ratio) is proven: so are the lags from k on that the remaining factors do not carry above 1. */
static void conclude(struct walk *walk, long k, double log_ratio)
{
    const struct jacobian_problem *problem = walk->problem;
    for (long i = 0; i < problem->lag_count; i++) {
        if (problem->lags[i] < k || isinf(walk->log_bounds[i]) || isnan(walk->log_norms[i]))
            continue;
        double upper = log_ratio + log_factor_upper(walk, k, problem->lags[i]);
        if (upper < 0.0)
            walk->verdicts[i] = BOUND_HOLDS;
    }
}

static enum status update_weight_bounds(struct walk *walk, long step)
{
    bool is_fresh = weights_ensemble(walk->problem->weights)->kind->is_fresh_at_every_step;
    if (walk->bounds.step == step || (walk->bounds.step != 0 && !is_fresh))
        return STATUS_OK;
    return find_weight_bounds(walk->problem, walk->context, step, &walk->bounds);
}

/* P := D W^T P; the first time P := D W^T, of which each element is rounded once. */
static enum status multiply_step(struct walk *walk, long step)
{
    long d = walk->product.rows;
    const double *diagonal = diagonal_of(walk, walk->step_index), *values;
    const struct matrix *matrix;
    if (walk->step_index == 0) {
        TRY(weights_values(walk->problem->weights, step, &values));
        for (long column = 0; column < d; column++)
            for (long row = 0; row < d; row++)
                block_column(&walk->next, column)[row] = values[row * d + column];
    } else {
        TRY(weights_at(walk->problem->weights, step, &matrix));
        TRY(matrix_apply_transposed(matrix, &walk->product, &walk->next));
        walk->context->flops += 2.0 * (double)d * (double)d * (double)d;
    }
    for (long column = 0; diagonal && column < d; column++) {
        struct block one = block_view(&walk->next, column, 1);
        block_scale_rows(&one, &diagonal);
    }
    struct block swap = walk->product;
    walk->product = walk->next;
    walk->next = swap;
    block_balance(&walk->product, &walk->exponent);
    return STATUS_OK;
}

/* An upper bound of exp(logarithm), which is that of a ratio to b_1 ... b_k. */
static double exp_upper(const struct walk *walk, double logarithm)
{
    return exp(logarithm + walk->log_error) * (1.0 + 4.0 * UNIT_ROUNDOFF) + DBL_MIN;
}

/* One more step of P and of its error bound. *is_usable false: nothing can be proven from here on. */
static enum status take_step(struct walk *walk, bool *is_usable)
{
    const struct jacobian_problem *problem = walk->problem;
    long step = problem->steps - walk->step_index;
    double d = (double)walk->product.rows, factor = largest_derivative(walk, walk->step_index);
    int64_t exponent_before = walk->exponent;
    TRY(jacobian_check_stop(walk->context));
    TRY(update_weight_bounds(walk, step));
    /* Derivatives that all lie below 1e-200 have decided everything without us. */
    *is_usable = jacobian_log_shift(problem, walk->step_index, walk->chain) == 0.0 && isfinite(walk->bounds.log_lower);
    if (!*is_usable)
        return STATUS_OK;
    TRY(multiply_step(walk, step));
    double gamma_d = 1.01 * d * UNIT_ROUNDOFF;
    double product_error = walk->step_index == 0 ? 0.0 : gamma_d * walk->bounds.frobenius_ratio * walk->frobenius;
    /* Derivatives below 2^-900 may stand as 0 (model/scaled_state.c); the first product is that with the identity. */
    double left_out = 0x1p-900 * walk->bounds.norm_ratio * (d + walk->frobenius + walk->error);
    walk->step_index++;
    walk->log_scale += walk->bounds.log_lower;
    walk->log_scale_upper += log(walk->bounds.norm_ratio) * GENEROUS;
    double log_power = (double)walk->exponent * LOG_2, computed = certified_frobenius_upper(&walk->product);
    double log_computed = computed > 0.0 ? log(computed) : 0.0;
    walk->log_error +=
        4.0 * UNIT_ROUNDOFF *
        (1.0 + fabs(walk->log_scale) + fabs(walk->bounds.log_lower) + fabs(log_power) + fabs(log_computed));
    walk->frobenius = computed > 0.0 ? exp_upper(walk, log_computed + log_power - walk->log_scale) : 0.0;
    /* d (d + 2) results, each off by at most 2^-1074 in units of the larger of both powers of two: 2^-1000 is more. */
    double log_underflow = (fmax((double)exponent_before, (double)walk->exponent) - 1000.0) * LOG_2;
    walk->error = GENEROUS *
                  (factor * (walk->bounds.norm_ratio * walk->error + product_error) +
                   2.0 * UNIT_ROUNDOFF * walk->frobenius + exp_upper(walk, log_underflow - walk->log_scale) + left_out);
    *is_usable = isfinite(walk->error) && isfinite(walk->frobenius);
    return STATUS_OK;
}

/* ---- proofs at one step of the walk ---- */

static enum status try_to_hold(struct walk *walk, long i)
{
    double log_ratio = log(walk->frobenius + walk->error) + 8.0 * UNIT_ROUNDOFF;
    if (log_ratio < 0.0)
        conclude(walk, walk->step_index, log_ratio);
    if (i < 0 || expectation(walk, i) <= 0)
        return STATUS_OK;
    /* Half way, in logarithms, from where the norm seems to be to where it must not be. The Frobenius norm is above the
     * bound or near it, so that this is in the range of doubles. */
    double log_target = 0.5 * fmax(walk->log_norms[i] - walk->log_bounds[i], -1.0);
    double scaled = exp(log_target + walk->log_scale - (double)walk->exponent * LOG_2);
    double d = (double)walk->product.rows;
    bool proven = false;
    walk->context->flops += 4.0 / 3.0 * d * d * d;
    TRY(certified_norm_is_at_most(&walk->product, scaled, &proven));
    log_ratio = log(exp_upper(walk, log_target) + walk->error) + 8.0 * UNIT_ROUNDOFF;
    if (proven && log_ratio < 0.0)
        conclude(walk, walk->step_index, log_ratio);
    return STATUS_OK;
}

static enum status try_to_violate(struct walk *walk, long i)
{
    double lower, log_power = (double)walk->exponent * LOG_2;
    TRY(certified_norm_lower(&walk->product, weights_seed(walk->problem->weights), walk->context->stop_requested,
                             &lower));
    double relative = exp(log(lower) + log_power - walk->log_scale - walk->log_error) * (1.0 - 4.0 * UNIT_ROUNDOFF);
    double upper = exp_upper(walk, walk->log_scale_upper);
    if ((relative - walk->error) * (1.0 - 4.0 * UNIT_ROUNDOFF) > upper)
        walk->verdicts[i] = BOUND_VIOLATED;
    return STATUS_OK;
}

/* The last lag position that is still worth a proof; -1 for none. */
static long last_open(const struct walk *walk)
{
    long i = walk->problem->lag_count - 1;
    while (i >= 0 && expectation(walk, i) == 0)
        i--;
    return i;
}

static enum status certify_by_products(struct walk *walk)
{
    const struct jacobian_problem *problem = walk->problem;
    bool is_usable = true;
    for (long lag = 0, last = last_open(walk); last >= 0 && walk->step_index < problem->lags[last];
         last = last_open(walk)) {
        TRY(take_step(walk, &is_usable));
        if (!is_usable)
            return STATUS_OK;
        bool is_lag = problem->lags[lag] == walk->step_index;
        TRY(try_to_hold(walk, is_lag ? lag : -1));
        if (is_lag && expectation(walk, lag) < 0)
            TRY(try_to_violate(walk, lag));
        lag += is_lag;
    }
    return STATUS_OK;
}

static enum status certify_chain(struct walk *walk)
{
    const struct jacobian_problem *problem = walk->problem;
    for (long i = 0; i < problem->lag_count; i++)
        walk->verdicts[i] = isnan(walk->log_norms[i]) ? BOUND_NOT_COMPUTED : BOUND_WITHIN_ROUNDING;
    for (long step_index = 0; step_index < problem->lags[problem->lag_count - 1]; step_index++)
        walk->log_factors[step_index] =
            log(largest_derivative(walk, step_index)) + jacobian_log_shift(problem, step_index, walk->chain);
    conclude(walk, 0, 0.0);
    walk->step_index = 0;
    walk->exponent = 0;
    walk->log_scale = walk->log_scale_upper = walk->log_error = walk->frobenius = walk->error = 0.0;
    return certify_by_products(walk);
}

enum status certify_bounds(const struct jacobian_problem *problem, struct gradient_context *context,
                           const double *log_norms, const double *log_bounds, const enum jacobian_outcome *outcomes,
                           uint8_t *verdicts)
{
    SCOPED(walk) walk = { .problem = problem, .context = context, .log_bounds = log_bounds };
    long d = weights_hidden_size(problem->weights);
    TRY(memory_allocate(&walk.log_factors, problem->lags[problem->lag_count - 1], "factors of a chain"));
    TRY(block_create(d, d, &walk.product));
    TRY(block_create(d, d, &walk.next));
    for (walk.chain = 0; walk.chain < problem->chains; walk.chain++) {
        walk.log_norms = log_norms + walk.chain * problem->lag_count;
        walk.verdicts = verdicts + walk.chain * problem->lag_count;
        if (outcomes[walk.chain] == JACOBIAN_FOUND)
            TRY(certify_chain(&walk));
    }
    return STATUS_OK;
}
