/* Things of several kinds, each with its parameters: a name, or {kind: name, parameters...}. */
#include "sweep/keys.h"
#include "sweep/network_files.h"
#include "sweep/schema.h"
#include "sweep/text.h"

#include <math.h>
#include <string.h>

enum { MAX_KINDS = 64, KEYS_OF_A_KIND = SCHEMA_MAX_PARAMETERS + 2 + NETWORK_FILE_KEYS };

/* What a mapping may say beside its kind and the kind's parameters; ORed. */
enum { TAKES_LABEL = 1, TAKES_FILE = 2 };

_Static_assert((int)ENSEMBLE_MAX_PARAMETERS <= (int)SCHEMA_MAX_PARAMETERS, "an ensemble's parameters must fit");

/* Which of names[count] the node asks for; -1 after a mistake. */
static enum status read_kind(struct reader *reader, const struct yaml_node *node, const char *path,
                             const char *expected, size_t count, const char *const *names, long *number)
{
    *number = -1;
    long entry = yaml_find(node, "kind");
    if (node->kind == YAML_MAPPING && entry < 0)
        return mistakes_add(reader->mistakes, &node->place, "%s: kind is missing", path);
    const struct yaml_node *kind = entry >= 0 ? node->items[entry] : node;
    if (kind->kind != YAML_SCALAR || yaml_is_null(kind))
        return reader_expected(reader, kind, path, entry >= 0 ? "the name of a kind" : expected);
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], kind->text) == 0)
            *number = (long)i;
    return *number >= 0 ? STATUS_OK : reader_unknown(reader, kind, path, "kind", count, names);
}

/* A list or a range: the values of an axis. */
static enum status read_optional_axis(struct reader *reader, const struct yaml_node *node, const char *path,
                                      const struct parameter_rule *rule, double *value)
{
    const struct axis_rule *axis = axes_rule(rule->axis);
    char *sweep = (char *)reader->sweep;
    double *read = NULL, **kept = (double **)(sweep + axis->values);
    long count = 0;
    TRY(reader_axis(reader, node, path, &rule->range, false, &read, &count));
    TRY(arena_allocate(reader->owned, kept, count));
    if (count > 0)
        memcpy(*kept, read, (size_t)count * sizeof *read);
    *(long *)(sweep + axis->length) = count;
    *(bool *)(sweep + axis->is_there) = true;
    *value = count > 0 ? read[0] : rule->default_value;
    return STATUS_OK;
}

static enum status read_parameter(struct reader *reader, const struct yaml_node *node, const char *path,
                                  const struct parameter_rule *rule, double *value)
{
    bool is_good = false;
    if (rule->axis != 0 && node->kind != YAML_SCALAR)
        return read_optional_axis(reader, node, path, rule, value);
    return reader_number(reader, node, path, &rule->range, value, &is_good);
}

static enum status read_parameters(struct reader *reader, const struct yaml_node *node, const char *path,
                                   const char *kind, size_t count, const struct parameter_rule *rules, unsigned takes,
                                   double *values)
{
    const char *keys[KEYS_OF_A_KIND] = { "kind" };
    size_t key_count = 1;
    for (size_t i = 0; i < count; i++)
        keys[key_count++] = rules[i].name;
    for (size_t i = 0; i < NETWORK_FILE_KEYS && takes & TAKES_FILE; i++)
        keys[key_count++] = network_files_keys[i];
    if (takes & TAKES_LABEL)
        keys[key_count++] = "label";
    char kind_path[2 * SCHEMA_PATH];
    snprintf(kind_path, sizeof kind_path, "%s of kind %s", path, kind);
    if (node->kind == YAML_MAPPING)
        TRY(keys_check(reader, node, kind_path, key_count, keys));
    for (size_t i = 0; i < count; i++) {
        char parameter_path[2 * SCHEMA_PATH];
        snprintf(parameter_path, sizeof parameter_path, "%s.%s", path, rules[i].name);
        long entry = yaml_find(node, rules[i].name);
        values[i] = rules[i].default_value;
        if (entry >= 0)
            TRY(read_parameter(reader, node->items[entry], parameter_path, &rules[i], &values[i]));
        else if (isnan(rules[i].default_value))
            TRY(mistakes_add(reader->mistakes, &node->place, "%s: %s is missing (%s)", path, rules[i].name,
                             rules[i].help));
    }
    return STATUS_OK;
}

enum status read_choice(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                        const char *path)
{
    const char *names[MAX_KINDS];
    for (size_t i = 0; i < rule->choice_count; i++)
        names[i] = rule->choices[i].name;
    long number = 0;
    TRY(read_kind(reader, node, path, rule->expected, rule->choice_count, names, &number));
    if (number < 0)
        return STATUS_OK;
    const struct choice *choice = &rule->choices[number];
    double values[SCHEMA_MAX_PARAMETERS] = { 0 };
    TRY(read_parameters(reader, node, path, choice->name, choice->parameter_count, choice->parameters,
                        choice->source_offset != 0 ? TAKES_FILE : 0, values));
    if (choice->source_offset != 0)
        TRY(network_files_read(reader, node, path,
                               (struct network_source *)((char *)reader->sweep + choice->source_offset)));
    *(unsigned *)((char *)reader->sweep + rule->offset) = choice->value;
    for (size_t i = 0; i < choice->parameter_count; i++) {
        char *field = (char *)reader->sweep + choice->parameters[i].offset;
        if (choice->parameters[i].range.is_integer)
            *(long *)field = (long)values[i];
        else
            *(double *)field = values[i];
    }
    return STATUS_OK;
}

static void write_optional_axis(const struct sweep *sweep, enum sweep_axis axis, FILE *stream)
{
    const long length = axes_length(sweep, axis);
    for (long i = 0; i < length; i++) {
        fputs(i == 0 ? "[" : ", ", stream);
        number_write(axes_value(sweep, axis, i).real, stream);
    }
    fputc(']', stream);
}

void write_choice(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    unsigned value = *(const unsigned *)((const char *)sweep + rule->offset);
    const struct choice *choice = rule->choices;
    while (choice->value != value)
        choice++;
    fprintf(stream, "{kind: %s", choice->name);
    for (size_t i = 0; i < choice->parameter_count; i++) {
        const char *field = (const char *)sweep + choice->parameters[i].offset;
        fprintf(stream, ", %s: ", choice->parameters[i].name);
        if (choice->parameters[i].axis != 0 && axes_has(sweep, choice->parameters[i].axis))
            write_optional_axis(sweep, choice->parameters[i].axis, stream);
        else if (choice->parameters[i].range.is_integer)
            fprintf(stream, "%ld", *(const long *)field);
        else
            number_write(*(const double *)field, stream);
    }
    if (choice->source_offset != 0)
        network_files_write((const struct network_source *)((const char *)sweep + choice->source_offset), stream);
    fputc('}', stream);
}

static void explain_kind(const char *name, const char *help, size_t count, const struct parameter_rule *rules,
                         FILE *stream)
{
    fprintf(stream, "    %s: %s\n", name, help);
    for (size_t i = 0; i < count; i++) {
        char range[NUMBER_RANGE_TEXT];
        number_describe_range(&rules[i].range, range);
        fprintf(stream, "        %s: %s, %s%s (", rules[i].name, rules[i].help, range,
                rules[i].axis != 0 ? ", or a list or {start, stop, num}: an axis" : "");
        if (isnan(rules[i].default_value))
            fputs("required)\n", stream);
        else
            fprintf(stream, "default %g)\n", rules[i].default_value);
    }
}

void explain_choice(const struct key_rule *rule, FILE *stream)
{
    for (size_t i = 0; i < rule->choice_count; i++) {
        const struct choice *choice = &rule->choices[i];
        explain_kind(choice->name, choice->help, choice->parameter_count, choice->parameters, stream);
        if (choice->source_offset != 0)
            network_files_explain(false, stream);
    }
}

void schema_ensemble_parameters(const struct ensemble_kind *kind, struct parameter_rule *rules)
{
    for (size_t i = 0; i < kind->parameter_count; i++) {
        const struct ensemble_parameter *parameter = &kind->parameters[i];
        rules[i] = (struct parameter_rule){ .name = parameter->name,
                                            .help = parameter->help,
                                            .default_value = parameter->default_value,
                                            .range = { .lowest = parameter->lowest,
                                                       .highest = parameter->highest,
                                                       .lowest_excluded = parameter->lowest_excluded } };
    }
}

void explain_ensembles(const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (size_t number = 0; number < ensemble_kind_count(); number++) {
        const struct ensemble_kind *kind = ensemble_kind_at(number);
        struct parameter_rule rules[ENSEMBLE_MAX_PARAMETERS];
        schema_ensemble_parameters(kind, rules);
        explain_kind(kind->name, kind->help, kind->parameter_count, rules, stream);
        if (kind->is_file)
            network_files_explain(true, stream);
    }
}

static enum status read_label(struct reader *reader, const struct yaml_node *node, const char *path,
                              struct ensemble *ensemble)
{
    long entry = yaml_find(node, "label");
    const char *label = ensemble->kind->name;
    if (entry >= 0) {
        const struct yaml_node *given = node->items[entry];
        if (given->kind != YAML_SCALAR || yaml_is_null(given) || given->text[0] == '\0')
            return reader_expected(reader, given, path, "a text for the label");
        label = given->text;
    }
    return arena_copy_text(reader->owned, label, strlen(label), &ensemble->label);
}

static enum status add_ensemble(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                                const char *path)
{
    struct sweep *sweep = reader->sweep;
    const char *names[MAX_KINDS];
    size_t kinds = 0;
    for (; kinds < ensemble_kind_count() && kinds < MAX_KINDS; kinds++)
        names[kinds] = ensemble_kind_at(kinds)->name;
    long number = 0;
    TRY(read_kind(reader, node, path, rule->expected, kinds, names, &number));
    if (number < 0)
        return STATUS_OK;
    struct ensemble ensemble = { .kind = ensemble_kind_at((size_t)number) };
    struct parameter_rule rules[ENSEMBLE_MAX_PARAMETERS];
    schema_ensemble_parameters(ensemble.kind, rules);
    TRY(read_parameters(reader, node, path, ensemble.kind->name, ensemble.kind->parameter_count, rules,
                        TAKES_LABEL | (ensemble.kind->is_file ? TAKES_FILE : 0), ensemble.parameters));
    if (ensemble.kind->is_file)
        TRY(network_files_read(reader, node, path, &ensemble.source));
    TRY(read_label(reader, node, path, &ensemble));
    if (ensemble.label == NULL)
        return STATUS_OK;
    for (long i = 0; i < sweep->ensemble_count; i++)
        if (strcmp(sweep->ensembles[i].label, ensemble.label) == 0)
            return mistakes_add(reader->mistakes, &node->place,
                                "%s: two entries are called \"%s\"; give them labels: {kind: %s, label: ...}", path,
                                ensemble.label, ensemble.kind->name);
    sweep->ensembles[sweep->ensemble_count++] = ensemble;
    return STATUS_OK;
}

enum status read_ensembles(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                           const char *path)
{
    bool is_list = node->kind == YAML_SEQUENCE;
    long count = is_list ? node->count : 1;
    size_t mistakes_before = reader->mistakes->count;
    if (reader->has_bad_patterns)
        return STATUS_OK;
    if (count == 0)
        return mistakes_add(reader->mistakes, &node->place, "%s: the list is empty", path);
    if (count > ENSEMBLES_MAX)
        return mistakes_add(reader->mistakes, &node->place, "%s: the axis holds at most %d ensembles, not %ld", path,
                            ENSEMBLES_MAX, count);
    TRY(arena_allocate(reader->owned, &reader->sweep->ensembles, count));
    for (long i = 0; i < count; i++)
        TRY(add_ensemble(reader, rule, is_list ? node->items[i] : node, path));
    if (reader->mistakes->count > mistakes_before)
        reader->sweep->ensemble_count = 0; /* nothing is checked against what is not known */
    return STATUS_OK;
}

void write_ensembles(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (long number = 0; number < sweep->ensemble_count; number++) {
        const struct ensemble *ensemble = &sweep->ensembles[number];
        fprintf(stream, "%s{kind: %s", number == 0 ? "[" : ", ", ensemble->kind->name);
        for (size_t i = 0; i < ensemble->kind->parameter_count; i++) {
            fprintf(stream, ", %s: ", ensemble->kind->parameters[i].name);
            number_write(ensemble->parameters[i], stream);
        }
        if (ensemble->kind->is_file)
            network_files_write(&ensemble->source, stream);
        fputs(", label: ", stream);
        text_write_quoted(ensemble->label, stream);
        fputc('}', stream);
    }
    fputc(']', stream);
}
