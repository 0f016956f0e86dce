/* The list of activations. */
#include "sweep/schema.h"

#include <string.h>

enum { MAX_NAMES = 64 };

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
    if (reader_item_count(node) == 0)
        return mistakes_add(reader->mistakes, &node->place, "%s: the list is empty", path);
    TRY(arena_allocate(reader->owned, &reader->sweep->activations, activation_count()));
    for (long i = 0; i < reader_item_count(node); i++)
        TRY(add_activation(reader, rule, reader_item_at(node, i), path));
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
