#include "store/check_rules.h"

#include "gradient/absence.h"
#include "gradient/bound.h"

#include <float.h>
#include <math.h>

/* No error of ln ||W||_2 is as large: it is found to rounding. */
static const double largest_log_norm_error = 1e-10;
static const double unit_roundoff = DBL_EPSILON / 2.0;
static const double rounding_constant = 8.0; /* that of bound_uncertainty */

static const struct check_rule file_rules[] = {
    [CHECK_CHECKSUM] = { .text = "checksum: results" },
    [CHECK_RUNTIME_CHECKSUM] = { .text = "checksum: team size and times", .version = 2 },
    [CHECK_WEIGHT_CHECKSUM] = { .text = "checksum: what is known of the weights",
                                .version = 2,
                                .is_for_weights = true },
    [CHECK_PROVENANCE_CHECKSUM] = { .text = "checksum: rows of provenance", .version = 2 },
    [CHECK_COORDINATES] = { .text = "coordinates are those of the sweep" },
    [CHECK_STRUCTURE] = { .text = "attributes, dimension scales and links are as written" },
    [CHECK_PRESENCE] = { .text = "values are numbers, and NaN where there can be none" },
    [CHECK_WEIGHT_PRESENCE] = { .text = "the same of W, where a cell is done", .is_for_weights = true },
    { .text = NULL },
};

static const struct check_rule *const families[] = {
    file_rules,
    check_norm_rules,
    check_step_bound_rules,
    check_gradient_rules,
    check_contribution_map_rules,
    check_expansion_rules,
    check_eigenvalue_rules,
    check_singular_value_rules,
};

const struct check_rule *check_rule_at(size_t number)
{
    for (size_t family = 0; family < sizeof families / sizeof *families; family++)
        for (const struct check_rule *rule = families[family]; rule->text; rule++)
            if (number-- == 0)
                return rule;
    return NULL;
}

size_t check_rule_count(void)
{
    size_t count = 0;
    while (check_rule_at(count))
        count++;
    return count;
}

void check_count(struct check_tally *tally, bool is_right)
{
    tally->tested++;
    tally->wrong += !is_right;
}

void check_count_margin(struct check_tally *tally, double margin)
{
    tally->worst_margin = fmin(tally->worst_margin, isnan(margin) ? -INFINITY : margin);
    check_count(tally, margin >= 0);
}

static const struct ensemble_kind *kind_of(const struct checked_cell *cell)
{
    return grid_ensemble(cell->sweep, &cell->position)->kind;
}

bool check_is_untied(const struct checked_cell *cell)
{
    return kind_of(cell)->is_fresh_at_every_step;
}

bool check_is_error_given(const struct checked_cell *cell)
{
    return absence_is_error_given(grid_ensemble(cell->sweep, &cell->position));
}

bool check_is_identity(const struct checked_cell *cell)
{
    return grid_activation(cell->sweep, &cell->position)->is_identity;
}

long check_hidden_size(const struct checked_cell *cell)
{
    return grid_hidden_size(cell->sweep, &cell->position);
}

long check_index_size(const struct checked_cell *cell)
{
    return cell->sweep->hidden_sizes[cell->sweep->hidden_size_count - 1];
}

static double log_of_gamma(const struct checked_cell *cell)
{
    return log(grid_gamma(cell->sweep, &cell->position));
}

/* W is rescaled to the swept radius unless the sweep asks for its native scale. */
static double log_gain(const struct checked_cell *cell)
{
    if (cell->sweep->native)
        return 0;
    return log(grid_spectral_radius(cell->sweep, &cell->position)) - log(cell->weight_radius);
}

double check_log_norm_condition(const struct checked_cell *cell)
{
    return check_is_untied(cell) ? NAN : log_of_gamma(cell) + log_gain(cell) + log(cell->weight_norm);
}

double check_log_radius_condition(const struct checked_cell *cell)
{
    return check_is_untied(cell) ? NAN : log_of_gamma(cell) + log_gain(cell) + log(cell->weight_radius);
}

double check_uncertainty(const struct checked_cell *cell, long lag)
{
    /* The bound of untied weights is a sum over norms found to the tolerance as well. */
    const double tolerance = cell->sweep->tolerance * (check_is_untied(cell) ? 2 : 1);
    return bound_uncertainty(tolerance, (double)lag, largest_log_norm_error, check_hidden_size(cell));
}

double check_step_rounding(const struct checked_cell *cell, double steps)
{
    return steps * rounding_constant * (double)check_hidden_size(cell) * unit_roundoff;
}

bool check_is_far_from_normal(const struct checked_cell *cell)
{
    return kind_of(cell)->is_far_from_normal;
}

/* W^l = W^k W^(l-k) loses ||W^k|| ||W^(l-k)|| / ||W^l||: up to bound / norm where W is far from normal, moderate for
 * other laws. */
double check_association_error(const struct checked_cell *cell, long lag, double log_norm, double log_bound)
{
    const double slack = log_bound == log_norm ? 0 : log_bound - log_norm; /* both may be -inf */
    const double worst = log1p(check_step_rounding(cell, (double)lag) * exp(slack));
    return check_is_far_from_normal(cell) ? worst : fmin(worst, 1e-7);
}

double check_recomputation(double value)
{
    return 1e-11 * (isinf(value) ? 1 : 1 + fabs(value));
}

double check_equality_margin(double a, double b, double allowed)
{
    return a == b ? allowed : allowed - fabs(a - b);
}

double check_order_margin(double small, double large, double allowed)
{
    return small == large ? allowed : large - small + allowed;
}

double check_log_add(double a, double b)
{
    const double larger = fmax(a, b), smaller = fmin(a, b);
    return isinf(larger) ? larger : larger + log1p(exp(smaller - larger));
}
