/* A results file checked, by one process and without MPI, while a run may be writing: what was counted, and how it is
 * printed. Memory does not grow with the grid. Not collective. */
#ifndef GRADSWEEP_CHECK_H
#define GRADSWEEP_CHECK_H

#include "check/presence.h"
#include "store/results_file.h"
#include "store/seal.h"

#include <stdio.h>

enum { CHECK_VERDICTS = 4, CHECK_EXAMPLES = 10 };

/* How often growth_rate > 0 where a condition foretells growth, and not where it does not. */
struct check_agreement {
    uint64_t cells;
    uint64_t agreeing;
};

struct check_activation {
    struct check_agreement by_radius; /* gamma rho(W) > 1 */
    struct check_agreement by_norm;   /* gamma ||W||_2 > 1 */
};

struct check_example {
    uint64_t cell;
    size_t rule;
};

struct check_summary {
    struct rule_tally *rules;        /* [check_rule_count()] */
    struct check_presence *presence; /* [datasets of the measures] */
    struct store_tally tally;        /* done and failed: only those whose checksum is right */
    uint64_t failures[FAILURE_CODES];
    uint64_t verdicts[CHECK_VERDICTS];
    struct check_activation *activations; /* [activation_count] */
    struct seal_faults seal;
    uint64_t wrong_cells;
    struct check_example examples[CHECK_EXAMPLES];
};

/* Verifies completeness, checksums and everything that must be true of the numbers (check/rules.h), and prints what was
 * checked, on how many values, what was wrong and by what margin the rest is right; the bound's verdicts; and how often
 * the two conditions foretell the observed growth. STATUS_OK only for a complete file without a fault;
 * STATUS_CHECK_FOUND for pending, failed or wrong cells; other errors as above. */
CHECKED enum status check_file(const char *path, FILE *out);

/* Reads the whole file in blocks. Release the summary with check_summary_free, also on failure. Errors: STATUS_IO,
 * STATUS_MEMORY. */
CHECKED enum status check_results_file(const struct results_file *file, struct check_summary *summary);

void check_summary_free(struct check_summary *summary);
SCOPED_VALUE(check_summary, check_summary_free)

void check_print(const struct results_file *file, const struct check_summary *summary, FILE *out);

#endif
