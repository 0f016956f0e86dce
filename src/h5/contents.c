#include "h5/contents.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { NAMES_SHOWN = 8, NAME_SHOWN = 48, LINKS_LOOKED_AT = 10000 };

struct search {
    const char *name;
    char *text;
    size_t size;
    int names, links;
    char place[256]; /* of `name` in a group */
};

/* Names are the file's: what cannot be printed is not. */
static void append(struct search *search, const char *before, const char *name)
{
    const size_t length = strlen(search->text);
    char shown[NAME_SHOWN];
    snprintf(shown, sizeof shown, "%s", name);
    for (char *letter = shown; *letter != '\0'; letter++)
        if (iscntrl((unsigned char)*letter))
            *letter = '?';
    snprintf(search->text + length, search->size - length, "%s%s", before, shown);
}

static herr_t list_name(hid_t group, const char *name, const H5L_info_t *link, void *data)
{
    struct search *search = data;
    (void)group, (void)link;
    if (search->names++ == NAMES_SHOWN) {
        append(search, ", ", "...");
        return 1;
    }
    append(search, search->names == 1 ? "it holds " : ", ", name);
    return 0;
}

static herr_t find_name(hid_t group, const char *path, const H5L_info_t *link, void *data)
{
    struct search *search = data;
    const char *last = strrchr(path, '/');
    (void)group, (void)link;
    if (last != NULL && strcasecmp(last + 1, search->name) == 0) {
        snprintf(search->place, sizeof search->place, "%s", path);
        return 1;
    }
    return ++search->links == LINKS_LOOKED_AT;
}

void h5_contents_describe(hid_t file, const char *name, char *text, size_t size)
{
    struct search search = { .name = name, .text = text, .size = size };
    hsize_t position = 0;
    text[0] = '\0';
    H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, &position, list_name, &search);
    H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, find_name, &search);
    H5Eclear2(H5E_DEFAULT);
    if (search.names == 0)
        snprintf(text, size, "it is empty");
    if (search.place[0] != '\0') {
        append(&search, "; the one at /", search.place);
        append(&search, " has to lie at /", name);
    }
}
