/* Rules of expansion: e_l in left eigenvectors, against the error that dgeev and l steps can make. */
#include "gradient/absence.h"
#include "store/check_rules.h"

#include <math.h>

/* A bound of relative errors beyond this says nothing. */
static const double largest_useful_error = 0.1;
/* A condition number comes from singular values found to a few roundings. */
static const double condition_error = 1e-9;

static void values_are_possible(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *residuals = data[0], *condition = data[1];
    if (!check_is_identity(cell))
        return;
    check_count_margin(tally, *condition - 1 + condition_error);
    for (long i = 0; i < cell->sweep->lag_count; i++)
        if (!isnan(residuals[i]))
            check_count(tally, residuals[i] >= 0);
}

/* What the rules below have in common; false where there is nothing to test. */
struct expansion {
    double condition;
    double log_radius;       /* ln(gamma rho) */
    double log_departure;    /* ln(||W|| / rho) */
    double log_coefficients; /* ln sum |c_i| */
};

static bool expand(const struct checked_cell *cell, const double *coefficients, double condition,
                   struct expansion *expansion)
{
    if (!check_is_identity(cell) || absence_is_defective(condition) || !(cell->weight_radius > 0))
        return false;
    *expansion = (struct expansion){ .condition = condition,
                                     .log_radius = check_log_radius_condition(cell),
                                     .log_departure = log(cell->weight_norm / cell->weight_radius),
                                     .log_coefficients = -INFINITY };
    for (long i = 0; i < check_hidden_size(cell); i++)
        expansion->log_coefficients = check_log_add(expansion->log_coefficients, coefficients[i]);
    return true;
}

/* The error of the expansion and of e_l relative to a norm. With k(Q) the condition of the basis, ||W^k|| <= k(Q)
 * rho^k, so that l steps of carrying back lose l c d u ||W|| k(Q) rho^(l-1) sum |c_i|. Eigenpairs are those of W to a
 * residual of c d u ||W|| each, which l powers carry likewise, and solving for the c_i loses c d u k(Q) sum |c_i|. */
static double expansion_error(const struct checked_cell *cell, const struct expansion *expansion, long lag,
                              double log_norm)
{
    const double log_growth =
        expansion->log_departure + expansion->log_coefficients + (double)lag * expansion->log_radius - log_norm;
    return check_step_rounding(cell, (double)lag + 1) * expansion->condition * exp(log_growth);
}

static void residual_is_rounding(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *residuals = data[1], *condition = data[3];
    struct expansion expansion;
    if (!expand(cell, data[2], *condition, &expansion))
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = expansion_error(cell, &expansion, cell->sweep->lags[i], norms[i]);
        if (allowed < largest_useful_error && !isnan(residuals[i]))
            check_count_margin(tally, log(allowed) - log(residuals[i]));
    }
}

/* Without a residual e_l must be 0, and so must the expansion. */
static void residual_is_known(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *residuals = data[1], *condition = data[3];
    struct expansion expansion;
    if (!expand(cell, data[2], *condition, &expansion))
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double allowed = expansion_error(cell, &expansion, cell->sweep->lags[i], norms[i]);
        if (allowed < largest_useful_error)
            check_count(tally, !isnan(residuals[i]));
    }
}

/* ||sum c_i (gamma lambda_i)^l q_i|| <= sum |c_i| |gamma lambda_i|^l for unit q_i. */
static void norm_is_below_sum(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *coefficients = data[1], *condition = data[2], *re = data[3], *im = data[4];
    struct expansion expansion;
    if (!expand(cell, coefficients, *condition, &expansion) || isnan(re[0]))
        return;
    const double log_gain = expansion.log_radius - log(cell->weight_radius);
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        double log_sum = -INFINITY;
        for (long j = 0; j < check_hidden_size(cell); j++) {
            const double log_eigenvalue = log_gain + log(hypot(re[j], im[j]));
            log_sum = check_log_add(log_sum, coefficients[j] + (double)cell->sweep->lags[i] * log_eigenvalue);
        }
        const double allowed = expansion_error(cell, &expansion, cell->sweep->lags[i], log_sum);
        if (allowed < largest_useful_error)
            check_count_margin(tally, check_order_margin(norms[i], log_sum, allowed + check_recomputation(norms[i])));
    }
}

/* | ||expansion|| - ||e_l|| | <= residual ||e_l||, where the errors were carried back twice, each with its rounding. */
static void norm_is_that_of_error(const struct checked_cell *cell, const void *const data[], struct check_tally *tally)
{
    const double *norms = data[0], *residuals = data[1], *condition = data[3], *errors = data[4];
    struct expansion expansion;
    if (!expand(cell, data[2], *condition, &expansion))
        return;
    for (long i = 0; i < cell->sweep->lag_count; i++) {
        const double rounding = expansion_error(cell, &expansion, cell->sweep->lags[i], norms[i]);
        const double allowed = residuals[i] + rounding + check_recomputation(errors[i]);
        if (rounding < largest_useful_error && !isnan(residuals[i]))
            check_count_margin(tally, allowed - fabs(expm1(norms[i] - errors[i])));
    }
}

const struct check_rule check_expansion_rules[] = {
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
