/* The tree of a sweep file made a sweep; private to sweep/. Not collective. */
#ifndef GRADSWEEP_SWEEP_DOCUMENT_H
#define GRADSWEEP_SWEEP_DOCUMENT_H

#include "sweep/reader.h"

/* Reads every key of the tree, or its default, and checks them against each other. `root` (NULL: an empty file) is the
 * tree of `source`, with whatever overrides have put into it. Mistakes are noted; errors: STATUS_MEMORY. */
CHECKED enum status document_read(struct reader *reader, const struct source *source, const struct yaml_node *root);

/* Puts the value of "grid.gamma=[0.5,1]" into the tree, making sections that are not there; whether such a key exists
 * is checked by document_read. `number` counts the overrides from 0. What is no override, for want of a key or of '=',
 * is a mistake as others are. Errors: STATUS_MEMORY. */
CHECKED enum status override_parse(struct reader *reader, const char *text, size_t number, struct yaml_node **root);

/* The value of one key as the effective text has it; *text is allocated (free). Errors: STATUS_MEMORY. */
struct key_rule;
CHECKED enum status effective_value(const struct sweep *sweep, const struct key_rule *rule, char **text);

/* STATUS_REFUSED, naming the first key whose effective value differs and both values, where one differs that is neither
 * the name nor left out. What others depend on (the lags, of the steps) is named before these. leave_out (may be NULL)
 * takes away from a sweep, a copy that owns nothing, what of its keys is not compared. */
CHECKED enum status effective_require_same(const struct sweep *asked, const struct sweep *in_file,
                                           bool (*is_left_out)(const struct key_rule *rule),
                                           void (*leave_out)(struct sweep *sweep));

/* Fills sweep->text, from `arena`, and sweep->hash. Errors: STATUS_MEMORY. */
CHECKED enum status effective_fill(struct arena *arena, struct sweep *sweep);

#endif
