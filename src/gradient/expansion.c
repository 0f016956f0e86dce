/* The error e_l = e_0 J_l of identity networks, J_l = kappa^l W_unit^l, in left eigenvectors of W_unit:
 *
 *   e_l = sum_i c_i (kappa lambda_i)^l q_i^T,   q_i^T W_unit = lambda_i q_i^T,   e_0 = sum_i c_i q_i^T.
 *
 * Right eigenvectors give another sum for every W that is not normal. Powers are mantissas times 2^exponent, so that
 * nothing leaves the range of doubles and no digit is lost to a large logarithm. */
#include "base/memory.h"
#include "gradient/absence.h"
#include "gradient/jacobian_internal.h"
#include "gradient/rule.h"
#include "gradient/task.h"
#include "gradient/weight_result.h"
#include "linalg/eigenbasis.h"
#include "model/loss.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

enum { LOG_NORM, RESIDUAL, LOG_COEFFICIENT, CONDITION, DATASETS };

/* Beyond 1/u a basis of eigenvectors has no digit left: W is defective, or as good as that. */
static bool is_defective(double condition)
{
    return !(condition * (DBL_EPSILON / 2) <= 1);
}

static enum presence judge_defective(const struct absence_place *place)
{
    const double *condition = absence_values(place, "eigenbasis_condition");
    return condition && is_defective(*condition) ? PRESENCE_NAN : PRESENCE_NUMBER;
}

static const struct absence defective = { .text = "W has no basis of eigenvectors in double precision",
                                          .is_of_cell = true,
                                          .judge = judge_defective };

/* Whether e_l is 0 the rules can tell, from its norm and what rounding leaves of it. */
static enum presence judge_error(const struct absence_place *place)
{
    return place->find_values ? PRESENCE_EITHER : PRESENCE_NUMBER;
}

static const struct absence no_error = { .text = "the error carried back is 0", .judge = judge_error };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_NORM] = { .name = "log_expansion_norm",
                   .long_name = "natural logarithm of the norm of sum_i c_i (gamma lambda_i)^lag q_i^T, q_i left "
                                "eigenvectors",
                   .along = { ALONG_LAG },
                   .infinity = INFINITE_BELOW,
                   .absences = { &absence_other_activation, &defective } },
    [RESIDUAL] = { .name = "expansion_residual",
                   .long_name = "distance of the expansion to e_l, relative to ||e_l||",
                   .along = { ALONG_LAG },
                   .infinity = INFINITE_ABOVE,
                   .absences = { &absence_other_activation, &defective, &no_error } },
    [LOG_COEFFICIENT] = { .name = "log_expansion_coefficient",
                          .long_name = "natural logarithm of |c_i|, by descending |lambda_i|",
                          .along = { ALONG_INDEX },
                          .infinity = INFINITE_BELOW,
                          .absences = { &absence_other_activation, &absence_beyond_size, &defective } },
    [CONDITION] = { .name = "eigenbasis_condition",
                    .long_name = "condition number of the basis of unit left eigenvectors",
                    .infinity = INFINITE_ABOVE,
                    .absences = { &absence_other_activation } },
};

/* ---- measuring ---- */

/* 2^exponent (re + i im); re = im = 0 for zero, whose exponent says nothing. */
struct scaled_complex {
    double re, im;
    int64_t exponent;
};

struct expansion {
    const struct measure_task *task;
    long hidden_size;
    struct eigenbasis basis;
    struct block errors; /* [d, count]: e_l^T / kappa^l / 2^exponents */
    struct block next;
    int64_t *exponents;
    struct scaled_complex *coefficients; /* [count][d]: c_i */
    struct scaled_complex *terms;        /* [d]: c_i lambda_i^l */
    double *re, *im;                     /* [d]: terms over their common scale */
    struct block sum, difference;        /* [d, 1] */
};

static double scaled(double mantissa, int64_t exponent)
{
    int64_t limited = exponent > INT_MAX / 2 ? INT_MAX / 2 : exponent < INT_MIN / 2 ? INT_MIN / 2 : exponent;
    return scalbn(mantissa, (int)limited);
}

/* Brings the larger part to 1/2 .. 1, which is exact. */
static struct scaled_complex normalised(struct scaled_complex z)
{
    int shift = 0;
    frexp(fmax(fabs(z.re), fabs(z.im)), &shift);
    return (struct scaled_complex){ scalbn(z.re, -shift), scalbn(z.im, -shift), z.exponent + shift };
}

static struct scaled_complex product_of(struct scaled_complex a, struct scaled_complex b)
{
    return normalised(
        (struct scaled_complex){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re, a.exponent + b.exponent });
}

/* z^power by squaring: a relative error of about 2 power u. */
static struct scaled_complex power_of(struct scaled_complex z, long power)
{
    struct scaled_complex result = { 1.0, 0.0, 0 };
    for (; power > 0; power /= 2) {
        if (power % 2)
            result = product_of(result, z);
        z = product_of(z, z);
    }
    return result;
}

static void expansion_close(struct expansion *expansion)
{
    eigenbasis_destroy(&expansion->basis);
    block_destroy(&expansion->errors);
    block_destroy(&expansion->next);
    block_destroy(&expansion->sum);
    block_destroy(&expansion->difference);
    memory_free(expansion->exponents);
    memory_free(expansion->coefficients);
    memory_free(expansion->terms);
    memory_free(expansion->re);
    memory_free(expansion->im);
}
SCOPED_VALUE(expansion, expansion_close)

/* `expansion` is its owner's to close, also where this fails. */
static enum status expansion_open(const struct measure_task *task, struct expansion *expansion)
{
    const long d = weights_hidden_size(task->batch->weights);
    const double *unit;
    *expansion = (struct expansion){ .task = task, .hidden_size = d };
    TRY(weights_values(task->batch->weights, task->batch->model->steps, &unit));
    TRY(eigenbasis_create(d, unit, &expansion->basis));
    TRY(block_create(d, task->count, &expansion->errors));
    TRY(block_create(d, task->count, &expansion->next));
    TRY(block_create(d, 1, &expansion->sum));
    TRY(block_create(d, 1, &expansion->difference));
    TRY(memory_allocate(&expansion->exponents, task->count, "exponents of errors"));
    TRY(memory_allocate(&expansion->coefficients, task->count * d, "coefficients of an expansion"));
    TRY(memory_allocate(&expansion->terms, d, "terms of an expansion"));
    TRY(memory_allocate(&expansion->re, d, "terms of an expansion"));
    return memory_allocate(&expansion->im, d, "terms of an expansion");
}

/* errors := e_0 of each chain. */
static enum status start_errors(struct expansion *expansion)
{
    const struct measure_task *task = expansion->task;
    const struct trajectory *trajectory = task->trajectory;
    SCOPED(loss) *loss = NULL;
    TRY(loss_open(task->batch->model, task->batch->weights, &loss));
    for (long chain = 0; chain < task->count; chain++) {
        double *error = block_column(&expansion->errors, chain);
        expansion->exponents[chain] = loss_gradient(loss, block_column(&trajectory->final_state, chain),
                                                    trajectory->final_exponents[chain], error);
        for (long i = 0; i < expansion->hidden_size; i++)
            if (!isfinite(error[i]))
                task_fail(task, chain, JACOBIAN_NOT_FINITE);
    }
    block_balance_columns(&expansion->errors, expansion->exponents);
    return STATUS_OK;
}

static void find_coefficients(struct expansion *expansion)
{
    const struct measure_task *task = expansion->task;
    const long d = expansion->hidden_size, width = task->batch->options.lengths[ALONG_INDEX];
    double *logarithms = task_values(task, LOG_COEFFICIENT);
    for (long chain = 0; chain < task->count; chain++) {
        struct scaled_complex *coefficients = expansion->coefficients + chain * d;
        eigenbasis_expand(&expansion->basis, block_column(&expansion->errors, chain), expansion->re, expansion->im);
        for (long i = 0; i < d; i++) {
            double modulus = hypot(expansion->re[i], expansion->im[i]);
            coefficients[i] =
                normalised((struct scaled_complex){ expansion->re[i], expansion->im[i], expansion->exponents[chain] });
            logarithms[chain * width + i] = log(modulus) + (double)expansion->exponents[chain] * LOG_2;
        }
    }
}

/* errors := W^T errors */
static enum status step_back(struct expansion *expansion, long step)
{
    const struct measure_task *task = expansion->task;
    const struct matrix *matrix;
    const double d = (double)expansion->hidden_size;
    TRY(jacobian_check_stop(task->context));
    TRY(weights_at(task->batch->weights, step, &matrix));
    TRY(matrix_apply_transposed(matrix, &expansion->errors, &expansion->next));
    struct block swap = expansion->errors;
    expansion->errors = expansion->next;
    expansion->next = swap;
    block_balance_columns(&expansion->errors, expansion->exponents);
    task->context->flops += 2.0 * d * d * (double)task->count;
    return STATUS_OK;
}

/* expansion->sum := sum_i c_i lambda_i^l q_i / 2^(returned exponent). */
static int64_t sum_terms(struct expansion *expansion, const struct scaled_complex *coefficients, long lag)
{
    const long d = expansion->hidden_size;
    int64_t largest = INT64_MIN;
    for (long i = 0; i < d; i++) {
        struct scaled_complex value = { expansion->basis.eigenvalue_re[i], expansion->basis.eigenvalue_im[i], 0 };
        expansion->terms[i] = product_of(coefficients[i], power_of(normalised(value), lag));
        bool is_zero = expansion->terms[i].re == 0 && expansion->terms[i].im == 0;
        if (!is_zero && expansion->terms[i].exponent > largest)
            largest = expansion->terms[i].exponent;
    }
    if (largest == INT64_MIN) /* all terms are zero */
        largest = 0;
    for (long i = 0; i < d; i++) {
        const struct scaled_complex *term = &expansion->terms[i];
        expansion->re[i] = scaled(term->re, term->exponent - largest);
        expansion->im[i] = scaled(term->im, term->exponent - largest);
    }
    eigenbasis_combine(&expansion->basis, expansion->re, expansion->im, block_column(&expansion->sum, 0));
    return largest;
}

static void compare_chain(struct expansion *expansion, long chain, long lag)
{
    const struct measure_task *task = expansion->task;
    const struct batch *batch = task->batch;
    const long d = expansion->hidden_size, place = chain * batch->lag_count + lag;
    int64_t exponent = sum_terms(expansion, expansion->coefficients + chain * d, batch->lags[lag]);
    const double *error = block_column(&expansion->errors, chain), *sum = block_column(&expansion->sum, 0);
    double *difference = block_column(&expansion->difference, 0), norm, distance, error_norm;
    for (long i = 0; i < d; i++)
        difference[i] = scaled(sum[i], exponent - expansion->exponents[chain]) - error[i];
    struct block error_column = block_view(&expansion->errors, chain, 1);
    block_column_norms(&expansion->sum, &norm);
    block_column_norms(&expansion->difference, &distance);
    block_column_norms(&error_column, &error_norm);
    ((double *)task_values(task, LOG_NORM))[place] =
        log(norm) + (double)exponent * LOG_2 + task_log_scale(task, chain, (double)batch->lags[lag]);
    ((double *)task_values(task, RESIDUAL))[place] = error_norm == 0 ? NAN : distance / error_norm;
}

static enum status expand(struct expansion *expansion)
{
    const struct measure_task *task = expansion->task;
    const struct batch *batch = task->batch;
    for (long chain = 0; chain < task->count; chain++)
        ((double *)task_values(task, CONDITION))[chain] = expansion->basis.condition;
    if (is_defective(expansion->basis.condition))
        return STATUS_OK;
    TRY(start_errors(expansion));
    find_coefficients(expansion);
    for (long step = 1, lag = 0; lag < batch->lag_count; step++) {
        TRY(step_back(expansion, batch->model->steps + 1 - step));
        if (batch->lags[lag] != step)
            continue;
        for (long chain = 0; chain < task->count; chain++)
            compare_chain(expansion, chain, lag);
        lag++;
    }
    return STATUS_OK;
}

static enum status measure(const struct measure_task *task)
{
    SCOPED(expansion) expansion = { 0 };
    const double d = (double)weights_hidden_size(task->batch->weights);
    if (!task->batch->activation->is_identity)
        return STATUS_OK;
    TRY(jacobian_check_stop(task->context));
    TRY(expansion_open(task, &expansion));
    task->context->flops += 30.0 * d * d * d; /* eigenvectors, their condition and LU */
    return expand(&expansion);
}

static struct cost cost(const struct chain_question *question)
{
    const double d = (double)question->hidden_size, largest_lag = (double)question->lags[question->lag_count - 1];
    if (!question->activation->is_identity)
        return (struct cost){ 0 };
    /* The cells of a task share a basis. */
    return cost_lapack(question->hidden_size,
                       1.5 * d * d * largest_lag + 13.0 * d * d * d / chain_cost_width(question));
}

/* Complex eigenvectors, their factors and what LAPACK works on. */
static double bytes(const struct chain_question *question)
{
    const double d = (double)question->hidden_size;
    return 8.0 * 10.0 * d * d;
}

/* ---- rules ---- */

/* A bound of relative errors beyond this says nothing. */
static const double LARGEST_USEFUL_ERROR = 0.1;
/* A condition number comes from singular values found to a few roundings. */
static const double CONDITION_ERROR = 1e-9;

static void values_are_possible(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *residuals = data[0], *condition = data[1];
    if (!cell->activation->is_identity)
        return;
    rule_count_margin(tally, *condition - 1 + CONDITION_ERROR);
    for (long i = 0; i < cell->lag_count; i++)
        if (!isnan(residuals[i]))
            rule_count(tally, residuals[i] >= 0);
}

/* What the rules below have in common; false where there is nothing to test. */
struct expanded {
    double condition;
    double log_radius;       /* ln(gamma rho) */
    double log_departure;    /* ln(||W|| / rho) */
    double log_coefficients; /* ln sum |c_i| */
};

static bool summarise(const struct measured_cell *cell, const double *coefficients, double condition,
                      struct expanded *expansion)
{
    if (!cell->activation->is_identity || is_defective(condition) || !(cell->weight_radius > 0))
        return false;
    *expansion = (struct expanded){ .condition = condition,
                                    .log_radius = rule_log_radius_condition(cell),
                                    .log_departure = log(cell->weight_norm / cell->weight_radius),
                                    .log_coefficients = -INFINITY };
    for (long i = 0; i < cell->hidden_size; i++)
        expansion->log_coefficients = rule_log_add(expansion->log_coefficients, coefficients[i]);
    return true;
}

/* The error of the expansion and of e_l relative to a norm. With k(Q) the condition of the basis, ||W^k|| <= k(Q)
 * rho^k, so that l steps of carrying back lose l c d u ||W|| k(Q) rho^(l-1) sum |c_i|. Eigenpairs are those of W to a
 * residual of c d u ||W|| each, which l powers carry likewise, and solving for the c_i loses c d u k(Q) sum |c_i|. */
static double expansion_error(const struct measured_cell *cell, const struct expanded *expansion, long lag,
                              double log_norm)
{
    const double log_growth =
        expansion->log_departure + expansion->log_coefficients + (double)lag * expansion->log_radius - log_norm;
    return rule_step_rounding(cell, (double)lag + 1) * expansion->condition * exp(log_growth);
}

/* Tests one lag's residual, below LARGEST_USEFUL_ERROR, beside what rounding allows. */
typedef void residual_test(double residual, double allowed, struct rule_tally *tally);

static void test_residuals(const struct measured_cell *cell, const void *const data[], residual_test *test,
                           struct rule_tally *tally)
{
    const double *norms = data[0], *residuals = data[1], *condition = data[3];
    struct expanded expansion;
    if (!summarise(cell, data[2], *condition, &expansion))
        return;
    for (long i = 0; i < cell->lag_count; i++) {
        const double allowed = expansion_error(cell, &expansion, cell->lags[i], norms[i]);
        if (allowed < LARGEST_USEFUL_ERROR)
            test(residuals[i], allowed, tally);
    }
}

static void is_below(double residual, double allowed, struct rule_tally *tally)
{
    if (!isnan(residual))
        rule_count_margin(tally, log(allowed) - log(residual));
}

static void is_known(double residual, double allowed, struct rule_tally *tally)
{
    (void)allowed;
    rule_count(tally, !isnan(residual));
}

static void residual_is_rounding(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    test_residuals(cell, data, is_below, tally);
}

/* Without a residual e_l must be 0, and so must the expansion. */
static void residual_is_known(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    test_residuals(cell, data, is_known, tally);
}

/* ||sum c_i (gamma lambda_i)^l q_i|| <= sum |c_i| |gamma lambda_i|^l for unit q_i. */
static void norm_is_below_sum(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *coefficients = data[1], *condition = data[2], *re = data[3], *im = data[4];
    struct expanded expansion;
    if (!summarise(cell, coefficients, *condition, &expansion) || isnan(re[0]))
        return;
    const double log_gain = expansion.log_radius - log(cell->weight_radius);
    for (long i = 0; i < cell->lag_count; i++) {
        double log_sum = -INFINITY;
        for (long j = 0; j < cell->hidden_size; j++) {
            const double log_eigenvalue = log_gain + log(hypot(re[j], im[j]));
            log_sum = rule_log_add(log_sum, coefficients[j] + (double)cell->lags[i] * log_eigenvalue);
        }
        const double allowed = expansion_error(cell, &expansion, cell->lags[i], log_sum);
        if (allowed < LARGEST_USEFUL_ERROR)
            rule_count_margin(tally, rule_order_margin(norms[i], log_sum, allowed + rule_recomputation(norms[i])));
    }
}

/* | ||expansion|| - ||e_l|| | <= residual ||e_l||, where the errors were carried back twice, each with its rounding. */
static void norm_is_that_of_error(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *residuals = data[1], *condition = data[3], *errors = data[4];
    struct expanded expansion;
    if (!summarise(cell, data[2], *condition, &expansion))
        return;
    for (long i = 0; i < cell->lag_count; i++) {
        const double rounding = expansion_error(cell, &expansion, cell->lags[i], norms[i]);
        const double allowed = residuals[i] + rounding + rule_recomputation(errors[i]);
        if (rounding < LARGEST_USEFUL_ERROR && !isnan(residuals[i]))
            rule_count_margin(tally, allowed - fabs(expm1(norms[i] - errors[i])));
    }
}

static const struct measure_rule rules[] = {
    { .text = "identity: condition of the eigenbasis >= 1, residual >= 0",
      .datasets = { "expansion_residual", "eigenbasis_condition" },
      .test = values_are_possible },
    { .text = "ln expansion_residual <= ln of its a priori bound",
      .datasets = { "log_expansion_norm", "expansion_residual", "log_expansion_coefficient", "eigenbasis_condition" },
      .test = residual_is_rounding },
    { .text = "expansion_residual is missing only where e_l = 0",
      .datasets = { "log_expansion_norm", "expansion_residual", "log_expansion_coefficient", "eigenbasis_condition" },
      .test = residual_is_known },
    { .text = "ln ||expansion|| <= ln sum |c_i| |gamma lambda_i|^l",
      .datasets = { "log_expansion_norm", "log_expansion_coefficient", "eigenbasis_condition", "eigenvalue_re",
                    "eigenvalue_im" },
      .test = norm_is_below_sum },
    { .text = "| ||expansion|| / ||e_l|| - 1 | <= residual",
      .datasets = { "log_expansion_norm", "expansion_residual", "log_expansion_coefficient", "eigenbasis_condition",
                    "log_error_norm" },
      .test = norm_is_that_of_error },
    { .text = NULL },
};

const struct measure measure_expansion = { .name = "expansion",
                                           .help = "the error in left eigenvectors of W, for identity",
                                           .needs = NEEDS_TRAJECTORY | NEEDS_TIED | NEEDS_ONE_RANK | NEEDS_IDENTITY,
                                           .datasets = datasets,
                                           .dataset_count = DATASETS,
                                           .weights = &weight_result_eigenvalues,
                                           .rules = rules,
                                           .function = measure,
                                           .cost = cost,
                                           .bytes = bytes };
