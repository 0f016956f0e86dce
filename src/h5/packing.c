#include "h5/packing.h"

#include "base/memory.h"
#include "h5/attribute.h"
#include "h5/error.h"
#include "h5/scope.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

/* What netCDF fills with where nothing was written, for floats of any size and integers of 2, 4 and 8 bytes. */
static const double usual_fills[] = { 0x1.ep+122, -32767, -2147483647, -0x1p63 };

enum { NUMBERS_AT_MOST = 8 };

static bool has_attribute(hid_t object, const char *name)
{
    const bool has = H5Aexists(object, name) > 0;
    H5Eclear2(H5E_DEFAULT);
    return has;
}

/* Up to NUMBERS_AT_MOST numbers of any type, be they a scalar or an array. */
static enum status read_numbers(hid_t object, const char *name, double numbers[NUMBERS_AT_MOST], int *count)
{
    SCOPED_ID attribute = H5Aopen(object, name, H5P_DEFAULT);
    SCOPED_ID type = attribute < 0 ? H5I_INVALID_HID : H5Aget_type(attribute);
    SCOPED_ID space = attribute < 0 ? H5I_INVALID_HID : H5Aget_space(attribute);
    hssize_t found = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    const H5T_class_t kind = type < 0 ? H5T_NO_CLASS : H5Tget_class(type);
    *count = (int)found;
    if (found < 1 || found > NUMBERS_AT_MOST || (kind != H5T_INTEGER && kind != H5T_FLOAT) ||
        H5Aread(attribute, H5T_NATIVE_DOUBLE, numbers) < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "its attribute %s is no number", name);
    return STATUS_OK;
}

/* One number, or what was there before where there is no such attribute. */
static enum status read_one(hid_t object, const char *name, double *number, bool *is_there)
{
    double numbers[NUMBERS_AT_MOST];
    int count;
    if (!has_attribute(object, name))
        return STATUS_OK;
    TRY(read_numbers(object, name, numbers, &count));
    if (count != 1)
        return status_fail(STATUS_FOREIGN_FILE, "its attribute %s is %d numbers instead of one", name, count);
    *number = numbers[0];
    *is_there = true;
    return STATUS_OK;
}

static void add_missing(struct h5_packing *packing, double value, const char *attribute)
{
    if (packing->missing_count == H5_MISSING_VALUES)
        return;
    packing->missing[packing->missing_count] = value;
    packing->attributes[packing->missing_count++] = attribute;
}

static enum status read_missing(hid_t object, const char *name, struct h5_packing *packing)
{
    double numbers[NUMBERS_AT_MOST];
    int count;
    if (!has_attribute(object, name))
        return STATUS_OK;
    TRY(read_numbers(object, name, numbers, &count));
    for (int i = 0; i < count; i++)
        add_missing(packing, numbers[i], name);
    return STATUS_OK;
}

/* The fill value of the dataset itself counts only where it is one that netCDF chose: others fill with zeros. */
static void add_usual_fill(hid_t dataset, struct h5_packing *packing)
{
    H5D_fill_value_t kind = H5D_FILL_VALUE_UNDEFINED;
    double fill = 0;
    SCOPED_ID properties = H5Dget_create_plist(dataset);
    if (properties >= 0 && H5Pfill_value_defined(properties, &kind) >= 0 && kind == H5D_FILL_VALUE_USER_DEFINED &&
        H5Pget_fill_value(properties, H5T_NATIVE_DOUBLE, &fill) >= 0)
        for (size_t i = 0; i < sizeof usual_fills / sizeof *usual_fills; i++)
            if (fill == usual_fills[i])
                add_missing(packing, fill, "netCDF's fill value");
    H5Eclear2(H5E_DEFAULT);
}

static enum status read_valid(hid_t dataset, struct h5_packing *packing)
{
    double range[NUMBERS_AT_MOST];
    bool is_there = false;
    int count;
    TRY(read_one(dataset, "valid_min", &packing->lowest, &is_there));
    TRY(read_one(dataset, "valid_max", &packing->highest, &is_there));
    if (!has_attribute(dataset, "valid_range"))
        return STATUS_OK;
    TRY(read_numbers(dataset, "valid_range", range, &count));
    if (count != 2)
        return status_fail(STATUS_FOREIGN_FILE, "its attribute valid_range is %d numbers instead of two", count);
    packing->lowest = range[0];
    packing->highest = range[1];
    return STATUS_OK;
}

static double wrap_of(hid_t dataset, hid_t type)
{
    SCOPED_MEMORY char *text = NULL;
    if (H5Tget_class(type) != H5T_INTEGER || H5Tget_sign(type) != H5T_SGN_2 || !has_attribute(dataset, "_Unsigned"))
        return 0;
    const bool is_unsigned =
        h5_attribute_read_text(dataset, "_Unsigned", &text) == STATUS_OK && strcasecmp(text, "true") == 0;
    return is_unsigned ? ldexp(1, (int)(8 * H5Tget_size(type))) : 0;
}

/* A number of an attribute as those of the dataset: unsigned, in single precision. */
static double as_compared(const struct h5_packing *packing, double number)
{
    if (number < 0)
        number += packing->wrap;
    return packing->is_single ? (double)(float)number : number;
}

enum status h5_packing_read(hid_t dataset, struct h5_packing *packing)
{
    SCOPED_ID type = H5Dget_type(dataset);
    if (type < 0)
        return h5_fail(STATUS_FOREIGN_FILE, "its type cannot be read");
    *packing = (struct h5_packing){ .scale = 1, .lowest = -INFINITY, .highest = INFINITY };
    packing->wrap = wrap_of(dataset, type);
    packing->is_single = H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) == sizeof(float);
    TRY(read_one(dataset, "scale_factor", &packing->scale, &packing->is_packed));
    TRY(read_one(dataset, "add_offset", &packing->offset, &packing->is_packed));
    TRY(read_missing(dataset, "_FillValue", packing));
    TRY(read_missing(dataset, "missing_value", packing));
    add_usual_fill(dataset, packing);
    TRY(read_valid(dataset, packing));
    for (int i = 0; i < packing->missing_count; i++)
        packing->missing[i] = as_compared(packing, packing->missing[i]);
    packing->lowest = as_compared(packing, packing->lowest);
    packing->highest = as_compared(packing, packing->highest);
    return STATUS_OK;
}

/* Whether a number as packed stands for none. */
static bool is_missing(const struct h5_packing *packing, double value, char *reason, size_t size)
{
    for (int i = 0; i < packing->missing_count; i++)
        if (value == packing->missing[i]) {
            snprintf(reason, size, "%g, by %s a missing value", value, packing->attributes[i]);
            return true;
        }
    if (value >= packing->lowest && value <= packing->highest)
        return false;
    /* What is no number at all is somebody else's to say. */
    if (isnan(value))
        return false;
    snprintf(reason, size, "%g, outside the valid range %g to %g that the file gives", value, packing->lowest,
             packing->highest);
    return true;
}

uint64_t h5_packing_apply(const struct h5_packing *packing, uint64_t count, double *values, char *reason, size_t size)
{
    for (uint64_t i = 0; i < count; i++) {
        if (values[i] < 0)
            values[i] += packing->wrap;
        if (is_missing(packing, values[i], reason, size))
            return i;
        if (packing->is_packed)
            values[i] = values[i] * packing->scale + packing->offset;
    }
    return count;
}
