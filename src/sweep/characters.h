/* What is wrong with the bytes of a sweep file before it is YAML, or beside that. Not collective. */
#ifndef GRADSWEEP_SWEEP_CHARACTERS_H
#define GRADSWEEP_SWEEP_CHARACTERS_H

#include "sweep/mistake.h"

#include <stdbool.h>

/* Notes the first byte that cannot stand in a sweep file: no UTF-8 (another encoding is named, and so are files of
 * other formats), a control character, a character that readers of YAML 1.1 and 1.2 break lines at differently;
 * *is_good false then. Errors: STATUS_MEMORY. */
CHECKED enum status characters_check(const struct source *source, struct mistakes *mistakes, bool *is_good);

/* Notes characters that look like YAML's own (no-break spaces, typographic quotes and dashes), outside quotes and
 * comments: on lines that have a mistake already, or on all of them. Errors: STATUS_MEMORY. */
CHECKED enum status characters_explain(const struct source *source, struct mistakes *mistakes, bool on_all_lines);

#endif
