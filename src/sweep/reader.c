#include "sweep/reader.h"

#include "sweep/suggest.h"

#include <string.h>

enum { SHOWN_TEXT = 60, LIST_TEXT = 1024 };

/* How many bytes of a text a message shows: whole characters. */
static int shown_length(const char *text)
{
    int length = (int)strnlen(text, SHOWN_TEXT);
    if (text[length] != '\0')
        while (length > 0 && ((unsigned char)text[length] & 0xC0) == 0x80)
            length--;
    return length;
}

static void describe_plain(const char *found, char *text, size_t size)
{
    char hint[NUMBER_HINT_TEXT];
    number_explain(found, hint);
    const char *open = hint[0] == '\0' ? "" : " (", *close = hint[0] == '\0' ? "" : ")";
    snprintf(text, size, "%.*s%s%s%s", shown_length(found), found, open, hint, close);
}

/* How a message shows what stands in the file, into text[size]. */
static void describe_node(const struct yaml_node *node, char *text, size_t size)
{
    double number = 0;
    if (node->kind == YAML_SEQUENCE)
        snprintf(text, size, "a list");
    else if (node->kind == YAML_MAPPING)
        snprintf(text, size, "a mapping");
    else if (yaml_is_null(node))
        snprintf(text, size, "nothing");
    else if (!node->is_plain)
        snprintf(text, size, "the text \"%.*s\"%s", shown_length(node->text), node->text,
                 number_parse(node->text, &number) ? " (without quotes it is a number)" : "");
    else
        describe_plain(node->text, text, size);
}

enum status reader_expected(struct reader *reader, const struct yaml_node *node, const char *path, const char *expected)
{
    char found[SHOWN_TEXT + NUMBER_HINT_TEXT + 16];
    describe_node(node, found, sizeof found);
    return mistakes_add(reader->mistakes, &node->place, "%s: expected %s, found %s", path, expected, found);
}

static void join_names(size_t count, const char *const *names, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t number = 0; number < count && length < size; number++)
        length += (size_t)snprintf(text + length, size - length, "%s%s", number == 0 ? "" : ", ", names[number]);
}

enum status reader_unknown(struct reader *reader, const struct yaml_node *node, const char *path, const char *what,
                           size_t count, const char *const *names)
{
    const char *prefix = path[0] == '\0' ? "" : ": ";
    int shown = shown_length(node->text);
    const char *nearest = suggest_nearest(node->text, count, names);
    if (nearest != NULL)
        return mistakes_add(reader->mistakes, &node->place, "%s%sunknown %s \"%.*s\"; did you mean \"%s\"?", path,
                            prefix, what, shown, node->text, nearest);
    char list[LIST_TEXT];
    join_names(count, names, list, sizeof list);
    return mistakes_add(reader->mistakes, &node->place, "%s%sunknown %s \"%.*s\"; known: %s", path, prefix, what, shown,
                        node->text, list);
}

enum status reader_number(struct reader *reader, const struct yaml_node *node, const char *path,
                          const struct number_range *range, double *value, bool *is_good)
{
    double number = 0;
    *is_good = node->kind == YAML_SCALAR && node->is_plain && number_parse(node->text, &number) &&
               number_is_within(range, number);
    if (*is_good) {
        *value = number + 0.0; /* -0 is 0, and draws and hashes the same */
        return STATUS_OK;
    }
    char expected[NUMBER_RANGE_TEXT];
    number_describe_range(range, expected);
    return reader_expected(reader, node, path, expected);
}

enum status reader_flag(struct reader *reader, const struct yaml_node *node, const char *path, bool *value,
                        bool *is_good)
{
    *value = yaml_is_word(node, "true") || yaml_is_word(node, "True") || yaml_is_word(node, "TRUE");
    *is_good = *value || yaml_is_word(node, "false") || yaml_is_word(node, "False") || yaml_is_word(node, "FALSE");
    return *is_good ? STATUS_OK : reader_expected(reader, node, path, "true or false");
}

long reader_item_count(const struct yaml_node *node)
{
    return node->kind == YAML_SEQUENCE ? node->count : 1;
}

const struct yaml_node *reader_item_at(const struct yaml_node *node, long number)
{
    return node->kind == YAML_SEQUENCE ? node->items[number] : node;
}
