/* The rules that apply to a results file, bound to its datasets, and their application to cells and weights as these
 * are read. Not collective. */
#ifndef GRADSWEEP_CHECK_APPLY_H
#define GRADSWEEP_CHECK_APPLY_H

#include "check/rules.h"
#include "store/results_file.h"

struct check_applier;

/* `file` must outlive it. Release with check_applier_close. Errors: STATUS_MEMORY. */
CHECKED enum status check_applier_open(const struct results_file *file, struct check_applier **applier);
void check_applier_close(struct check_applier *applier);
SCOPED_HANDLE(check_applier, check_applier_close)

/* Of the file. */
const struct sweep *check_applier_sweep(const struct check_applier *applier);

/* Whether rule `number` finds all its datasets in a sweep's file. */
bool check_applies(const struct sweep *sweep, size_t number);

/* Reads the values of a WEIGHT, unless they were the last read already. Errors: STATUS_IO. */
CHECKED enum status check_applier_read_weight(struct check_applier *applier, uint64_t weight);

/* The cell at a position; the values of its WEIGHT must have been read last. */
struct measured_cell check_applier_cell(const struct check_applier *applier, struct cell position);

/* The values of a cell, which is number i of a block of results, in dataset number `dataset` of the table of measures;
 * those of the WEIGHT read last for a dataset of WEIGHT shape, for which `results` may be NULL. */
const void *check_applier_values(const struct check_applier *applier, const struct cell_results *results, uint64_t i,
                                 size_t dataset);

/* The measures, one bit each, that did not fail in a failed cell, number i of a block of results: none for a failure of
 * the whole cell, else those that have any value there. */
unsigned check_applier_measured(const struct check_applier *applier, const struct cell_results *results, uint64_t i);

/* Applies the rules whose datasets all belong to the measures `measured` to a cell, which is number i of a block of
 * results, adding to tallies[check_rule_count()]. True if all is right, else *broken is the number of the first rule
 * that is not. After a gate that is broken nothing else is tested: it would only say so again. */
bool check_applier_cell_is_right(const struct check_applier *applier, const struct measured_cell *cell,
                                 const struct cell_results *results, uint64_t i, unsigned measured,
                                 struct rule_tally *tallies, size_t *broken);

/* Applies all rules of weights to the WEIGHT read last. */
void check_applier_test_weight(const struct check_applier *applier, struct rule_tally *tallies);

#endif
