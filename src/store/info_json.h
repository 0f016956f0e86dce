/* What `info` tells, as one JSON object. Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_INFO_JSON_H
#define GRADSWEEP_STORE_INFO_JSON_H

#include "store/results_file.h"

#include <stdio.h>

/* One line: path, title, sweep_hash, git_revision, format_version, is_running, cells, done, failed, pending,
 * cells_per_second, seconds_to_go, failures {reason: cells}, axes {name: [values]}, runs [objects as they stand in the
 * file; null for damaged ones], damage [texts]. Errors: STATUS_IO, STATUS_MEMORY; STATUS_FOREIGN_FILE where something
 * is damaged, after it was written. */
CHECKED enum status info_json_write(const struct results_file *file, FILE *out);

#endif
