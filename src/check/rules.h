/* All rules that a results file is checked against, numbered: those of the file itself, and those in the rows of the
 * measures and of what is kept of W (gradient/rule.h). Not collective. */
#ifndef GRADSWEEP_CHECK_RULES_H
#define GRADSWEEP_CHECK_RULES_H

#include "gradient/rule.h"

/* The first ones have no test: the file's reader counts the checksums and what is beside the numbers, and
 * check/presence.h what stands where a number or NaN must. */
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

/* NULL beyond the end. */
size_t check_rule_count(void);
const struct measure_rule *check_rule_at(size_t number);

#endif
