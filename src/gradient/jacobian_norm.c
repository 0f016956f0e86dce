/* Spectral norms of the Jacobian products J_l, the bound (gamma ||W||_2)^l with its verdicts, the two conditions, and
 * the growth rate (Pascanu, Mikolov and Bengio 2013). */
#include "gradient/bound.h"
#include "gradient/certify.h"
#include "gradient/rule.h"
#include "gradient/task.h"
#include "gradient/weight_result.h"

#include <float.h>
#include <math.h>

enum { LOG_NORM, LOG_BOUND, VERDICT, VANISHING, SPECTRAL_CONDITION, GROWTH_RATE, DATASETS };

static const struct dataset_rule datasets[DATASETS] = {
    [LOG_NORM] = { .name = "log_jacobian_norm",
                   .long_name = "natural logarithm of the spectral norm of the Jacobian product over the lag",
                   .along = { ALONG_LAG },
                   .infinity = INFINITE_BELOW },
    [LOG_BOUND] = { .name = "log_norm_bound",
                    .long_name = "natural logarithm of the bound (gamma ||W||_2)^lag",
                    .along = { ALONG_LAG },
                    .infinity = INFINITE_BELOW },
    [VERDICT] = { .name = "bound_check",
                  .long_name = "whether the spectral norm of the Jacobian product is within the bound",
                  .along = { ALONG_LAG },
                  .type = TYPE_UINT8,
                  .flag_meanings = { "not_computed", "holds", "within_rounding", "violated" } },
    [VANISHING] = { .name = "vanishing_guaranteed",
                    .long_name = "gamma ||W||_2 < 1: gradients vanish whatever the states (255: pending, or untied)",
                    .type = TYPE_UINT8,
                    .flag_meanings = { "no", "yes" } },
    [SPECTRAL_CONDITION] = { .name = "spectral_condition",
                             .long_name = "gamma rho(W) < 1: weaker, does not imply vanishing_guaranteed (255: "
                                          "pending, or untied)",
                             .type = TYPE_UINT8,
                             .flag_meanings = { "no", "yes" } },
    [GROWTH_RATE] = { .name = "growth_rate",
                      .long_name =
                          "least-squares slope of log_jacobian_norm against lag over the last half of the lags",
                      .infinity = INFINITE_BELOW },
};

/* ---- measuring ---- */

/* Logarithms of couplings are right to rounding; a condition at 1 must not turn on their last bits. */
static const double LOGARITHM_ERROR = 8.0 * DBL_EPSILON;

/* ||W^l||_2 = ||W||^l for a normal W; for a single superdiagonal as well while l < d, then exactly 0. The very
 * expression of the bound, so that the equality is one. */
static void store_closed_form(const struct measure_task *task, long chain, double *log_norms)
{
    const struct batch *batch = task->batch;
    const bool is_nilpotent = weights_ensemble(batch->weights)->kind->spectrum == SPECTRUM_NILPOTENT;
    const double log_step = batch_log_step_bound(batch, task->first_chain + chain);
    for (long i = 0; i < batch->lag_count; i++) {
        const bool is_zero = is_nilpotent && batch->lags[i] >= weights_hidden_size(batch->weights);
        log_norms[i] = is_zero ? -INFINITY : (double)batch->lags[i] * log_step;
    }
}

static void store_norms(const struct measure_task *task, long chain, double *log_norms)
{
    task_fail(task, chain, task_norm_outcome(task, chain));
    for (long i = 0; i < task->batch->lag_count; i++)
        log_norms[i] = task_log_norm(task, chain, i);
}

static enum status measure(const struct measure_task *task)
{
    double *log_norms = task_values(task, LOG_NORM);
    for (long chain = 0; chain < task->count; chain++, log_norms += task->batch->lag_count) {
        if (task->norms->method == METHOD_CLOSED_FORM)
            store_closed_form(task, chain, log_norms);
        else
            store_norms(task, chain, log_norms);
        if (task->bounds->outcome != JACOBIAN_FOUND)
            task_fail(task, chain, task->bounds->outcome);
    }
    return STATUS_OK;
}

/* A proven verdict stays, except that `holds` never stands beside logarithms that do not say so too, to their last
 * digit. Where norms are known in closed form, so is their place below or on the bound. */
static enum bound_verdict verdict_of(const struct measure_task *task, long chain, long i, double log_norm,
                                     double log_bound, double uncertainty)
{
    if (!task->batch->options.certify || task->norms->method == METHOD_CLOSED_FORM)
        return bound_check(log_norm, log_bound, uncertainty);
    const enum bound_verdict proven = task_proven_verdict(task, chain, i);
    return proven == BOUND_HOLDS && !(log_norm < log_bound) ? BOUND_WITHIN_ROUNDING : proven;
}

/* ln(gamma rho(W)) */
static double log_radius_condition(const struct batch *batch, long number)
{
    return log(batch->couplings[number]) + (batch->native ? log(batch->spectrum.radius) : 0.0);
}

static void derive(const struct measure_task *task, long chain)
{
    const struct batch *batch = task->batch;
    const long number = task->first_chain + chain, lags = batch->lag_count;
    const bool is_untied = batch_is_untied(batch);
    const double *log_norms = (double *)task_values(task, LOG_NORM) + chain * lags;
    double *log_bounds = (double *)task_values(task, LOG_BOUND) + chain * lags;
    uint8_t *verdicts = (uint8_t *)task_values(task, VERDICT) + chain * lags;
    const double log_norm_error = is_untied ? 0.0 : batch->spectrum.log_norm_error;
    const double log_step_bound = batch_log_step_bound(batch, number);
    for (long i = 0; i < lags; i++) {
        const double lag = (double)batch->lags[i];
        log_bounds[i] =
            is_untied ? task->bounds->log_bounds[i] + task_log_scale(task, chain, lag) : lag * log_step_bound;
        double uncertainty =
            bound_uncertainty(batch->tolerance, lag, log_norm_error, weights_hidden_size(batch->weights));
        /* The untied bound has an error of its own: the sum of norms, found to the same tolerance. */
        uncertainty += is_untied ? batch->tolerance : 0.0;
        verdicts[i] = (uint8_t)verdict_of(task, chain, i, log_norms[i], log_bounds[i], uncertainty);
    }
    const double margin = log_norm_error + LOGARITHM_ERROR, unknown = is_untied ? NAN : 0.0;
    ((uint8_t *)task_values(task, VANISHING))[chain] = bound_condition_below_one(log_step_bound + unknown, margin);
    ((uint8_t *)task_values(task, SPECTRAL_CONDITION))[chain] =
        bound_condition_below_one(log_radius_condition(batch, number) + unknown, margin);
    ((double *)task_values(task, GROWTH_RATE))[chain] = bound_growth_rate(batch->lags, log_norms, lags);
}

/* ---- rules ---- */

/* A condition at 1 within the error of ln ||W||_2 may go either way. */
static const double CONDITION_ERROR = 1e-10;
/* For dense lags there are thousands of triples l + m = n a cell; these many are tested, spread over all. */
enum { MOST_TRIPLES = 512 };

static void flags_are_known(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const uint8_t *verdicts = data[0], *vanishing = data[1], *spectral = data[2];
    const bool vanishing_known = *vanishing <= 1 || isnan(rule_log_norm_condition(cell));
    const bool spectral_known = *spectral <= 1 || isnan(rule_log_radius_condition(cell));
    rule_count(tally, vanishing_known && spectral_known);
    for (long i = 0; i < cell->lag_count; i++)
        rule_count(tally, verdicts[i] <= BOUND_VIOLATED);
}

static void bound_is_power_of_norm(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *bounds = data[0], per_step = rule_log_norm_condition(cell);
    if (isnan(per_step)) /* untied: its bound is a sum over norms that are not stored */
        return;
    for (long i = 0; i < cell->lag_count; i++) {
        const double lag = (double)cell->lags[i];
        rule_count_margin(tally, rule_equality_margin(bounds[i], lag * per_step, lag * rule_recomputation(per_step)));
    }
}

static void norm_is_below_bound(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    for (long i = 0; i < cell->lag_count; i++) {
        const double allowed = rule_uncertainty(cell, cell->lags[i]);
        double margin = rule_order_margin(norms[i], bounds[i], allowed);
        if (verdicts[i] == BOUND_VIOLATED) /* the verdict knows its own error better than we do */
            margin = fmin(margin, -allowed);
        rule_count_margin(tally, margin);
    }
}

/* How far a verdict is from being wrong. Proofs need not keep a distance from the bound, and decide all that lies
 * beyond their resolution. */
static double verdict_margin(const struct measured_cell *cell, long lag, enum bound_verdict verdict, double delta)
{
    const bool is_proof = cell->options->certify;
    const double resolution = is_proof ? certify_resolution((double)lag, cell->hidden_size) : 0;
    const double room = is_proof ? 0 : cell->tolerance;
    switch (verdict) {
    case BOUND_NOT_COMPUTED:
        return isnan(delta) ? INFINITY : -INFINITY;
    case BOUND_HOLDS:
        return delta - room;
    case BOUND_WITHIN_ROUNDING:
        return rule_uncertainty(cell, lag) + resolution - fabs(delta);
    case BOUND_VIOLATED:
        return -delta - room;
    }
    return -INFINITY;
}

static void verdict_fits(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    for (long i = 0; i < cell->lag_count; i++) {
        const double delta = norms[i] == bounds[i] ? 0 : bounds[i] - norms[i];
        rule_count_margin(tally, verdict_margin(cell, cell->lags[i], verdicts[i], delta));
    }
}

static void proofs_stand(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    if (!cell->options->certify)
        return;
    for (long i = 0; i < cell->lag_count; i++)
        if (verdicts[i] == BOUND_VIOLATED)
            rule_count_margin(tally, -INFINITY);
        else if (verdicts[i] == BOUND_HOLDS)
            rule_count_margin(tally,
                              norms[i] < bounds[i] ? bounds[i] - norms[i] : fmin(bounds[i] - norms[i], -DBL_MIN));
}

/* How far a flag `log_value < 0` is from being wrong; infinite where neither is known. */
static double condition_margin(uint8_t flag, double log_value)
{
    if (isnan(log_value))
        return flag == UINT8_MAX ? INFINITY : -INFINITY;
    return CONDITION_ERROR + (flag ? -log_value : log_value);
}

static void conditions_fit(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const uint8_t *vanishing = data[0], *spectral = data[1];
    rule_count_margin(tally, condition_margin(*vanishing, rule_log_norm_condition(cell)));
    rule_count_margin(tally, condition_margin(*spectral, rule_log_radius_condition(cell)));
}

static void growth_is_slope(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0], *growth = data[1];
    const double slope = bound_growth_rate(cell->lags, norms, cell->lag_count);
    rule_count_margin(tally, rule_equality_margin(*growth, slope, rule_recomputation(slope)));
}

/* Only for identity: there J_l = (gamma W)^l. Other products end at the same time T, and J_{l+m} is not made of J_l and
 * J_m; nor is it with untied weights. */
static void powers_multiply(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally)
{
    const double *norms = data[0];
    const long *lags = cell->lags, count = cell->lag_count, pairs = count * (count + 1) / 2;
    const long stride = 1 + pairs / MOST_TRIPLES;
    if (!cell->activation->is_identity || rule_is_untied(cell))
        return;
    for (long i = 0, pair = 0; i < count; i++)
        for (long j = i; j < count; j++, pair++) {
            const long whole = pair % stride == 0 ? measure_find_lag(lags, count, lags[i] + lags[j]) : -1;
            if (whole >= 0)
                rule_count_margin(tally, rule_order_margin(norms[whole], norms[i] + norms[j],
                                                           3 * rule_uncertainty(cell, lags[whole])));
        }
}

static const struct measure_rule rules[] = {
    { .text = "flags are known ones",
      .datasets = { "bound_check", "vanishing_guaranteed", "spectral_condition" },
      .is_gate = true,
      .test = flags_are_known },
    { .text = "bound = l ln(gamma ||W||_2)", .datasets = { "log_norm_bound" }, .test = bound_is_power_of_norm },
    { .text = "ln ||J_l||_2 <= bound",
      .datasets = { "log_jacobian_norm", "log_norm_bound", "bound_check" },
      .test = norm_is_below_bound },
    { .text = "verdict fits norm and bound",
      .datasets = { "log_jacobian_norm", "log_norm_bound", "bound_check" },
      .test = verdict_fits },
    { .text = "certified: none violated, ln ||J_l||_2 < bound where it holds",
      .datasets = { "log_jacobian_norm", "log_norm_bound", "bound_check" },
      .test = proofs_stand },
    { .text = "conditions fit gamma ||W||_2 and gamma rho(W)",
      .datasets = { "vanishing_guaranteed", "spectral_condition" },
      .test = conditions_fit },
    { .text = "growth_rate is the slope of the norms",
      .datasets = { "log_jacobian_norm", "growth_rate" },
      .test = growth_is_slope },
    { .text = "identity: ||W^(l+m)|| <= ||W^l|| ||W^m||",
      .datasets = { "log_jacobian_norm" },
      .test = powers_multiply },
    { .text = NULL },
};

const struct measure measure_jacobian_norm = {
    .name = "jacobian_norm",
    .help = "spectral norms of the Jacobian products, the bound and its verdicts",
    .is_always_measured = true,
    .datasets = datasets,
    .dataset_count = DATASETS,
    .weights = &weight_result_norms,
    .rules = rules,
    .function = measure,
    .derive = derive
};
