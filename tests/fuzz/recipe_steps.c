#include "recipe_steps.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const recipe_types[] = { "float64", "float32",  "int64", "uint8",     "text", "fixed",
                                     "opaque",  "compound", "enum",  "reference", NULL };
const char *const recipe_layouts[] = { "contiguous", "compact",  "chunked", "deflate", "late",
                                       "unwritten",  "external", "virtual", NULL };
const char *const recipe_attribute_types[] = { "integer", "float", "text", "fixed", "array", "huge", "empty", NULL };

enum { MOST_ELEMENTS = 1 << 16, HUGE_TEXT = 60000 };

static bool is(const char *word, const char *expected)
{
    return word != NULL && strcmp(word, expected) == 0;
}

static hid_t text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

static hid_t make_compound(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, 2 * sizeof(double));
    H5Tinsert(type, "r", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(type, "i", sizeof(double), H5T_NATIVE_DOUBLE);
    return type;
}

static hid_t make_type(const char *name)
{
    if (is(name, "float32"))
        return H5Tcopy(H5T_IEEE_F32BE);
    if (is(name, "int64"))
        return H5Tcopy(H5T_STD_I64LE);
    if (is(name, "uint8"))
        return H5Tcopy(H5T_STD_U8LE);
    if (is(name, "text"))
        return text_type(H5T_VARIABLE);
    if (is(name, "fixed"))
        return text_type(7);
    if (is(name, "opaque"))
        return H5Tcreate(H5T_OPAQUE, 3);
    if (is(name, "compound"))
        return make_compound();
    if (is(name, "enum"))
        return H5Tenum_create(H5T_NATIVE_INT);
    if (is(name, "reference"))
        return H5Tcopy(H5T_STD_REF_OBJ);
    return H5Tcopy(H5T_IEEE_F64LE);
}

static hid_t make_space(const char *sizes, int *rank, hsize_t dimensions[H5S_MAX_RANK])
{
    *rank = 0;
    if (is(sizes, "scalar"))
        return H5Screate(H5S_SCALAR);
    if (is(sizes, "null"))
        return H5Screate(H5S_NULL);
    for (char *at = (char *)sizes; *at != '\0' && *rank < H5S_MAX_RANK; at += *at == 'x')
        dimensions[(*rank)++] = strtoull(at, &at, 10);
    return H5Screate_simple(*rank, dimensions, NULL);
}

static void set_layout(hid_t properties, const char *layout, hid_t space, int rank, const hsize_t *dimensions)
{
    hsize_t chunk[H5S_MAX_RANK];
    for (int axis = 0; axis < rank; axis++)
        chunk[axis] = dimensions[axis] > 64 ? 64 : dimensions[axis] > 0 ? dimensions[axis] : 1;
    if (is(layout, "compact"))
        H5Pset_layout(properties, H5D_COMPACT);
    if ((is(layout, "chunked") || is(layout, "deflate") || is(layout, "unwritten")) && rank > 0)
        H5Pset_chunk(properties, rank, chunk);
    if (is(layout, "deflate"))
        H5Pset_deflate(properties, 9);
    if (is(layout, "contiguous"))
        H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    if (is(layout, "external"))
        H5Pset_external(properties, "pipe", 0, H5F_UNLIMITED);
    if (is(layout, "virtual"))
        H5Pset_virtual(properties, space, "pipe", "W", space);
}

static void fill(hid_t dataset, hid_t space)
{
    hssize_t elements = H5Sget_simple_extent_npoints(space);
    if (elements < 1 || elements > MOST_ELEMENTS)
        return;
    double *values = calloc((size_t)elements, sizeof *values);
    for (hssize_t i = 0; values != NULL && i < elements; i++)
        values[i] = (double)(i % 5) / 4;
    H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
}

static void make_dataset(hid_t file, const char *name, const char *type_name, const char *layout, const char *sizes)
{
    hsize_t dimensions[H5S_MAX_RANK];
    int rank = 0;
    hid_t type = make_type(type_name), space = make_space(sizes, &rank, dimensions);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    /* Files of some hundred megabytes are made soon enough by cutting and growing. */
    bool is_huge = H5Sget_simple_extent_npoints(space) > MOST_ELEMENTS;
    set_layout(properties, is_huge && is(layout, "contiguous") ? "late" : layout, space, rank, dimensions);
    hid_t dataset = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    if (dataset >= 0 && !is(layout, "unwritten") && !is(layout, "late") && !is(layout, "external") &&
        !is(layout, "virtual"))
        fill(dataset, space);
    H5Dclose(dataset);
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
}

static void make_attribute(hid_t file, const char *name, const char *kind, const char *value)
{
    static char text[HUGE_TEXT];
    const int64_t integers[] = { strtoll(value, NULL, 10), 2 };
    const hsize_t count = is(kind, "array") ? 2 : 1;
    const double real = strtod(value, NULL);
    const char *pointer = value;
    const void *data = integers;
    hid_t type = H5I_INVALID_HID;
    hid_t space = is(kind, "empty") ? H5Screate(H5S_NULL) : H5Screate_simple(1, &count, NULL);
    memset(text, 'x', sizeof text); /* without a NUL */
    if (is(kind, "integer") || is(kind, "array") || is(kind, "empty"))
        type = H5Tcopy(H5T_NATIVE_INT64);
    if (is(kind, "float"))
        type = H5Tcopy(H5T_NATIVE_DOUBLE), data = &real;
    if (is(kind, "text"))
        type = text_type(H5T_VARIABLE), data = &pointer;
    if (is(kind, "fixed"))
        type = text_type(strlen(value)), data = value;
    if (is(kind, "huge"))
        type = text_type(sizeof text), data = text;
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (!is(kind, "empty"))
        H5Awrite(attribute, type, data);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* The attribute `sweep` with the first `from` in it made `to`. */
static void change_sweep(hid_t file, const char *from, const char *to)
{
    char *text = NULL;
    hid_t attribute = H5Aopen(file, "sweep", H5P_DEFAULT), type = text_type(H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    if (attribute >= 0 && H5Aread(attribute, type, &text) >= 0 && text != NULL) {
        char *at = strstr(text, from);
        size_t size = strlen(text) + strlen(to) + 1;
        char *changed = malloc(size);
        if (at != NULL && changed != NULL) {
            snprintf(changed, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
            H5Awrite(attribute, type, &changed);
        }
        free(changed);
        H5free_memory(text);
    }
    H5Tclose(type);
    H5Aclose(attribute);
}

static const char *without_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void commit_type(hid_t file, const char *name)
{
    hid_t type = make_type("float64");
    H5Tcommit2(file, name, type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Tclose(type);
}

/* What stands in the place of a dataset. */
static bool replace(hid_t file, const char *path, char *words[STEP_MOST_WORDS])
{
    const char *step = words[0], *name = words[1];
    if (is(step, "group"))
        H5Gclose(H5Gcreate2(file, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    else if (is(step, "named"))
        commit_type(file, name);
    else if (is(step, "soft") && words[2] != NULL)
        H5Lcreate_soft(words[2], file, name, H5P_DEFAULT, H5P_DEFAULT);
    else if (is(step, "outside") && words[3] != NULL)
        H5Lcreate_external(is(words[2], "self") ? without_folder(path) : words[2], words[3], file, name, H5P_DEFAULT,
                           H5P_DEFAULT);
    else if (is(step, "make") && words[4] != NULL)
        make_dataset(file, name, words[2], words[3], words[4]);
    else
        return is(step, "delete");
    return true;
}

bool recipe_step(hid_t file, const char *path, char *words[STEP_MOST_WORDS])
{
    if (words[0] == NULL || words[1] == NULL)
        return false;
    if (is(words[0], "forget") || is(words[0], "attribute"))
        H5Adelete(file, words[1]);
    if (is(words[0], "forget"))
        return true;
    if (is(words[0], "attribute") && words[3] != NULL) {
        make_attribute(file, words[1], words[2], words[3]);
        return true;
    }
    if (is(words[0], "sweep") && words[2] != NULL) {
        change_sweep(file, words[1], words[2]);
        return true;
    }
    H5Ldelete(file, words[1], H5P_DEFAULT);
    return replace(file, path, words);
}
