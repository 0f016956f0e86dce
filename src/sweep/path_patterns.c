#include "sweep/path_patterns.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char path_of_ensembles[] = "weights.ensemble";

/* A path, relative to the sweep file's folder or absolute, as this process finds it; of a pattern (is_pattern), with
 * the folder's own wildcards made plain. */
static enum status find_from_here(struct reader *reader, const char *text, bool is_pattern, char **found)
{
    const size_t folder = text[0] == '/' ? 0 : strlen(reader->folder);
    size_t length = 0;
    TRY(arena_allocate(reader->scratch, found, 2 * folder + strlen(text) + 2));
    for (size_t i = 0; i < folder; i++) {
        if (is_pattern && strchr("*?[]\\", reader->folder[i]))
            (*found)[length++] = '\\';
        (*found)[length++] = reader->folder[i];
    }
    if (length > 0 && (*found)[length - 1] != '/')
        (*found)[length++] = '/';
    strcpy(*found + length, text);
    return STATUS_OK;
}

/* The path's node where an entry is of kind file and the path has wildcards; else NULL. */
static const struct yaml_node *pattern_of(const struct yaml_node *entry)
{
    const long kind = yaml_find(entry, "kind"), path = yaml_find(entry, "path");
    if (kind < 0 || path < 0 || !yaml_is_string(entry->items[kind], "file"))
        return NULL;
    const struct yaml_node *given = entry->items[path];
    return given->kind == YAML_SCALAR && strpbrk(given->text, "*?[") ? given : NULL;
}

static int compare_naturally(const void *left, const void *right)
{
    return strverscmp(*(const char *const *)left, *(const char *const *)right);
}

/* The file's name without folder and ending. */
static enum status find_label(struct reader *reader, const char *path, char **label)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return arena_copy_text(reader->scratch, name, dot && dot > name ? (size_t)(dot - name) : strlen(name), label);
}

static enum status make_scalar(struct reader *reader, const struct place *place, const char *text,
                               struct yaml_node **scalar)
{
    TRY(arena_allocate(reader->scratch, scalar, 1));
    **scalar = (struct yaml_node){ .kind = YAML_SCALAR, .place = *place };
    return arena_copy_text(reader->scratch, text, strlen(text), &(*scalar)->text);
}

/* The entry as it would stand for one of the files. */
static enum status add_file(struct reader *reader, const struct yaml_node *entry, const struct yaml_node *pattern,
                            const char *path, const char *label, struct yaml_node *list)
{
    struct yaml_node *copy = NULL, *key = NULL, *value = NULL;
    TRY(yaml_copy(reader->scratch, entry, &copy));
    TRY(make_scalar(reader, &pattern->place, path, &copy->items[yaml_find(copy, "path")]));
    TRY(make_scalar(reader, &pattern->place, "label", &key));
    TRY(make_scalar(reader, &pattern->place, label, &value));
    TRY(yaml_append(reader->scratch, copy, key, value));
    return yaml_append(reader->scratch, list, NULL, copy);
}

static enum status add_files(struct reader *reader, const struct yaml_node *entry, const struct yaml_node *pattern,
                             size_t count, char *const *paths, size_t folder, struct yaml_node *list)
{
    char **labels = NULL;
    TRY(arena_allocate(reader->scratch, &labels, count));
    for (size_t i = 0; i < count; i++) {
        TRY(find_label(reader, paths[i], &labels[i]));
        for (size_t k = 0; k < i; k++)
            if (strcmp(labels[i], labels[k]) == 0)
                return mistakes_add(
                    reader->mistakes, &pattern->place,
                    "%s: two files of the pattern are called \"%s\", as their ensembles would be: %s and "
                    "%s",
                    path_of_ensembles, labels[i], paths[k], paths[i]);
    }
    for (size_t i = 0; i < count; i++)
        TRY(add_file(reader, entry, pattern, paths[i] + folder, labels[i], list));
    return STATUS_OK;
}

static enum status expand(struct reader *reader, const struct yaml_node *entry, const struct yaml_node *pattern,
                          struct yaml_node *list)
{
    char *from_here = NULL, *prefix = NULL;
    static const char *const own_keys[] = { "label", "content" };
    for (size_t i = 0; i < sizeof own_keys / sizeof *own_keys; i++)
        if (yaml_find(entry, own_keys[i]) >= 0)
            return mistakes_add(reader->mistakes, &entry->keys[yaml_find(entry, own_keys[i])]->place,
                                "%s: %s belongs to one file, and the path is a pattern; each ensemble is labelled by "
                                "its file's name",
                                path_of_ensembles, own_keys[i]);
    TRY(find_from_here(reader, pattern->text, true, &from_here));
    TRY(find_from_here(reader, pattern->text[0] == '/' ? "/" : "", false, &prefix));
    const size_t folder = pattern->text[0] == '/' ? 0 : strlen(prefix);
    glob_t found = { 0 };
    const int result = glob(from_here, 0, NULL, &found);
    enum status status = STATUS_OK;
    if (result == GLOB_NOSPACE)
        status = status_fail(STATUS_MEMORY, "no memory for the files of %s", pattern->text);
    else if (result != 0)
        status = mistakes_add(reader->mistakes, &pattern->place, "%s: no file is called %s", path_of_ensembles,
                              pattern->text);
    else {
        qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_naturally);
        status = add_files(reader, entry, pattern, found.gl_pathc, found.gl_pathv, folder, list);
    }
    globfree(&found);
    return status;
}

/* One entry of the old list, or all that it stands for. */
static enum status add_entry(struct reader *reader, struct yaml_node *entry, struct yaml_node *list)
{
    const struct yaml_node *pattern = pattern_of(entry);
    char *from_here = NULL;
    if (pattern)
        TRY(find_from_here(reader, pattern->text, false, &from_here));
    if (pattern == NULL || access(from_here, F_OK) == 0)
        return yaml_append(reader->scratch, list, NULL, entry);
    return expand(reader, entry, pattern, list);
}

enum status path_patterns_expand(struct reader *reader, struct yaml_node **ensembles)
{
    struct yaml_node *node = *ensembles, *list = NULL;
    const bool is_list = node->kind == YAML_SEQUENCE;
    const size_t mistakes_before = reader->mistakes->count;
    bool has_pattern = false;
    for (long i = 0; i < (is_list ? node->count : 1); i++)
        has_pattern = has_pattern || pattern_of(is_list ? node->items[i] : node) != NULL;
    if (!has_pattern || reader->folder == NULL)
        return STATUS_OK;
    TRY(yaml_make_mapping(reader->scratch, &node->place, &list));
    list->kind = YAML_SEQUENCE;
    for (long i = 0; i < (is_list ? node->count : 1); i++)
        TRY(add_entry(reader, is_list ? node->items[i] : node, list));
    reader->has_bad_patterns = reader->mistakes->count > mistakes_before;
    *ensembles = list;
    return STATUS_OK;
}
