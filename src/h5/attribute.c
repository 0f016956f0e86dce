#include "h5/attribute.h"

#include "base/memory.h"
#include "h5/error.h"

#include <string.h>

enum status h5_attribute_write(hid_t object, const char *name, enum h5_element element, uint64_t count,
                               const void *values)
{
    hsize_t size = count;
    hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL);
    hid_t file_type = h5_element_file_type(element);
    hid_t memory_type = h5_element_memory_type(element);
    h5_expect_failure();
    hid_t attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (attribute < 0 || H5Awrite(attribute, memory_type, values) < 0)
        status = h5_fail(STATUS_IO, "cannot write the attribute %s", name);
    if (attribute >= 0)
        H5Aclose(attribute);
    H5Tclose(memory_type);
    H5Tclose(file_type);
    H5Sclose(space);
    return status;
}

enum status h5_attribute_write_text(hid_t object, const char *name, const char *text)
{
    return h5_attribute_write(object, name, ELEMENT_TEXT, 1, &text);
}

static enum status read_variable_text(hid_t attribute, char **text)
{
    char *stored = NULL;
    hid_t type = h5_element_memory_type(ELEMENT_TEXT);
    herr_t result = type < 0 ? -1 : H5Aread(attribute, type, &stored);
    if (type >= 0)
        H5Tclose(type);
    if (result < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "it cannot be read");
    const char *source = stored ? stored : "";
    enum status status = memory_allocate(text, strlen(source) + 1, "the text of an attribute");
    if (status == STATUS_OK)
        strcpy(*text, source);
    H5free_memory(stored);
    return status;
}

static enum status read_fixed_text(hid_t attribute, hid_t type, char **text)
{
    TRY(memory_allocate(text, H5Tget_size(type) + 1, "the text of an attribute"));
    if (H5Aread(attribute, type, *text) >= 0)
        return STATUS_OK;
    memory_free(*text);
    *text = NULL;
    return h5_fail(STATUS_FOREIGN_FILE, "it cannot be read");
}

static enum status read_text(hid_t attribute, char **text)
{
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    enum status status = STATUS_OK;
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        status = h5_fail(STATUS_FOREIGN_FILE, "it is not a text");
    else
        status =
            H5Tis_variable_str(type) > 0 ? read_variable_text(attribute, text) : read_fixed_text(attribute, type, text);
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

static enum status open_attribute(hid_t object, const char *name, hid_t *attribute)
{
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    return *attribute < 0 ? h5_fail(STATUS_FOREIGN_FILE, "no attribute %s", name) : STATUS_OK;
}

enum status h5_attribute_read_text(hid_t object, const char *name, char **text)
{
    hid_t attribute;
    *text = NULL;
    TRY(open_attribute(object, name, &attribute));
    enum status status = read_text(attribute, text);
    H5Aclose(attribute);
    return status == STATUS_OK ? STATUS_OK : status_prefix(status, "attribute %s", name);
}

static enum status read_integer(hid_t attribute, int64_t *value)
{
    hid_t type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    enum status status = STATUS_OK;
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_INT64, value) < 0)
        status = h5_fail(STATUS_FOREIGN_FILE, "it is not an integer");
    if (space >= 0)
        H5Sclose(space);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

enum status h5_attribute_read_integer(hid_t object, const char *name, int64_t *value)
{
    hid_t attribute;
    TRY(open_attribute(object, name, &attribute));
    enum status status = read_integer(attribute, value);
    H5Aclose(attribute);
    return status == STATUS_OK ? STATUS_OK : status_prefix(status, "attribute %s", name);
}
