/* Results that a sweep asks for and that cannot be had: refused where a measure would give nothing, else told before
 * the work starts. Private to sweep/, but for sweep_foresee_absences (sweep/sweep.h). Not collective. */
#ifndef GRADSWEEP_SWEEP_ABSENCES_H
#define GRADSWEEP_SWEEP_ABSENCES_H

#include "sweep/reader.h"

/* Notes, at the node of the list of measures (NULL: default), each measure that would be NaN throughout one ensemble in
 * the dataset that it is about. After network_files_check: what network files hold decides too. Does nothing for
 * effective text of results files, which stay readable. */
CHECKED enum status absences_check(struct reader *reader, const struct yaml_node *measures);

#endif
