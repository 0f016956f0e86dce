/* YAML text as a tree of nodes that know their places. Not collective. */
#ifndef GRADSWEEP_SWEEP_YAML_H
#define GRADSWEEP_SWEEP_YAML_H

#include "sweep/mistake.h"

#include <stdbool.h>

enum yaml_kind { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    struct place place;
    char *text;    /* of a scalar */
    bool is_plain; /* a scalar without quotes: it may be a number, a boolean or null */
    /* Items of a sequence, or values of a mapping with its keys (scalars) beside them. An aliased node is shared. */
    struct yaml_node **keys;
    struct yaml_node **items;
    long count;
    long capacity;
};

/* Reads one document into *root, allocated from `arena` like all below it; NULL for an empty one. What is no YAML 1.2,
 * and what no sweep file uses (a second document, tags, keys that are no scalars), becomes a mistake. Repeated keys are
 * left to the reader of the tree. Merge keys ("<<") are resolved. Errors: STATUS_MEMORY. */
CHECKED enum status yaml_parse(struct arena *arena, const struct source *source, struct mistakes *mistakes,
                               struct yaml_node **root);

/* A new mapping without entries, at `place`. Errors: STATUS_MEMORY. */
CHECKED enum status yaml_make_mapping(struct arena *arena, const struct place *place, struct yaml_node **mapping);

/* A mapping or list of its own with the same keys and items, for changes that are not to be seen behind other aliases
 * of it. Errors: STATUS_MEMORY. */
CHECKED enum status yaml_copy(struct arena *arena, const struct yaml_node *node, struct yaml_node **copy);

/* Appends an item (key NULL) or an entry. Errors: STATUS_MEMORY. */
CHECKED enum status yaml_append(struct arena *arena, struct yaml_node *parent, struct yaml_node *key,
                                struct yaml_node *item);

/* The number of the first entry with that key; -1 without one, or where `node` is no mapping. */
long yaml_find(const struct yaml_node *node, const char *key);

/* True for a scalar that says exactly this, quoted or not: for words that are strings. */
bool yaml_is_string(const struct yaml_node *node, const char *text);

/* True for a plain scalar that says exactly this: for words that are no strings, as null and true. */
bool yaml_is_word(const struct yaml_node *node, const char *word);

/* True for null: nothing, ~ or null. */
bool yaml_is_null(const struct yaml_node *node);

#endif
