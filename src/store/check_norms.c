/* Rules of jacobian_norm and frobenius_norm: bound, verdicts, conditions, growth rate, and norms of powers. */
#include "gradient/bound.h"
#include "gradient/certify.h"
#include "store/check_rules.h"

#include <float.h>
#include <math.h>

/* A condition at 1 within the error of ln ||W||_2 may go either way. */
static const double condition_error = 1e-10;
/* Radius and norm of W are found by different algorithms; relative. */
static const double radius_error = 1e-9;
/* For dense lags there are thousands of triples l + m = n a cell; these many are tested, spread over all. */
enum { MOST_TRIPLES = 512 };

static void flags_are_known(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const uint8_t *verdicts = data[0], *vanishing = data[1], *spectral = data[2];
    const bool vanishing_known = *vanishing <= 1 || isnan(check_log_norm_condition(cell));
    const bool spectral_known = *spectral <= 1 || isnan(check_log_radius_condition(cell));
    check_count(tally, vanishing_known && spectral_known);
    for (long i = 0; i < cell->sweep->lag_count; i++)
        check_count(tally, verdicts[i] <= BOUND_VIOLATED);
}

static void bound_is_power_of_norm(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *bounds = data[0], per_step = check_log_norm_condition(cell);
    if (isnan(per_step)) /* untied: its bound is a sum over norms that are not stored */
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double lag = (double)cell->sweep->lags[i];
        check_count_margin(tally,
                           check_equality_margin(bounds[i], lag * per_step, lag * check_recomputation(per_step)));
    }
}

static void norm_is_below_bound(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = check_uncertainty(cell, cell->sweep->lags[i]);
        double margin = check_order_margin(norms[i], bounds[i], allowed);
        if (verdicts[i] == BOUND_VIOLATED) /* the verdict knows its own error better than we do */
            margin = fmin(margin, -allowed);
        check_count_margin(tally, margin);
    }
}

/* How far a verdict is from being wrong. Proofs need not keep a distance from the bound, and decide all that lies
 * beyond their resolution. */
static double verdict_margin(const struct checked_cell *cell, long lag, enum bound_verdict verdict, double delta)
{
    const bool is_proof = cell->sweep->certify;
    const double resolution = is_proof ? certify_resolution((double)lag, check_hidden_size(cell)) : 0;
    const double room = is_proof ? 0 : cell->sweep->tolerance;
    switch (verdict) {
    case BOUND_NOT_COMPUTED:
        return isnan(delta) ? INFINITY : -INFINITY;
    case BOUND_HOLDS:
        return delta - room;
    case BOUND_WITHIN_ROUNDING:
        return check_uncertainty(cell, lag) + resolution - fabs(delta);
    case BOUND_VIOLATED:
        return -delta - room;
    }
    return -INFINITY;
}

static void verdict_fits(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double delta = norms[i] == bounds[i] ? 0 : bounds[i] - norms[i];
        check_count_margin(tally, verdict_margin(cell, cell->sweep->lags[i], verdicts[i], delta));
    }
}

static void proofs_stand(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *bounds = data[1];
    const uint8_t *verdicts = data[2];
    if (!cell->sweep->certify)
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++)
        if (verdicts[i] == BOUND_VIOLATED)
            check_count_margin(tally, -INFINITY);
        else if (verdicts[i] == BOUND_HOLDS)
            check_count_margin(tally,
                               norms[i] < bounds[i] ? bounds[i] - norms[i] : fmin(bounds[i] - norms[i], -DBL_MIN));
}

/* How far a flag `log_value < 0` is from being wrong; infinite where neither is known. */
static double condition_margin(uint8_t flag, double log_value)
{
    if (isnan(log_value))
        return flag == UINT8_MAX ? INFINITY : -INFINITY;
    return condition_error + (flag ? -log_value : log_value);
}

static void conditions_fit(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const uint8_t *vanishing = data[0], *spectral = data[1];
    check_count_margin(tally, condition_margin(*vanishing, check_log_norm_condition(cell)));
    check_count_margin(tally, condition_margin(*spectral, check_log_radius_condition(cell)));
}

static void growth_is_slope(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *growth = data[1];
    const double slope = bound_growth_rate(cell->sweep->lags, norms, cell->sweep->lag_count);
    check_count_margin(tally, check_equality_margin(*growth, slope, check_recomputation(slope)));
}

/* Only for identity: there J_l = (gamma W)^l. Other products end at the same time T, and J_{l+m} is not made of J_l and
 * J_m; nor is it with untied weights. */
static void powers_multiply(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0];
    const long *lags = cell->sweep->lags, count = cell->sweep->lag_count, pairs = count * (count + 1) / 2;
    const long stride = 1 + pairs / MOST_TRIPLES;
    if (!check_is_identity(cell) || check_is_untied(cell))
        return;
    for (long i = 0, pair = 0; i < count; i++)
        for (long j = i; j < count; j++, pair++) {
            const long whole = pair % stride == 0 ? measure_find_lag(lags, count, lags[i] + lags[j]) : -1;
            if (whole >= 0)
                check_count_margin(tally, check_order_margin(norms[whole], norms[i] + norms[j],
                                                             3 * check_uncertainty(cell, lags[whole])));
        }
}

static void radius_is_below_norm(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *radius = data[0], *norm = data[1];
    (void)cell;
    if (!isnan(*radius) && !isnan(*norm))
        check_count_margin(tally, *norm * (1 + radius_error) - *radius);
}

static void frobenius_is_near(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *frobenius = data[1], spread = 0.5 * log((double)check_hidden_size(cell));
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = check_uncertainty(cell, cell->sweep->lags[i]);
        check_count_margin(tally, fmin(check_order_margin(norms[i], frobenius[i], allowed),
                                       check_order_margin(frobenius[i], norms[i] + spread, allowed)));
    }
}

const struct check_rule check_norm_rules[] = {
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
    { .text = "rho(W) <= ||W||_2",
      .datasets = { "weight_spectral_radius", "weight_norm" },
      .is_for_weights = true,
      .test = radius_is_below_norm },
    { .text = "ln ||J_l||_2 <= ln ||J_l||_F <= ln ||J_l||_2 + 0.5 ln d",
      .datasets = { "log_jacobian_norm", "log_frobenius_norm" },
      .test = frobenius_is_near },
    { .text = NULL },
};
