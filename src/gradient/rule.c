#include "gradient/rule.h"

#include "gradient/bound.h"

#include <float.h>
#include <math.h>

/* No error of ln ||W||_2 is as large: it is found to rounding. */
static const double LARGEST_LOG_NORM_ERROR = 1e-10;
static const double UNIT_ROUNDOFF = DBL_EPSILON / 2.0;
static const double ROUNDING_CONSTANT = 8.0; /* that of bound_uncertainty */

void rule_count(struct rule_tally *tally, bool is_right)
{
    tally->tested++;
    tally->wrong += !is_right;
}

void rule_count_margin(struct rule_tally *tally, double margin)
{
    tally->worst_margin = fmin(tally->worst_margin, isnan(margin) ? -INFINITY : margin);
    rule_count(tally, margin >= 0);
}

bool rule_is_untied(const struct measured_cell *cell)
{
    return cell->ensemble->kind->is_fresh_at_every_step;
}

/* ln gamma, with what W as drawn is multiplied by: it is rescaled to the swept radius unless the sweep asks for its
 * native scale. */
static double log_gain(const struct measured_cell *cell)
{
    return log(cell->coupling) - (cell->native ? 0 : log(cell->weight_radius));
}

double rule_log_norm_condition(const struct measured_cell *cell)
{
    return rule_is_untied(cell) ? NAN : log_gain(cell) + log(cell->weight_norm);
}

double rule_log_radius_condition(const struct measured_cell *cell)
{
    return rule_is_untied(cell) ? NAN : log_gain(cell) + log(cell->weight_radius);
}

double rule_uncertainty(const struct measured_cell *cell, long lag)
{
    /* The bound of untied weights is a sum over norms found to the tolerance as well. */
    const double tolerance = cell->tolerance * (rule_is_untied(cell) ? 2 : 1);
    return bound_uncertainty(tolerance, (double)lag, LARGEST_LOG_NORM_ERROR, cell->hidden_size);
}

double rule_step_rounding(const struct measured_cell *cell, double steps)
{
    return steps * ROUNDING_CONSTANT * (double)cell->hidden_size * UNIT_ROUNDOFF;
}

bool rule_is_far_from_normal(const struct measured_cell *cell)
{
    return cell->ensemble->kind->is_far_from_normal;
}

/* W^l = W^k W^(l-k) loses ||W^k|| ||W^(l-k)|| / ||W^l||: up to bound / norm where W is far from normal, moderate for
 * other laws. */
double rule_association_error(const struct measured_cell *cell, long lag, double log_norm, double log_bound)
{
    const double slack = log_bound == log_norm ? 0 : log_bound - log_norm; /* both may be -inf */
    const double worst = log1p(rule_step_rounding(cell, (double)lag) * exp(slack));
    return rule_is_far_from_normal(cell) ? worst : fmin(worst, 1e-7);
}

double rule_recomputation(double value)
{
    return 1e-11 * (isinf(value) ? 1 : 1 + fabs(value));
}

double rule_equality_margin(double a, double b, double allowed)
{
    return a == b ? allowed : allowed - fabs(a - b);
}

double rule_order_margin(double small, double large, double allowed)
{
    return small == large ? allowed : large - small + allowed;
}

double rule_log_add(double a, double b)
{
    const double larger = fmax(a, b), smaller = fmin(a, b);
    return isinf(larger) ? larger : larger + log1p(exp(smaller - larger));
}
