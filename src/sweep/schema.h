/* The schema of the sweep file: one table that drives reading, messages, the help text and the effective values.
 * Private to sweep/. Not collective. */
#ifndef GRADSWEEP_SWEEP_SCHEMA_H
#define GRADSWEEP_SWEEP_SCHEMA_H

#include "sweep/axes.h"
#include "sweep/reader.h"

enum { SCHEMA_MAX_PARAMETERS = 3, SCHEMA_PATH = 64, HIDDEN_SIZE_MAX = 46340, DISTRIBUTE_FROM_AUTO = 4096 };

/* A parameter of a kind, {kind: x, parameter: value}. */
struct parameter_rule {
    const char *name;
    const char *help;
    double default_value; /* NaN: required */
    struct number_range range;
    size_t offset; /* in struct sweep: a long where the range says integer, else a double. Unused for ensembles */
    enum sweep_axis axis; /* the optional axis that a list or a range makes of it; 0, which is always there: none */
};

struct choice {
    const char *name;
    const char *help;
    unsigned value; /* of the enum that says which */
    size_t parameter_count;
    struct parameter_rule parameters[SCHEMA_MAX_PARAMETERS];
    size_t source_offset; /* of the struct network_source in struct sweep, where it comes from a file; else 0 */
};

struct key_rule {
    const char *section; /* "" for the top level */
    const char *name;
    const char *help;
    const char *expected;     /* the form of a value, for messages and help */
    const char *default_text; /* YAML, read like the file's own; NULL: required */
    enum status (*read)(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                        const char *path);
    void (*write)(const struct sweep *sweep, const struct key_rule *rule, FILE *stream);
    void (*explain)(const struct key_rule *rule, FILE *stream); /* what may be chosen, for the help; or NULL */
    size_t offset;                                              /* of the value in struct sweep */
    size_t count_offset;                                        /* of the length of an axis */
    struct number_range range;
    bool takes_powers;                              /* an axis that may be {log2: N} */
    bool (*is_left_out)(const struct sweep *sweep); /* of the effective text, where the key says nothing; or NULL */
    const struct choice *choices;
    size_t choice_count;
};

/* The rules in the order of the effective text, keys of a section together; NULL beyond the end. */
const struct key_rule *schema_rule(size_t number);

/* The rule of a name in a section, or in any where section is NULL; NULL for none. */
const struct key_rule *schema_find(const char *section, const char *name);

/* The rule of the key that gives an axis its values. */
const struct key_rule *schema_of_axis(enum sweep_axis axis);

/* The sections, "" (the top level) left out; NULL beyond the end. */
const char *schema_section(size_t number);

/* "grid.gamma", or "seed" at the top level, into path[SCHEMA_PATH]. */
void schema_path(const struct key_rule *rule, char *path);

/* Readers and writers by type of value: value.c, ... */
#define SCHEMA_TYPE(type)                                                                                     \
    enum status read_##type(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node, \
                            const char *path);                                                                \
    void write_##type(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
SCHEMA_TYPE(text);
SCHEMA_TYPE(seed);
SCHEMA_TYPE(integer);
SCHEMA_TYPE(integer_or_auto); /* auto is 0 until the whole is known */
SCHEMA_TYPE(anchors);         /* times once the steps are known, by anchors_settle */
SCHEMA_TYPE(real);
SCHEMA_TYPE(certify);
SCHEMA_TYPE(integer_axis);
SCHEMA_TYPE(real_axis);
SCHEMA_TYPE(spectral_radius);
/* ... activations.c and measures.c, ... */
SCHEMA_TYPE(activations);
SCHEMA_TYPE(measures);
/* ... and kinds.c. */
SCHEMA_TYPE(choice);
SCHEMA_TYPE(ensembles);
#undef SCHEMA_TYPE

/* The last steps that measures look back over, by their parameters, which are filled in where the file leaves them out.
 */
long measures_window(struct sweep *sweep);

/* Checks the measures of the node (NULL: none but the default) against the whole sweep, once that is known, and fills
 * in what their parameters' defaults depend on. */
CHECKED enum status measures_settle(struct reader *reader, const struct yaml_node *node);

/* The name in an item of the list of measures: the item itself, or the only key of a mapping. */
const struct yaml_node *measures_name(const struct yaml_node *item);

/* The parameters of a law and of a measure as rules of numbers. rules[ENSEMBLE_MAX_PARAMETERS]. */
void schema_ensemble_parameters(const struct ensemble_kind *kind, struct parameter_rule *rules);
struct number_range schema_measure_range(const struct measure_parameter *parameter);

/* The times of the anchors: the last is T, `steps` where that is given, else the first is so late that the warm-up and
 * the `back` steps lie before it that lags and measures look back over, which must lie there also where T is given.
 * `node` (NULL: not given): of model.anchors. */
CHECKED enum status anchors_settle(struct reader *reader, const struct yaml_node *node, long back);
bool anchors_are_one(const struct sweep *sweep);

void explain_activations(const struct key_rule *rule, FILE *stream);
void explain_measures(const struct key_rule *rule, FILE *stream);
void explain_choice(const struct key_rule *rule, FILE *stream);
void explain_ensembles(const struct key_rule *rule, FILE *stream);

#endif
