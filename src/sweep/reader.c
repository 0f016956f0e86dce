#include "sweep/reader.h"

#include "sweep/schema.h"
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

static bool is_among(const char *word, size_t count, const char *const *names)
{
    for (size_t number = 0; number < count; number++)
        if (strcmp(word, names[number]) == 0)
            return true;
    return false;
}

/* A right key in the wrong section is told its own; any other gets the nearest that may stand here. */
static enum status unknown_key(struct reader *reader, const struct yaml_node *key, const char *path, size_t count,
                               const char *const *names)
{
    const struct key_rule *rule = schema_find(NULL, key->text);
    if (rule == NULL)
        return reader_unknown(reader, key, path, "key", count, names);
    char right_path[SCHEMA_PATH];
    schema_path(rule, right_path);
    return mistakes_add(reader->mistakes, &key->place, "%s%sunknown key \"%s\"; did you mean \"%s\"?", path,
                        path[0] == '\0' ? "" : ": ", key->text, right_path);
}

enum status reader_check_keys(struct reader *reader, const struct yaml_node *mapping, const char *path, size_t count,
                              const char *const *names)
{
    /* Every key beyond the known ones is a mistake: a mapping of millions is soon enough refused. */
    for (long i = 0; i < mapping->count && reader->mistakes->count < MISTAKES_KEPT; i++) {
        const struct yaml_node *key = mapping->keys[i];
        if (!is_among(key->text, count, names)) {
            TRY(unknown_key(reader, key, path, count, names));
            continue;
        }
        long first = yaml_find(mapping, key->text);
        if (first < i)
            TRY(mistakes_add(reader->mistakes, &key->place, "%s%srepeated key \"%s\"; it stands on line %ld already",
                             path, path[0] == '\0' ? "" : ": ", key->text, place_line(&mapping->keys[first]->place)));
    }
    return STATUS_OK;
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

long reader_item_count(const struct yaml_node *node)
{
    return node->kind == YAML_SEQUENCE ? node->count : 1;
}

const struct yaml_node *reader_item_at(const struct yaml_node *node, long number)
{
    return node->kind == YAML_SEQUENCE ? node->items[number] : node;
}

/* Names of the sweep file's format that this version cannot serve; a row goes when its part comes. */
static const struct {
    const char *path, *name;
} unavailable[] = {
    { "measure", "lyapunov" },
};

enum status reader_refuse_unavailable(struct reader *reader, const struct yaml_node *node, const char *path,
                                      const char *name, bool *is_refused)
{
    *is_refused = false;
    for (size_t row = 0; row < sizeof unavailable / sizeof *unavailable; row++)
        if (strcmp(unavailable[row].path, path) == 0 && strcmp(unavailable[row].name, name) == 0) {
            *is_refused = true;
            return mistakes_add(reader->mistakes, &node->place, "%s: %s is not available in this version", path, name);
        }
    return STATUS_OK;
}
