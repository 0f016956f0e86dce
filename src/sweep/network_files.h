/* Network files that a sweep names, {kind: file, path: ...}: where they lie and what they hold; private to sweep/.
 * Not collective: the process that reads the sweep file looks into them, the others trust the effective text. */
#ifndef GRADSWEEP_SWEEP_NETWORK_FILES_H
#define GRADSWEEP_SWEEP_NETWORK_FILES_H

#include "sweep/reader.h"

/* Keys of a mapping of kind `file` beside its kind. */
enum { NETWORK_FILE_KEYS = 2 };
extern const char *const network_files_keys[NETWORK_FILE_KEYS];

/* Reads the keys path and content of a node of kind `file`. A relative path starts from the sweep file's folder and is
 * kept as an absolute one. Content, the fingerprints of the arrays, is what effective values add; it is required where
 * no file may be opened, and else checked by network_files_check if it is there. */
CHECKED enum status network_files_read(struct reader *reader, const struct yaml_node *node, const char *path,
                                       struct network_source *source);

/* Writes ", path: ..., content: {...}" of a mapping of kind `file`; no path where the source has none. */
void network_files_write(const struct network_source *source, FILE *stream);

/* The keys and the arrays, for the help. */
void network_files_explain(bool is_ensemble, FILE *stream);

/* Where the sweep file says what files must fit; NULL: it does not, and defaults hold. */
struct network_files_nodes {
    const struct yaml_node *ensembles, *input, *replicas;
};

/* Looks into all files the sweep names: whether they can be read, hold finite numbers, and fit each other, the model
 * and the grid; and takes the fingerprints of what is used. Does nothing where no file may be opened. */
CHECKED enum status network_files_check(struct reader *reader, const struct network_files_nodes *nodes);

#endif
