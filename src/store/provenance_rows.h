/* The rows of `provenance`, one JSON text a run, each with a checksum. Private to store/. Not collective. */
#ifndef GRADSWEEP_STORE_PROVENANCE_ROWS_H
#define GRADSWEEP_STORE_PROVENANCE_ROWS_H

#include "store/results_file.h"

/* A file of version 1 has no checksums: what is written there is taken for intact. */
enum row_state { ROW_FREE, ROW_INTACT, ROW_DAMAGED };

/* Row 0 .. PROVENANCE_RUNS-1 into text, NUL-terminated. Errors: STATUS_IO. */
CHECKED enum status provenance_rows_read(const struct results_file *file, uint64_t row,
                                         char text[PROVENANCE_CHARACTERS + 1], enum row_state *state);

/* The row, then its checksum. Errors: STATUS_IO; STATUS_INTERNAL for a longer text. */
CHECKED enum status provenance_rows_write(const struct results_file *file, uint64_t row, const char *text);

/* Empties the damaged rows behind row `next`, of which nothing can be told any more. Errors: STATUS_IO. */
CHECKED enum status provenance_rows_empty_damaged(const struct results_file *file, uint64_t next);

/* The first row that is free or damaged (of which nothing can be told any more), PROVENANCE_RUNS where there is none;
 * and the last intact one before it, -1 for none. Errors: STATUS_IO. */
CHECKED enum status provenance_rows_find(const struct results_file *file, uint64_t *next, int64_t *last);

#endif
