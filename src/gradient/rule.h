/* What must be true of the results of any cell and of any weights: rules stand in the row of their measure, pure
 * functions of one cell's values, and name the datasets that they read. A rule applies where all of these were
 * measured. Not collective. */
#ifndef GRADSWEEP_GRADIENT_RULE_H
#define GRADSWEEP_GRADIENT_RULE_H

#include "gradient/measure.h"
#include "model/activation.h"
#include "model/ensemble.h"
#include "model/model.h"

#include <stdbool.h>
#include <stdint.h>

enum { RULE_MAX_DATASETS = 6 };

/* How a rule fared. A margin is how far a value is inside what is allowed, negative for a wrong one. */
struct rule_tally {
    uint64_t cells; /* with at least one value tested; weights for the rules of weights */
    uint64_t wrong_cells;
    uint64_t tested; /* values */
    uint64_t wrong;
    double worst_margin; /* INFINITY before any; yes-or-no rules leave it so */
};

struct measure_rule {
    const char *text;                        /* what is checked, for people; NULL ends a table */
    const char *datasets[RULE_MAX_DATASETS]; /* by name; NULL ends */
    bool is_gate;                            /* whether flags are ones that are known: before all others */
    bool is_for_weights;                     /* one test for each WEIGHT, of datasets of WEIGHT shape alone */
    long version;                            /* of the file's format, from which on the rule applies; 0: any */
    /* Counts one or more tests. data[i]: this cell's (its weights') values of datasets[i], in C order. */
    void (*test)(const struct measured_cell *cell, const void *const data[], struct rule_tally *tally);
};

/* One test, counted; a NaN margin is wrong. */
void rule_count_margin(struct rule_tally *tally, double margin);
void rule_count(struct rule_tally *tally, bool is_right);

/* What the position says. */
bool rule_is_untied(const struct measured_cell *cell);

/* ln(gamma ||W||_2) and ln(gamma rho(W)) of W as used; NaN for untied weights or where unknown. */
double rule_log_norm_condition(const struct measured_cell *cell);
double rule_log_radius_condition(const struct measured_cell *cell);

/* Laws whose W may be so far from normal that powers and eigenvalues lose many digits. */
bool rule_is_far_from_normal(const struct measured_cell *cell);

/* By how much ln ||J_l||_2 - ln bound may be wrong: the tolerance, the error of ln ||W||_2 and rounding. */
double rule_uncertainty(const struct measured_cell *cell, long lag);

/* l c d u: rounding of l steps relative to (gamma ||W||_2)^l (gradient/bound.c has c). */
double rule_step_rounding(const struct measured_cell *cell, double steps);

/* By how much the logarithms of two products of l factors may differ that were associated differently: rounding grows
 * by what cancels, at most by the bound over the norm. */
double rule_association_error(const struct measured_cell *cell, long lag, double log_norm, double log_bound);

/* For values that are computed twice in different orders: 1e-11 relative to their size. */
double rule_recomputation(double value);

/* How far two logarithms that should be equal are inside `allowed`, and how far `small` is below `large` + allowed;
 * both right for -inf against -inf. */
double rule_equality_margin(double a, double b, double allowed);
double rule_order_margin(double small, double large, double allowed);

/* ln(exp(a) + exp(b)), for sums that are kept as logarithms. */
double rule_log_add(double a, double b);

#endif
