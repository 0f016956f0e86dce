#include "sweep/network_files.h"

#include "sweep/keys.h"
#include "sweep/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const network_files_keys[NETWORK_FILE_KEYS] = { "path", "content" };

/* Folder and name with a slash between them. */
static enum status join_path(struct arena *arena, const char *folder, const char *name, char **joined)
{
    bool has_slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/';
    size_t size = strlen(folder) + strlen(name) + 2;
    TRY(arena_allocate(arena, joined, size));
    snprintf(*joined, size, "%s%s%s", folder, has_slash ? "" : "/", name);
    return STATUS_OK;
}

/* The path as any process can open it, wherever it is started. Links stay: they may lead elsewhere on other machines.
 */
static enum status make_absolute(struct reader *reader, const struct yaml_node *node, const char *path, char **absolute)
{
    char *from_folder = node->text;
    size_t valid = 0;
    if (node->text[0] != '/' && reader->folder[0] != '\0')
        TRY(join_path(reader->scratch, reader->folder, node->text, &from_folder));
    if (from_folder[0] == '/')
        return arena_copy_text(reader->owned, from_folder, strlen(from_folder), absolute);
    char *present = getcwd(NULL, 0);
    if (present == NULL)
        return mistakes_add(reader->mistakes, &node->place, "%s: the present folder cannot be found: %s", path,
                            strerror(errno));
    enum status status = join_path(reader->owned, present, from_folder, absolute);
    free(present);
    TRY(status);
    if (text_is_utf8(*absolute, strlen(*absolute), &valid))
        return STATUS_OK;
    *absolute = NULL;
    return mistakes_add(reader->mistakes, &node->place,
                        "%s: the name of the present folder is no UTF-8 text; give an absolute path", path);
}

static enum status read_path(struct reader *reader, const struct yaml_node *node, const char *path,
                             struct network_source *source)
{
    long entry = yaml_find(node, "path");
    if (entry < 0)
        return mistakes_add(reader->mistakes, &node->place, "%s: path is missing: {kind: file, path: ...}", path);
    const struct yaml_node *given = node->items[entry];
    if (given->kind != YAML_SCALAR || yaml_is_null(given) || given->text[0] == '\0')
        return reader_expected(reader, given, path, "the path of an HDF5 file");
    if (reader->folder == NULL)
        return arena_copy_text(reader->owned, given->text, strlen(given->text), &source->path);
    return make_absolute(reader, given, path, &source->path);
}

static bool is_fingerprint(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && strlen(node->text) == NETWORK_FINGERPRINT_TEXT - 1 &&
           strspn(node->text, "0123456789abcdef") == NETWORK_FINGERPRINT_TEXT - 1;
}

static enum status read_content(struct reader *reader, const struct yaml_node *node, const char *path,
                                struct network_source *source)
{
    const char *names[NETWORK_ARRAYS];
    long entry = yaml_find(node, "content");
    if (entry < 0)
        return reader->folder != NULL ? STATUS_OK
                                      : mistakes_add(reader->mistakes, &node->place, "%s: content is missing", path);
    const struct yaml_node *content = node->items[entry];
    if (content->kind != YAML_MAPPING)
        return reader_expected(reader, content, path, "the fingerprints of the file's arrays, {name: fingerprint}");
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        names[array] = network_array_name((enum network_array)array);
    TRY(keys_check(reader, content, path, NETWORK_ARRAYS, names));
    for (int array = 0; array < NETWORK_ARRAYS; array++) {
        long item = yaml_find(content, names[array]);
        if (item >= 0 && is_fingerprint(content->items[item]))
            strcpy(source->fingerprints[array], content->items[item]->text);
        else if (item >= 0)
            TRY(reader_expected(reader, content->items[item], path, "32 hexadecimal digits"));
    }
    return STATUS_OK;
}

enum status network_files_read(struct reader *reader, const struct yaml_node *node, const char *path,
                               struct network_source *source)
{
    *source = (struct network_source){ 0 };
    TRY(read_path(reader, node, path, source));
    return read_content(reader, node, path, source);
}

void network_files_write(const struct network_source *source, FILE *stream)
{
    const char *separator = "";
    if (source->path != NULL) {
        fputs(", path: ", stream);
        text_write_quoted(source->path, stream);
    }
    fputs(", content: {", stream);
    for (int array = 0; array < NETWORK_ARRAYS; array++)
        if (source->fingerprints[array][0] != '\0') {
            fprintf(stream, "%s%s: \"%s\"", separator, network_array_name((enum network_array)array),
                    source->fingerprints[array]);
            separator = ", ";
        }
    fputc('}', stream);
}

void network_files_explain(bool is_ensemble, FILE *stream)
{
    fprintf(stream, "        path: an HDF5 file, relative to the sweep file%s (required). It holds\n",
            is_ensemble ? ", or a pattern (*.h5): an ensemble a file, labelled by its name" : "");
    if (is_ensemble)
        fputs("            W [d, d] (row = output) and, where they replace what the model says, w_in [d, m], b [d],\n"
              "            x0 [d], inputs [T, m] (inputs[t-1] is i_t), error [d] (used as e_0)\n"
              "            R sequences: x0 [R, d], inputs [R, T, m], error [R, d]; replica r has sequence r\n",
              stream);
    else
        fputs("            inputs [T, m] (inputs[t-1] is i_t; more steps are cut) and, where it is not to be drawn,\n"
              "            w_in [d, m]; R sequences: inputs [R, T, m], replica r has sequence r\n",
              stream);
    fputs("        content: the fingerprints of these arrays that effective values have; the file must hold them\n",
          stream);
}
