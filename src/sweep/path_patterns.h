/* Paths of network files that are patterns, {kind: file, path: checkpoints/step*.h5}: one entry for each file; private
 * to sweep/. Not collective: the process that reads the sweep file looks for the files. */
#ifndef GRADSWEEP_SWEEP_PATH_PATTERNS_H
#define GRADSWEEP_SWEEP_PATH_PATTERNS_H

#include "sweep/reader.h"

/* Makes *ensembles, the node of weights.ensemble in the tree, a list in which an entry whose path has wildcards (*, ?,
 * [...]) has become one for each file that fits, in natural order of their names (step9 before step10), labelled by the
 * file's name without its ending. A path that is a file's very name is no pattern, and nothing is one where no file may
 * be opened. A pattern without files, or with two files of one label, is a mistake; then reader->has_bad_patterns is
 * true, and the entries are not to be read. Errors: STATUS_MEMORY. */
CHECKED enum status path_patterns_expand(struct reader *reader, struct yaml_node **ensembles);

#endif
