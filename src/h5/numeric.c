#include "h5/numeric.h"

#include "base/memory.h"
#include "h5/error.h"
#include "h5/filters.h"
#include "h5/origin.h"
#include "h5/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Elements that are turned round at a time. */
static const uint64_t piece_elements = 1 << 22;

enum { SIZES_TEXT = 192, REASON_TEXT = 256 };

bool h5_numeric_exists(hid_t file, const char *name)
{
    bool exists = H5Lexists(file, name, H5P_DEFAULT) > 0;
    H5Eclear2(H5E_DEFAULT);
    return exists && !h5_origin_is_dimension(file, name);
}

/* h5py writes complex numbers as a compound of the floats "r" and "i"; other programs give them other names. */
static bool is_complex(hid_t type)
{
    return H5Tget_nmembers(type) == 2 && H5Tget_member_class(type, 0) == H5T_FLOAT &&
           H5Tget_member_class(type, 1) == H5T_FLOAT;
}

/* What an element is, where it is no number; NULL where it is. */
static const char *describe_what_is_no_number(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
    case H5T_FLOAT:
        return NULL;
    case H5T_STRING:
        return "text";
    case H5T_COMPOUND:
        return is_complex(type) ? "complex numbers" : "compound values";
    case H5T_ENUM:
        return "named values (true and false, or the like)";
    case H5T_REFERENCE:
        return "references to other data (a cell array, or the like)";
    case H5T_VLEN:
        return "lists of different lengths";
    case H5T_ARRAY:
        return "arrays as elements";
    case H5T_BITFIELD:
        return "bits";
    case H5T_OPAQUE:
        return "opaque bytes";
    default:
        return "values of a type that are no numbers";
    }
}

static enum status require_numbers(hid_t dataset, const char *name)
{
    SCOPED_ID type = H5Dget_type(dataset);
    if (type < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s: its type cannot be read", name);
    const char *found = describe_what_is_no_number(type);
    return found == NULL ? STATUS_OK
                         : status_fail(STATUS_FOREIGN_FILE, "%s holds %s where real numbers are wanted", name, found);
}

static void write_sizes(const hsize_t *sizes, int rank, char text[SIZES_TEXT])
{
    text[0] = '\0';
    for (int axis = 0; axis < rank; axis++) {
        const size_t length = strlen(text);
        snprintf(text + length, SIZES_TEXT - length, "%s%llu", axis == 0 ? "" : " x ", (unsigned long long)sizes[axis]);
    }
}

/* The shape asked for, of the sizes found: the same, or for a vector the only one of them that is not 1. */
static bool fit_shape(const hsize_t *sizes, int found, int rank, struct h5_shape *shape)
{
    int other_than_one = 0, longest = 0;
    for (int axis = 0; axis < found; axis++)
        if (sizes[axis] != 1) {
            other_than_one++;
            longest = axis;
        }
    shape->rank = rank;
    if (rank == 1 && found > 1 && found <= H5_MAX_RANK && other_than_one <= 1) {
        shape->sizes[0] = sizes[longest];
        return true;
    }
    for (int axis = 0; axis < rank && found == rank; axis++)
        shape->sizes[axis] = sizes[axis];
    return found == rank;
}

static enum status get_shape(struct h5_numeric *numeric, int rank, bool may_be_stack)
{
    hsize_t sizes[H5S_MAX_RANK];
    char text[SIZES_TEXT];
    SCOPED_ID space = H5Dget_space(numeric->dataset);
    int found = space < 0 ? -1 : H5Sget_simple_extent_dims(space, sizes, NULL);
    if (found < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s: its shape cannot be read", numeric->name);
    if (H5Sget_simple_extent_type(space) == H5S_NULL)
        return status_fail(STATUS_FOREIGN_FILE, "%s is empty; leave it out", numeric->name);
    for (int axis = 0; numeric->is_reversed && axis < found / 2; axis++) {
        const hsize_t size = sizes[axis];
        sizes[axis] = sizes[found - 1 - axis];
        sizes[found - 1 - axis] = size;
    }
    write_sizes(sizes, found, text);
    if (!fit_shape(sizes, found, rank, &numeric->shape) &&
        !(may_be_stack && fit_shape(sizes, found, rank + 1, &numeric->shape)))
        return status_fail(STATUS_FOREIGN_FILE, "%s has %d dimension%s instead of %d%s%s%s", numeric->name, found,
                           found == 1 ? "" : "s", rank, may_be_stack ? ", or one more for several sequences" : "",
                           found > 0 ? ": it is " : "", text);
    numeric->view.rank = found;
    for (int axis = 0; axis < found; axis++)
        numeric->view.sizes[axis] = sizes[axis];
    return STATUS_OK;
}

static enum status look_at(struct h5_numeric *numeric, int rank, bool may_be_stack)
{
    TRY(require_numbers(numeric->dataset, numeric->name));
    TRY(get_shape(numeric, rank, may_be_stack));
    return status_prefix(h5_packing_read(numeric->dataset, &numeric->packing), "%s", numeric->name);
}

static enum status open_array(hid_t file, const char *name, int rank, bool may_be_stack, struct h5_numeric *numeric)
{
    struct h5_origin origin;
    SCOPED(h5_numeric) opened = { .name = name };
    *numeric = opened;
    TRY(h5_origin_find(file, name, &origin));
    TRY(h5_dataset_open_own(file, origin.path, &opened.dataset));
    opened.is_reversed = origin.is_reversed;
    TRY(look_at(&opened, rank, may_be_stack));
    *numeric = scope_keep(&opened);
    return STATUS_OK;
}

enum status h5_numeric_open(hid_t file, const char *name, int rank, struct h5_numeric *numeric)
{
    return open_array(file, name, rank, false, numeric);
}

enum status h5_numeric_open_stack(hid_t file, const char *name, int rank, struct h5_numeric *numeric)
{
    return open_array(file, name, rank, true, numeric);
}

void h5_numeric_close(struct h5_numeric *numeric)
{
    h5_leave_scope(&numeric->dataset);
    numeric->dataset = H5I_INVALID_HID;
}

/* Values of a box in the order of the file, axes in reverse, into the order of the view. */
static void turn_round(const struct h5_box *box, int rank, const double *stored, double *values)
{
    uint64_t stride[H5_MAX_RANK], place[H5_MAX_RANK] = { 0 }, from = 0;
    for (int axis = 0; axis < rank; axis++)
        stride[axis] = axis == 0 ? 1 : stride[axis - 1] * box->size[axis - 1];
    for (uint64_t i = 0; i < box->elements; i++) {
        values[i] = stored[from];
        for (int axis = rank - 1; axis >= 0; axis--) {
            from += stride[axis];
            if (++place[axis] < box->size[axis])
                break;
            from -= place[axis] * stride[axis];
            place[axis] = 0;
        }
    }
}

static enum status fail_reading(const struct h5_numeric *numeric)
{
    /* HDF5's search for a filter leaves behind that it found no such file. */
    if (errno == ENOENT)
        errno = 0;
    const enum status failed = h5_fail(STATUS_IO, "%s: reading failed", numeric->name);
    const enum status filters = h5_filters_require(numeric->dataset);
    return filters == STATUS_OK ? failed : status_prefix(filters, "%s", numeric->name);
}

/* A box of the view, as HDF5 has its values. */
static enum status read_stored(const struct h5_numeric *numeric, const struct h5_box *box, double *values)
{
    const int rank = numeric->view.rank;
    hsize_t start[H5_MAX_RANK], size[H5_MAX_RANK], elements = box->elements;
    for (int axis = 0; axis < rank; axis++) {
        const int stored = numeric->is_reversed ? rank - 1 - axis : axis;
        start[stored] = box->start[axis];
        size[stored] = box->size[axis];
    }
    h5_expect_failure();
    SCOPED_ID file_space = H5Dget_space(numeric->dataset), memory_space = H5Screate_simple(1, &elements, NULL);
    const bool is_read =
        file_space >= 0 && memory_space >= 0 &&
        H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, size, NULL) >= 0 &&
        H5Dread(numeric->dataset, H5T_NATIVE_DOUBLE, memory_space, file_space, H5P_DEFAULT, values) >= 0;
    return is_read ? STATUS_OK : fail_reading(numeric);
}

void h5_numeric_place(const struct h5_numeric *numeric, uint64_t number, char text[H5_PLACE_TEXT])
{
    const struct h5_shape *shape = &numeric->shape;
    uint64_t place[H5_MAX_RANK];
    for (int axis = shape->rank - 1; axis >= 0; axis--) {
        place[axis] = number % shape->sizes[axis];
        number /= shape->sizes[axis];
    }
    text[0] = '\0';
    for (int axis = 0; axis < shape->rank; axis++) {
        const size_t length = strlen(text);
        snprintf(text + length, H5_PLACE_TEXT - length, "%s%llu%s", axis == 0 ? "[" : ", ",
                 (unsigned long long)place[axis], axis + 1 == shape->rank ? "]" : "");
    }
}

/* Says where in the array element `number` of a box is. */
static enum status refuse_missing(const struct h5_numeric *numeric, const struct h5_box *box, uint64_t number,
                                  const char *reason)
{
    uint64_t flat = 0, inner[H5_MAX_RANK];
    for (int axis = numeric->view.rank - 1; axis >= 0; axis--) {
        inner[axis] = number % box->size[axis];
        number /= box->size[axis];
    }
    for (int axis = 0; axis < numeric->view.rank; axis++)
        flat = flat * numeric->view.sizes[axis] + box->start[axis] + inner[axis];
    char place[H5_PLACE_TEXT];
    h5_numeric_place(numeric, flat, place);
    return status_fail(STATUS_NUMERICAL, "%s%s is %s", numeric->name, place, reason);
}

static enum status read_box(const struct h5_numeric *numeric, const struct h5_box *box, double *scratch, double *values)
{
    char reason[REASON_TEXT];
    TRY(read_stored(numeric, box, numeric->is_reversed ? scratch : values));
    if (numeric->is_reversed)
        turn_round(box, numeric->view.rank, scratch, values);
    const uint64_t good = h5_packing_apply(&numeric->packing, box->elements, values, reason, sizeof reason);
    return good == box->elements ? STATUS_OK : refuse_missing(numeric, box, good, reason);
}

static enum status allocate_scratch(const struct h5_numeric *numeric, uint64_t elements, double **scratch)
{
    if (!numeric->is_reversed)
        return STATUS_OK;
    return memory_allocate(scratch, elements < piece_elements ? elements : piece_elements, "a piece of an array");
}

enum status h5_numeric_read(const struct h5_numeric *numeric, uint64_t first, uint64_t count, double *values)
{
    SCOPED_MEMORY double *scratch = NULL;
    TRY(allocate_scratch(numeric, count, &scratch));
    for (uint64_t done = 0; done < count;) {
        const struct h5_box box = h5_range_next_box(&numeric->view, first + done, first + count, piece_elements);
        TRY(read_box(numeric, &box, scratch, values + done));
        done += box.elements;
    }
    return STATUS_OK;
}

enum status h5_numeric_read_part(const struct h5_numeric *numeric, uint64_t first_row, uint64_t rows,
                                 uint64_t first_column, uint64_t columns, double *values)
{
    SCOPED_MEMORY double *scratch = NULL;
    if (rows == 0 || columns == 0)
        return STATUS_OK;
    const uint64_t most = columns < piece_elements ? piece_elements / columns : 1;
    TRY(allocate_scratch(numeric, rows * columns, &scratch));
    for (uint64_t done = 0, count; done < rows; done += count) {
        count = rows - done < most ? rows - done : most;
        const struct h5_box box = { .start = { first_row + done, first_column },
                                    .size = { count, columns },
                                    .elements = count * columns };
        TRY(read_box(numeric, &box, scratch, values + done * columns));
    }
    return STATUS_OK;
}
