/* Lists of names: activations and measures. */
#include "sweep/schema.h"

#include "gradient/measure.h"

#include <string.h>

enum { MAX_NAMES = 64 };

/* A scalar stands for a list of itself. */
static long item_count(const struct yaml_node *node)
{
    return node->kind == YAML_SEQUENCE ? node->count : 1;
}

static const struct yaml_node *item_at(const struct yaml_node *node, long number)
{
    return node->kind == YAML_SEQUENCE ? node->items[number] : node;
}

static bool is_name(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && !yaml_is_null(node);
}

static size_t list_activations(const char *names[MAX_NAMES])
{
    size_t count = activation_count() < MAX_NAMES ? activation_count() : MAX_NAMES;
    for (size_t number = 0; number < count; number++)
        names[number] = activation_at(number)->name;
    return count;
}

static enum status add_activation(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                                  const char *path)
{
    struct sweep *sweep = reader->sweep;
    if (!is_name(node))
        return reader_expected(reader, node, path, rule->expected);
    const struct activation *activation = activation_find(node->text);
    if (activation == NULL) {
        const char *names[MAX_NAMES];
        return reader_unknown(reader, node, path, "activation", list_activations(names), names);
    }
    for (long i = 0; i < sweep->activation_count; i++)
        if (sweep->activations[i] == activation)
            return mistakes_add(reader->mistakes, &node->place, "%s: %s is repeated", path, node->text);
    sweep->activations[sweep->activation_count++] = activation;
    return STATUS_OK;
}

enum status read_activations(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                             const char *path)
{
    if (item_count(node) == 0)
        return mistakes_add(reader->mistakes, &node->place, "%s: the list is empty", path);
    TRY(arena_allocate(reader->owned, &reader->sweep->activations, activation_count()));
    for (long i = 0; i < item_count(node); i++)
        TRY(add_activation(reader, rule, item_at(node, i), path));
    return STATUS_OK;
}

void write_activations(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (long i = 0; i < sweep->activation_count; i++)
        fprintf(stream, "%s%s", i == 0 ? "[" : ", ", sweep->activations[i]->name);
    fputc(']', stream);
}

void explain_activations(const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    const char *names[MAX_NAMES];
    size_t count = list_activations(names);
    for (size_t number = 0; number < count; number++)
        fprintf(stream, "%s%s", number == 0 ? "    one of " : ", ", names[number]);
    fputc('\n', stream);
}

static enum status add_measure(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                               const char *path, unsigned *seen)
{
    /* A measure with parameters is {name: {parameter: value}}. */
    bool has_parameters = node->kind == YAML_MAPPING && node->count == 1;
    const struct yaml_node *name = has_parameters ? node->keys[0] : node;
    bool is_refused = false;
    enum measure_id id = MEASURE_COUNT;
    if (!is_name(name))
        return reader_expected(reader, node, path, rule->expected);
    TRY(reader_refuse_unavailable(reader, name, path, name->text, &is_refused));
    if (is_refused)
        return STATUS_OK;
    if (measure_find(name->text, &id) == NULL) {
        const char *names[MEASURE_COUNT];
        for (int number = 0; number < MEASURE_COUNT; number++)
            names[number] = measure_at((enum measure_id)number)->name;
        return reader_unknown(reader, name, path, "measure", MEASURE_COUNT, names);
    }
    if (has_parameters)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s has no parameters", path, name->text);
    if (*seen & 1u << id)
        return mistakes_add(reader->mistakes, &name->place, "%s: %s is repeated", path, name->text);
    *seen |= 1u << id;
    return STATUS_OK;
}

enum status read_measures(struct reader *reader, const struct key_rule *rule, const struct yaml_node *node,
                          const char *path)
{
    unsigned seen = 0;
    for (long i = 0; i < item_count(node); i++)
        TRY(add_measure(reader, rule, item_at(node, i), path, &seen));
    reader->sweep->measures = seen | 1u << MEASURE_JACOBIAN_NORM;
    return STATUS_OK;
}

void write_measures(const struct sweep *sweep, const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    const char *separator = "[";
    for (int id = 0; id < MEASURE_COUNT; id++)
        if (sweep->measures & 1u << id) {
            fprintf(stream, "%s%s", separator, measure_at((enum measure_id)id)->name);
            separator = ", ";
        }
    fputc(']', stream);
}

void explain_measures(const struct key_rule *rule, FILE *stream)
{
    (void)rule;
    for (int id = 0; id < MEASURE_COUNT; id++)
        fprintf(stream, "    %s: %s\n", measure_at((enum measure_id)id)->name, measure_at((enum measure_id)id)->help);
}
