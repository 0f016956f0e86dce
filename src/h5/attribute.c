#include "h5/attribute.h"

#include "base/memory.h"
#include "h5/error.h"
#include "h5/scope.h"

#include <errno.h>
#include <string.h>

enum status h5_attribute_write(hid_t object, const char *name, enum h5_element element, uint64_t count,
                               const void *values)
{
    hsize_t size = count;
    SCOPED_ID space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &size, NULL);
    SCOPED_ID file_type = h5_element_file_type(element);
    SCOPED_ID memory_type = h5_element_memory_type(element);
    h5_expect_failure();
    SCOPED_ID attribute = H5Acreate2(object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, memory_type, values) < 0)
        return h5_fail(STATUS_IO, "cannot write the attribute %s", name);
    return STATUS_OK;
}

enum status h5_attribute_write_text(hid_t object, const char *name, const char *text)
{
    return h5_attribute_write(object, name, ELEMENT_TEXT, 1, &text);
}

/* What is not as it was written is of another program, unless it could not be read at all. Since h5_expect_failure. */
static enum status code_of_failure(void)
{
    return errno != 0 ? STATUS_IO : STATUS_FOREIGN_FILE;
}

static enum status read_variable_text(hid_t attribute, char **text)
{
    char *stored = NULL;
    SCOPED_ID type = h5_element_memory_type(ELEMENT_TEXT);
    if (type < 0 || H5Aread(attribute, type, &stored) < 0)
        return h5_fail(code_of_failure(), "it cannot be read");
    const char *source = stored ? stored : "";
    enum status status = memory_allocate(text, strlen(source) + 1, "the text of an attribute");
    if (status == STATUS_OK)
        strcpy(*text, source);
    H5free_memory(stored);
    return status;
}

static enum status read_fixed_text(hid_t attribute, hid_t type, char **text)
{
    SCOPED_MEMORY char *read = NULL;
    TRY(memory_allocate(&read, H5Tget_size(type) + 1, "the text of an attribute"));
    if (H5Aread(attribute, type, read) < 0)
        return h5_fail(code_of_failure(), "it cannot be read");
    *text = scope_keep(&read);
    return STATUS_OK;
}

static enum status read_text(hid_t attribute, char **text)
{
    h5_expect_failure();
    SCOPED_ID type = H5Aget_type(attribute);
    SCOPED_ID space = H5Aget_space(attribute);
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
        return h5_fail(code_of_failure(), "it is not a text");
    return H5Tis_variable_str(type) > 0 ? read_variable_text(attribute, text) : read_fixed_text(attribute, type, text);
}

static enum status open_attribute(hid_t object, const char *name, hid_t *attribute)
{
    h5_expect_failure();
    *attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (*attribute >= 0)
        return STATUS_OK;
    return errno != 0 ? h5_fail(STATUS_IO, "cannot open the attribute %s", name)
                      : h5_fail(STATUS_FOREIGN_FILE, "no attribute %s", name);
}

enum status h5_attribute_read_text(hid_t object, const char *name, char **text)
{
    SCOPED_ID attribute = H5I_INVALID_HID;
    *text = NULL;
    TRY(open_attribute(object, name, &attribute));
    return status_prefix(read_text(attribute, text), "attribute %s", name);
}

static enum status read_integer(hid_t attribute, int64_t *value)
{
    h5_expect_failure();
    SCOPED_ID type = H5Aget_type(attribute);
    SCOPED_ID space = H5Aget_space(attribute);
    if (type < 0 || space < 0 || H5Tget_class(type) != H5T_INTEGER || H5Sget_simple_extent_npoints(space) != 1 ||
        H5Aread(attribute, H5T_NATIVE_INT64, value) < 0)
        return h5_fail(code_of_failure(), "it is not an integer");
    return STATUS_OK;
}

enum status h5_attribute_read_integer(hid_t object, const char *name, int64_t *value)
{
    SCOPED_ID attribute = H5I_INVALID_HID;
    TRY(open_attribute(object, name, &attribute));
    return status_prefix(read_integer(attribute, value), "attribute %s", name);
}
