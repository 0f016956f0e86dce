#include "h5/numeric.h"

#include "h5/error.h"

bool h5_numeric_exists(hid_t file, const char *name)
{
    bool exists = H5Lexists(file, name, H5P_DEFAULT) > 0;
    H5Eclear2(H5E_DEFAULT);
    return exists;
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
    default:
        return "values of a type that are no numbers";
    }
}

static enum status require_numbers(hid_t dataset, const char *name)
{
    hid_t type = H5Dget_type(dataset);
    if (type < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s: its type cannot be read", name);
    const char *found = describe_what_is_no_number(type);
    H5Tclose(type);
    return found == NULL ? STATUS_OK
                         : status_fail(STATUS_FOREIGN_FILE, "%s holds %s where real numbers are wanted", name, found);
}

static enum status get_shape(hid_t dataset, const char *name, int rank, struct h5_shape *shape)
{
    hsize_t sizes[H5S_MAX_RANK];
    hid_t space = H5Dget_space(dataset);
    int found = space < 0 ? -1 : H5Sget_simple_extent_dims(space, sizes, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (found < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "%s: its shape cannot be read", name);
    if (found != rank)
        return status_fail(STATUS_FOREIGN_FILE, "%s has %d dimension%s instead of %d", name, found,
                           found == 1 ? "" : "s", rank);
    shape->rank = rank;
    for (int axis = 0; axis < rank; axis++)
        shape->sizes[axis] = sizes[axis];
    return STATUS_OK;
}

enum status h5_numeric_open(hid_t file, const char *name, int rank, struct h5_shape *shape, hid_t *dataset)
{
    TRY(h5_dataset_open_own(file, name, dataset));
    enum status status = require_numbers(*dataset, name);
    if (status == STATUS_OK)
        status = get_shape(*dataset, name, rank, shape);
    if (status != STATUS_OK) {
        H5Dclose(*dataset);
        *dataset = H5I_INVALID_HID;
    }
    return status;
}
