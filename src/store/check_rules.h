/* What must be true of the results of any cell. Not collective. */
#ifndef GRADSWEEP_STORE_CHECK_RULES_H
#define GRADSWEEP_STORE_CHECK_RULES_H

#include "sweep/grid.h"

#include <stdint.h>

/* code, what is checked */
#define CHECK_RULES(row)                                                                                     \
    row(CHECK_CHECKSUM, "checksum") row(CHECK_VALUES, "values are numbers, flags are known")                 \
        row(CHECK_BOUND_VALUE, "bound = l ln(gamma ||W||_2)") row(CHECK_BOUND_KEPT, "ln ||J_l||_2 <= bound") \
            row(CHECK_VERDICT, "verdict fits norm and bound")                                                \
                row(CHECK_CONDITIONS, "conditions fit gamma ||W||_2 and gamma rho(W)")                       \
                    row(CHECK_GROWTH, "growth_rate is the slope of the norms")                               \
                        row(CHECK_FROBENIUS, "ln ||J_l||_2 <= ln ||J_l||_F <= ln ||J_l||_2 + 0.5 ln d")      \
                            row(CHECK_POWERS, "identity: ||W^(l+m)|| <= ||W^l|| ||W^m||")                    \
                                row(CHECK_RADIUS, "rho(W) <= ||W||_2")

enum check_rule {
#define CHECK_AS_ENUM(code, text) code,
    CHECK_RULES(CHECK_AS_ENUM)
#undef CHECK_AS_ENUM
        CHECK_RULE_COUNT
};

/* What is checked, for people. */
const char *check_rule_text(enum check_rule rule);

/* How a rule fared. A margin is how far a value is inside what is allowed, negative for a wrong one. */
struct check_tally {
    uint64_t tested;
    uint64_t wrong;
    double worst_margin; /* INFINITY before any; yes-or-no rules leave it so */
};

void check_tally_reset(struct check_tally tallies[CHECK_RULE_COUNT]);

/* Counts one test; true if it is right. A NaN margin is wrong. */
bool check_count_margin(struct check_tally *tally, double margin);
bool check_count(struct check_tally *tally, bool is_right);

/* A done cell as read from the file. Arrays run over the lags; NULL where not measured. */
struct checked_cell {
    const struct sweep *sweep;
    struct cell position;
    double weight_radius; /* of W as drawn; NaN: none, or not found */
    double weight_norm;
    const double *log_norms;
    const double *log_bounds;
    const double *log_frobenius_norms;
    const uint8_t *verdicts;
    uint8_t vanishing_guaranteed;
    uint8_t spectral_condition;
    double growth_rate;
};

/* ln(gamma ||W||_2) and ln(gamma rho(W)) of W as used; NaN for untied weights or where unknown. */
double check_log_norm_condition(const struct checked_cell *cell);
double check_log_radius_condition(const struct checked_cell *cell);

/* Applies every rule but the checksum and the weights' to one cell, adding to the tallies. True if all is right, else
 * *broken is a rule that is not. */
bool check_cell(const struct checked_cell *cell, struct check_tally tallies[CHECK_RULE_COUNT], enum check_rule *broken);

#endif
