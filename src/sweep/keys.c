#include "sweep/keys.h"

#include "sweep/schema.h"

#include <string.h>

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

enum status keys_check(struct reader *reader, const struct yaml_node *mapping, const char *path, size_t count,
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
