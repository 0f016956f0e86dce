#include "h5/origin.h"

#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/scope.h"

#include <stdio.h>
#include <string.h>

/* The classes of MATLAB whose variables are numbers in HDF5 as well; of others (dlarray, gpuArray, string, table, ...)
 * the dataset holds references to something else, as integers that would pass for values. */
static const char *const matlab_numbers[] = { "double", "single", "logical", "int8",  "uint8", "int16",
                                              "uint16", "int32",  "uint32",  "int64", "uint64" };

/* How Octave calls its full matrices of real numbers. */
static const char *const octave_numbers[] = {
    "matrix",        "scalar",        "float matrix",  "float scalar",  "bool matrix",   "bool",
    "int8 matrix",   "int8 scalar",   "int16 matrix",  "int16 scalar",  "int32 matrix",  "int32 scalar",
    "int64 matrix",  "int64 scalar",  "uint8 matrix",  "uint8 scalar",  "uint16 matrix", "uint16 scalar",
    "uint32 matrix", "uint32 scalar", "uint64 matrix", "uint64 scalar",
};

static const char *const julia_marks[] = { "HDF5-based Julia Data Format", "Julia data file (HDF5)" };

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

enum { KIND_SIZE = 48, MARK_SIZE = 32 };

static bool has_attribute(hid_t object, const char *name)
{
    return H5Aexists(object, name) > 0;
}

static bool is_among(const char *text, const char *const *texts, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(text, texts[i]) == 0)
            return true;
    return false;
}

/* The text of an attribute, cut to what is shown; "" where there is none. */
static void read_kind(hid_t object, const char *attribute, char kind[KIND_SIZE])
{
    SCOPED_MEMORY char *text = NULL;
    kind[0] = '\0';
    if (has_attribute(object, attribute) && h5_attribute_read_text(object, attribute, &text) == STATUS_OK)
        snprintf(kind, KIND_SIZE, "%s", text);
}

static enum status look_at_matlab(hid_t object, const char *name, struct h5_origin *origin)
{
    char kind[KIND_SIZE];
    read_kind(object, "MATLAB_class", kind);
    if (has_attribute(object, "MATLAB_sparse"))
        return status_fail(STATUS_FOREIGN_FILE, "%s is a sparse matrix of MATLAB; save full(%s)", name, name);
    if (has_attribute(object, "MATLAB_empty"))
        return status_fail(STATUS_FOREIGN_FILE, "%s is empty, [] in MATLAB; leave it out", name);
    if (kind[0] == '\0')
        return STATUS_OK;
    if (strcmp(kind, "char") == 0)
        return status_fail(STATUS_FOREIGN_FILE, "%s holds text (a char array of MATLAB) where real numbers are wanted",
                           name);
    if (!is_among(kind, matlab_numbers, COUNT(matlab_numbers)) || has_attribute(object, "MATLAB_object_decode"))
        return status_fail(STATUS_FOREIGN_FILE,
                           "%s is a %s of MATLAB; save a matrix of numbers (double(%s); gather, extractdata or "
                           "table2array first)",
                           name, kind, name);
    origin->is_reversed = true;
    return STATUS_OK;
}

static void read_octave_kind(hid_t group, char kind[KIND_SIZE])
{
    SCOPED_ID dataset = H5Dopen2(group, "type", H5P_DEFAULT);
    SCOPED_ID type = dataset < 0 ? H5I_INVALID_HID : H5Dget_type(dataset);
    char text[KIND_SIZE] = "";
    if (type >= 0 && H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
        H5Tget_size(type) < sizeof text)
        H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text);
    memcpy(kind, text, sizeof text);
}

static enum status look_at_octave(hid_t group, const char *name, struct h5_origin *origin)
{
    char kind[KIND_SIZE];
    if (has_attribute(group, "OCTAVE_EMPTY_MATRIX"))
        return status_fail(STATUS_FOREIGN_FILE, "%s is empty, [] in Octave; leave it out", name);
    read_octave_kind(group, kind);
    if (!is_among(kind, octave_numbers, COUNT(octave_numbers)))
        return status_fail(STATUS_FOREIGN_FILE, "%s is a '%s' of Octave; save a full matrix of real numbers (full(%s))",
                           name, kind, name);
    snprintf(origin->path, sizeof origin->path, "%s/value", name);
    origin->is_reversed = true;
    return STATUS_OK;
}

/* The first line of a file of Julia's stands in a block before all that is HDF5's. */
static bool is_julia(hid_t file)
{
    char path[4096], mark[MARK_SIZE] = "";
    hsize_t block = 0;
    SCOPED_ID properties = H5Fget_create_plist(file);
    FILE *stream = NULL;
    if (properties >= 0 && H5Pget_userblock(properties, &block) >= 0 && block > 0) {
        const ssize_t length = H5Fget_name(file, path, sizeof path);
        stream = length > 0 && (size_t)length < sizeof path ? fopen(path, "rbe") : NULL;
    }
    if (stream == NULL)
        return false;
    const size_t length = fread(mark, 1, sizeof mark - 1, stream);
    fclose(stream);
    for (int i = 0; i < COUNT(julia_marks); i++)
        if (length >= strlen(julia_marks[i]) && memcmp(mark, julia_marks[i], strlen(julia_marks[i])) == 0)
            return true;
    return false;
}

/* Follows no link into another file. */
static hid_t open_here(hid_t file, const char *name)
{
    H5L_info_t link;
    hid_t object = H5I_INVALID_HID;
    if (H5Lget_info(file, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD)
        object = H5Oopen(file, name, H5P_DEFAULT);
    H5Eclear2(H5E_DEFAULT);
    return object;
}

enum status h5_origin_find(hid_t file, const char *name, struct h5_origin *origin)
{
    *origin = (struct h5_origin){ 0 };
    snprintf(origin->path, sizeof origin->path, "%s", name);
    SCOPED_ID object = open_here(file, name);
    if (object < 0)
        return STATUS_OK;
    TRY(look_at_matlab(object, name, origin));
    if (H5Iget_type(object) == H5I_GROUP && has_attribute(object, "OCTAVE_NEW_FORMAT"))
        TRY(look_at_octave(object, name, origin));
    H5Eclear2(H5E_DEFAULT);
    origin->is_reversed = origin->is_reversed || is_julia(file);
    return STATUS_OK;
}

bool h5_origin_is_dimension(hid_t file, const char *name)
{
    static const char mark[] = "This is a netCDF dimension but not a netCDF variable";
    char text[KIND_SIZE] = "";
    SCOPED_ID object = open_here(file, name);
    if (object < 0)
        return false;
    read_kind(object, "NAME", text);
    return strncmp(text, mark, sizeof text - 1) == 0;
}
