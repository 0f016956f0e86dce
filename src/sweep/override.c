/* --set grid.gamma=[0.5,1]: values put into the tree before it is read, so that they are validated as the file is. */
#include "sweep/characters.h"
#include "sweep/document.h"

#include <string.h>

struct override {
    struct source key;   /* the whole text, called "--set" */
    struct source value; /* the text behind '=', called "--set grid.gamma" */
    size_t path_length;
};

/* The whole text, a source of its own; *is_good false after a mistake. */
static enum status make_key_source(struct reader *reader, const char *text, size_t number, struct override *override,
                                   bool *is_good)
{
    char *copy = NULL;
    TRY(arena_copy_text(reader->scratch, text, strlen(text), &copy));
    int order = (int)number + 1; /* the file comes first */
    override->key = (struct source){ .name = "--set", .text = copy, .length = strlen(copy), .order = order };
    TRY(characters_check(&override->key, reader->mistakes, is_good));
    const char *equals = strchr(copy, '=');
    if (!*is_good || (equals != NULL && equals > copy)) {
        override->path_length = equals == NULL ? 0 : (size_t)(equals - copy);
        return STATUS_OK;
    }
    *is_good = false;
    struct place place = { .source = &override->key, .width = override->key.length };
    return mistakes_add(reader->mistakes, &place, "expected KEY=VALUE, such as grid.gamma=[0.5,1]");
}

/* The part behind '='. */
static enum status make_value_source(struct reader *reader, struct override *override)
{
    char *name = NULL;
    size_t name_size = override->path_length + sizeof "--set ";
    TRY(arena_allocate(reader->scratch, &name, name_size));
    snprintf(name, name_size, "--set %.*s", (int) override->path_length, override->key.text);
    const char *value = override->key.text + override->path_length + 1;
    override->value =
        (struct source){ .name = name, .text = value, .length = strlen(value), .order = override->key.order };
    return STATUS_OK;
}

static enum status make_key(struct reader *reader, const struct place *place, struct yaml_node **key)
{
    TRY(arena_allocate(reader->scratch, key, 1));
    (*key)->kind = YAML_SCALAR;
    (*key)->place = *place;
    return arena_copy_text(reader->scratch, place->source->text + place->offset, place->width, &(*key)->text);
}

/* Walks down the path from *node, making mappings that are missing, and sets the last key's value. */
static enum status set_value(struct reader *reader, const struct override *override, struct yaml_node *node,
                             struct yaml_node *value)
{
    for (size_t offset = 0;;) {
        const char *name = override->key.text + offset;
        size_t length = strcspn(name, ".=");
        struct place place = { .source = &override->key, .offset = offset, .width = length == 0 ? 1 : length };
        if (length == 0)
            return mistakes_add(reader->mistakes, &place, "a name is missing here");
        if (node->kind != YAML_MAPPING)
            return mistakes_add(reader->mistakes, &place, "\"%.*s\" is no mapping in the file; set it as a whole",
                                (int)offset - 1, override->key.text);
        struct yaml_node *key = NULL;
        TRY(make_key(reader, &place, &key));
        long entry = yaml_find(node, key->text);
        offset += length + 1;
        bool is_last = offset > override->path_length;
        if (entry >= 0 && is_last) {
            node->keys[entry] = key; /* what its section lacks is then said of the override */
            node->items[entry] = value;
        } else if (entry < 0 || yaml_is_null(node->items[entry])) {
            struct yaml_node *item = value;
            if (!is_last)
                TRY(yaml_make_mapping(reader->scratch, &place, &item));
            if (entry < 0)
                TRY(yaml_append(reader->scratch, node, key, item));
            entry = entry < 0 ? node->count - 1 : entry;
            node->items[entry] = item;
        }
        if (is_last)
            return STATUS_OK;
        TRY(yaml_copy(reader->scratch, node->items[entry], &node->items[entry])); /* it may stand elsewhere too */
        node = node->items[entry];
    }
}

enum status override_parse(struct reader *reader, const char *text, size_t number, struct yaml_node **root)
{
    struct override *override = NULL;
    struct yaml_node *value = NULL;
    bool is_good = false;
    TRY(arena_allocate(reader->scratch, &override, 1));
    TRY(make_key_source(reader, text, number, override, &is_good));
    if (!is_good)
        return STATUS_OK;
    TRY(make_value_source(reader, override));
    size_t mistakes_before = reader->mistakes->count;
    TRY(yaml_parse(reader->scratch, &override->value, reader->mistakes, &value));
    if (reader->mistakes->count > mistakes_before)
        return STATUS_OK;
    struct place place = { .source = &override->value, .offset = 0, .width = 1 };
    if (value == NULL) /* "grid.gamma=": an empty document, read as null */
        TRY(make_key(reader, &(struct place){ .source = &override->value }, &value));
    value->is_plain = value->kind == YAML_SCALAR && (value->is_plain || value->text[0] == '\0');
    if (*root == NULL)
        TRY(yaml_make_mapping(reader->scratch, &place, root));
    return set_value(reader, override, *root, value);
}
