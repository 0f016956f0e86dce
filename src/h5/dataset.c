#include "h5/dataset.h"

#include "h5/error.h"
#include "h5/file.h"
#include "h5/range.h"
#include "h5/scope.h"

#include <errno.h>
#include <hdf5_hl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LINK_TEXT = 256 };

/* One transfer of 2.3 GB fails in MPI-IO, whose counts are 32-bit; smaller ones also bound what it buffers. */
static const uint64_t transfer_bytes = 64 << 20;

size_t h5_element_size(enum h5_element element)
{
    static const size_t sizes[] = {
        [ELEMENT_FLOAT64] = sizeof(double), [ELEMENT_INT32] = sizeof(int32_t),   [ELEMENT_INT64] = sizeof(int64_t),
        [ELEMENT_UINT8] = sizeof(uint8_t),  [ELEMENT_UINT16] = sizeof(uint16_t), [ELEMENT_UINT32] = sizeof(uint32_t),
        [ELEMENT_CHARACTER] = sizeof(char), [ELEMENT_TEXT] = sizeof(char *),
    };
    return sizes[element];
}

/* Strings of one byte (which netCDF takes as characters), or of any length. */
static hid_t make_string_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && (H5Tset_size(type, size) < 0 || (size == 1 && H5Tset_strpad(type, H5T_STR_NULLPAD) < 0) ||
                      (size == H5T_VARIABLE && H5Tset_cset(type, H5T_CSET_UTF8) < 0))) {
        H5Tclose(type);
        return H5I_INVALID_HID;
    }
    return type;
}

hid_t h5_element_file_type(enum h5_element element)
{
    switch (element) {
    case ELEMENT_FLOAT64:
        return H5Tcopy(H5T_IEEE_F64LE);
    case ELEMENT_INT32:
        return H5Tcopy(H5T_STD_I32LE);
    case ELEMENT_INT64:
        return H5Tcopy(H5T_STD_I64LE);
    case ELEMENT_UINT8:
        return H5Tcopy(H5T_STD_U8LE);
    case ELEMENT_UINT16:
        return H5Tcopy(H5T_STD_U16LE);
    case ELEMENT_UINT32:
        return H5Tcopy(H5T_STD_U32LE);
    case ELEMENT_CHARACTER:
        return make_string_type(1);
    case ELEMENT_TEXT:
        return make_string_type(H5T_VARIABLE);
    }
    return H5I_INVALID_HID;
}

hid_t h5_element_memory_type(enum h5_element element)
{
    switch (element) {
    case ELEMENT_FLOAT64:
        return H5Tcopy(H5T_NATIVE_DOUBLE);
    case ELEMENT_INT32:
        return H5Tcopy(H5T_NATIVE_INT32);
    case ELEMENT_INT64:
        return H5Tcopy(H5T_NATIVE_INT64);
    case ELEMENT_UINT8:
        return H5Tcopy(H5T_NATIVE_UINT8);
    case ELEMENT_UINT16:
        return H5Tcopy(H5T_NATIVE_UINT16);
    case ELEMENT_UINT32:
        return H5Tcopy(H5T_NATIVE_UINT32);
    default:
        return h5_element_file_type(element);
    }
}

static herr_t set_layout(hid_t properties, enum h5_element element, hid_t type, const void *fill)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    if (H5Pset_layout(properties, H5D_CONTIGUOUS) < 0 || H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY) < 0 ||
        H5Pset_attr_creation_order(properties, order) < 0 || H5Pset_obj_track_times(properties, 0) < 0)
        return -1;
    /* Strings of any length hold references, which HDF5 insists on clearing. */
    if (element != ELEMENT_TEXT && H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER) < 0)
        return -1;
    return fill ? H5Pset_fill_value(properties, type, fill) : 0;
}

enum status h5_group_create(hid_t file, const char *name)
{
    const unsigned order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    SCOPED_ID properties = H5Pcreate(H5P_GROUP_CREATE), group = H5I_INVALID_HID;
    h5_expect_failure();
    if (properties >= 0 && H5Pset_link_creation_order(properties, order) >= 0 &&
        H5Pset_attr_creation_order(properties, order) >= 0 && H5Pset_obj_track_times(properties, 0) >= 0)
        group = H5Gcreate2(file, name, H5P_DEFAULT, properties, H5P_DEFAULT);
    return group < 0 ? h5_fail(STATUS_IO, "cannot create the group %s", name) : STATUS_OK;
}

enum status h5_dataset_create(hid_t file, const char *name, enum h5_element element, const struct h5_shape *shape,
                              const void *fill, hid_t *dataset)
{
    hsize_t sizes[H5_MAX_RANK];
    for (int axis = 0; axis < shape->rank; axis++)
        sizes[axis] = shape->sizes[axis];
    SCOPED_ID file_type = h5_element_file_type(element);
    SCOPED_ID memory_type = h5_element_memory_type(element);
    SCOPED_ID space = H5Screate_simple(shape->rank, sizes, NULL);
    SCOPED_ID properties = H5Pcreate(H5P_DATASET_CREATE);
    h5_expect_failure();
    *dataset = set_layout(properties, element, memory_type, fill) < 0
                   ? H5I_INVALID_HID
                   : H5Dcreate2(file, name, file_type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    return *dataset < 0 ? h5_fail(STATUS_IO, "cannot create the dataset %s", name) : STATUS_OK;
}

static enum status get_shape(hid_t dataset, struct h5_shape *shape)
{
    hsize_t sizes[H5S_MAX_RANK];
    SCOPED_ID space = H5Dget_space(dataset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_dims(space, sizes, NULL);
    if (rank < 1 || rank > H5_MAX_RANK)
        return h5_fail(STATUS_FOREIGN_FILE, "a dataset of %d dimensions where 1 to %d were expected", rank,
                       H5_MAX_RANK);
    shape->rank = rank;
    for (int axis = 0; axis < rank; axis++)
        shape->sizes[axis] = sizes[axis];
    return STATUS_OK;
}

static enum status require_shape(hid_t dataset, const struct h5_shape *expected)
{
    struct h5_shape found = { 0 };
    TRY(get_shape(dataset, &found));
    if (found.rank != expected->rank)
        return status_fail(STATUS_FOREIGN_FILE, "it has %d dimensions instead of %d", found.rank, expected->rank);
    for (int axis = 0; axis < found.rank; axis++)
        if (found.sizes[axis] != expected->sizes[axis])
            return status_fail(STATUS_FOREIGN_FILE, "its dimension %d has size %llu instead of %llu", axis,
                               (unsigned long long)found.sizes[axis], (unsigned long long)expected->sizes[axis]);
    return STATUS_OK;
}

/* Numbers are of just the type; copies by other programs change how texts are padded. */
static bool is_same_type(hid_t found, hid_t expected)
{
    if (H5Tget_class(expected) != H5T_STRING || H5Tget_class(found) != H5T_STRING)
        return H5Tequal(found, expected) > 0;
    const bool is_variable = H5Tis_variable_str(expected) > 0;
    return (H5Tis_variable_str(found) > 0) == is_variable && (is_variable || H5Tget_size(found) == 1);
}

static enum status require_type(hid_t dataset, enum h5_element element)
{
    SCOPED_ID found = H5Dget_type(dataset);
    SCOPED_ID expected = h5_element_file_type(element);
    const bool same = found >= 0 && expected >= 0 && is_same_type(found, expected);
    return same ? STATUS_OK : h5_fail(STATUS_FOREIGN_FILE, "its elements have another type");
}

/* Called by HDF5 before it follows a link into another file. */
static herr_t refuse_other_file(const char *parent_file, const char *parent_group, const char *file, const char *object,
                                unsigned *access_flags, hid_t access, void *was_asked)
{
    (void)parent_file, (void)parent_group, (void)file, (void)object, (void)access_flags, (void)access;
    *(bool *)was_asked = true;
    return -1;
}

/* ", a link to /there" for a soft link, which may lead nowhere; else "". HDF5 asks all ranks together about links, and
 * only one of them may be here: of a file that they share nothing is asked. */
static void describe_link(hid_t file, const char *name, char text[LINK_TEXT])
{
    H5L_info_t link;
    char target[LINK_TEXT / 2] = "";
    text[0] = '\0';
    if (!h5_file_is_parallel(file) && H5Lget_info(file, name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_SOFT &&
        H5Lget_val(file, name, target, sizeof target - 1, H5P_DEFAULT) >= 0)
        snprintf(text, LINK_TEXT, ", a link to %s,", target);
}

/* HDF5's reason must be asked for before any other call to it, which forgets it. */
static enum status fail_to_open(hid_t file, const char *name)
{
    char reason[STATUS_MESSAGE_SIZE], link[LINK_TEXT];
    enum status status = h5_fail(STATUS_FOREIGN_FILE, "cannot be opened");
    snprintf(reason, sizeof reason, "%s", status_message());
    describe_link(file, name, link);
    return status_fail(status, "%s%s %s", name, link, reason);
}

static enum status open_object(hid_t file, const char *name, hid_t *object)
{
    bool leads_elsewhere = false;
    SCOPED_ID links = H5Pcreate(H5P_LINK_ACCESS);
    *object = links >= 0 && H5Pset_elink_cb(links, refuse_other_file, &leads_elsewhere) >= 0
                  ? H5Oopen(file, name, links)
                  : H5I_INVALID_HID;
    enum status status = *object >= 0 ? STATUS_OK : fail_to_open(file, name);
    if (leads_elsewhere)
        status = status_fail(STATUS_FOREIGN_FILE, "%s is a link into another file; copy it into this one", name);
    return status;
}

static enum status require_dataset(hid_t object, const char *name)
{
    H5I_type_t kind = H5Iget_type(object);
    return kind == H5I_DATASET ? STATUS_OK
                               : status_fail(STATUS_FOREIGN_FILE, "%s is a %s, not a dataset", name,
                                             kind == H5I_GROUP ? "group" : "named type");
}

/* The chunks that a chunked dataset has when all of it was written; a double, for no such number overflows. */
static double count_chunks(hid_t properties, hid_t space)
{
    hsize_t sizes[H5S_MAX_RANK], chunk[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(space, sizes, NULL);
    double chunks = 1;
    if (rank < 1 || H5Pget_chunk(properties, rank, chunk) != rank)
        return -1;
    for (int axis = 0; axis < rank; axis++)
        chunks *= ceil((double)sizes[axis] / (double)chunk[axis]);
    return chunks;
}

/* Whether every element has its storage. (The space status of HDF5 1.10 takes compressed chunks for missing ones.) */
static bool is_written(hid_t dataset, hid_t properties, hid_t space)
{
    H5D_space_status_t status = H5D_SPACE_STATUS_ERROR;
    hsize_t chunks = 0;
    if (H5Sget_simple_extent_npoints(space) == 0)
        return true;
    if (H5Pget_layout(properties) == H5D_CHUNKED)
        return H5Dget_num_chunks(dataset, space, &chunks) >= 0 && (double)chunks == count_chunks(properties, space);
    return H5Dget_space_status(dataset, &status) >= 0 && status == H5D_SPACE_STATUS_ALLOCATED;
}

static enum status require_values(hid_t dataset, const char *name)
{
    SCOPED_ID properties = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
    if (properties < 0 || space < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s cannot be opened", name);
    if (H5Pget_layout(properties) == H5D_VIRTUAL || H5Pget_external_count(properties) != 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s has its values in other files; copy them into this one", name);
    if (!is_written(dataset, properties, space))
        return h5_fail(STATUS_FOREIGN_FILE, "%s has values that were never written", name);
    return STATUS_OK;
}

enum status h5_dataset_open_own(hid_t file, const char *name, hid_t *dataset)
{
    SCOPED_ID object = H5I_INVALID_HID;
    *dataset = H5I_INVALID_HID;
    TRY(open_object(file, name, &object));
    TRY(require_dataset(object, name));
    TRY(require_values(object, name));
    *dataset = scope_keep(&object);
    return STATUS_OK;
}

enum status h5_dataset_open(hid_t file, const char *name, enum h5_element element, const struct h5_shape *shape,
                            hid_t *dataset)
{
    SCOPED_ID opened = H5I_INVALID_HID;
    *dataset = H5I_INVALID_HID;
    h5_expect_failure();
    if (H5Lexists(file, name, H5P_DEFAULT) <= 0)
        return errno != 0 ? h5_fail(STATUS_IO, "cannot open the dataset %s", name)
                          : h5_fail(STATUS_FOREIGN_FILE, "no dataset %s", name);
    h5_expect_failure();
    enum status status = h5_dataset_open_own(file, name, &opened);
    if (status != STATUS_OK)
        return errno != 0 ? status_prefix(STATUS_IO, "%s", strerror(errno)) : status;
    TRY(status_prefix(require_type(opened, element), "dataset %s", name));
    TRY(status_prefix(require_shape(opened, shape), "dataset %s", name));
    *dataset = scope_keep(&opened);
    return STATUS_OK;
}

/* Moves one box; `output` is NULL when writing, `input` when reading. */
static herr_t move_box(hid_t dataset, hid_t type, hid_t file_space, hid_t properties, const struct h5_box *box,
                       void *output, const void *input)
{
    hsize_t elements = box->elements;
    SCOPED_ID memory_space = H5Screate_simple(1, &elements, NULL);
    if (memory_space < 0 || H5Sselect_hyperslab(file_space, H5S_SELECT_SET, box->start, NULL, box->size, NULL) < 0)
        return -1;
    return output ? H5Dread(dataset, type, memory_space, file_space, properties, output)
                  : H5Dwrite(dataset, type, memory_space, file_space, properties, input);
}

/* HDF5 clears all of its buffer, 1 MiB unless it is told otherwise, before it converts a single text. */
static hid_t get_transfer_properties(void)
{
    const size_t converted_bytes = (size_t)1 << 16;
    SCOPED_ID properties = H5Pcreate(H5P_DATASET_XFER);
    if (properties < 0 || H5Pset_buffer(properties, converted_bytes, NULL, NULL) < 0)
        return H5I_INVALID_HID;
    return scope_keep(&properties);
}

static enum status move_range(hid_t dataset, enum h5_element element, uint64_t first, uint64_t count, char *output,
                              const char *input)
{
    if (count == 0)
        return STATUS_OK;
    struct h5_shape shape = { 0 };
    TRY(get_shape(dataset, &shape));
    const size_t size = h5_element_size(element);
    SCOPED_ID type = h5_element_memory_type(element);
    SCOPED_ID space = H5Dget_space(dataset), properties = get_transfer_properties();
    herr_t result = type < 0 || space < 0 || properties < 0 ? -1 : 0;
    h5_expect_failure();
    for (uint64_t done = 0; result >= 0 && done < count;) {
        struct h5_box box = h5_range_next_box(&shape, first + done, first + count, transfer_bytes / size);
        result = move_box(dataset, type, space, properties, &box, output ? output + done * size : NULL,
                          input ? input + done * size : NULL);
        done += box.elements;
    }
    return result < 0 ? h5_fail(STATUS_IO, "%s failed", output ? "reading" : "writing") : STATUS_OK;
}

enum status h5_dataset_read(hid_t dataset, enum h5_element element, uint64_t first, uint64_t count, void *values)
{
    return move_range(dataset, element, first, count, values, NULL);
}

enum status h5_dataset_write(hid_t dataset, enum h5_element element, uint64_t first, uint64_t count, const void *values)
{
    return move_range(dataset, element, first, count, NULL, values);
}

bool h5_dataset_is_contiguous(hid_t dataset)
{
    SCOPED_ID properties = H5Dget_create_plist(dataset);
    return properties >= 0 && H5Pget_layout(properties) == H5D_CONTIGUOUS;
}

enum status h5_dataset_find(hid_t dataset, uint64_t *place)
{
    haddr_t address = H5Dget_offset(dataset);
    if (address == HADDR_UNDEF)
        return h5_fail(STATUS_FOREIGN_FILE, "its numbers do not lie in one piece");
    *place = address;
    return STATUS_OK;
}

enum status h5_scale_make(hid_t dataset, const char *name)
{
    h5_expect_failure();
    if (H5DSset_scale(dataset, name) < 0)
        return h5_fail(STATUS_IO, "cannot make %s a dimension scale", name);
    return STATUS_OK;
}

enum status h5_scale_attach(hid_t dataset, int axis, hid_t scale)
{
    h5_expect_failure();
    if (H5DSattach_scale(dataset, scale, (unsigned)axis) < 0)
        return h5_fail(STATUS_IO, "cannot attach the scale of dimension %d", axis);
    return STATUS_OK;
}
