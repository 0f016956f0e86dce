/* What must be true of the results of any cell and of any weights: one table of rules a family of measures, each rule
 * naming the datasets that it reads. A rule applies where all of them were measured, so that a new measure brings one
 * file with its rules and one line in the list of families (check_rules.c). Not collective. */
#ifndef GRADSWEEP_STORE_CHECK_RULES_H
#define GRADSWEEP_STORE_CHECK_RULES_H

#include "sweep/grid.h"

#include <stdbool.h>
#include <stdint.h>

enum { CHECK_MAX_DATASETS = 6 };

/* How a rule fared. A margin is how far a value is inside what is allowed, negative for a wrong one. */
struct check_tally {
    uint64_t cells; /* with at least one value tested; weights for the rules of weights */
    uint64_t wrong_cells;
    uint64_t tested; /* values */
    uint64_t wrong;
    double worst_margin; /* INFINITY before any; yes-or-no rules leave it so */
};

/* A done cell; of the weights' rules, only ensemble, hidden size and replica of the position mean anything. */
struct checked_cell {
    const struct sweep *sweep;
    struct cell position;
    double weight_radius; /* of W as drawn; NaN: none, or not found */
    double weight_norm;
};

struct check_rule {
    const char *text;                         /* what is checked, for people; NULL ends a table */
    const char *datasets[CHECK_MAX_DATASETS]; /* by name; NULL ends */
    bool is_gate;                             /* whether flags are ones that are known: before all others */
    bool is_for_weights;                      /* one test for each WEIGHT, of datasets of WEIGHT shape alone */
    long version;                             /* of the file's format, from which on the rule applies; 0: any */
    /* Counts one or more tests. data[i]: this cell's (its weights') values of datasets[i], in C order. */
    void (*test)(const struct checked_cell *cell, const void *const data[], struct check_tally *tally);
};

/* The tables, each ended by a rule without text. */
extern const struct check_rule check_norm_rules[];
extern const struct check_rule check_step_bound_rules[];
extern const struct check_rule check_gradient_rules[];
extern const struct check_rule check_contribution_map_rules[];
extern const struct check_rule check_expansion_rules[];
extern const struct check_rule check_eigenvalue_rules[];
extern const struct check_rule check_singular_value_rules[];

/* All rules of all families, numbered; NULL beyond the end. The first ones have no test: the file's reader counts the
 * checksums and what is beside the numbers, and check_presence.h what stands where a number or NaN must. */
enum {
    CHECK_CHECKSUM,
    CHECK_RUNTIME_CHECKSUM,
    CHECK_WEIGHT_CHECKSUM,
    CHECK_PROVENANCE_CHECKSUM,
    CHECK_COORDINATES,
    CHECK_STRUCTURE,
    CHECK_PRESENCE,
    CHECK_WEIGHT_PRESENCE
};
size_t check_rule_count(void);
const struct check_rule *check_rule_at(size_t number);

/* One test, counted; a NaN margin is wrong. */
void check_count_margin(struct check_tally *tally, double margin);
void check_count(struct check_tally *tally, bool is_right);

/* What the position says. */
bool check_is_untied(const struct checked_cell *cell);
bool check_is_identity(const struct checked_cell *cell);
bool check_is_error_given(const struct checked_cell *cell); /* by a network file, as e_0 */
long check_hidden_size(const struct checked_cell *cell);
long check_index_size(const struct checked_cell *cell); /* of the dimension `index` */

/* ln(gamma ||W||_2) and ln(gamma rho(W)) of W as used; NaN for untied weights or where unknown. */
double check_log_norm_condition(const struct checked_cell *cell);
double check_log_radius_condition(const struct checked_cell *cell);

/* Laws whose W may be so far from normal that powers and eigenvalues lose many digits. */
bool check_is_far_from_normal(const struct checked_cell *cell);

/* By how much ln ||J_l||_2 - ln bound may be wrong: the tolerance, the error of ln ||W||_2 and rounding. */
double check_uncertainty(const struct checked_cell *cell, long lag);

/* l c d u: rounding of l steps relative to (gamma ||W||_2)^l (gradient/bound.c has c). */
double check_step_rounding(const struct checked_cell *cell, double steps);

/* By how much the logarithms of two products of l factors may differ that were associated differently: rounding grows
 * by what cancels, at most by the bound over the norm. */
double check_association_error(const struct checked_cell *cell, long lag, double log_norm, double log_bound);

/* For values that are computed twice in different orders: 1e-11 relative to their size. */
double check_recomputation(double value);

/* How far two logarithms that should be equal are inside `allowed`, and how far `small` is below `large` + allowed;
 * both right for -inf against -inf. */
double check_equality_margin(double a, double b, double allowed);
double check_order_margin(double small, double large, double allowed);

/* ln(exp(a) + exp(b)), for sums that are kept as logarithms. */
double check_log_add(double a, double b);

#endif
